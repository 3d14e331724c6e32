"""A session of this very process: its time stands still until somebody advances it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtkit.cli.shell import shell
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import SessionFolder
from qtkit.journal import compare, read_journal
from qtkit.model.events import SessionEnded, SessionResumed
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import simulate
from qtkit.testing import DAY
from tests.desk.hand_made_day import rehearsal

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
CLOSE = datetime(2026, 3, 4, 7, 40, tzinfo=UTC)


def test_a_day_lived_in_pieces_is_the_day_lived_in_one(tmp_path: Path) -> None:
    whole = simulate(GRID, day=DAY, root=tmp_path / "whole")
    with LocalSession.of(GRID, day=DAY, root=tmp_path / "pieces") as desk:
        for hour, minute in ((1, 15), (1, 35), (1, 36), (4, 0), (6, 59), (7, 40)):
            desk.advance(datetime(2026, 3, 4, hour, minute, tzinfo=UTC))

    found = compare(
        list(read_journal(whole.folder.journal)), list(read_journal(desk.folder.journal))
    )

    assert found.equal, str(found)
    assert desk.folder.run_report.read_text().startswith("# Session · live_grid_multi")


def test_a_session_ends_by_itself_at_the_end_of_its_days(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        desk.advance(CLOSE)

        last = desk.entries()[-1].event
        with pytest.raises(ConfigError, match="has ended"):
            desk.command("pause")
        with pytest.raises(ConfigError, match="has ended"):
            desk.advance(CLOSE)

    assert isinstance(last, SessionEnded)
    assert last.reason == "end_of_data"


def test_one_that_was_left_is_resumed_on_its_account(tmp_path: Path) -> None:
    from qtkit.sessions.simulation import prepare_account
    from qtkit.trading.strategy.loader import load_spec

    prepare_account(load_spec(GRID), root=tmp_path, new_account="demo", day=DAY)
    with LocalSession.of(GRID, day=DAY, root=tmp_path, account="demo") as left:
        left.advance(datetime(2026, 3, 4, 1, 36, tzinfo=UTC))

    start = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
    with LocalSession.of(GRID, day=DAY, root=tmp_path, account="demo", start=start) as desk:
        assert desk.folder == left.folder
        assert any(isinstance(e.event, SessionResumed) for e in desk.entries())


def test_time_does_not_go_back(tmp_path: Path) -> None:
    with (
        rehearsal(tmp_path) as desk,
        pytest.raises(ConfigError, match="does not go back"),
    ):
        desk.advance(datetime(2026, 3, 4, 0, 59, tzinfo=UTC))


def test_what_is_impossible_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        LocalSession.of(GRID, day=date(2031, 3, 4), root=tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        LocalSession.of(GRID, day=DAY, root=tmp_path, settings={"seeed": 1})

    assert not (tmp_path / "paper_sessions").exists()


def test_the_verb_says_its_lines_and_stops_the_session_in_order(tmp_path: Path) -> None:
    lines = ["-c", "advance 09:36", "-c", "positions", "--by", "anna", "--root", str(tmp_path)]

    done = CliRunner().invoke(shell, [str(GRID), "--date", "2026-03-04", *lines])

    assert done.exit_code == 0
    folder = SessionFolder(Path(done.stdout.splitlines()[0]))
    assert "600036.SH" in done.stdout
    last = list(read_journal(folder.journal))[-1].event
    assert isinstance(last, SessionEnded)
    assert last.reason == "stop"


def test_a_mistake_in_a_line_ends_the_verb_with_its_sentence(tmp_path: Path) -> None:
    words = [str(GRID), "--date", "2026-03-04", "--root", str(tmp_path), "-c", "postions"]

    done = CliRunner().invoke(shell, words)

    last = list(read_journal(SessionFolder(Path(done.stdout.strip())).journal))[-1].event
    assert isinstance(last, SessionEnded)
    assert isinstance(done.exception, ConfigError)
    assert done.exception.exit_code == 2
