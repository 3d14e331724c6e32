"""A session that is built: what runs, what it runs on, and how it is let go."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qtkit.core.clock import Clock, ManualClock
from qtkit.core.errors import InvariantBroken
from qtkit.core.locks import NamedLock
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.market.feeds.recorder import seal_recording
from qtkit.runtime.account_chain import mark_session
from qtkit.runtime.accounts import CarryOver
from qtkit.runtime.factories import Market
from qtkit.runtime.plan import SessionPlan
from qtkit.runtime.session_status import StatusFile
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.engine.backtest import Backtest
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.engine import Engine

__all__ = ["Place", "Run"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session writes, on which account."""

    folder: SessionFolder
    account: AccountFolder

    @property
    def needed_files(self) -> tuple[Path, ...]:
        """The files and folders that an engine cannot do without."""
        folder, account = self.folder, self.account
        return (
            account.path,
            account.lock,
            account.record,
            account.broker_book,
            folder.path,
            folder.artifacts,
            folder.journal,
            folder.journal.with_name(folder.journal.name + ".lock"),
        )


@dataclass(slots=True, kw_only=True)
class Run:
    """A session that is built; use it as a context manager, or close it."""

    plan: SessionPlan
    context: EngineContext
    clock: Clock
    market: Market
    broker: Broker
    carry_over: CarryOver
    driver: Engine | Backtest
    place: Place | None = None  # None: nothing of it is written
    lock: NamedLock | None = None
    is_open: bool = True
    status: StatusFile | None = None

    @property
    def spec(self) -> SessionSpec:
        """What was asked for."""
        return self.plan.spec

    @property
    def manual_clock(self) -> ManualClock:
        """The clock, where it is moved by hand."""
        if not isinstance(self.clock, ManualClock):
            raise InvariantBroken("a session in real time moves no clock")
        return self.clock

    @property
    def engine(self) -> Engine:
        """The engine of a session that has a folder."""
        if not isinstance(self.driver, Engine):
            raise InvariantBroken("a backtest has no engine that can be commanded")
        return self.driver

    @property
    def backtest(self) -> Backtest:
        """The engine of a backtest."""
        if not isinstance(self.driver, Backtest):
            raise InvariantBroken("a session that has a folder is no backtest")
        return self.driver

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting that matters to trading, as the journal has them."""
        return self.plan.settings

    @property
    def folder(self) -> SessionFolder:
        """Where it writes."""
        return self._site.folder

    @property
    def account(self) -> AccountFolder:
        """The account that it trades on."""
        return self._site.account

    @property
    def _site(self) -> Place:
        if self.place is None:
            raise InvariantBroken("a backtest has neither folder nor account")
        return self.place

    @property
    def status_file(self) -> StatusFile:
        """What it says of itself to others."""
        if self.status is None:
            raise InvariantBroken("a backtest has no status file")
        return self.status

    @property
    def resumed(self) -> bool:
        """Whether it goes on in the journal of a session that was cut off."""
        return self.carry_over.unfinished is not None

    def run(self) -> None:
        """Live from start to end on a clock that waits for nobody, and let everything go."""
        if isinstance(self.driver, Backtest):
            self.driver.run(self.plan.days)
            return
        try:
            self.begin()
            self.driver.run(self.plan.until, self.spec.stop_reason, self.plan.last_day)
        finally:
            self.close()
        self.status_file.write()

    def begin(self) -> None:
        """Start the engine; status and chain know of it then."""
        self.engine.start()
        self.context.journal.sync()  # the status may know only what a loss of power leaves
        self.mark()
        self.status_file.write()

    def mark(self) -> None:
        """Note in the account's chain that it has begun."""
        mark_session(self.account, self.folder, self.context.journal)

    def close(self) -> None:
        """Close everything and free the account; seal the inputs of a session that has ended.

        What is written stays; one that has not ended is like one that crashed.
        """
        if not self.is_open:
            return
        self.is_open = False
        with ExitStack() as last:
            if self.lock is not None:
                last.callback(self.lock.release)
            with ExitStack() as ends:
                ends.callback(self.broker.close)
                ends.callback(self.context.journal.close)
            if self.lock is not None and self.lock.is_held and self.context.state.ended:
                mark_session(self.account, self.folder, self.context.journal, ended=True)
                seal_recording(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
