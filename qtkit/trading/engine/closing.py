"""How a day, and a session, comes to its end."""

from __future__ import annotations

from datetime import date

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, StrategyError
from qtkit.core.verdict import Status, Verdict, error
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.books import Book
from qtkit.trading.brokers.protocol import AccountReport
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.engine.decision import state_digest
from qtkit.trading.engine.diagnosis import diagnose_pending_orders
from qtkit.trading.engine.news_desk import NewsDesk
from qtkit.trading.engine.order_desk import OrderDesk
from qtkit.trading.engine.states import EngineStatus
from qtkit.trading.ledger.reconcile import CASH_TOLERANCE, reconcile

__all__ = ["ClosingDesk"]


class ClosingDesk:
    """Cancels what is open, holds our book against the broker's, closes the books."""

    def __init__(self, core: EngineCore, orders: OrderDesk, news: NewsDesk) -> None:
        self._core, self._orders, self._news = core, orders, news

    def close_day(self, day: date, *, early: bool) -> None:
        """Close the books of a date; after an early closing the day's own is still due."""
        core = self._core
        self._news.take_news()
        if not early or core.settings.on_stop == "cancel":
            self.cancel_open("post_close" if not early else "stop")
        self.reconcile()
        diagnose_pending_orders(core)
        core.record(ev.DayClosed(trading_date=day, early=early, book=core.state.ledger.book()))
        self._confirm()
        core.log.say("day_closed", day=day, early=early)

    def _confirm(self) -> None:
        """Let the broker forget the news that are on disk here."""
        try:
            self._core.broker.confirm()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            self._core.log.say("news_unconfirmed", error=problem)

    def cancel_open(self, by: str) -> None:
        """Cancel every open order at the broker, and take the news of it."""
        for order_id in tuple(self._core.state.ledger.orders):
            self._orders.cancel(order_id, by)
        self._news.take_news()

    def reconcile(self) -> tuple[Verdict, ...]:
        """Hold our book against the broker's own, and record what came of it."""
        core = self._core
        ours = core.state.ledger.book()
        try:
            report = core.broker.account()
            verdicts = reconcile(
                ours,
                report,
                cash_tolerance=CASH_TOLERANCE,
                unmatched_fills=core.state.fills_unmatched,
            )
        except (BrokerUnavailable, BrokerTimeout) as problem:
            report = AccountReport(cash=ours.cash * 0, positions={}, open_orders=())
            verdicts = (_unanswered(problem),)
        entry = core.record(_reconciled(core.state.today, verdicts, ours, report))
        core.files.write_reconciliation(core.clock.now(), entry)
        bad = [v.rule for v in verdicts if not v.allows and v.status is not Status.SKIP]
        core.log.say("account_reconciled", is_ok=not bad, failures=",".join(bad))
        return verdicts

    def stop(self) -> None:
        """End the session in order: a second stop does nothing."""
        core, state = self._core, self._core.state
        request = state.stop
        if state.ended or request is None:
            return
        for task in tuple(state.plan.values()):
            core.record(
                ev.TaskCancelled(
                    trading_date=state.today, task_id=task.task_id, task=task.task, by="stop"
                )
            )
            core.log.say("task_cancelled", task=task.task, task_id=task.task_id, by="stop")
        self._news.take_news()
        if core.settings.on_stop == "cancel" and state.ledger.orders:
            self.cancel_open("stop")
        if state.today is not None and self._day_is_unfinished():
            self.close_day(state.today, early=True)
        self._leave(request)

    def _day_is_unfinished(self) -> bool:
        """Whether trading has begun today and the books are not closed."""
        core, state = self._core, self._core.state
        if not core.segments or state.today in state.closed:
            return False

        return nanos(core.clock.now()) >= core.segments[0][0]

    def _leave(self, request: ev.StopRequested) -> None:
        core, state = self._core, self._core.state
        self._save_strategy()
        core.files.write_break_point(state, core.journal.seq)
        if state.status is not EngineStatus.STOPPED:
            before = state.status
            core.record(
                ev.StatusChanged(
                    trading_date=state.today,
                    before=before,
                    after=EngineStatus.STOPPED,
                    because="stop",
                )
            )
            core.log.say("status_changed", before=before, after="stopped", because="stop")
        core.log.say("session_ended", reason=request.reason)
        core.record(
            ev.SessionEnded(
                trading_date=state.today, reason=request.reason, closing=state.ledger.book()
            )
        )
        self._confirm()

    def _save_strategy(self) -> None:
        """Record the strategy's state; where it raises, the one recorded last stays."""
        core = self._core
        try:
            saved = core.strategy.state()
            state_digest(saved)
        except StrategyError as problem:
            core.trouble("stop", problem)
        else:
            core.record(ev.StrategySaved(trading_date=core.state.today, state=saved))


def _unanswered(problem: Exception) -> Verdict:
    return error(
        f"the broker did not answer: {problem}",
        fix="see runbooks/broker-disconnected.md, then `reconcile` again",
    ).named("reconcile.account")


def _reconciled(
    day: date | None, verdicts: tuple[Verdict, ...], ours: Book, report: AccountReport
) -> ev.AccountReconciled:
    return ev.AccountReconciled(
        trading_date=day,
        verdicts=verdicts,
        ours=ours,
        broker_cash=report.cash,
        broker_positions=dict(sorted(report.positions.items())),
        broker_open_orders=tuple(sorted(o.order_id for o in report.open_orders)),
        cash_tolerance=CASH_TOLERANCE,
    )
