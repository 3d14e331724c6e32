"""An operator's mistake is one sentence that says what to write instead, never a traceback."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import SessionFolder
from qtkit.desk.shell import Console, interact, run_line
from qtkit.model.events import SessionEnded, StopRequested
from qtkit.sessions.local import LocalSession
from qtkit.sessions.remote import RemoteSession
from tests.desk.hand_made_day import rehearsal
from tests.golden import texts


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LocalSession]:
    with rehearsal(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("postions", "is no command 'postions'; did you mean 'positions'?"),
        ("Status", "is no command 'Status'; did you mean 'status'?"),
        ("xyzzy", "is no command 'xyzzy'; there are: status,"),
        ('buy 600036.SH 100 --because "no end', "buy: a quote is"),
        ("buy", "buy: missing argument 'SYMBOL'; write: buy SYMBOL SHARES [--limit PRICE]"),
        ("buy 600036.SH x", "invalid value for 'SHARES': 'x' is no number"),
        ("buy 600036.SH -100", "no such option"),
        ("buy 600036.SH 0", "no number above 0"),
        ("buy 600036.SH nan", "no number above 0"),
        ("sell 600036.SH 100 --limit 0", "no number above 0"),
        ("orders --doubtfull", "orders: no such option"),
        ("orders q7", "is no order 'q7'; there are none"),
        ("cancel q7", "cancel was refused: 'q7' is no open"),
        ("task 20260304-run_strategy-093501", "did you mean '20260304-run_strategy-093500'?"),
        ("task 20260304-nothing --cancel", "is no task that"),
        ("tasks --standing lost", "'lost' is not one"),
        ("watch 600063.SH", "no prices of 600063.SH; did you mean '600036.SH'?"),
        ("stage 9", "is no stage '9'"),
        ("liveconfig gaet", "is no setting 'gaet'"),
        ("run --task refill", "run_task acts outside"),
        ("set step_minutes 1", "step_minutes is fixed when"),
        ("set live_prepare_lead_seconds 9", "live_prepare_lead_seconds is fixed when"),
        ("set risk.max_quantity 1", "risk.max_quantity is fixed when"),
        ("set wathc all", "is no setting 'wathc'; did you mean 'watch'?"),
        ("set debug on", "debug is fixed when"),
        ("set watch", "write: set watch all"),
        ("set watch 1", "no prices of 1"),
        ("resume", "resume was refused: the engine is sleeping: nothing to resume"),
        ("note", "a text: note TEXT"),
        ("rotatelogs", "rotatelogs: missing option '--days'; write: rotatelogs --days N"),
        ("rotatelogs --days -1", "rotatelogs: invalid value for '--days'"),
        ("advance soon", "'soon' is no time; expected HH:MM"),
        ("advance 08:00", "does not go back"),
        ("help advence", "is no command 'advence'; did you mean 'advance'?"),
        ("status now", "status: got unexpected extra argument (now)"),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_do(
    desk: LocalSession, line: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_line(desk, line)

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Console.at(desk).answer(line) == f"ConfigError: {caught.value}"


def test_a_mistake_changes_nothing(desk: LocalSession) -> None:
    before = desk.entries()

    for line in ("buy", "postions", "set step_minutes 1", "note"):
        Console.at(desk).answer(line)

    assert desk.entries() == before


def test_a_refusal_by_the_engine_is_journalled(desk: LocalSession) -> None:
    Console.at(desk, by="anna").answer("resume")

    asked, refused = (entry.event for entry in desk.entries()[-2:])
    assert (asked.command, asked.by) == ("resume", "anna")
    assert refused.reason == "the engine is sleeping: nothing to resume"


def test_an_empty_line_does_nothing(desk: LocalSession) -> None:
    assert run_line(desk, "   ") == ""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("note it's quiet", "it's quiet"),
        ('note "quoted"', '"quoted"'),
        ("note --help wanted", "--help wanted"),
    ],
)
def test_a_note_is_taken_as_it_is_typed(desk: LocalSession, line: str, text: str) -> None:
    run_line(desk, line)

    assert desk.entries()[-1].event.arguments == {"text": text}


@pytest.mark.parametrize("line", ["help buy", "buy --help", "buy 1 -h", "? buy"])
def test_help_explains_a_command(desk: LocalSession, line: str) -> None:
    told = run_line(desk, line)

    assert told.startswith("buy SYMBOL SHARES [--limit PRICE] [--because TEXT]: Buy by hand")
    assert "--limit PRICE" in told.splitlines()[-3]


def test_what_was_set_holds_for_one_shell(desk: LocalSession) -> None:
    console = Console.at(desk)
    console.run("set watch 600036.SH")

    assert console.seat.watched == ("600036.SH",)
    assert Console.at(desk).seat.watched == ()


def test_a_session_that_nobody_runs_can_be_read_and_not_commanded(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as left:
        run_line(left, "advance 09:36")
    session = RemoteSession(left.folder)

    assert "crashed" in run_line(session, "status")
    assert "998,995.00" in run_line(session, "cash")
    assert "SessionUnreachable: nobody listens" in Console.at(session).answer("pause")


def test_a_live_session_does_not_move_its_time_by_hand(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as left:
        pass

    with pytest.raises(ConfigError, match="moves by itself"):
        run_line(RemoteSession(left.folder), "advance 10:00")


def test_a_session_without_a_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "s" / "artifacts").mkdir(parents=True)
    session = RemoteSession(SessionFolder(tmp_path / "s"))

    with pytest.raises(DataError):
        run_line(session, "status")


def test_lines_without_a_terminal_are_read_until_bye(
    desk: LocalSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("advance 09:36\npostions\n\nbye\nstop\n"))

    interact(desk, by="anna")

    printed = capsys.readouterr().out
    assert "998,995.00 CNY" in printed
    assert "is no command 'postions'" in printed
    assert printed.endswith(texts.END_OF_SHELL)
    assert not isinstance(desk.entries()[-1].event, StopRequested | SessionEnded)
