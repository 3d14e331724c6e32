"""The recorded inputs of a session that was cut off: complete, continued, and fed in again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.adapters.embedded.rerun import rerun_of
from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.journal import read_journal
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.model.intents import Intent
from qtkit.runtime.build import build
from qtkit.runtime.run import Place, Run
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import hand_made_data, scripted_spec

DAYS = (date(2026, 3, 5), date(2026, 3, 6))
NEW_YORK = exchange_calendar("XNYS")
DATA = hand_made_data(
    {"SPY": lambda n: 500 + 0.1 * (n % 7), "AAPL": lambda n: 400 - 0.1 * (n % 5)}, DAYS, NEW_YORK
)
CUT = datetime(2026, 3, 6, 15, 10, tzinfo=UTC)  # 10:10 in New York, on the second day


class Cut(BaseException):
    """The process is gone."""


def buy(symbol: str, shares: int) -> Intent:
    return Intent(symbol=symbol, quantity=Decimal(shares), because="the script says so")


SCRIPTED = scripted_spec(
    {
        "03-05 09:35": [buy("SPY", 10), buy("AAPL", 20)],
        "03-06 09:45": [buy("SPY", -10)],
        "03-06 15:00": [buy("AAPL", -20)],
    },
    ["SPY", "AAPL"],
    exchange="XNYS",
    zone="America/New_York",
)
SPEC = replace(SCRIPTED, currency="USD")


def plan(cut: datetime | None = None) -> SessionSpec:
    def look(_: str, entry: Entry) -> None:
        if cut is not None and entry.at >= cut:
            raise Cut

    return SessionSpec(strategy=SPEC, day=DAYS[0], days=2, data=DATA, journal_observer=look)


def lived(asked: SessionSpec, place: Path) -> Run:
    """Run a plan in a folder; return what is left when it has ended, or was cut off."""
    account = OutputRoot(place).account("paper", "desk")
    run = build(asked, Place(SessionFolder(place / "session"), account))
    try:
        run.run()
    except Cut:
        return run
    return run


@pytest.fixture
def cut_off(tmp_path: Path) -> Run:
    return lived(plan(CUT), tmp_path)


def decided(folder: SessionFolder, until: datetime) -> list[tuple[object, ...]]:
    kinds = (ev.DecisionTaken, ev.OrderRequested, ev.OrderFilled, ev.PricesSeen)
    return [
        (entry.at, entry.event)
        for entry in read_journal(folder.journal)
        if isinstance(entry.event, kinds) and entry.at < until
    ]


def test_a_re_run_of_a_session_that_was_cut_off_decides_and_fills_the_same(
    cut_off: Run, tmp_path: Path
) -> None:
    again = rerun_of(SessionSpec(strategy=SPEC, day=DAYS[0], days=2), cut_off.folder.path)
    run = lived(again.begins, tmp_path / "again")

    assert decided(run.folder, CUT) == decided(cut_off.folder, CUT)
    assert [e for _, e in decided(cut_off.folder, CUT) if isinstance(e, ev.OrderFilled)]
    assert list(read_journal(run.folder.journal))[-1].at == CUT


def test_after_the_return_its_inputs_are_those_of_a_session_that_was_never_cut_off(
    cut_off: Run, tmp_path: Path
) -> None:
    assert {s: bars.end[-1] for s, bars in recorded_bars(cut_off.folder).items()} == dict.fromkeys(
        ("SPY", "AAPL"),
        DATA.bars["SPY"].end[390 + 40 - 2],  # the next poll was not asked for
    )
    back = lived(plan(), tmp_path)
    whole = lived(plan(), tmp_path / "whole")

    assert back.folder.path == cut_off.folder.path
    assert not back.folder.feed_polls.exists()
    assert {
        symbol: (bars.end.tolist(), bars.close.tolist())
        for symbol, bars in recorded_bars(back.folder).items()
    } == {
        symbol: (bars.end.tolist(), bars.close.tolist())
        for symbol, bars in recorded_bars(whole.folder).items()
    }
