"""How to test a strategy of your own: bars by hand, days that the engine trades, its journal read.

python -m pytest examples/test_your_strategy.py
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.stages import phase_4a
from qtkit.testing import at, hand_made_session
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View

NEW_YORK = ZoneInfo("America/New_York")
ELEVEN = 90  # minutes after the open
DIP = 495.0  # USD per share
WEDNESDAY, THURSDAY = date(2026, 3, 4), date(2026, 3, 5)


class BuyTheDip:
    """Buys 100 shares of SPY once a day, below 495.00."""

    def __init__(self) -> None:
        self._bought = ""

    def prepare(self, view: View) -> Prepared:
        """Nothing here is heavy."""
        return None

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Return one order on the day's first dip."""
        if self._bought == _date(view.now) or view.price("SPY") > DIP:
            return []
        return [Intent(symbol="SPY", quantity=Decimal(100), because="below 495")]

    def on_fill(self, fill: Fill, view: View) -> None:
        """Remember the day."""
        self._bought = _date(fill.executed_at)

    def state(self) -> JsonObject:
        """Return what a restart needs."""
        return {"bought": self._bought}

    def restore(self, state: JsonObject) -> None:
        """Take it over; a new account has nothing."""
        self._bought = str(state.get("bought", ""))


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%d}"


SPEC = StrategySpec(
    name="buy_the_dip",
    make=BuyTheDip,
    symbols=("SPY",),
    exchange="XNYS",
    currency="USD",
    step_minutes=30,
)


def falling_at_eleven(number: int) -> float:
    """Return 500.00 until 11:00 of New York, the ninetieth minute, and 490.00 after it."""
    return 500.0 if number < ELEVEN else 490.0


def test_a_dip_is_bought_once_a_day(tmp_path: Path) -> None:
    days = (WEDNESDAY, THURSDAY)
    session = hand_made_session(SPEC, {"SPY": falling_at_eleven}, tmp_path, days=days)

    session.live_through()

    fills = [e.event for e in session.entries() if isinstance(e.event, ev.OrderFilled)]
    assert [(fill.trading_date, fill.quantity) for fill in fills] == [
        (WEDNESDAY, Decimal(100)),
        (THURSDAY, Decimal(100)),
    ]


def test_nothing_is_bought_before_the_dip(tmp_path: Path) -> None:
    with hand_made_session(SPEC, {"SPY": falling_at_eleven}, tmp_path) as session:
        session.advance(at("10:59", WEDNESDAY, NEW_YORK))

        assert session.view.state.ledger.positions == {}


def test_what_was_traded_adds_up(tmp_path: Path) -> None:
    """The stages of the checklist judge a day by hand as they judge any other."""
    session = hand_made_session(SPEC, {"SPY": falling_at_eleven}, tmp_path)

    session.live_through()

    assert phase_4a(session).conclusion == "passed"
