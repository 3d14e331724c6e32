"""What operators can ask of a running engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.text import shown, writable
from qtkit.ledger.adjustment import Adjustment, demand_bookable
from qtkit.model import events as ev
from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderOrigin, OrderType
from qtkit.model.status import EngineStatus
from qtkit.trading.engine.broker_session import BrokerSession
from qtkit.trading.engine.command_outcomes import why_nothing_came
from qtkit.trading.engine.command_queue import Answer, Command, CommandQueue
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.diagnosis import diagnose_pending_orders
from qtkit.trading.engine.end_of_day import EndOfDay
from qtkit.trading.engine.gate import Gate
from qtkit.trading.engine.manual_tasks import why_not_by_hand
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.schedule import PRIORITY
from qtkit.trading.engine.task_queue import TaskQueue

__all__ = ["CommandHandler"]

_Do = Callable[[Command], None]
_LONGEST_WORD = 10_000  # letters of an argument
_LARGEST_INT = 2**63
_LONGEST_LINE = 16  # digits of a journal line's number
_WORDS: Mapping[str, frozenset[str]] = {
    verb: frozenset(words.split())
    for verb, words in {
        "pause": "", "resume": "", "stop": "reason", "kill": "why", "lift": "why file",
        "buy": "symbol quantity limit because", "sell": "symbol quantity limit because",
        "cancel": "order_id", "cancel_task": "task_id", "run_task": "task",
        "gate": "", "diagnose": "", "reconcile": "", "adjust": "symbol quantity cash why undo",
    }.items()
}  # fmt: skip


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
            "kill": lambda command: self._kill_switch(command, on=True),
            "lift": lambda command: self._kill_switch(command, on=False),
            "buy": lambda command: self._order(command, 1),
            "sell": lambda command: self._order(command, -1),
            "cancel": self._cancel,
            "cancel_task": self._cancel_task,
            "run_task": self._run_task,
            "gate": lambda _: _nothing(self._gate.judge("demand")),
            "diagnose": lambda _: _nothing(diagnose_pending_orders(self._context)),
            "reconcile": lambda _: _nothing(self._end_of_day.reconcile()),
            "adjust": self._adjust,
            "note": lambda _: None,
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
        context.log.say("command_received", command=command.verb, by=command.by)
        refused = ""
        context.listener = came = list[ev.Event]()
        try:
            self._verb(command)(command)
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
        context.log.say("command_refused", command=verb, reason=reason)

    def _verb(self, command: Command) -> _Do:
        if command.verb not in self._verbs:
            raise ConfigError(
                f"there is no command {command.verb!r}; there are {', '.join(self._verbs)}"
            )
        unknown = sorted(command.arguments.keys() - _WORDS.get(command.verb, command.arguments))
        if unknown:
            known = ", ".join(sorted(_WORDS[command.verb])) or "none"
            raise ConfigError(
                f"{command.verb} has no argument {', '.join(map(repr, unknown))}; it has {known}"
            )
        return self._verbs[command.verb]

    def _pause(self, _: Command) -> None:
        if self._context.state.status not in {EngineStatus.RUNNING, EngineStatus.SLEEPING}:
            raise ConfigError(f"the engine is {self._context.state.status}: nothing to pause")
        self._context.move(EngineStatus.PAUSED, "pause")

    def _resume(self, _: Command) -> None:
        if self._context.state.status is not EngineStatus.PAUSED:
            raise ConfigError(f"the engine is {self._context.state.status}: nothing to resume")
        inside = self._context.inside(self._context.clock.now())
        self._context.move(EngineStatus.RUNNING if inside else EngineStatus.SLEEPING, "resume")

    def _stop(self, command: Command) -> None:
        context = self._context
        if context.state.stop is None:
            reason = str(command.arguments.get("reason", "stop"))
            context.record(ev.StopRequested(by=command.by, reason=reason))
            context.log.say("stop_requested", reason=reason, by=command.by)

    def _kill_switch(self, command: Command, *, on: bool) -> None:
        why = str(command.arguments.get("why", "")).strip()
        if not on and not why:
            raise ConfigError("lifting the kill switch needs a reason: why=TEXT")
        context = self._context
        if not on and not context.state.killed and not command.arguments.get("file"):
            raise ConfigError("the kill switch is not on: nothing to lift")
        context.record(ev.KillSwitchSet(on=on, by=command.by, why=why))
        context.log.say("kill_switch_set", on=on, by=command.by, why=why)

    def _order(self, command: Command, side: int) -> None:
        arguments = command.arguments
        quantity = _number(arguments, "quantity")
        limit = _number(arguments, "limit") if arguments.get("limit") is not None else None
        if quantity <= 0:
            raise ConfigError(f"quantity must be above 0, was {quantity}")
        intent = Intent(
            symbol=str(arguments.get("symbol", "")),
            quantity=side * quantity,
            because=str(arguments.get("because", "by hand")),
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
        )
        self._orders.place([intent], origin=OrderOrigin.OPERATOR, by=command.by)

    def _cancel(self, command: Command) -> None:
        order_id = str(command.arguments.get("order_id", ""))
        if order_id not in self._context.state.ledger.orders:
            known = ", ".join(self._context.state.ledger.orders) or "none"
            raise ConfigError(f"{order_id!r} is no open order; open are: {known}")
        self._orders.cancel(order_id, command.by)

    def _cancel_task(self, command: Command) -> None:
        task_id = str(command.arguments.get("task_id", ""))
        if not self._tasks.cancel(task_id):
            raise ConfigError(f"{task_id!r} is no task that is still to run; see `schedule`")

    def _run_task(self, command: Command) -> None:
        name = str(command.arguments.get("task", ""))
        if reason := why_not_by_hand(self._context, name):
            raise ConfigError(f"{name} does not run now: {reason}")
        if not self._tasks.run_by_hand(name):
            raise ConfigError(f"there is no task {name!r}; there are {', '.join(PRIORITY)}")

    def _adjust(self, command: Command) -> None:
        """Book what no order explains, on our side and on that of a broker that books it."""
        context, arguments = self._context, command.arguments
        why = str(arguments.get("why", "")).strip()
        if not why:
            raise ConfigError("an adjustment needs a reason: why=TEXT")
        line = _line(arguments)
        wanted = self._contrary(line) if line else _adjustment(arguments)
        demand_bookable(wanted, context.state.ledger, self._rules_of(wanted.symbol))
        context.record(
            ev.PositionAdjusted(
                symbol=wanted.symbol,
                quantity=wanted.quantity,
                cash=wanted.cash,
                by=command.by,
                why=why,
                adjustment_id=f"{context.state.predecessor or 'first'}-{context.journal.seq + 1}",
                undoes=line,
            )
        )
        context.journal.sync()
        context.log.say(
            "position_adjusted", symbol=wanted.symbol, quantity=wanted.quantity,
            cash=wanted.cash, by=command.by, why=why,
        )  # fmt: skip
        self._broker_session.hand_over_adjustments()

    def _contrary(self, line: int) -> Adjustment:
        """Return what takes an adjustment back; each can be taken back once."""
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


def _adjustment(arguments: Mapping[str, Any]) -> Adjustment:
    return Adjustment(
        symbol=str(arguments.get("symbol", "")),
        quantity=_number(arguments, "quantity", "0"),
        cash=_number(arguments, "cash", "0"),
    )


def _line(arguments: Mapping[str, Any]) -> int:
    """Return the journal line that is to be undone; 0 for none."""
    text = str(arguments.get("undo", ""))
    if not text:
        return 0
    others = sorted({"symbol", "quantity", "cash"} & arguments.keys())
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < _LONGEST_LINE or others:
        raise ConfigError(
            f"undo is the number of a journal line, and needs no {', '.join(others) or 'words'}; "
            f"was {text[:40]!r}"
        )
    return int(text)


def _number(arguments: Mapping[str, Any], name: str, default: str | None = None) -> Decimal:
    found = arguments.get(name, default)
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ConfigError(f"{name} must be a number, was {found!r}")
    return number


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
