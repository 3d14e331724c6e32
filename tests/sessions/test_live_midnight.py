"""A live session on a market that never closes, over midnight."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from qtkit.model import events as ev
from tests.market.bar_makers import utc
from tests.sessions.live_engine import GRID, lived, of, plan

COIN = replace(
    GRID, exchange="24/7", symbols=("BTC-PERP",), parameters={}, currency="USD", order_sizes={}
)


def test_midnight_loses_no_task_and_divides_two_days(tmp_path: Path) -> None:
    entries = lived(tmp_path, plan("2026-03-04 23:50", COIN), "2026-03-05 00:07")
    skipped = [s for s in of(entries, ev.TaskSkipped) if s.due > utc("2026-03-04 23:50")]
    closed = [(e.at, e.event.trading_date) for e in entries if isinstance(e.event, ev.DayClosed)]
    days = of(entries, ev.DayStarted)

    assert skipped == []
    assert closed[0] == (utc("2026-03-05 00:00"), date(2026, 3, 4))
    assert [d.trading_date for d in days] == [date(2026, 3, 4), date(2026, 3, 5)]
    assert {d.due for d in of(entries, ev.DecisionTaken)} >= {
        utc("2026-03-04 23:59"), utc("2026-03-05 00:05"),
    }  # fmt: skip


def test_the_new_days_last_close_is_the_bar_that_ended_at_midnight(tmp_path: Path) -> None:
    entries = lived(tmp_path, plan("2026-03-04 23:50", COIN), "2026-03-05 00:03")
    newest: dict[object, Decimal] = {
        price.end: price.close for seen in of(entries, ev.PricesSeen) for price in seen.last
    }

    assert of(entries, ev.DayStarted)[1].last_closes == {
        "BTC-PERP": newest[utc("2026-03-05 00:00")]
    }
