"""sys.log in the form in which it is held against the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.evidence.sys_log import journal_lives, read_log, text_of, value_in
from qtkit.model import events as ev
from tests.stages.parts import BY_ID, DAY, failed, skipped, task_id
from tests.stages.story import healthy_day

LOG = """\
2026-03-04T09:00:00.000000+08:00 | INFO | s | status_changed before=stopped after=sleeping because=start
2026-03-04T09:00:00.000000+08:00 | INFO | s | schedule_built day=2026-03-04 tasks=3 digest=abc
2026-03-04T09:15:00.000000+08:00 | INFO | s | task_queued task=pre_open task_id=p
2026-03-04T09:15:00.000000+08:00 | ERROR | s | internal_error where=loop error="it broke"
Traceback (most recent call last):
  File "x.py", line 1, in <module>
2026-03-04T09:16:00.000000+08:00 | INFO | s | session_resumed entries=7
2026-03-04T09:16:00.000000+08:00 | INFO | s | task_skipped task=pre_open task_id=p skip_reason=restart detail="a = b | c"
2026-03-05T09:00:00.000000+08:00 | INFO | s | task_failed task=refill task_id=r attempt=1 error="x" dead_letter=True
half a line without its
"""  # noqa: E501 - as it stands in the file


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "sys.log"
    path.write_text(LOG)
    return path


def test_a_log_is_split_where_the_session_came_back(log: Path) -> None:
    story = read_log(log)

    assert story.lives == [
        [
            (1, "status_changed stopped sleeping start"),
            (2, "schedule_built abc"),
            (3, "task_queued p"),
        ],
        [(8, "task_skipped p restart"), (9, "task_failed r True")],
    ]
    assert story.skips == [[], [(8, "restart")]]
    assert [line for line, _ in story.troubles] == [4, 5]
    assert story.lines == 10


def test_one_date_of_a_log_is_without_another_dates_start(log: Path) -> None:
    rows = LOG.splitlines()
    rows.insert(8, "2026-03-05T00:00:00.000000+08:00 | INFO | s | day_started day=2026-03-05")
    log.write_text("\n".join(rows))

    story = read_log(log, DAY.replace(day=5))

    assert story.lives == [[], [(10, "task_failed r True")]]
    assert story.skips == [[], []]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("task=refill task_id=r", "task", "refill"),
        ("task=refill task_id=r\n", "task_id", "r"),
        ("x_task_id=no task_id=yes", "task_id", "yes"),
        ('detail="late by \\"3\\" s" task=x', "detail", 'late by "3" s'),
        ('detail="cut off', "detail", '"cut off'),
        ("task=refill", "step", ""),
    ],
)
def test_values_of_a_line(text: str, key: str, value: str) -> None:
    assert value_in(text, key) == value


def test_the_journal_tells_in_the_same_words() -> None:
    story = healthy_day()
    refill = BY_ID[task_id("refill", "15:30")]
    place = story.find(ev.StopRequested)
    story.insert(
        place,
        failed(refill, 1, dead=False),
        ev.SessionResumed(entries=place + 1, torn_bytes=0, doubtful=()),
        skipped(refill, "restart"),
    )

    first, second = (
        [(entry.seq, text_of(entry.event)) for entry in life]
        for life in journal_lives(story.evidence())
    )

    assert first[0] == (3, "status_changed stopped sleeping start")
    assert first[1] == (5, f"schedule_built {'a' * 64}")
    assert first[-1] == (place + 1, f"task_failed {refill.task_id} False")
    assert second[0] == (place + 3, f"task_skipped {refill.task_id} restart")


def test_one_date_of_a_log_ends_where_the_next_one_begins(tmp_path: Path) -> None:
    """At midnight the last tasks of a day that has no night come before the new day."""
    path = tmp_path / "sys.log"
    rows = (
        "2026-03-04T00:00:00 | INFO | s | day_started day=2026-03-04 open=True",
        "2026-03-04T00:00:00 | INFO | s | schedule_built day=2026-03-04 tasks=1 digest=a",
        "2026-03-05T00:00:00 | INFO | s | task_queued task=refill task_id=late",
        "2026-03-05T00:00:00 | INFO | s | day_started day=2026-03-05 open=True",
        "2026-03-05T00:00:00 | INFO | s | schedule_built day=2026-03-05 tasks=1 digest=b",
        "2026-03-05T00:00:01 | INFO | s | task_queued task=refill task_id=new",
    )
    path.write_text("".join(f"{row}\n" for row in rows))

    first, second = (read_log(path, day).lives for day in (DAY, DAY.replace(day=5)))

    assert first == [[(2, "schedule_built a"), (3, "task_queued late")]]
    assert second == [[(5, "schedule_built b"), (6, "task_queued new")]]
