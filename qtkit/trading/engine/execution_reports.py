"""From the broker's news to the book: what cannot be booked is recorded and never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from qtkit.core.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    DataError,
    StrategyError,
)
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.money import is_amount
from qtkit.model.orders import OrderMove, OrderStatus
from qtkit.trading.brokers.answer_validation import NewsItem, Unusable
from qtkit.trading.brokers.protocol import (
    Ack,
    BrokerAccept,
    BrokerFill,
    BrokerOrderEnd,
)
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.description import FILL_CHANNEL
from qtkit.trading.engine.order_outcomes import acknowledge, reject
from qtkit.trading.strategy.protocol import Fill, JsonObject

__all__ = ["ExecutionReports"]

_ZERO = Decimal(0)
_GIVEN_UP = frozenset({OrderStatus.CANCELLED, OrderStatus.LOST})


class ExecutionReports:
    """Takes the broker's news, and lets the strategy's state move with its fills.

    Parameters
    ----------
    context
        The engine's shared parts.
    connection
        Told when the broker does not answer.
    """

    def __init__(self, context: EngineContext, connection: BrokerSession) -> None:
        self._context, self._broker_session = context, connection
        self._unusable = set[str]()  # told once: a broker may repeat its news

    def take_news(self) -> None:
        """Take what the broker reports, and let the strategy's state move with its fills."""
        context = self._context
        if not context.state.connected:
            return
        try:
            news = context.broker.poll_fills()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            self._broker_session.disconnected(problem)
            return
        if news:
            self._take_in(news)
        if context.state.fills_since_saved:
            self.move_strategy()

    def _take_in(self, news: Sequence[NewsItem]) -> None:
        """Take an answer; the fills in it that were booked before it are counted."""
        fresh, fills, known = list[NewsItem](), list[BrokerFill](), list[BrokerFill]()
        for item in news:
            if isinstance(item, BrokerFill):
                if self._is_booked(item):
                    known.append(item)
                    continue
                fills.append(item)
            fresh.append(item)
        if known:
            self._repeated(known)
        self._report(fills)
        for item in fresh:
            self._take(item)

    def _report(self, fills: Sequence[BrokerFill]) -> None:
        """Write down what the broker told for the first time, before any of it is booked."""
        known, fresh = self._context.state.reported, dict[tuple[str, str], ev.FillReport]()
        for fill in fills:
            key = fill.order_id, fill.fill_id
            if key not in known:
                fresh[key] = _report_of(fill)
        if fresh:
            self._context.record(
                ev.FillsReported(channel=FILL_CHANNEL, fills=tuple(fresh.values()))
            )

    def _take(self, item: NewsItem) -> None:
        if isinstance(item, BrokerFill):
            self._fill(item)
            return
        ledger = self._context.state.ledger
        match item:
            case BrokerAccept() if self._is_unanswered(item.order_id):
                acknowledge(
                    self._context,
                    item.order_id,
                    Ack(answer="accepted", broker_order_id=item.broker_order_id),
                )
            case BrokerOrderEnd(how="rejected") if ledger.can(item.order_id, OrderMove.REJECT):
                reject(self._context, item.order_id, item.reason_code, item.reason)
            case BrokerOrderEnd() if ledger.can(item.order_id, OrderMove.CANCEL):
                order = ledger.orders[item.order_id]
                rest = order.quantity - order.filled
                self._context.record(
                    ev.OrderCancelled(order_id=item.order_id, quantity=rest, reason=item.how)
                )
            case Unusable() if item.why not in self._unusable:
                self._unusable.add(item.why)
                self._context.trouble("poll_fills", BrokerError(item.why))
            case _:
                pass  # a repeat of what is known: only fills are counted

    def _is_unanswered(self, order_id: str) -> bool:
        order = self._context.state.ledger.orders.get(order_id)
        return order is not None and order.status in {OrderStatus.REQUESTED, OrderStatus.DOUBTFUL}

    def _fill(self, fill: BrokerFill) -> None:
        """Book an execution, once; what cannot be booked is recorded and never dropped."""
        context, state = self._context, self._context.state
        if self._is_booked(fill):
            self._repeated([fill])
            return
        why = self._unbookable(fill)
        settles = None if why else self._settles(fill)
        if settles is None:
            why = why or f"its time {fill.executed_at.isoformat()} is beyond the calendar"
            if not (fill.fill_id and (fill.order_id, fill.fill_id) in state.unmatched):
                self._unmatched(fill, why)  # else a new connection tells what is in the journal
            return
        order = state.ledger.order(fill.order_id)
        ended = order is not None and order.status in _GIVEN_UP
        context.record(
            ev.OrderFilled(
                order_id=fill.order_id,
                broker_order_id=fill.broker_order_id,
                fill_id=fill.fill_id,
                symbol=fill.symbol,
                quantity=fill.quantity,
                price=fill.price,
                commission=fill.commission,
                tax=fill.tax,
                executed_at=fill.executed_at,
                settles=settles,
                venue=fill.venue,
                channel=FILL_CHANNEL,
                late=str(order.status) if ended and order is not None else "",
                multiplier=fill.multiplier,
            )
        )

    def _is_booked(self, fill: BrokerFill) -> bool:
        return self._context.state.ledger.knows_fill(fill.fill_id)

    def _repeated(self, fills: Sequence[BrokerFill]) -> None:
        """Count fills that came again; one line, however many there are."""
        first, last = fills[0], fills[-1]
        self._context.record(
            ev.FillRepeated(
                order_id=first.order_id,
                fill_id=first.fill_id,
                count=len(fills),
                last_fill_id=last.fill_id if len(fills) > 1 else "",
            )
        )

    def _unmatched(self, fill: BrokerFill, why: str) -> None:
        """Record an execution that cannot be booked: reconciliation shows that it happened."""
        context = self._context
        context.record(
            ev.FillUnmatched(
                order_id=fill.order_id,
                broker_order_id=fill.broker_order_id,
                fill_id=fill.fill_id,
                symbol=fill.symbol,
                quantity=_finite(fill.quantity),
                price=_finite(fill.price),
                reason=why,
            )
        )

    def _unbookable(self, fill: BrokerFill) -> str:
        price, commission, tax = fill.price, fill.commission, fill.tax
        amounts = (
            is_amount(fill.quantity)
            and is_amount(price)
            and is_amount(commission)
            and is_amount(tax)
        )
        if not (amounts and price > _ZERO and commission >= _ZERO and tax >= _ZERO):
            return _odd_numbers(fill)
        return self._context.state.ledger.unbookable(fill.order_id, fill.symbol, fill.quantity)

    def _settles(self, fill: BrokerFill) -> date | None:
        """Return the date from which shares can be sold; None when the calendar cannot tell."""
        context = self._context
        instrument = context.instrument_today(fill.symbol) if fill.quantity > _ZERO else None
        wait = instrument.settle_days if instrument else 0
        try:
            day = self._date_of(fill.executed_at)
            return context.calendar.session_after(day, wait) if wait else day
        except (DataError, OverflowError):
            return None

    def _date_of(self, executed_at: datetime) -> date:
        """Return the trading date of an execution: it is known when its bar ends."""
        context, at = self._context, nanos(executed_at)
        for start, end in context.segments:
            if start < at <= end and context.state.today is not None:
                return context.state.today
        return date_of_bar(context.calendar, executed_at)

    def move_strategy(self) -> None:
        """Hand the strategy its fills that are not in its saved state, and save what it makes.

        Raises
        ------
        StrategyError
            If the strategy raised. Nobody knows its state then, so nobody catches this: the engine
            ends as in a crash, and the next start hands over the same fills.
        """
        try:
            self._move_strategy()
        except StrategyError as problem:
            self._context.trouble("on_fill", problem)
            raise

    def _move_strategy(self) -> None:
        context = self._context
        tags, own = context.state.tags, list[ev.OrderFilled]()
        for event in context.state.fills_since_saved:
            is_own = event.order_id in tags
            fill = Fill(
                order_id=event.order_id,
                fill_id=event.fill_id,
                symbol=event.symbol,
                quantity=event.quantity,
                price=event.price,
                executed_at=event.executed_at,
                tag=tags.get(event.order_id, ""),
                own=is_own,
            )
            if is_own:
                own.append(event)
                context.strategy.on_fill(fill, context.view)
            else:
                self._show_operators(fill)
        context.record(ev.StrategySaved(state=self._state(own)))

    def _show_operators(self, fill: Fill) -> None:
        """Show the strategy an operator's fill; where it raises, its state is as it was before."""
        strategy = self._context.strategy
        try:
            before = strategy.state()
        except StrategyError:
            return  # `_state` says so
        try:
            strategy.on_fill(fill, self._context.view)
        except StrategyError as problem:
            self._context.trouble("on_fill", problem)
            strategy.restore(before)

    def _state(self, own: Sequence[ev.OrderFilled]) -> JsonObject:
        """Return the strategy's state; where only operators' orders filled, nothing may go wrong.

        What an operator sells must be booked however ill the strategy is; its state did not move.
        """
        context = self._context
        try:
            saved = context.strategy.state()
        except StrategyError as problem:
            if own:
                raise
            context.trouble("state", problem)
            return context.state.strategy_state
        return saved


def _odd_numbers(fill: BrokerFill) -> str:
    """Return which numbers of a fill cannot be booked."""
    numbers = {"price": fill.price, "commission": fill.commission, "tax": fill.tax}
    odd = [f"{name} {n}" for name, n in numbers.items() if not n.is_finite() or n < 0]
    if odd or not fill.price:
        return f"the broker reports {', '.join(odd) or 'a price of 0'}"
    return f"the broker reports what no book takes: {fill.quantity} shares at {fill.price}"


def _report_of(fill: BrokerFill) -> ev.FillReport:
    """Return an execution as the broker told it; a number that is none is told as 0."""
    return ev.FillReport(
        order_id=fill.order_id,
        fill_id=fill.fill_id,
        symbol=fill.symbol,
        quantity=_finite(fill.quantity),
        price=_finite(fill.price),
    )


def _finite(number: Decimal) -> Decimal:
    return number if number.is_finite() else _ZERO
