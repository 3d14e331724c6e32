"""A live session whose machine's clock is set while it trades, or before it comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest

from qtkit.core.clock import Clock, SteadyClock
from qtkit.core.errors import ConfigError
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.runtime.spec import REAL_TIME, SessionSpec
from qtkit.testing import SettableClock
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.workers import SimulatedWorkers
from tests.market.bar_makers import utc
from tests.sessions.live_engine import GRID, account_of, of, root_of

HOUR = 3600.0


def plan_on(machine: SettableClock) -> SessionSpec:
    clocks = list[Clock]()

    def clock(_: datetime | None) -> Clock:
        clocks.append(SteadyClock(machine, machine.elapsed))
        return clocks[-1]

    return SessionSpec(
        kind=REAL_TIME,
        strategy=GRID,
        clock_from=clock,
        workers_from=lambda _: SimulatedWorkers(clocks[-1]),
    )


def turned(run: Run, until: str) -> None:
    """Turn until the session's clock shows a time, a little at a time as a real wait does."""
    while run.clock.now() < utc(until):
        wake = run.engine.turn()
        assert wake is not None
        at_most = run.clock.now() + timedelta(seconds=5)
        run.clock.wait(min(wake, utc(until), at_most), Event())


def lived(
    tmp_path: Path, set_by: float, meanwhile: Callable[[Run], None] = lambda _: None
) -> list[Entry]:
    """Live from 09:20 to 10:20 in Shanghai; at 10:02 the clock is set."""
    machine = SettableClock(utc("2026-03-04 01:20"))
    run = build(plan_on(machine), root_of(tmp_path))
    try:
        run.engine.start()
        turned(run, "2026-03-04 02:02")
        machine.set_by(set_by)
        meanwhile(run)
        turned(run, "2026-03-04 02:20")
        run.engine.inbox.put(Command(verb="stop"))
        assert run.engine.turn() is None
    finally:
        run.close()
    return list(read_journal(run.folder.journal))


def decided(entries: list[Entry]) -> list[str]:
    return [f"{d.due:%H:%M}" for d in of(entries, ev.DecisionTaken)]


def test_after_a_step_back_no_step_is_decided_and_no_line_is_older(tmp_path: Path) -> None:
    entries = lived(tmp_path, -HOUR)
    skips = {f"{s.due:%H:%M}": s.skip_reason for s in of(entries, ev.TaskSkipped)}
    (event,) = of(entries, ev.ClockStepped)
    log = next((tmp_path / "outputs").rglob("sys.log")).read_text()

    assert (event.seconds, event.apart) == (Decimal("-3600.000"), Decimal("-3600.000"))
    assert decided(entries)[-1] == "02:00"
    assert skips == dict.fromkeys(("02:05", "02:10", "02:15"), "clock_stepped")
    assert all(one.at <= two.at for one, two in pairwise(entries))
    assert of(entries, ev.PricesSeen)[-1].last[0].end >= utc("2026-03-04 02:19")
    assert log.count("clock_stepped seconds=-3600") == 1


def test_an_operator_can_still_sell_after_a_step_back(tmp_path: Path) -> None:
    def sell(run: Run) -> None:
        asked = {"symbol": GRID.symbols[0], "quantity": "100"}
        run.engine.inbox.put(Command(verb="sell", arguments=asked))

    entries = lived(tmp_path, -HOUR, sell)

    assert not of(entries, ev.CommandRefused)
    orders = [*of(entries, ev.OrderRequested), *of(entries, ev.OrderRefused)]
    assert [o.quantity for o in orders if o.by == "operator"] == [Decimal(-100)]


def test_a_clock_that_is_set_right_again_lets_the_strategy_decide(tmp_path: Path) -> None:
    def right(run: Run) -> None:
        turned(run, "2026-03-04 02:07")
        machine = run.clock._clock  # type: ignore[attr-defined]
        machine.set_by(HOUR)

    entries = lived(tmp_path, -HOUR, right)

    assert [e.seconds for e in of(entries, ev.ClockStepped)] == [Decimal(-3600), Decimal(3600)]
    assert "02:05" not in decided(entries)
    assert {"02:10", "02:15"} <= set(decided(entries))


def test_a_leap_forward_is_recorded_and_the_rest_of_the_day_goes_on(tmp_path: Path) -> None:
    """From 10:02 to 10:12: the steps of 10:05 and 10:10 are too late, that of 10:15 is not."""
    entries = lived(tmp_path, 600.0)
    missed = [f"{s.due:%H:%M}" for s in of(entries, ev.TaskSkipped) if s.task == "run_strategy"]

    assert [(e.seconds, e.apart) for e in of(entries, ev.ClockStepped)] == [
        (Decimal(600), Decimal(0))
    ]
    assert missed == ["02:05", "02:10"]
    assert "02:15" in decided(entries)


# --- a return ----------------------------------------------------------------------------------


def ended(tmp_path: Path, *, orderly: bool) -> datetime:
    """Live on an account until 09:40 in Shanghai; return when its last line was written."""
    account_of(tmp_path)
    run = build(
        replace(plan_on(SettableClock(utc("2026-03-04 01:20"))), account="demo"), root_of(tmp_path)
    )
    run.engine.start()
    turned(run, "2026-03-04 01:40")
    if orderly:
        run.engine.inbox.put(Command(verb="stop"))
        run.engine.turn()
    run.close()
    return list(read_journal(run.folder.journal))[-1].at


@pytest.mark.parametrize("orderly", [True, False])
def test_a_start_before_the_last_line_is_refused_and_writes_nothing(
    tmp_path: Path, *, orderly: bool
) -> None:
    last = ended(tmp_path, orderly=orderly)
    before = {p: p.read_bytes() for p in root_of(tmp_path).path.rglob("*.jsonl")}

    with pytest.raises(ConfigError, match="has lived until"):
        build(
            replace(plan_on(SettableClock(last - timedelta(minutes=10))), account="demo"),
            root_of(tmp_path),
        )
    assert {p: p.read_bytes() for p in root_of(tmp_path).path.rglob("*.jsonl")} == before


@pytest.mark.parametrize("orderly", [True, False])
def test_a_start_a_few_seconds_before_the_last_line_waits_for_it(
    tmp_path: Path, *, orderly: bool
) -> None:
    last = ended(tmp_path, orderly=orderly)
    machine = SettableClock(last - timedelta(seconds=3))
    run = build(replace(plan_on(machine), account="demo"), root_of(tmp_path))
    run.engine.start()
    run.close()

    assert list(read_journal(run.folder.journal))[-1].at >= last
