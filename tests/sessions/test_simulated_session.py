"""A simulated session from the outside: how it is asked for, what it shows, how it ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from qtkit.core.errors import BeyondCalendar, ConfigError, DataError, QtkitError, StrategyError
from qtkit.core.locks import is_locked
from qtkit.core.paths import OutputRoot
from qtkit.core.render import REPORT_MIME
from qtkit.evidence.recorded import RecordedSession
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.reports.run_facts import record_facts
from qtkit.runs.notebook_outputs import gather
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.settings import SessionSettings
from qtkit.sessions.local import LocalSession
from qtkit.sessions.remote import open_session
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, Strategy, StrategySpec, View

WEDNESDAY = date(2026, 3, 4)
SYMBOL = "600036.SH"


class Still:
    """A strategy that wants nothing; tests replace what they want to go wrong."""

    def prepare(self, view: View) -> Prepared:
        """Do nothing."""

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        return ()

    def on_fill(self, fill: Fill, view: View) -> None:
        """Do nothing."""

    def state(self) -> JsonObject:
        return {}

    def restore(self, state: JsonObject) -> None:
        """Do nothing."""


class Buying(Still):
    """Buys once."""

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        if view.position(SYMBOL) or view.has_open_order(SYMBOL):
            return ()
        return (Intent(symbol=SYMBOL, quantity=Decimal(100), because="test", tag="t"),)


def spec_of(make: Callable[[], Strategy]) -> StrategySpec:
    return StrategySpec(name="test", make=make, symbols=(SYMBOL,))


def raising(*_: object) -> NoReturn:
    raise AttributeError("no such thing")


def with_method(base: type[Still], name: str, method: object) -> StrategySpec:
    return spec_of(type("Wrong", (base,), {name: method}))


def short(spec: StrategySpec, root: Path, **changes: Any) -> LocalSession:  # noqa: ANN401
    """Simulate the first two steps of a day."""
    stop = datetime(2026, 3, 4, 1, 41, tzinfo=UTC)
    return simulate(spec, day=WEDNESDAY, root=root, **{"stop": stop, **changes})


# --- what it shows ---------------------------------------------------------------------------


def test_two_runs_show_the_same_and_no_place(
    over_a_holiday: LocalSession, grid_file: Path, tmp_path: Path
) -> None:
    again = simulate(grid_file, day=date(2026, 4, 30), days=2, root=OutputRoot(tmp_path))

    one, two = over_a_holiday._repr_mimebundle_(), again._repr_mimebundle_()
    assert (one["text/plain"], one["text/html"]) == (two["text/plain"], two["text/html"])
    assert repr(again) == str(again) == two["text/plain"]
    assert again.journal_digest == over_a_holiday.journal_digest
    for shown in (two["text/plain"], two["text/html"]):
        assert str(tmp_path) not in str(shown)


def test_a_session_read_from_its_folder_is_the_same(over_a_holiday: LocalSession) -> None:
    again = open_session(over_a_holiday.folder)

    assert str(again) == str(over_a_holiday)
    assert again.as_json() == over_a_holiday.as_json()


def test_a_record_gathers_the_session_and_its_facts(over_a_holiday: LocalSession) -> None:
    facts = record_facts(over_a_holiday), record_facts(RecordedSession(over_a_holiday.folder))
    shown = [over_a_holiday._repr_mimebundle_(), *(f._repr_mimebundle_() for f in facts)]
    payloads = [json.loads(json.dumps(bundle[REPORT_MIME])) for bundle in shown]

    found = gather([{"outputs": [{"data": {REPORT_MIME: payload}}]} for payload in payloads])

    assert found.unreadable == ()
    (session,) = found.sessions
    assert session.session_id == over_a_holiday.session_id
    assert session.folder == str(over_a_holiday.folder.path)
    assert session.journal_digest == over_a_holiday.journal_digest
    assert found.facts["settings"]["live_step_minutes"] == 5
    assert all(name.startswith("live_") for name in found.facts["settings"])
    assert len(found.facts["data"]["symbols"]) == 3
    assert len(found.facts["code"]["toolkit"]) == 64
    agreed = found.facts["reconciliation"]
    assert (agreed["is_ok"], agreed["count"], agreed["failures"]) == (True, 2, [])
    assert found.facts["rejected_orders"] == ()


def test_facts_sample_what_was_refused_and_rejected(tmp_path: Path) -> None:
    class Greedy(Still):
        def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
            return (Intent(symbol=SYMBOL, quantity=Decimal(150), because="odd lot", tag=""),)

    session = short(spec_of(Greedy), tmp_path, settings={"seed": 5})

    facts = record_facts(session)

    assert facts.refused == 2
    assert [(o["who"], o["symbol"], o["shares"]) for o in facts.rejected_orders] == [
        ("risk", SYMBOL, "150"),
        ("risk", SYMBOL, "150"),
    ]
    assert "lot" in str(facts.rejected_orders[0]["reason"])
    assert facts.changed == ("seed",)
    assert "other than default: seed" in str(facts)
    assert "Orders that did" in repr(facts)
    assert session.folder.risk_log.read_text(encoding="utf-8").count("<RISK REJECTED>") == 2


# --- days and accounts -----------------------------------------------------------------------


def test_the_book_carries_over_a_holiday_and_settles_after_it(
    over_a_holiday: LocalSession,
) -> None:
    told = over_a_holiday.view
    bought = [f.event for f in told.orders.fills if f.event.quantity > 0]
    first = [fill for fill in bought if str(fill.trading_date) == "2026-04-30"]
    sold = [f.event for f in told.orders.fills if f.event.quantity < 0]

    assert [str(day) for day in told.books.open_days] == ["2026-04-30", "2026-05-06"]
    assert [str(day) for day in told.books.closed_days] == [f"2026-05-0{n}" for n in range(1, 6)]
    assert {str(fill.settles) for fill in first} == {"2026-05-06"}
    assert {str(fill.trading_date) for fill in sold} == {"2026-05-06"}
    assert {str(lot.settles) for p in told.closing.positions for lot in p.unsettled} == {
        "2026-05-07"
    }


def test_a_date_without_trading_moves_to_the_next_session(grid_file: Path, tmp_path: Path) -> None:
    """2026-03-07 is a Saturday."""
    session = simulate(grid_file, day="2026-03-07", root=tmp_path)

    assert [str(day) for day in session.view.books.open_days] == ["2026-03-09"]
    assert "2, from 2026-03-07 to 2026-03-08: XSHG does not trade" in str(session)
    entries = read_journal(session.folder.journal)
    queued = [e for e in entries if isinstance(e.event, ev.TaskQueued)]
    assert {str(e.event.trading_date) for e in queued} == {"2026-03-09"}


def test_the_next_session_opens_with_the_book_of_the_last(grid_file: Path, tmp_path: Path) -> None:
    spec = load_spec(grid_file)
    name = prepare_account(spec, root=tmp_path, new_account="demo", day=WEDNESDAY)
    first = simulate(grid_file, day=WEDNESDAY, root=tmp_path, account=name)
    second = simulate(grid_file, day="2026-03-05", root=tmp_path, account=name)

    assert first.view.end is not None
    assert second.view.opening.opening == first.view.end.closing
    assert second.view.opening.predecessor
    assert second.view.opening.next_order == first.view.counts["order_requested"] + 1
    numbers = [order_id for s in (first, second) for order_id in s.view.orders.records]
    assert len(numbers) == len(set(numbers))


def test_an_account_does_not_go_back_in_time(grid_file: Path, tmp_path: Path) -> None:
    spec = load_spec(grid_file)
    prepare_account(spec, root=tmp_path, new_account="demo", day=WEDNESDAY)
    short(spec, tmp_path, account="demo")

    with pytest.raises(ConfigError, match="has lived until 2026-03-04 01:41 UTC"):
        simulate(spec, day="2026-03-03", root=tmp_path, account="demo")

    assert len(list((tmp_path / "paper_sessions").iterdir())) == 1


def test_a_restart_clears_a_flat_account_and_no_other(tmp_path: Path) -> None:
    still, buying = spec_of(Still), spec_of(Buying)
    prepare_account(still, root=tmp_path, new_account="demo", day=WEDNESDAY)
    short(still, tmp_path, account="demo")

    again = prepare_account(still, root=tmp_path, account="demo", restart=True, day=WEDNESDAY)
    session = short(buying, tmp_path, account=again)

    assert session.view.opening.predecessor == ""
    assert session.view.closing.positions
    with pytest.raises(ConfigError, match=f"while something is open: {SYMBOL}"):
        prepare_account(still, root=tmp_path, account="demo", restart=True, day=WEDNESDAY)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"account": "a", "new_account": "b"}, "name two accounts"),
        ({"account": "nobody"}, "is no account 'nobody'"),
        ({"restart": True}, "name it with --account ID"),
        ({"new_account": "../up"}, "folder name"),
        ({"new_account": "old"}, "'old' exists already"),
        ({"account": "old", "new_account": "old"}, "'old' exists already"),
    ],
)
def test_an_account_that_cannot_be_had_is_refused(
    tmp_path: Path, asked: dict[str, Any], sentence: str
) -> None:
    spec = spec_of(Still)
    prepare_account(spec, root=tmp_path, new_account="old", day=WEDNESDAY)

    with pytest.raises(ConfigError, match=sentence):
        prepare_account(spec, root=tmp_path, day=WEDNESDAY, **asked)


def test_no_account_is_asked_for_and_none_is_made(tmp_path: Path) -> None:
    assert prepare_account(spec_of(Still), root=tmp_path, day=WEDNESDAY) is None
    assert list(tmp_path.iterdir()) == []


def test_an_account_of_a_date_beyond_the_calendar_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BeyondCalendar):
        prepare_account(spec_of(Still), root=tmp_path, new_account="demo", day="2027-01-04")

    assert list(tmp_path.iterdir()) == []


# --- what is refused before anything starts ----------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"day": "2027-01-04"}, BeyondCalendar, "2027-01-04"),
        ({"day": "2026-12-31"}, BeyondCalendar, "1 trading days after 2026-12-31"),
        ({"day": "soon"}, ConfigError, "'soon' is no date"),
        ({"days": 0}, ConfigError, "one day, was 0"),
        ({"account": "nobody"}, ConfigError, "no account 'nobody'"),
        ({"settings": {"mode": "live"}}, ConfigError, "'paper' only"),
        ({"settings": {"data": "stock_1min"}}, DataError, "there is no table .stock_1min"),
        ({"source": "nowhere.py"}, ConfigError, "no strategy file nowhere.py"),
    ],
)
def test_a_wrong_request_starts_nothing(
    tmp_path: Path, asked: dict[str, Any], error: type[QtkitError], sentence: str
) -> None:
    words = {"source": spec_of(Still), "day": WEDNESDAY, "root": tmp_path, **asked}

    with pytest.raises(error, match=sentence):
        simulate(**words)

    assert list(tmp_path.iterdir()) == []


def test_all_mistakes_of_settings_are_told_at_once() -> None:
    asked = {"sed": 1, "step_minutes": -1, "risk": {"max_order_valeu": 3}, "qqqqq": 1}

    with pytest.raises(ConfigError) as caught:
        settings_of(asked)

    text = str(caught.value)
    assert "'sed', did you mean 'seed'?" in text
    assert "whole number, at least 0, at most 1,440, or none" in text
    assert "'risk.max_order_valeu', did you mean 'risk.max_order_value'?" in text
    assert "there is no 'qqqqq'; there are mode," in text


def test_settings_that_are_settings_already_stay(tmp_path: Path) -> None:
    asked = SessionSettings(seed=3)

    assert settings_of(asked) is asked
    assert settings_of(None) == SessionSettings()
    session = short(spec_of(Still), tmp_path, settings=asked)
    config = json.loads(session.folder.config.read_text(encoding="utf-8"))
    assert config["asked_settings"] == {"seed": 3}


# --- how it ends -----------------------------------------------------------------------------


def test_commands_reach_the_engine_and_are_written_down(tmp_path: Path) -> None:
    when = datetime(2026, 3, 4, 1, 34, tzinfo=UTC)
    pause = Command(verb="pause", arguments={}, by="ann")

    session = short(spec_of(Still), tmp_path, commands=[(when, pause)])

    assert session.view.tasks.skips["run_strategy", "paused"] == 2
    config = json.loads(session.folder.config.read_text(encoding="utf-8"))
    assert config["commands"] == [
        {"at": when.isoformat(), "verb": "pause", "arguments": {}, "by": "ann"}
    ]
    assert session.exit_code == 0


@pytest.mark.parametrize(
    ("name", "method", "why"),
    [
        ("prepare", raising, "prepare raised AttributeError: no such thing"),
        ("decide", raising, "decide raised AttributeError: no such thing"),
        ("decide", lambda *_: [(SYMBOL, 100)], "returns Intent values, was"),
        ("decide", lambda *_: 7, "decide returned 7"),
        ("decide", lambda *_: None, "decide returned None"),
    ],
)
def test_a_step_that_raises_is_given_up_and_the_session_goes_on(
    tmp_path: Path, name: str, method: object, why: str
) -> None:
    session = short(with_method(Still, name, method), tmp_path)

    assert session.exit_code == 4
    assert any(why in entry.event.error for entry in session.view.tasks.dead_letters)
    assert session.view.end is not None
    assert "was given up" in str(session)


@pytest.mark.parametrize("name", ["on_fill", "restore"])
def test_a_strategy_that_cannot_go_on_ends_the_session_as_a_crash(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(StrategyError, match=f"{name} raised AttributeError: no such thing"):
        short(with_method(Buying, name, raising), tmp_path)

    (folder,) = (tmp_path / "paper_sessions").iterdir()
    status = json.loads((folder / "session_status.json").read_text(encoding="utf-8"))
    assert status["status"] == "crashed"
    assert (folder / "report.json").exists()
    (account,) = (tmp_path / "accounts" / "paper").iterdir()
    assert not is_locked(account / "account.lock")


def test_a_mended_strategy_goes_on_where_the_other_fell(tmp_path: Path) -> None:
    """The fill that could not be handed over is handed over once more."""
    told = list[str]()

    def listening(_self: object, fill: Fill, _view: object) -> None:
        told.append(fill.fill_id)

    prepare_account(spec_of(Buying), root=tmp_path, new_account="demo", day=WEDNESDAY)
    with pytest.raises(StrategyError, match="on_fill raised"):
        short(with_method(Buying, "on_fill", raising), tmp_path, account="demo")
    (folder,) = (tmp_path / "paper_sessions").iterdir()
    identity = (folder / "session_metadata.json").read_bytes()

    later = datetime(2026, 3, 4, 1, 37, tzinfo=UTC)
    mended = with_method(Buying, "on_fill", listening)
    session = short(mended, tmp_path, account="demo", start=later)

    assert session.folder.path == folder
    assert told == ["sim-000001-1"]
    assert session.view.counts["session_resumed"] == 1
    assert session.view.end is not None
    assert session.view.closing.positions[0].quantity == 100
    assert (folder / "session_metadata.json").read_bytes() == identity


def test_a_state_that_raises_at_the_stop_leaves_the_last_one_standing(tmp_path: Path) -> None:
    session = short(with_method(Still, "state", raising), tmp_path)

    assert session.exit_code == 4
    assert session.view.end is not None
    assert session.view.counts["internal_error_raised"] == 1


def test_a_strategy_that_cannot_be_made_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="make raised AttributeError"):
        short(spec_of(raising), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_in_order(tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    before = signal.getsignal(number)

    class Impatient(Buying):
        def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
            os.kill(os.getpid(), number)
            return super().decide(view, prepared)

    session = simulate(spec_of(Impatient), day=WEDNESDAY, root=tmp_path)

    assert session.exit_code == 130
    assert session.view.end is not None
    assert session.view.end.reason == name
    assert session.view.closing.open_orders == ()
    assert signal.getsignal(number) is before


def test_what_cannot_be_written_lets_the_account_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("qtkit.sessions.simulation.write_identity", full)
    spec = spec_of(Still)
    prepare_account(spec, root=tmp_path, new_account="demo", day=WEDNESDAY)
    with pytest.raises(OSError, match="no space left"):
        short(spec, tmp_path, account="demo")
    monkeypatch.undo()

    session = short(replace(spec), tmp_path, account="demo")

    assert session.view.end is not None
