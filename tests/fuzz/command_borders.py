"""The words of a command line: ids, dates, numbers, paths and texts that nobody has checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.border import Border, Printed, command_line
from tests.fuzz.corpus import ACCOUNT, Corpus
from tests.fuzz.mutations import LONG, NUMBERS, TEXT, TIMES, Dice, mutated

_ODD = "?"  # stands for the word that is hostile
_LINES = (
    "check ? --session {session}", "check --session ?", "check --session {session} --day ?",
    "check 0 --session {session} --junit ?", "sheet ?", "sheet {session} --day ?",
    "sheet {session} --stage ? --summary x --by anna", "sheet {session} --stage 0 --tick --by ?",
    "sheet {session} --stage 0 --summary ? --by anna", "attach ? -c status",
    "attach {session} -c ?",
    "attach {session} --ask ?", "attach {session} --ask pause --by ?",
    "attach {session} --ask pause --timeout ?", "journal verify ?",
    "journal show {session} --kind ?",
    "journal show {session} --from ?", "journal show {session} --to ?",
    "journal tail {session} -n ?", "journal story {session} ?", "journal compare {session} ?",
    "kill ?", "kill {account} --mode ?", "kill {account} --by ? --why x",
    "kill {account} --by anna --why ?", "kill {account} --lift --by ? --why x",
    "kill ? --lift --by anna --why x", "config explain ?", "config check ?", "config show ?",
    "data import ? t AAPL", "data import {csv} ? AAPL", "data import {csv} t ?",
    "data import {csv} t AAPL --zone ?", "data import {csv} t AAPL --label ?",
    "data import {csv} t AAPL --column ?", "data list ?", "data check ? AAPL",
    "data check fuzz AAPL --first ?", "data check fuzz AAPL --gap-fail ?",
    "data check fuzz AAPL --tail ?", "data check fuzz AAPL --exchange ?",
    "data check fuzz AAPL --overlay ?", "data fingerprint ?", "data fingerprint fuzz ?",
    "data refill t AAPL --from ? --first 2026-03-04 --last 2026-03-04 --exchange XNYS",
    "data refill ? AAPL --from synthetic:7 --first 2026-03-04 --last 2026-03-04 --exchange XNYS",
    "data refill t ? --from synthetic:7 --first 2026-03-04 --last 2026-03-04 --exchange XNYS",
    "runs show ?", "runs compare ?", "runs compare last ?", "rotatelogs --dry-run --days ?",
    "simulate {strategy} --date ?", "simulate ? --date 2026-03-04",
    "simulate {strategy} --date 2026-03-07 --account ?",
    "simulate {strategy} --date 2999-01-01 --new_account ?",
    "simulate {strategy} --date 2026-03-04 --data ?", "simulate --config ? --date 2026-03-04",
    "backtest {strategy} --start ? --end 2026-03-04",
    "backtest ? --start 2026-03-04 --end 2026-03-04",
    "backtest {strategy} --start 2026-03-04 --end 2026-03-04 --data ?", "run ?",
    "run {notebook} -p ? 1", "run {notebook} --timeout ?x", "stages ?", "smoke ?x", "? x",
)  # fmt: skip
_WORDS = (
    "", " ", ".", "..", "/", "~", "-", "--", "-x", "--no", "*", "../../etc/passwd", "/dev/null",
    "/proc/self/mem", "/nonexistent/x", "a/b", "a\nb", "\x1b[31m", "\u202e", "é", "x" * LONG,
    "\udcff", "9" * LONG, "{session}x", "last", "'", '"', "a=b", "=", "quantity=NaN symbol=AAPL",
    "buy quantity=1e999", "why=" + "x" * LONG, "nan", "2026-02-30", "10000-01-01", "0001-01-01",
    "csv:/nonexistent", "csv:", "table:nothing", "synthetic:x", "synthetic:" + "9" * LONG,
    *(word.decode("utf-8", "replace") for word in (*NUMBERS, *TIMES)),
)  # fmt: skip
_GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
_NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "smoke_checklist.ipynb"
_REFUSED = {2, 3}


def command_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield them."""

    def words(dice: Dice, folder: Path) -> None:
        """Whatever a word says: a documented code, no traceback, and where refused nothing new."""
        places = _places(corpus, folder)
        line = dice.pick(_LINES)
        odd = _word(dice).replace("\0", "0").format_map(_Known(places))
        said = [word.replace(_ODD, odd).format_map(_Known(places)) for word in line.split()]
        with_root = said[0] not in {"journal", "config", "stages", "?"} and "--config" not in said
        before, here = _names(folder), Path.cwd()
        os.chdir(folder)
        try:
            printed = command_line(*said, *(("--root", "outputs") if with_root else ()))
        finally:
            os.chdir(here)
        _nothing_new(printed, before, _names(folder))

    yield Border("words", words)


class _Known(dict[str, str]):
    """Words by name; a name that is none stays what it is."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _places(corpus: Corpus, folder: Path) -> dict[str, str]:
    outputs = shutil.copytree(corpus.finished.path, folder / "outputs")
    table = outputs / "tables" / "fuzz" / "AAPL.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(corpus.table_file)
    (folder / "bars.csv").write_bytes(corpus.csv_text)
    return {
        "session": str(outputs / "paper_sessions" / corpus.session.session_id),
        "account": ACCOUNT,
        "csv": str(folder / "bars.csv"),
        "strategy": str(_GRID),
        "notebook": str(_NOTEBOOK),
    }


def _word(dice: Dice) -> str:
    word = dice.pick(_WORDS)
    if dice.below(4):
        return word
    changed = mutated(word.encode("utf-8", "surrogateescape"), dice, TEXT)
    return changed.decode("utf-8", "surrogateescape").replace("{", "(").replace("}", ")")


def _names(folder: Path) -> set[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {name for name in found if not name.endswith((".lock", "-wal", "-shm"))}


def _nothing_new(printed: Printed, before: set[str], after: set[str]) -> None:
    if printed.code in _REFUSED:
        assert before == after, f"refused, and made or lost {sorted(before ^ after)[:3]}"
