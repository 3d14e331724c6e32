"""A backtest and a paper session on the same bars take the same decisions, order for order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.errors import StrategyError
from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.market.instruments import instrument_table
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.model.intents import Intent
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.market_data import synthetic_data
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, hand_made_data, intent, scripted_spec
from qtkit.testing.prices import PricePath
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec
from tests.trading.engine.engine_bench import BANK, NEXT, STEEL, day_of

EXAMPLE = Path(__file__).parents[3] / "examples" / "live_grid_multi.py"
DAYS = (date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6))
OF_AN_ORDER = (
    ev.OrderRequested, ev.OrderRefused, ev.OrderAccepted, ev.OrderFilled, ev.OrderCancelled,
    ev.OrderRejected, ev.StrategySaved, ev.DayClosed,
)  # fmt: skip


def told(entries: Iterable[Entry]) -> list[tuple[object, ...]]:
    """Return what became of orders, with times; where an order came from is told apart by step."""
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        if isinstance(entry.event, OF_AN_ORDER):
            fields = {n: getattr(entry.event, n) for n in entry.event.__struct_fields__}
            fields.pop("step", None)  # a session counts the day's steps, a backtest all of them
            at = None if isinstance(entry.event, ev.DayClosed | ev.StrategySaved) else entry.at
            rows.append((at, type(entry.event).__name__, fields))
    return rows


def both(
    spec: StrategySpec, data: object, root: Path, **settings: object
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return what the orders of a backtest and of a session come to."""
    asked = SessionSettings.model_validate(settings)
    tested = run_backtest(
        spec,
        asked.model_copy(update={"mode": "backtest"}),
        DAYS,
        data,  # type: ignore[arg-type]
    )
    plan = SessionSpec(strategy=spec, settings=asked, day=DAYS[0], days=3, data=data)  # type: ignore[arg-type]
    run = build(plan, OutputRoot(root))
    run.run()
    return told(tested.entries), told(read_journal(run.folder.journal))


@pytest.mark.parametrize("seed", [20260304, 7, 11])
def test_the_reference_strategy_trades_the_same_in_both(tmp_path: Path, seed: int) -> None:
    spec = load_spec(EXAMPLE)
    table = instrument_table()
    data = synthetic_data({s: table.rules(s, DAYS[0]) for s in spec.symbols}, DAYS, "XSHG", seed)
    tested, lived = both(spec, data, tmp_path, seed=seed)
    assert tested == lived
    assert sum(row[1] == "OrderFilled" for row in tested) >= 6


def test_orders_that_rest_fill_in_parts_or_expire_do_the_same_in_both(tmp_path: Path) -> None:
    script = {
        "03-04 09:35": [intent(BANK, 30_000), intent(STEEL, 500, "7.95")],
        "03-04 14:55": [intent(STEEL, 500, "7.50")],
        "03-05 09:40": [intent(BANK, -20_000), intent(BANK, -20_000)],
        "03-06 11:30": [intent(STEEL, 100)],
        "03-06 14:59": [intent(BANK, -100)],
    }
    calendar = day_of().calendar
    prices = {BANK: lambda n: 10.0 + (n % 7) / 100, STEEL: lambda n: 8.0 - (n % 11) / 100}
    data = hand_made_data(prices, DAYS, calendar, volume=30_000.0)
    tested, lived = both(scripted_spec(script, [BANK, STEEL]), data, tmp_path)
    assert tested == lived
    kinds = {row[1] for row in tested}
    assert {"OrderFilled", "OrderCancelled", "OrderRefused"} <= kinds


def test_a_backtest_counts_steps_and_values_each_day() -> None:
    script = {"03-04 09:35": [intent(BANK, 1000)]}
    data = hand_made_data({BANK: 10.0}, [DAY, NEXT], day_of().calendar)
    settings = SessionSettings(mode="backtest", slippage_bps=Decimal(0))
    result = run_backtest(scripted_spec(script, [BANK]), settings, [DAY, NEXT], data)
    assert result.steps == 96
    assert result.equity == {DAY: Decimal("999995.00"), NEXT: Decimal("999995.00")}


def test_symbols_without_bars_or_with_gaps_stand_aside_in_both(tmp_path: Path) -> None:
    """A price that is not positive makes a gap of six minutes around two steps."""
    script = {
        "09:35": [intent(BANK, 100)],
        "09:40": [intent(BANK, 100)],
        "09:50": [intent(BANK, 100)],
    }
    prices: dict[str, PricePath] = {BANK: lambda n: 0.0 if 3 < n < 10 else 10.0, STEEL: 8.0}
    data = hand_made_data(prices, DAYS, day_of().calendar)
    tested, lived = both(scripted_spec(script, [BANK, STEEL]), data, tmp_path)
    fills = [row for row in tested if row[1] == "OrderFilled"]
    assert fills == [row for row in lived if row[1] == "OrderFilled"]


def test_a_strategy_that_raises_ends_a_backtest() -> None:
    class Raising:
        def prepare(self, view: object) -> None: ...
        def decide(self, view: object, prepared: object) -> list[Intent]:
            raise ZeroDivisionError("planted")

        def on_fill(self, fill: object, view: object) -> None: ...
        def state(self) -> dict[str, object]:
            return {}

        def restore(self, state: dict[str, object]) -> None: ...

    spec = scripted_spec({}, [BANK])
    broken = StrategySpec(name="broken", make=Raising, symbols=spec.symbols)
    data = hand_made_data({BANK: 10.0}, [DAY], day_of().calendar)
    with pytest.raises(StrategyError, match="planted"):
        run_backtest(broken, SessionSettings(mode="backtest"), [DAY], data)
