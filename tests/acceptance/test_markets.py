"""One symbol of each kind of market: backtest, session, cut and return, check, and sheet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Conclusion, Status
from qtkit.evidence.recorded import RecordedSession
from qtkit.journal import read_journal
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.projections.session_view import SessionView
from qtkit.reports.daily_sheet.sheet import sheet_of
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Place
from qtkit.runtime.spec import SessionSpec
from qtkit.stages import judge_session
from qtkit.testing import at, hand_made_data, intent, scripted_spec

DAYS = (date(2026, 3, 4), date(2026, 3, 5))
SETTINGS = {"slippage_bps": 0, "price_poll_minutes": 10}
Costs = tuple[str, str]
"""Commission and tax, worked out by hand."""


@dataclass(frozen=True, kw_only=True)
class Market:
    """What is bought on one day at ten o'clock, and sold on the next, at a price that stands still.

    Attributes
    ----------
    line
        What makes the symbol known; "" where it is.
    value
        Of the buy, in the account's currency.
    """

    symbol: str
    exchange: str
    currency: str
    price: float
    quantity: str
    value: str
    buy: Costs
    sell: Costs
    line: str = ""

    def table(self, folder: Path) -> InstrumentTable:
        if not self.line:
            return instrument_table()
        file = folder / "instruments.toml"
        file.write_text(f"[symbols]\n{self.line}\n")
        return instrument_table(file)

    def asked(self, folder: Path) -> SessionSpec:
        zone = exchange_calendar(self.exchange).zone.key
        script = {
            "03-04 10:00": [intent(self.symbol, self.quantity)],
            "03-05 10:00": [intent(self.symbol, f"-{self.quantity}")],
        }
        spec = scripted_spec(
            script, [self.symbol], exchange=self.exchange, zone=zone, step_minutes=10
        )
        calendar = exchange_calendar(self.exchange)
        return SessionSpec(
            strategy=spec,
            settings=settings_of(SETTINGS),
            day=DAYS[0],
            days=len(DAYS),
            data=hand_made_data({self.symbol: self.price}, DAYS, calendar),
            instruments=self.table(folder),
        )


MARKETS = (
    # stamp duty 0.05% on the sell
    Market(symbol="600036.SH", exchange="XSHG", currency="CNY", price=40.0, quantity="1000",
           value="40000", buy=("12.00", "0"), sell=("12.00", "20.00")),
    # a dollar at least; FINRA 100 times 0.000195, each started cent
    Market(symbol="GOOG", exchange="XNYS", currency="USD", price=150.0, quantity="100",
           value="15000", buy=("1", "0"), sell=("1", "0.02"), line='GOOG = "XNYS"'),
    # 0.08%, whole yen
    Market(symbol="7203.T", exchange="XTKS", currency="JPY", price=2801.0, quantity="100",
           value="280100", buy=("224", "0"), sell=("224", "0"), line='"7203.T" = "XTKS"'),
    # 0.08%; stamp duty 51 of 50.05, levies 1.35 and 0.08, trading fee 2.83, on both sides
    Market(symbol="0700.HK", exchange="XHKG", currency="HKD", price=500.5, quantity="100",
           value="50050", buy=("40.04", "55.26"), sell=("40.04", "55.26"),
           line='"0700.HK" = "XHKG"'),
    # prices in pence; 0.5% on the buy
    Market(symbol="VOD.L", exchange="XLON", currency="GBP", price=75.5, quantity="10000",
           value="7550", buy=("3.78", "37.75"), sell=("3.78", "0"),
           line='"VOD.L" = { exchange = "XLON", tick = "0.01", multiplier = "0.01" }'),
    Market(symbol="SAP.DE", exchange="XFRA", currency="EUR", price=200.0, quantity="50",
           value="10000", buy=("5.00", "0"), sell=("5.00", "0"), line='"SAP.DE" = "XFRA"'),
    # half a spread
    Market(symbol="GBPUSD", exchange="24/5", currency="USD", price=1.25, quantity="10000",
           value="12500", buy=("0.50", "0"), sell=("0.50", "0")),
    # 0.1%, to eight places
    Market(symbol="ETHUSDT", exchange="24/7", currency="USDT", price=2000.01, quantity="0.123",
           value="246.00123", buy=("0.24600123", "0"), sell=("0.24600123", "0"),
           line='ETHUSDT = { exchange = "24/7", currency = "USDT", venue_symbol = "ETH/USDT" }'),
)  # fmt: skip


class _PowerLost(BaseException):
    """The process is gone."""


def _cut_off_on_the_first_day(asked: SessionSpec, place: Place) -> None:
    when = at("10:31", zone=exchange_calendar(asked.strategy.exchange).zone)

    def look(what: str, entry: Entry) -> None:
        if what == "written" and entry.at >= when:
            raise _PowerLost

    with pytest.raises(_PowerLost):
        build(replace(asked, journal_observer=look), place).run()


def _lived(asked: SessionSpec, folder: Path) -> SessionFolder:
    place = Place(SessionFolder(folder / "session"), OutputRoot(folder).account("paper", "desk"))
    _cut_off_on_the_first_day(asked, place)
    build(asked, place).run()
    return place.folder


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange} {market.symbol}")
def test_a_market_is_traded_cut_off_resumed_and_judged(market: Market, tmp_path: Path) -> None:
    asked = market.asked(tmp_path)
    tested = run_backtest(
        asked.strategy, asked.settings, DAYS, asked.data, instruments=asked.instruments
    )

    folder = _lived(asked, tmp_path)

    fills = [e.event for e in read_journal(folder.journal) if isinstance(e.event, ev.OrderFilled)]
    assert [(f.commission, f.tax) for f in fills] == [
        tuple(map(Decimal, costs)) for costs in (market.buy, market.sell)
    ]
    costs = sum(map(Decimal, (*market.buy, *market.sell)))
    session = RecordedSession(folder)
    view: SessionView = session.view
    assert view.state.ledger.book() == tested.closing
    assert (tested.closing.cash, tested.closing.currency, tested.closing.positions) == (
        asked.strategy.opening_cash - costs, market.currency, (),
    )  # fmt: skip
    assert tested.equity[DAYS[0]] == asked.strategy.opening_cash - sum(map(Decimal, market.buy))
    bad = {Status.FAIL, Status.ERROR}
    verdicts = [v for report in judge_session(session, []) for v in report.verdicts]
    assert [(v.rule, v.summary) for v in verdicts if v.status in bad] == []
    assert sheet_of(session, at=view.now, headless=True).conclusion is not Conclusion.BLOCKED


def test_a_return_under_other_rules_is_refused_and_names_them(tmp_path: Path) -> None:
    market = MARKETS[1]
    place = Place(SessionFolder(tmp_path / "session"), OutputRoot(tmp_path).account("paper", "x"))
    asked = market.asked(tmp_path)
    _cut_off_on_the_first_day(asked, place)
    dearer = replace(market, line='GOOG = { exchange = "XNYS", fees = "Europe per value" }')

    with pytest.raises(ConfigError, match="instruments: the journal has"):
        build(replace(asked, instruments=dearer.table(tmp_path)), place)
