"""Options that the verbs of `qtkit data` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qtkit.cli.config_options import configured, market_options
from qtkit.core.verdict import Verdict

if TYPE_CHECKING:
    from qtkit.core.calendars import Calendar
    from qtkit.market.instruments import InstrumentTable

__all__ = [
    "COLUMN",
    "DATE",
    "EXCHANGE",
    "JSON",
    "LABEL",
    "ROOT",
    "ZONE",
    "KnownMarket",
    "bar_table",
    "calendar_options",
    "judge_data",
    "print_result",
]

ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    help="The folder that holds tables/.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
EXCHANGE = click.option(
    "--exchange", help="Whose calendar counts, such as XNYS; by default the instrument's."
)
ZONE = click.option("--zone", help="Zone of times without an offset; by default UTC.")
LABEL = click.option(
    "--label",
    type=click.Choice(["start", "end"]),
    help="Which end of its bar a row's time names; by default the end.",
)
COLUMN = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Name of a column in the file: time, open, high, low, close, volume or symbol. "
    "Repeatable.",
)
DATE = click.DateTime(["%Y-%m-%d"])


def calendar_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--exchange``, ``--overlay`` and ``--instruments``; the command gets them as `known`."""

    @wraps(command)
    @click.pass_context
    def with_market(
        ctx: click.Context,
        /,
        *,
        exchange: str | None,
        calendar_overlay: Path | None,
        instruments: Path | None,
        **others: object,
    ) -> object:
        known = KnownMarket(
            ctx, exchange=exchange, calendar_overlay=calendar_overlay, instruments=instruments
        )
        return command(known=known, **others)

    return EXCHANGE(market_options(with_market))


class KnownMarket:
    """What is known of instruments and calendars where a command runs.

    Parameters
    ----------
    exchange
        Of all symbols; None: each one's own.
    calendar_overlay, instruments
        As given on the command line.
    """

    def __init__(
        self,
        ctx: click.Context,
        *,
        exchange: str | None,
        calendar_overlay: Path | None,
        instruments: Path | None,
    ) -> None:
        from qtkit.market.instruments import instrument_table

        options = {
            "session.calendar_overlay": calendar_overlay,
            "session.instruments": instruments,
        }
        found = configured(ctx, None, options).settings
        self._exchange, self._overlay = exchange, found.calendar_overlay
        self.instruments: InstrumentTable = instrument_table(found.instruments)

    def calendar_of(self, symbol: str) -> Calendar:
        """Return the calendar of a symbol's exchange.

        Raises
        ------
        DataError
            If nobody knows the symbol, and no exchange is given.
        """
        from datetime import date

        from qtkit.core.calendars import exchange_calendar

        exchange = self._exchange or self.instruments.rules(symbol, date.max).exchange
        return exchange_calendar(exchange, Path(self._overlay) if self._overlay else None)

    def calendar_of_all(self, symbols: Sequence[str]) -> Calendar:
        """Return the one calendar of several symbols.

        Raises
        ------
        ConfigError
            If they have several.
        DataError
            If nobody knows one of them, and no exchange is given.
        """
        from qtkit.core.errors import ConfigError

        found = {calendar.name: calendar for calendar in map(self.calendar_of, symbols)}
        if len(found) > 1:
            raise ConfigError(
                f"{', '.join(symbols)} trade on several exchanges ({', '.join(found)}); ask for "
                "those of one exchange at a time"
            )
        return next(iter(found.values()))


def bar_table(root: Path, name: str) -> Any:  # noqa: ANN401 - a BarTable, imported when needed
    """Return a table."""
    from qtkit.core.paths import OutputRoot
    from qtkit.market.tables.bar_table import BarTable

    return BarTable(OutputRoot(root).tables, name)


def print_result(payload: object, text: str, *, as_json: bool) -> None:
    """Print a result for a program or for people."""
    from qtkit.core.render import json_text

    click.echo(json_text(payload) if as_json else text, nl=not as_json)


def printed_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts for people, and how many there are of each kind."""
    from qtkit.core.render import verdict_counts, verdict_text

    return f"{verdict_text(verdicts)}\n{verdict_counts(verdicts)}"


def judge_data(
    verdicts: Sequence[Verdict], *, as_json: bool, shown: Sequence[Verdict] | None = None
) -> None:
    """Print verdicts, to people only those that are `shown`; end with 1 if one of them blocks."""
    from qtkit.core.render import verdict_json
    from qtkit.core.verdict import Conclusion, conclude

    text = printed_verdicts(verdicts if shown is None else shown)
    print_result([verdict_json(verdict) for verdict in verdicts], text, as_json=as_json)
    if conclude(verdicts) is Conclusion.BLOCKED:
        raise SystemExit(1)
