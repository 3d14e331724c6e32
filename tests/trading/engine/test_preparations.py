"""A preparation sees what was known when its lead began, wherever it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import StrategyError
from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.model.intents import Intent
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import DAY, at, hand_made_data
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.trading.engine.engine_bench import BANK, command, day_of
from tests.trading.engine.test_backtest_parity import told

PRICES = {BANK: lambda n: 10.0 + n / 100}  # bar n of the day, ends at 09:31 + n minutes
MATTERS = (ev.DecisionTaken, ev.OrderRequested, ev.OrderFilled, ev.StrategySaved)


class Ahead:
    """Decides from what it prepared alone, and notes what that was."""

    def __init__(self, notes: list[JsonObject]) -> None:
        self._notes, self._filled = notes, 0

    def prepare(self, view: View) -> Prepared:
        newest = view.bars(BANK, 1)
        seen: dict[str, Any] = {
            "now": view.now.isoformat(),
            "end": int(newest.end[-1]) if len(newest) else 0,
            "close": view.closes(BANK, 1).tolist(),
            "price": str(view.price(BANK)),
            "position": str(view.position(BANK)),
            "cash": str(view.cash),
            "filled": self._filled,
        }
        self._notes.append(seen)
        return seen

    def decide(self, view: View, prepared: Prepared) -> Iterable[Intent]:
        """Buy on even cents of the prepared close, once a quarter of an hour."""
        assert isinstance(prepared, dict)
        if view.now.minute % 15 or not prepared["close"]:
            return ()
        shares = Decimal(100 + 100 * (round(prepared["close"][0] * 100) % 3))
        return [Intent(symbol=BANK, quantity=shares, because=json.dumps(prepared))]

    def on_fill(self, fill: Fill, view: View) -> None:
        self._filled += 1

    def state(self) -> JsonObject:
        return {"filled": self._filled}

    def restore(self, state: JsonObject) -> None:
        self._filled = int(str(state.get("filled", 0)))


def spec_of(notes: list[JsonObject], step_minutes: int = 5) -> StrategySpec:
    return StrategySpec(
        name="ahead", make=lambda: Ahead(notes), symbols=(BANK,), step_minutes=step_minutes
    )


def lived(settings: Mapping[str, Any]) -> tuple[list[tuple[object, ...]], list[JsonObject]]:
    """Return what a day came to, and what its preparations saw."""
    notes = list[JsonObject]()
    bench = day_of(
        prices=PRICES, days=[DAY], settings=settings, wrap=lambda _s, _c: Ahead(notes)
    ).run()
    rows: list[tuple[object, ...]] = [
        (e.at, type(e.event).__name__, {
            n: getattr(e.event, n) for n in e.event.__struct_fields__ if n != "snapshot"
        })
        for e in bench.entries if isinstance(e.event, MATTERS)
    ]  # fmt: skip
    return rows, notes


def asked(step: int, lead: int, poll: int) -> dict[str, Any]:
    return {
        "step_minutes": step, "prepare_lead_seconds": lead, "price_poll_minutes": poll,
        "max_price_age_seconds": 900, "strategy_snapshot_max_age_seconds": 400,
    }  # fmt: skip


CASES = [(5, 5, 1), (5, 60, 1), (5, 300, 5), (1, 60, 1), (1, 150, 1), (15, 5, 10)]


@pytest.mark.parametrize(("step", "lead", "poll"), CASES)
def test_switching_the_split_changes_nothing(step: int, lead: int, poll: int) -> None:
    common = asked(step, lead, poll)
    rows, notes = lived({**common, "split_strategy_prepare": False})
    split, others = lived({**common, "split_strategy_prepare": True})

    assert rows == split
    assert notes == others
    assert sum(row[1] == "OrderFilled" for row in rows) >= 6


@pytest.mark.parametrize(("step", "lead", "poll"), CASES[:-1])
def test_a_backtest_prepares_on_the_same(step: int, lead: int, poll: int) -> None:
    _, notes = lived(asked(step, lead, poll))
    tested = list[JsonObject]()
    run_backtest(
        spec_of(tested),
        SessionSettings.model_validate({**asked(step, lead, poll), "mode": "backtest"}),
        [DAY],
        hand_made_data(PRICES, [DAY], day_of().calendar, volume=1_000_000.0),
    )

    assert tested[-len(notes) :] == notes  # a session skips steps before its first price
    assert len(tested) >= len(notes) > 10


def test_a_preparation_ends_where_its_lead_begins() -> None:
    """09:35 less 5 s: the newest bar ended at 09:34, and was the fourth: 10.03."""
    _, notes = lived({})

    assert notes[0]["now"] == (at("09:35") - timedelta(seconds=5)).isoformat()
    assert (notes[0]["end"], notes[0]["close"]) == (nanos(at("09:34")), [10.03])
    assert {note["price"] for note in notes} == {"nan"}


def test_a_step_by_hand_is_prepared_on_the_bars_before_its_lead() -> None:
    notes = list[JsonObject]()
    bench = day_of(
        prices=PRICES, wrap=lambda _s, _c: Ahead(notes),
        commands=[command("09:42:00", "run_task", task="run_strategy")],
    ).run("09:43")  # fmt: skip

    assert len(bench.of(ev.DecisionTaken)) == 3
    assert notes[-1]["end"] == nanos(at("09:41"))


def test_after_a_return_within_the_lead_the_bars_still_end_before_it() -> None:
    notes = list[JsonObject]()
    first = day_of(prices=PRICES, wrap=lambda _s, _c: Ahead(notes)).live("09:34:57")
    notes.clear()
    first.again("09:34:58").run("09:36")

    assert [note["end"] for note in notes] == [nanos(at("09:34"))]


class Failing(Ahead):
    """Its preparation raises as often as it was told."""

    def __init__(self, times: int) -> None:
        super().__init__([])
        self._times = times

    def prepare(self, view: View) -> Prepared:
        if self._times:
            self._times -= 1
            raise StrategyError("planted")
        return super().prepare(view)


@pytest.mark.parametrize(("times", "decided"), [(1, True), (2, False)])
def test_an_error_while_preparing_is_the_steps_own(times: int, *, decided: bool) -> None:
    bench = day_of(prices=PRICES, wrap=lambda _s, _c: Failing(times)).run("09:36")

    assert [f.task for f in bench.of(ev.TaskFailed)] == ["run_strategy"] * times
    assert bool(bench.of(ev.DecisionTaken)) is decided
    assert bench.of(ev.TaskFailed)[-1].dead_letter is not decided


def test_while_paused_nothing_is_prepared() -> None:
    notes = list[JsonObject]()
    day_of(
        prices=PRICES, wrap=lambda _s, _c: Ahead(notes), commands=[command("09:31", "pause")]
    ).run("09:41")

    assert notes == []


def test_parity_of_orders_with_a_strategy_that_decides_from_its_preparation(
    tmp_path: Path,
) -> None:
    data = hand_made_data(PRICES, [DAY], day_of().calendar)
    run = build(SessionSpec(strategy=spec_of([]), day=DAY, data=data), OutputRoot(tmp_path))
    run.run()
    tested = run_backtest(spec_of([]), SessionSettings(mode="backtest"), [DAY], data)

    assert told(tested.entries) == told(read_journal(run.folder.journal))
