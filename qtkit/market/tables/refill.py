"""Fill a table, day by day, from somewhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from qtkit.core.calendars import Calendar
from qtkit.core.errors import ConfigError, DataError, FolderLocked
from qtkit.core.verdict import Verdict, fail, ok
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import agreed, concatenated, empty_bars
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.market.longer_bars import longer_bars
from qtkit.market.tables.bar_table import BarTable, MergeReport
from qtkit.market.tables.reading import demanded, judged_reading
from qtkit.market.tables.source_bars import Label, read_rows
from qtkit.market.tables.synthetic import PLAIN, Market, synthetic_bars
from qtkit.market.trading_minutes import day_window
from qtkit.model.bars import Bars

__all__ = [
    "CsvFolderSource",
    "RefillReport",
    "Source",
    "SyntheticSource",
    "TableSource",
    "instrument_market",
    "refill",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillReport:
    """What a refill did."""

    table: str
    source: str
    merges: tuple[MergeReport, ...]
    missing: tuple[tuple[str, date], ...]  # (symbol, trading date) that the source has not
    failures: tuple[tuple[str, str], ...]  # (symbol, what went wrong); it stays as it was

    @property
    def is_complete(self) -> bool:
        """Whether every symbol has every day."""
        return not self.missing and not self.failures

    def verdicts(self) -> list[Verdict]:
        """Return one verdict for each symbol, rule ``data.refill``."""
        absent: dict[str, list[date]] = {}
        for symbol, day in self.missing:
            absent.setdefault(symbol, []).append(day)
        merged = [_verdict(merge, absent.get(merge.symbol, []), self) for merge in self.merges]
        failed = [
            fail(f"{symbol}: {sentence}", fix="mend the source, then refill again")
            for symbol, sentence in self.failures
        ]
        return [verdict.named("data.refill") for verdict in (*merged, *failed)]


def refill(
    table: BarTable,
    source: Source,
    symbols: Iterable[str],
    days: Iterable[date],
    *,
    replace: bool = False,
    grid: BarGrid | None = None,
) -> RefillReport:
    """Add the source's bars of some days to a table.

    A symbol whose source fails, or contradicts the table, stays as it was; the others go on.

    Parameters
    ----------
    table, source
        To and from.
    symbols
        What to fill.
    days
        Trading dates, sessions of the exchange.
    replace
        Let a new bar that differs take the place of an old one.
    grid
        The bars that the table holds: the source's are put together to them; None: as they are.

    Raises
    ------
    ConfigError
        If the source's bars are longer than the table's.
    """
    dates = tuple(days)
    merges: list[MergeReport] = []
    missing: list[tuple[str, date]] = []
    failures: list[tuple[str, str]] = []
    for symbol in symbols:
        try:
            parts = {day: source.bars(symbol, day) for day in dates}
            if grid is not None:
                parts = {day: longer_bars(bars, grid) for day, bars in parts.items()}
            merges.append(table.merge(_together(symbol, parts), replace=replace))
        except (DataError, FolderLocked) as problem:
            failures.append((symbol, str(problem)))
            continue
        missing += [(symbol, day) for day, bars in parts.items() if not len(bars)]
    return RefillReport(
        table=table.name,
        source=source.name,
        merges=tuple(merges),
        missing=tuple(missing),
        failures=tuple(failures),
    )


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


class CsvFolderSource:
    """A folder with ``<symbol>.csv`` or ``<symbol>.csv.gz`` files.

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
        paths = [self._folder / f"{symbol}{ending}" for ending in (".csv", ".csv.gz")]
        found = [path for path in paths if path.exists()]
        if len(found) != 1:
            raise DataError(
                f"folder {self._folder} has {len(found)} files for {symbol}; expected either "
                f"{paths[0].name} or {paths[1].name}"
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


def source_from(
    words: str,
    calendar: Calendar,
    *,
    tables: Path,
    zone: str | None = None,
    label: Label | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """Return the source that people name in words.

    Parameters
    ----------
    words
        ``synthetic:SEED``, ``csv:FOLDER`` or ``table:NAME``.
    calendar
        Says when a trading date begins and ends.
    tables
        The folder of all tables.
    zone, label, columns
        How to read CSV files: see `judged_reading`.

    Raises
    ------
    ConfigError
        If the words name no source.
    """
    kind, _, rest = words.partition(":")
    if kind == "synthetic" and rest.isdecimal():
        return SyntheticSource(calendar, seed=int(rest))
    if kind == "csv" and rest:
        return CsvFolderSource(Path(rest), calendar, zone=zone, label=label, columns=columns)
    if kind == "table" and rest:
        return TableSource(BarTable(tables, rest), calendar)
    raise ConfigError(
        f"there is no source {words!r}; write synthetic:SEED (a whole number), csv:FOLDER or "
        "table:NAME"
    )


def instrument_market(instruments: InstrumentTable, symbol: str, day: date) -> Market:
    """Return a market with the instrument's tick and lot; a plain one for an unknown symbol."""
    try:
        found = instruments.rules(symbol, day)
    except DataError:
        return PLAIN
    return Market(tick=float(found.tick), lot=float(found.lot))


def _together(symbol: str, parts: Mapping[date, Bars]) -> Bars:
    return concatenated(empty_bars(symbol), *(parts[day] for day in sorted(parts)))


def _verdict(merge: MergeReport, absent: list[date], report: RefillReport) -> Verdict:
    sentence = f"{merge}; {report.table} from {report.source}"
    if absent:
        return fail(
            f"{sentence}; {len(absent)} days have no bars there, first {min(absent)}",
            fix="look for these days in another source",
        )
    return ok(sentence)
