"""Two short days in which everything happens, and the reference day.

The exchange closes twenty minutes after its opening (a calendar overlay says so), so that a whole
day from before the opening to after the refill is a few hundred journal lines.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.paths import OutputRoot
from qtkit.evidence import REFERENCE_DAY
from qtkit.market.feeds.recorded import NotANumber, Silence
from qtkit.runtime.accounts import create_account
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import hand_made_data, intent, scripted_spec
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, Strategy, View
from tests.crash.power import ACCOUNT

BANK, STEEL, SHOP = "600036.SH", "601398.SH", "000651.SZ"
BEFORE, SHORT = date(2026, 3, 4), date(2026, 3, 5)
OVERLAY = "[XSHG]\nhalf_days = { 2026-03-04 = 09:50:00, 2026-03-05 = 09:50:00 }\n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"


def at(local: str, day: date = SHORT) -> datetime:
    """Return a Shanghai time as UTC: eight hours earlier, all year."""
    wall = datetime.combine(day, time.fromisoformat(local), tzinfo=UTC)
    return wall - timedelta(hours=8)


SCRIPT = {
    "03-04 09:35": [intent(BANK, 3_000), intent(STEEL, 2_000)],
    "03-05 09:35": [intent(BANK, 2_500), intent(STEEL, -700), intent(SHOP, 150)],
    "03-05 09:40": [intent(BANK, -1_000), intent(SHOP, 500, "9.50"), intent(STEEL, 300)],
    "03-05 09:45": [intent(BANK, 600), intent(STEEL, -400, "10.90"), intent(SHOP, 400)],
    "03-05 09:49": [intent(BANK, -500)],
}


def _command(local: str, verb: str, **arguments: str) -> tuple[datetime, Command]:
    return at(local), Command(verb=verb, arguments=arguments, by="operator")


def _overlay(root: Path) -> Path:
    path = root.parent / "overlay.toml"
    path.write_text(OVERLAY)
    return path


def _calendar(overlay: Path) -> Calendar:
    return exchange_calendar("XSHG", overlay)


def _plan(root: Path, day: date, **parts: Any) -> SessionSpec:  # noqa: ANN401 - of a plan
    overlay = _overlay(root)
    prices = {
        BANK: lambda n: 10.0 + 0.01 * n,
        STEEL: lambda n: 11.0 - 0.01 * n,
        SHOP: lambda n: 12.0 + 0.02 * (n % 3),
    }
    data = hand_made_data(prices, [BEFORE, SHORT], _calendar(overlay), volume=10_000.0)
    settings = SessionSettings(
        debug=True,
        calendar_overlay=str(overlay),
        price_poll_minutes=5,
        max_price_age_seconds=400,
        skip_share_limit=1,  # of four steps one is a quarter
        **parts.pop("settings", {}),
    )
    return SessionSpec(
        strategy=scripted_spec(SCRIPT, [BANK, STEEL, SHOP], opening_cash=Decimal(200_000)),
        settings=settings,
        day=day,
        start=at("09:14", day),
        data=data,
        **parts,
    )


def prelude(root: Path) -> SessionSpec:
    """Return the day before, on which the shares are bought that can be sold today."""
    first = _plan(root, BEFORE, stop=at("09:52", BEFORE))
    create_account(
        OutputRoot(root).account("paper", ACCOUNT),
        cash=first.strategy.opening_cash,
        currency="CNY",
        exchange="XSHG",
        at=at("09:14", BEFORE),
    )
    return first


def clean_day(root: Path) -> SessionSpec:
    """Return a day of partial fills, late and repeated news, time-outs and operators: all well."""
    return _plan(
        root,
        SHORT,
        settings={
            "doubt_grace_seconds": 30,
            "split_strategy_prepare": True,
            "prepare_lead_seconds": 60,
        },
        commands=(
            _command("09:32:00", "cancel_task", task_id="20260305-acquire_live_price-094500"),
            _command("09:36:30", "pause"),
            _command("09:37:30", "resume"),
            _command("09:41:10", "buy", symbol=SHOP, quantity="100", limit="11.50"),
            _command("09:41:20", "buy", symbol=SHOP, quantity="55"),
            _command("09:41:30", "cancel", order_id="q000006"),
            _command("09:42:00", "kill", why="a look at the book"),
            _command("09:42:10", "buy", symbol=SHOP, quantity="100"),
            _command("09:42:20", "sell", symbol=STEEL, quantity="100"),
            _command("09:43:00", "lift", why="all is well"),
            _command("09:43:10", "resume"),
            _command("09:43:20", "reconcile"),
            _command("09:46:30", "cancel", order_id="q000011"),
            _command("09:47:00", "note", text="nothing else"),
        ),
        broker_faults=broken.FaultScript(
            faults=(
                broken.Repeat(order=3),
                broken.Later(order=4, after=timedelta(seconds=20)),
                broken.Reorder(order=5),
                broken.CancelRefused(order=6),
                broken.Timeout(order=7, arrived=True),
                broken.Timeout(order=8, arrived=False),
                broken.Reject(order=9),
                broken.Reject(order=10, after=timedelta(seconds=15)),
            )
        ),
        work_seconds=lambda key: 0.4 if "acquire_live_price" in key else 0.0,
    )


class Stumbling:
    """A strategy whose first step raises, once and again."""

    def __init__(self, inner: Strategy) -> None:
        self._inner = inner

    def prepare(self, view: View) -> Prepared:
        return self._inner.prepare(view)

    def decide(self, view: View, prepared: Prepared) -> Any:  # noqa: ANN401 - as the inner one
        if view.now < at("09:36"):
            raise ZeroDivisionError("planted")
        return self._inner.decide(view, prepared)

    def on_fill(self, fill: Fill, view: View) -> None:
        self._inner.on_fill(fill, view)

    def state(self) -> JsonObject:
        return self._inner.state()

    def restore(self, state: JsonObject) -> None:
        self._inner.restore(state)


def ugly_day(root: Path) -> SessionSpec:
    """Return a day on which what must not happen happens, stopped before its refill."""
    return _plan(
        root,
        SHORT,
        stop=at("10:06"),
        stop_reason="stop",
        wrap=lambda strategy, _clock: Stumbling(strategy),
        commands=(
            _command("09:31:00", "adjust", cash="25.50", why="a dividend"),
            _command("09:32:00", "fly"),
            _command("09:33:00", "cancel_task", task_id="20260305-acquire_live_price-094500"),
            _command("09:40:30", "cancel", order_id="q000004"),
            _command("09:42:10", "diagnose"),
            _command("09:42:15", "run_task", task="acquire_live_price"),
            _command("09:42:20", "gate"),
        ),
        feed_faults=(
            Silence(start=at("09:40"), end=at("09:40:01"), fails=True),
            NotANumber(symbol=SHOP, end=at("09:38")),
        ),
        broker_faults=broken.FaultScript(
            faults=(
                broken.Disconnect(start=at("09:34"), until=at("09:34:20")),
                broken.Disconnect(start=at("09:45"), until=at("09:46:30")),
                broken.FillAfterCancel(order=4, quantity=Decimal(100)),
                broken.CashOff(start=at("09:31"), amount=Decimal("25.50")),
                broken.UnmatchedFill(
                    at=at("09:44"),
                    order_id="x000001",
                    symbol=BANK,
                    quantity=Decimal(100),
                    price=Decimal(10),
                    booked=False,
                ),
            )
        ),
    )


def reference_day() -> SessionSpec:
    """Return the reference day of the example strategy, whole."""
    return SessionSpec(
        strategy=load_spec(EXAMPLE),
        settings=SessionSettings(skip_share_limit=1),  # a lost refill is one of one
        day=REFERENCE_DAY,
        start=at("09:00", REFERENCE_DAY),
    )


def reference_account(root: Path) -> None:
    """Open the account that the reference day is lived through on."""
    spec = load_spec(EXAMPLE)
    create_account(
        OutputRoot(root).account("paper", ACCOUNT),
        cash=spec.opening_cash,
        currency="CNY",
        exchange="XSHG",
        at=at("08:00", REFERENCE_DAY),
    )
