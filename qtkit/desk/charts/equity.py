"""What an account was worth, and how deep it fell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from qtkit.core.render import Table, text_table
from qtkit.desk.charts.axis import TradingTime
from qtkit.desk.charts.chart import BLUE, GREY, RED, Chart, panels, said
from qtkit.desk.charts.source import Charted, day_words, evidence_of
from qtkit.evidence import Evidence
from qtkit.ledger.ledger import Ledger
from qtkit.model import events as ev
from qtkit.projections.prices import PriceHistory
from qtkit.runtime.backtest import BacktestResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["equity"]

_HEIGHT = 3.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """Equity over time, account currency."""

    times: tuple[datetime, ...]
    values: tuple[Decimal, ...]
    zone: ZoneInfo
    words: str  # how a time is written
    currency: str

    def at(self, place: int) -> str:
        return f"{self.times[place].astimezone(self.zone):{self.words}}"

    def falls(self) -> list[float]:
        """Return how far each value is below the highest before it, percent, <= 0."""
        series = np.array([float(value) for value in self.values])
        below: list[float] = (100.0 * (series / np.maximum.accumulate(series) - 1.0)).tolist()
        return below


def equity(source: Charted) -> Chart:
    """Return equity and drawdown: of a backtest at each close, of a session at each price poll.

    Parameters
    ----------
    source
        A backtest's result, a session, or evidence.

    Notes
    -----
    Equity is cash plus positions at the newest closes; moments at which a price is not known yet
    are left out. Drawdown is ``1 - equity / highest equity so far``.

    Raises
    ------
    DataError
        If the source is no session.
    """
    evidence = evidence_of(source)
    curve = _of_days(source) if isinstance(source, BacktestResult) else _of_polls(evidence)
    return Chart(
        heading=f"Equity and drawdown · {day_words(evidence)}",
        text=_text(curve),
        height=_HEIGHT,
        draw=lambda figure: _draw(figure, curve),
    )


def _of_days(result: BacktestResult) -> _Curve:
    """Return the opening cash and each day's equity at its close."""
    zone = ZoneInfo("UTC")
    opening = datetime.combine(result.days[0], time(0), zone)
    closes = [datetime.combine(day, time(12), zone) for day in result.equity]
    return _Curve(
        times=(opening, *closes),
        values=(result.opening_cash, *result.equity.values()),
        zone=zone,
        words="%Y-%m-%d",
        currency=result.closing.currency,
    )


def _of_polls(evidence: Evidence) -> _Curve:
    """Return a session's equity at its start and whenever prices came."""
    started = evidence.started
    points = list(_valued(evidence, started.event)) if started else []
    return _Curve(
        times=tuple(at for at, _ in points),
        values=tuple(value for _, value in points),
        zone=evidence.calendar.zone if started else ZoneInfo("UTC"),
        words="%Y-%m-%d %H:%M",
        currency=started.event.opening.currency if started else "",
    )


def _valued(evidence: Evidence, opening: ev.SessionStarted) -> Iterator[tuple[datetime, Decimal]]:
    ledger = Ledger.opened(opening.opening, known_fills=opening.known_fills)
    prices = PriceHistory()
    for entry in evidence.merged():
        ledger.apply(entry.event)
        prices.apply(entry)
        seen = isinstance(entry.event, ev.PricesSeen) and entry.event.last
        if seen and ledger.positions.keys() <= prices.closes.keys():
            yield entry.at, ledger.equity(prices.closes)


def _text(curve: _Curve) -> str:
    if not curve.values:
        return "  no price was seen"
    values, falls = curve.values, curve.falls()
    low, high = values.index(min(values)), values.index(max(values))
    deepest = falls.index(min(falls))
    change = values[-1] / values[0] - 1 if values[0] else Decimal(0)
    rows = (
        ("first", curve.at(0), f"{values[0]:,.2f} {curve.currency}"),
        ("last", curve.at(-1), f"{values[-1]:,.2f} {curve.currency}"),
        ("change", "", f"{change:+.2%}"),
        ("highest", curve.at(high), f"{values[high]:,.2f} {curve.currency}"),
        ("lowest", curve.at(low), f"{values[low]:,.2f} {curve.currency}"),
        ("deepest fall", curve.at(deepest), f"{-falls[deepest]:.2f} %"),
        ("points", "", f"{len(values)}"),
    )
    return text_table(Table("", ("what", "when", "value"), rows, "llr"))


def _draw(figure: Figure, curve: _Curve) -> None:
    titles = (f"equity, {curve.currency}", "below the highest so far, %")
    above, below = panels(figure, titles, heights=(2.4, 1.0))
    places = list(range(len(curve.values)))
    values = [float(value) for value in curve.values]
    above.plot(places, values, color=BLUE, linewidth=1.4, label="equity")
    if values:
        above.axhline(values[0], color=GREY, linewidth=0.8, linestyle=":", label="at the start")
    above.yaxis.set_major_formatter("{x:,.0f}")
    below.plot(places, curve.falls(), color=RED, linewidth=0.9, label="drawdown")
    below.fill_between(places, curve.falls(), 0.0, color=RED, alpha=0.25, linewidth=0)
    TradingTime(curve.times, curve.zone).write(below)
    said(figure)
