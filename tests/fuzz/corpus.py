"""The sound things that are mutated: made by the product itself, once, in a folder of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.journal import read_journal
from qtkit.journal.writer import Observer
from qtkit.market.tables.bar_table import BarTable
from qtkit.model.bars import Bars, time_of
from qtkit.model.events import Entry, OrderFilled
from qtkit.model.intents import Intent
from qtkit.model.orders import OrderType
from qtkit.reports.artifacts import write_reports
from qtkit.runs.record import RunRecord, digest_of, record_json, run_id_of
from qtkit.runtime.accounts import create_account
from qtkit.runtime.build import build
from qtkit.runtime.configuration.keys import all_keys
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.metadata import write_identity
from qtkit.runtime.run import Run
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import hand_made_data, scripted_spec
from qtkit.trading.strategy.protocol import StrategySpec

ACCOUNT = "fuzz"
APPLE, SOFT = "AAPL", "MSFT"
DAYS = (date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6))
ZONE = "America/New_York"  # five hours behind UTC on these days
_OPENING_CASH = Decimal(200_000)
LONGEST_NOTEBOOK = 60_000  # bytes
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class PowerCut(Exception):
    """The machine stopped."""


def at(day: date, hour: int, minute: int) -> datetime:
    """Return a New York time of these days as UTC."""
    return datetime(day.year, day.month, day.day, hour + 5, minute, tzinfo=UTC)


def _wish(symbol: str, shares: int, limit: str | None = None) -> Intent:
    return Intent(
        symbol=symbol,
        quantity=Decimal(shares),
        because="the script says so",
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
    )


_SCRIPT = {
    "09:35": [_wish(APPLE, 300), _wish(SOFT, 200)],
    "09:40": [_wish(APPLE, -100), _wish(SOFT, 50, "9.00")],
    "09:45": [_wish(SOFT, -70)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an account has, as its next session sees it: what nobody may change unseen."""

    cash: Decimal
    positions: dict[str, Decimal]
    open_orders: frozenset[str]
    next_order: int
    killed: bool
    broker_cash: Decimal
    broker_positions: dict[str, Decimal]


def standing_of(run: Run) -> Standing:
    """Return what a session that has just begun, or come back, works with."""
    state, report = run.engine.context.state, run.broker.account()
    book = state.ledger.book()
    return Standing(
        cash=book.cash,
        positions={line.symbol: line.quantity for line in book.positions},
        open_orders=frozenset(order.order_id for order in book.open_orders),
        next_order=state.next_order,
        killed=state.killed,
        broker_cash=report.cash,
        broker_positions=dict(report.positions),
    )


class Corpus:
    """Sessions, tables and files to be damaged; each is made when it is first asked for."""

    def __init__(self, place: Path) -> None:
        self._place = place

    @cached_property
    def data(self) -> MarketData:
        """Bars of three days of two American shares."""
        prices = {APPLE: lambda n: 10.0 + 0.01 * n, SOFT: lambda n: 11.0 - 0.01 * (n % 40)}
        return hand_made_data(prices, DAYS, exchange_calendar("XNYS"))

    @cached_property
    def spec(self) -> StrategySpec:
        """What is traded: by a script, in New York."""
        made = scripted_spec(
            _SCRIPT, [APPLE, SOFT], exchange="XNYS", zone=ZONE, opening_cash=_OPENING_CASH
        )
        return replace(made, currency="USD")

    def plan(
        self, day: date, observer: Observer | None = None, *, first: int = 24, last: int = 48
    ) -> SessionSpec:
        """Return the first minutes of a day, between two minutes after nine."""
        return SessionSpec(
            strategy=self.spec,
            settings=SessionSettings(price_poll_minutes=5, max_price_age_seconds=400),
            day=day,
            start=at(day, 9, first),
            stop=at(day, 9, last),
            data=self.data,
            journal_observer=observer,
        )

    def _account(self, name: str) -> OutputRoot:
        root = OutputRoot(self._place / name)
        create_account(
            root.account("paper", ACCOUNT),
            cash=_OPENING_CASH,
            currency="USD",
            exchange="XNYS",
            at=at(DAYS[0], 9, 0),
        )
        return root

    @cached_property
    def finished(self) -> OutputRoot:
        """An account with two sessions, both ended in order."""
        root = self._account("finished")
        for day in DAYS[:2]:
            self._reported(build(replace(self.plan(day), account=ACCOUNT), root))
        return root

    def _reported(self, run: Run) -> None:
        """Run a session, with all the files that the command line would write."""
        write_identity(run)
        run.run()
        write_reports(run.folder)

    @cached_property
    def cut(self) -> OutputRoot:
        """An account whose second session was cut off by a power failure."""
        root = self._account("cut")
        self._reported(build(replace(self.plan(DAYS[0]), account=ACCOUNT), root))
        fills = list[int]()

        def observer(what: str, entry: Entry) -> None:
            if what == "written" and isinstance(entry.event, OrderFilled):
                fills.append(entry.seq)
                if len(fills) == 3:
                    raise PowerCut

        try:
            build(replace(self.plan(DAYS[1], observer), account=ACCOUNT), root).run()
        except PowerCut:
            return root
        raise AssertionError("the power was not cut")

    @cached_property
    def session(self) -> SessionFolder:
        """The last session of the account whose sessions have ended."""
        return SessionFolder(max(self.finished.sessions("paper").iterdir()))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Its journal."""
        return tuple(read_journal(self.session.journal))

    @cached_property
    def bars(self) -> Bars:
        """Two hours of one share."""
        return self.data.bars[APPLE].rows(0, 120)

    @cached_property
    def table_file(self) -> bytes:
        """A local table's file of these bars."""
        BarTable(self._place / "tables", "fuzz").write(self.bars)
        return (self._place / "tables" / "fuzz" / f"{APPLE}.parquet").read_bytes()

    @cached_property
    def feed_file(self) -> bytes:
        """What the session's feed delivered."""
        return self.session.feed.read_bytes()

    @cached_property
    def csv_text(self) -> bytes:
        """The bars as a CSV file, times with their offset."""
        rows = (
            f"{time_of(int(end)).isoformat()},{a!r},{b!r},{c!r},{d!r},{v!r}"
            for end, a, b, c, d, v in _rows(self.bars.rows(0, 40))
        )
        return ("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n").encode()

    @cached_property
    def answer(self) -> bytes:
        """The bars as an endpoint answers them."""
        names = ("open", "high", "low", "close", "volume")
        bars = [
            {
                "symbol": symbol,
                "end": time_of(int(end)).isoformat(),
                **dict(zip(names, numbers, strict=True)),
            }
            for symbol in (APPLE, SOFT)
            for end, *numbers in _rows(self.data.bars[symbol].rows(0, 6))
        ]
        return json.dumps({"bars": bars}).encode()

    @cached_property
    def config(self) -> bytes:
        """A configuration file with every key that has a default, and that default."""
        text, section = "", ""
        for key in all_keys().values():
            value = _toml(key.default)
            if value:
                text += f"\n[{key.section}]\n" if key.section != section else ""
                text, section = text + f"{key.name} = {value}\n", key.section
        return text.encode()

    @cached_property
    def dotenv(self) -> bytes:
        """The same keys as names of the environment."""
        lines = (
            f"QTKIT_{key.section}__{key.name}={_toml(key.default).strip(chr(34))}".upper()
            for key in all_keys().values()
            if _toml(key.default) and not _toml(key.default).startswith('"')
        )
        return ("# ours\n" + "\n".join(lines) + '\nOTHER="x y"\nexport PATH_TO=/tmp\n').encode()

    def record(self, started: datetime) -> tuple[str, bytes]:
        """Return the id and the record of a run: one notebook, one stage, one session."""
        environment = ("numpy==2.4.6", "pandas==3.0.6")
        parameters: dict[str, Any] = {"day": "2026-03-04", "limits": [1, 2.5, None]}
        run_id = run_id_of("day.ipynb", "d" * 64, parameters, started)
        verdict: dict[str, Any] = {"rule": "2.1", "status": "pass", "summary": "104 tasks"}
        verdict["proof"] = {"lines": [3, 4], "count": 2}
        stage = {"stage": "2", "title": "tasks", "conclusion": "passed", "verdicts": [verdict]}
        made = RunRecord.model_validate(
            {
                "run_id": run_id,
                "status": "passed",
                "conclusion": "passed",
                "started": started,
                "finished": started + timedelta(seconds=2.5),
                "notebook": "day.ipynb",
                "notebook_digest": "d" * 64,
                "parameters": parameters,
                "cells": 2,
                "cells_run": 2,
                "timings": [{"cell": 0, "seconds": 0.5}, {"cell": 1, "seconds": 1.5}],
                "toolkit_version": "0.1.0",
                "python": "3.11.7",
                "environment": environment,
                "environment_digest": digest_of(environment),
                "stages": [stage],
                "sessions": [{"session_id": "20260304_142400_paper_abc1234", "details": {"a": 1}}],
            }
        )
        return run_id, record_json(made).encode()

    @cached_property
    def notebooks(self) -> tuple[bytes, ...]:
        """Our notebooks, outputs and all but the long ones."""
        texts = (path.read_bytes() for path in sorted(NOTEBOOKS.glob("*.ipynb")))
        return tuple(text for text in texts if len(text) < LONGEST_NOTEBOOK)


def _rows(bars: Bars) -> Iterator[tuple[float, ...]]:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return zip(bars.end.tolist(), *(column.tolist() for column in columns), strict=True)


def _toml(value: object) -> str:
    """Return a default as TOML; "" for what TOML or a default cannot say."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return f'"{value}"' if isinstance(value, str) and value else ""
