"""A session in real time, in this very process: engine, door, heartbeat, and an orderly end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from qtkit.core.clock import wall_time
from qtkit.core.errors import QtkitError
from qtkit.core.paths import OutputRoot, SessionFolder, has_lines
from qtkit.evidence.recorded import RecordedSession
from qtkit.reports.artifacts import write_reports
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.metadata import write_identity
from qtkit.runtime.plan import exchange_of
from qtkit.runtime.run import Run
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import REAL_TIME, Acceptance, SessionSpec
from qtkit.sessions.control.heartbeat import Heartbeat
from qtkit.sessions.control.server import CommandServer
from qtkit.sessions.control.socket import socket_path
from qtkit.trading.engine.signals import stop_on_signals
from qtkit.trading.engine.thread import EngineThread
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["market_date", "run_live"]


def market_date(spec: StrategySpec, settings: SessionSettings) -> date:
    """Return the date on the exchange's wall where a session's time begins."""
    return exchange_of(spec, settings).local_date(settings.feed.begins(wall_time()))


def run_live(
    source: Path,
    *,
    root: OutputRoot,
    spec: StrategySpec | None = None,
    account: str | None = None,
    accept: Acceptance | None = None,
    settings: Mapping[str, Any] | SessionSettings | None = None,
    ready: Callable[[SessionFolder], None] = lambda _: None,
    meanwhile: Callable[[SessionFolder], None] = lambda _: None,
) -> RecordedSession:
    """Trade in real time until somebody stops it; Ctrl-C and SIGTERM stop it in order.

    Parameters
    ----------
    source
        The strategy's file.
    root
        Where everything is written.
    spec
        The spec, where the file is loaded already.
    account
        An account that exists; None: a fresh one of this session alone. A session of it that has
        not ended is resumed.
    accept
        Who accepts that such a session goes on under other code or settings, and why.
    settings
        What differs from the defaults.
    ready
        Called once the engine runs and the status says so.
    meanwhile
        Runs on this thread beside the engine: an operator's shell. When it returns, the session
        goes on until it is stopped.

    Raises
    ------
    ConfigError, DataError
        If something asked for is impossible; nothing was started.
    QtkitError
        What the engine died of; the next start on the account resumes the session.
    """
    asked = SessionSpec(
        strategy=spec or load_spec(source),
        settings=settings_of(settings),
        source=source,
        kind=REAL_TIME,
        account=account,
        accept=accept,
    )
    run = build(asked, root)
    # a second signal disturbs no report either
    with stop_on_signals(run.engine):
        try:
            write_identity(run)
            _serve(run, ready, meanwhile)
        finally:
            run.close()
            if has_lines(run.folder):
                run.status_file.write()
        return RecordedSession(run.folder, write_reports(run.folder))


def _serve(
    run: Run,
    ready: Callable[[SessionFolder], None],
    meanwhile: Callable[[SessionFolder], None],
) -> None:
    """Live with the door open."""
    server = CommandServer(socket_path(run.folder), run.engine.inbox.put)
    try:
        _live(run, server, ready, meanwhile)
    finally:
        server.close()


def _live(
    run: Run,
    server: CommandServer,
    ready: Callable[[SessionFolder], None],
    meanwhile: Callable[[SessionFolder], None],
) -> None:
    """Let the engine run on its own thread until it ends; raises what it died of."""
    thread = EngineThread(run.engine)
    beat = Heartbeat(run, thread, server.path)
    server.start()
    thread.start()
    try:
        if beat.wait_for_life():
            run.mark()
            beat.start()
            ready(run.folder)
            meanwhile(run.folder)
        thread.join()
    except BaseException as problem:
        _end(run, thread, problem)
        raise
    finally:
        beat.stop()


def _end(run: Run, thread: EngineThread, problem: BaseException) -> None:
    """Say what the engine died of; stop it if it was somebody else who failed."""
    if thread.is_alive:
        run.engine.stop_wanted = type(problem).__name__
        run.engine.signal.set()
        thread.join()
    # what it failed for may be the journal's or the log's own disk or folder
    with suppress(OSError, QtkitError, ValueError):
        if run.engine.turned_at is not None and not run.context.state.ended:
            run.context.note_trouble("session_failed", "", problem)
        run.context.files.take_trace(problem)
