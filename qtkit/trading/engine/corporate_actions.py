"""A date begins: last closes, trading rules, and what splits and dividends did to the book."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from qtkit.core.errors import ConfigError
from qtkit.ledger.adjustment import Adjustment, demand_bookable
from qtkit.model import events as ev
from qtkit.model.corporate_actions import CorporateAction, holding_change
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext

__all__ = ["begin_date", "book_actions"]

_SHARE = Decimal(1)


def begin_date(context: EngineContext, broker: BrokerSession, day: date) -> None:
    """Record that the session enters a date, and book what took effect since the last one."""
    symbols = tuple(dict.fromkeys((*context.strategy_symbols, *context.state.ledger.positions)))
    before = context.state.today or context.state.last_day or day - timedelta(days=1)
    closes = {s: context.close_before(s, day) for s in context.strategy_symbols}
    context.record(
        ev.DayStarted(
            trading_date=day,
            open=bool(context.segments),
            last_closes={symbol: close for symbol, close in closes.items() if close},
            instruments=context.rules_on(day),
            actions=tuple(context.actions(symbols, before, day)),
        )
    )
    book_actions(context, broker)


def book_actions(context: EngineContext, broker: BrokerSession) -> None:
    """Book today's splits and dividends on what is held; what is booked already stays once."""
    booked = {event.adjustment_id for event in context.state.adjustments.values()}
    due = [a for a in context.state.actions if a.action_id not in booked]
    for action in due:
        if context.state.ledger.position(action.symbol):
            _book(context, action)
    if due:
        broker.hand_over_adjustments()


def _book(context: EngineContext, action: CorporateAction) -> None:
    ledger, symbol = context.state.ledger, action.symbol
    instrument = context.instrument_today(symbol)
    step = instrument.step if instrument else _SHARE
    close = context.close_before(symbol, action.ex_date)
    quantity, cash = holding_change(action, ledger.position(symbol), step, close)
    if not quantity and not cash:
        return
    try:
        wanted = Adjustment(symbol=symbol, quantity=quantity, cash=cash)
        demand_bookable(wanted, ledger, instrument)
    except ConfigError as problem:
        context.note_trouble("corporate_action", action.action_id, problem)
        return
    context.record(
        ev.PositionAdjusted(
            symbol=symbol,
            quantity=quantity,
            cash=cash,
            by="corporate_action",
            why=str(action),
            adjustment_id=action.action_id,
        )
    )
