"""What may stand where the cursor is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import click

from qtkit.core.errors import QtkitError
from qtkit.desk.shell.commands import ALIASES, OFFERS, WORDS
from qtkit.desk.shell.context import Seat
from qtkit.desk.shell.set_command import SETTABLE
from qtkit.projections.session_view import SessionView
from qtkit.stages import all_stages
from qtkit.trading.engine.schedule import PRIORITY

__all__ = ["Candidate", "candidates"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One word that may be completed to, and a few words about it."""

    word: str
    about: str = ""


def candidates(seat: Seat, text: str) -> list[Candidate]:
    """Return what may stand at the end of `text`, which is what is left of the cursor."""
    *before, fragment = text.lstrip().split(" ")
    if not before:
        return [c for c in _commands() if c.word.startswith(fragment)]
    command = WORDS.get(ALIASES.get(before[0], before[0]))
    if command is None:
        return []
    found = _for_command(seat, command, [word for word in before[1:] if word], fragment)
    return [candidate for candidate in found if candidate.word.startswith(fragment)]


def _commands() -> Iterator[Candidate]:
    for name, command in WORDS.items():
        yield Candidate(name, command.get_short_help_str(limit=60))


def _for_command(
    seat: Seat, command: click.Command, before: list[str], fragment: str
) -> Iterable[Candidate]:
    options = [p for p in command.params if isinstance(p, click.Option)]
    open_option = next((o for o in options if before and before[-1] in o.opts), None)
    if open_option is not None and not open_option.is_flag:
        return _values(seat, command, open_option)
    if fragment.startswith("-"):
        return [Candidate(o.opts[0], o.help or "") for o in options if o.opts[0] not in before]
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    place = len(_positional(before, options))
    if place < len(arguments):
        return _values(seat, command, arguments[place])
    rest = arguments[-1:] if arguments and arguments[-1].nargs == -1 else []
    return _values(seat, command, rest[0]) if rest else []


def _positional(before: list[str], options: list[click.Option]) -> list[str]:
    """Return the words that are neither options nor their values."""
    with_value = {name for option in options if not option.is_flag for name in option.opts}
    return [
        word
        for word, previous in zip(before, ["", *before], strict=False)
        if not word.startswith("-") and previous not in with_value
    ]


def _values(seat: Seat, command: click.Command, parameter: click.Parameter) -> list[Candidate]:
    if isinstance(parameter.type, click.Choice):
        return [Candidate(str(choice)) for choice in parameter.type.choices]
    source = _SOURCES.get(OFFERS.get((command.name or "", parameter.name or ""), ""))
    if source is None:
        return []
    try:
        return list(source(seat.session.view))
    except (QtkitError, OSError):
        return []


def _symbols(view: SessionView) -> Iterator[Candidate]:
    held = view.state.ledger
    return (Candidate(s, f"{held.position(s):,} shares") for s in view.opening.symbols)


def _order_ids(view: SessionView) -> Iterator[Candidate]:
    for order_id in view.orders.records:
        order = view.state.ledger.order(order_id)
        yield Candidate(order_id, f"{order.symbol} {order.status}" if order else "")


def _task_ids(view: SessionView) -> Iterator[Candidate]:
    return (
        Candidate(task_id, view.tasks.stories[task_id].standing) for task_id in view.tasks.today
    )


_SOURCES: Mapping[str, Callable[[SessionView], Iterable[Candidate]]] = {
    "symbols": _symbols,
    "orders": _order_ids,
    "tasks": _task_ids,
    "task_names": lambda _: map(Candidate, PRIORITY),
    "stages": lambda _: (Candidate(s.id, s.title) for s in all_stages()),
    "settings": lambda view: map(Candidate, (*SETTABLE, *view.settings)),
    "words": lambda _: _commands(),
}
