"""Coming back after a crash: state, strategy, doubtful orders, and the day's rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from qtkit.core.calendars import Segment
from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, JournalCorrupt
from qtkit.model import events as ev
from qtkit.model.events import PlannedTask
from qtkit.model.orders import OrderStatus
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.command_handler import CommandHandler
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.description import engine_description
from qtkit.trading.engine.execution_reports import ExecutionReports
from qtkit.trading.engine.order_outcomes import doubt, give_up, settle

__all__ = ["CaughtUp", "GoesOn", "Recovery", "catch_up"]


@dataclass(frozen=True, slots=True)
class GoesOn:
    """What a session that was cut off goes on under, and what of it an operator accepted."""

    digests: ev.Digests
    changes: Sequence[ev.SettingsChanged] = ()


class ResumedDay(Protocol):
    """The day of the crash, as far as a return needs it."""

    def resume(self, last: datetime) -> None:
        """Go on with the day of a crash whose last line was written at `last`, or leave it."""


class Recovery:
    """Brings an engine back to where its journal ends.

    Parameters
    ----------
    context
        The engine's shared parts.
    broker_session, execution_reports, commands, trading_day
        The engine's own; each goes on with what it left.
    """

    def __init__(
        self,
        context: EngineContext,
        *,
        broker_session: BrokerSession,
        execution_reports: ExecutionReports,
        commands: CommandHandler,
        trading_day: ResumedDay,
    ) -> None:
        self._context, self._trading_day = context, trading_day
        self._broker_session, self._execution_reports = broker_session, execution_reports
        self._commands = commands

    def come_back(self, goes_on: GoesOn, tell_news: Callable[[], None]) -> None:
        """Fold the journal, note the return, settle what was in doubt, go on with the day.

        Raises
        ------
        JournalCorrupt
            If the journal does not begin with a session, or the session has ended.
        """
        context, last = self._context, self._folded()
        described = engine_description()
        context.record(
            ev.SessionResumed(
                entries=context.journal.seq,
                torn_bytes=getattr(context.journal, "torn_bytes", 0),
                doubtful=tuple(context.state.ledger.orders),
                digests=goes_on.digests,
                engine=None if context.state.engine == described else described,
            )
        )
        for change in goes_on.changes:
            context.record(change)
        tell_news()
        if isinstance(last.event, ev.CommandReceived):
            self._commands.give_up(last.event)
        context.strategy.restore(context.state.strategy_state)
        if context.state.fills_since_saved:
            self._execution_reports.move_strategy()
        self._broker_session.connect()
        self._settle_unanswered()
        self._execution_reports.take_news()
        if context.state.status is EngineStatus.STOPPED and context.state.stop is None:
            context.move(EngineStatus.SLEEPING, "start")
        self._trading_day.resume(last.at)

    def _folded(self) -> ev.Entry:
        """Take every entry into account, and return the last."""
        context, last = self._context, None
        for entry in context.journal.entries():
            if (entry.seq == 1) is not isinstance(entry.event, ev.SessionStarted):
                raise JournalCorrupt(
                    f"journal line {entry.seq}: a session starts on line 1 and nowhere else. "
                    "See runbooks/journal-corrupt.md"
                )
            context.state.apply(entry)
            context.files.replay(entry, context.state.ledger)
            last = entry
        if last is None or context.state.ended:
            raise JournalCorrupt(
                "the journal's session has ended; start a new session, it gets a journal of its own"
            )
        if isinstance(last.event, ev.AccountReconciled):
            context.files.write_reconciliation(last.at, last)  # the power may have gone before
        context.files.caught_up()
        return last

    def _settle_unanswered(self) -> None:
        """Ask for every order whose sending was cut short; the unsent rest is given up."""
        context, orders = self._context, self._context.state.ledger.orders
        waiting = [o.order_id for o in orders.values() if o.status == OrderStatus.REQUESTED]
        for order_id in waiting:
            try:
                known = context.broker.find(order_id)
            except (BrokerUnavailable, BrokerTimeout) as problem:
                doubt(context, order_id, problem)
                continue
            if known is None:
                give_up(context, order_id, "restart")
            else:
                settle(context, known)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What becomes of one row when the engine comes to a day."""

    task: PlannedTask
    fate: Literal["keep", "missed", "already_done"]


def catch_up(
    tasks: Sequence[PlannedTask],
    now: datetime,
    segments: Sequence[Segment],
    *,
    closed_already: bool,
) -> tuple[CaughtUp, ...]:
    """Return the fate of each row of a day when the engine comes to it at `now`.

    A row that is due at `now` exactly is not past. Of the past rows, `pre_open` is kept;
    `open_market` is kept if `now` is inside its segment; `prepare_strategy` if its step is still to
    come; `post_close` if the day has not been closed; `close_market` is not replayed, its effect is
    a state; the rest is missed.
    """
    to_come = {t.step for t in tasks if t.task == "run_strategy" and t.due >= now}
    inside = next((s for s in segments if s.start <= now < s.end), None)

    def fate(task: PlannedTask) -> Literal["keep", "missed", "already_done"]:
        if task.task == "post_close" and closed_already:
            return "already_done"
        if task.due >= now or task.task in {"pre_open", "post_close"}:
            return "keep"
        if task.task == "prepare_strategy" and task.step in to_come:
            return "keep"
        if task.task == "open_market" and inside is not None and task.due == inside.start:
            return "keep"
        return "missed"

    return tuple(CaughtUp(task, fate(task)) for task in tasks)
