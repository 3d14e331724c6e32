"""How a day, and a session, comes to its end."""

from __future__ import annotations

from datetime import date

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, StrategyError
from qtkit.core.verdict import Verdict, error
from qtkit.ledger.reconcile import CASH_TOLERANCE, reconcile
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.books import Book
from qtkit.model.status import EngineStatus
from qtkit.trading.brokers.protocol import AccountReport
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.diagnosis import diagnose_pending_orders
from qtkit.trading.engine.execution_reports import ExecutionReports
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.strategy_runner import state_digest

__all__ = ["EndOfDay"]


class EndOfDay:
    """Cancels what is open, holds our book against the broker's, closes the books."""

    def __init__(self, context: EngineContext, orders: OrderEntry, news: ExecutionReports) -> None:
        self._context, self._orders, self._execution_reports = context, orders, news

    def close_day(self, day: date, *, early: bool) -> None:
        """Close the books of a date; after an early closing the day's own is still due."""
        context = self._context
        self._execution_reports.take_news()
        if not early or context.settings.on_stop == "cancel":
            self.cancel_open("post_close" if not early else "stop")
        self.reconcile()
        diagnose_pending_orders(context)
        context.record(
            ev.DayClosed(trading_date=day, early=early, book=context.state.ledger.book())
        )
        self._confirm()

    def _confirm(self) -> None:
        """Let the broker forget the news that are on disk here."""
        try:
            self._context.broker.confirm()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            # nothing follows the end; the next session is told the same news
            if not self._context.state.ended:
                self._context.note_trouble("news_unconfirmed", self._context.broker.name, problem)

    def cancel_open(self, by: str) -> None:
        """Cancel every open order at the broker, and take the news of it."""
        for order_id in tuple(self._context.state.ledger.orders):
            self._orders.cancel(order_id, by)
        self._execution_reports.take_news()

    def reconcile(self) -> tuple[Verdict, ...]:
        """Hold our book against the broker's own, and record what came of it."""
        context = self._context
        ours = context.state.ledger.book()
        try:
            report = context.broker.account()
            verdicts = reconcile(
                ours,
                report,
                cash_tolerance=CASH_TOLERANCE,
                unmatched_fills=context.state.fills_unmatched,
            )
        except (BrokerUnavailable, BrokerTimeout) as problem:
            report = AccountReport(cash=ours.cash * 0, positions={}, open_orders=())
            verdicts = (_unanswered(problem),)
        entry = context.record(_reconciled(verdicts, ours, report))
        context.files.write_reconciliation(context.clock.now(), entry)
        return verdicts

    def stop(self) -> None:
        """End the session in order: a second stop does nothing."""
        context, state = self._context, self._context.state
        request = state.stop
        if state.ended or request is None:
            return
        for task in tuple(state.plan.values()):
            context.record(ev.TaskCancelled(task_id=task.task_id, task=task.task, by="stop"))
        self._execution_reports.take_news()
        if context.settings.on_stop == "cancel" and state.ledger.orders:
            self.cancel_open("stop")
        if state.today is not None and self._day_is_unfinished():
            self.close_day(state.today, early=True)
        self._leave(request)

    def _day_is_unfinished(self) -> bool:
        """Whether trading has begun today and the books are not closed."""
        context, state = self._context, self._context.state
        if not context.segments or state.today in state.closed:
            return False

        return nanos(context.clock.now()) >= context.segments[0][0]

    def _leave(self, request: ev.StopRequested) -> None:
        context, state = self._context, self._context.state
        self._save_strategy()
        context.files.write_break_point(state, context.journal.seq)
        if state.status is not EngineStatus.STOPPED:
            before = state.status
            context.record(
                ev.StatusChanged(
                    before=before,
                    after=EngineStatus.STOPPED,
                    because="stop",
                )
            )
        context.record(ev.SessionEnded(reason=request.reason, closing=state.ledger.book()))
        self._confirm()

    def _save_strategy(self) -> None:
        """Record the strategy's state; where it raises, the one recorded last stays."""
        context = self._context
        try:
            saved = context.strategy.state()
            state_digest(saved)
        except StrategyError as problem:
            context.trouble("stop", problem)
        else:
            context.record(ev.StrategySaved(state=saved))


def _unanswered(problem: Exception) -> Verdict:
    return error(
        f"the broker did not answer: {problem}",
        fix="see runbooks/broker-disconnected.md, then `reconcile` again",
    ).named("reconcile.account")


def _reconciled(
    verdicts: tuple[Verdict, ...], ours: Book, report: AccountReport
) -> ev.AccountReconciled:
    return ev.AccountReconciled(
        verdicts=verdicts,
        ours=ours,
        broker_cash=report.cash,
        broker_positions=dict(sorted(report.positions.items())),
        broker_open_orders=tuple(sorted(o.order_id for o in report.open_orders)),
        cash_tolerance=CASH_TOLERANCE,
    )
