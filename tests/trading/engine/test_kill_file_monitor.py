"""Who stopped trading through the file, and why, stands in the journal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from qtkit.model import events as ev
from qtkit.testing import intent
from tests.trading.engine.engine_bench import BANK, command, day_of

ANNA = '{"by": "anna", "why": "odd fills", "at": "2026-03-04T01:20:00+00:00"}\n'


def test_who_and_why_and_when_are_journalled(tmp_path: Path) -> None:
    (tmp_path / "KILL").write_text(ANNA)

    bench = day_of(kill_file=tmp_path / "KILL", script={"09:35": [intent(BANK, 100)]}).run("09:41")

    (killed,) = bench.of(ev.KillSwitchSet)
    assert (killed.on, killed.by, killed.why) == (True, "anna", "odd fills")
    assert killed.asked_at == "2026-03-04T01:20:00+00:00"
    assert bench.of(ev.OrderRequested) == []


def test_a_second_reason_is_not_lost_and_none_is_told_twice(tmp_path: Path) -> None:
    file = tmp_path / "KILL"
    file.write_text(ANNA)
    bench = day_of(kill_file=file).live("09:20")
    file.write_text(ANNA + json.dumps({"by": "bert", "why": "a margin call"}) + "\n")

    bench.engine.turn()
    bench.engine.turn()

    assert [(k.by, k.why) for k in bench.of(ev.KillSwitchSet)] == [
        ("anna", "odd fills"),
        ("bert", "a margin call"),
    ]


def test_a_reason_in_the_file_is_kept_beside_a_kill_by_command(tmp_path: Path) -> None:
    (tmp_path / "KILL").write_text(ANNA)

    bench = day_of(kill_file=tmp_path / "KILL", commands=[command("09:00", "kill", why="mine")])

    assert [k.by for k in bench.run("09:10").of(ev.KillSwitchSet)] == ["eve", "anna"]


def test_an_engine_that_is_paused_is_killed_too(tmp_path: Path) -> None:
    file = tmp_path / "KILL"
    bench = day_of(kill_file=file, commands=[command("09:36", "pause")]).live("09:37")
    file.write_text(ANNA)

    bench.engine.turn()

    assert bench.engine.context.state.killed
    assert [k.by for k in bench.of(ev.KillSwitchSet)] == ["anna"]


@pytest.mark.parametrize(
    ("content", "by", "why"),
    [
        (b"", "KILL file", "the KILL file"),
        (b"\n\n", "KILL file", "the KILL file"),
        (b"margin call", "KILL file", "margin call"),
        (b"{}", "KILL file", "{}"),
        (b'{"by": 7, "why": []}', "KILL file", '{"by": 7, "why": []}'),
        (b'{"by": "anna", "why": "a\\nb | ERROR\\u202e"}', "anna", "a b | ERROR"),
        (b"\xff\x00\x1b[31m", "KILL file", "� [31m"),
        (b"[" * 70_000, "KILL file", "[" * 500),
        (b'{"by": "' + b"x" * 5_000 + b'", "why": "y"}', "x" * 500, "y"),
    ],
    ids=["empty", "blank", "words", "object", "types", "lines", "bytes", "deep", "long"],
)
def test_whatever_is_in_the_file_kills_and_breaks_no_line(
    tmp_path: Path, content: bytes, by: str, why: str
) -> None:
    (tmp_path / "KILL").write_bytes(content)

    bench = day_of(kill_file=tmp_path / "KILL").run("09:10")

    (killed,) = bench.of(ev.KillSwitchSet)
    assert (killed.on, killed.by) == (True, by)
    assert killed.why.startswith(why)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_kills_and_keeps_nobody_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "KILL"
    (tmp_path / "elsewhere").write_text(ANNA)
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}.get(
        kind, lambda: path.symlink_to(tmp_path / "elsewhere")
    )()

    (killed,) = day_of(kill_file=path).run("09:10").of(ev.KillSwitchSet)

    assert (killed.on, killed.by) == (True, "KILL file")


def test_a_file_with_very_many_reasons_fills_no_journal(tmp_path: Path) -> None:
    lines = (json.dumps({"by": "anna", "why": f"number {n}"}) + "\n" for n in range(1_000))
    (tmp_path / "KILL").write_text("".join(lines))

    bench = day_of(kill_file=tmp_path / "KILL").run("09:10")

    assert len(bench.of(ev.KillSwitchSet)) == 50
