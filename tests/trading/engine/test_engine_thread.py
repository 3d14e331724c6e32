"""The engine in a thread, on the machine's own clock: idle when idle, gone when stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from qtkit.core import process_signals
from qtkit.core.clock import cpu_seconds, stopwatch, wall_time
from qtkit.core.errors import InvariantBroken
from qtkit.core.locks import is_locked
from qtkit.core.process_signals import STOP_SIGNALS
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.engine import Engine
from qtkit.trading.engine.signals import stop_on_signals
from qtkit.trading.engine.thread import EngineThread
from qtkit.trading.engine.workers import Answer, ThreadWorkers
from tests.trading.engine.engine_bench import day_of
from tests.trading.engine.live_bench import live_engine

WATCHED = 1.5  # seconds
SHARE = 0.02  # of a core


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = live_engine(tmp_path / "session")
    yield made
    made.context.journal.close()


def events_of(engine: Engine) -> list[ev.Event]:
    return [e.event for e in engine.context.journal.entries()]


def settled(thread: EngineThread, engine: Engine, status: str) -> None:
    """Wait until the engine says that it has a status, two seconds at most."""
    pause, passed = Event(), stopwatch()
    while engine.context.state.status != status:
        assert thread.is_alive, thread.error
        assert passed() < 2
        pause.wait(0.01)


def busy_share() -> float:
    """Return the share of a core that this process needs while nothing happens."""
    before, passed = cpu_seconds(), stopwatch()
    Event().wait(WATCHED)
    return (cpu_seconds() - before) / passed()


def test_an_idle_engine_and_a_paused_one_use_next_to_nothing_and_stop_at_once(
    engine: Engine,
) -> None:
    thread = EngineThread(engine)
    thread.start()
    settled(thread, engine, "running")
    idle = min(busy_share() for _ in range(2))
    engine.inbox.put(Command(verb="pause"))
    settled(thread, engine, "paused")
    paused = min(busy_share() for _ in range(2))
    passed = stopwatch()
    thread.stop(by="test")
    thread.stop(by="test")
    assert passed() < 2
    assert not thread.is_alive
    assert not [t for t in threading.enumerate() if t.name.startswith("qtkit")]
    assert idle < SHARE
    assert paused < SHARE
    told = events_of(engine)
    assert isinstance(told[-1], ev.SessionEnded)
    assert [e.by for e in told if isinstance(e, ev.StopRequested)] == ["test"]


def test_a_command_wakes_the_loop_at_once(engine: Engine) -> None:
    thread = EngineThread(engine)
    thread.start()
    settled(thread, engine, "running")
    passed, done = stopwatch(), Event()
    engine.inbox.put(Command(verb="note", answer=lambda _: done.set()))
    assert done.wait(0.2)
    assert passed() < 0.2
    thread.stop()


def test_an_engine_that_dies_tells_whoever_joins_it(engine: Engine) -> None:
    thread = EngineThread(engine)
    engine._enter_new_day = _raising  # type: ignore[method-assign]
    thread.start()
    with pytest.raises(InvariantBroken, match="planted"):
        thread.join(2)
    assert isinstance(events_of(engine)[-1], ev.InternalErrorRaised)


def _raising() -> None:
    raise InvariantBroken("planted")


def test_an_engine_that_does_not_end_in_time_is_told(engine: Engine) -> None:
    thread = EngineThread(engine)
    thread.start()
    settled(thread, engine, "running")
    with pytest.raises(TimeoutError, match=r"has not ended within 0\.05 s; it goes on stopping"):
        thread.join(0.05)
    thread.stop()


def test_a_thread_is_started_once(engine: Engine) -> None:
    thread = EngineThread(engine, until=wall_time())
    thread.start()
    thread.join(5)
    with pytest.raises(RuntimeError, match="once"):
        thread.start()


# --- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_session_in_order(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "session"
    script = Path(__file__).with_name("live_bench.py")
    child = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    assert child.wait(10) == 0
    child.stdout.close()
    journal = folder / "artifacts" / "journal.jsonl"
    told = [e.event for e in read_journal(journal)]
    assert isinstance(told[-1], ev.SessionEnded)
    assert told[-1].reason == number.name
    point = json.loads((folder / "artifacts" / "break_point.json").read_text())
    assert point["open_orders"] == []
    assert not is_locked(journal.with_name("journal.jsonl.lock"))


def test_signals_that_follow_change_nothing_and_handlers_are_put_back() -> None:
    bench = day_of()
    before = [signal.getsignal(number) for number in STOP_SIGNALS]

    with stop_on_signals(bench.engine):
        signal.raise_signal(signal.SIGTERM)
        for number in STOP_SIGNALS:
            signal.raise_signal(number)

    assert bench.engine.stop_wanted == "SIGTERM"
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_who_asks_again_after_ten_seconds_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = day_of()
    with stop_on_signals(bench.engine):
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(process_signals, "_PATIENCE", -1.0)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_the_starter_ignores_stays_ignored() -> None:
    bench = day_of()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(bench.engine):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert bench.engine.stop_wanted == ""


def test_outside_the_main_thread_no_handler_is_touched() -> None:
    seen: list[object] = []

    def elsewhere() -> None:
        with stop_on_signals(day_of().engine):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


# --- workers -------------------------------------------------------------------------------------


def test_answers_of_threads_wake_the_loop_and_carry_results_and_errors() -> None:
    woken = Event()
    workers = ThreadWorkers(woken)
    workers.submit("good", lambda: 7)
    workers.submit("bad", lambda: 1 // 0)
    answers, passed = dict[str, Answer](), stopwatch()
    while len(answers) < 2:
        assert woken.wait(2)
        assert passed() < 2
        answers |= {a.key: a for a in workers.answers()}
    assert answers["good"].result == 7
    assert isinstance(answers["bad"].error, ZeroDivisionError)
    assert workers.answers() == []
    assert workers.next_due() is None
    workers.close()


def test_closing_waits_for_what_runs_and_starts_nothing_more() -> None:
    gate, ran = Event(), list[int]()
    workers = ThreadWorkers(Event())

    def work() -> None:
        gate.wait(2)
        ran.append(1)

    for number in range(4):
        workers.submit(str(number), work)
    threading.Timer(0.05, gate.set).start()
    workers.close()
    assert len(ran) == 2  # two at work, two taken off
    assert not [t for t in threading.enumerate() if t.name.startswith("qtkit-worker")]
