"""Whatever stands in a small file's place: each verb says one sentence, and hangs on nothing.

`make test` damages each file in a third of the ways, `make test-slow` in all.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import click
import pytest

from qtkit.cli import qtkit
from qtkit.core.errors import QtkitError
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.testing import scripted_spec

STRATEGY = """
from decimal import Decimal
from qtkit.testing import scripted_spec
SPEC = scripted_spec({}, ["600036.SH"], opening_cash=Decimal(100_000))
"""
SPEC = scripted_spec({}, ["600036.SH"], opening_cash=Decimal(100_000))
_PATIENCE = 30  # seconds until a verb counts as hanging


def _replaced(path: Path, make: Callable[[Path], object]) -> None:
    if path.exists():
        path.unlink()
    make(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda p: p.write_bytes(b""),
    "list": lambda p: p.write_bytes(b"[]\n"),
    "number": lambda p: p.write_bytes(b"5\n"),
    "object": lambda p: p.write_bytes(b"{}\n"),
    "nul": lambda p: p.write_bytes(bytes(50) + b"\n"),
    "utf16": lambda p: p.write_bytes('{"session": "x"}\n'.encode("utf-16")),
    "not_utf8": lambda p: p.write_bytes(b'{"name": "\xff\xfe"}\n'),
    "deep": lambda p: p.write_bytes(b"[" * 100_000 + b"\n"),
    "types": lambda p: p.write_bytes(
        b'{"session":5,"folder":[],"name":1,"opening_cash":5,"socket":5,"terminal":"x","by":[]}\n'
    ),
    "folder": lambda p: _replaced(p, Path.mkdir),
    "pipe": lambda p: _replaced(p, os.mkfifo),
    "dangling": lambda p: _replaced(p, lambda q: q.symlink_to("/nowhere/at/all")),
}
FILES: dict[str, Callable[[AccountFolder, SessionFolder], Path]] = {
    "account": lambda a, _: a.record,
    "chain": lambda a, _: a.chain,
    "book": lambda a, _: a.broker_book,
    "lock": lambda a, _: a.lock,
    "holder": lambda a, _: a.lock.with_name("account.lock.holder"),
    "lift": lambda a, _: a.lift_request,
    "put_away": lambda a, _: a.put_away,
    "metadata": lambda _, s: s.metadata,
    "status": lambda _, s: s.status,
    "config": lambda _, s: s.config,
    "break_point": lambda _, s: s.break_point,
    "journal": lambda _, s: s.journal,
    "journal_lock": lambda _, s: s.journal.with_name("journal.jsonl.lock"),
}
VERBS: dict[str, Callable[[Path, Path], list[object]]] = {
    "simulate": lambda root, strategy: [
        "simulate", strategy, "--date", "2026-03-05", "--account", "demo", "--root", root
    ],
    "lift": lambda root, _: [
        "kill", "demo", "--lift", "--by", "anna", "--why", "all is well", "--root", root
    ],
    "kill": lambda root, _: ["kill", "demo", "--root", root],
    "check": lambda root, _: ["check", "0", "1", "--root", root],
    "sheet": lambda root, _: ["sheet", _session(root).session_id, "--root", root],
    "attach": lambda root, _: ["attach", _session(root).path, "-c", "status", "--root", root],
    "ask": lambda root, _: ["attach", _session(root).path, "--ask", "pause", "--root", root],
    "journal": lambda root, _: ["journal", "verify", _session(root).path],
    "runs": lambda root, _: ["runs", "list", "--root", root],
}  # fmt: skip
# there is no journal line then that could be lifted
WITHOUT_A_LINE = {("lift", "chain", "empty")} | {("lift", "journal", d) for d in DAMAGES}
CASES = [
    pytest.param(file, damage, marks=() if (row + column) % 3 == 0 else pytest.mark.slow)
    for row, file in enumerate(FILES)
    for column, damage in enumerate(DAMAGES)
]
# what a start cannot do without: it is refused, exit 3; the rest it does without, or rebuilds
NEEDED = {"account", "chain", "book", "metadata", "config", "journal"}


def _session(root: Path) -> SessionFolder:
    return SessionFolder(next((root / "paper_sessions").iterdir()))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an account that has lived through a day, and its strategy."""
    place = tmp_path_factory.mktemp("traded")
    (place / "strategy.py").write_text(STRATEGY)
    root = place / "root"
    prepare_account(SPEC, root=root, new_account="demo", day="2026-03-04")
    simulate(place / "strategy.py", day="2026-03-04", root=root, account="demo")
    return place


class Hangs(BaseException):
    """A verb waits for what never comes; nobody catches it."""


@pytest.fixture
def impatient() -> Iterator[None]:
    """End a verb that hangs, for example on a pipe that nobody writes."""

    def raise_it(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, raise_it)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _code_of(words: list[object]) -> int:
    """Return a verb's exit code; whatever is no error of ours goes through: a traceback."""
    signal.alarm(_PATIENCE)
    try:
        return qtkit.main(args=[str(word) for word in words], standalone_mode=False) or 0
    except QtkitError as problem:
        return problem.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    finally:
        signal.alarm(0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("file", "damage"), CASES)
def test_no_verb_ends_in_a_traceback(traded: Path, tmp_path: Path, file: str, damage: str) -> None:
    """The start comes last: what it rebuilds would be whole for the others."""
    root = tmp_path / "root"
    shutil.copytree(traded / "root", root)
    path = FILES[file](OutputRoot(root).account("paper", "demo"), _session(root))
    DAMAGES[damage](path)

    codes = {
        verb: _code_of(words(root, traded / "strategy.py"))
        for verb, words in reversed(VERBS.items())
        if (verb, file, damage) not in WITHOUT_A_LINE
    }

    assert {verb: code for verb, code in codes.items() if code not in {0, 1, 2, 3, 5}} == {}
    if file in NEEDED:
        assert codes["simulate"] == 3
    assert codes["kill"] == 0
