"""Whoever reads a session reads the same, whether it lives here, elsewhere, or is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError, DataError, SessionUnreachable
from qtkit.core.paths import SessionFolder
from qtkit.evidence.recorded import RecordedSession
from qtkit.evidence.session import OperableSession, Session
from qtkit.journal import read_journal
from qtkit.model.events import CommandReceived
from qtkit.sessions.local import LocalSession
from qtkit.sessions.remote import RemoteSession

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
TEN_O_CLOCK = datetime(2026, 3, 4, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSession]:
    root = tmp_path_factory.mktemp("contract")
    with LocalSession.of(GRID, day=date(2026, 3, 4), root=root) as session:
        session.advance(TEN_O_CLOCK)
        yield session


@pytest.fixture(params=["local", "recorded", "remote"])
def session(request: pytest.FixtureRequest, local: LocalSession) -> RecordedSession:
    readers = {"recorded": RecordedSession, "remote": RemoteSession}
    return readers[request.param](local.folder) if request.param in readers else local


def test_it_is_a_session(session: RecordedSession) -> None:
    assert isinstance(session, Session)
    assert isinstance(session, OperableSession) is (type(session) is not RecordedSession)


def test_its_entries_are_the_journals(session: RecordedSession) -> None:
    journal = tuple(read_journal(session.folder.journal))

    assert session.entries() == journal
    assert session.entries(len(journal) - 2) == journal[-2:]
    assert session.entries(len(journal)) == ()


def test_its_view_is_of_the_newest_line(session: RecordedSession) -> None:
    assert session.view.last == session.entries()[-1]
    assert session.view.counts["decision_taken"] == 6
    assert session.view.end is None


def test_a_view_that_was_there_before_the_entries_is_the_same(session: RecordedSession) -> None:
    again = RecordedSession(session.folder)
    last = again.view.last

    assert again.entries()[-1] == last
    assert again.view.counts == session.view.counts


def test_its_life_is_seen_from_outside(session: RecordedSession) -> None:
    signs = session.life_signs()

    assert session.is_alive
    assert (signs.alive, signs.silent, signs.kill_file) == (True, False, False)
    assert signs.now >= session.view.last.at


def test_a_kill_file_is_seen_before_the_engine_tells_of_it(session: RecordedSession) -> None:
    file = session.folder.path.parents[1] / "accounts" / "paper" / session.session_id / "KILL"
    file.touch()
    try:
        assert session.life_signs().kill_file
        assert not session.view.state.killed
    finally:
        file.unlink()


def test_what_it_is_told_becomes_lines(local: LocalSession) -> None:
    done = local.command("note", text="all quiet", by="anna")

    assert [type(entry.event) for entry in done.entries] == [CommandReceived]
    assert RecordedSession(local.folder).entries()[-1] == done.entries[-1]


def test_a_session_that_has_ended_can_be_read_and_takes_no_command(tmp_path: Path) -> None:
    with LocalSession.of(GRID, day=date(2026, 3, 4), root=tmp_path) as session:
        session.stop(by="anna")

    assert session.view.end is not None
    assert not session.is_alive
    with pytest.raises(ConfigError):
        session.command("pause")
    with pytest.raises(SessionUnreachable):
        RemoteSession(session.folder).command("pause")


def test_a_session_without_a_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        _ = RecordedSession(SessionFolder(tmp_path / "s")).view
