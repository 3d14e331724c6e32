"""The engine's own verbs, declared once: whoever shows, completes, sends or refuses one reads it.

A verb that needs debug acts outside the schedule, and the engine refuses it to a session that was
not started for debugging, from wherever it comes. What can lower risk never needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from qtkit.core.errors import ConfigError
from qtkit.core.text import nearest

__all__ = ["COMMANDS", "Argument", "ArgumentKind", "EngineCommand", "checked_arguments"]

_LONGEST_LINE = 15  # digits of a journal line's number

Value = str | Decimal | int


class ArgumentKind(StrEnum):
    """What an argument is written as."""

    TEXT = "text"
    AMOUNT = "number above 0"
    SIGNED = "number"
    LINE = "number of a journal line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a verb.

    Attributes
    ----------
    unit
        Of a number; "" for a text.
    default
        What an argument is that was left out; it goes to the journal as it is.
    """

    name: str
    help: str
    kind: ArgumentKind = ArgumentKind.TEXT
    unit: str = ""
    required: bool = False
    default: str = ""

    @property
    def expected(self) -> str:
        """What it is written as, with its unit."""
        return f"a {self.kind} ({self.unit})" if self.unit else f"a {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCommand:
    """One verb that an engine carries out.

    Attributes
    ----------
    help
        One line, as a person reads it.
    needs_debug
        Only a session that was started for debugging carries it out.
    lowers_risk
        It lowers risk, or can: it is never refused for the way in which a session runs.
    """

    verb: str
    help: str
    arguments: tuple[Argument, ...] = ()
    needs_debug: bool = False
    lowers_risk: bool = False


_WHY = Argument(name="why", help="For the journal.")
_SYMBOL = Argument(name="symbol", help="What is traded.", required=True)
_ORDER = (
    _SYMBOL,
    Argument(
        name="quantity",
        help="How many.",
        kind=ArgumentKind.AMOUNT,
        unit="shares",
        required=True,
    ),
    Argument(
        name="limit",
        help="At this price or better; left out: at market.",
        kind=ArgumentKind.AMOUNT,
        unit="account currency per share",
    ),
    Argument(name="because", help="For the journal.", default="by hand"),
)
_ADJUSTMENT = (
    Argument(name="symbol", help="What the shares are of."),
    Argument(
        name="quantity", help="+ come, - go.", kind=ArgumentKind.SIGNED, unit="shares", default="0"
    ),
    Argument(
        name="cash",
        help="+ comes, - goes.",
        kind=ArgumentKind.SIGNED,
        unit="account currency",
        default="0",
    ),
    _WHY,
    Argument(name="undo", help="Journal line of the one to be taken back.", kind=ArgumentKind.LINE),
)

COMMANDS: Mapping[str, EngineCommand] = {
    command.verb: command
    for command in (
        EngineCommand(
            verb="pause", help="Hold price polls and strategy steps back.", lowers_risk=True
        ),
        EngineCommand(verb="resume", help="End a pause; the engine goes where the calendar says."),
        EngineCommand(
            verb="stop",
            help="Stop the session in order.",
            arguments=(Argument(name="reason", help="For the journal.", default="stop"),),
            lowers_risk=True,
        ),
        EngineCommand(
            verb="kill",
            help="Set the kill switch: only reductions leave.",
            arguments=(_WHY,),
            lowers_risk=True,
        ),
        EngineCommand(
            verb="lift",
            help="Lift the kill switch.",
            arguments=(
                Argument(name="why", help="For the journal.", required=True),
                Argument(name="file", help="The kill file that was lifted."),
            ),
        ),
        EngineCommand(
            verb="buy",
            help="Buy by hand, under the same risk rules.",
            arguments=_ORDER,
            lowers_risk=True,
        ),
        EngineCommand(
            verb="sell",
            help="Sell by hand, under the same risk rules; a reduction is never held back.",
            arguments=_ORDER,
            lowers_risk=True,
        ),
        EngineCommand(
            verb="cancel",
            help="Cancel an open order at the broker.",
            arguments=(Argument(name="order_id", help="Of an open order.", required=True),),
            lowers_risk=True,
        ),
        EngineCommand(
            verb="cancel_task",
            help="Take a task off that has not started.",
            arguments=(Argument(name="task_id", help="Of a task of today.", required=True),),
            lowers_risk=True,
        ),
        EngineCommand(
            verb="run_task",
            help="Run a task by hand.",
            arguments=(Argument(name="task", help="Any task's name.", required=True),),
            needs_debug=True,
        ),
        EngineCommand(verb="refill", help="Bring the session's local tables up to date."),
        EngineCommand(verb="gate", help="Judge the gate now, by all its checks."),
        EngineCommand(verb="diagnose", help="Hold our open orders against the broker's list."),
        EngineCommand(verb="reconcile", help="Hold our book against the broker's now."),
        EngineCommand(
            verb="adjust",
            help="Book shares or cash that no order explains; or take one back.",
            arguments=_ADJUSTMENT,
        ),
        EngineCommand(
            verb="note",
            help="Write a sentence into the journal.",
            arguments=(Argument(name="text", help="What is to be remembered."),),
        ),
    )
}


def checked_arguments(
    verb: str, arguments: Mapping[str, object], *, debug: bool
) -> dict[str, Value]:
    """Return a command's arguments as their kinds, with the defaults of those that were left out.

    A number that has no default and was left out is not among them.

    Raises
    ------
    ConfigError
        If there is no such verb, the session does not carry it out, or an argument is wrong; all
        that is wrong is named.
    """
    if verb not in COMMANDS:
        raise ConfigError(f"there is no command {verb!r}{nearest(verb, COMMANDS)}")
    command = COMMANDS[verb]
    if command.needs_debug and not debug:
        raise ConfigError(
            f"{verb} acts outside the schedule and is for looking for mistakes, and this session "
            "was not started for it; start one with --debug"
        )
    declared = {argument.name: argument for argument in command.arguments}
    wrong = [_unknown(verb, name, declared) for name in arguments if name not in declared]
    found = dict[str, Value]()
    for name, argument in declared.items():
        try:
            value = _value(argument, arguments.get(name))
        except ConfigError as problem:
            wrong.append(str(problem))
            continue
        if value is not None:
            found[name] = value
    if wrong:
        raise ConfigError("; ".join(wrong))
    return found


def _unknown(verb: str, name: str, declared: Mapping[str, Argument]) -> str:
    return f"{verb} has no argument {name!r}{nearest(name, declared)}"


def _value(argument: Argument, given: object) -> Value | None:
    """Return an argument's value; None for a number that nobody gave."""
    if given is None or given == "":
        if argument.required:
            raise ConfigError(f"{argument.name} is missing: {argument.expected}")
        given = argument.default
    if argument.kind is ArgumentKind.TEXT:
        return str(given)
    if given == "":
        return None
    line = argument.kind is ArgumentKind.LINE
    return _line(argument, given) if line else _number(argument, given)


def _number(argument: Argument, given: object) -> Decimal:
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        number = Decimal("NaN")
    above = argument.kind is ArgumentKind.AMOUNT
    if not number.is_finite() or (above and number <= 0):
        raise ConfigError(f"{argument.name} must be {argument.expected}, was {given!r:.60}")
    return number


def _line(argument: Argument, given: object) -> int:
    text = str(given)
    if not text.isascii() or not text.isdigit() or not 0 < len(text) <= _LONGEST_LINE:
        raise ConfigError(f"{argument.name} must be {argument.expected}, was {text[:40]!r}")
    return int(text)
