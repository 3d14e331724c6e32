"""Sessions on bars by hand: the engine, its journal and the simulated broker as they trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.spec import SessionSpec
from qtkit.sessions.local import LocalSession
from qtkit.testing.days import DAY
from qtkit.testing.prices import PricePath, hand_made_data
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["hand_made_session", "hand_made_spec", "intent"]


def intent(symbol: str, shares: Decimal | int | str, limit: str | None = None) -> Intent:
    """Return what a strategy wants; a limit price makes it a limit order.

    Examples
    --------
    >>> intent("600036.SH", -200, limit="10.05").order_type.value
    'limit'
    """
    return Intent(
        symbol=symbol,
        quantity=Decimal(shares),
        because="the script says so",
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
        tag="script",
    )


def hand_made_spec(
    strategy: StrategySpec,
    prices: Mapping[str, PricePath],
    *,
    days: Sequence[date] = (DAY,),
    volume: float = 100_000.0,
    settings: Mapping[str, Any] | None = None,
    **parts: Any,  # noqa: ANN401 - of a session's spec
) -> SessionSpec:
    """Return what `build` needs for simulated days on bars by hand.

    Parameters
    ----------
    strategy
        What trades.
    prices
        Symbol -> its price, or a function of the bar's number in its day.
    days
        Trading dates of the exchange, in order.
    volume
        Shares of each bar.
    settings
        Of the session, e.g. ``{"slippage_bps": 0}``.
    parts
        Anything else that a `SessionSpec` has: faults of broker or feed, commands, times.
    """
    calendar = exchange_calendar(strategy.exchange)
    return SessionSpec(
        strategy=strategy,
        settings=settings_of(settings),
        day=days[0],
        days=len(days),
        data=hand_made_data(prices, days, calendar, volume=volume),
        **parts,
    )


def hand_made_session(
    strategy: StrategySpec,
    prices: Mapping[str, PricePath],
    root: Path,
    **parts: Any,  # noqa: ANN401 - as `hand_made_spec` takes them
) -> LocalSession:
    """Return a session that has just started; it is advanced, commanded and read by its test.

    Parameters
    ----------
    strategy, prices, parts
        See `hand_made_spec`.
    root
        Where its folder is made.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from qtkit.testing import at, scripted_spec
    >>> buyer = scripted_spec({"09:35": [intent("600036.SH", 100)]}, ["600036.SH"])
    >>> with TemporaryDirectory() as folder:
    ...     with hand_made_session(buyer, {"600036.SH": 10.0}, Path(folder)) as session:
    ...         _ = session.advance(at("09:40"))
    ...         session.view.state.ledger.positions["600036.SH"].quantity
    Decimal('100')
    """
    return LocalSession.planned(hand_made_spec(strategy, prices, **parts), root=OutputRoot(root))
