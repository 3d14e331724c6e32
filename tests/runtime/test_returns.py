"""A session that was cut off goes on under what its journal says, or under what was accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.runtime.accounts import create_account
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.spec import Acceptance, SessionSpec
from qtkit.stages.return_checks import it_lives_under_what_its_journal_says as judge
from qtkit.testing import hand_made_data
from qtkit.trading.strategy.loader import load_spec
from tests.market.bar_makers import utc

DAYS = [date(2026, 3, 4), date(2026, 3, 5)]
CUT = utc("2026-03-05 16:00")
SYMBOL = "AAPL"
CODE = """
from decimal import Decimal
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec

class Hourly:
    def prepare(self, view): return None
    def decide(self, view, prepared):
        if view.now.minute:
            return []
        return [Intent(symbol="AAPL", quantity=Decimal(SIZE), because="the hour")]
    def on_fill(self, fill, view): pass
    def state(self): return {}
    def restore(self, state): pass

SPEC = StrategySpec(name="hourly", make=Hourly, symbols=("AAPL",), exchange="XNYS", currency="USD",
                    step_minutes=30)
"""
EVE = Acceptance(by="eve", why="it bought too much")


def code(folder: Path, size: int) -> Path:
    """Write a strategy that buys so many shares each hour."""
    file = folder / "hourly.py"
    file.write_text(CODE.replace("SIZE", str(size)))
    return file


def asked(file: Path, data: MarketData, **settings: object) -> SessionSpec:
    """Return two days of New York."""
    return SessionSpec(
        strategy=load_spec(file),
        settings=settings_of({"price_poll_minutes": 5, **settings}),
        source=file,
        account="demo",
        day=DAYS[0],
        days=2,
        start=utc("2026-03-04 14:00"),
        data=data,
    )


@pytest.fixture
def data() -> MarketData:
    return hand_made_data({SYMBOL: 250.0}, DAYS, exchange_calendar("XNYS"))


@pytest.fixture
def root(tmp_path: Path, data: MarketData) -> OutputRoot:
    """Return a root in which a session was cut off on its second day."""
    root = OutputRoot(tmp_path / "outputs")
    create_account(
        root.account("paper", "demo"),
        cash=Decimal(1_000_000),
        currency="USD",
        exchange="XNYS",
        at=utc("2026-03-01 00:00"),
    )
    with build(asked(code(tmp_path, 10), data), root) as run:
        run.begin()
        wake = run.engine.turn()
        while wake is not None and wake < CUT:
            run.manual_clock.set(wake)
            wake = run.engine.turn()
    return root


def finished(spec: SessionSpec, root: OutputRoot) -> list[ev.Entry]:
    """Let the session go on to its end, and return its journal."""
    with build(spec, root) as run:
        run.run()
    return list(read_journal(run.folder.journal))


def changed(entries: Sequence[ev.Entry]) -> list[ev.SettingsChanged]:
    return [e.event for e in entries if isinstance(e.event, ev.SettingsChanged)]


def place_of(entries: Sequence[ev.Entry], kind: type[ev.Event]) -> int:
    return next(n for n, e in enumerate(entries) if isinstance(e.event, kind))


def refusal(spec: SessionSpec, root: OutputRoot) -> str:
    """Return why a session does not go on; nothing of it has changed."""
    before = {path: path.read_bytes() for path in root.path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as refused:
        build(spec, root)
    assert {path: path.read_bytes() for path in root.path.rglob("*") if path.is_file()} == before
    assert refused.value.exit_code == 2
    return str(refused.value)


def test_the_same_code_and_settings_go_on_without_a_change(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    entries = finished(asked(tmp_path / "hourly.py", data), root)

    back = entries[place_of(entries, ev.SessionResumed)].event
    opening = entries[0].event.digests
    assert changed(entries) == []
    assert (back.digests.settings, back.digests.code) == (opening.settings, opening.code)
    assert judge(Evidence.of_entries(entries)).status is Status.PASS


def test_mended_code_is_refused_until_somebody_accepts_it(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    before = load_digest(root)
    mended = asked(code(tmp_path, 20), data)

    assert "code: the journal has" in refusal(mended, root)
    entries = finished(replace(mended, accept=EVE), root)

    (change,) = changed(entries)
    assert (change.name, change.before, change.by, change.why) == (
        "code", before, "eve", "it bought too much",
    )  # fmt: skip
    line = place_of(entries, ev.SettingsChanged)
    sizes = [(n, e.event.quantity) for n, e in enumerate(entries)
             if isinstance(e.event, ev.OrderRequested)]  # fmt: skip
    assert {q for n, q in sizes if n < line} == {10}
    assert {q for n, q in sizes if n > line} == {20}
    assert judge(Evidence.of_entries(entries)).status is Status.PASS


def load_digest(root: OutputRoot) -> str:
    (journal,) = root.path.rglob("journal.jsonl")
    digest: str = next(read_journal(journal)).event.digests.code
    return digest


def test_an_accepted_setting_is_in_force_from_its_line_on(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    stricter = asked(tmp_path / "hourly.py", data, risk={"max_order_value": "1000"})

    entries = finished(replace(stricter, accept=EVE), root)

    evidence = Evidence.of_entries(entries)
    line = entries[place_of(entries, ev.SettingsChanged)].seq
    assert evidence.setting("risk", line - 1)["max_order_value"] == "500000"
    assert evidence.setting("risk", line)["max_order_value"] == "1000"
    assert evidence.setting("risk")["max_order_value"] == "1000"
    assert {e.seq > line for e in entries if isinstance(e.event, ev.OrderRefused)} == {True}
    assert {e.seq < line for e in entries if isinstance(e.event, ev.OrderRequested)} == {True}


def test_once_accepted_it_is_what_the_next_return_is_compared_with(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    stricter = asked(tmp_path / "hourly.py", data, risk={"max_order_value": "1000"})
    with build(replace(stricter, accept=EVE), root) as run:
        run.begin()

    assert "risk.max_order_value" in refusal(asked(tmp_path / "hourly.py", data), root)
    entries = finished(stricter, root)

    assert len(changed(entries)) == 1
    assert judge(Evidence.of_entries(entries)).status is Status.PASS


@pytest.mark.parametrize(
    "settings", [{"seed": 99}, {"price_poll_minutes": 10}, {"startup_gate_mode": "block"}], ids=str
)
def test_some_things_never_change_whoever_accepts_them(
    tmp_path: Path, root: OutputRoot, data: MarketData, settings: dict[str, Any]
) -> None:
    other = asked(tmp_path / "hourly.py", data, **settings)

    sentence = refusal(replace(other, accept=EVE), root)

    assert next(iter(settings)) in sentence
    assert "never changes" in sentence


def with_close(data: MarketData, at: str, close: float) -> MarketData:
    """Return the data with another close of the bar that ended then."""
    bars = data.bars[SYMBOL]
    columns = {name: getattr(bars, name).copy() for name in ("high", "close")}
    row = int(bars.end.searchsorted(nanos(utc(at))))
    columns["high"][row] = columns["close"][row] = close
    return MarketData({SYMBOL: replace(bars, **columns)}, data.closes)


def test_bars_that_were_seen_are_the_same_on_the_return(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    other = with_close(data, "2026-03-05 15:00", 260.0)

    sentence = refusal(replace(asked(tmp_path / "hourly.py", other), accept=EVE), root)

    assert all(word in sentence for word in (SYMBOL, "2026-03-05T15:00", "250", "260"))


@pytest.mark.parametrize("column", ["open", "high", "low", "volume"])
def test_bars_that_were_seen_are_the_same_in_every_column(
    tmp_path: Path, root: OutputRoot, data: MarketData, column: str
) -> None:
    bars = data.bars[SYMBOL]
    changed = getattr(bars, column).copy()
    changed[int(bars.end.searchsorted(nanos(utc("2026-03-05 14:57"))))] += 0.5
    other = MarketData({SYMBOL: replace(bars, **{column: changed})}, data.closes)

    sentence = refusal(replace(asked(tmp_path / "hourly.py", other), accept=EVE), root)

    assert "prices" in sentence
    assert "2026-03-05T14:57" in sentence


def test_the_first_line_carries_a_digest_of_the_whole_bars(
    tmp_path: Path, data: MarketData
) -> None:
    bars = data.bars[SYMBOL]
    higher = MarketData({SYMBOL: replace(bars, high=bars.high + 0.5)}, data.closes)
    strategy = load_spec(code(tmp_path, 10))

    lines = [run_backtest(strategy, None, DAYS, d).entries[0].event for d in (data, higher)]

    assert len({line.data["bars"] for line in lines}) == 2
    assert len({line.digests.data for line in lines}) == 2


def test_bars_that_nobody_has_seen_may_have_been_mended(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    later = with_close(data, "2026-03-05 17:00", 260.0)

    entries = finished(asked(tmp_path / "hourly.py", later), root)

    assert judge(Evidence.of_entries(entries)).status is Status.PASS


def test_there_is_nothing_to_accept_where_nothing_was_cut_off(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    finished(asked(tmp_path / "hourly.py", data), root)
    later_on = replace(
        asked(tmp_path / "hourly.py", data), day=DAYS[1], start=utc("2026-03-05 22:00"), accept=EVE
    )

    with pytest.raises(ConfigError) as refused:
        build(later_on, root)

    assert refused.value.exit_code == 2


@pytest.mark.parametrize(("by", "why"), [("", "x"), ("x", " "), ("", "")])
def test_changes_are_accepted_by_somebody_and_for_a_reason(by: str, why: str) -> None:
    with pytest.raises(ConfigError):
        Acceptance(by=by, why=why)


# --- what check 1.7 finds -----------------------------------------------------------------------


def edited(entries: Sequence[ev.Entry], kind: type[ev.Event], **fields: object) -> list[ev.Entry]:
    """Return the journal with something else in the first event of a class."""
    n = place_of(entries, kind)
    event = structs.replace(entries[n].event, **fields)
    return [*entries[:n], structs.replace(entries[n], event=event), *entries[n + 1 :]]


def dropped(entries: Sequence[ev.Entry], kind: type[ev.Event]) -> list[ev.Entry]:
    """Return the journal without the first event of a class."""
    n = place_of(entries, kind)
    rest = [*entries[:n], *entries[n + 1 :]]
    return [structs.replace(e, seq=place) for place, e in enumerate(rest, 1)]


def other_digest(what: str) -> Callable[[Sequence[ev.Entry]], list[ev.Entry]]:
    def plant(entries: Sequence[ev.Entry]) -> list[ev.Entry]:
        digests = entries[place_of(entries, ev.SessionResumed)].event.digests
        return edited(
            entries, ev.SessionResumed, digests=structs.replace(digests, **{what: "0" * 64})
        )

    return plant


def moved(entries: Sequence[ev.Entry]) -> list[ev.Entry]:
    """Return the journal with its change in the middle of the first day."""
    change = entries[place_of(entries, ev.SettingsChanged)]
    rest = dropped(entries, ev.SettingsChanged)
    lines = [*rest[:200], structs.replace(change, at=rest[200].at), *rest[200:]]
    return [structs.replace(e, seq=place) for place, e in enumerate(lines, 1)]


FAULTS: dict[str, tuple[Callable[[Sequence[ev.Entry]], list[ev.Entry]], str]] = {
    "settings": (other_digest("settings"), "other"),
    "code": (other_digest("code"), "other"),
    "rules": (other_digest("instruments"), "other"),
    "data": (other_digest("data"), "other"),
    "change_missing": (lambda e: dropped(e, ev.SettingsChanged), "other"),
    "change_moved": (moved, "stray"),
    "change_unsigned": (lambda e: edited(e, ev.SettingsChanged, why=""), "unsigned"),
    "other_before": (lambda e: edited(e, ev.SettingsChanged, before="7"), "unknown_before"),
    "price": (lambda e: edited(e, ev.PricesSeen, last=()), "other"),
    "opening": (lambda e: edited(e, ev.SessionStarted, settings={"seed": 1}), "opening"),
}


@pytest.fixture
def accepted(tmp_path: Path, root: OutputRoot, data: MarketData) -> list[ev.Entry]:
    """Return the journal of a session that went on under another limit."""
    stricter = asked(tmp_path / "hourly.py", data, risk={"max_order_value": "1000"})
    return finished(replace(stricter, accept=EVE), root)


@pytest.mark.parametrize("name", FAULTS)
def test_a_session_that_lived_under_something_else_is_found(
    accepted: list[ev.Entry], name: str
) -> None:
    plant, kind = FAULTS[name]

    verdict = judge(Evidence.of_entries(plant(accepted)))

    assert verdict.status is Status.FAIL
    assert kind in {row.kind for row in verdict.findings}


def test_a_return_that_was_cut_off_before_it_did_anything_is_no_fault(
    tmp_path: Path, root: OutputRoot, data: MarketData
) -> None:
    def power_goes(what: str, entry: ev.Entry) -> None:
        if what == "written" and isinstance(entry.event, ev.SessionResumed):
            raise KeyboardInterrupt

    stricter = asked(tmp_path / "hourly.py", data, risk={"max_order_value": "1000"})
    doomed = replace(stricter, accept=EVE, journal_observer=power_goes)
    with build(doomed, root) as run, pytest.raises(KeyboardInterrupt):
        run.begin()

    entries = finished(asked(tmp_path / "hourly.py", data), root)

    assert changed(entries) == []
    assert sum(isinstance(e.event, ev.SessionResumed) for e in entries) == 2
    assert judge(Evidence.of_entries(entries)).status is Status.PASS
