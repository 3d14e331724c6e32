"""Why a task did not run: the glossary of skip reasons."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GLOSSARY", "SkipReason"]


@dataclass(frozen=True, slots=True)
class SkipReason:
    """One reason, for people."""

    name: str
    meaning: str
    what_to_do: str
    exists: bool = True  # whether this version can produce it
    simulated: bool = True  # whether a simulated session can: its clock is never set


_REASONS = (
    SkipReason(
        "missed",
        "The engine came to the task after its time: it was not running, or was held up.",
        "Nothing after a late start. Else look at the loop's pulse: the machine was too slow.",
    ),
    SkipReason(
        "already_done",
        "The task has run for this day in an earlier session.",
        "Nothing.",
    ),
    SkipReason(
        "paused",
        "An operator had paused trading when the task came due.",
        "`resume` when the reason for the pause is gone.",
    ),
    SkipReason(
        "status_not_allowed",
        "The engine was not inside a trading segment, and the task needs one.",
        "Compare the schedule with the exchange's hours.",
    ),
    SkipReason("canceled", "An operator took the waiting task off the queue.", "Nothing."),
    SkipReason(
        "prev_running",
        "The task before it of the same kind was still at work when this one came due.",
        "Make the strategy or the feed faster, or the step longer.",
    ),
    SkipReason(
        "already_queued",
        "One of the same kind was already waiting.",
        "Look at what holds the queue up: `tasks` shows it.",
    ),
    SkipReason(
        "no_fresh_price",
        "No symbol had a usable price of today.",
        "See runbooks/feed-silent.md; a price older than the limit does not count.",
    ),
    SkipReason(
        "feed_silent",
        "The feed has failed or delivered nothing for longer than the limit.",
        "See runbooks/feed-silent.md.",
    ),
    SkipReason(
        "not_a_trading_day",
        "The task was asked for on a day on which the exchange is closed.",
        "Wait for the next trading day.",
    ),
    SkipReason(
        "kill_switch",
        "The kill switch is on: the strategy takes no decisions.",
        "Read why in the journal's line `kill_switch_set`, then runbooks/kill-switch.md.",
    ),
    SkipReason(
        "restart",
        "The step came due before a crash and was not decided; it is not decided late.",
        "Nothing; find out what crashed.",
    ),
    SkipReason(
        "clock_stepped",
        "The machine's clock was set back, so nobody knows what time it is.",
        "Set the clock by NTP. If it is right now, stop the session, and start again when the time "
        "of its last line has passed.",
        simulated=False,
    ),
    SkipReason(
        "broker_disconnected",
        "The broker does not answer.",
        "See runbooks/broker-disconnected.md; the engine tries again by itself.",
    ),
    SkipReason(
        "gate_failed",
        "The gate keeps strategy steps out because something serious is wrong.",
        "`gate` shows which of its checks failed.",
    ),
    SkipReason(
        "snapshot_missing",
        "The step had no snapshot of its own.",
        "Look at the step's `prepare_strategy` task.",
    ),
    SkipReason(
        "snapshot_stale",
        "The step's snapshot was older than the limit.",
        "Compare the lead with the limit in the settings.",
    ),
)

GLOSSARY: dict[str, SkipReason] = {reason.name: reason for reason in _REASONS}
