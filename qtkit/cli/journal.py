"""`qtkit journal`: look into what happened."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from qtkit.cli.options import root_option
from qtkit.core.advice import command, root_words
from qtkit.core.render import visible
from qtkit.model.events import BY_KIND, Entry

__all__ = ["journal", "print_entries"]

_DIFFERENT = 1


@click.group()
def journal() -> None:
    """Verify, show, follow and compare journals.

    JOURNAL is a session (its id, the beginning of it, its folder, its account's name, or `last`) or
    a journal's file.
    """


_journal = click.argument("which", metavar="JOURNAL")


def _file(which: str, root: Path) -> Path:
    """Return a journal's file; what is neither file nor session is refused by its reader."""
    from qtkit.core.file_reader import what_is_there
    from qtkit.core.paths import OutputRoot
    from qtkit.runtime.session_finder import find_session

    with suppress(OSError, ValueError):
        if what_is_there(Path(which)) in {"file", "a pipe or a device"}:
            return Path(which)
    return find_session(OutputRoot(root), which).journal


def _line(entry: Entry) -> str:
    return f"{entry.seq:>7}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {_told(entry)}"


def _told(entry: Entry) -> str:
    fields = msgspec.to_builtins(entry.event)
    kind = fields.pop("kind")
    fields.pop("trading_date", None)
    return f"{kind:<20} " + " ".join(f"{k}={_short(v)}" for k, v in fields.items() if v != "")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = visible(text.replace("\n", "\\n"))
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - a line's worth


def print_entries(entries: Iterable[Entry], *, as_json: bool = False) -> None:
    """Print entries, one a line."""
    for entry in entries:
        click.echo(msgspec.json.encode(entry).decode() if as_json else _line(entry))


@journal.command()
@_journal
@root_option
def verify(*, which: str, root: Path) -> None:
    """Check numbers, chain and every line; exits 3 when a line cannot be trusted."""
    from qtkit.journal import summarise

    found = summarise(_file(which, root))
    span = (
        f", {found.first:%Y-%m-%d %H:%M:%S}Z to {found.last:%Y-%m-%d %H:%M:%S}Z"
        if found.last
        else ""
    )
    click.echo(f"sound: {found.entries} entries{span}; last link {found.link}")
    if found.torn_bytes:
        click.echo(
            f"the last line is torn ({found.torn_bytes} bytes): the next start cuts it off; "
            "see runbooks/journal-corrupt.md"
        )


@journal.command()
@_journal
@root_option
@click.option("--kind", "kinds", multiple=True, help="Only events of this kind; may be repeated.")
@click.option("--from", "first", type=int, default=1, show_default=True, help="First line.")
@click.option("--to", "last", type=int, help="Last line.")
@click.option("--json", "as_json", is_flag=True)
def show(
    *,
    which: str,
    kinds: tuple[str, ...],
    first: int,
    last: int | None,
    as_json: bool,
    root: Path,
) -> None:
    """Print entries, one a line."""
    from qtkit.journal import read_journal

    wanted = _classes(kinds)
    chosen = (
        e
        for e in read_journal(_file(which, root))
        if e.seq >= first and (last is None or e.seq <= last) and isinstance(e.event, wanted)
    )
    print_entries(chosen, as_json=as_json)


def _classes(kinds: tuple[str, ...]) -> tuple[type, ...]:
    unknown = sorted(set(kinds) - BY_KIND.keys())
    if unknown:
        raise click.UsageError(
            f"no event is called {', '.join(unknown)}; there are {', '.join(sorted(BY_KIND))}"
        )
    return tuple(BY_KIND[kind] for kind in kinds) or tuple(BY_KIND.values())


@journal.command()
@_journal
@root_option
@click.option("-n", "count", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def tail(*, which: str, count: int, as_json: bool, root: Path) -> None:
    """Print the last entries."""
    from collections import deque

    from qtkit.journal import read_journal

    print_entries(deque(read_journal(_file(which, root)), maxlen=count), as_json=as_json)


@journal.command()
@click.argument("left", metavar="JOURNAL")
@click.argument("right", metavar="JOURNAL")
@root_option
@click.pass_context
def compare(ctx: click.Context, *, left: str, right: str, root: Path) -> None:
    """Show the first difference of two journals; exits 1 when there is one."""
    from qtkit.journal import compare as compared
    from qtkit.journal import read_journal

    found = compared(read_journal(_file(left, root)), read_journal(_file(right, root)))
    click.echo(str(found))
    ctx.exit(0 if found.equal else _DIFFERENT)


@journal.command()
@_journal
@root_option
@click.argument("order_id")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def story(ctx: click.Context, *, which: str, order_id: str, as_json: bool, root: Path) -> None:
    """Tell what happened to one order; exits 3 when the journal does not know it."""
    from qtkit.core.errors import DataError
    from qtkit.journal import read_journal
    from qtkit.journal import story as told

    entries = list(told(read_journal(_file(which, root)), order_id))
    if not entries:
        orders = command("journal", "show", which, "--kind", "order_requested", *root_words(root))
        raise DataError(f"the journal knows no order {order_id!r}; {orders} lists them")
    print_entries(entries, as_json=as_json)
    ctx.exit(0)
