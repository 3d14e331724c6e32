"""Our own engine as a target: each scenario is a simulated session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

from qtkit.adapters.embedded.environment_faults import Site
from qtkit.adapters.embedded.misreporting_broker import MisreportingBroker
from qtkit.adapters.embedded.rerun import ComeBack, Rerun, rerun_of
from qtkit.adapters.embedded.retention_scenario import Rotate, rotation_seen
from qtkit.adapters.embedded.scenario_plan import misreports_of, plan_of
from qtkit.adapters.embedded.signal_request import facts_of, request_json
from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, InvariantBroken
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.evidence.evidence import Evidence
from qtkit.evidence.scenario import (
    RotationSeen,
    RunFacts,
    Scenario,
)
from qtkit.journal import read_journal, summarise
from qtkit.model.engine import ALL_CAPABILITIES, Capability
from qtkit.model.events import CommandReceived, Entry, SessionStarted, StopRequested
from qtkit.runtime.build import build
from qtkit.runtime.run import Place, Run
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.signals import stop_on_signals
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["EmbeddedEngine", "PowerLost"]

_BACK_AFTER = timedelta(seconds=20)  # how long a power cut lasts
_NEXT_START = timedelta(seconds=30)  # from a stop to the next session on the account
_CHILD_SECONDS = 60
_SIGNALLER = "signaller"


class PowerLost(BaseException):
    """The process is gone: nothing may catch this and carry on."""


class EmbeddedEngine:
    """qtkit's embedded engine with its simulated broker.

    Parameters
    ----------
    spec
        The strategy it trades.
    source
        The strategy's file, for scenarios that need a process of their own.
    rotate
        What removes expired logs; without it nobody can see what it does.
    """

    name = "qtkit"
    capabilities: frozenset[Capability] = ALL_CAPABILITIES
    known_defects: Mapping[str, str] = {}

    def __init__(self, spec: StrategySpec, source: Path, rotate: Rotate | None = None) -> None:
        self._spec, self._source, self._rotate = spec, source, rotate

    def run(self, scenario: Scenario, folder: SessionFolder) -> Evidence:
        """Live through a scenario in `folder`, and gather what it left."""
        if scenario.stop_reason == "stop":
            facts = live_through(scenario, self._spec, folder)
            if scenario.rotates is not None and self._rotate is not None:
                facts = replace(facts, rotation=self._rotation(scenario, self._rotate, folder))
        else:
            facts = self._in_a_child(scenario, folder)
        return Evidence.of_folder(folder, facts=facts, scenario=scenario)

    def _rotation(self, scenario: Scenario, rotate: Rotate, folder: SessionFolder) -> RotationSeen:
        plan = plan_of(replace(scenario, commands=(), start_at=time(9, 0)), self._spec)
        return rotation_seen(rotate, plan, scenario.rotates or 0, folder.path / "old")

    def _in_a_child(self, scenario: Scenario, folder: SessionFolder) -> RunFacts:
        """Live through a scenario that ends by a signal in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "qtkit.adapters.embedded.signal_child"],
            input=request_json(scenario, self._source, folder),
            capture_output=True,
            timeout=_CHILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise InvariantBroken(
                f"the process that was to be stopped by {scenario.stop_reason} ended with code "
                f"{done.returncode}: {done.stderr.decode().strip()[-500:]}"
            )
        return facts_of(done.stdout)


def live_through(scenario: Scenario, spec: StrategySpec, folder: SessionFolder) -> RunFacts:
    """Run one scenario to its end in this process, and tell what its journal cannot.

    A scenario that ends by a signal sends it to this very process.
    """
    account = AccountFolder(folder.path / "account")
    told, lies = list[str](), misreports_of(scenario, spec)
    plan = replace(
        plan_of(scenario, spec), wrap_broker=lambda broker: MisreportingBroker(broker, told, lies)
    )
    again = Rerun(plan) if scenario.inputs is None else rerun_of(plan, scenario.inputs)
    plan = again.begins
    site = Site(scenario, folder, account)
    site.live_before(plan)
    plan = replace(plan, commands=(*plan.commands, *site.cues(spec)))
    if scenario.stop_reason != "stop":
        plan = _signalled(plan)
    before = _toolkit_threads()
    run, since_stop = _run_with_cuts(plan, scenario, site, again.returns)
    site.clear()
    return RunFacts(
        threads_alive=tuple(sorted(_toolkit_threads() - before)),
        open_files=_open_files(folder.path),
        stop_seconds=since_stop,
        second_stop_lines=_second_stop(run) if scenario.stop_twice else None,
        successor=_successor(plan, run, account) if scenario.restart else None,
        delivered_fills=tuple(told),
    )


def _run_with_cuts(
    plan: SessionSpec, scenario: Scenario, site: Site, returns: Sequence[ComeBack]
) -> tuple[Run, float | None]:
    """Run a plan, losing power as told and coming back, and time its stop."""
    watching, waiting = _Watching(scenario, site, [back.line for back in returns]), list(returns)
    plan = replace(plan, journal_observer=watching)
    while True:
        run = build(plan, Place(site.folder, site.account))
        try:
            with stop_on_signals(run.engine):
                run.run()
        except PowerLost:
            plan = waiting.pop(0).of(plan) if waiting else _a_little_later(plan, run)
        else:
            return run, watching.since_stop()


def _a_little_later(plan: SessionSpec, run: Run) -> SessionSpec:
    back = run.clock.now() + _BACK_AFTER
    return replace(plan, start=back, commands=tuple(c for c in plan.commands if c[0] >= back))


def _signalled(plan: SessionSpec) -> SessionSpec:
    """Return a plan that marks the moment of its stop with a note instead of stopping."""
    if plan.stop is None:
        raise ConfigError("a scenario that ends by a signal says when: stop_at")
    mark = (plan.stop, Command(verb="note", by=_SIGNALLER))
    return replace(plan, stop=None, commands=(*plan.commands, mark))


class _Watching:
    """Looks at every entry as it is written: cuts the power, sends the signal, times the stop.

    It also gives the site its cues.
    """

    def __init__(self, scenario: Scenario, site: Site, cut_lines: Sequence[int]) -> None:
        self._site, self._cut_lines = site, list(cut_lines)
        self._cuts, self._ending = list(scenario.power_cuts), scenario.stop_reason
        self._seen = Counter[str]()
        self._stop: Callable[[], float] | None = None

    def __call__(self, what: str, entry: Entry) -> None:
        if what != "written":
            return
        kind = str(type(entry.event).__struct_config__.tag)
        self._seen[kind] += 1
        if isinstance(entry.event, StopRequested):
            self._stop = stopwatch()
        if isinstance(entry.event, CommandReceived) and entry.event.by == _SIGNALLER:
            os.kill(os.getpid(), signal.Signals[self._ending])
        self._site.hear(entry.event)
        if entry.seq in self._cut_lines:
            self._cut_lines.remove(entry.seq)
            raise PowerLost
        for cut in self._cuts:
            if cut.after == kind and self._seen[kind] == cut.nth:
                self._cuts.remove(cut)
                raise PowerLost

    def since_stop(self) -> float | None:
        """Return the wall seconds since the stop was asked for."""
        return self._stop() if self._stop else None


def _toolkit_threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("qtkit")}


def _open_files(folder: Path) -> tuple[str, ...] | None:
    """Return the files under a folder that this process holds open; None where nobody can tell."""
    table = Path("/proc/self/fd")
    if not table.is_dir():
        return None
    found = list[str]()
    for link in table.iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue  # closed in between: the listing's own
        if Path(target).is_relative_to(folder.resolve()):
            found.append(Path(target).name)
    return tuple(sorted(found))


def _second_stop(run: Run) -> int:
    """Stop an engine that has ended once more, and count the journal lines it writes."""
    lines = summarise(run.folder.journal).entries
    run.engine.request_stop("stop")
    run.engine.turn()
    return summarise(run.folder.journal).entries - lines


def _successor(plan: SessionSpec, run: Run, account: AccountFolder) -> SessionStarted:
    """Start once more on the account, and return how that session began."""
    start: datetime = run.clock.now() + _NEXT_START
    folder = SessionFolder(run.folder.path / "successor")
    again = replace(plan, start=start, stop=start + _NEXT_START, commands=(), journal_observer=None)
    build(again, Place(folder, account)).run()
    opening: SessionStarted = next(iter(read_journal(folder.journal))).event
    return opening
