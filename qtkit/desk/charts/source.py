"""What a chart is made of, whatever was handed over."""

from __future__ import annotations

from qtkit.evidence import Evidence
from qtkit.runtime.backtest import BacktestResult
from qtkit.stages import Source
from qtkit.stages.sources import evidence_of

__all__ = ["Told", "day_words", "told_by"]

Told = BacktestResult | Source
"""A backtest's result, a session, its folder, or evidence."""


def told_by(source: Told) -> Evidence:
    """Return the evidence of a session or of a backtest.

    Raises
    ------
    DataError
        If the source is neither.
    """
    if isinstance(source, BacktestResult):
        return Evidence.of_entries(source.entries)
    return evidence_of(source)


def day_words(evidence: Evidence) -> str:
    """Return the strategy and its days, for a heading."""
    started = evidence.started
    name = started.event.strategy if started else "a journal"
    days = sorted({str(e.event.trading_date) for e in evidence.merged() if e.event.trading_date})
    span = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "no trading date"
    return f"{name} · {span}"
