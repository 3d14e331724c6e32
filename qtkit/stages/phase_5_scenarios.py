"""The lives that phases 5-A, 5-B and 5-C ask an engine to live through."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from qtkit.evidence import Command, Fault, Scenario
from qtkit.stages.scenarios import HELD_BACK

__all__ = [
    "GATE_BLOCKED",
    "GATE_BLOCKING",
    "GATE_CURED",
    "GATE_OFF",
    "GATE_RECONNECTED",
    "GATE_WARNED",
    "PENDING_MISMATCHES",
    "RISK_REFUSALS",
    "SLOW_PREPARATION",
    "SPLIT",
    "SPLIT_LEADS",
    "STALE",
]

# --- snapshots -------------------------------------------------------------------------------

_SPLIT = ("split_strategy_prepare", True)
_LONGEST_LEAD = 300  # seconds: as long as a step


def _lead(seconds: int, offset: int) -> Scenario:
    """Return a whole day with a lead and an offset; the longest lead is as long as a step."""
    return Scenario(
        name=f"lead_{seconds}_offset_{offset}",
        sentence=f"Prepared {seconds} s ahead, the last step {offset} min before the close.",
        settings=(
            _SPLIT,
            ("prepare_lead_seconds", seconds),
            ("strategy_snapshot_max_age_seconds", max(seconds, 60)),
            ("close_offset_minutes", offset),
            ("step_minutes", 5 if seconds == _LONGEST_LEAD else 30),
            ("price_poll_minutes", 5),
            ("max_price_age_seconds", 400),
        ),
    )


SPLIT = Scenario(
    name="split",
    sentence="The reference day, each step prepared ahead.",
    settings=(_SPLIT,),
)
SPLIT_LEADS = tuple(_lead(s, offset) for s in (0, 5, 60, _LONGEST_LEAD) for offset in (0, 1))
SLOW_PREPARATION = Scenario(
    name="slow_preparation",
    sentence="For a quarter of an hour a preparation takes 30 seconds in its worker.",
    settings=(_SPLIT, ("prepare_in_worker", True)),
    feed_faults=(
        Fault(kind="slow_preparation", start=time(9, 40), end=time(9, 55), amount=Decimal(30)),
    ),
    stop_at=time(10, 10),
)
STALE = Scenario(
    name="stale",
    sentence="A preparation holds the engine up for 30 seconds; a snapshot may be 20 seconds old.",
    settings=(_SPLIT, ("strategy_snapshot_max_age_seconds", 20), ("late_after_seconds", 60)),
    strategy="slow_prepare:30",
    stop_at=time(9, 50),
)

# --- the gate --------------------------------------------------------------------------------

_BLOCK = ("startup_gate_mode", "block")
GATE_OFF = Scenario(
    name="gate_off",
    sentence="The reference day without a gate.",
    settings=(("startup_gate_mode", "off"),),
)
GATE_BLOCKING = Scenario(
    name="gate_blocking",
    sentence="The reference day with a gate that blocks.",
    settings=(_BLOCK,),
)
GATE_WARNED = Scenario(
    name="gate_warned",
    sentence="From 09:42 the broker's cash is wrong, and the gate only warns.",
    broker_faults=(Fault(kind="cash_off", start=time(9, 42), amount=Decimal(100)),),
    commands=(Command(at=time(9, 43), verb="gate"),),
    stop_at=time(10, 10),
)
GATE_BLOCKED = Scenario(
    name="gate_blocked",
    sentence="On the second day the gate shuts; orders by hand, cancels, fills, closing go on.",
    days=2,
    start_at=time(14, 40),
    settings=(_BLOCK, HELD_BACK, ("price_poll_minutes", 5), ("max_price_age_seconds", 400)),
    broker_faults=(
        Fault(kind="position_off", start=time(9, 36), end=time(15, 5), amount=Decimal(100), day=1),
    ),
    commands=(
        Command(
            at=time(9, 35, 30),
            verb="buy",
            arguments=(("symbol", "600036.SH"), ("quantity", "100")),
            day=1,
        ),
        Command(at=time(9, 36, 30), verb="gate", day=1),
        Command(
            at=time(9, 41),
            verb="sell",
            arguments=(("symbol", "600036.SH"), ("quantity", "300")),
            day=1,
        ),
        Command(at=time(9, 42), verb="cancel", arguments=(("order_id", "q000007"),), day=1),
        Command(
            at=time(9, 45),
            verb="sell",
            arguments=(("symbol", "600036.SH"), ("quantity", "200")),
            day=1,
        ),
    ),
)
GATE_CURED = Scenario(
    name="gate_cured",
    sentence="A fault of the morning is cured at noon, and the gate judged again.",
    settings=(_BLOCK,),
    broker_faults=(
        Fault(kind="cash_off", start=time(9, 10), end=time(11, 45), amount=Decimal(100)),
    ),
    commands=(Command(at=time(12, 0), verb="gate"),),
    stop_at=time(13, 30),
)
GATE_RECONNECTED = Scenario(
    name="gate_reconnected",
    sentence="The broker is lost for some minutes, with a gate that blocks.",
    settings=(_BLOCK,),
    broker_faults=(Fault(kind="disconnect", start=time(9, 41), end=time(9, 47)),),
    stop_at=time(10, 0),
)

# --- orders, diagnosis, reconciliation -------------------------------------------------------

RISK_REFUSALS = Scenario(
    name="risk_refusals",
    sentence="Orders by hand that no rule lets pass: odd lots, strangers, short sales.",
    commands=tuple(
        Command(at=at, verb=verb, arguments=(("symbol", symbol), ("quantity", quantity)))
        for at, verb, symbol, quantity in (
            (time(9, 32), "buy", "600036.SH", "150"),
            (time(9, 33), "buy", "999999.SH", "100"),
            (time(9, 34), "sell", "600036.SH", "100"),
            (time(9, 36), "buy", "600036.SH", "1000000"),
            (time(15, 1), "buy", "600036.SH", "100"),
        )
    ),
    start_at=time(9, 20),
    stop_at=time(15, 20),
    rotates=30,
)
PENDING_MISMATCHES = Scenario(
    name="pending_mismatches",
    sentence="The broker lists a strange order, hides one of ours, and names another not at all.",
    settings=(HELD_BACK,),
    broker_faults=(
        Fault(kind="stray_order", start=time(9, 35, 10), end=time(9, 35, 30)),
        Fault(kind="hidden_order", order=2, start=time(9, 35, 30), end=time(9, 36)),
        Fault(kind="nameless_order", order=3),
    ),
    commands=(
        Command(at=time(9, 35, 20), verb="diagnose"),
        Command(at=time(9, 35, 40), verb="diagnose"),
    ),
    stop_at=time(9, 50),
)
