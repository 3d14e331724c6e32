"""Options that several verbs share."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

__all__ = ["DAY", "ROOT", "accept_data_option", "root_option", "session_argument", "session_option"]


class _Day(click.ParamType[date]):
    """A date, YYYY-MM-DD."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """Return the date, or fail with what was expected."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; expected YYYY-MM-DD, such as 2026-03-04", param, ctx)


DAY = _Day()
ROOT = Path("outputs")

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT,
    show_default=True,
    help="Where everything is written.",
)

accept_data_option = click.option(
    "--accept-data",
    multiple=True,
    metavar="RULE",
    help="Trade although the table's bars fail a rule, such as data.gaps. Repeatable.",
)

session_argument = click.argument("session", metavar="SESSION")
"""A session: its id, the beginning of it, its folder, its account's name, or ``last``."""

session_option = click.option(
    "--session",
    metavar="SESSION",
    default="last",
    show_default=True,
    help="Its id, the beginning of it, its folder, its account's name, or `last`.",
)
