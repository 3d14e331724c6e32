"""A small market by hand: two Shanghai shares, weekdays, one-minute bars named by their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from qtkit import testing
from qtkit.core.clock import ManualClock
from qtkit.model.bars import Bars
from qtkit.model.fees import Charge, Fees
from qtkit.model.instruments import Instrument
from qtkit.model.orders import OrderType
from qtkit.runtime.market_data import joined
from qtkit.testing import DAY, at
from qtkit.trading.brokers.protocol import Order
from qtkit.trading.brokers.sim.settings import SimMarket

SHARE, OTHER = "600000.SH", "000651.SZ"
Row = tuple[str, float, float, float, float, float]  # end, open, high, low, close, volume


def D(text: str | int) -> Decimal:  # noqa: N802 - reads as the number it makes
    """Return a decimal number."""
    return Decimal(text)


def bars_of(rows: Sequence[Row], symbol: str = SHARE, day: date = DAY) -> Bars:
    """Return bars, one per row."""
    return testing.bars_of(symbol, ((at(row[0], day), *row[1:]) for row in rows))


FEES = Fees(
    buys=(Charge(name="commission", rate=D("0.0003"), minimum=D("5.00")),),
    sells=(
        Charge(name="commission", rate=D("0.0003"), minimum=D("5.00")),
        Charge(name="stamp duty", rate=D("0.0005"), each_fill=True, tax=True),
    ),
)


def instrument(symbol: str, day: date) -> Instrument:
    """Return the rules of the two shares; others are not known."""
    if symbol not in {SHARE, OTHER}:
        raise KeyError(symbol)
    return Instrument(
        symbol=symbol,
        exchange="XSHG" if symbol == SHARE else "XSHE",
        family="main",
        currency="CNY",
        lot=D(100),
        tick=D("0.01"),
        price_limit=D("0.10"),
        settle_days=1,
        fees=FEES,
    )


def weekdays_later(day: date, count: int) -> date:
    """Return the date `count` weekdays later."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def market_of(bars: Mapping[str, Bars], last_close: str | None = "10.00") -> SimMarket:
    """Return a market whose symbols all closed at `last_close` before."""
    return SimMarket(
        bars=bars,
        instruments=instrument,
        close_before=lambda _symbol, _day: None if last_close is None else D(last_close),
        settle_date=weekdays_later,
        trading_date=lambda now: (now + timedelta(hours=8)).date(),
        market_close=lambda day: at("15:00", day) if day.weekday() < 5 else None,
        first_end_from=lambda moment: moment + 60_000_000_000,
    )


def order(
    number: int,
    quantity: int | Decimal,
    limit: str | None = None,
    *,
    symbol: str = SHARE,
    day: date = DAY,
    reserve: str = "11.00",
) -> Order:
    """Return a market order, or a limit order at `limit`."""
    return Order(
        order_id=f"A-{number:06d}",
        symbol=symbol,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
        trading_date=day,
        reserve_price=Decimal(reserve),
    )


def clock_at(local: str, day: date = DAY) -> ManualClock:
    """Return a clock that shows a Shanghai wall time."""
    return ManualClock(at(local, day))


NEXT_DAY = date(2026, 3, 5)
#       end      open   high   low    close  volume; an order may take a tenth of the volume
_FIRST = [
    ("09:31", 10.00, 10.05, 9.95, 10.02, 20_000.0),
    ("09:32", 10.02, 10.10, 10.00, 10.08, 5_000.0),
    ("09:33", 10.08, 10.08, 9.80, 9.92, 0.0),
    ("09:34", 9.92, 9.95, 9.80, 9.85, 50_000.0),
    ("15:00", 9.85, 9.95, 9.85, 9.90, 10_000.0),
]
_SECOND = [("09:31", 9.90, 9.95, 9.85, 9.90, 100_000.0)]
TWO_DAYS = market_of({SHARE: joined([bars_of(_FIRST), bars_of(_SECOND, day=NEXT_DAY)])})
