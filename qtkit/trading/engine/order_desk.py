"""From intents to orders, and from the broker's news to the book. The only caller of the broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, DataError, StrategyError
from qtkit.core.verdict import Verdict
from qtkit.core.verdict import error as not_judged
from qtkit.market.instruments import price_band
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent
from qtkit.model.money import decimal_of
from qtkit.model.orders import OrderMove, OrderStatus, OrderType
from qtkit.trading.brokers.protocol import (
    Ack,
    BrokerAccept,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerOrderEnd,
    Order,
)
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.engine.history import newest
from qtkit.trading.risk.judge import Permit, judge
from qtkit.trading.risk.kill_file import kill_file_is_there
from qtkit.trading.risk.normalise import normalised
from qtkit.trading.risk.request import OrderRequest, RiskView
from qtkit.trading.strategy.contract import Fill

__all__ = ["OrderDesk"]

_ZERO = Decimal(0)
_NO_BAND_MARGIN = Decimal("1.10")  # a market buy reserves this much of the quote without a band
_RETRY = timedelta(seconds=5)


class OrderDesk:
    """Orders out, news in.

    Parameters
    ----------
    core
        The engine's shared parts.
    """

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._ask_again: datetime | None = None
        self.reconnected = False  # since somebody looked and took note

    # --- orders out ------------------------------------------------------------------------

    def place(self, intents: Iterable[Intent], *, source: str, step: int | None = None) -> None:
        """Judge intents, write all that come of them down together, then send one by one.

        All of it is on disk before anything leaves; so is a decision of which nothing came.
        """
        ready = [pair for i in intents if (pair := self._requested(i, source, step)) is not None]
        self._core.journal.sync()
        for order, permit in ready:
            self._send(order, permit)

    def _requested(
        self, intent: Intent, source: str, step: int | None
    ) -> tuple[Order, Permit] | None:
        """Record one intent as a request or a refusal."""
        core, today = self._core, self._core.state.today
        instrument = self._instrument(intent.symbol)
        if instrument is not None:
            intent = normalised(intent, instrument)
        quote = self._quote(intent.symbol)
        view, reserve_price = self._risk_view(intent, instrument, quote)
        request = OrderRequest(
            order_id=f"{core.order_prefix}{core.state.next_order:06d}",
            symbol=intent.symbol,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            source=source,
            is_manual=source != "strategy",
        )
        judgement = judge(request, view, core.rules)
        if judgement.permit is None or today is None:
            self._refuse(intent, source, step, quote, judgement.refusals)
            return None
        core.record(
            ev.OrderRequested(
                trading_date=today,
                order_id=request.order_id,
                symbol=intent.symbol,
                quantity=intent.quantity,
                order_type=intent.order_type,
                limit_price=intent.limit_price,
                reserved_cash=view.reserve_needed,
                because=intent.because,
                source=source,
                tag=intent.tag,
                quote=quote,
                venue=instrument.exchange if instrument else "",
                step=step,
            )
        )
        core.log.say(
            "order_requested", order_id=request.order_id, symbol=intent.symbol,
            quantity=intent.quantity, source=source, because=intent.because,
        )  # fmt: skip
        order = Order(
            order_id=request.order_id,
            symbol=intent.symbol,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            trading_date=today,
            reserve_price=reserve_price,
        )
        return order, judgement.permit

    def _refuse(
        self,
        intent: Intent,
        source: str,
        step: int | None,
        quote: ev.LastPrice | None,
        verdicts: tuple[Verdict, ...],
    ) -> None:
        if not verdicts:  # allowed by every rule, but there is no trading date to book it on
            verdicts = (not_judged("the exchange is closed", fix="wait for a trading day"),)
        price = intent.limit_price or (quote.close if quote else None)
        self._core.record(
            ev.OrderRefused(
                trading_date=self._core.state.today,
                symbol=intent.symbol,
                quantity=intent.quantity,
                price=price,
                because=intent.because,
                source=source,
                verdicts=verdicts,
                step=step,
            )
        )
        self._core.log.say(
            "order_refused", symbol=intent.symbol, quantity=intent.quantity, source=source,
            rule_id=verdicts[0].rule, reason=verdicts[0].summary,
        )  # fmt: skip

    def _instrument(self, symbol: str) -> Instrument | None:
        today = self._core.state.today
        try:
            return None if today is None else self._core.instrument_of(symbol, today)
        except DataError:
            return None

    def _quote(self, symbol: str) -> ev.LastPrice | None:
        """Return the newest finished bar, if the view shows a price."""
        core = self._core
        if symbol not in core.history.series or not core.view.price(symbol) > 0:
            return None
        end, close = newest(core.history, symbol)
        return ev.LastPrice(symbol=symbol, end=end, close=decimal_of(close))

    def _risk_view(
        self, intent: Intent, instrument: Instrument | None, quote: ev.LastPrice | None
    ) -> tuple[RiskView, Decimal]:
        """Return what the rules see, and the price per share that a buy reserves cash at."""
        core = self._core
        ledger, now = core.state.ledger, core.clock.now()
        today = core.state.today or core.calendar.local_date(now)
        last_close = core.close_before(intent.symbol, today)
        band = price_band(instrument, last_close) if instrument and last_close else None
        price = intent.limit_price or (quote.close if quote else last_close)
        worst = self._worst_price(intent, band, price)
        moment = nanos(now)
        view = RiskView(
            now=now,
            trading_date=today,
            local_time=now.astimezone(core.calendar.zone).time(),
            segment_is_open=any(start <= moment < end for start, end in core.segments),
            instrument=instrument,
            last_price=quote.close if quote else None,
            last_close=last_close,
            band=band,
            reference_price=price,
            free_cash=ledger.free_cash,
            reserve_needed=(
                core.fees.reserve(intent.quantity, worst) if intent.quantity > 0 else _ZERO
            ),
            position=ledger.position(intent.symbol),
            sellable=ledger.sellable(intent.symbol),
            killed=core.state.killed,
            kill_file=kill_file_is_there(core.kill_file),
            currency=ledger.currency,
        )
        return view, worst

    def _worst_price(
        self, intent: Intent, band: tuple[Decimal, Decimal] | None, price: Decimal | None
    ) -> Decimal:
        """Return what a buy may cost per share at most."""
        if intent.order_type is OrderType.LIMIT and intent.limit_price is not None:
            return intent.limit_price
        if band is not None:
            return band[1]
        return (price or _ZERO) * _NO_BAND_MARGIN

    def _send(self, order: Order, permit: Permit) -> None:
        """Do what was recorded; whatever comes of it is recorded in turn."""
        core, today = self._core, self._core.state.today
        try:
            ack = core.broker.submit(order, permit)
        except BrokerTimeout as problem:
            self._doubt(order.order_id, problem)
            return
        except BrokerUnavailable as problem:
            core.record(
                ev.OrderLost(
                    trading_date=today, order_id=order.order_id, reason=f"not sent: {problem}"
                )
            )
            self.disconnected(problem)
            return
        self._acknowledged(order.order_id, ack)

    def _acknowledged(self, order_id: str, ack: Ack) -> None:
        core, today = self._core, self._core.state.today
        if ack.answer == "accepted":
            core.record(
                ev.OrderAccepted(
                    trading_date=today,
                    order_id=order_id,
                    broker_order_id=ack.broker_order_id,
                    broker_name=core.broker.name,
                    accepted_at=core.clock.now(),
                )
            )
            core.log.say("order_accepted", order_id=order_id, broker_order_id=ack.broker_order_id)
        elif ack.answer == "refused":
            self._rejected(order_id, ack.reason_code, ack.reason)

    def _doubt(self, order_id: str, problem: Exception) -> None:
        today = self._core.state.today
        self._core.record(
            ev.OrderDoubted(trading_date=today, order_id=order_id, reason=str(problem))
        )
        self._core.log.say("order_doubted", order_id=order_id, reason=problem)

    def _rejected(self, order_id: str, code: str, reason: str) -> None:
        self._core.record(
            ev.OrderRejected(
                trading_date=self._core.state.today,
                order_id=order_id,
                reason_code=code,
                reason=reason,
            )
        )
        self._core.log.say("order_rejected", order_id=order_id, reason_code=code, reason=reason)

    def cancel(self, order_id: str, by: str) -> None:
        """Ask the broker to cancel what is left of an order; the end comes as news."""
        core, today = self._core, self._core.state.today
        core.record(ev.CancelRequested(trading_date=today, order_id=order_id, by=by))
        core.journal.sync()
        core.log.say("cancel_requested", order_id=order_id, by=by)
        try:
            ack = core.broker.cancel(order_id)
        except (BrokerTimeout, BrokerUnavailable) as problem:
            ack = Ack(answer="refused", reason_code="no_answer", reason=str(problem))
        if ack.answer == "refused":
            reason = f"{ack.reason_code}: {ack.reason}"
            core.record(ev.CancelFailed(trading_date=today, order_id=order_id, reason=reason))
            core.log.say("cancel_failed", order_id=order_id, reason=reason)

    # --- news in ---------------------------------------------------------------------------

    def take_news(self) -> None:
        """Take what the broker reports, and let the strategy's state move with its fills."""
        core = self._core
        if not core.state.connected:
            return
        try:
            news = core.broker.poll_fills()
        except BrokerUnavailable as problem:
            self.disconnected(problem)
            return
        for item in news:
            self._take(item)
        if core.state.fills_since_saved:
            self.move_strategy()

    def _take(self, item: BrokerEvent) -> None:
        ledger, today = self._core.state.ledger, self._core.state.today
        match item:
            case BrokerFill():
                self._fill(item)
            case BrokerAccept() if self._is_unanswered(item.order_id):
                self._acknowledged(
                    item.order_id, Ack(answer="accepted", broker_order_id=item.broker_order_id)
                )
            case BrokerOrderEnd(how="rejected") if ledger.can(item.order_id, OrderMove.REJECT):
                self._rejected(item.order_id, item.reason_code, item.reason)
            case BrokerOrderEnd() if ledger.can(item.order_id, OrderMove.CANCEL):
                order = ledger.orders[item.order_id]
                rest = order.quantity - order.filled
                self._core.record(
                    ev.OrderCancelled(
                        trading_date=today, order_id=item.order_id, quantity=rest, reason=item.how
                    )
                )
                self._core.log.say("order_cancelled", order_id=item.order_id, reason=item.how)
            case _:
                pass  # a repeat of what is known: only fills are counted

    def _is_unanswered(self, order_id: str) -> bool:
        order = self._core.state.ledger.orders.get(order_id)
        return order is not None and order.status in {OrderStatus.REQUESTED, OrderStatus.DOUBTFUL}

    def _fill(self, fill: BrokerFill) -> None:
        """Book an execution, once; what cannot be booked is recorded and never dropped."""
        core, state = self._core, self._core.state
        if state.ledger.knows_fill(fill.fill_id):
            core.record(
                ev.FillRepeated(
                    trading_date=state.today, order_id=fill.order_id, fill_id=fill.fill_id
                )
            )
            return
        why = self._unbookable(fill)
        if why:
            core.record(
                ev.FillUnmatched(
                    trading_date=state.today,
                    order_id=fill.order_id,
                    broker_order_id=fill.broker_order_id,
                    fill_id=fill.fill_id,
                    symbol=fill.symbol,
                    quantity=fill.quantity,
                    price=fill.price if fill.price.is_finite() else _ZERO,
                    reason=why,
                )
            )
            core.log.say("fill_unmatched", fill_id=fill.fill_id, reason=why)
            return
        order = state.ledger.order(fill.order_id)
        ended = order is not None and order.status in {OrderStatus.CANCELLED, OrderStatus.LOST}
        core.record(
            ev.OrderFilled(
                trading_date=state.today,
                order_id=fill.order_id,
                broker_order_id=fill.broker_order_id,
                fill_id=fill.fill_id,
                symbol=fill.symbol,
                quantity=fill.quantity,
                price=fill.price,
                commission=fill.commission,
                tax=fill.tax,
                executed_at=fill.executed_at,
                settles=self._settles(fill),
                venue=fill.venue,
                late=str(order.status) if ended and order is not None else "",
            )
        )
        core.log.say(
            "order_filled", order_id=fill.order_id, fill_id=fill.fill_id, symbol=fill.symbol,
            quantity=fill.quantity, price=fill.price,
        )  # fmt: skip

    def _unbookable(self, fill: BrokerFill) -> str:
        numbers = {"price": fill.price, "commission": fill.commission, "tax": fill.tax}
        odd = [f"{name} {n}" for name, n in numbers.items() if not n.is_finite() or n < 0]
        if odd or not fill.price:
            return f"the broker reports {', '.join(odd) or 'a price of 0'}"
        return self._core.state.ledger.unbookable(fill.order_id, fill.symbol, fill.quantity)

    def _settles(self, fill: BrokerFill) -> date:
        core = self._core
        day = core.calendar.local_date(fill.executed_at)
        instrument = self._instrument(fill.symbol)
        wait = instrument.settle_days if instrument else 0
        return core.calendar.session_after(day, wait) if wait and fill.quantity > 0 else day

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
            self._core.trouble("on_fill", problem)
            raise

    def _move_strategy(self) -> None:
        core = self._core
        for event in core.state.fills_since_saved:
            tag = core.state.tags.get(event.order_id)
            if tag is None:
                continue  # an operator's own order
            core.strategy.on_fill(
                Fill(
                    order_id=event.order_id,
                    fill_id=event.fill_id,
                    symbol=event.symbol,
                    quantity=event.quantity,
                    price=event.price,
                    executed_at=event.executed_at,
                    tag=tag,
                ),
                core.view,
            )
        core.record(ev.StrategySaved(trading_date=core.state.today, state=core.strategy.state()))

    # --- connection and doubt ----------------------------------------------------------------

    def connect(self) -> None:
        """Connect, or say that it did not work; it is tried again."""
        core = self._core
        name = core.broker.name
        try:
            core.broker.connect()
        except BrokerUnavailable as problem:
            core.log.say("broker_unavailable", broker=name, error=problem)
            self._ask_again = core.clock.now() + _RETRY
            return
        self.reconnected = True
        core.record(ev.BrokerConnected(trading_date=core.state.today, broker_name=name))
        core.log.say("broker_connected", broker=name)
        self._ask_again = core.clock.now()

    def disconnected(self, problem: Exception) -> None:
        """Record that the broker does not answer any more."""
        core = self._core
        if core.state.connected:
            core.record(
                ev.BrokerDisconnected(
                    trading_date=core.state.today,
                    broker_name=core.broker.name,
                    error=str(problem),
                )
            )
            core.log.say("broker_disconnected", broker=core.broker.name, error=problem)
        self._ask_again = core.clock.now() + _RETRY

    def look_after(self) -> None:
        """Reconnect, and settle orders in doubt by asking: never by sending again."""
        core = self._core
        now = core.clock.now()
        if self._ask_again is not None and now < self._ask_again:
            return
        if not core.state.connected:
            self.connect()
        if core.state.connected:
            self._ask_again = None
            for order_id, since in tuple(core.state.doubted_at.items()):
                self._settle_doubt(order_id, since, now)
            if core.state.doubted_at:
                self._ask_again = now + timedelta(seconds=core.settings.retry_seconds)

    def next_due(self) -> datetime | None:
        """Return when `look_after` has something to do."""
        if self._ask_again is not None:
            return self._ask_again
        return self._core.clock.now() if self._core.state.doubted_at else None

    def _settle_doubt(self, order_id: str, since: datetime, now: datetime) -> None:
        core = self._core
        grace = timedelta(seconds=core.settings.doubt_grace_seconds)
        try:
            found = core.broker.find(order_id)
            report = core.broker.account() if found is None and now - since >= grace else None
        except (BrokerUnavailable, BrokerTimeout) as problem:
            core.log.say("doubt_unsettled", order_id=order_id, error=problem)
            return
        if found is not None:
            self.settle(found)
        elif report is not None and all(o.order_id != order_id for o in report.open_orders):
            self.give_up(order_id, "unknown_at_broker")

    def settle(self, found: BrokerOrder) -> None:
        """Take the broker's word for an order that was not answered; its fills come as news."""
        if found.status == "rejected":
            self._rejected(found.order_id, found.reason_code, found.reason)
        else:
            self._acknowledged(
                found.order_id, Ack(answer="accepted", broker_order_id=found.broker_order_id)
            )

    def give_up(self, order_id: str, reason: str) -> None:
        """Record that an order never reached the broker."""
        core = self._core
        core.record(ev.OrderLost(trading_date=core.state.today, order_id=order_id, reason=reason))
        core.log.say("order_lost", order_id=order_id, reason=reason)

    def settle_after_crash(self) -> None:
        """Ask for every order whose sending was cut short; the unsent rest is given up."""
        ledger = self._core.state.ledger
        waiting = [o.order_id for o in ledger.orders.values() if o.status == OrderStatus.REQUESTED]
        for order_id in waiting:
            try:
                found = self._core.broker.find(order_id)
            except (BrokerUnavailable, BrokerTimeout) as problem:
                self._doubt(order_id, problem)
                continue
            if found is None:
                self.give_up(order_id, "restart")
            else:
                self.settle(found)
