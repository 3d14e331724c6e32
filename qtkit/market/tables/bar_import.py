"""Files of bars into a table: all of them are judged before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import permutations
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from qtkit.core.calendars import Calendar
from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.core.paths import safe_name
from qtkit.core.verdict import Status, Verdict, fail
from qtkit.market.number_text import first_mistakes
from qtkit.market.tables.bar_table import BarTable, MergeReport, Obsolete
from qtkit.market.tables.column_names import DEFAULT_COLUMNS, column_option
from qtkit.market.tables.quality import check_table, condensed
from qtkit.market.tables.source_bars import Label, SourceRows, read_rows, reading_mistakes
from qtkit.market.tables.source_files import files_in
from qtkit.market.tables.time_basis import judged_reading
from qtkit.market.tables.trading_hours import hours_around
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars

__all__ = ["IMPORT_RULES", "BarImport", "ImportReport", "import_bars", "repairs"]

IMPORT_RULES = ("data.reading", "data.ohlc")
"""The verdicts that keep a file out of a table, unless they are accepted."""

_SMALL_SHARE = 0.01  # of bars whose open or close may lie outside low to high
_PRICES = ("open", "high", "low", "close")

CalendarOf = Callable[[str], Calendar]
"""Symbol -> the calendar of its exchange; raises `DataError` where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarImport:
    """How files are read, and what becomes of their bars.

    Attributes
    ----------
    symbol
        Whose bars they are; None: as a symbol column says, or else as each file is named.
    columns
        Ours -> the file's; see `read_rows`.
    zone, label
        None: UTC and the end of a bar, where trading hours leave no doubt.
    length
        Of the bars; None: as far as they are apart.
    volume
        Of every bar of a file without volumes, > 0; None: 0, of which no order gets a share.
    replace
        Let the files be the truth about their sessions; see `repairs`.
    drop_outside
        Leave out bars outside trading hours.
    accepted
        Those of `IMPORT_RULES` that may fail.
    """

    symbol: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    label: Label | None = None
    length: BarLength | None = None
    volume: float | None = None
    replace: bool = False
    drop_outside: bool = False
    accepted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.volume is not None and not (isfinite(self.volume) and self.volume > 0):
            raise ConfigError(f"a volume is a number above 0, was {self.volume}")
        if unknown := sorted(self.accepted - set(IMPORT_RULES)):
            raise ConfigError(
                f"an import has no rule {', '.join(unknown)}; known: {', '.join(IMPORT_RULES)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or would have done."""

    merges: tuple[MergeReport, ...]
    verdicts: tuple[Verdict, ...]
    written: bool

    def __str__(self) -> str:
        note = "" if self.written else "\nnothing was written (--dry-run)"
        return "\n".join(map(str, self.merges)) + note

    def payload(self) -> dict[str, object]:
        """Return the report for JSON, without its verdicts."""
        return {"written": self.written, "symbols": [merge.payload() for merge in self.merges]}


def import_bars(
    path: Path,
    table: BarTable,
    request: BarImport,
    calendar_of: CalendarOf,
    *,
    dry_run: bool = False,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = tuple,
) -> ImportReport:
    """Add the bars of a file, or of a folder of files, to a table; on any error it stays as it was.

    Parameters
    ----------
    path
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file, or a folder of them.
    dry_run
        Judge and compare, and write nothing.
    progress
        Hands the files on, and shows how far it is.

    Raises
    ------
    ConfigError
        If columns, zone or label are wrong or cannot be known.
    DataError
        If a file is missing or damaged, its symbol is unknown, its times lie outside trading hours,
        its prices contradict each other, or its bars contradict the table.
    """
    files = files_in(path)
    with TemporaryDirectory(prefix="qtkit-import-") as place:
        staged = BarTable(Path(place), table.name)
        verdicts, problems = list[Verdict](), list[QtkitError]()
        for file in progress(files):
            with _noted(problems):
                verdicts += _stage(file, staged, table, request, calendar_of)
        previews = list[MergeReport]()
        for symbol in staged.symbols():
            with _noted(problems):
                bars, calendar = staged.read(symbol), calendar_of(symbol)
                verdicts += condensed(bars, check_table(bars, calendar))
                previews.append(table.preview(bars, **_merging(bars, request, calendar)))
        _refuse(problems, len(files))
        if not dry_run:
            previews = [
                table.merge(bars, **_merging(bars, request, calendar_of(bars.symbol)))
                for bars in map(staged.read, staged.symbols())
            ]
    return ImportReport(merges=tuple(previews), verdicts=tuple(verdicts), written=not dry_run)


def repairs(bars: Bars, calendar: Calendar) -> Obsolete:
    """Return which old bars go where new ones are the truth about their sessions.

    What lies between the first and the last new bar of a session, and what lies out of trading
    hours on these dates or a day beside them: bars that were imported in a wrong zone.
    """
    hours = hours_around(calendar, bars.end)
    return lambda old: hours.obsolete(old, bars.end, bars.length)


def _merging(bars: Bars, request: BarImport, calendar: Calendar) -> _Merging:
    if not request.replace:
        return _Merging()
    return _Merging(replace=True, obsolete=repairs(bars, calendar))


class _Merging(TypedDict, total=False):
    """How bars are merged; see `BarTable.merge`."""

    replace: bool
    obsolete: Obsolete


@contextmanager
def _noted(problems: list[QtkitError]) -> Iterator[None]:
    """Go on after a mistake in a file; it is noted."""
    try:
        yield
    except (ConfigError, DataError) as problem:
        problems.append(problem)


def _stage(
    file: Path, staged: BarTable, table: BarTable, request: BarImport, calendar_of: CalendarOf
) -> Iterator[Verdict]:
    """Put a file's bars beside those of the files before, and yield how they were read."""
    lone = staged.length or table.length or BarLength.MIN_1
    wrong = reading_mistakes(request.zone or "UTC", request.label or "end")
    for rows in read_rows(
        file,
        request.symbol,
        columns=request.columns,
        length=request.length,
        lone=lone,
        volume=request.volume,
        beside=wrong,
    ):
        safe_name(rows.symbol, "symbol")
        bars, verdict = judged_reading(
            rows,
            calendar_of(rows.symbol),
            zone=request.zone,
            label=request.label,
            drop_outside=request.drop_outside,
        )
        yield _demanded(verdict, request)
        yield from (_demanded(wrong, request) for wrong in _columns(rows, bars, request))
        staged.merge(bars)


def _demanded(verdict: Verdict, request: BarImport) -> Verdict:
    """Return a verdict that lets a file in."""
    if verdict.status is Status.FAIL and verdict.rule not in request.accepted:
        raise DataError(f"{verdict.summary}: {verdict.fix}")
    return verdict


def _columns(rows: SourceRows, bars: Bars, request: BarImport) -> Iterator[Verdict]:
    """Yield a failure where open and close lie outside low to high too often."""
    prices = {name: getattr(bars, name) for name in _PRICES}
    wrong = _contradictory(prices)
    if wrong <= _SMALL_SHARE * len(bars):
        return
    sentence = (
        f"{rows.title}: {wrong:,} of {len(bars):,} bars of {rows.symbol} have an open or close "
        "outside low to high"
    )
    likely = min(permutations(_PRICES), key=lambda order: _contradictory(_in(order, prices)))
    if _contradictory(_in(likely, prices)) <= _SMALL_SHARE * len(bars):
        names = {**DEFAULT_COLUMNS, **request.columns}
        options = " ".join(
            column_option(ours, names[theirs])
            for ours, theirs in zip(_PRICES, likely, strict=True)
            if ours != theirs
        )
        verdict = fail(f"{sentence}; they fit with other columns", fix=options)
    else:
        verdict = fail(
            sentence, fix="name other columns, or accept it with --accept-data data.ohlc"
        )
    yield verdict.named("data.ohlc")


def _in(
    order: Sequence[str], prices: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    return {ours: prices[theirs] for ours, theirs in zip(_PRICES, order, strict=True)}


def _contradictory(prices: Mapping[str, NDArray[np.float64]]) -> int:
    inner = np.stack([prices["open"], prices["close"]])
    wrong = (inner > prices["high"]) | (inner < prices["low"])
    return int(wrong.any(axis=0).sum())


def _refuse(problems: Sequence[QtkitError], files: int) -> None:
    """Raise what is wrong, all of it as one error."""
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    kind = ConfigError if all(isinstance(p, ConfigError) for p in problems) else DataError
    raise kind(
        f"nothing was written: {len(problems)} mistakes in {files} files. "
        + first_mistakes([str(problem) for problem in problems])
    )
