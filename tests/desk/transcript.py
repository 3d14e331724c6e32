"""A whole day at the shell, line by line: what was typed, what was answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from qtkit.desk.shell import Console
from qtkit.trading.brokers.sim.faults import FaultScript, Reject, Timeout
from tests.desk.hand_made_day import rehearsal

TRANSCRIPT = Path(__file__).with_name("whole_day.txt")
_TYPED = "» "
# What depends on how much the engine writes, and on every setting there is.
_PLAIN = (
    (re.compile(r"journal line \d+"), "journal line #"),
    (re.compile(r"^ +\d+  (?=\d\d:\d\d:\d\d)", re.MULTILINE), "     #  "),
    (re.compile(r"_paper_[0-9a-f]{7}"), "_paper_#######"),
    (re.compile(r"--root \S+?(?=`)"), "--root ROOT"),
    (re.compile(r"-hand\d+"), "-hand#"),
    (re.compile(r"^digest [0-9a-f]{64}$", re.MULTILINE), "digest #"),
)


def plain(text: str) -> str:
    """Return an answer without what changes when the engine writes a line more."""
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    return text.rstrip()


def written() -> Iterator[tuple[str, str]]:
    """Yield what was typed and what was answered, as the file has it."""
    for part in TRANSCRIPT.read_text(encoding="utf-8").split(_TYPED)[1:]:
        line, _, answer = part.partition("\n")
        yield line, answer.rstrip()


def lived(root: Path, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what the shell answers to each line of the day.

    The broker refuses the second order, and says nothing about the third, which it has.
    """
    faults = (Reject(order=2, code="c12", reason="no such board"), Timeout(order=3, arrived=True))
    with rehearsal(root, faults=FaultScript(faults=faults), debug=True) as desk:
        console = Console.at(desk, by="anna")
        for line in lines:
            yield line, plain(console.answer(line))
