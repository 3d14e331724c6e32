"""Phase 3: schedule and catch-up."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter

from qtkit.core.calendars import Segment
from qtkit.core.facts import Finding, budget, counts, finding
from qtkit.core.verdict import pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.tasks import TaskStory
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.model.engine import TaskRole
from qtkit.model.events import PlannedTask
from qtkit.stages.catch_up_oracle import expected_fate
from qtkit.stages.check import Outcome, check, judged, runs_judged
from qtkit.stages.phrases import compare_command, not_yet
from qtkit.stages.rerun_check import a_rerun_gives_the_same_journal
from qtkit.stages.scenarios import AFTER_HOLIDAY, CLOSED_DAY, LATE_STARTS, REFERENCE, RERUN
from qtkit.stages.stage import Stage

__all__ = ["phase_3"]


_MARKET = frozenset({"open_market", "acquire_live_price", "run_strategy", "close_market"})
_STEP = "run_strategy"
_SHAPES_A_SCHEDULE = (
    "step_minutes",
    "price_poll_minutes",
    "close_offset_minutes",
    "calendar_overlay",
    "refill",
)
_SCHEDULE = "wait until the day's schedule is built"


@check(
    "3.1", "The schedule is reproducible", needs={Capability.SCHEDULE}, scenarios=True,
    facts=counts("schedules dates"),
    holds="{schedules} schedules of {dates:date}, one digest for each date and configuration, "
    "however late the start",
    fails="{findings}",
    finds={
        "digests": "{day}: {one} in {first}, {two} in {second}",
        "rows": "{day}: {first} and {second} have one digest for different rows",
    },
)  # fmt: skip
def the_schedule_is_reproducible(evidence: Evidence) -> Outcome:
    """The schedule is reproducible: same configuration and date, same digest."""
    groups: defaultdict[tuple[object, ...], list[tuple[str, ev.ScheduleBuilt]]] = defaultdict(list)
    for name, run in evidence.runs.items():
        shape = tuple(str(run.settings.get(key, "")) for key in _SHAPES_A_SCHEDULE)
        for built in run.of(ev.ScheduleBuilt):
            exchange = run.started.event.exchange if run.started else ""
            groups[exchange, built.event.trading_date, shape].append((name, built.event))
    compared = {key: found for key, found in groups.items() if len(found) > 1}
    if not compared:
        return pending("no date was scheduled twice", fix="run a scenario twice")
    wrong = [parted for key, found in compared.items() for parted in _parted(key[1], found)]
    fix = ""
    if wrong:
        one, two = (evidence.runs[wrong[0].facts[name]] for name in ("first", "second"))
        fix = f"hold the two together: {compare_command(one, two)}"
    return judged(
        wrong, proof=runs_judged(evidence), fix=fix, schedules=sum(map(len, compared.values())),
        dates=compared,
    )  # fmt: skip


def _parted(day: object, found: Sequence[tuple[str, ev.ScheduleBuilt]]) -> Iterator[Finding]:
    """Yield two runs whose schedules differ."""
    (first, one), *others = found
    for name, other in others:
        if other.digest != one.digest or not one.digest:
            ours, theirs = one.digest[:8] or "no digest", other.digest[:8]
            yield finding("digests", day=day, one=ours, first=first, two=theirs, second=name)
        elif other.tasks != one.tasks:
            yield finding("rows", day=day, first=first, second=name)


@check(
    "3.3", "Late starts obey the table", needs={Capability.SCHEDULE}, scenarios=True,
    facts=counts("late_starts rows runs"),
    holds="{late_starts} late starts, each row as the catch-up table says",
    fails="{found:row} in {runs:run}: {findings}",
    finds={"other_fate": "{run}: started {start}: {task} is {fate}, the table says {wanted}"},
    fix="the catch-up table stands in the checklist, phase 3",
)  # fmt: skip
def late_starts_obey_the_table(evidence: Evidence) -> Outcome:
    """After a late start the tasks kept are those of the catch-up table."""
    late = rows = 0
    wrong: list[Finding] = []
    for name, run in evidence.runs.items():
        for built in run.of(ev.ScheduleBuilt):
            planned = built.event.tasks
            late += bool(planned) and min(r.due for r in planned) < built.event.caught_up_to
            rows += len(planned)
            wrong += _against_the_table(name, run, built)
    if not wrong and not late:
        return pending("no run started late", fix="run the late starts")
    runs = sorted({fault.facts["run"] for fault in wrong})
    return judged(
        wrong, proof=runs_judged(evidence), run=runs[0] if runs else "",
        lines=sorted({f.line for f in wrong if f.facts["run"] == runs[0]}), late_starts=late,
        rows=rows, runs=runs or evidence.runs,
    )  # fmt: skip


def _against_the_table(
    name: str, run: Evidence, built: Recorded[ev.ScheduleBuilt]
) -> Iterator[Finding]:
    """Yield each row whose fate is not the table's."""
    day, now = built.event.trading_date, built.event.caught_up_to
    segments = run.calendar.segments(day) if day else ()
    for row in built.event.tasks:
        story = run.tasks[row.task_id]
        wanted = expected_fate(row, now, segments, closed=False)
        fate = _fate_at_start(story, built)
        if not _fits(row, wanted, fate, story, now, segments):
            line, start = story.lines[0] if story.lines else built.seq, run.local(now)
            yield finding(
                "other_fate",
                line,
                run=name,
                start=start,
                task=row.task_id,
                fate=fate,
                wanted=wanted,
            )


def _fate_at_start(story: TaskStory, built: Recorded[ev.ScheduleBuilt]) -> str:
    """Return what became of a row when the engine came to the day."""
    if story.queued is not None:
        return "run" if story.due and story.due < built.event.caught_up_to else "due"
    skip, outcome = story.skipped, story.outcome
    if skip is not None and outcome is not None and outcome.at <= built.event.caught_up_to:
        return skip.skip_reason
    return "due"


def _fits(
    row: PlannedTask,
    wanted: str,
    found: str,
    story: TaskStory,
    now: datetime,
    segments: Sequence[Segment],
) -> bool:
    """Whether a row's fate is the table's; one that is due exactly now may meet a closed market."""
    if wanted in {"run", "due"} and row.due <= now and row.task == "open_market":
        inside = any(s.holds(now) for s in segments)
        return found == wanted and (not inside or story.fate in {"finished", "cancelled"})
    if wanted == "due" and row.due == now:
        return found != "missed"
    if wanted == "run":
        return found == "run" and story.fate in {"finished", "failed", "cancelled"}
    return found == wanted


@check(
    "3.4", "No decision is late", needs={Capability.SCHEDULE, Capability.DECISIONS},
    facts=(*counts("decisions steps skipped missed"), budget("late_after_seconds")),
    holds="{decisions} of {steps} steps decided in time{so_far}, {skipped} skipped, {missed} of "
    "them as missed",
    fails="{found} of {steps} steps: {findings}",
    finds={
        "twice": "{task} was decided in line {line} already",
        "unplanned": "{task} was decided and is on no schedule",
        "other_row": "{task}: due time or step number differ from the schedule",
        "late": "{task} began {late:.0f} s late",
        "early": "{task} began before it was due",
        "future_price": "{symbol} was seen with a bar that ends at {end}",
        "other_day": "{symbol} was seen with a price of another day",
        "undecided": "{task} finished and no decision is recorded",
        "not_missed": "{task} was skipped as missed {late:.0f} s after its time",
        "vanished": "{task} vanished",
    },
    fix="a late step must be skipped as missed: {entries}",
)  # fmt: skip
def no_decision_is_taken_late(evidence: Evidence) -> Outcome:
    """No decision is taken late or twice: a missed step is skipped as missed, none vanishes."""
    decisions = evidence.of(ev.DecisionTaken)
    steps = evidence.tasks_in(TaskRole.STEP)
    outcomes = [s.outcome for s in steps if s.outcome]
    if not decisions and not outcomes:
        return not_yet(evidence, "there is no strategy step", fix=_SCHEDULE)
    wrong = [*_bad_decisions(evidence), *(f for s in steps for f in _lost_steps(evidence, s))]
    reasons = [s.skipped.skip_reason for s in steps if s.skipped]
    return judged(
        wrong, proof=outcomes or decisions, decisions=decisions, steps=steps, skipped=reasons,
        missed=reasons.count("missed"),
    )  # fmt: skip


def _bad_decisions(evidence: Evidence) -> Iterator[Finding]:
    """Yield decisions that were late, came twice, had no row, or saw the future."""
    allowed = evidence.number("late_after_seconds")
    seen: dict[str, int] = {}
    for decision in evidence.of(ev.DecisionTaken):
        event, line, name = decision.event, decision.seq, decision.event.task_id
        if name in seen:
            yield finding("twice", line, task=name, line=seen[name])
        seen[name] = line
        story = evidence.session.tasks.get(name)
        row = story.plan[0] if story and story.plan else None
        if story is None or row is None:
            yield finding("unplanned", line, task=name)
            continue
        if (row.due, row.step) != (event.due, event.step):
            yield finding("other_row", line, task=name)
        began = story.started.at if story.started and story.attempts == 1 else decision.at
        late = (began - row.due).total_seconds()
        if late > allowed:
            yield finding("late", line, task=name, late=late)
        if late < 0:
            yield finding("early", line, task=name)
        yield from _prices_of_another_time(evidence, decision)


def _prices_of_another_time(
    evidence: Evidence, decision: Recorded[ev.DecisionTaken]
) -> Iterator[Finding]:
    """Yield a price that was not known at the decision, or is of another day.

    A step at the open has no price of its day: it is taken on those of the session before.
    """
    calendar, day = evidence.calendar, decision.event.trading_date
    known = {day}
    if day is not None and not evidence.number("step_minutes"):
        known.add(calendar.previous_session(day))
    for price in decision.event.prices:
        if price.end > decision.at:
            yield finding("future_price", decision.seq, symbol=price.symbol, end=price.end)
        elif date_of_bar(calendar, price.end) not in known:
            yield finding("other_day", decision.seq, symbol=price.symbol)


def _lost_steps(evidence: Evidence, story: TaskStory) -> Iterator[Finding]:
    """Yield a step that finished undecided, vanished, or was missed without being late."""
    outcome, name = story.outcome, story.task_id
    if story.fate == "finished" and outcome and name not in evidence.decided:
        yield finding("undecided", outcome.seq, task=name)
    skip = story.skipped
    if outcome and skip is not None and skip.skip_reason == "missed" and not story.at_start:
        late = (outcome.at - skip.due).total_seconds()
        down = any(d.holds(skip.due) for d in evidence.downtimes)
        if late <= evidence.number("late_after_seconds") and not down:
            yield finding("not_missed", outcome.seq, task=name, late=late)
    if outcome is None and not evidence.running:
        yield finding("vanished", story.plan[1] if story.plan else 0, task=name)


@check(
    "3.5", "The calendar is followed", needs={Capability.SCHEDULE},
    facts=counts("schedules rows open_days closed_days"),
    holds="{schedules:schedule} with {rows} rows follow the calendar: {open_days} open days, "
    "{closed_days} closed",
    finds={
        "no_date": "a day began without a date",
        "misjudged": "{day} counts as {state}, it is not",
        "other_time": "{day} began at {at}",
        "out_of_order": "{day} began after {before}",
        "never_began": "the trading date {day} never began",
        "schedule_without_date": "a schedule without a date",
        "row_missing": "{day} has no row for {task} at {due}",
        "row_too_many": "{day} has a row too many: {task} at {due}",
        "rows_twice": "{day} has market rows twice",
        "numbers": "the steps of {day} are not numbered without a gap, from the first to {last}",
        "not_once": "{task} stands {number} times in the schedule",
        "after_the_open": "pre_open comes after the open",
        "before_the_close": "{task} comes before the close",
        "step_outside": "{task} comes at {at}, outside trading",
    },
    fix="hold the schedule against the exchange's published hours",
)  # fmt: skip
def the_calendar_is_followed(evidence: Evidence) -> Outcome:
    """Half days, holidays and daylight saving follow the calendar; closed days are quiet."""
    schedules = evidence.of(ev.ScheduleBuilt)
    if not schedules:
        return not_yet(evidence, "there is no schedule", fix=_SCHEDULE)
    wrong = [f for day in evidence.of(ev.DayStarted) for f in _misjudged(evidence, day)]
    wrong += _days_lost(evidence)
    wrong += [f for built in schedules for f in _off_calendar(evidence, built)]
    rows = [len(built.event.tasks) for built in schedules]
    return judged(
        wrong, proof=schedules, schedules=schedules, rows=sum(rows),
        open_days=len(rows) - rows.count(0), closed_days=rows.count(0),
    )  # fmt: skip


def _misjudged(evidence: Evidence, day: Recorded[ev.DayStarted]) -> Iterator[Finding]:
    on = day.event.trading_date
    if on is None:
        yield finding("no_date", day.seq)
        return
    if day.event.open is not evidence.calendar.is_session(on):
        yield finding("misjudged", day.seq, day=on, state="open" if day.event.open else "closed")
    if evidence.calendar.local_date(day.at) != on:
        yield finding("other_time", day.seq, day=on, at=day.at)


def _days_lost(evidence: Evidence) -> Iterator[Finding]:
    """Yield dates out of order, and trading dates that the session slept through."""
    days = evidence.session.of(ev.DayStarted)
    for one, two in pairwise(days):
        if not evidence.window.holds(two.seq):
            continue
        before, after = one.event.trading_date, two.event.trading_date
        if before is None or after is None:
            continue
        if after <= before:
            yield finding("out_of_order", two.seq, day=after, before=before)
        elif (lost := evidence.calendar.next_session(before)) < after and not any(
            one.seq < d.line < two.seq for d in evidence.downtimes
        ):
            yield finding("never_began", two.seq, day=lost)


def _off_calendar(evidence: Evidence, built: Recorded[ev.ScheduleBuilt]) -> Iterator[Finding]:
    """Yield how a schedule's rows differ from those worked out from the calendar once more."""
    day, line = built.event.trading_date, built.seq
    if day is None:
        yield finding("schedule_without_date", line)
        return
    segments = evidence.calendar.segments(day)
    if Capability.GRID not in evidence.capabilities:
        yield from _outside_trading(evidence, built, segments)
        return
    rows = sorted((r.due, r.task) for r in built.event.tasks if r.task in _MARKET)
    wanted = sorted(_market_rows(evidence, segments)) if segments else []
    for due, task in sorted(set(rows) ^ set(wanted)):
        kind = "row_missing" if (due, task) in wanted else "row_too_many"
        yield finding(kind, line, day=day, task=task, due=due)
    if len(rows) != len(set(rows)):
        yield finding("rows_twice", line, day=day)
    if segments:
        yield from _housekeeping(built, segments)
    names = evidence.engine.names(TaskRole.STEP)
    steps = [r.step for r in sorted(built.event.tasks, key=attrgetter("due")) if r.task in names]
    if steps != list(range(len(steps))):
        yield finding("numbers", line, day=day, last=len(steps) - 1)


def _outside_trading(
    evidence: Evidence, built: Recorded[ev.ScheduleBuilt], segments: Sequence[Segment]
) -> Iterator[Finding]:
    """Yield steps that an engine without an exact grid has outside trading."""
    names = evidence.engine.names(TaskRole.STEP)
    for row in built.event.tasks:
        if row.task in names and not any(s.start <= row.due <= s.end for s in segments):
            yield finding("step_outside", built.seq, task=row.task_id, at=row.due)


def _market_rows(evidence: Evidence, segments: Sequence[Segment]) -> Iterator[tuple[datetime, str]]:
    """Yield (due, task) of every market task of a day, from hours and settings alone."""
    step = timedelta(minutes=evidence.number("step_minutes"))
    poll = timedelta(minutes=evidence.number("price_poll_minutes"))
    last = _last_moment(evidence, segments[-1])
    if not step:
        yield segments[0].start, "acquire_live_price"
        yield segments[0].start, _STEP
    for segment in segments:
        yield segment.start, "open_market"
        yield segment.end, "close_market"
        for end in {*_multiples(segment, poll), segment.end}:
            yield end, "acquire_live_price"
        # half a day can be shorter than a step
        ends = (_multiples(segment, step) or {segment.end}) if step else set()
        for end in {min(end, last) for end in ends}:
            yield end, _STEP


def _multiples(segment: Segment, length: timedelta) -> set[datetime]:
    """Return when a length is over in a segment, and over again."""
    count = (segment.end - segment.start) // length
    return {segment.start + number * length for number in range(1, count + 1)}


def _last_moment(evidence: Evidence, segment: Segment) -> datetime:
    """Return when the day's last step is due at the latest: as a bar ends, before the close."""
    latest = segment.end - timedelta(minutes=evidence.number("close_offset_minutes"))
    opening = evidence.started
    bar = timedelta(seconds=opening.event.bar_seconds) if opening else segment.end - segment.start
    ends = _multiples(segment, bar) | {segment.start, segment.end}
    return max((end for end in ends if end <= latest), default=segment.start)


def _housekeeping(
    built: Recorded[ev.ScheduleBuilt], segments: Sequence[Segment]
) -> Iterator[Finding]:
    """Yield housekeeping that is missing, or stands inside trading."""
    rows = {r.task: r.due for r in built.event.tasks}
    for task in ("pre_open", "post_close"):
        number = sum(r.task == task for r in built.event.tasks)
        if number != 1:
            yield finding("not_once", built.seq, task=task, number=number)
    if "pre_open" in rows and rows["pre_open"] > segments[0].start:
        yield finding("after_the_open", built.seq)
    for task in ("post_close", "refill"):
        if task in rows and rows[task] < segments[-1].end:
            yield finding("before_the_close", built.seq, task=task)


phase_3 = Stage(
    id="3",
    title="schedule and catch-up",
    verifies=(
        "The same configuration gives the same schedule, and a start in mid-day does what the "
        "catch-up table says."
    ),
    operate="Start a session late, at a time of your choice; compare what is kept with the table.",
    headless=(
        "The reference day and a re-run of its inputs; starts at the day's boundaries to the "
        "second, inside each segment, at lunch and after the close; a closed day and the day after"
        " a holiday."
    ),
    scenarios=(REFERENCE, RERUN, *LATE_STARTS, CLOSED_DAY, AFTER_HOLIDAY),
    checks=(
        the_schedule_is_reproducible,
        a_rerun_gives_the_same_journal,
        late_starts_obey_the_table,
        no_decision_is_taken_late,
        the_calendar_is_followed,
    ),
)
