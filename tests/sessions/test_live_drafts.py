"""A live session whose source sends the minute that is being formed, at every poll."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.market.feeds.polled import Fetched
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos
from qtkit.model.intents import Intent
from qtkit.runtime.factories import FEEDS, polled
from qtkit.testing import hand_made_bars, scripted_spec
from tests.market.bar_makers import utc
from tests.sessions.live_engine import lived, of, plan

BANK = "600036.SH"
DAYS = (date(2026, 3, 3), date(2026, 3, 4))
TRUE, FORMING, LATER = 40.0, 37.5, 41.0

_MINUTE = BarLength.MIN_1.nanos


class Forming:
    """True bars of 40, the forming minute at 37.5; may change its mind, be late, and lie."""

    def __init__(self, *, late: bool = False, lies: bool = False) -> None:
        calendar = exchange_calendar("XSHG")
        self._days = [hand_made_bars(BANK, day, calendar, TRUE) for day in DAYS]
        self._late, self._lies, self._polls = late, lies, 0

    def fetch(self, after: int, until: int) -> Fetched:
        self._polls += 1
        known = until - _MINUTE if self._late else until
        found = [_between(bars, after, known) for bars in self._days]
        found.append(
            _one(
                (until // _MINUTE + 1) * _MINUTE,
                FORMING,
            )
        )
        if self._lies and until > nanos(utc("2026-03-04 01:45")):
            found.append(_one(nanos(utc("2026-03-04 01:31")), LATER))  # another past
            found.append(_one(nanos(utc("2199-01-01")), LATER))
            found.append(_one(until - 7, FORMING))
        return Fetched(found)


def _between(bars: Bars, after: int, until: int) -> Bars:
    first, last = (int(bars.end.searchsorted(at, "right")) for at in (after, until))
    return bars.rows(first, max(first, last))


def _one(end: int, price: float) -> Bars:
    row = hand_made_bars(BANK, DAYS[1], exchange_calendar("XSHG"), price).rows(0, 1)
    row.end[0] = end
    return row


def buying() -> dict[str, Sequence[Intent]]:
    shares = Decimal(100)
    times = [f"{h:02}:{m:02}" for h in (9, 10) for m in range(0, 60, 5)]
    return {t: [Intent(symbol=BANK, quantity=shares, because="it is time")] for t in times}


def lived_on(source: Forming, tmp_path: Path) -> list[ev.Entry]:
    """Live through a morning on the bars of a source."""
    spec = scripted_spec(buying(), [BANK])
    asked = plan("2026-03-04 01:20", spec, slippage_bps=0, feed={"kind": "drafts"})
    with FEEDS.registered("drafts", polled(lambda _: source)):
        return lived(tmp_path, asked, "2026-03-04 03:05")


@pytest.mark.parametrize("late", [False, True])
def test_every_fill_is_at_a_true_price(tmp_path: Path, *, late: bool) -> None:
    entries = lived_on(Forming(late=late), tmp_path)
    fills = of(entries, ev.OrderFilled)

    assert len(fills) >= 12
    assert {fill.price for fill in fills} == {Decimal(40)}
    assert {p.close for seen in of(entries, ev.PricesSeen) for p in seen.last} == {Decimal(40)}
    assert of(entries, ev.BarsLeftOut) == []


def test_what_contradicts_a_delivered_bar_is_recorded_and_told(tmp_path: Path) -> None:
    entries = lived_on(Forming(lies=True), tmp_path)
    events = of(entries, ev.BarsLeftOut)
    log = next((tmp_path / "outputs").rglob("sys.log")).read_text()

    assert {fill.price for fill in of(entries, ev.OrderFilled)} == {Decimal(40)}
    assert sum(e.counts.get("contradicts", 0) for e in events) == 1
    (sample,) = [s for e in events for s in e.samples if s.why == "contradicts"]
    assert (sample.symbol, sample.end) == (BANK, utc("2026-03-04 01:31"))
    assert (sample.delivered, sample.sent) == (Decimal(40), Decimal(41))
    assert log.count("bars_left_out") == len(events)
