"""The engine as it is wired for real time, on a clock that tests move."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.clock import ManualClock, stopwatch, wall_time
from qtkit.core.errors import BeyondCalendar, ConfigError, FolderLocked
from qtkit.journal import read_journal
from qtkit.market.feeds.export import write_feed
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model import events as ev
from qtkit.model.bars import Bars, nanos
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.spec import REAL_TIME, SessionSpec
from qtkit.sessions.control.kill_switch import kill_account, lift_account
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.thread import EngineThread
from tests.market.bar_makers import utc
from tests.sessions.live_engine import (
    GRID,
    account_of,
    crashed,
    lived,
    of,
    plan,
    root_of,
    turn_until,
    wired,
)

XSHG = exchange_calendar("XSHG")
SEED = 20260304


# --- nights ----------------------------------------------------------------------------------


def test_a_session_survives_midnight_and_opens_the_next_day_by_itself(tmp_path: Path) -> None:
    entries = lived(tmp_path, plan("2026-03-04 06:50"), "2026-03-05 01:41")

    days = of(entries, ev.DayStarted)
    assert [(d.trading_date, d.open) for d in days] == [
        (date(2026, 3, 4), True),
        (date(2026, 3, 5), True),
    ]
    closes = {
        symbol: synthetic_bars(symbol, date(2026, 3, 4), XSHG, seed=SEED).close[-1]
        for symbol in GRID.symbols
    }
    assert {s: float(c) for s, c in days[1].last_closes.items()} == closes
    moved = [(e.at, e.event.after) for e in entries if isinstance(e.event, ev.StatusChanged)]
    assert (utc("2026-03-05 01:30"), "running") in moved
    decided = [d.due for d in of(entries, ev.DecisionTaken)]
    assert decided[-2:] == [utc("2026-03-05 01:35"), utc("2026-03-05 01:40")]
    assert of(entries, ev.DayClosed)[0].trading_date == date(2026, 3, 4)


def test_a_weekend_is_slept_through(tmp_path: Path) -> None:
    entries = lived(tmp_path, plan("2026-03-06 07:20"), "2026-03-09 01:31")

    assert [d.open for d in of(entries, ev.DayStarted)] == [True, False, False, True]
    assert of(entries, ev.StatusChanged)[-2].because == "open_market"


# --- bars that come late ---------------------------------------------------------------------


def parquet_plan(tmp_path: Path, start: str) -> tuple[SessionSpec, Path]:
    path = tmp_path / "bars.parquet"
    asked = plan(
        start,
        refill=False,
        feed={"kind": "parquet", "path": str(path)},
        participation="1",
        max_price_age_seconds=600,
    )
    return asked, path


def day_bars(until: str) -> list[Bars]:
    days = (date(2026, 3, 3), date(2026, 3, 4))
    return [Bars(symbol=s, **_columns(s, days)).between(None, utc(until)) for s in GRID.symbols]


def _columns(symbol: str, days: tuple[date, ...]) -> dict[str, Any]:
    import numpy as np

    parts = [synthetic_bars(symbol, day, XSHG, seed=SEED) for day in days]
    names = ("end", "open", "high", "low", "close", "volume")
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def test_a_bar_that_comes_late_executes_when_it_is_known_and_nothing_spins(
    tmp_path: Path,
) -> None:
    asked, path = parquet_plan(tmp_path, "2026-03-04 01:28")
    write_feed(path, day_bars("2026-03-04 01:35"))
    with wired(tmp_path, asked) as run:
        run.engine.start()
        turn_until(run, "2026-03-04 01:36:30")
        turns = 0
        while run.clock.now() < utc("2026-03-04 01:38:20"):  # nothing new: orders wait for bars
            wake = run.engine.turn()
            assert wake is not None
            turns += 1
            run.clock.wait(wake, Event())
        write_feed(path, day_bars("2026-03-04 01:38"))
        turn_until(run, "2026-03-04 01:39:01")
    entries = list(read_journal(run.folder.journal))

    assert turns < 40
    requested = [e.at for e in entries if isinstance(e.event, ev.OrderRequested)]
    assert requested[0] == utc("2026-03-04 01:35")
    fills = [(e.at, e.event.executed_at) for e in entries if isinstance(e.event, ev.OrderFilled)]
    assert fills[0] == (utc("2026-03-04 01:39"), utc("2026-03-04 01:39"))
    opens = {b.symbol: b.open[-3] for b in day_bars("2026-03-04 01:38")}  # of the bar from 09:35
    filled = next(e for e in entries if isinstance(e.event, ev.OrderFilled)).event
    assert float(filled.price) == pytest.approx(opens[filled.symbol], rel=0.001)


def test_a_last_close_that_no_bar_tells_comes_from_a_local_table(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    write_feed(path, [])
    table = BarTable(root_of(tmp_path).tables, GRID.table)
    for symbol in GRID.symbols[:2]:
        table.write(synthetic_bars(symbol, date(2026, 3, 3), XSHG, seed=SEED))
    asked = plan("2026-03-04 01:00", feed={"kind": "parquet", "path": str(path)})
    (day,) = of(lived(tmp_path, asked, "2026-03-04 01:01"), ev.DayStarted)

    known = synthetic_bars("600036.SH", date(2026, 3, 3), XSHG, seed=SEED).close[-1]
    assert float(day.last_closes["600036.SH"]) == known
    assert GRID.symbols[2] not in day.last_closes


def test_without_a_last_close_no_buy_leaves(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    header = "symbol,end,open,high,low,close,volume\n"
    path.write_text(header + "600036.SH,2026-03-04T09:35:00,37.5,37.6,37.4,37.5,100000\n")
    asked = plan("2026-03-04 01:34", feed={"kind": "csv", "path": str(path)})
    entries = lived(tmp_path, asked, "2026-03-04 01:36")

    assert of(entries, ev.OrderRequested) == []
    (refused,) = of(entries, ev.OrderRefused)
    told = [v.summary for v in refused.verdicts if not v.allows]
    assert any("previous close is unknown" in summary for summary in told)


def test_a_feed_that_is_away_is_told_and_trading_waits(tmp_path: Path) -> None:
    asked = plan(
        "2026-03-04 01:29", feed={"kind": "csv", "path": str(tmp_path / "none.csv")},
        feed_silent_seconds=200,
    )  # fmt: skip
    with wired(tmp_path, asked) as run:
        run.engine.start()
        run.engine.run(utc("2026-03-04 01:36"))
    entries = list(read_journal(run.folder.journal))

    assert "feed_unavailable" in run.folder.sys_log.read_text()
    assert "No such file" in of(entries, ev.FeedFailed)[0].error
    steps = [s for s in of(entries, ev.TaskSkipped) if s.task == "run_strategy"]
    assert steps[0].skip_reason == "feed_silent"


def test_a_session_that_was_cut_off_has_what_its_feed_delivered(
    tmp_path: Path,
) -> None:
    with wired(tmp_path, plan("2026-03-04 01:29")) as run:
        run.engine.start()
        run.engine.run(utc("2026-03-04 01:33:01"))
    found = recorded_bars(run.folder)

    assert set(found) == set(GRID.symbols)
    assert found["600036.SH"].end[-1] == nanos(utc("2026-03-04 01:33"))
    assert len(found["600036.SH"]) == 240 + 3  # yesterday's session, for its close


# --- coming back -----------------------------------------------------------------------------


def test_after_a_crash_the_same_session_goes_on_and_orders_find_their_bars(
    tmp_path: Path,
) -> None:
    account_of(tmp_path)
    first = crashed(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:35:30", "demo")
    with wired(tmp_path, plan("2026-03-04 01:29"), "demo") as second:
        assert second.resumed
        assert second.folder == first.folder
        assert second.clock.now() >= utc("2026-03-04 01:35")
        second.engine.start()
        second.engine.run(utc("2026-03-04 01:41"))
    entries = list(read_journal(second.folder.journal))

    orders = [order.order_id for order in of(entries, ev.OrderRequested)]
    assert len(orders) == len(set(orders))
    bought = {f.symbol: f.quantity for f in of(entries, ev.OrderFilled) if f.quantity > 0}
    assert set(bought) == set(GRID.symbols)
    broker = second.broker
    broker.connect()
    book = of(entries, ev.SessionEnded)[0].closing
    assert broker.account().cash == book.cash
    broker.close()


def test_a_session_is_not_resumed_by_another_strategy(tmp_path: Path) -> None:
    account_of(tmp_path)
    run = crashed(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:30", "demo")
    other = plan("2026-03-04 01:29", replace(GRID, name="other"))

    with pytest.raises(ConfigError, match=f"{run.folder.session_id}.*live_grid_multi.*other"):
        build(replace(other, account="demo"), root_of(tmp_path))


def test_an_account_has_one_engine_and_is_free_after_a_refusal(tmp_path: Path) -> None:
    account_of(tmp_path)
    with (
        wired(tmp_path, plan("2026-03-04 01:29"), "demo"),
        pytest.raises(FolderLocked, match="'demo' is in use"),
    ):
        build(replace(plan("2026-03-04 01:29"), account="demo"), root_of(tmp_path))
    with pytest.raises(BeyondCalendar):
        build(replace(plan("2031-03-04 01:29"), account="demo"), root_of(tmp_path))

    with wired(tmp_path, plan("2026-03-04 01:29"), "demo"):
        pass


def test_the_clock_does_not_go_behind_what_the_account_has_lived_through(tmp_path: Path) -> None:
    account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:00"), "2026-03-04 01:01", "demo")
    back = replace(
        plan("2026-03-04 00:00"), clock_from=lambda _: ManualClock(utc("2026-03-04 00:00"))
    )
    with pytest.raises(ConfigError, match=r"has lived until 2026-03-04 01:01:00 UTC.*clock"):
        build(replace(back, account="demo"), root_of(tmp_path))

    replayed = settings_of({"feed": {"speed": 60, "start": "2026-03-04T08:00:00+08:00"}})
    with wired(
        tmp_path, SessionSpec(kind=REAL_TIME, strategy=GRID, settings=replayed), "demo"
    ) as run:
        assert utc("2026-03-04 01:01") <= run.clock.now() < utc("2026-03-04 01:06")
        run.engine._tasks.close()


def test_only_paper_has_a_broker(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mode was 'live'.* 'paper'"):
        build(plan("2026-03-04 01:29", mode="live"), root_of(tmp_path))


# --- the kill switch -------------------------------------------------------------------------


def test_killed_without_an_engine_the_next_start_is_killed_and_stays_so(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    sentence = kill_account(place, by="anna", why="odd fills")
    assert "kill switch is ON" in sentence
    assert "with the switch on" in sentence
    entries = lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:36", "demo")

    assert of(entries, ev.KillSwitchSet)[0].on
    assert of(entries, ev.OrderRequested) == []
    skips = {s.skip_reason for s in of(entries, ev.TaskSkipped)}
    assert skips == {"kill_switch"}


def test_lifted_without_an_engine_the_next_start_journals_who_and_why(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    kill_account(place, by="anna", why="odd fills")
    lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:36", "demo")
    sentence = lift_account(place, by="bert", why="fills explained")
    entries = lived(tmp_path, plan("2026-03-04 01:37"), "2026-03-04 01:41", "demo")

    assert "lifts the kill switch" in sentence
    assert of(entries, ev.SessionStarted)[0].killed
    (lifted,) = of(entries, ev.KillSwitchSet)
    assert (lifted.on, lifted.by, lifted.why) == (False, "bert", "fills explained")
    assert of(entries, ev.OrderRequested)
    assert not place.lift_request.exists()


def test_a_lift_counts_for_a_crashed_session_too(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    kill_account(place, by="anna", why="odd")
    crashed(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:36", "demo")
    lift_account(place, by="bert", why="fine")
    entries = lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:41", "demo")

    assert [k.on for k in of(entries, ev.KillSwitchSet)] == [True, False]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{}", b"yes", b"\xff", b'{"by":"","why":"x","at":"","link":"x"}', None],
    ids=["empty", "nothing", "word", "bytes", "nobody", "another_line"],
)
def test_a_damaged_or_stale_lift_keeps_the_switch_on(tmp_path: Path, damage: bytes | None) -> None:
    place = account_of(tmp_path)
    with wired(tmp_path, plan("2026-03-04 01:00"), "demo") as run:
        run.engine.start()
        run.engine.inbox.put(Command(verb="kill", by="anna"))
        turn_until(run, "2026-03-04 01:01")
    lift_account(place, by="bert", why="fine")
    if damage is None:  # asked for before something else happened
        request = msgspec.json.decode(place.lift_request.read_bytes())
        damage = msgspec.json.encode({**request, "link": "0" * 16})
    place.lift_request.write_bytes(damage)
    entries = lived(tmp_path, plan("2026-03-04 01:00"), "2026-03-04 01:36", "demo")

    assert [k.on for k in of(entries, ev.KillSwitchSet)] == [True]
    assert of(entries, ev.OrderRequested) == []


def test_a_kill_withdraws_a_lift_that_was_asked_for(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:00"), "2026-03-04 01:01", "demo")
    lift_account(place, by="bert", why="fine")
    kill_account(place, by="anna", why="not fine")

    assert place.kill_file.exists()
    assert not place.lift_request.exists()


def test_a_kill_file_that_is_a_folder_stops_too_and_says_why_it_cannot_go(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:00"), "2026-03-04 01:01", "demo")
    place.kill_file.mkdir()

    with pytest.raises(ConfigError, match=r"cannot be removed .* stays on until"):
        lift_account(place, by="bert", why="fine")
    assert not place.lift_request.exists()
    kill_account(place, by="anna", why="again")
    assert place.kill_file.exists()


def test_a_name_that_is_no_account_changes_nothing(tmp_path: Path) -> None:
    account_of(tmp_path)
    nobody = root_of(tmp_path).account("paper", "dmeo")

    for act in (kill_account, lift_account):
        with pytest.raises(ConfigError, match=r"no account 'dmeo' .*nothing was changed.*demo"):
            act(nobody, by="anna", why="x")
    assert not nobody.path.exists()


def test_a_session_that_settles_beyond_the_calendar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BeyondCalendar):
        build(plan("2026-12-31 01:00"), root_of(tmp_path))


def test_cash_and_time_are_as_the_account_says(tmp_path: Path) -> None:
    asked = plan("2026-03-04 01:00")
    with wired(tmp_path, asked) as run:
        run.engine.start()
        assert run.engine.context.state.ledger.cash == Decimal(1_000_000)
        assert run.clock.now() - utc("2026-03-04 01:00") < timedelta(seconds=1)


def test_on_the_machine_s_own_clock_with_threads_it_runs_and_leaves_none(tmp_path: Path) -> None:
    always = replace(GRID, exchange="24/7", symbols=("BTC-PERP",), parameters={})
    before = set(threading.enumerate())
    began = wall_time()
    with wired(tmp_path, SessionSpec(kind=REAL_TIME, strategy=always)) as run:
        thread = EngineThread(run.engine)
        thread.start()
        elapsed = stopwatch()
        while run.engine.turned_at is None and elapsed() < 10:
            Event().wait(0.01)
        thread.stop(10)
    entries = list(read_journal(run.folder.journal))

    assert began <= entries[0].at <= entries[-1].at <= wall_time()
    assert of(entries, ev.DayStarted)[0].open
    assert isinstance(entries[-1].event, ev.SessionEnded)
    assert {t.name for t in set(threading.enumerate()) - before} == set()
