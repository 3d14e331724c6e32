"""A running engine: lines on its socket, its operators' commands, what its strategy returns."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.model.events import (
    CommandReceived,
    CommandRefused,
    Entry,
    OrderRefused,
    StopRequested,
    StrategySaved,
)
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType
from qtkit.runtime.accounts import inherit
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.sessions.control.server import CommandServer
from qtkit.trading.engine.command_queue import Answer, Command
from tests.fuzz.border import Border, demand_sentence, outcome_of
from tests.fuzz.corpus import APPLE, DAYS, SOFT, Corpus, at
from tests.fuzz.mutations import JSON, LONG, NUMBERS, Dice, mutated

_ASKED = (
    b'{"verb": "buy", "arguments": {"symbol": "AAPL", "quantity": "100"}, "by": "anna"}',
    b'{"verb": "pause"}',
    b'{"verb": "adjust", "arguments": {"symbol": "MSFT", "quantity": 3, "cash": -1.5}}',
)
_DEFAULTS: dict[str, Any] = {"verb": "", "arguments": {}, "by": "operator"}
_MOST = Decimal(10) ** 12  # account currency or shares: more is no account


def engine_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield them."""

    def socket_line(dice: Dice, folder: Path) -> None:
        """A line that becomes a command is that command; others are refused, and all is open."""
        taken = list[Command]()
        server = CommandServer(folder / "s", lambda command: _take(taken, command))
        server.start()
        try:
            data = mutated(dice.pick(_ASKED) + b"\n", dice, JSON)
            replies = _asked(server.path, data + b"\n")
            for reply in replies:
                demand_sentence(reply["refused"] or "ok")
            _were_told(taken, data)
            del taken[:]
            assert _asked(server.path, _ASKED[1] + b"\n")[-1]["ok"], "the next client is refused"
        finally:
            server.close()

    def command(dice: Dice, folder: Path) -> None:
        """A command moves the book within reason or not at all; the journal can be read again."""
        answers = list[Answer]()
        asked = [
            (at(DAYS[0], 9, 29 + 3 * number), replace(_command(dice), answer=answers.append))
            for number in range(3)
        ]
        run = build(
            replace(corpus.plan(DAYS[0], first=28, last=37), commands=asked), OutputRoot(folder)
        )
        run.run()
        for answer in answers:
            demand_sentence(answer.refused or "ok")
        entries = tuple(read_journal(run.folder.journal))
        stopped = any(isinstance(entry.event, StopRequested) for entry in entries)
        assert stopped or len(answers) == len(asked), f"{len(answers)} answers"
        _book_is_sound(run)
        _answers_are_journalled(entries, answers)

    def strategy(dice: Dice, folder: Path) -> None:
        """Whatever a strategy returns, the journal stays readable and the account can go on."""
        root, hostile = OutputRoot(folder), _Hostile(dice)
        plan = corpus.plan(DAYS[0], first=29, last=42)
        spec = replace(plan.strategy, make=lambda: hostile, step_minutes=5)
        made = outcome_of(lambda: build(replace(plan, strategy=spec), root))
        if made.refusal is not None:
            return
        run = made.value
        ended = outcome_of(run.run)
        entries = tuple(read_journal(run.folder.journal))
        assert entries[-1].event, "nothing was written"
        if ended.refusal is None:
            _book_is_sound(run)
        _states_are_plain(entries)
        heritage = outcome_of(lambda: inherit(run.account))
        assert heritage.refusal is None, f"the account is closed: {heritage.refusal}"

    yield Border("socket", socket_line)
    yield Border("commands", command)
    yield Border("strategy", strategy)


# --- the socket ----------------------------------------------------------------------------------


def _take(taken: list[Command], command: Command) -> None:
    taken.append(command)
    if command.answer:
        command.answer(Answer(first_line=1, last_line=1))


def _asked(path: Path, data: bytes) -> list[dict[str, Any]]:
    """Send bytes, hang up one way, and return the answers to the end."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(8)
        line.connect(str(path))
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        received = b""
        while part := line.recv(65_536):
            received += part
    return [json.loads(one) for one in received.splitlines()]


def _were_told(taken: list[Command], data: bytes) -> None:
    """Demand that each command is a line that was sent, as the standard library reads it."""
    told = list[tuple[Any, ...]]()
    for line in data.split(b"\n"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            told.append(tuple(found.get(name, usual) for name, usual in _DEFAULTS.items()))
    for command in taken:
        asked = (command.verb, command.arguments, command.by)
        assert asked in told, f"{asked!r} was never asked"
        finite = (v for v in command.arguments.values() if isinstance(v, float))
        assert all(map(math.isfinite, finite)), f"not finite: {command.arguments}"


# --- commands ------------------------------------------------------------------------------------

_VERBS = (
    "pause", "resume", "stop", "kill", "lift", "buy", "sell", "cancel", "cancel_task", "run_task",
    "gate", "diagnose", "reconcile", "adjust", "note", "adjust", "buy", "sell", "x" * LONG, "",
)  # fmt: skip
_NAMES = (
    "symbol", "quantity", "limit", "because", "why", "cash", "order_id", "task_id", "task",
    "reason", "text", "x" * LONG,
)  # fmt: skip
_VALUES = (
    APPLE, SOFT, "600036.SH", "NOSUCH", "", "x" * LONG, "\u202e", "a\nb", "why not", 1, 100, -100,
    "100", 0, 2**63, 10**30, 1.5, -0.0, 1e308, math.nan, math.inf, True, None, "1E+999999",
    "1E-999999", "\ud800", "\u0000", *(number.decode() for number in NUMBERS),
)  # fmt: skip
_USUAL = {"symbol": APPLE, "quantity": "100", "why": "the reason", "cash": "1.5"}


def _command(dice: Dice) -> Command:
    names = [name for name in _USUAL if dice.below(4)]
    arguments: dict[str, Any] = {name: _USUAL[name] for name in names}
    for _ in range(1 + dice.below(3)):
        arguments[dice.pick(_NAMES)] = dice.pick(_VALUES)
    by = dice.pick(("anna", "anna", "anna", "x" * LONG, ""))
    return Command(verb=dice.pick(_VERBS), arguments=arguments, by=by)


def _answers_are_journalled(entries: tuple[Entry, ...], answers: list[Answer]) -> None:
    """Demand that an answer says what its lines say; an order that risk refuses is a refusal."""
    for answer in answers:
        received = entries[answer.first_line - 1].event
        assert isinstance(received, CommandReceived)
        kinds: tuple[type, ...] = (CommandRefused,)
        if received.command in {"buy", "sell"}:
            kinds = (CommandRefused, OrderRefused)
        span = entries[answer.first_line - 1 : answer.last_line]
        refused = any(isinstance(entry.event, kinds) for entry in span)
        assert refused == bool(answer.refused), f"{received.command}: {answer.refused[:200]!r}"


def _book_is_sound(run: Run) -> None:
    """Demand cash and shares that an account can have, of symbols that there are."""
    book = run.engine.context.state.ledger.book()
    assert book.cash.is_finite(), f"cash is {book.cash}"
    assert abs(book.cash) < _MOST, "cash is beyond all reason"
    for line in book.positions:
        assert line.symbol in {APPLE, SOFT}, f"a position of {line.symbol[:60]!r}"
        assert line.quantity == line.quantity.to_integral_value(), f"{line.quantity} shares"
        assert abs(line.quantity) < _MOST, "shares beyond all reason"


# --- a strategy ----------------------------------------------------------------------------------


class _Odd:
    """An object that raises whatever is done with it."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)

    def __iter__(self) -> Iterator[object]:
        raise MemoryError

    def __repr__(self) -> str:
        raise ValueError("no repr")


def _deep(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = {"a": value}
    return value


def _intent(**parts: Any) -> Intent:  # noqa: ANN401 - whatever a strategy says
    usual: dict[str, Any] = {"symbol": APPLE, "quantity": Decimal(100), "because": "it wants"}
    return Intent(**(usual | parts))


_ANY: tuple[Callable[[], object], ...] = (
    lambda: None, lambda: 0, lambda: "text", lambda: [1, 2], dict, lambda: {"a": math.nan},
    lambda: {1: 2}, lambda: {"a": {1, 2}}, lambda: {"a": _Odd()}, _Odd, lambda: _deep(3_000),
    lambda: {"a": "x" * 100_000}, lambda: {"a": Decimal("NaN")}, lambda: {"a": Decimal("1.50")},
    lambda: {"a": 10**400}, lambda: {"a": "\ud800"}, lambda: {"a": b"x"}, lambda: {"a": (1, 2)},
    lambda: {"a": math.inf}, lambda: {"": ""}, lambda: {"\ud800": 1}, lambda: True, lambda: object,
    lambda: {"a": 2**64}, lambda: {"a": -(2**63) - 1}, lambda: {"kind": "order_filled"},
    lambda: {"x" * LONG: 1}, lambda: {"a": DAYS[0]}, lambda: (n for n in range(3)),
)  # fmt: skip
_PARTS: tuple[tuple[str, object], ...] = (
    ("symbol", "NOSUCH"), ("symbol", "x" * LONG), ("symbol", 5), ("symbol", ""),
    ("symbol", "\ud800"), ("symbol", "600036.SH"), ("quantity", Decimal("NaN")),
    ("quantity", Decimal("sNaN")), ("quantity", Decimal("Infinity")), ("quantity", 100),
    ("quantity", Decimal("1E+999999")), ("quantity", Decimal("1E-999999")),
    ("quantity", Decimal(0)),
    ("quantity", Decimal("0.5")), ("quantity", Decimal("-0")), ("quantity", True),
    ("because", None), ("because", "x" * 100_000), ("because", "\ud800"), ("because", _Odd()),
    ("because", "a\nb\x1b[31m"), ("order_type", "market"), ("order_type", OrderType.LIMIT),
    ("limit_price", Decimal(10)), ("limit_price", Decimal("NaN")), ("limit_price", Decimal(-1)),
    ("limit_price", 10.5), ("limit_price", Decimal("1E+999999")), ("limit_price", Decimal(0)),
    ("tag", None), ("tag", "x" * 100_000), ("tag", 7), ("tag", "\ud800"), ("tag", {"a": 1}),
)  # fmt: skip


def _exit() -> object:
    raise SystemExit(0)


def _raise() -> object:
    raise ValueError("x" * LONG + "\ud800")


class _Hostile:
    """A strategy that returns what it should not, each method in its own way."""

    def __init__(self, dice: Dice) -> None:
        bad = dice.pick(("prepare", "decide", "state", "on_fill", "intent", "intent", "intents"))
        self._bad, self._dice = bad, dice
        self._value = dice.pick((*_ANY, _exit, _raise))
        self._late = dice.below(3) == 0  # the first step is sound
        self._steps = 0

    def _odd(self, method: str) -> bool:
        return self._bad == method and (self._steps > 1 or not self._late)

    def prepare(self, view: object) -> object:
        self._steps += 1
        return self._value() if self._odd("prepare") else None

    def decide(self, view: object, prepared: object) -> Any:  # noqa: ANN401 - whatever
        if self._odd("decide"):
            return self._value()
        if self._odd("intents"):
            return [_intent(), self._value()]
        if self._odd("intent"):
            limit = {"order_type": OrderType.LIMIT, "limit_price": Decimal(9)}
            usual = limit if self._dice.below(3) == 0 else {}
            return [_intent(**(usual | dict([self._dice.pick(_PARTS)]))), _intent(symbol=SOFT)]
        return [_intent()]

    def on_fill(self, fill: object, view: object) -> Any:  # noqa: ANN401 - whatever
        return self._value() if self._odd("on_fill") else None

    def state(self) -> Any:  # noqa: ANN401 - whatever
        return self._value() if self._odd("state") else {"steps": 1}

    def restore(self, state: object) -> None:
        """Take nothing."""


def _states_are_plain(entries: tuple[Entry, ...]) -> None:
    for entry in entries:
        if isinstance(entry.event, StrategySaved):
            json.dumps(entry.event.state, allow_nan=False)
