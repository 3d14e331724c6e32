"""What an operator may set about risk, and the rules that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import time
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from qtkit.trading.risk.limits import day_turnover_is_within, position_is_within
from qtkit.trading.risk.request import Rule
from qtkit.trading.risk.rules import (
    cash_is_enough,
    instrument_is_known,
    kill_switch_is_off,
    lot_and_tick_fit,
    order_quantity_is_within,
    order_value_is_within,
    price_is_in_band,
    quantity_is_sellable,
    symbol_is_allowed,
    time_is_in_window,
)

__all__ = ["RiskSettings", "rules_of"]


class RiskSettings(BaseModel):
    """Limits on orders, and where and when orders may leave at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_order_value: Decimal | None = Field(
        default=Decimal(500_000), gt=0, description="account currency; none: no limit"
    )
    max_order_quantity: Decimal | None = Field(
        default=Decimal(1_000_000), gt=0, description="shares; none: no limit"
    )
    max_position_quantity: Decimal | None = Field(
        default=None, gt=0, description="shares of one symbol, open buys included; none: no limit"
    )
    max_day_turnover: Decimal | None = Field(
        default=None, gt=0, description="value of a day's orders, account currency; none: no limit"
    )
    allowed_symbols: tuple[str, ...] | None = Field(
        default=None, description="none: the session's symbols"
    )
    trading_windows: tuple[tuple[time, time], ...] = Field(
        default=(),
        description="local times HH:MM, half-open, inside the exchange's segments; "
        "none: the segments themselves",
    )

    @field_validator("trading_windows")
    @classmethod
    def _windows_are_in_order(
        cls, windows: tuple[tuple[time, time], ...]
    ) -> tuple[tuple[time, time], ...]:
        mistakes = list(_mistakes_in(windows))
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return windows


def rules_of(settings: RiskSettings, session_symbols: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Return the rules that the settings ask for.

    Parameters
    ----------
    settings
        What the operator set.
    session_symbols
        Symbols of the session, allowed when the settings name none.
    """
    allowed = settings.allowed_symbols
    limits: list[Rule] = []
    if settings.max_order_value is not None:
        limits.append(order_value_is_within(settings.max_order_value))
    if settings.max_order_quantity is not None:
        limits.append(order_quantity_is_within(settings.max_order_quantity))
    if settings.max_position_quantity is not None:
        limits.append(position_is_within(settings.max_position_quantity))
    if settings.max_day_turnover is not None:
        limits.append(day_turnover_is_within(settings.max_day_turnover))
    return (
        kill_switch_is_off,
        instrument_is_known,
        symbol_is_allowed(session_symbols if allowed is None else allowed),
        time_is_in_window(settings.trading_windows),
        lot_and_tick_fit,
        price_is_in_band,
        quantity_is_sellable,
        cash_is_enough,
        *limits,
    )


def _mistakes_in(windows: tuple[tuple[time, time], ...]) -> Iterator[str]:
    for start, end in windows:
        if start.tzinfo is not None or end.tzinfo is not None:
            yield f"window {start} to {end} has a time zone; give local times of the exchange"
        elif start >= end:
            yield f"window {start:%H:%M} to {end:%H:%M} is empty; its end must be after its start"
