"""The append-only journal: one JSON line per event, numbered and chained."""

from qtkit.journal.diff import Comparison, compare, story
from qtkit.journal.reader import JournalSummary, read_journal, summarise
from qtkit.journal.writer import FileJournal, Journal, MemoryJournal

__all__ = [
    "Comparison",
    "FileJournal",
    "Journal",
    "JournalSummary",
    "MemoryJournal",
    "compare",
    "read_journal",
    "story",
    "summarise",
]
