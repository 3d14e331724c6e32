"""Every border, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz.bar_borders import feed_borders, table_borders
from tests.fuzz.border import Border
from tests.fuzz.command_borders import command_borders
from tests.fuzz.corpus import Corpus
from tests.fuzz.engine_borders import engine_borders
from tests.fuzz.run_borders import run_borders
from tests.fuzz.session_borders import session_borders
from tests.fuzz.text_borders import text_borders

NAMES = (
    "config",
    "dotenv",
    "overlay",
    "csv-import",
    "parquet-import",
    "parquet-feed",
    "csv-feed",
    "http",
    "journal",
    "account",
    "session",
    "records",
    "notebooks",
    "parameters",
    "socket",
    "commands",
    "strategy",
    "words",
)
_ALL = (
    text_borders,
    table_borders,
    feed_borders,
    session_borders,
    run_borders,
    engine_borders,
    command_borders,
)


def borders(corpus: Corpus) -> Mapping[str, Border]:
    """Return every border of the package by its name, fed from a corpus."""
    return {border.name: border for kind in _ALL for border in kind(corpus)}
