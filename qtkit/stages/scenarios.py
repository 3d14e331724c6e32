"""The lives that stages ask an engine to live through; stages that share one run it once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from qtkit.evidence import REFERENCE_DAY, Command, Fault, PowerCut, Scenario

__all__ = [
    "AFTER_HOLIDAY",
    "BUSY_FEED",
    "CANCEL_RACE",
    "CLOSED_DAY",
    "CUT_AT_FILL",
    "CUT_AT_ORDER",
    "CUT_AT_STEP",
    "CUT_IN_CLOSING",
    "EARLY_FILLS",
    "EARLY_FILLS_REORDERED",
    "EARLY_FILLS_REPEATED",
    "FAILING_STRATEGY",
    "HELD_BACK",
    "LATE_STARTS",
    "NOT_A_NUMBER",
    "NO_DATA",
    "PARTIAL_FILLS",
    "REFERENCE",
    "REJECTIONS",
    "RERUN",
    "SKIPS",
    "SLOW_FEED",
    "SLOW_STRATEGY",
    "STOPS",
    "TIMEOUTS",
    "TWO_DAYS",
    "UNBOOKABLE_FILL",
]

REFERENCE = Scenario(name="reference", sentence="The reference day, whole.")

HELD_BACK = ("latency_seconds", 120)  # an order is still open two minutes after its step

STOPS = (
    Scenario(
        name="stop_at_lunch",
        sentence="Stopped at lunch, then started again on the same account.",
        stop_at=time(12, 0),
        restart=True,
    ),
    Scenario(
        name="stop_before_open",
        sentence="Stopped after pre_open, before the market opens.",
        stop_at=time(9, 20),
    ),
    Scenario(
        name="stop_with_order",
        sentence="Stopped in mid-session with orders open, which are cancelled.",
        stop_at=time(9, 36, 30),
        settings=(HELD_BACK,),
        restart=True,
    ),
    Scenario(
        name="stop_keeping_orders",
        sentence="Stopped in mid-session with orders open, which are kept.",
        stop_at=time(9, 36, 30),
        settings=(HELD_BACK, ("on_stop", "keep")),
        restart=True,
    ),
    Scenario(
        name="stop_after_close",
        sentence="Stopped after the day's books were closed.",
        stop_at=time(15, 20),
    ),
    Scenario(
        name="stop_twice",
        sentence="Stopped in mid-session, and once more.",
        stop_at=time(10, 7),
        stop_twice=True,
    ),
    Scenario(
        name="interrupted",
        sentence="Ended by Ctrl-C in mid-session.",
        stop_at=time(10, 2, 30),
        stop_reason="SIGINT",
    ),
    Scenario(
        name="terminated",
        sentence="Ended by SIGTERM in mid-session.",
        stop_at=time(9, 42),
        stop_reason="SIGTERM",
    ),
)

SLOW_FEED = Scenario(
    name="slow_feed",
    sentence="For an hour each price poll takes 20 seconds.",
    feed_faults=(Fault(kind="slow", start=time(10), end=time(11), amount=Decimal(20)),),
)
BUSY_FEED = Scenario(
    name="busy_feed",
    sentence="For ten minutes each price poll takes 59.5 seconds and then raises.",
    feed_faults=(
        Fault(kind="raising", start=time(10), end=time(10, 10)),
        Fault(kind="slow", start=time(10), end=time(10, 10), amount=Decimal("59.5")),
    ),
    stop_at=time(10, 30),
)
FAILING_STRATEGY = Scenario(
    name="failing_strategy",
    sentence="A decision raises, and raises again.",
    strategy="failing",
    stop_at=time(10, 0),
)
SLOW_STRATEGY = Scenario(
    name="slow_strategy",
    sentence="Each decision takes 400 seconds, more than a step.",
    strategy="slow:400",
    stop_at=time(10, 30),
)
UNBOOKABLE_FILL = Scenario(
    name="unbookable_fill",
    sentence="The broker tells a fill of an order that never existed.",
    broker_faults=(
        Fault(kind="unmatched_fill", start=time(9, 50), symbol="600036.SH", amount=Decimal(100)),
    ),
    stop_at=time(10, 0),
)

RERUN = Scenario(
    name="rerun",
    sentence="The recorded inputs of the reference day, fed through the code again.",
    replays=REFERENCE.name,
)


def _late_start(at: time) -> Scenario:
    """Return a life that begins in the day and ends a little later."""
    end = datetime.combine(REFERENCE_DAY, at) + timedelta(seconds=125)
    return Scenario(
        name=f"start_{at:%H%M%S}",
        sentence=f"Started at {at:%H:%M:%S}, stopped two minutes later.",
        start_at=at,
        stop_at=end.time(),
    )


LATE_STARTS = tuple(
    _late_start(at)
    for at in (
        time(9, 15),
        time(9, 29, 59),
        time(9, 30),
        time(9, 30, 1),
        time(10, 7, 30),
        time(11, 30),
        time(12, 15),
        time(13, 0),
        time(13, 0, 1),
        time(14, 2, 10),
        time(14, 59, 30),
        time(15, 0),
        time(15, 15),
        time(15, 20),
        time(15, 40),
    )
)
CLOSED_DAY = Scenario(
    name="closed_day",
    sentence="A day on which the exchange is closed, and a step asked for by hand.",
    day=date(2026, 2, 17),
    commands=(Command(at=time(10, 0), verb="run_task", arguments=(("task", "run_strategy"),)),),
    settings=(("debug", True),),
    stop_at=time(16, 0),
)
AFTER_HOLIDAY = Scenario(
    name="after_holiday",
    sentence="The first trading day after the New Year holiday.",
    day=date(2026, 2, 24),
)

TWO_DAYS = Scenario(
    name="two_days",
    sentence="A Friday and the Monday after it: what was bought can be sold.",
    day=date(2026, 3, 6),
    days=2,
)
PARTIAL_FILLS = Scenario(
    name="partial_fills",
    sentence="Orders take half a percent of each bar, so that they fill in parts.",
    settings=(("participation", "0.005"),),
)
REJECTIONS = Scenario(
    name="rejections",
    sentence="The counter rejects the second order.",
    broker_faults=(Fault(kind="reject", order=2),),
    stop_at=time(10, 30),
)
CANCEL_RACE = Scenario(
    name="cancel_race",
    sentence="An order is cancelled by hand, and executes all the same.",
    settings=(HELD_BACK,),
    broker_faults=(Fault(kind="fill_after_cancel", order=1),),
    commands=(Command(at=time(9, 36), verb="cancel", arguments=(("order_id", "q000001"),)),),
    stop_at=time(10, 30),
)
TIMEOUTS = Scenario(
    name="timeouts",
    sentence="The broker does not answer two orders: one had arrived, one had not.",
    broker_faults=(
        Fault(kind="timeout_arrived", order=1),
        Fault(kind="timeout_lost", order=2),
    ),
    stop_at=time(10, 30),
)
CUT_AT_ORDER = Scenario(
    name="cut_at_order",
    sentence="The power goes when two orders are written and none is sent.",
    power_cuts=(PowerCut(after="order_requested", nth=2),),
    stop_at=time(10, 30),
)
CUT_AT_FILL = Scenario(
    name="cut_at_fill",
    sentence="The power goes when the first fill is booked.",
    power_cuts=(PowerCut(after="order_filled"),),
    stop_at=time(10, 30),
)
CUT_AT_STEP = Scenario(
    name="cut_at_step",
    sentence="The power goes when the prices of a step are in and it is not decided.",
    power_cuts=(PowerCut(after="prices_seen", nth=10),),
    stop_at=time(10, 30),
)
CUT_IN_CLOSING = Scenario(
    name="cut_in_closing",
    sentence="The power goes when the day's books are closed and the task is not finished.",
    start_at=time(14, 40),
    power_cuts=(PowerCut(after="day_closed"),),
)

_FIRST_ORDERS = (1, 2, 3)
_EARLY_STOP = time(9, 39, 50)  # before a second decision could depend on when news came
_IN_PARTS = (("participation", "0.005"),)
EARLY_FILLS = Scenario(
    name="early_fills",
    sentence="The first orders fill in parts, told once and in order.",
    settings=_IN_PARTS,
    stop_at=_EARLY_STOP,
)
EARLY_FILLS_REPEATED = Scenario(
    name="early_fills_repeated",
    sentence="The same, each fill told again.",
    settings=_IN_PARTS,
    broker_faults=tuple(Fault(kind="repeat", order=n) for n in _FIRST_ORDERS),
    stop_at=_EARLY_STOP,
)
EARLY_FILLS_REORDERED = Scenario(
    name="early_fills_reordered",
    sentence="The same, the last fill told first.",
    settings=_IN_PARTS,
    broker_faults=tuple(Fault(kind="reorder", order=n) for n in _FIRST_ORDERS),
    stop_at=_EARLY_STOP,
)

SKIPS = Scenario(
    name="skips",
    sentence="Late, then a pause, the kill switch, a silent feed, a lost broker, a task cancelled.",
    start_at=time(9, 41),
    commands=(
        Command(at=time(10, 2), verb="pause"),
        Command(at=time(10, 12), verb="resume"),
        Command(at=time(10, 22), verb="kill", arguments=(("why", "rehearsal"),)),
        Command(at=time(10, 32), verb="lift", arguments=(("why", "rehearsal is over"),)),
        Command(
            at=time(10, 43),
            verb="cancel_task",
            arguments=(("task_id", f"{REFERENCE_DAY:%Y%m%d}-run_strategy-104500"),),
        ),
    ),
    feed_faults=(Fault(kind="silent", start=time(13, 6), end=time(13, 24)),),
    broker_faults=(Fault(kind="disconnect", start=time(13, 38), end=time(13, 48)),),
    stop_at=time(14, 0),
)

NO_DATA = Scenario(
    name="no_data",
    sentence="One symbol never has a bar.",
    feed_faults=(Fault(kind="no_data", symbol="601398.SH"),),
    stop_at=time(10, 30),
)
NOT_A_NUMBER = Scenario(
    name="not_a_number",
    sentence="A bar of one symbol holds no numbers.",
    feed_faults=(
        Fault(kind="not_a_number", symbol="000651.SZ", start=time(9, 35)),
        Fault(kind="not_a_number", symbol="000651.SZ", start=time(10, 0)),
    ),
    stop_at=time(10, 30),
)
