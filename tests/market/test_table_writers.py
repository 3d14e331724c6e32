"""Several processes that write one symbol of a table at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qtkit.core.errors import FolderLocked
from qtkit.core.locks import in_turn
from qtkit.core.paths import TableFolder
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.refill import refill
from qtkit.market.tables.table_list import list_tables
from tests.market.bar_makers import bars_at, minutes

_BARS = 60
WRITER = f"""
import sys
from pathlib import Path
from qtkit.market.tables.bar_table import BarTable
from tests.market.bar_makers import minutes

table = BarTable(Path(sys.argv[1]), "t")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2]), {_BARS}, 2):
    table.merge(minutes("A", f"2026-03-04 01:{{number:02}}", 1))
"""
HOLDER = """
import sys
from pathlib import Path
from qtkit.core.locks import in_turn

with in_turn(Path(sys.argv[1]), "A"):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def process(code: str, *words: str) -> subprocess.Popen[str]:
    """Return a process that is ready and waits for a line."""
    found = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert found.stdout is not None
    assert found.stdout.readline() == "ready\n"
    return found


def test_no_merge_of_two_processes_is_lost(tmp_path: Path) -> None:
    writers = [process(WRITER, str(tmp_path), str(first)) for first in (0, 1)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)

    assert [writer.returncode for writer in writers] == [0, 0]
    expected = minutes("A", "2026-03-04 01:00", _BARS)
    assert BarTable(tmp_path, "t").read("A").end.tolist() == expected.end.tolist()


def test_a_lock_that_a_dead_process_left_blocks_nobody(tmp_path: Path) -> None:
    lock = TableFolder.named(tmp_path, "t").lock("A")
    holder = process(HOLDER, str(lock))
    with pytest.raises(FolderLocked), in_turn(lock, "A of table t", patience=0.05):
        pass

    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)

    assert lock.exists()
    assert BarTable(tmp_path, "t").merge(bars_at("A", ["2026-03-04 01:31"])).added == 1


def test_whoever_waits_too_long_is_told_in_one_sentence_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    lock = tmp_path / ".A.lock"

    with (
        in_turn(lock, "A"),
        pytest.raises(FolderLocked, match="A of table t") as caught,
        in_turn(lock, "A of table t", patience=0.05),
    ):
        pass

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_an_error_lets_the_lock_go(tmp_path: Path) -> None:
    lock = tmp_path / ".A.lock"
    with pytest.raises(ZeroDivisionError), in_turn(lock, "A"):
        raise ZeroDivisionError

    with in_turn(lock, "A", patience=0):
        assert lock.exists()


def test_a_symbol_that_somebody_else_writes_costs_a_refill_that_symbol_alone(
    tmp_path: Path,
) -> None:
    class Busy(BarTable):
        """A table of which A is always being written."""

        def merge(self, bars: object, *, replace: bool = False) -> object:  # type: ignore[override]
            if getattr(bars, "symbol", "") == "A":
                raise FolderLocked("A of table t has been in use")
            return super().merge(bars, replace=replace)  # type: ignore[arg-type]

    class Source:
        name = "by hand"

        def bars(self, symbol: str, _day: object) -> object:
            return bars_at(symbol, ["2026-03-04 01:31"])

    report = refill(Busy(tmp_path, "t"), Source(), ["A", "B"], [None])  # type: ignore[arg-type, list-item]

    assert [merge.symbol for merge in report.merges] == ["B"]
    assert [symbol for symbol, _ in report.failures] == ["A"]


def test_locks_are_not_listed(tmp_path: Path) -> None:
    BarTable(tmp_path, "t").merge(bars_at("A", ["2026-03-04 01:31"]))

    assert [(row.table, row.symbol, row.damage) for row in list_tables(tmp_path)] == [
        ("t", "A", "")
    ]
    assert BarTable(tmp_path, "t").symbols() == ("A",)
