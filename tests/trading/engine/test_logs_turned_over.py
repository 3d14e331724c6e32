"""Logs that are turned over: no line is lost, none is cut, and the parts follow from the lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.paths import log_parts, next_log_part
from qtkit.evidence.sys_log import read_log, value_in
from qtkit.model import events as ev
from qtkit.trading.engine.logs.rotating_file import (
    NEVER,
    RotatingFile,
    Rotation,
    in_parts,
    rewrite_log,
)
from qtkit.trading.engine.logs.sys_log import sys_line, trace_text

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEAD = "datetime,what\n"
DAYS = ("2026-03-04", "2026-03-05", "2026-03-06")


def line(day: str, text: str) -> str:
    return f"{day}T09:35:00+08:00,{text}\n"


def written(path: Path, lines: list[str], rotation: Rotation, head: str = "") -> None:
    log = RotatingFile(path, rotation, head=head)
    for one in lines:
        log.write(one)
    log.close()


def bodies(path: Path, head: str = "") -> str:
    """Return what all parts say, in their order, each without its head."""
    texts = [part.read_text(encoding="utf-8") for part in log_parts(path)]
    assert all(text.startswith(head) for text in texts)
    return "".join(text.removeprefix(head) for text in texts)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "risk.log"


def test_a_line_of_another_day_begins_a_new_log(log: Path) -> None:
    written(log, [line(DAYS[0], "a"), line(DAYS[0], "b"), line(DAYS[1], "c")], Rotation(daily=True))

    assert [path.name for path in log_parts(log)] == ["risk.log.20260304.1", "risk.log"]
    assert log.read_text(encoding="utf-8") == line(DAYS[1], "c")


def test_a_line_that_would_make_it_too_large_begins_a_new_log(log: Path) -> None:
    """Three lines of 28 bytes into logs of at most 60: two, then one."""
    lines = [line(DAYS[0], letter) for letter in "abc"]
    assert [len(one) for one in lines] == [28, 28, 28]

    written(log, lines, Rotation(max_bytes=60))

    first, second = log_parts(log)
    assert first.read_text(encoding="utf-8") == lines[0] + lines[1]
    assert second.read_text(encoding="utf-8") == lines[2]


def test_a_line_longer_than_a_log_is_not_cut(log: Path) -> None:
    lines = [line(DAYS[0], "x" * 100), line(DAYS[0], "y" * 100)]

    written(log, lines, Rotation(max_bytes=60))

    assert [path.read_text(encoding="utf-8") for path in log_parts(log)] == lines


def test_every_part_has_the_head(log: Path) -> None:
    written(log, [line(day, "a") for day in DAYS], Rotation(daily=True), HEAD)

    assert [path.read_text(encoding="utf-8")[: len(HEAD)] for path in log_parts(log)] == [HEAD] * 3


def test_without_limits_it_stays_one_file(log: Path) -> None:
    written(log, [line(day, "a") for day in DAYS], NEVER)

    assert log_parts(log) == (log,)


def test_ten_parts_of_a_day_are_in_order(log: Path) -> None:
    """By number, not by letter: 10 comes after 9."""
    lines = [line(DAYS[0], f"{number:03}") for number in range(11)]

    written(log, lines, Rotation(max_bytes=30))

    assert bodies(log) == "".join(lines)
    assert [path.name for path in log_parts(log)][-2] == "risk.log.20260304.10"
    assert next_log_part(log, DAYS[0]).name == "risk.log.20260304.11"


@pytest.mark.parametrize("name", ["risk.log.20260304.0", "risk.log.bak", "trade.log.20260304.1"])
def test_other_files_are_no_parts(log: Path, name: str) -> None:
    written(log, [line(DAYS[0], "a")], NEVER)
    log.with_name(name).write_text("not ours")

    assert log_parts(log) == (log,)


def test_a_process_that_comes_back_goes_on_where_the_other_ended(log: Path) -> None:
    """The day and the size of what is there count, as if nobody had gone."""
    rotation = Rotation(max_bytes=60, daily=True)
    lines = [line(DAYS[0], "a"), line(DAYS[0], "b"), line(DAYS[0], "c"), line(DAYS[1], "d")]
    for one in lines:
        written(log, [one], rotation)

    parts = [path.read_text(encoding="utf-8") for path in log_parts(log)]
    assert parts == ["".join(lines[:2]), lines[2], lines[3]]


def test_half_a_line_is_cut_off_where_it_is_written_again(log: Path) -> None:
    log.parent.mkdir()
    log.write_text(HEAD + line(DAYS[0], "a") + "2026-03-0")

    RotatingFile(log, NEVER, head=HEAD, cut_torn=True).close()

    assert log.read_text(encoding="utf-8") == HEAD + line(DAYS[0], "a")


def test_half_a_line_is_ended_where_nobody_writes_it_again(log: Path) -> None:
    log.parent.mkdir()
    log.write_text(line(DAYS[0], "a") + "2026-03-04T10:00:00 half of")

    written(log, [line(DAYS[0], "b")], NEVER)

    assert log.read_text(encoding="utf-8").splitlines()[1:] == [
        "2026-03-04T10:00:00 half of",
        line(DAYS[0], "b").rstrip(),
    ]


def test_a_log_whose_last_lines_are_a_traceback_still_knows_its_day(log: Path) -> None:
    text = f"{DAYS[0]}T09:35:00 error\nTraceback (most recent call last):\n  File x\n"
    written(log, [text], NEVER)

    written(log, [line(DAYS[1], "a")], Rotation(daily=True))

    assert [path.name for path in log_parts(log)] == ["risk.log.20260304.1", "risk.log"]


_LINES = st.lists(
    st.builds(
        line, st.sampled_from(DAYS), st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
    ).map(lambda text: text.replace("\u2028", "").replace("\u2029", "")),
    max_size=25,
).map(sorted)
_ROTATIONS = st.builds(Rotation, st.none() | st.integers(1, 200), st.booleans())


@given(lines=_LINES, rotation=_ROTATIONS, cuts=st.sets(st.integers(0, 25)))
def test_all_parts_together_are_all_lines(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    rotation: Rotation,
    cuts: set[int],
) -> None:
    """However it is turned over and however often its process comes back; made again, the same."""
    log = tmp_path_factory.mktemp("logs") / "risk.log"
    writer = RotatingFile(log, rotation, head=HEAD)
    for number, one in enumerate(lines):
        if number in cuts:
            writer.close()
            writer = RotatingFile(log, rotation, head=HEAD)
        writer.write(one)
    writer.close()
    again = tmp_path_factory.mktemp("again") / "risk.log"

    rewrite_log(again, lines, rotation, HEAD)

    assert bodies(log, HEAD) == "".join(lines)
    assert {p.name: p.read_bytes() for p in log_parts(log)} == {
        p.name: p.read_bytes() for p in log_parts(again)
    }
    assert len(list(in_parts(lines, rotation, HEAD))) == len(log_parts(log))


# --- sys.log ---------------------------------------------------------------------------------


def raised() -> Exception:
    """Return an error with a traceback."""
    with pytest.raises(ValueError, match="x") as caught:
        int("x")
    return caught.value


def skipped(at: datetime, task_id: str, reason: str) -> str:
    event = ev.TaskSkipped(
        task_id=task_id, task="refill", due=at, skip_reason=reason, detail="by hand", step=None
    )
    return sys_line(ev.Entry(seq=1, at=at, event=event), "s", SHANGHAI)


def test_sys_log_is_turned_over_by_the_sessions_day_and_read_as_one(tmp_path: Path) -> None:
    """Shanghai's midnight is 16:00 UTC: the machine's day plays no part."""
    before = datetime(2026, 3, 4, 15, 59, tzinfo=UTC)
    log = RotatingFile(tmp_path / "sys.log", Rotation(daily=True))
    log.write(skipped(before, "a", "paused"))
    log.write(skipped(before + timedelta(minutes=2), "b", "missed"))
    log.add(trace_text(raised()))
    log.close()

    parts = [path.name for path in log_parts(tmp_path / "sys.log")]
    story = read_log(tmp_path / "sys.log")

    assert parts == ["sys.log.20260304.1", "sys.log"]
    assert story.skips == [[(1, "paused"), (2, "missed")]]
    assert [number for number, _ in story.troubles] == [3]
    assert story.lines == len(bodies(tmp_path / "sys.log").splitlines()) > 4


def test_sys_log_is_turned_over_by_size_and_loses_no_line(tmp_path: Path) -> None:
    at = datetime(2026, 3, 4, 2, tzinfo=UTC)
    log = RotatingFile(tmp_path / "sys.log", Rotation(max_bytes=500))
    for number in range(50):
        log.write(skipped(at, str(number), "paused"))
    log.close()

    parts = log_parts(tmp_path / "sys.log")
    lines = bodies(tmp_path / "sys.log").splitlines()

    assert len(parts) > 5
    assert max(path.stat().st_size for path in parts) <= 500
    assert [value_in(line, "task_id") for line in lines] == [str(number) for number in range(50)]
