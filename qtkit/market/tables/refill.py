"""Fill a table, day by day, from somewhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from qtkit.core.errors import DataError, FolderLocked
from qtkit.core.verdict import Verdict, fail, ok
from qtkit.market.bar_grid import BarGrid
from qtkit.market.bar_order import concatenated, empty_bars
from qtkit.market.longer_bars import longer_bars
from qtkit.market.tables.bar_sources import Source
from qtkit.market.tables.bar_table import BarTable, MergeReport
from qtkit.model.bars import Bars

__all__ = [
    "RefillReport",
    "refill",
]


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
