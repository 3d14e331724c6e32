"""Backtests: the same engine with journal and broker in memory."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, write_atomic
from qtkit.core.render import Table, html_table, mimebundle, text_table
from qtkit.ledger.performance import max_drawdown
from qtkit.market.instruments import InstrumentTable
from qtkit.model.bars import Bars
from qtkit.model.books import Book
from qtkit.model.events import Entry, OrderFilled, OrderRefused, SessionStarted
from qtkit.runtime.build import build
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.plan import exchange_of
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import BACKTEST, SessionSpec
from qtkit.trading.strategy.protocol import StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = ["BacktestResult", "backtest", "keep", "run_backtest"]


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """What a backtest came to."""

    strategy: str
    days: tuple[date, ...]
    steps: int
    entries: Sequence[Entry] = field(repr=False)
    closing: Book = field(repr=False)
    equity: dict[date, Decimal] = field(repr=False)  # at each day's close, account currency
    opening_cash: Decimal
    bars: Mapping[str, Bars] = field(default_factory=dict, repr=False)  # what it was run on

    @property
    def fills(self) -> list[OrderFilled]:
        """Every execution, in order."""
        return [e.event for e in self.entries if isinstance(e.event, OrderFilled)]

    @property
    def accepted_data(self) -> Sequence[str]:
        """Rules of data quality that its bars were allowed to fail."""
        opening: SessionStarted = self.entries[0].event
        rules: Sequence[str] = opening.settings.get("accept_data", ())
        return rules

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers, as JSON; money in account currency."""
        fills = self.fills
        last = self.equity[self.days[-1]]
        curve = [float(self.opening_cash), *(float(value) for value in self.equity.values())]
        return {
            "strategy": self.strategy,
            "first_day": str(self.days[0]),
            "last_day": str(self.days[-1]),
            "days": len(self.days),
            "steps": self.steps,
            "fills": len(fills),
            "refusals": sum(isinstance(e.event, OrderRefused) for e in self.entries),
            "fees": str(sum((f.commission + f.tax for f in fills), Decimal(0))),
            "opening_cash": str(self.opening_cash),
            "closing_cash": str(self.closing.cash),
            "closing_equity": str(last),
            "return": str(round(last / self.opening_cash - 1, 6)),
            "max_drawdown": f"{max_drawdown(curve):.6f}",
            "positions": {p.symbol: str(p.quantity) for p in self.closing.positions},
            **({"accepted_data": list(self.accepted_data)} if self.accepted_data else {}),
        }

    def _table(self) -> Table:
        rows = tuple((name.replace("_", " "), str(value)) for name, value in self.summary.items())
        return Table(title=f"Backtest of {self.strategy}", columns=("", ""), rows=rows)

    def __str__(self) -> str:
        return text_table(self._table())

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        payload = {"format": 1, "type": "backtest", **self.summary}
        return mimebundle(str(self), html_table(self._table()), payload)


def backtest(
    spec: StrategySpec,
    start: date,
    end: date,
    *,
    settings: SessionSettings | None = None,
    data: MarketData | None = None,
    root: OutputRoot | None = None,
    instruments: InstrumentTable | None = None,
) -> BacktestResult:
    """Run a strategy over the trading dates from `start` to `end`, both included.

    Parameters
    ----------
    spec
        The strategy.
    start, end
        Dates of the exchange.
    settings
        As for a session; the mode is always ``backtest``.
    data
        Bars; None: what the settings name.
    root
        Where local tables are.
    instruments
        The rules of everything; None: as the settings name them.

    Raises
    ------
    ConfigError
        If there is no trading date in between, or the strategy finds its parameters wrong.
    DataError
        If bars are missing, or a symbol is unknown.
    StrategyError
        If the strategy raises.
    """
    chosen = _asked(spec, settings)
    calendar = exchange_of(spec, chosen)
    days = calendar.sessions(start, end) if start <= end else ()
    if not days:
        raise ConfigError(
            f"there is no trading date of {spec.exchange} from {start} to {end}; "
            "choose a longer span, the start not after the end"
        )
    return run_backtest(spec, chosen, days, data, root, instruments=instruments)


def run_backtest(
    spec: StrategySpec,
    settings: SessionSettings | None,
    days: Sequence[date],
    data: MarketData | None = None,
    root: OutputRoot | None = None,
    *,
    instruments: InstrumentTable | None = None,
) -> BacktestResult:
    """Run a strategy over given consecutive trading dates and bars; see `backtest`."""
    asked_settings = _asked(spec, settings)
    asked = SessionSpec(
        strategy=spec,
        settings=asked_settings,
        kind=BACKTEST,
        day=days[0],
        days=len(days),
        start=exchange_of(spec, asked_settings).segments(days[0])[0].start,
        data=data,
        instruments=instruments,
    )
    with build(asked, root or OutputRoot.default()) as run:
        run.run()
    return BacktestResult(
        strategy=spec.name,
        days=run.plan.days,
        steps=run.backtest.steps,
        entries=tuple(run.context.journal.entries()),
        closing=run.context.state.ledger.book(),
        equity=run.backtest.equity,
        opening_cash=spec.opening_cash,
        bars=run.market.prices.bars,
    )


def _asked(spec: StrategySpec, settings: SessionSettings | None) -> SessionSettings:
    demand_spec(spec)
    return (settings or SessionSettings()).model_copy(update={"mode": "backtest"})


_COLUMNS = (
    "executed_at",
    "symbol",
    "quantity",
    "price",
    "commission",
    "tax",
    "order_id",
    "fill_id",
)


def keep(result: BacktestResult, root: OutputRoot) -> Path:
    """Write numbers, daily equity and fills into a research run's folder, and return it.

    The folder's name follows from what was run, so that the same backtest lands in the same place.
    """
    told = {"summary": result.summary, "equity": {str(d): str(v) for d, v in result.equity.items()}}
    text = json.dumps(told, indent=2, sort_keys=True)
    name = f"{result.days[0]:%Y%m%d}_{result.days[-1]:%Y%m%d}_backtest_{_digest(result)}"
    folder = root.research_runs / name
    write_atomic(folder / "report.json", text + "\n")
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(fill, column) for column in _COLUMNS] for fill in result.fills)
    write_atomic(folder / "trades.csv", table.getvalue())
    return folder


def _digest(result: BacktestResult) -> str:
    opening: SessionStarted = result.entries[0].event
    asked = f"{opening.strategy} {','.join(opening.symbols)} {opening.digests.settings}"
    return hashlib.sha256(asked.encode()).hexdigest()[:7]
