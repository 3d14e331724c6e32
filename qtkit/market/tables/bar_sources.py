"""Where bars of the past come from: files, tables, an endpoint, the generator, or a plug-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from qtkit.core.calendars import Calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.plugins import Catalogue
from qtkit.market.bar_order import agreed, concatenated, empty_bars, take
from qtkit.market.feeds.http_bars import HttpBars, checked_address
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.source_bars import Label, read_rows
from qtkit.market.tables.source_files import ENDINGS
from qtkit.market.tables.synthetic import PLAIN, Market, synthetic_bars
from qtkit.market.tables.table_list import demand_table
from qtkit.market.tables.time_basis import demanded, judged_reading
from qtkit.market.trading_minutes import day_window
from qtkit.model.bars import Bars, nanos

__all__ = [
    "SOURCES",
    "EndpointSource",
    "FolderSource",
    "Source",
    "SourceRequest",
    "SyntheticSource",
    "TableSource",
    "instrument_market",
    "source_from",
]


class Source(Protocol):
    """Where bars come from."""

    @property
    def name(self) -> str:
        """What people call it."""

    def bars(self, symbol: str, day: date) -> Bars:
        """Return the bars of one trading date; none if it has none.

        Raises
        ------
        DataError
            If the source does not know the symbol, or is damaged.
        """


class TableSource:
    """Another table.

    Parameters
    ----------
    table
        Where the bars come from.
    calendar
        Says when a trading date begins and ends.
    """

    def __init__(self, table: BarTable, calendar: Calendar) -> None:
        self._table = table
        self._calendar = calendar
        self.name = f"table {table.name}"

    def bars(self, symbol: str, day: date) -> Bars:
        """Return the table's bars of one trading date."""
        return self._table.read(symbol, *day_window(self._calendar, day))


class FolderSource:
    """A folder with one file for each symbol: ``<symbol>.csv``, ``.csv.gz`` or ``.parquet``.

    Parameters
    ----------
    folder
        Where the files are.
    calendar
        Says when a trading date begins and ends.
    zone, label, columns
        How to read the files: see `judged_reading`.
    """

    def __init__(
        self,
        folder: Path,
        calendar: Calendar,
        *,
        zone: str | None = None,
        label: Label | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._calendar = calendar
        self._zone = zone
        self._label = label
        self._columns = columns
        self._whole = lru_cache(maxsize=1)(self._read)  # the days of one symbol come in a row
        self.name = f"folder {folder.name}"

    def bars(self, symbol: str, day: date) -> Bars:
        """Return the file's bars of one trading date."""
        return self._whole(symbol).between(*day_window(self._calendar, day))

    def _read(self, symbol: str) -> Bars:
        paths = [self._folder / f"{symbol}{ending}" for ending in ENDINGS]
        found = [path for path in paths if path.exists()]
        if len(found) != 1:
            raise DataError(
                f"folder {self._folder} has {len(found)} files for {symbol}; expected one of "
                f"{', '.join(path.name for path in paths)}"
            )
        parts = [
            demanded(judged_reading(rows, self._calendar, zone=self._zone, label=self._label))
            for rows in read_rows(found[0], symbol, columns=self._columns)
        ]
        return agreed(concatenated(empty_bars(symbol), *parts))


class SyntheticSource:
    """The generator.

    Parameters
    ----------
    calendar
        Says in which minutes there is trading.
    seed
        Every bar is a function of it.
    market
        What the bars are like; None: by the instrument's tick and lot, where it is known.
    instruments
        The rules to look these up in; None: those that come with the product.
    """

    def __init__(
        self,
        calendar: Calendar,
        *,
        seed: int,
        market: Market | None = None,
        instruments: InstrumentTable | None = None,
    ) -> None:
        self._calendar = calendar
        self._seed = seed
        self._market = market
        self._instruments = instruments or instrument_table()
        self.name = f"synthetic, seed {seed}"

    def bars(self, symbol: str, day: date) -> Bars:
        """Return generated bars of one trading date."""
        market = self._market or instrument_market(self._instruments, symbol, day)
        return synthetic_bars(symbol, day, self._calendar, seed=self._seed, market=market)


def instrument_market(instruments: InstrumentTable, symbol: str, day: date) -> Market:
    """Return a market with the instrument's tick and lot; a plain one for an unknown symbol."""
    try:
        found = instruments.rules(symbol, day)
    except DataError:
        return PLAIN
    return Market(tick=float(found.tick), lot=float(found.lot))


class EndpointSource:
    """An HTTP endpoint that feeds are polled from, asked for days that are over.

    Parameters
    ----------
    address
        Of the endpoint; see `qtkit.market.feeds.http_bars`.
    calendar
        Says when a trading date begins and ends.

    Raises
    ------
    ConfigError
        If the address is none.
    """

    def __init__(self, address: str, calendar: Calendar) -> None:
        try:
            self._address = checked_address(address)
        except ValueError as problem:
            raise ConfigError(f"{address!r} is no address of a source: {problem}") from None
        self._calendar = calendar
        self.name = "endpoint"

    def bars(self, symbol: str, day: date) -> Bars:
        """Return the endpoint's bars of one trading date."""
        first, last = map(nanos, day_window(self._calendar, day))
        answer = HttpBars(self._address, [symbol]).fetch(first, last)
        if answer.problem:
            raise DataError(f"{symbol} on {day}: {answer.problem}")
        parts = [part for part in answer.bars if part.symbol == symbol]
        whole = agreed(concatenated(empty_bars(symbol), *parts))
        return take(whole, (whole.end > first) & (whole.end <= last))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What a source is made from.

    Attributes
    ----------
    place
        What people write behind the source's name: ``FOLDER`` of ``csv:FOLDER``.
    calendar
        Says when a trading date begins and ends.
    tables
        The folder of all tables.
    zone, label, columns
        How to read files: see `judged_reading`.
    """

    calendar: Calendar
    tables: Path
    place: str = ""
    zone: str | None = None
    label: Label | None = None
    columns: Mapping[str, str] | None = None


SourceMaker = Callable[[SourceRequest], Source]


def _synthetic(request: SourceRequest) -> Source:
    if not request.place.isdecimal():
        raise ConfigError(f"synthetic:{request.place} has no seed; write a whole number")
    return SyntheticSource(request.calendar, seed=int(request.place))


def _folder(request: SourceRequest) -> Source:
    return FolderSource(
        Path(request.place),
        request.calendar,
        zone=request.zone,
        label=request.label,
        columns=request.columns,
    )


def _table(request: SourceRequest) -> Source:
    demand_table(request.tables, request.place)
    return TableSource(BarTable(request.tables, request.place), request.calendar)


SOURCES: Catalogue[SourceMaker] = Catalogue(
    "source",
    "qtkit.sources",
    {
        "synthetic": _synthetic,
        "csv": _folder,
        "parquet": _folder,
        "table": _table,
        "http": lambda request: EndpointSource(f"http:{request.place}", request.calendar),
        "https": lambda request: EndpointSource(f"https:{request.place}", request.calendar),
    },
)
"""Name -> what makes a source; other packages offer theirs as entry points of ``qtkit.sources``."""


def source_from(words: str, request: SourceRequest) -> Source:
    """Return the source that people name in words: a name, a colon, and where it is.

    Raises
    ------
    ConfigError
        If the words name no source, or no place.
    """
    name, colon, place = words.partition(":")
    if not colon or not place:
        known = ", ".join(f"{one}:…" for one in SOURCES.names())
        raise ConfigError(f"there is no source {words!r}; a name and a place are {known}")
    return SOURCES.named(name)(replace(request, place=place))
