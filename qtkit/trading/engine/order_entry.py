"""From intents to orders: judged, written down together, then sent one by one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable
from qtkit.core.verdict import Verdict
from qtkit.core.verdict import error as not_judged
from qtkit.ledger.ledger import Ledger
from qtkit.market.instruments import price_band
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderOrigin, OrderType, owner
from qtkit.model.quotes import Quote
from qtkit.trading.brokers.protocol import Ack, Order
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.order_outcomes import acknowledge, doubt, give_up
from qtkit.trading.risk.judge import Permit, judge
from qtkit.trading.risk.kill_file import kill_file_is_there
from qtkit.trading.risk.normalise import normalised
from qtkit.trading.risk.request import RiskView

__all__ = ["OrderEntry"]

_ZERO = Decimal(0)
_PLAIN = (None, None, None)  # no stop price, no end in time, no routing
_STRATEGY = OrderOrigin.STRATEGY
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NO_BAND_MARGIN = Decimal("1.10")  # a market buy reserves this much of the quote without a band


class _Wish(NamedTuple):
    """Whose intents are placed."""

    origin: OrderOrigin
    by: str
    step: int | None

    @property
    def owner(self) -> str:
        return owner(self.origin, self.by)


class _Terms(NamedTuple):
    """What is known of a symbol on a date."""

    instrument: Instrument | None
    last_close: Decimal | None
    band: tuple[Decimal, Decimal] | None


class OrderEntry:
    """Sends orders and cancels.

    Parameters
    ----------
    context
        The engine's shared parts.
    connection
        Told when the broker does not answer.
    """

    def __init__(self, context: EngineContext, connection: BrokerSession) -> None:
        self._context, self._broker_session = context, connection
        self._terms, self._terms_of = dict[str, _Terms](), date.min

    def place(
        self,
        intents: Iterable[Intent],
        *,
        origin: OrderOrigin = _STRATEGY,
        by: str = "",
        step: int | None = None,
    ) -> None:
        """Judge intents, write all that come of them down together, then send one by one.

        All of it is on disk before anything leaves; so is a decision of which nothing came. What is
        asked for by hand is judged by the prices of now, not by those of the last step.
        """
        if origin is not _STRATEGY:
            self._context.look()
        wish = _Wish(origin, by, step)
        ready = [pair for i in intents if (pair := self._requested(i, wish)) is not None]
        self._context.journal.sync()
        for order, permit in ready:
            self._send(order, permit)

    def _requested(self, intent: Intent, wish: _Wish) -> tuple[Order, Permit] | None:
        """Record one intent as a request or a refusal."""
        context, state, now = self._context, self._context.state, self._context.clock.now()
        today = state.today
        terms = self._terms_on(intent.symbol, today or context.calendar.local_date(now))
        instrument, quote = terms.instrument, self._quote(intent.symbol)
        try:
            if instrument is not None:
                intent = normalised(intent, instrument)
            view, reserve_price = self._risk_view(intent, terms, quote, now)
        except ArithmeticError:
            self._refuse(intent, wish, quote, (_too_large(intent),))
            return None
        order = Order(
            order_id=f"{context.order_prefix}{state.next_order:06d}",
            symbol=intent.symbol,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            stop_price=intent.stop_price,
            time_in_force=intent.time_in_force,
            expires=intent.expires,
            trading_date=view.trading_date,
            reserve_price=reserve_price,
            routing=intent.routing,
        )
        if intent.symbol not in state.instruments:
            self._list(intent.symbol)
        judgement = judge(order, view, context.rules)
        if judgement.permit is None or today is None:
            self._refuse(intent, wish, quote, judgement.refusals)
            return None
        context.record(_request_of(order, intent, wish, view, quote))
        return order, judgement.permit

    def _list(self, symbol: str) -> None:
        """Tell the rules of an instrument that no day's beginning has told."""
        today = self._context.state.today
        rules = None if today is None else self._context.untold_rules(symbol, today)
        if rules is not None:
            self._context.record(ev.InstrumentsListed(instruments=(rules,)))

    def _refuse(
        self,
        intent: Intent,
        wish: _Wish,
        quote: Quote | None,
        verdicts: tuple[Verdict, ...],
    ) -> None:
        if not verdicts:  # allowed by every rule, but there is no trading date to book it on
            verdicts = (not_judged("the exchange is closed", fix="wait for a trading day"),)
        price = intent.limit_price or intent.stop_price or (quote.last if quote else None)
        self._context.record(
            ev.OrderRefused(
                symbol=intent.symbol,
                quantity=intent.quantity,
                price=price,
                because=intent.because,
                origin=wish.origin,
                by=wish.by,
                verdicts=verdicts,
                step=wish.step,
            )
        )

    def _quote(self, symbol: str) -> Quote | None:
        """Return the newest finished bar, if the view shows a price."""
        price = self._context.view.last(symbol)
        return None if price is None else Quote(symbol=symbol, at=price.end, last=price.close)

    def _terms_on(self, symbol: str, day: date) -> _Terms:
        """Return what is known of a symbol on a date; what is known in full does not change."""
        if day != self._terms_of:
            self._terms, self._terms_of = {}, day
        known = self._terms.get(symbol)
        if known is not None:
            return known
        instrument = self._context.instrument_today(symbol)
        last_close = self._context.close_before(symbol, day)
        band = price_band(instrument, last_close) if instrument and last_close else None
        terms = _Terms(instrument, last_close, band)
        if instrument and last_close:
            self._terms[symbol] = terms
        return terms

    def _risk_view(
        self, intent: Intent, terms: _Terms, quote: Quote | None, now: datetime
    ) -> tuple[RiskView, Decimal]:
        """Return what the rules see, and the price per share that a buy reserves cash at."""
        context, state, symbol = self._context, self._context.state, intent.symbol
        ledger, (instrument, last_close, band) = state.ledger, terms
        price = intent.limit_price or intent.stop_price or (quote.last if quote else last_close)
        worst, buys = self._worst_price(intent, band, price), intent.quantity > _ZERO
        # by place where there are many: a call with more than fifteen names takes ten times as long
        view = RiskView(
            now,
            self._terms_of,
            context.calendar.zone,
            context.is_open(nanos(now)),
            instrument,
            quote.last if quote else None,
            last_close=last_close,
            band=band,
            reference_price=price,
            free_cash=ledger.free_cash,
            reserve_needed=(
                instrument.reserve(intent.quantity, worst) if instrument and buys else _ZERO
            ),
            position=ledger.position(symbol),
            sellable=ledger.sellable(symbol),
            killed=state.killed,
            kill_file=kill_file_is_there(context.kill_file),
            currency=ledger.currency,
            incoming=_incoming(ledger, symbol),
            turnover=state.turnover,
        )
        return view, worst

    def _worst_price(
        self, intent: Intent, band: tuple[Decimal, Decimal] | None, price: Decimal | None
    ) -> Decimal:
        """Return what a buy may cost per share at most."""
        if intent.limit_price is not None and intent.order_type in _LIMITED:
            return intent.limit_price
        if band is not None:
            return band[1]
        return (price or _ZERO) * _NO_BAND_MARGIN

    def _send(self, order: Order, permit: Permit) -> None:
        """Do what was recorded; whatever comes of it is recorded in turn."""
        context = self._context
        try:
            ack = context.broker.submit(order, permit)
        except BrokerTimeout as problem:
            doubt(context, order.order_id, problem)
        except BrokerUnavailable as problem:
            give_up(context, order.order_id, f"not sent: {problem}")
            self._broker_session.disconnected(problem)
        except Exception as problem:  # noqa: BLE001 - whatever it was, the order may have arrived
            context.trouble("submit", problem)
            doubt(context, order.order_id, problem)
        else:
            acknowledge(context, order.order_id, ack)

    def cancel(self, order_id: str, by: str) -> None:
        """Ask the broker to cancel what is left of an order; the end comes as news."""
        context = self._context
        context.record(ev.CancelRequested(order_id=order_id, by=by))
        context.journal.sync()
        try:
            ack = context.broker.cancel(order_id)
        except (BrokerTimeout, BrokerUnavailable) as problem:
            ack = Ack(answer="refused", reason_code="no_answer", reason=str(problem))
        if ack.answer == "refused":
            reason = f"{ack.reason_code}: {ack.reason}"
            context.record(ev.CancelFailed(order_id=order_id, reason=reason))


def _request_of(
    order: Order, intent: Intent, wish: _Wish, view: RiskView, quote: Quote | None
) -> ev.OrderRequested:
    """Return what is written down before an order leaves."""
    request = ev.OrderRequested(
        order_id=order.order_id,
        symbol=order.symbol,
        quantity=order.quantity,
        order_type=order.order_type,
        limit_price=order.limit_price,
        reserved_cash=view.reserve_needed,
        because=intent.because,
        origin=wish.origin,
        by=wish.by,
        tag=intent.tag,
        quote=quote,
        venue=view.instrument.exchange if view.instrument else "",
        step=wish.step,
        time_in_force=order.time_in_force,
    )
    if (order.stop_price, order.expires, order.routing) == _PLAIN:
        return request
    # few orders have them, and a call with more than fifteen names takes ten times as long
    return replace(
        request, stop_price=order.stop_price, expires=order.expires, routing=order.routing
    )


def _too_large(intent: Intent) -> Verdict:
    return not_judged(
        f"{intent.symbol}: {intent.quantity} are too many to calculate with",
        fix="correct the quantity",
    ).named("risk.arithmetic")


def _incoming(ledger: Ledger, symbol: str) -> Decimal:
    """Return the shares that open buys may still bring."""
    if not ledger.has_open_order(symbol):
        return _ZERO
    buys = (o for o in ledger.orders.values() if o.symbol == symbol and o.quantity > 0)
    return sum((o.remaining for o in buys), _ZERO)
