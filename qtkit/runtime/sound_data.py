"""What a table's data must be like before money follows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from qtkit.core.advice import command
from qtkit.core.calendars import Calendar
from qtkit.core.errors import DataError
from qtkit.core.verdict import Conclusion, Verdict, conclude
from qtkit.market.bar_grid import BarGrid
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.quality import QualityBudget, check_table
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model.bars import Bars, time_of

__all__ = ["demand_sound_bars", "demand_sound_closes"]

_SHARE = 0.01  # of the bars of all dates that may be missing at their end
_SHOWN = 5  # verdicts that one sentence names


def demand_sound_bars(
    table: str,
    bars: Iterable[Bars],
    days: Sequence[date],
    calendar: Calendar,
    accepted: Sequence[str],
) -> None:
    """Refuse bars of some trading dates that fail a rule of data quality.

    Parameters
    ----------
    table
        Its name, for the sentence.
    days
        Trading dates, in order.
    accepted
        Rules that may fail.

    Raises
    ------
    DataError
        With all verdicts that fail, and what to do.
    """
    judged = list[Verdict]()
    for part in bars:
        grid = BarGrid(calendar, part.length)
        size = grid.spans_between(days[0], days[-1]).end.size
        budget = QualityBudget(tail_bars=int(size * _SHARE))
        judged += check_table(part, calendar, days[0], days[-1], budget=budget)
    _refuse(table, _wrong(judged, accepted))


def demand_sound_closes(
    table: BarTable, symbols: Sequence[str], calendar: Calendar, accepted: Sequence[str]
) -> None:
    """Refuse the last trading dates of a table, of which a live session takes the last closes.

    A symbol that the table does not have has no last close there, and that is told elsewhere.

    Raises
    ------
    DataError
        With all verdicts that fail, and what to do.
    """
    judged = list[Verdict]()
    for symbol in set(symbols) & set(table.symbols()):
        bars = table.read(symbol)
        if len(bars):
            last = date_of_bar(calendar, time_of(int(bars.end[-1])))
            judged += check_table(bars, calendar, last, None)
    _refuse(table.name, _wrong(judged, accepted))


def _wrong(judged: Iterable[Verdict], accepted: Sequence[str]) -> Iterator[Verdict]:
    for verdict in judged:
        if verdict.rule not in accepted and conclude([verdict]) is Conclusion.BLOCKED:
            yield verdict


def _refuse(table: str, wrong: Iterable[Verdict]) -> None:
    verdicts = list(wrong)
    if not verdicts:
        return
    shown = "; ".join(f"{v.rule}: {v.summary}" for v in verdicts[:_SHOWN])
    more = f" and {len(verdicts) - _SHOWN} more" if len(verdicts) > _SHOWN else ""
    rules = " ".join(f"--accept-data {rule}" for rule in dict.fromkeys(v.rule for v in verdicts))
    raise DataError(
        f"the data of table {table} are not sound, and nothing was started ({shown}{more}). Look "
        f"with {command('data', 'check', table)}, mend them, or trade on them as they are: {rules}"
    )
