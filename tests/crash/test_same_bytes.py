"""The reference day is a function of its inputs: two processes, two hash seeds, the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.crash.days import EXAMPLE

CODE = """
import sys
from datetime import date
from pathlib import Path
from qtkit.runtime.build import build
from qtkit.runtime.spec import SessionSpec
from qtkit.core.paths import OutputRoot
from qtkit.trading.strategy.loader import load_spec

plan = SessionSpec(strategy=load_spec(Path(sys.argv[1])), day=date(2026, 3, 4))
run = build(plan, OutputRoot(Path(sys.argv[2])))
run.run()
print(hash("a word"), run.folder.path)
"""


def lived(root: Path, hash_seed: str) -> tuple[str, Path]:
    """Live through the day in a new process; return a hash of that process, and the folder."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(EXAMPLE), str(root)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    number, _, folder = done.stdout.strip().partition(" ")
    return number, Path(folder)


def test_the_reference_day_in_two_processes_writes_the_same_bytes(tmp_path: Path) -> None:
    first, one = lived(tmp_path / "one", "0")
    second, two = lived(tmp_path / "two", "4242")
    assert first != second  # the processes do hash differently
    assert one.name == two.name  # the id comes from the simulated start
    for file in ("journal.jsonl", "sys.log", "break_point.json", "trade.log", "risk.log"):
        left, right = one / "artifacts" / file, two / "artifacts" / file
        assert left.exists() == right.exists(), file
        if left.exists():
            assert left.read_bytes() == right.read_bytes(), file
    journal = (one / "artifacts" / "journal.jsonl").read_bytes()
    assert journal.count(b"\n") > 1_500
    assert str(tmp_path).encode() not in journal
