"""What a chart is made of, whatever was handed over."""

from __future__ import annotations

from qtkit.evidence import Evidence
from qtkit.evidence.session import Session
from qtkit.runtime.backtest import BacktestResult

__all__ = ["Charted", "day_words", "evidence_of"]

Charted = BacktestResult | Session | Evidence
"""What a chart can be drawn of."""


def evidence_of(source: Charted) -> Evidence:
    """Return the evidence of a session or of a backtest."""
    if isinstance(source, BacktestResult):
        return Evidence.of_entries(source.entries)
    return source if isinstance(source, Evidence) else Evidence.of_folder(source.folder)


def day_words(evidence: Evidence) -> str:
    """Return the strategy and its days, for a heading."""
    started = evidence.started
    name = started.event.strategy if started else "a journal"
    days = sorted({str(e.event.trading_date) for e in evidence.merged() if e.event.trading_date})
    span = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "no trading date"
    return f"{name} · {span}"
