"""Carries out what operators ask of a running engine, or refuses it with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import nearest, shown, writable
from qtkit.ledger.adjustment import Adjustment, demand_bookable
from qtkit.model import events as ev
from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderOrigin, OrderType
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.command_outcomes import why_nothing_came
from qtkit.trading.engine.command_queue import Answer, Command, CommandQueue
from qtkit.trading.engine.commands import checked_arguments
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.diagnosis import diagnose_pending_orders
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.gate import Gate
from qtkit.trading.engine.manual_tasks import why_not_by_hand
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.schedule import PRIORITY
from qtkit.trading.engine.task_queue import TaskQueue

__all__ = ["CommandHandler"]

_LONGEST_WORD = 10_000  # letters of an argument
_LARGEST_INT = 2**63
_Arguments = Mapping[str, Any]
_Do = Callable[[_Arguments, str], None]
"""Carries a verb out, from its checked arguments and who asked."""


class CommandHandler:
    """Carries commands out on the engine's own thread; each becomes journal lines."""

    def __init__(
        self,
        context: EngineContext,
        *,
        orders: OrderEntry,
        closing: EndOfDay,
        tasks: TaskQueue,
        gate: Gate,
        connection: BrokerSession,
    ) -> None:
        self._context, self._orders, self._end_of_day, self._tasks = context, orders, closing, tasks
        self._gate, self._broker_session = gate, connection
        self._verbs: Mapping[str, _Do] = {
            "pause": self._pause,
            "resume": self._resume,
            "stop": self._stop,
            "kill": lambda given, by: self._set_kill_switch(given["why"], by, on=True),
            "lift": self._lift,
            "buy": lambda given, by: self._order(given, by, 1),
            "sell": lambda given, by: self._order(given, by, -1),
            "cancel": self._cancel,
            "cancel_task": self._cancel_task,
            "run_task": lambda given, by: self._run_task(given["task"], by),
            "refill": lambda _, by: self._run_task("refill", by),
            "gate": lambda _, __: _nothing(self._gate.judge("demand")),
            "diagnose": lambda _, __: _nothing(diagnose_pending_orders(self._context)),
            "reconcile": lambda _, __: _nothing(self._end_of_day.reconcile()),
            "adjust": self._adjust,
            "note": lambda _, __: None,
        }

    def take(self, inbox: CommandQueue) -> None:
        """Carry out what has come; what cannot be carried out is refused, with a reason."""
        for command in inbox.take(self._context.clock.now()):
            self._carry_out(_plain(command))

    def _carry_out(self, command: Command) -> None:
        context = self._context
        received = context.record(
            ev.CommandReceived(
                command=command.verb,
                arguments=command.arguments,
                by=command.by,
            )
        )
        refused = ""
        context.listener = came = list[ev.Event]()
        try:
            given = checked_arguments(command.verb, command.arguments, debug=context.settings.debug)
            self._verbs[command.verb](given, command.by)
        except ConfigError as problem:
            refused = str(problem)
        except ArithmeticError:
            refused = f"its numbers are too large to calculate with: {command.arguments}"
        finally:
            context.listener = None
        if refused:
            self._refuse(command.verb, command.by, refused)
        refused = refused or why_nothing_came(command.verb, came)
        if command.answer is not None:
            last = context.journal.seq
            command.answer(Answer(first_line=received.seq, last_line=last, refused=refused))

    def give_up(self, command: ev.CommandReceived) -> None:
        """Refuse a command that the power took away before anything came of it."""
        if command.command != "note":
            reason = "the power went before it was carried out; ask again"
            self._refuse(command.command, command.by, reason)

    def _refuse(self, verb: str, by: str, reason: str) -> None:
        context = self._context
        context.record(ev.CommandRefused(command=verb, reason=reason, by=by))

    def _pause(self, _: _Arguments, __: str) -> None:
        if self._context.state.status not in {EngineStatus.RUNNING, EngineStatus.SLEEPING}:
            raise ConfigError(f"the engine is {self._context.state.status}: nothing to pause")
        self._context.move(EngineStatus.PAUSED, "pause")

    def _resume(self, _: _Arguments, __: str) -> None:
        if self._context.state.status is not EngineStatus.PAUSED:
            raise ConfigError(f"the engine is {self._context.state.status}: nothing to resume")
        inside = self._context.inside(self._context.clock.now())
        self._context.move(EngineStatus.RUNNING if inside else EngineStatus.SLEEPING, "resume")

    def _stop(self, given: _Arguments, by: str) -> None:
        context, reason = self._context, given["reason"]
        if context.state.stop is None:
            context.record(ev.StopRequested(by=by, reason=reason))

    def _lift(self, given: _Arguments, by: str) -> None:
        if not given["why"].strip():
            raise ConfigError("lifting the kill switch needs a reason: why=TEXT")
        if not self._context.state.killed and not given["file"]:
            raise ConfigError("the kill switch is not on: nothing to lift")
        self._set_kill_switch(given["why"], by, on=False)

    def _set_kill_switch(self, why: str, by: str, *, on: bool) -> None:
        context, why = self._context, why.strip()
        context.record(ev.KillSwitchSet(on=on, by=by, why=why))

    def _order(self, given: _Arguments, by: str, side: int) -> None:
        limit = given.get("limit")
        intent = Intent(
            symbol=given["symbol"],
            quantity=side * given["quantity"],
            because=given["because"],
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
        )
        self._orders.place([intent], origin=OrderOrigin.OPERATOR, by=by)

    def _cancel(self, given: _Arguments, by: str) -> None:
        order_id = given["order_id"]
        if order_id not in self._context.state.ledger.orders:
            known = ", ".join(self._context.state.ledger.orders) or "none"
            raise ConfigError(f"{order_id!r} is no open order; open are: {known}")
        self._orders.cancel(order_id, by)

    def _cancel_task(self, given: _Arguments, _: str) -> None:
        if not self._tasks.cancel(given["task_id"]):
            raise ConfigError(
                f"{given['task_id']!r} is no task that is still to run; see `schedule`"
            )

    def _run_task(self, name: str, by: str) -> None:
        if reason := why_not_by_hand(self._context, name):
            raise ConfigError(f"{name} does not run now: {reason}")
        if not self._tasks.run_by_hand(name, by):
            raise ConfigError(f"there is no task {name!r}{nearest(name, PRIORITY)}")

    def _adjust(self, given: _Arguments, by: str) -> None:
        """Book what no order explains, on our side and on that of a broker that books it."""
        context, line, why = self._context, given.get("undo", 0), given["why"].strip()
        if not why:
            raise ConfigError("an adjustment needs a reason: why=TEXT")
        wanted = Adjustment(symbol=given["symbol"], quantity=given["quantity"], cash=given["cash"])
        wanted = self._contrary(line, wanted) if line else wanted
        demand_bookable(wanted, context.state.ledger, self._rules_of(wanted.symbol))
        context.record(
            ev.PositionAdjusted(
                symbol=wanted.symbol,
                quantity=wanted.quantity,
                cash=wanted.cash,
                by=by,
                why=why,
                adjustment_id=f"{context.state.predecessor or 'first'}-{context.journal.seq + 1}",
                undoes=line,
            )
        )
        context.journal.sync()
        self._broker_session.hand_over_adjustments()

    def _contrary(self, line: int, beside: Adjustment) -> Adjustment:
        """Return what takes an adjustment back; each can be taken back once."""
        if beside != Adjustment(symbol="", quantity=Decimal(0), cash=Decimal(0)):
            raise ConfigError(
                "undo takes a whole adjustment back: leave symbol, quantity and cash out"
            )
        known = self._context.state.adjustments
        event = known.get(line)
        if event is None:
            raise ConfigError(
                f"undo={line} is no journal line of an adjustment; there are "
                f"{', '.join(map(str, known)) or 'none'}"
            )
        again = next((n for n, other in known.items() if other.undoes == line), 0)
        if again:
            raise ConfigError(f"the adjustment of line {line} was undone by line {again}")
        done = Adjustment(symbol=event.symbol, quantity=event.quantity, cash=event.cash)
        return done.contrary

    def _rules_of(self, symbol: str) -> Instrument | None:
        context = self._context
        day = context.state.today or context.calendar.local_date(context.clock.now())
        try:
            return context.instrument_of(symbol, day) if symbol else None
        except DataError:
            return None


def _plain(command: Command) -> Command:
    """Return a command as a journal takes it: what is no JSON value is told as a word."""
    arguments = {_word(name): _spelt(value) for name, value in command.arguments.items()}
    return replace(command, verb=_word(command.verb), by=_word(command.by), arguments=arguments)


def _word(value: object) -> str:
    return writable(value)[:_LONGEST_WORD] if isinstance(value, str) else shown(value)


def _spelt(value: object) -> str | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, int) and abs(value) < _LARGEST_INT:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    return str(value) if isinstance(value, Decimal | float) else shown(value)


def _nothing(_: object) -> None:
    """Drop a result that is in the journal already."""
