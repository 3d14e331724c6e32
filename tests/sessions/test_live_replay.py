"""Twenty minutes of market in a quarter of a minute over HTTP, and lives that are cut short."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.runtime.account_chain import sessions_of
from qtkit.sessions.remote import RemoteSession
from qtkit.stages import phase_0, phase_2, phase_4a, phase_35
from qtkit.trading.brokers.protocol import BrokerFill
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from tests.sessions.live_market import Endpoint, days_of, market, seeded
from tests.sessions.live_processes import CHURN, GRID, no_process_left, replay, spawned, until

SYMBOLS = ("000651.SZ", "600036.SH", "601398.SH")
DAYS = (date(2026, 3, 3), date(2026, 3, 4))
SEED = 20260304


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "outputs"
    with no_process_left(place):
        yield place


def endpoint_settings(endpoint: Endpoint, start: str) -> dict[str, object]:
    found: dict[str, object] = replay(
        start,
        90,
        kind="http",
        url=endpoint.url,
        timeout_seconds=0.5,
        attempts=4,
        backoff_seconds=0.05,
        patience_seconds=3,
    )
    return found


def test_twenty_minutes_at_ninety_times_with_drop_outs_slow_answers_and_garbage(root: Path) -> None:
    with market(days_of(SYMBOLS, DAYS, SEED), seeded(9)) as endpoint:
        settings = endpoint_settings(endpoint, "2026-03-04T09:29:00+08:00")
        session = RemoteSession.start(GRID, root=root, settings=settings)
        until(lambda: _decided(session) >= 4, 60, "the step of 09:50")
        session.stop()
    entries = session.entries()

    misdeeds = Counter(endpoint.done)
    assert {"drop", "slow", "garbage", "cut", "busy", "html"} <= misdeeds.keys()
    for judged in (phase_0, phase_2, phase_35, phase_4a):
        report = judged(session)
        assert report.conclusion == "passed", str(report)
    assert not [e for e in entries if isinstance(e.event, ev.FeedFailed)]
    bars = sum(e.event.bars for e in entries if isinstance(e.event, ev.PricesSeen))
    polls = sum(isinstance(e.event, ev.PricesSeen) for e in entries)
    assert bars == 3 * (240 + _last_minute(session))
    assert polls >= 20
    bought = {e.event.symbol for e in entries if isinstance(e.event, ev.OrderFilled)}
    assert bought == set(SYMBOLS)


def _decided(session: RemoteSession) -> int:
    return sum(isinstance(e.event, ev.DecisionTaken) for e in session.entries())


def _last_minute(session: RemoteSession) -> int:
    """Return how many minutes after the open the newest bar ended that was seen."""
    seen = [e.event.last[0].end for e in session.entries() if isinstance(e.event, ev.PricesSeen)]
    return (seen[-1].hour - 1) * 60 + seen[-1].minute - 30


def lives(root: Path, endpoint: Endpoint, count: int) -> RemoteSession:
    """Let a session be killed `count` times at moments that nobody chose, and then end in order."""
    strategy, asked = root.parent / "churn.py", root.parent / "settings.json"
    strategy.write_text(CHURN, encoding="utf-8")
    settings = endpoint_settings(endpoint, "2026-03-04T09:30:00+08:00")
    asked.write_text(json.dumps(settings), encoding="utf-8")
    name = "--new_account"
    for life in range(count):
        lines = _journal_bytes(root)
        process = spawned("live", strategy, name, "demo", "--root", root, "--settings", asked)
        if not life:
            until(lambda: list(root.glob("*/*/session_status.json")), 60, "a first life")
        elif life % 2:  # the others may end before they have begun
            until(lambda: _journal_bytes(root) > lines, 60, "a next life")  # noqa: B023 - now
        digest = hashlib.sha256(f"life {life}".encode()).digest()
        Event().wait(digest[0] / 256 * 2.4)
        process.kill()
        process.communicate()
        name = "--account"
    session = RemoteSession.start(strategy, root=root, account="demo", settings=settings)
    before = _decided(session)
    until(lambda: _decided(session) >= before + 3, 60, "three more steps")
    session.stop()
    return session


def _journal_bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("*/*/artifacts/journal.jsonl"))


def nothing_was_lost_or_sent_twice(root: Path, session: RemoteSession) -> None:
    entries = list(read_journal(session.folder.journal))
    account = OutputRoot(root).account("paper", "demo")
    book = SqliteBook(account.broker_book)
    state = book.load()
    book.close()
    broker_fills = {n.event.fill_id: n.event for n in state.news if isinstance(n.event, BrokerFill)}
    booked = [e.event for e in entries if isinstance(e.event, ev.OrderFilled)]
    requested = [e.event.order_id for e in entries if isinstance(e.event, ev.OrderRequested)]
    closing = entries[-1].event.closing

    assert len(sessions_of(account)) == 1
    assert requested == [f"q{number:06d}" for number in range(1, len(requested) + 1)]
    arrived = [row.order.order_id for row in state.orders]
    assert len(arrived) == len(set(arrived))
    assert set(arrived) <= set(requested)
    assert sorted(fill.fill_id for fill in booked) == sorted(broker_fills)
    assert closing.cash == state.cash
    ours = {line.symbol: line.quantity for line in closing.positions}
    assert ours == {held.symbol: held.quantity for held in state.holdings}
    saved = [e.event.state for e in entries if isinstance(e.event, ev.StrategySaved)]
    assert saved[-1] == {"filled": dict.fromkeys((f.fill_id for f in booked), 1)}
    for judged in (phase_35, phase_4a):
        wrong = [v for v in judged(session).verdicts if v.status in {"fail", "error"}]
        assert not wrong, wrong
    assert len(booked) > 3


def test_three_kills_lose_nothing_and_send_nothing_twice(root: Path) -> None:
    with market(days_of(SYMBOLS, DAYS, SEED), seeded(3)) as endpoint:
        session = lives(root, endpoint, 3)

    nothing_was_lost_or_sent_twice(root, session)


@pytest.mark.crash
def test_twenty_kills_lose_nothing_and_send_nothing_twice(root: Path) -> None:
    with market(days_of(SYMBOLS, DAYS, SEED), seeded(4)) as endpoint:
        session = lives(root, endpoint, 20)
    resumed = [
        e for e in read_journal(session.folder.journal) if isinstance(e.event, ev.SessionResumed)
    ]

    nothing_was_lost_or_sent_twice(root, session)
    assert len(resumed) >= 10
    assert SessionFolder(session.folder.path).report.exists()
