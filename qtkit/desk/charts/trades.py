"""What was traded: at what cost against the price that was seen, and along which grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from qtkit.core.errors import DataError
from qtkit.core.render import Table, text_table
from qtkit.desk.charts.axis import TradingTime
from qtkit.desk.charts.chart import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Chart,
    panels,
    said,
    whole_numbers,
)
from qtkit.desk.charts.source import Charted, day_words, evidence_of
from qtkit.evidence import Evidence
from qtkit.ledger.performance import slippage_bps
from qtkit.model import events as ev

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grid_lines", "slippage"]

_HEIGHT = 2.5
_EACH = 1.7  # inches of one symbol's panel
_LISTED = 20  # fills that the text lists one by one
_SIDES = (("buy", 1, "^", GREEN), ("sell", -1, "v", ORANGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trade:
    """One fill, and what the market showed when its order was requested."""

    at: datetime
    symbol: str
    quantity: Decimal  # shares, signed
    price: Decimal  # account currency per share
    quote: Decimal | None  # the same; None: nothing was shown
    tag: str

    @property
    def side(self) -> int:
        return 1 if self.quantity > 0 else -1

    @property
    def cost(self) -> float | None:
        """Basis points of the quote; above 0 it cost us money."""
        if self.quote is None:
            return None
        return slippage_bps(self.side, float(self.quote), float(self.price)) + 0.0  # never -0.0

    @property
    def value(self) -> float:
        return float(abs(self.quantity) * self.price)


def _trades(evidence: Evidence) -> list[_Trade]:
    requests = {e.event.order_id: e.event for e in evidence.of(ev.OrderRequested)}
    found = []
    for entry in evidence.of(ev.OrderFilled):
        fill, order = entry.event, requests.get(entry.event.order_id)
        found.append(
            _Trade(
                at=fill.executed_at,
                symbol=fill.symbol,
                quantity=fill.quantity,
                price=fill.price,
                quote=order.quote.last if order and order.quote else None,
                tag=order.tag if order else "",
            )
        )
    return found


def _when(evidence: Evidence, at: datetime) -> str:
    return f"{evidence.local(at):%Y-%m-%d %H:%M:%S}"


def _listed(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]], align: str
) -> str:
    """Return the first rows as a table, and how many more there are."""
    more = len(rows) - _LISTED
    table = text_table(Table(title, columns, tuple(rows[:_LISTED]), align))
    return f"{table}\n  … and {more} more" if more > 0 else table


# --- slippage ----------------------------------------------------------------------------------


def slippage(source: Charted) -> Chart:
    """Return what each fill cost against the price that its order was requested at.

    Parameters
    ----------
    source
        A backtest's result, a session, or evidence.

    Notes
    -----
    See `qtkit.ledger.performance.slippage_bps`; the mean is weighted by value. A fill whose
    order saw no price is in the text only.

    Raises
    ------
    DataError
        If the source is no session.
    """
    evidence = evidence_of(source)
    trades = _trades(evidence)
    mean = _mean(trades)
    return Chart(
        heading=f"Slippage of each fill · {day_words(evidence)}",
        text=_slippage_text(evidence, trades, mean),
        height=_HEIGHT,
        draw=lambda figure: _draw_slippage(figure, trades, mean),
    )


def _mean(trades: Sequence[_Trade]) -> float | None:
    """Return the mean cost by value, basis points."""
    known = [(t.cost, t.value) for t in trades if t.cost is not None]
    total = sum(value for _, value in known)
    return sum(cost * value for cost, value in known) / total if total else None


def _slippage_text(evidence: Evidence, trades: Sequence[_Trade], mean: float | None) -> str:
    if not trades:
        return "  nothing was filled"
    rows = tuple(
        (
            number,
            _when(evidence, t.at),
            t.symbol,
            f"{t.quantity:+,}",
            "" if t.quote is None else f"{t.quote:.2f}",
            f"{t.price:.2f}",
            "" if t.cost is None else f"{t.cost:.1f}",
        )
        for number, t in enumerate(trades, 1)
    )
    columns = ("fill", "executed", "symbol", "shares", "quote", "price", "bps")
    mean_text = "not known" if mean is None else f"{mean:.1f} bps"
    bought = sum(t.side > 0 for t in trades)
    return (
        f"{_listed('', columns, rows, 'rllrrrr')}\n  {bought} bought, {len(trades) - bought} sold; "
        f"mean by value {mean_text}, above 0 it cost us money"
    )


def _draw_slippage(figure: Figure, trades: Sequence[_Trade], mean: float | None) -> None:
    title = "cost against the price at the request, basis points, fill by fill"
    (axes,) = panels(figure, (title if trades else "nothing was filled",))
    for name, side, marker, colour in _SIDES:
        mine = [
            (n, t.cost) for n, t in enumerate(trades, 1) if t.side == side and t.cost is not None
        ]
        if mine:
            axes.plot(
                [number for number, _ in mine],
                [cost for _, cost in mine],
                linestyle="none",
                marker=marker,
                color=colour,
                label=f"{name} {len(mine)}",
            )
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    if mean is not None:
        axes.axhline(mean, color=BLUE, linewidth=1.0, linestyle="--", label=f"mean {mean:.1f} bps")
    whole_numbers(axes)
    said(figure)


# --- the grid ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """One symbol's prices, base line and fills."""

    symbol: str
    prices: tuple[tuple[datetime, Decimal], ...]
    bases: tuple[tuple[datetime, Decimal], ...]  # from when on
    spacing: Decimal  # account currency per share
    trades: tuple[_Trade, ...]


def grid_lines(source: Charted, symbol: str = "") -> Chart:
    """Return prices, the grid's lines and the fills over them, a panel for each symbol.

    Parameters
    ----------
    source
        A session of a grid strategy, or evidence.
    symbol
        One symbol alone; empty: all.

    Raises
    ------
    DataError
        If the strategy's state holds no grid, or none of this symbol.
    """
    evidence = evidence_of(source)
    found = _grids(evidence)
    if not found or (symbol and symbol not in found):
        known = ", ".join(found) or "none"
        raise DataError(
            f"there is no grid of {symbol or 'any symbol'} in what the strategy saved; "
            f"there are: {known}"
        )
    grids = [found[symbol]] if symbol else list(found.values())
    return Chart(
        heading=f"Grid lines and fills · {day_words(evidence)}",
        text="\n".join(_grid_text(evidence, grid) for grid in grids),
        height=_EACH * len(grids) + 0.5,
        draw=lambda figure: _draw_grids(figure, evidence, grids),
    )


def _grids(evidence: Evidence) -> dict[str, _Grid]:
    """Return each symbol's grid, told by what the strategy saved."""
    bases = dict[str, list[tuple[datetime, Decimal]]]()
    spacing = dict[str, Decimal]()
    for entry in evidence.of(ev.StrategySaved):
        for symbol, saved in entry.event.state.items():
            if isinstance(saved, Mapping) and {"base", "grid"} <= saved.keys():
                spacing[symbol] = Decimal(str(saved["grid"]))
                _follow(bases.setdefault(symbol, []), entry.at, saved["base"])
    prices, trades = _prices(evidence), _trades(evidence)
    return {
        symbol: _Grid(
            symbol=symbol,
            prices=tuple(prices.get(symbol, ())),
            bases=tuple(bases[symbol]),
            spacing=spacing[symbol],
            trades=tuple(t for t in trades if t.symbol == symbol),
        )
        for symbol in sorted(spacing)
    }


def _follow(bases: list[tuple[datetime, Decimal]], at: datetime, base: Any) -> None:  # noqa: ANN401
    """Note a base that has moved."""
    if base is not None and (not bases or bases[-1][1] != Decimal(str(base))):
        bases.append((at, Decimal(str(base))))


def _prices(evidence: Evidence) -> dict[str, list[tuple[datetime, Decimal]]]:
    """Return each symbol's closes by the end of their bars, as the session saw them."""
    found = dict[str, dict[datetime, Decimal]]()
    for entry in evidence.merged(ev.PricesSeen, ev.DecisionTaken):
        event = entry.event
        for price in event.last if isinstance(event, ev.PricesSeen) else event.prices:
            found.setdefault(price.symbol, {})[price.end] = price.close
    return {symbol: sorted(closes.items()) for symbol, closes in found.items()}


def _grid_text(evidence: Evidence, grid: _Grid) -> str:
    closes = [close for _, close in grid.prices]
    seen = f"{min(closes)} to {max(closes)}, last {closes[-1]}" if closes else "none"
    rows = tuple(
        (_when(evidence, t.at), f"{t.quantity:+,}", f"{t.price:.2f}", t.tag) for t in grid.trades
    )
    title = f"{grid.symbol}: prices {seen}; {_bases_text(grid)}; a line every {grid.spacing}"
    return _listed(title, ("executed", "shares", "price", "line"), rows, "lrrl")


def _bases_text(grid: _Grid) -> str:
    if not grid.bases:
        return "no base yet"
    first, last = grid.bases[0][1], grid.bases[-1][1]
    moves = len(grid.bases) - 1
    return f"base {first} at first, {last} at last, {moves} move{'s' * (moves != 1)}"


def _draw_grids(figure: Figure, evidence: Evidence, grids: Sequence[_Grid]) -> None:
    times = [at for grid in grids for at, _ in grid.prices]
    axis = TradingTime(times, evidence.calendar.zone)
    every = panels(figure, [f"{grid.symbol}, a line every {grid.spacing}" for grid in grids])
    for axes, grid in zip(every, grids, strict=True):
        _draw_grid(axes, axis, grid)
    axis.write(every[-1])
    said(figure)


def _draw_grid(axes: Axes, axis: TradingTime, grid: _Grid) -> None:
    places = [axis.place(at) for at, _ in grid.prices]
    axes.plot(places, [float(c) for _, c in grid.prices], color=BLUE, linewidth=1.0, label="price")
    starts = [axis.place(at) for at, _ in grid.bases]
    levels = [float(base) for _, base in grid.bases]
    if starts:
        _draw_levels(axes, [*starts, max(places[-1], starts[-1])], [*levels, levels[-1]], grid)
    for name, side, marker, colour in _SIDES:
        mine = [t for t in grid.trades if t.side == side]
        if mine:
            axes.plot(
                [axis.place(t.at) for t in mine],
                [float(t.price) for t in mine],
                linestyle="none",
                marker=marker,
                markersize=7,
                color=colour,
                label=name,
            )


def _draw_levels(axes: Axes, places: list[int], levels: list[float], grid: _Grid) -> None:
    step = float(grid.spacing)
    shape: dict[str, Any] = {"drawstyle": "steps-post", "linewidth": 0.9}
    axes.plot(places, levels, color=RED, label="base", **shape)
    for name, sign in (("next lines", 1), ("", -1)):
        beside = [level + sign * step for level in levels]
        axes.plot(places, beside, color=GREY, linestyle="--", label=name, **shape)
