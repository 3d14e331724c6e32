"""The words of the shell; each is thin, the work is a function of `qtkit.desk.commands`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from inspect import getdoc
from typing import Any

import click

from qtkit.core.errors import ConfigError
from qtkit.core.render import Table, text_table
from qtkit.desk import commands
from qtkit.desk.commands.queries import nearest
from qtkit.desk.shell.context import JSON, Seat, Shown
from qtkit.desk.shell.set_command import set_for_the_shell
from qtkit.sessions.local import LocalSession

__all__ = ["ALIASES", "WORDS", "usage"]

ALIASES = {"exit": "bye", "quit": "bye", "?": "help"}
_STANDINGS = ("queued", "running", "finished", "skipped", "failed", "cancelled")


class _Number(click.ParamType[Decimal]):
    """A decimal number, above 0 unless it is signed."""

    name = "number"

    def __init__(self, *, signed: bool = False) -> None:
        self._signed = signed

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the number, or fail with what was expected."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or (number <= 0 and not self._signed):
            above = "" if self._signed else " above 0"
            self.fail(f"{str(value)!r} is no number{above}", param, ctx)
        return number


_NUMBER, _SIGNED = _Number(), _Number(signed=True)
_ROWS = click.option(
    "--rows", type=click.IntRange(min=0), default=20, show_default=True, help="0: all."
)
_SYMBOL = click.option("--symbol", default="", metavar="SYMBOL", help="Only this symbol.")
_LIMIT = click.option("--limit", type=_NUMBER, metavar="PRICE", help="At this price or better.")
_BECAUSE = click.option(
    "--because", default="by hand", show_default=True, metavar="TEXT", help="For the journal."
)


# --- looking ---------------------------------------------------------------------------------


@click.command()
@click.pass_obj
def status(seat: Seat) -> Shown:
    """Show where the session stands."""
    return commands.status(seat.session)


@click.command()
@click.option("--all", "whole_day", is_flag=True, help="Also what has run already.")
@_ROWS
@click.pass_obj
def schedule(seat: Seat, *, whole_day: bool, rows: int) -> Shown:
    """Show what is still to run today."""
    return commands.schedule(seat.session, whole_day=whole_day, rows=0 if whole_day else rows)


@click.command()
@click.option(
    "--standing",
    type=click.Choice(_STANDINGS),
    default=None,
    metavar="STANDING",
    help=f"Only tasks that are {', '.join(_STANDINGS)}.",
)
@click.option("--name", default="", metavar="TASK", help="Only tasks of this name.")
@_ROWS
@click.pass_obj
def tasks(seat: Seat, *, standing: str | None, name: str, rows: int) -> Shown:
    """Show today's tasks that came due, and what was skipped."""
    return commands.tasks(seat.session, standing=standing or "", name=name, rows=rows)


@click.command()
@click.argument("task_id")
@click.option("--cancel", "off", is_flag=True, help="Take it off, if it has not started.")
@click.pass_obj
def task(seat: Seat, task_id: str, *, off: bool) -> Shown:
    """Show one task and its story."""
    if off:
        return commands.cancel_task(seat.session, task_id, by=seat.by)
    return commands.task(seat.session, task_id)


@click.command()
@click.argument("order_id", default="", metavar="[ORDER]")
@click.option("--doubtful", is_flag=True, help="Only those whose fate is not known.")
@click.option("--rejected", is_flag=True, help="Only those that the broker refused.")
@_SYMBOL
@click.pass_obj
def orders(seat: Seat, order_id: str, *, doubtful: bool, rejected: bool, symbol: str) -> Shown:
    """Show the orders; with an id, that order's story."""
    return commands.orders(
        seat.session, order_id, doubtful=doubtful, rejected=rejected, symbol=symbol
    )


@click.command()
@click.pass_obj
def positions(seat: Seat) -> Shown:
    """Show what is held, and what of it can be sold."""
    return commands.positions(seat.session)


@click.command()
@_SYMBOL
@click.pass_obj
def fills(seat: Seat, *, symbol: str) -> Shown:
    """Show the executions."""
    return commands.fills(seat.session, symbol=symbol)


@click.command()
@click.pass_obj
def cash(seat: Seat) -> Shown:
    """Show the cash, from the opening to now."""
    return commands.cash(seat.session)


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.pass_obj
def watch(seat: Seat, symbols: tuple[str, ...]) -> Shown:
    """Show the newest prices; `set watch` chooses which."""
    return commands.watch(seat.session, symbols or seat.watched)


@click.command()
@click.pass_obj
def strategies(seat: Seat) -> Shown:
    """Show the strategy, its parameters and its state."""
    return commands.strategies(seat.session)


@click.command()
@click.pass_obj
def artifacts(seat: Seat) -> Shown:
    """Show the session's files."""
    return commands.artifacts(seat.session)


@click.command()
@click.argument("key", default="", metavar="[KEY]")
@click.pass_obj
def liveconfig(seat: Seat, key: str) -> Shown:
    """Show the settings that the session really has."""
    return commands.liveconfig(seat.session, key)


@click.command()
@click.pass_obj
def reasons(seat: Seat) -> Shown:
    """Explain the skip reasons."""
    return commands.reasons(seat.session)


@click.command()
@click.argument("stage_id", metavar="STAGE")
@click.pass_obj
def stage(seat: Seat, stage_id: str) -> Shown:
    """Judge the session by one stage of the checklist."""
    return commands.stage(seat.session, stage_id)


# --- asking ----------------------------------------------------------------------------------


@click.command()
@click.argument("symbol")
@click.argument("shares", type=_NUMBER)
@_LIMIT
@_BECAUSE
@click.pass_obj
def buy(seat: Seat, symbol: str, shares: Decimal, *, limit: Decimal | None, because: str) -> Shown:
    """Buy by hand, under the same risk rules."""
    return commands.buy(seat.session, symbol, shares, limit=limit, because=because, by=seat.by)


@click.command()
@click.argument("symbol")
@click.argument("shares", type=_NUMBER)
@_LIMIT
@_BECAUSE
@click.pass_obj
def sell(seat: Seat, symbol: str, shares: Decimal, *, limit: Decimal | None, because: str) -> Shown:
    """Sell by hand, under the same risk rules."""
    return commands.sell(seat.session, symbol, shares, limit=limit, because=because, by=seat.by)


@click.command()
@click.argument("symbol", default="", metavar="[SYMBOL]")
@click.option("--shares", type=_SIGNED, default=0, metavar="N", help="+ come, - go.")
@click.option("--cash", type=_SIGNED, default=0, metavar="N", help="+ comes, - goes.")
@click.option("--undo", type=click.IntRange(min=1), default=None, metavar="LINE", help="Its line.")
@click.option("--why", default="", metavar="TEXT", help="For the journal.")
@click.option("--yes", is_flag=True, help="Really book it; without it nothing is.")
@click.pass_obj
def adjust(seat: Seat, /, *, yes: bool, undo: int | None, **what: Any) -> Shown:  # noqa: ANN401
    """Book shares or cash that no order explains; or take one back."""
    return commands.adjust(seat.session, undo=undo or 0, really=yes, by=seat.by, **what)


@click.command()
@click.argument("order_id", metavar="ORDER")
@click.pass_obj
def cancel(seat: Seat, order_id: str) -> Shown:
    """Cancel an open order at the broker."""
    return commands.cancel(seat.session, order_id, by=seat.by)


@click.command()
@click.pass_obj
def pause(seat: Seat) -> Shown:
    """Hold price polls and strategy steps back."""
    return commands.pause(seat.session, by=seat.by)


@click.command()
@click.pass_obj
def resume(seat: Seat) -> Shown:
    """End a pause."""
    return commands.resume(seat.session, by=seat.by)


@click.command()
@click.pass_obj
def gate(seat: Seat) -> Shown:
    """Judge the gate now, by all its checks."""
    return commands.gate(seat.session, by=seat.by)


@click.command()
@click.pass_obj
def reconcile(seat: Seat) -> Shown:
    """Hold our book against the broker's now."""
    return commands.reconcile(seat.session, by=seat.by)


@click.command()
@click.pass_obj
def diagnose(seat: Seat) -> Shown:
    """Hold our open orders against the broker's list."""
    return commands.diagnose(seat.session, by=seat.by)


@click.command()
@click.pass_obj
def refill(seat: Seat) -> Shown:
    """Bring the session's local tables up to date."""
    return commands.refill(seat.session, by=seat.by)


@click.command()
@click.option("--task", "task_name", required=True, metavar="NAME", help="Any task's name.")
@click.pass_obj
def run(seat: Seat, *, task_name: str) -> Shown:
    """Run a task by hand; only with debug on."""
    return commands.run(seat.session, task_name, debug=seat.debug, by=seat.by)


@click.command()
@click.argument("text", default="", metavar="TEXT")
@click.pass_obj
def note(seat: Seat, text: str) -> Shown:
    """Write a sentence into the journal."""
    return commands.note(seat.session, text, by=seat.by)


@click.command()
@click.option("--why", default="", metavar="TEXT", help="For the journal.")
@click.pass_obj
def kill(seat: Seat, *, why: str) -> Shown:
    """Set the kill switch: only reductions leave."""
    return commands.kill(seat.session, why=why, by=seat.by)


@click.command()
@click.option(
    "--days", type=click.IntRange(min=0), required=True, metavar="N", help="Keep this many days."
)
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Really delete; without it nothing goes.")
@click.pass_obj
def rotatelogs(seat: Seat, *, days: int, dry_run: bool, yes: bool) -> Shown:
    """Delete expired risk logs of finished sessions."""
    return commands.rotatelogs(seat.session, days=days, really=yes and not dry_run)


@click.command()
@click.option("--reason", default="stop", show_default=True, metavar="TEXT")
@click.pass_obj
def stop(seat: Seat, *, reason: str) -> Shown:
    """Stop the session in order; the shell stays, `bye` leaves it."""
    return commands.stop(seat.session, reason=reason, by=seat.by)


# --- the shell itself ------------------------------------------------------------------------


@click.command(name="set")
@click.argument("key", default="", metavar="[KEY]")
@click.argument("values", nargs=-1, metavar="[VALUE]...")
@click.pass_obj
def set_(seat: Seat, key: str, values: tuple[str, ...]) -> Shown:
    """Set what may change in a running session; alone, show it."""
    return set_for_the_shell(seat, key, values)


@click.command()
@click.argument("time", metavar="TIME")
@click.pass_obj
def advance(seat: Seat, time: str) -> Shown:
    """Live on to TIME (HH:MM, the exchange's); simulated sessions only."""
    if not isinstance(seat.session, LocalSession):
        raise ConfigError("the time of this session moves by itself; only a simulated one waits")
    seat.session.advance(_local_time(seat, time))
    return commands.status(seat.session)


def _local_time(seat: Seat, text: str) -> datetime:
    """Return a time of the session's date, or one with a date of its own."""
    now = seat.session.view.now
    for shape in ("%H:%M", "%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            found = datetime.strptime(text, shape).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
        return found if "%Y" in shape else datetime.combine(now.date(), found.timetz())
    raise ConfigError(f"{text!r} is no time; expected HH:MM, such as 09:35, or YYYY-MM-DDTHH:MM")


@click.command(name="help")
@click.argument("word", default="", metavar="[COMMAND]")
def help_(word: str) -> Shown:
    """Explain the commands, or one of them."""
    name = ALIASES.get(word, word)
    if not name:
        return _overview()
    if name not in WORDS:
        raise ConfigError(f"there is no command {word!r}{nearest(word, WORDS)}")
    command = WORDS[name]
    lines = [f"{usage(name)}: {_purpose(command)}"]
    context = click.Context(command)
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = tuple(record for record in records if record is not None)
    return "\n".join([*lines, *([text_table(_options(rows))] if rows else [])])


def _options(rows: Sequence[tuple[str, str]]) -> Table:
    return Table("", ("option", "meaning"), tuple(rows))


def _overview() -> str:
    rows = tuple((usage(name), _purpose(command)) for name, command in WORDS.items())
    return text_table(Table("", ("command", "what it does"), rows))


def usage(name: str) -> str:
    """Return how a command is written."""
    command = WORDS[name]
    pieces = [p for p in command.collect_usage_pieces(click.Context(command)) if p != "[OPTIONS]"]
    options = [o for o in command.params if isinstance(o, click.Option)]
    shown = [_option_usage(option) for option in options if option.name != "json"]
    return " ".join([name, *pieces, *shown])


def _option_usage(option: click.Option) -> str:
    word = option.opts[0]
    if not option.is_flag:
        word = f"{word} {option.metavar or 'N'}"
    return word if option.required else f"[{word}]"


def _purpose(command: click.Command) -> str:
    return (getdoc(command.callback) or "").splitlines()[0]


@click.command()
@click.pass_obj
def bye(seat: Seat) -> Shown:
    """Leave the shell; the session goes on."""
    seat.left = True
    state = seat.session.view.state
    if state.ended:
        return "The session has ended."
    if state.stop is not None:
        return "The session is stopping."
    if isinstance(seat.session, LocalSession):
        return "The simulated session ends where its shell ends."
    return "The session goes on; `stop` would end it."


def _asks_for_json(ctx: click.Context, _: click.Parameter, wanted: object) -> None:
    if wanted:
        ctx.meta[JSON] = True


def _with_json(command: click.Command) -> click.Command:
    """Return a command of the shell: `--json` is on every one, help is the shell's own."""
    command.add_help_option = False
    command.params.append(
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_asks_for_json,
            help="Show JSON.",
        )
    )
    return command


WORDS: dict[str, click.Command] = {
    str(command.name): _with_json(command)
    for command in (
        status, schedule, tasks, task, orders, positions, fills, cash, watch, buy, sell, cancel,
        adjust, strategies, set_, pause, resume, gate, reconcile, diagnose, refill, run, artifacts,
        liveconfig, rotatelogs, reasons, stage, note, kill, stop, advance, help_, bye,
    )
}  # fmt: skip
