"""An engine as it is wired for real time, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from qtkit.core.clock import Clock, ManualClock
from qtkit.core.paths import AccountFolder, OutputRoot
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.runtime.accounts import create_account
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Run
from qtkit.runtime.spec import REAL_TIME, SessionSpec
from qtkit.trading.engine.workers import SimulatedWorkers, Workers
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec
from tests.market.bar_makers import utc

GRID = load_spec(Path(__file__).parents[2] / "examples" / "live_grid_multi.py")


def plan(start: str, spec: StrategySpec = GRID, **settings: object) -> SessionSpec:
    made = list[ManualClock]()

    def clock(not_before: datetime | None) -> Clock:
        made.append(ManualClock(max(utc(start), not_before or utc(start))))
        return made[-1]

    def workers(_: Event) -> Workers:
        return SimulatedWorkers(made[-1])

    return SessionSpec(
        kind=REAL_TIME,
        strategy=spec,
        settings=settings_of(settings),
        clock_from=clock,
        workers_from=workers,
    )


def root_of(tmp_path: Path) -> OutputRoot:
    return OutputRoot(tmp_path / "outputs")


def account_of(tmp_path: Path, name: str = "demo") -> AccountFolder:
    place = root_of(tmp_path).account("paper", name)
    create_account(
        place,
        cash=GRID.opening_cash,
        currency="CNY",
        exchange="XSHG",
        at=utc("2026-03-01 00:00"),
    )
    return place


@contextmanager
def wired(tmp_path: Path, asked: SessionSpec, account: str | None = None) -> Iterator[Run]:
    run = build(replace(asked, account=account), root_of(tmp_path))
    try:
        yield run
    finally:
        run.close()


def lived(
    tmp_path: Path, asked: SessionSpec, until: str, account: str | None = None
) -> list[Entry]:
    """Live until a time and stop in order."""
    with wired(tmp_path, asked, account) as run:
        run.engine.start()
        run.engine.run(utc(until))
    return list(read_journal(run.folder.journal))


def crashed(tmp_path: Path, asked: SessionSpec, until: str, account: str) -> Run:
    """Live until a time, and let everything go without an end."""
    with wired(tmp_path, asked, account) as run:
        run.engine.start()
        turn_until(run, until)
    return run


def turn_until(run: Run, until: str) -> None:
    clock = run.clock
    while clock.now() < utc(until):
        wake = run.engine.turn()
        assert wake is not None
        clock.wait(min(wake, utc(until)), Event())


def of(entries: list[Entry], kind: type[ev.Event]) -> list[Any]:
    return [entry.event for entry in entries if isinstance(entry.event, kind)]
