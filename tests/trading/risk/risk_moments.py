"""A healthy moment in Shanghai, and requests to judge in it, for the risk tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from qtkit.model.instruments import Instrument
from qtkit.model.orders import OrderType
from qtkit.trading.risk.request import OrderRequest, RiskView

BANK = "600036.SH"
INSTRUMENT = Instrument(
    symbol=BANK,
    exchange="XSHG",
    family="main",
    currency="CNY",
    lot=Decimal(100),
    tick=Decimal("0.01"),
    price_limit=Decimal("0.10"),
    settle_days=1,
)
HEALTHY = RiskView(
    now=datetime(2026, 3, 4, 2, 0, tzinfo=UTC),
    trading_date=date(2026, 3, 4),
    zone=ZoneInfo("Asia/Shanghai"),
    segment_is_open=True,
    instrument=INSTRUMENT,
    last_price=Decimal("40.00"),
    last_close=Decimal("40.00"),
    band=(Decimal("36.00"), Decimal("44.00")),
    reference_price=None,
    free_cash=Decimal("100000.00"),
    reserve_needed=Decimal("44013.20"),
    position=Decimal(2000),
    sellable=Decimal(1000),
    killed=False,
    currency="CNY",
    kill_file=False,
)


def moment(**changes: object) -> RiskView:
    """Return the healthy moment with something changed; text stands for a Decimal."""
    local = changes.pop("local_time", None)
    if isinstance(local, time):
        changes["now"] = datetime.combine(HEALTHY.trading_date, local, HEALTHY.zone)
    values = {
        name: Decimal(value) if isinstance(value, str) and name != "currency" else value
        for name, value in changes.items()
    }
    return replace(HEALTHY, **values)


def order(quantity: str | int = 1000, limit: str | None = None) -> OrderRequest:
    return OrderRequest(
        order_id="o1",
        symbol=BANK,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
    )
