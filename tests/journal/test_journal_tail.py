"""A journal followed while somebody else writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.errors import JournalCorrupt
from qtkit.journal import FileJournal
from qtkit.journal.tail import JournalTail
from tests.journal.journal_lines import NINE, note, opening, written


def test_each_entry_is_told_once_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = JournalTail(path)
    assert tail.news() == []  # not there yet
    journal = FileJournal(path, ManualClock(NINE))
    assert tail.news() == []
    first, second = journal.append(opening()), journal.append(note(2))
    assert tail.news() == [first, second]
    assert tail.news() == []
    third = journal.append(note(3))
    assert tail.news() == [third]
    journal.close()


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path, 3)
    path.write_bytes(lines[0] + lines[1][:20])
    tail = JournalTail(path)
    assert [e.seq for e in tail.news()] == [1]
    path.write_bytes(b"".join(lines))
    assert [e.seq for e in tail.news()] == [2, 3]


def test_the_chain_is_checked_across_the_parts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path, 4)
    path.write_bytes(b"".join(lines[:2]))
    tail = JournalTail(path)
    assert len(tail.news()) == 2
    path.write_bytes(b"".join([*lines[:2], lines[3]]))
    with pytest.raises(JournalCorrupt, match="line 3: the chain is broken"):
        tail.news()
