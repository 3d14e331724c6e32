"""An engine on the machine's own clock, on a market that never closes; run as a script it waits."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import SystemClock, wall_time
from qtkit.core.paths import SessionFolder
from qtkit.journal import FileJournal
from qtkit.market.bar_grid import BarGrid
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.recorded import RecordedFeed
from qtkit.market.instruments import instrument_table
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.build import engine_context, opening_event
from qtkit.runtime.factories import sim_market
from qtkit.runtime.settings import SessionSettings
from qtkit.testing import hand_made_data, scripted_spec
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.store import MemoryBook
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.session_files import FolderFiles
from qtkit.trading.engine.signals import stop_on_signals
from qtkit.trading.engine.workers import ThreadWorkers

SYMBOL = "BTC-PERP"


def live_engine(path: Path, feed: Feed | None = None) -> Engine:
    """Return an engine that lives in real time, its session in a folder."""
    folder = SessionFolder(path)
    folder.artifacts.mkdir(parents=True, exist_ok=True)
    calendar, clock, signal = exchange_calendar("24/7"), SystemClock(), Event()
    spec = scripted_spec({}, [SYMBOL], exchange="24/7", zone="UTC")
    data = hand_made_data({SYMBOL: 50_000.0}, [wall_time().date()], calendar)
    settings = SessionSettings(price_poll_minutes=1)
    broker = SimBroker(
        book=MemoryBook(),
        market=sim_market(data, BarGrid(calendar), instrument_table()),
        clock=clock,
    )
    broker.open_account(spec.opening_cash)
    context = engine_context(
        spec=spec,
        settings=settings,
        clock=clock,
        journal=FileJournal(folder.journal, clock),
        broker=broker,
        calendar=calendar,
        instruments=instrument_table(),
        data=data,
        strategy=spec.make(),
        files=FolderFiles(folder, calendar.zone),
        kill_file=path / "KILL",
    )
    heritage = CarryOver(opening=Book(cash=spec.opening_cash), strategy_state={})
    return Engine(
        context,
        feed=feed or RecordedFeed(data.bars),
        workers=ThreadWorkers(signal),
        refill=lambda day: ev.TablesRefilled(trading_date=day, tables=(), bars=0),
        opening=opening_event(spec, settings, settings.for_journal(spec), "live", heritage),
        signal=signal,
    )


def main() -> None:
    """Live until a signal comes; say when it may come."""
    engine = live_engine(Path(sys.argv[1]))
    with stop_on_signals(engine):
        engine.start()
        wake = engine.turn()
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        if wake is not None:
            engine.run()


if __name__ == "__main__":
    main()
