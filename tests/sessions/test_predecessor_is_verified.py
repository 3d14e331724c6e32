"""Hash and length of the journal before: verified when a session opens, simulated or live."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qtkit.core.errors import DataError
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.journal import summarise
from qtkit.journal.codec import START, digest
from qtkit.runtime.account_chain import sessions_of
from qtkit.runtime.accounts import inherit
from qtkit.runtime.build import build
from tests.sessions.live_engine import account_of, crashed, lived, plan, root_of

Deed = Callable[[AccountFolder, SessionFolder], object]


def _chained_again(journal: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Write a journal anew from end to end: changed, and sound by itself."""
    link, lines = START, []
    for text in journal.read_bytes().splitlines():
        entry = json.loads(text)
        change(entry["event"])
        line = json.dumps({**entry, "prev": link}, separators=(",", ":")).encode()
        link = digest(line)
        lines.append(line + b"\n")
    journal.write_bytes(b"".join(lines))


def _richer(event: dict[str, object]) -> None:
    if event["kind"] == "order_filled":
        event["commission"] = "0"


def _without_its_end(_: AccountFolder, session: SessionFolder) -> None:
    lines = session.journal.read_bytes().splitlines(keepends=True)
    session.journal.write_bytes(b"".join(lines[:-2]))


DEEDS: dict[str, Deed] = {
    "end_cut_off": _without_its_end,
    "chained_again": lambda _, s: _chained_again(s.journal, _richer),
    "journal_emptied": lambda _, s: s.journal.write_bytes(b""),
    "chain_emptied": lambda a, _: a.chain.write_bytes(b""),
    "chain_removed": lambda a, _: a.chain.unlink(),
    "book_emptied": lambda a, _: a.broker_book.write_bytes(b""),
    "book_removed": lambda a, _: a.broker_book.unlink(),
    "record_removed": lambda a, _: a.record.unlink(),
    "journal_removed": lambda _, s: s.journal.unlink(),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_live_start_after_an_orderly_end_is_refused(tmp_path: Path, deed: str) -> None:
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:37", "demo")
    (session,) = sessions_of(place)
    DEEDS[deed](place, session)

    with pytest.raises(DataError) as refused:
        build(replace(plan("2026-03-04 01:40"), account="demo"), root_of(tmp_path))

    assert refused.value.exit_code == 3
    assert "runbooks/" in str(refused.value)


@pytest.mark.parametrize("deed", sorted(DEEDS.keys() - {"chained_again"}))
def test_a_live_start_after_a_crash_is_refused(tmp_path: Path, deed: str) -> None:
    """Two lines less are an earlier crash, unless the broker knows more: everything is cut here."""
    place = account_of(tmp_path)
    run = crashed(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:37", "demo")
    if deed == "end_cut_off":
        kinds = [json.loads(text)["event"]["kind"] for text in _lines(run.folder.journal)]
        kept = _lines(run.folder.journal)[: kinds.index("order_requested")]
        run.folder.journal.write_bytes(b"".join(kept))
    else:
        DEEDS[deed](place, run.folder)

    with pytest.raises(DataError) as refused:
        build(replace(plan("2026-03-04 01:40"), account="demo"), root_of(tmp_path))

    assert refused.value.exit_code == 3
    assert "runbooks/" in str(refused.value)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_journal_that_was_chained_again_is_sound_by_itself(tmp_path: Path) -> None:
    """So that it is the account's own note that refuses it."""
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:37", "demo")
    (session,) = sessions_of(place)
    before = summarise(session.journal)
    _chained_again(session.journal, _richer)

    assert summarise(session.journal).entries == before.entries
    with pytest.raises(DataError):
        inherit(place)


def test_a_break_point_that_is_rebuilt_is_what_the_stop_wrote(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:37", "demo")
    (session,) = sessions_of(place)
    written = session.break_point.read_bytes()
    session.break_point.unlink()

    assert "break_point.json" in inherit(place).rebuilt
    assert session.break_point.read_bytes() == written
