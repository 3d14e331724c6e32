"""The commands of a desk, declared once on top of the engine's: shell and panels read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from qtkit.desk.commands import actions, maintenance, queries
from qtkit.desk.commands.adjustment import adjust
from qtkit.desk.report import Report
from qtkit.evidence.session import OperableSession, Session
from qtkit.trading.engine.commands import COMMANDS, Argument, ArgumentKind

__all__ = ["DESK_COMMANDS", "DeskCommand", "Parameter"]

_STANDINGS = ("queued", "running", "finished", "skipped", "failed", "cancelled")

Offer = Literal["", "symbols", "orders", "tasks", "task_names", "stages", "settings", "words"]
"""What completes a parameter: the session's symbols, its orders, and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a command.

    Attributes
    ----------
    name
        Of the function's argument.
    option
        How it is written; "": it has no name, and stands at its place.
    metavar
        What stands for its value in a usage line; "": it is a flag.
    least
        It is a whole number, and not below this; None: it is not.
    """

    name: str
    help: str = ""
    option: str = ""
    metavar: str = ""
    kind: ArgumentKind = ArgumentKind.TEXT
    least: int | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    many: bool = False
    default: Any = ""
    shows_default: bool = False
    offer: Offer = ""

    @property
    def is_flag(self) -> bool:
        """Whether it is on or off."""
        return not self.metavar


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCommand:
    """One command of an operator.

    Attributes
    ----------
    help
        One line; of a command that an engine carries out, the engine's own.
    more
        What else the page about the shell says.
    act
        Carries it out on a session.
    verb
        The engine's, of a command that asks an engine; it is signed with the operator's name.
    """

    word: str
    help: str
    act: Callable[..., Any]
    more: str = ""
    parameters: tuple[Parameter, ...] = ()
    verb: str = ""

    @property
    def label(self) -> str:
        """What stands on a button."""
        return self.word.capitalize()

    def run(self, session: Session, by: str, **values: Any) -> Report:  # noqa: ANN401
        """Carry it out."""
        signed = {"by": by} if self.verb else {}
        report: Report = self.act(session, **values, **signed)
        return report


def _asking(
    verb: str,
    act: Callable[..., Report],
    *parameters: Parameter,
    word: str = "",
    more: str = "",
) -> DeskCommand:
    """Return a command that an engine carries out."""
    return DeskCommand(
        word=word or verb,
        help=COMMANDS[verb].help,
        more=more,
        act=act,
        parameters=parameters,
        verb=verb,
    )


def _of_engine(
    verb: str,
    name: str,
    *,
    to: str = "",
    metavar: str = "TEXT",
    at_its_place: bool = False,
    option: str = "",
    offer: Offer = "",
) -> Parameter:
    """Return an engine's argument as a parameter of the desk, which may call it otherwise."""
    found: Argument = next(a for a in COMMANDS[verb].arguments if a.name == name)
    number = found.kind is not ArgumentKind.TEXT
    return Parameter(
        name=to or name,
        help=found.help,
        option="" if at_its_place else option or f"--{to or name}",
        metavar=metavar,
        kind=found.kind,
        least=1 if found.kind is ArgumentKind.LINE else None,
        required=found.required,
        default=(int(found.default) if found.default else None) if number else found.default,
        shows_default=bool(found.default) and not number,
        offer=offer,
    )


_ROWS = Parameter(
    name="rows", help="0: all.", option="--rows", metavar="N", least=0, default=20,
    shows_default=True,
)  # fmt: skip
_ONE_SYMBOL = Parameter(
    name="symbol", help="Only this symbol.", option="--symbol", metavar="SYMBOL", offer="symbols"
)
_YES = "--yes"


def _order(verb: str) -> tuple[Parameter, ...]:
    return (
        _of_engine(verb, "symbol", metavar="SYMBOL", at_its_place=True, offer="symbols"),
        _of_engine(verb, "quantity", to="shares", metavar="SHARES", at_its_place=True),
        _of_engine(verb, "limit", metavar="PRICE"),
        _of_engine(verb, "because"),
    )


def _one_task(session: OperableSession, task_id: str, *, cancel: bool, by: str) -> Report:
    if cancel:
        return actions.cancel_task(session, task_id, by=by)
    return queries.task(session, task_id)


_ALL = (
    DeskCommand(
        word="status",
        help="Show where the session stands.",
        more="Engine, day, next task, steps, orders, gate, kill switch and cash.",
        act=queries.status,
    ),
    DeskCommand(
        word="schedule",
        help="Show what is still to run today.",
        parameters=(
            Parameter(name="whole_day", help="Also what has run already.", option="--all"),
            _ROWS,
        ),
        act=queries.schedule,
    ),
    DeskCommand(
        word="tasks",
        help="Show today's tasks that came due, and what was skipped.",
        parameters=(
            Parameter(
                name="standing",
                help=f"Only tasks that are {', '.join(_STANDINGS)}.",
                option="--standing",
                metavar="STANDING",
                choices=_STANDINGS,
            ),
            Parameter(
                name="name",
                help="Only tasks of this name.",
                option="--name",
                metavar="TASK",
                offer="task_names",
            ),
            _ROWS,
        ),
        act=queries.tasks,
    ),
    DeskCommand(
        word="task",
        help="Show one task and its story; or take it off before it starts.",
        parameters=(
            Parameter(name="task_id", metavar="TASK_ID", required=True, offer="tasks"),
            Parameter(name="cancel", help=COMMANDS["cancel_task"].help, option="--cancel"),
        ),
        act=_one_task,
        verb="cancel_task",
    ),
    DeskCommand(
        word="orders",
        help="Show the orders; with an id, that order's story.",
        more="Also what the risk rules refused.",
        parameters=(
            Parameter(name="order_id", metavar="[ORDER]", offer="orders"),
            Parameter(
                name="doubtful", help="Only those whose fate is not known.", option="--doubtful"
            ),
            Parameter(
                name="rejected", help="Only those that the broker refused.", option="--rejected"
            ),
            _ONE_SYMBOL,
        ),
        act=queries.orders,
    ),
    DeskCommand(
        word="positions",
        help="Show what is held, and what of it can be sold.",
        more="With what it cost and is worth.",
        act=queries.positions,
    ),
    DeskCommand(
        word="fills",
        help="Show the executions.",
        more="Also those that fit no order.",
        parameters=(_ONE_SYMBOL,),
        act=queries.fills,
    ),
    DeskCommand(
        word="cash",
        help="Show the cash, from the opening to now.",
        more="And whether it adds up.",
        act=queries.cash,
    ),
    DeskCommand(
        word="watch",
        help="Show the newest prices; `set watch` chooses which.",
        parameters=(Parameter(name="symbols", metavar="[SYMBOL]...", many=True, offer="symbols"),),
        act=queries.watch,
    ),
    _asking("buy", actions.buy, *_order("buy"), more="What they stop is refused."),
    _asking("sell", actions.sell, *_order("sell")),
    _asking(
        "cancel",
        actions.cancel,
        _of_engine("cancel", "order_id", metavar="ORDER", at_its_place=True, offer="orders"),
    ),
    _asking(
        "adjust",
        adjust,
        Parameter(name="symbol", metavar="[SYMBOL]", offer="symbols"),
        _of_engine("adjust", "quantity", to="shares", metavar="N"),
        _of_engine("adjust", "cash", metavar="N"),
        _of_engine("adjust", "undo", metavar="LINE"),
        _of_engine("adjust", "why"),
        Parameter(name="really", help="Really book it; without it nothing is.", option=_YES),
        more="Such as a dividend; shows the book before and after.",
    ),
    DeskCommand(
        word="strategies",
        help="Show the strategy, its parameters and its state.",
        act=queries.strategies,
    ),
    _asking("pause", actions.pause),
    _asking("resume", actions.resume),
    _asking("gate", actions.gate),
    _asking("reconcile", actions.reconcile),
    _asking("diagnose", actions.diagnose),
    _asking("refill", actions.refill, more="And only those that it uses."),
    _asking(
        "run_task",
        actions.run,
        _of_engine("run_task", "task", metavar="NAME", offer="task_names"),
        word="run",
        more="`diagnose_pending_orders` included.",
    ),
    DeskCommand(
        word="artifacts",
        help="Show the session's files.",
        more="Where they are, and whether they can be written.",
        act=queries.artifacts,
    ),
    DeskCommand(
        word="liveconfig",
        help="Show the settings that the session really has.",
        more="Read from its journal.",
        parameters=(Parameter(name="key", metavar="[KEY]", offer="settings"),),
        act=queries.liveconfig,
    ),
    DeskCommand(
        word="rotatelogs",
        help="Delete expired risk logs of finished sessions.",
        parameters=(
            Parameter(
                name="days",
                help="Keep this many days.",
                option="--days",
                metavar="N",
                least=0,
                required=True,
            ),
            Parameter(name="dry_run", help="Only show what would go.", option="--dry-run"),
            Parameter(name="really", help="Really delete; without it nothing goes.", option=_YES),
        ),
        act=maintenance.rotatelogs,
    ),
    DeskCommand(
        word="reasons",
        help="Explain the skip reasons.",
        more="What each means, what to do, how often it came.",
        act=queries.reasons,
    ),
    DeskCommand(
        word="stage",
        help="Judge the session by one stage of the checklist.",
        parameters=(Parameter(name="stage_id", metavar="STAGE", required=True, offer="stages"),),
        act=queries.stage,
    ),
    _asking("note", actions.note, _of_engine("note", "text", at_its_place=True, metavar="TEXT")),
    _asking("kill", actions.kill, _of_engine("kill", "why")),
    _asking("stop", actions.stop, _of_engine("stop", "reason"), more="The shell stays."),
)

DESK_COMMANDS = {command.word: command for command in _ALL}
"""Word -> command, in the order in which they are explained."""
