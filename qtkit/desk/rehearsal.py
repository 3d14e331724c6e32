"""A simulated session whose time an operator moves by hand: to learn the shell, and to test it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.model.events import Entry
from qtkit.reports.artifacts import rebuild
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.metadata import write_identity
from qtkit.runtime.run import Run
from qtkit.runtime.session_status import write_status
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.sessions.session import Done
from qtkit.trading.engine.command_queue import Answer, Command
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["Rehearsal"]


class Rehearsal:
    """A simulated session that waits for its operator; use it as a context manager.

    Parameters
    ----------
    run
        Wired and not started.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._engine = run, run.engine
        self._clock = run.manual_clock
        self._open = True
        run.begin()
        self._wake = self._engine.turn()

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
            return cls(run)
        except BaseException:
            run.close()
            raise

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""
        return self._run.folder

    @property
    def now(self) -> datetime:
        """The session's time, UTC."""
        return self._clock.now()

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the journal's entries behind line `after`."""
        return tuple(e for e in self._engine.context.journal.entries() if e.seq > after)

    def command(self, verb: str, *, by: str = "operator", **arguments: object) -> Done:
        """Ask the engine for something, and return the journal lines that it became.

        Raises
        ------
        ConfigError
            If the engine refuses, with its reason, or the session has ended.
        """
        self._make_sure_it_lives()
        answers = list[Answer]()
        command = Command(verb=verb, arguments=dict(arguments), by=by, answer=answers.append)
        self._engine.inbox.put(command)
        self._turn()
        answer = answers[0]
        if answer.refused:
            raise ConfigError(f"{verb} was refused: {answer.refused}")
        came = (e for e in self.entries(answer.first_line - 1) if e.seq <= answer.last_line)
        return Done(verb, tuple(came))

    def advance(self, until: datetime) -> None:
        """Live through everything up to a time; at the end of its days the session stops.

        Raises
        ------
        ConfigError
            If the time has passed, or the session has ended.
        """
        self._make_sure_it_lives()
        if until < self.now:
            raise ConfigError(
                f"time does not go back: it is {self.now.isoformat()}, asked for was "
                f"{until.isoformat()}"
            )
        end = self._run.plan.until or until
        while self._wake is not None and self._wake <= until and self._wake < end:
            self._clock.set(self._wake)
            self._turn()
        if self._wake is not None:
            self._clock.set(min(until, end))
            if until >= end:
                self._engine.request_stop("end_of_data", by="qtkit")
            self._turn()

    def stop(self, *, by: str = "operator") -> None:
        """Stop it in order; one that has ended is left as it is."""
        if self._open:
            self.command("stop", by=by)

    def _make_sure_it_lives(self) -> None:
        if not self._open:
            raise ConfigError(f"session {self.folder.session_id} has ended; it can only be read")

    def _turn(self) -> None:
        self._wake = self._engine.turn()
        if self._wake is None:
            self.close()

    def close(self) -> None:
        """Let everything go; a session that has not ended is like one that crashed."""
        if not self._open:
            return
        self._open = False
        self._run.close()
        write_status(self.folder)
        rebuild(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
