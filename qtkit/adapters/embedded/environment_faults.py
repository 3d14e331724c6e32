"""What goes wrong around a session: in its folder, on its account, in the account's past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from qtkit.adapters.embedded.scenario_plan import LocalTimes
from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.core.files import make_folder, write_atomic
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.evidence.scenario import Fault, Scenario
from qtkit.model.events import CommandReceived, Event
from qtkit.runtime.build import build
from qtkit.runtime.run import Place
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.brokers.sim.faults import CashOff, FaultScript
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["Site"]

_STAGEHAND = "stagehand"  # whose notes are the cues
_PAST = frozenset({"unreconciled", "grown_orders"})
_PLACES = frozenset({"kill_file", "unwritable"})
_EARLIER = timedelta(minutes=30)  # from the start of the session before to that of this one
_LASTS = timedelta(minutes=2)
_HALF = Decimal("0.5")


class Site:
    """Where a scenario takes place.

    Parameters
    ----------
    scenario
        Its `site_faults` say what goes wrong.
    folder, account
        The session's, and its account's.

    Raises
    ------
    ConfigError
        If it asks for a fault that nobody knows.
    """

    def __init__(self, scenario: Scenario, folder: SessionFolder, account: AccountFolder) -> None:
        self.folder, self.account = folder, account
        self._scenario = scenario
        known = _PAST | _PLACES
        for fault in scenario.site_faults:
            if fault.kind not in known:
                there = ", ".join(sorted(known))
                raise ConfigError(f"no site fault {fault.kind!r}; there are {there}")
        self._places = {f.kind: f for f in scenario.site_faults if f.kind in _PLACES}

    def live_before(self, plan: SessionSpec) -> None:
        """Let the account have a past, where the scenario wants one."""
        past = {fault.kind for fault in self._scenario.site_faults} & _PAST
        if past:
            build(_past_of(plan, past), Place(SessionFolder(self._before), self.account)).run()

    @property
    def _before(self) -> Path:
        return self.folder.path / "before"

    # --- cues --------------------------------------------------------------------------------

    def cues(self, spec: StrategySpec) -> Iterator[tuple[datetime, Command]]:
        """Yield the notes at which things change; what is wrong from the start changes now."""
        when = LocalTimes(self._scenario, exchange_calendar(spec.exchange))
        for kind, fault in self._places.items():
            if fault.start is None:
                self._break(kind)
            else:
                yield when.at(fault.start, fault.day), _cue("break", fault)
            if fault.end is not None:
                yield when.at(fault.end, fault.day), _cue("mend", fault)

    def hear(self, event: Event) -> None:
        """Do what a cue asks for."""
        if isinstance(event, CommandReceived) and event.by == _STAGEHAND:
            doing = self._break if event.arguments["do"] == "break" else self._mend
            doing(str(event.arguments["kind"]))

    def clear(self) -> None:
        """Put everything right."""
        for kind in self._places:
            self._mend(kind)

    def _break(self, kind: str) -> None:
        if kind == "kill_file":
            write_atomic(self.account.kill_file, "planted\n")
        else:
            make_folder(self._in_the_way)

    def _mend(self, kind: str) -> None:
        if kind == "kill_file":
            self.account.kill_file.unlink(missing_ok=True)
        elif self._in_the_way.is_dir():
            self._in_the_way.rmdir()

    @property
    def _in_the_way(self) -> Path:
        """A folder where the gate tries to write a file: not even root can."""
        return self.folder.artifacts / ".gate"


def _cue(do: str, fault: Fault) -> Command:
    return Command(verb="note", arguments={"do": do, "kind": fault.kind}, by=_STAGEHAND)


def _past_of(plan: SessionSpec, past: set[str]) -> SessionSpec:
    """Return a short session before the one that is planned."""
    start = plan.start or _nine_o_clock(plan.first_day, plan.strategy.exchange)
    begun = start - _EARLIER
    spec = plan.strategy
    if "grown_orders" in past:
        smaller = {symbol: size * _HALF for symbol, size in spec.order_sizes.items()}
        spec = replace(spec, order_sizes=smaller)
    off = CashOff(start=begun, until=start, amount=Decimal(1)) if "unreconciled" in past else None
    return replace(
        plan,
        strategy=spec,
        days=1,
        start=begun,
        stop=begun + _LASTS,
        stop_reason="stop",
        commands=((begun + _LASTS / 2, Command(verb="reconcile", by=_STAGEHAND)),),
        broker_faults=FaultScript(faults=(off,) if off else ()),
        journal_observer=None,
    )


def _nine_o_clock(day: date, exchange: str) -> datetime:
    zone = exchange_calendar(exchange).zone
    return datetime.combine(day, time(9), tzinfo=zone).astimezone(UTC)
