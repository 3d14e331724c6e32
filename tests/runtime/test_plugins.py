"""A broker and a feed of another package: one entry point each, and they trade a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Run
from qtkit.runtime.spec import SessionSpec
from qtkit.stages import all_stages
from qtkit.stages.stage import judge
from qtkit.testing import scripted_spec

DAY = date(2026, 3, 4)
PACKAGE = '''
"""A venue of another package: fills at the newest close, and its bars never move."""

from datetime import timedelta
from decimal import Decimal

import numpy as np

from qtkit.model.bars import Bars, nanos
from qtkit.trading.brokers.protocol import AccountReport, Ack, BrokerFill, BrokerOrder


class Bourse:
    name = "bourse"

    def __init__(self, request):
        self._market, self._clock = request.market, request.clock
        self._cash, self._held, self._orders, self._news = request.cash, {}, {}, []

    def connect(self): pass

    def submit(self, order):
        number = f"b{len(self._orders) + 1}"
        price = Decimal(str(self._market.bars[order.symbol].close[-1]))
        self._cash -= order.quantity * price
        self._held[order.symbol] = self._held.get(order.symbol, Decimal(0)) + order.quantity
        self._orders[order.order_id] = BrokerOrder(
            order_id=order.order_id, broker_order_id=number, symbol=order.symbol,
            quantity=order.quantity, filled=order.quantity, status="filled")
        self._news.append(BrokerFill(
            order_id=order.order_id, broker_order_id=number, fill_id=f"f{number}",
            symbol=order.symbol, quantity=order.quantity, price=price, commission=Decimal(0),
            tax=Decimal(0), executed_at=self._clock.now(), venue="BOURSE"))
        return Ack(answer="accepted", broker_order_id=number)

    def cancel(self, order_id): return Ack(answer="refused", reason_code="ended", reason="filled")

    def poll_fills(self):
        news, self._news = self._news, []
        return news

    def find(self, order_id): return self._orders.get(order_id)

    def account(self):
        held = {s: q for s, q in self._held.items() if q}
        return AccountReport(cash=self._cash, positions=held, open_orders=(), at=self._clock.now())

    def close(self): pass


class Ticker:
    def __init__(self, request):
        self._symbols, self._calendar, self._seen = request.symbols, request.calendar, 0

    def bars_until(self, now):
        day = self._calendar.local_date(now)
        ends = [
            nanos(s.start + timedelta(minutes=n + 1))
            for s in self._calendar.segments(day)
            for n in range(int((s.end - s.start) / timedelta(minutes=1)))
        ]
        fresh = np.array([e for e in ends if self._seen < e <= nanos(now)], dtype=np.int64)
        if not len(fresh):
            return {}
        self._seen = int(fresh[-1])
        flat = np.full(len(fresh), 200.0)
        return {s: Bars(symbol=s, end=fresh, open=flat, high=flat, low=flat, close=flat,
                        volume=np.full(len(fresh), 1e6)) for s in self._symbols}
'''
ENTRIES = "[qtkit.brokers]\nbourse = bourse:Bourse\n\n[qtkit.feeds]\nticker = bourse:Ticker\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another package be installed, as an installer would leave it."""
    site = tmp_path / "site"
    info = site / "bourse-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "bourse.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bourse\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(site)


def asked() -> SessionSpec:
    """Return a day of New York on the other package's broker and feed."""
    buy, sell = (
        Intent(symbol="AAPL", quantity=Decimal(shares), because="the script says so")
        for shares in (10, -10)
    )
    script = {"10:00": [buy], "11:00": [buy], "12:00": [sell]}
    return SessionSpec(
        strategy=replace(
            scripted_spec(script, ["AAPL"], exchange="XNYS", zone="America/New_York"),
            currency="USD",
        ),
        settings=settings_of({"broker": "bourse", "feed": {"kind": "ticker"}, "refill": False}),
        day=DAY,
    )


def lived(spec: SessionSpec, root: OutputRoot) -> Run:
    with build(spec, root) as run:
        run.run()
    return run


@pytest.mark.usefixtures("installed")
def test_a_day_is_traded_through_a_broker_and_a_feed_of_another_package(tmp_path: Path) -> None:
    run = lived(asked(), OutputRoot(tmp_path / "outputs"))

    entries = [entry.event for entry in read_journal(run.folder.journal)]
    fills = [e for e in entries if isinstance(e, ev.OrderFilled)]
    assert {e.broker_name for e in entries if isinstance(e, ev.BrokerConnected)} == {"bourse"}
    assert [f.quantity for f in fills] == [10, 10, -10]
    assert {(str(f.price), f.venue) for f in fills} == {("200.0", "BOURSE")}
    assert entries[-1].closing.cash == Decimal(1_000_000) - 2000


@pytest.mark.usefixtures("installed")
def test_the_checklist_passes_on_it(tmp_path: Path) -> None:
    run = lived(asked(), OutputRoot(tmp_path / "outputs"))

    reports = [judge(stage, Evidence.of_folder(run.folder)) for stage in all_stages()]

    wrong = [v for r in reports for v in r.verdicts if v.status in {Status.FAIL, Status.ERROR}]
    assert [f"{v.rule}: {v.summary}" for v in wrong] == []


@pytest.mark.usefixtures("installed")
def test_the_account_goes_on_with_it_on_the_next_day(tmp_path: Path) -> None:
    root = OutputRoot(tmp_path / "outputs")
    name = lived(asked(), root).account.name

    run = build(replace(asked(), account=name, day=date(2026, 3, 5)), root)
    run.begin()
    run.close()

    assert next(read_journal(run.folder.journal)).event.opening.positions[0].quantity == 10


@pytest.mark.parametrize("settings", [{"broker": "bours"}, {"feed": {"kind": "tick"}}], ids=str)
def test_a_part_that_nobody_offers_is_refused_by_name(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    spec = replace(asked(), settings=settings_of({"seed": 1}))

    with pytest.raises(ConfigError, match="there is no"):
        build(replace(spec, settings=settings_of(settings)), OutputRoot(tmp_path / "outputs"))

    assert not (tmp_path / "outputs").exists()
