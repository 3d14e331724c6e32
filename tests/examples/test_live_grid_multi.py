"""The example: its rule step by step, and the file run as a program."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from qtkit.core.clock import SystemClock, stopwatch
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import Fill, JsonObject, Strategy, View

FILE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
GREE, CMB, ICBC = "000651.SZ", "600036.SH", "601398.SH"
QUIET = {CMB: math.nan, ICBC: math.nan}


@pytest.fixture(scope="module")
def grid() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("grid_under_test", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@dataclass
class Seen:
    """A view with what a test says."""

    prices: dict[str, float]
    open: set[str] = field(default_factory=set)
    free: dict[str, Decimal] = field(default_factory=dict)

    def price(self, symbol: str) -> float:
        return self.prices[symbol]

    def has_open_order(self, symbol: str) -> bool:
        return symbol in self.open

    def sellable(self, symbol: str) -> Decimal:
        return self.free.get(symbol, Decimal(0))


def wishes(strategy: Strategy, view: Seen) -> list[tuple[str, Decimal, str]]:
    intents = strategy.decide(cast("View", view), None)
    return [(i.symbol, i.quantity, i.tag) for i in intents]


def fill(strategy: Strategy, order: str, price: str, tag: str, symbol: str = GREE) -> None:
    strategy.on_fill(
        Fill(
            order_id=order,
            fill_id=f"{order}-1",
            symbol=symbol,
            quantity=Decimal(100),
            price=Decimal(price),
            executed_at=datetime(2026, 3, 4, 2, 0, tzinfo=UTC),
            tag=tag,
        ),
        cast("View", None),
    )


def of_gree(strategy: Strategy) -> JsonObject:
    saved = strategy.state()[GREE]
    assert isinstance(saved, dict)
    return saved


@pytest.fixture
def strategy(grid: ModuleType) -> Strategy:
    made: Strategy = grid.GridStrategy(grid.PARAMETERS)
    return made


@pytest.fixture
def based(strategy: Strategy) -> Strategy:
    """Gree's base is 37.00, its grid 0.30, its batch 500."""
    fill(strategy, "q1", "37.00", "initial")
    return strategy


def test_the_first_buy_is_for_about_200_000_in_whole_lots(strategy: Strategy) -> None:
    """200 000 / 37.50 = 5 333; / 40.00 = 5 000 exactly; / 6.10 = 32 786."""
    assert wishes(strategy, Seen({GREE: 37.5, CMB: 40.0, ICBC: 6.1})) == [
        (GREE, Decimal(5300), "initial"),
        (CMB, Decimal(5000), "initial"),
        (ICBC, Decimal(32700), "initial"),
    ]


def test_a_symbol_without_a_price_stands_aside_and_the_others_go_on(strategy: Strategy) -> None:
    assert wishes(strategy, Seen({GREE: math.nan, CMB: 40.0, ICBC: 0.0})) == [
        (CMB, Decimal(5000), "initial")
    ]


def test_a_share_too_dear_for_one_lot_is_not_bought(strategy: Strategy) -> None:
    assert wishes(strategy, Seen({GREE: 2000.01, **QUIET})) == []


def test_a_refused_first_buy_is_tried_again(strategy: Strategy) -> None:
    view = Seen({GREE: 37.5, **QUIET})

    assert wishes(strategy, view) == wishes(strategy, view) != []


def test_nothing_is_wanted_while_an_order_of_the_symbol_is_open(strategy: Strategy) -> None:
    assert wishes(strategy, Seen({GREE: 37.5, **QUIET}, open={GREE})) == []


@pytest.mark.parametrize(
    ("price", "wanted"),
    [
        (37.00, []),
        (37.30, []),  # on the line is not across it
        (36.70, []),
        (37.31, [(GREE, Decimal(-500), "line 37.30")]),
        (36.69, [(GREE, Decimal(500), "line 36.70")]),
        (39.00, [(GREE, Decimal(-500), "line 37.30")]),  # one line a step, however far
    ],
)
def test_a_line_is_crossed_by_more_than_the_grid(
    based: Strategy, price: float, wanted: list[tuple[str, Decimal, str]]
) -> None:
    view = Seen({GREE: price, **QUIET}, free={GREE: Decimal(500)})

    assert wishes(based, view) == wanted


def test_what_cannot_be_sold_yet_waits(based: Strategy) -> None:
    assert wishes(based, Seen({GREE: 38.0, **QUIET}, free={GREE: Decimal(499)})) == []


def test_the_line_moves_once_for_an_order_however_many_fills(based: Strategy) -> None:
    fill(based, "q2", "36.65", "line 36.70")
    fill(based, "q2", "36.66", "line 36.70")

    assert of_gree(based)["base"] == "36.70"
    assert of_gree(based)["moved_by"] == "q2"


def test_the_base_is_the_first_fills_price_to_the_cent(strategy: Strategy) -> None:
    fill(strategy, "q1", "37.005", "initial")
    fill(strategy, "q1", "37.100", "initial")

    assert of_gree(strategy)["base"] == "37.01"


def test_deciding_moves_nothing(based: Strategy) -> None:
    before = based.state()

    wishes(based, Seen({GREE: 30.0, CMB: 40.0, ICBC: 6.0}))

    assert based.state() == before


def test_a_state_comes_back_through_json(grid: ModuleType, based: Strategy) -> None:
    again: Strategy = grid.GridStrategy(grid.PARAMETERS)

    again.restore(json.loads(json.dumps(based.state())))
    again.restore({"000001.SZ": {"base": "1.00", "moved_by": ""}})

    assert again.state() == based.state()


def test_the_spec_names_what_the_strategy_trades() -> None:
    spec = load_spec(FILE)

    assert (spec.name, spec.exchange, spec.step_minutes) == ("live_grid_multi", "XSHG", 5)
    assert set(spec.symbols) == {GREE, CMB, ICBC} == set(spec.parameters)


# --- as a program ----------------------------------------------------------------------------


def program(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FILE), *words, "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_new_account_and_its_next_day(tmp_path: Path) -> None:
    first = program(tmp_path, "-n", "demo", "--simulate", "2026-03-04")
    second = program(tmp_path, "--account", "demo", "--simulate", "2026-03-05", "--days", "2")

    assert (first.returncode, first.stderr) == (0, "")
    assert (second.returncode, second.stderr) == (0, "")
    folders = [Path(done.stdout.splitlines()[-1]) for done in (first, second)]
    closing, opening = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))[name]
        for folder, name in zip(folders, ("closing_cash", "opening_cash"), strict=True)
    )
    assert closing == opening
    assert "2026-03-05 to 2026-03-06, 2 trading days" in second.stdout


def test_an_unknown_account_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    done = program(tmp_path, "-a", "nobody", "--simulate", "2026-03-04")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ConfigError: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_signal_from_outside_ends_it_in_order(tmp_path: Path) -> None:
    command = [sys.executable, str(FILE), "--simulate", "2026-01-05", "--days", "60"]
    with subprocess.Popen([*command, "--root", str(tmp_path)], stdout=subprocess.PIPE) as running:
        wait_for_orders(tmp_path, running)
        os.kill(running.pid, signal.SIGTERM)
        told, _ = running.communicate(timeout=60)

    assert running.returncode == 130
    folder = Path(told.decode().splitlines()[-1])
    status = json.loads((folder / "session_status.json").read_text(encoding="utf-8"))
    assert (status["status"], status["status_reason"]) == ("stopped", "SIGTERM")


def wait_for_orders(root: Path, running: subprocess.Popen[bytes]) -> None:
    """Return when the first order stands in the journal."""
    clock, passed, never = SystemClock(), stopwatch(), threading.Event()
    while passed() < 30 and running.poll() is None:
        journals = list(root.glob("paper_sessions/*/artifacts/journal.jsonl"))
        if journals and b'"order_requested"' in journals[0].read_bytes():
            return
        clock.wait(clock.now().replace(year=9999), never)
    pytest.fail("the session did not come to its first order within 30 s")
