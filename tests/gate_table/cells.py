"""The gate's table: a short trading day for each combination, and what has to come of it.

A day trades from 09:30 to 10:00, with a step every five minutes. The gate is asked for at 09:42, an
operator buys by hand at 09:43. What is expected is worked out from times alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from pathlib import Path

from qtkit.evidence import Command, Fault, Scenario

OVERLAY = "[XSHG]\nhalf_days = { 2026-03-04 = 10:00:00 }\n"
MODES = ("off", "warn", "block")
LEADS = (0, 5, 60, 300)
OFFSETS = (0, 1)
_OPEN_AT = time(9, 30)
_ASKED_AT, _BOUGHT_AT = time(9, 42), time(9, 43)
_EARLY = time(9, 5)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault: how it is planted, and when the gate knows of it.

    Attributes
    ----------
    shut
        From when until when the gate is shut; the judgements are at 09:10, 09:15 and 09:42.
    failing
        The checks that fail while it is shut.
    other
        Why steps until `other_until` do not run whatever the gate says.
    """

    broker: tuple[Fault, ...] = ()
    feed: tuple[Fault, ...] = ()
    site: tuple[Fault, ...] = ()
    settings: tuple[tuple[str, int], ...] = ()
    strategy: str = "reference"
    shut: tuple[time, time] | None = None
    failing: frozenset[str] = frozenset()
    other: str = ""
    other_until: time = time(23, 59)


_ALL_DAY = (time(9, 10), time(23, 59))
_AWAY = frozenset(
    f"gate.{n}" for n in ("account", "cash", "positions", "open_orders", "fills", "clock")
)


def _broker(kind: str, rule: str, amount: int = 100) -> Planted:
    fault = Fault(kind=kind, start=_EARLY, amount=Decimal(amount))
    return Planted(broker=(fault,), shut=_ALL_DAY, failing=frozenset({rule}))


FAULTS: Mapping[str, Planted] = {
    "healthy": Planted(),
    "cash": _broker("cash_off", "gate.cash"),
    "position": _broker("position_off", "gate.positions"),
    "stray_order": _broker("stray_order", "gate.open_orders"),
    "clock": _broker("clock_off", "gate.clock", 60),
    "strange_fill": Planted(
        broker=(Fault(kind="unmatched_fill", start=time(9, 20), amount=Decimal(100)),),
        shut=(_ASKED_AT, time(23, 59)),
        failing=frozenset({"gate.fills", "gate.cash", "gate.positions"}),
    ),
    "away": Planted(
        broker=(Fault(kind="disconnect", start=_EARLY, end=time(9, 37)),),
        shut=(time(9, 10), time(9, 37)),
        failing=_AWAY,
        other="broker_disconnected",
        other_until=time(9, 37),
    ),
    "unwritable": Planted(
        site=(Fault(kind="unwritable", end=time(9, 41)),),
        shut=(time(9, 10), _ASKED_AT),
        failing=frozenset({"gate.artifacts"}),
    ),
    "full_disk": Planted(
        settings=(("min_disk_megabytes", 10**9),),
        shut=_ALL_DAY,
        failing=frozenset({"gate.artifacts"}),
    ),
    "killed": Planted(
        site=(Fault(kind="kill_file"),),
        shut=_ALL_DAY,
        failing=frozenset({"gate.kill_switch"}),
        other="kill_switch",
    ),
    "unreconciled": Planted(
        site=(Fault(kind="unreconciled"),),
        shut=_ALL_DAY,
        failing=frozenset({"gate.last_reconciliation"}),
    ),
    "grown_orders": Planted(site=(Fault(kind="grown_orders"),)),
    "no_bars": Planted(
        feed=(Fault(kind="no_data", symbol="601398.SH"),),
        shut=(_ASKED_AT, time(23, 59)),
        failing=frozenset({"gate.data"}),
    ),
    "stateless": Planted(
        strategy="stateless",
        shut=_ALL_DAY,
        failing=frozenset({"gate.strategy"}),
        other="failed",
    ),
}
DIMENSIONS = (MODES, tuple(FAULTS), (False, True), LEADS, OFFSETS)


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """One combination."""

    mode: str
    fault: str
    split: bool
    lead: int
    offset: int

    def __str__(self) -> str:
        prepared = "split" if self.split else "whole"
        return f"{self.mode}-{self.fault}-{prepared}-lead{self.lead}-offset{self.offset}"

    @property
    def planted(self) -> Planted:
        """Its fault."""
        return FAULTS[self.fault]

    def scenario(self, overlay: Path) -> Scenario:
        """Return the day to live through."""
        planted = self.planted
        buy = (("symbol", "600036.SH"), ("quantity", "100"))
        return Scenario(
            name=str(self),
            sentence="One cell of the gate's table.",
            start_at=time(9, 10),
            settings=(
                ("startup_gate_mode", self.mode),
                ("split_strategy_prepare", self.split),
                ("prepare_lead_seconds", self.lead),
                ("strategy_snapshot_max_age_seconds", max(self.lead, 1)),
                ("close_offset_minutes", self.offset),
                ("calendar_overlay", str(overlay)),
                ("skip_share_limit", 1),
                *planted.settings,
            ),
            broker_faults=planted.broker,
            feed_faults=planted.feed,
            site_faults=planted.site,
            strategy=planted.strategy,
            commands=(
                Command(at=_ASKED_AT, verb="gate"),
                Command(at=_BOUGHT_AT, verb="buy", arguments=buy),
            ),
        )

    # --- what has to come of it ----------------------------------------------------------------

    @property
    def steps(self) -> list[time]:
        """When its six steps are due."""
        last = time(9, 59) if self.offset else time(10, 0)
        return [time(9, minute) for minute in (35, 40, 45, 50, 55)] + [last]

    def shut_at(self, moment: time) -> bool:
        """Whether the gate is shut, if anybody looks at it."""
        shut = self.planted.shut
        return shut is not None and shut[0] <= moment < shut[1]

    def outcome(self, due: time) -> str:
        """Return what becomes of a step: decided, warned, failed, or why it is skipped."""
        planted = self.planted
        before = planted.other in {"kill_switch", "broker_disconnected"}
        if before and due < planted.other_until:
            return planted.other
        if self.mode == "block" and self.shut_at(due):
            return "gate_failed"
        if planted.other == "failed":
            return "failed"
        return "warned" if self.mode == "warn" and self.shut_at(due) else "decided"

    @property
    def judgements(self) -> list[tuple[str, bool]]:
        """Each judgement of the gate: occasion, and whether it found the gate open."""
        found = [("demand", not self.shut_at(_ASKED_AT))]
        if self.mode == "off":
            return found
        early = not self.shut_at(time(9, 15))
        back = [("reconnect", True)] if self.fault == "away" else []
        return [("start", early), ("day", early), *back, *found]
