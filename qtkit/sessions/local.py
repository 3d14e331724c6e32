"""A simulated session in the caller's own process: its time moves only when it is advanced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, has_lines
from qtkit.evidence.session import CommandDone
from qtkit.reports.artifacts import rebuild, write_reports
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.metadata import write_identity
from qtkit.runtime.run import Run
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.sessions.display import DisplayedSession
from qtkit.trading.engine.command_queue import Answer, Command
from qtkit.trading.engine.signals import stop_on_signals
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["LocalSession"]


class LocalSession(DisplayedSession):
    """A simulated session; use it as a context manager, or let it `live_through` its days.

    Parameters
    ----------
    run
        Wired and not started.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run.folder)
        self._run: Run | None = run
        self._wake: datetime | None = None

    @classmethod
    def of(
        cls,
        source: Path | str | StrategySpec,
        *,
        day: date,
        days: int = 1,
        root: OutputRoot | Path | str,
        account: str | None = None,
        settings: Mapping[str, Any] | SessionSettings | None = None,
        start: datetime | None = None,
    ) -> Self:
        """Return a session of simulated trading days that has just started.

        Parameters
        ----------
        source
            A strategy's file, or its spec.
        day, days
            First date, and how many trading dates from it on.
        account
            One that exists; None: a fresh one of this session alone.
        start
            When the engine comes, UTC; None: before the open.

        Raises
        ------
        ConfigError, DataError
            If something asked for is wrong; nothing was started.
        """
        file = None if isinstance(source, StrategySpec) else Path(source)
        spec = source if isinstance(source, StrategySpec) else load_spec(Path(source))
        asked = settings_of(settings)
        wanted = SessionSpec(
            strategy=spec,
            settings=asked,
            source=file,
            account=account,
            day=day,
            days=days,
            start=start,
        )
        outputs = root if isinstance(root, OutputRoot) else OutputRoot(Path(root))
        return cls.planned(wanted, root=outputs)

    @classmethod
    def planned(
        cls,
        spec: SessionSpec,
        *,
        root: OutputRoot,
    ) -> Self:
        """Return a session that is asked for and has just started; raises as `of`."""
        run = build(spec, root)
        try:
            write_identity(run, by_hand=True)
            session = cls(run)
            session.begin()
        except BaseException:
            run.close()
            raise
        return session

    def begin(self) -> None:
        """Start the engine and wait for what the operator wants."""
        run = self._running
        run.begin()
        self._wake = run.engine.turn()

    def live_through(self) -> None:
        """Live through all of its days; whatever happens, the folder tells how far it came."""
        run, self._run = self._running, None
        with stop_on_signals(run.engine):
            try:
                run.run()
            except BaseException:
                if has_lines(run.folder):
                    write_reports(run.folder)
                raise
            self._view = write_reports(run.folder)

    @property
    def _running(self) -> Run:
        """The engine and what is around it.

        Raises
        ------
        ConfigError
            If the session has ended.
        """
        if self._run is None:
            raise ConfigError(f"session {self.session_id} has ended; it can only be read")
        return self._run

    @property
    def now(self) -> datetime:
        """The session's time, UTC."""
        return self._running.manual_clock.now()

    @property
    def _is_silent(self) -> bool:
        """Whether it should have told that it lives: its time stands still between two calls."""
        return False

    def command(self, verb: str, *, by: str = "operator", **arguments: object) -> CommandDone:
        """Ask the engine for something, and return the journal lines that it became.

        Raises
        ------
        ConfigError
            If the engine refuses, with its reason, or the session has ended.
        """
        run = self._running
        answers = list[Answer]()
        command = Command(verb=verb, arguments=dict(arguments), by=by, answer=answers.append)
        run.engine.inbox.put(command)
        self._turn(run)
        answer = answers[0]
        if answer.refused:
            raise ConfigError(f"{verb} was refused: {answer.refused}")
        entries = self.entries(answer.first_line - 1)
        return CommandDone(verb, entries[: answer.last_line - answer.first_line + 1])

    def advance(self, until: datetime) -> None:
        """Live through everything up to a time; at the end of its days the session stops.

        Raises
        ------
        ConfigError
            If the time has passed, or the session has ended.
        """
        run, clock = self._running, self._running.manual_clock
        if until < clock.now():
            raise ConfigError(
                f"time does not go back: it is {clock.now().isoformat()}, asked for was "
                f"{until.isoformat()}"
            )
        end = run.plan.until or until
        while self._wake is not None and self._wake <= until and self._wake < end:
            clock.set(self._wake)
            self._turn(run)
        if self._wake is not None:
            clock.set(min(until, end))
            if until >= end:
                run.engine.request_stop("end_of_data", by="qtkit")
            self._turn(run)

    def stop(self, *, by: str = "operator") -> None:
        """Stop it in order; one that has ended is left as it is."""
        if self._run is not None:
            self.command("stop", by=by)

    def _turn(self, run: Run) -> None:
        self._wake = run.engine.turn()
        if self._wake is None:
            self.close()

    def close(self) -> None:
        """Let everything go; a session that has not ended is like one that crashed."""
        run, self._run = self._run, None
        if run is None:
            return
        run.close()
        rebuild(run.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
