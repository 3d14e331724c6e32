"""The one writer, and everything that can have happened to its file."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.errors import DataError, FolderGone, FolderLocked, JournalCorrupt, StorageError
from qtkit.core.locks import is_locked
from qtkit.journal import FileJournal, MemoryJournal, read_journal, summarise
from qtkit.journal.codec import START, encode
from qtkit.journal.reader import JournalChain
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.model.events import Entry
from tests.journal.journal_lines import NINE, note, opening, stop, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "journal.jsonl"


# --- numbers and chain -------------------------------------------------------------------------


def test_lines_are_numbered_and_each_carries_the_digest_of_the_one_before(path: Path) -> None:
    lines = written(path)
    link = "0" * 16
    for number, line in enumerate(lines, 1):
        found = json.loads(line)
        assert (found["seq"], found["prev"]) == (number, link)
        link = hashlib.sha256(line.rstrip(b"\n")).hexdigest()[:16]
    summary = summarise(path)
    assert (summary.entries, summary.link, summary.torn_bytes) == (5, link, 0)
    assert summary.sound_bytes == path.stat().st_size
    assert summary.first == NINE + timedelta(seconds=1.5)
    assert summary.last == NINE + timedelta(seconds=7.5)


def test_a_journal_goes_on_where_it_ended(path: Path) -> None:
    written(path)
    journal = FileJournal(path, ManualClock(NINE))
    entry = journal.append(note(6))
    assert [e.seq for e in journal.entries()] == [1, 2, 3, 4, 5, 6]
    journal.close()
    assert entry == list(read_journal(path))[-1]
    assert entry.at == NINE


def _swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    ("damage", "number", "words"),
    [
        (
            lambda rows: [rows[0].replace(b'"seed":7', b'"seed":8'), *rows[1:]],
            2,
            "the chain is broken",
        ),
        (lambda rows: [rows[0], *rows[2:]], 2, "seq was 3, expected 2"),
        (_swapped, 2, "seq was 3, expected 2"),
        (lambda rows: [*rows[:3], rows[2], *rows[3:]], 4, "seq was 3, expected 4"),
        (lambda rows: rows[1:], 1, "seq was 2, expected 1"),
        (lambda rows: [*rows[:2], b"\n", *rows[2:]], 3, "not a journal entry"),
        (lambda rows: [*rows[:2], rows[2][:30] + b"\n", *rows[3:]], 3, "Lines 1 to 2 are sound"),
        (lambda rows: [*rows[:2], rows[2][:30], *rows[3:]], 3, "not a journal entry"),
        (lambda rows: [*rows[:4], b"\xff\xfe\n"], 5, "not a journal entry"),
    ],
    ids=["edited", "lost", "moved", "doubled", "beheaded", "emptied", "cut", "glued", "garbled"],
)
def test_a_damaged_line_is_refused_with_its_number_and_the_runbook(
    path: Path, damage: object, number: int, words: str
) -> None:
    lines = written(path)
    assert callable(damage)
    path.write_bytes(b"".join(damage(lines)))
    for reading in (lambda: list(read_journal(path)), lambda: FileJournal(path, ManualClock(NINE))):
        with pytest.raises(JournalCorrupt) as found:
            reading()
        assert f"journal.jsonl line {number}:" in str(found.value)
        assert words in str(found.value)
        assert "runbooks/journal-corrupt.md" in str(found.value)
    assert not is_locked(path.with_name("journal.jsonl.lock"))


def test_a_line_with_another_link_is_refused_though_its_number_is_right(path: Path) -> None:
    lines = written(path)
    lines[3] = lines[3].replace(lines[3][lines[3].index(b'"prev"') :][8:24], b"f" * 16)
    path.write_bytes(b"".join(lines))
    with pytest.raises(
        JournalCorrupt, match=r"line 4: the chain is broken \(seq was 4, expected 4; link was f+"
    ):
        list(read_journal(path))


def test_a_newer_format_is_refused(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(Entry(seq=1, at=NINE, event=opening(3)), START))
    with pytest.raises(JournalCorrupt, match=r"line 1: written in format 3, this qtkit reads"):
        list(read_journal(path))


def test_format_1_is_refused_in_one_sentence_though_its_lines_read_no_more(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = encode(Entry(seq=1, at=NINE, event=opening(1)), START)
    path.write_bytes(line.replace(b'"mode"', b'"a_field_of_then"'))
    with pytest.raises(JournalCorrupt, match=r"line 1: written in format 1, this qtkit reads"):
        list(read_journal(path))


def test_a_journal_begins_with_its_session(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(Entry(seq=1, at=NINE, event=note(1)), START))
    with pytest.raises(
        JournalCorrupt, match="journal begins with session_started, was feed_failed"
    ):
        list(read_journal(path))


def test_a_missing_journal_is_named(path: Path) -> None:
    with pytest.raises(DataError, match="is no journal at"):
        next(read_journal(path))


def test_reading_streams(path: Path) -> None:
    """The first entries come before anything behind them is looked at."""
    lines = written(path, 50)
    path.write_bytes(b"".join(lines[:49]) + b"damage\n")
    reading = read_journal(path)
    assert [next(reading).seq for _ in range(49)] == list(range(1, 50))
    with pytest.raises(JournalCorrupt, match="line 50"):
        next(reading)


# --- a torn last line --------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_torn_last_line_is_left_out_by_readers_and_cut_off_by_the_writer(
    path: Path, kept: int
) -> None:
    lines = written(path)
    torn = lines[4][:kept]
    path.write_bytes(b"".join(lines[:4]) + torn)

    assert len(list(read_journal(path))) == 4
    assert summarise(path).torn_bytes == len(torn)
    assert path.read_bytes().endswith(torn)  # a reader repairs nothing

    journal = FileJournal(path, ManualClock(NINE))
    assert (journal.seq, journal.torn_bytes) == (4, len(torn))
    assert path.read_bytes() == b"".join(lines[:4])
    journal.append(note(4))
    journal.close()
    assert [e.seq for e in read_journal(path)] == [1, 2, 3, 4, 5]


def test_a_writer_goes_on_where_somebody_has_read_to(path: Path) -> None:
    written(path)
    whole = path.read_bytes()
    read = JournalChain(path)
    before = list(read.news())
    with path.open("ab") as file:
        file.write(b'{"seq":')

    journal = FileJournal(path, ManualClock(NINE), read=read)
    journal.append(note(9))
    journal.close()

    assert (journal.torn_bytes, read.lines, read.size) == (7, len(before), len(whole))
    assert [e.seq for e in read.news()] == [len(before) + 1]


def test_a_journal_that_became_shorter_since_it_was_read_is_refused(path: Path) -> None:
    written(path)
    read = JournalChain(path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(list(read.news())) == len(lines)
    path.write_bytes(b"".join(lines[:-1]))

    with pytest.raises(JournalCorrupt, match="became shorter"):
        FileJournal(path, ManualClock(NINE), read=read)

    assert path.read_bytes() == b"".join(lines[:-1])
    FileJournal(path, ManualClock(NINE)).close()


def test_nobody_repairs_a_journal_that_another_writes(path: Path) -> None:
    writer = FileJournal(path, ManualClock(NINE))
    writer.append(note(1))
    with path.open("ab") as file:
        file.write(b'{"seq":2')
    with pytest.raises(FolderLocked):
        FileJournal(path, ManualClock(NINE))
    assert path.read_bytes().endswith(b'{"seq":2')
    writer.close()


# --- the lock ----------------------------------------------------------------------------------


def test_the_lock_names_its_holder_and_is_free_after_the_close(path: Path) -> None:
    writer = FileJournal(path, ManualClock(NINE))
    lock = path.with_name("journal.jsonl.lock")
    assert is_locked(lock)
    with pytest.raises(FolderLocked, match=rf"journal\.jsonl .* {os.getpid()} on"):
        FileJournal(path, ManualClock(NINE))
    writer.close()
    writer.close()
    assert not is_locked(lock)
    FileJournal(path, ManualClock(NINE)).close()


def test_the_lock_holds_between_processes(path: Path) -> None:
    writer = FileJournal(path, ManualClock(NINE))
    code = (
        "import sys; from pathlib import Path; from qtkit.core.clock import SystemClock;"
        "from qtkit.journal import FileJournal; FileJournal(Path(sys.argv[1]), SystemClock())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    writer.close()
    assert other.returncode != 0
    assert "FolderLocked: the journal journal.jsonl" in other.stderr
    assert f"process {os.getpid()}" in other.stderr


# --- what is on disk, and when -----------------------------------------------------------------


class Witness:
    """Notes what a journal tells."""

    def __init__(self) -> None:
        self.told = list[tuple[str, int]]()

    def __call__(self, what: str, entry: Entry) -> None:
        self.told.append((what, entry.seq))


def test_lifecycle_events_are_on_disk_at_once_and_others_when_somebody_asks(path: Path) -> None:
    witness = Witness()
    journal = FileJournal(path, ManualClock(NINE), observer=witness)
    journal.append(note(1))
    journal.append(note(2))
    journal.sync()
    journal.sync()  # nothing new: nothing to wait for
    journal.append(stop("one"))
    journal.close()
    assert witness.told == [
        ("written", 1),
        ("written", 2),
        ("synced", 2),
        ("written", 3),
        ("synced", 3),
    ]


LIFECYCLE = {
    "SessionStarted", "SessionResumed", "SessionEnded", "StatusChanged", "StopRequested",
    "DayStarted", "DayClosed", "KillSwitchSet",
}  # fmt: skip
OF_THE_LIFE = [
    opening(),
    ev.SessionResumed(entries=1, torn_bytes=0, doubtful=()),
    stop("one"),
    ev.StatusChanged(before="running", after="paused", because="pause"),
    ev.DayStarted(open=True),
    ev.DayClosed(early=False, book=Book(cash=Decimal(1))),
    ev.KillSwitchSet(on=True, by="eve", why="fire"),
    ev.SessionEnded(reason="stop", closing=Book(cash=Decimal(1))),
]


@pytest.mark.parametrize("event", OF_THE_LIFE, ids=lambda event: type(event).__name__)
def test_each_lifecycle_event_waits_for_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, event: ev.Event
) -> None:
    assert type(event).__name__ in LIFECYCLE
    journal = FileJournal(path, ManualClock(NINE))
    forced = list[int]()
    monkeypatch.setattr(os, "fsync", forced.append)
    journal.append(note(1))
    assert not forced
    journal.append(event)
    assert forced == [journal._file]
    journal.close()


def test_an_event_is_in_the_file_before_it_is_returned(path: Path) -> None:
    journal = FileJournal(path, ManualClock(NINE))
    journal.append(opening())
    assert [e.event for e in read_journal(path)] == [opening()]
    journal.close()


def test_a_closed_journal_takes_nothing_more(path: Path) -> None:
    journal = FileJournal(path, ManualClock(NINE))
    journal.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        journal.append(note(1))
    assert path.read_bytes() == b""


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all_of_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    journal = FileJournal(path, ManualClock(NINE))
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:7]))
    journal.append(opening())
    journal.append(note(2))
    journal.close()
    assert [e.event for e in read_journal(path)] == [opening(), note(2)]


def test_a_full_disk_is_an_error_and_what_it_leaves_is_repaired(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    journal = FileJournal(path, ManualClock(NINE))
    journal.append(opening())

    def full(file: int, data: bytes) -> int:
        whole(file, data[:9])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError):
        journal.append(note(2))
    assert journal.seq == 1
    monkeypatch.undo()
    journal.close()
    again = FileJournal(path, ManualClock(NINE))
    assert (again.seq, again.torn_bytes) == (1, 0)
    again.close()


def test_an_event_that_cannot_be_written_leaves_no_trace(path: Path) -> None:
    journal = FileJournal(path, ManualClock(NINE))
    journal.append(opening())
    with pytest.raises(ValueError, match="not a number"):
        journal.append(ev.StrategySaved(state={"x": float("nan")}))
    journal.append(note(2))
    journal.close()
    assert [e.seq for e in read_journal(path)] == [1, 2]


# --- in memory ---------------------------------------------------------------------------------


def test_a_journal_in_memory_numbers_as_one_on_disk() -> None:
    clock = ManualClock(NINE)
    journal = MemoryJournal(clock)
    journal.append(note(1))
    clock.advance(2)
    journal.append(stop("now"))
    journal.sync()
    journal.close()
    assert list(journal.entries()) == [
        Entry(seq=1, at=NINE, event=note(1)),
        Entry(seq=2, at=NINE + timedelta(seconds=2), event=stop("now")),
    ]
    assert journal.seq == 2


# --- a disk that takes no more -----------------------------------------------------------------


def test_a_line_that_the_disk_did_not_take_is_cut_off_and_none_follows(tmp_path: Path) -> None:
    """The limit of a file's size cuts a line in two, as a full disk does."""
    path = tmp_path / "journal.jsonl"
    journal = FileJournal(path, ManualClock(datetime(2026, 3, 4, tzinfo=UTC)))
    journal.append(ev.KillSwitchSet(on=True, by="eve", why="fire"))
    whole = path.read_bytes()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 40, most))
    try:
        with pytest.raises(StorageError):
            journal.append(ev.KillSwitchSet(on=False, by="eve", why="out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    with pytest.raises(StorageError):
        journal.append(ev.KillSwitchSet(on=False, by="eve", why="out"))
    assert path.read_bytes() == whole
    journal.close()


def test_nothing_is_on_disk_where_the_journal_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = FileJournal(path, ManualClock(datetime(2026, 3, 4, tzinfo=UTC)))
    path.unlink()

    with pytest.raises(FolderGone):
        journal.append(ev.KillSwitchSet(on=True, by="eve", why="fire"))

    journal.close()
