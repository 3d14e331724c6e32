"""The words of the shell: the desk's commands from their table, and a few of the shell itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from qtkit.core.errors import ConfigError
from qtkit.core.render import Table, text_table
from qtkit.core.text import nearest
from qtkit.desk import commands
from qtkit.desk.commands.command_table import DESK_COMMANDS, DeskCommand, Parameter
from qtkit.desk.shell.context import JSON, Seat, Shown
from qtkit.desk.shell.set_command import set_for_the_shell
from qtkit.sessions.local import LocalSession
from qtkit.trading.engine.commands import ArgumentKind

__all__ = ["ALIASES", "OFFERS", "WORDS", "usage"]

ALIASES = {"exit": "bye", "quit": "bye", "?": "help"}


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


_NUMBERS = {ArgumentKind.AMOUNT: _Number(), ArgumentKind.SIGNED: _Number(signed=True)}


# --- from the table --------------------------------------------------------------------------


def _typed(parameter: Parameter) -> click.ParamType[Any] | None:
    if parameter.choices:
        return click.Choice(parameter.choices)
    if parameter.least is not None:
        return click.IntRange(min=parameter.least)
    return _NUMBERS.get(parameter.kind)


def _written(parameter: Parameter) -> click.Parameter:
    """Return a parameter as it is written in the shell."""
    has_default = not (
        parameter.required or parameter.many or parameter.choices or parameter.is_flag
    )
    default = {"default": parameter.default} if has_default else {}
    if not parameter.option:
        return click.Argument(
            [parameter.name],
            type=_typed(parameter),
            metavar=parameter.metavar,
            required=parameter.required,
            nargs=-1 if parameter.many else 1,
            **default,
        )
    return click.Option(
        [parameter.option, parameter.name],
        type=_typed(parameter),
        is_flag=parameter.is_flag or None,
        metavar=parameter.metavar or None,
        required=parameter.required,
        show_default=parameter.shows_default,
        help=parameter.help,
        **default,
    )


def _from_table(command: DeskCommand) -> click.Command:
    @click.pass_obj
    def carry_out(seat: Seat, /, **values: Any) -> Shown:  # noqa: ANN401 - as the table says
        if command.word == "watch":
            values["symbols"] = values["symbols"] or seat.watched
        defaults = {p.name: p.default for p in command.parameters}
        given = {name: defaults[name] if v is None else v for name, v in values.items()}
        return command.run(seat.session, seat.by, **given)

    return click.Command(
        command.word,
        params=[_written(parameter) for parameter in command.parameters],
        callback=carry_out,
        help=command.help,
    )


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
    lines = [f"{usage(name)}: {command.help}"]
    context = click.Context(command)
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = tuple(record for record in records if record is not None)
    return "\n".join([*lines, *([text_table(_options(rows))] if rows else [])])


def _options(rows: Sequence[tuple[str, str]]) -> Table:
    return Table("", ("option", "meaning"), tuple(rows))


def _overview() -> str:
    rows = tuple((usage(name), command.help or "") for name, command in WORDS.items())
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
    for command in (*map(_from_table, DESK_COMMANDS.values()), set_, advance, help_, bye)
}

OFFERS = {
    (command.word, parameter.name): parameter.offer
    for command in DESK_COMMANDS.values()
    for parameter in command.parameters
} | {("set", "key"): "settings", ("set", "values"): "symbols", ("help", "word"): "words"}
"""Command and parameter -> what completes it."""
