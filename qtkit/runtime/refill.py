"""A session's own copy of its table, brought up to date after each day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from qtkit.core.errors import DataError
from qtkit.core.paths import SessionFolder
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.events import TablesRefilled
from qtkit.runtime.factories import Market
from qtkit.runtime.plan import SessionPlan

__all__ = ["refill_of"]


def refill_of(
    plan: SessionPlan, market: Market, folder: SessionFolder
) -> Callable[[date], TablesRefilled]:
    """Return what brings the session's own copy of its table up to date, and nothing else."""
    name = plan.spec.strategy.table
    table = BarTable(folder.tables, name)

    def refill(day: date) -> TablesRefilled:
        segments = plan.calendar.segments(day)
        if not segments:
            raise DataError(f"{day} is no trading day: there is nothing to refill")
        total = 0
        for bars in market.prices.bars.values():
            fresh = bars.between(segments[0].start, segments[-1].end)
            total += len(fresh)
            if len(fresh):
                table.merge(fresh)
        return TablesRefilled(trading_date=day, tables=(name,), bars=total)

    return refill
