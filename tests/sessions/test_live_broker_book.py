"""The simulated broker's book while another process holds it: a broker that is away for a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.errors import FolderLocked
from qtkit.core.paths import AccountFolder
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.runtime.build import build
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.market.bar_makers import utc
from tests.sessions.live_engine import account_of, lived, of, plan, root_of, turn_until, wired

DAY = date(2026, 3, 4)
pytestmark = pytest.mark.usefixtures("impatient")


@contextmanager
def held(place: AccountFolder) -> Iterator[None]:
    """Hold the lock that writes the broker's book, as an SQLite shell may."""
    with closing(sqlite3.connect(place.broker_book, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtkit.trading.brokers.sim.sqlite_store._PATIENCE", 0.02)


def test_a_book_that_somebody_holds_is_a_broker_that_is_away_and_the_engine_lives_on(
    tmp_path: Path,
) -> None:
    """Three orders of 09:35 are open when the book is held; they fill when it is free again."""
    place = account_of(tmp_path)
    with wired(tmp_path, plan("2026-03-04 01:29"), "demo") as run:
        run.engine.start()
        turn_until(run, "2026-03-04 01:35:30")
        with held(place):
            turn_until(run, "2026-03-04 01:38")
            assert not run.engine.context.state.connected
            reserved = run.engine.context.state.ledger.reserved_cash
        run.engine.run(utc("2026-03-04 01:41"))
    entries = list(read_journal(run.folder.journal))

    asked = [e.order_id for e in of(entries, ev.OrderRequested)]
    assert len(of(entries, ev.BrokerDisconnected)) == 1
    assert reserved > 0
    assert {f.order_id for f in of(entries, ev.OrderFilled)} <= set(asked)
    assert of(entries, ev.OrderFilled)
    assert not of(entries, ev.InternalErrorRaised)
    assert isinstance(entries[-1].event, ev.SessionEnded)
    assert of(entries, ev.AccountReconciled)[-1].broker_cash == entries[-1].event.closing.cash


def test_a_start_on_a_book_that_somebody_holds_is_refused(tmp_path: Path) -> None:
    place = account_of(tmp_path)
    lived(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:36", "demo")
    with closing(sqlite3.connect(place.broker_book, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FolderLocked):
            build(replace(plan("2026-03-04 01:40"), account="demo"), root_of(tmp_path))


def test_a_simulated_day_whose_book_is_held_ends_with_2_and_goes_on_when_it_is_free(
    tmp_path: Path,
) -> None:
    """The strategy itself takes the lock, at its third step."""
    others = list[sqlite3.Connection]()
    book = root_of(tmp_path).account("paper", "demo").broker_book

    class Holding:
        def prepare(self, view: View) -> None:
            pass

        def decide(self, view: View, prepared: Prepared) -> list[Intent]:
            if not others and view.now >= utc("2026-03-04 01:45"):
                others.append(sqlite3.connect(book, isolation_level=None))
                others[0].execute("BEGIN IMMEDIATE")
            return [Intent(symbol="600036.SH", quantity=Decimal(100), because="more")]

        def on_fill(self, fill: Fill, view: View) -> None:
            pass

        def state(self) -> JsonObject:
            return {}

        def restore(self, state: JsonObject) -> None:
            pass

    spec = StrategySpec(name="holding", make=Holding, symbols=("600036.SH",))
    root = root_of(tmp_path)
    prepare_account(spec, root=root, new_account="demo", day=DAY)
    with pytest.raises(FolderLocked) as stopped:
        simulate(spec, day=DAY, root=root, account="demo")
    others[0].close()
    (folder,) = root.sessions("paper").iterdir()
    later = simulate(spec, day=date(2026, 3, 5), root=root, account="demo")

    assert stopped.value.exit_code == 2
    assert later.folder.path == folder
    assert later.exit_code == 0
    asked = [e.event.order_id for e in read_journal(later.folder.journal)
             if isinstance(e.event, ev.OrderRequested)]  # fmt: skip
    assert len(asked) == len(set(asked))
