"""Phase 3: schedule and catch-up."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from qtkit.core.calendars import Segment
from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.tasks import TaskStory
from qtkit.journal import compare
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.model.events import PlannedTask
from qtkit.stages.catch_up_oracle import expected_fate
from qtkit.stages.check import check
from qtkit.stages.phrases import (
    at_exchange,
    compare_command,
    counted,
    not_yet,
    show_command,
    shown,
    so_far,
)
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


@check("3.1", "The schedule is reproducible", needs={Capability.SCHEDULE}, scenarios=True)
def the_schedule_is_reproducible(evidence: Evidence) -> Verdict:
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
    if wrong:
        one, other = (evidence.runs[name] for name in wrong[0][:2])
        return fail(
            shown(sentence for _, _, sentence in wrong),
            fix=f"hold the two together: {compare_command(one, other)}",
        )
    built_in_all = sum(map(len, compared.values()))
    return ok(
        f"{built_in_all} schedules of {counted(len(compared), 'date')}, one digest for each date "
        "and configuration, however late the start"
    )


def _parted(
    day: object, found: Sequence[tuple[str, ev.ScheduleBuilt]]
) -> Iterator[tuple[str, str, str]]:
    """Yield two runs whose schedules differ, with a sentence."""
    (first, one), *others = found
    for name, other in others:
        if other.digest != one.digest or not one.digest:
            digests = f"{one.digest[:8] or 'no digest'} in {first}, {other.digest[:8]} in {name}"
            yield first, name, f"{day}: {digests}"
        elif other.tasks != one.tasks:
            yield first, name, f"{day}: {first} and {name} have one digest for different rows"


@check("3.2", "A re-run is the same", needs={Capability.JOURNAL}, scenarios=True)
def a_rerun_gives_the_same_journal(evidence: Evidence) -> Verdict:
    """A re-run of the recorded inputs gives the same journal, else the first difference shows."""
    pairs = [
        (name, run.scenario.replays)
        for name, run in evidence.runs.items()
        if run.scenario is not None and run.scenario.replays in evidence.runs
    ]
    if not pairs:
        return pending("no recorded inputs were fed in again", fix="run the scenario `rerun`")
    told = []
    for name, replayed in pairs:
        first, again = evidence.runs[replayed], evidence.runs[name]
        found = compare(first.merged(), again.merged())
        if not found.equal:
            return fail(
                f"{replayed} and {name} differ: {found}",
                fix=f"{compare_command(first, again)}; look for hidden clocks, chance and sets",
                lines=[e.seq for e in (found.left, found.right) if e],
            )
        if not found.same:
            return pending("the re-run is empty", fix="run the scenario `rerun`")
        told.append(f"{found.same} lines of {replayed} came again in {name}, all equal")
    return ok(shown(told))


@check("3.3", "Late starts obey the table", needs={Capability.SCHEDULE}, scenarios=True)
def late_starts_obey_the_table(evidence: Evidence) -> Verdict:
    """After a late start the tasks kept are those of the catch-up table."""
    late = 0
    wrong: list[tuple[str, int, str]] = []
    for name, run in evidence.runs.items():
        for built in run.of(ev.ScheduleBuilt):
            rows = built.event.tasks
            late += bool(rows) and min(r.due for r in rows) < built.event.caught_up_to
            wrong += [(name, line, s) for line, s in _against_the_table(run, built)]
    if wrong:
        runs = sorted({name for name, _, _ in wrong})
        return fail(
            f"{counted(len(wrong), 'row')} in {counted(len(runs), 'run')}: "
            f"{shown(f'{name}: {s}' for name, _, s in wrong)}",
            fix="the catch-up table stands in the checklist, phase 3",
            lines=sorted({line for name, line, _ in wrong if name == runs[0]}),
        )
    if not late:
        return pending("no run started late", fix="run the late starts")
    return ok(f"{late} late starts, each row as the catch-up table says")


def _against_the_table(
    run: Evidence, built: Recorded[ev.ScheduleBuilt]
) -> Iterator[tuple[int, str]]:
    """Yield each row whose fate is not the table's."""
    day, now = built.event.trading_date, built.event.caught_up_to
    segments = run.calendar.segments(day) if day else ()
    when = at_exchange(run, now)
    for row in built.event.tasks:
        story = run.tasks[row.task_id]
        wanted = expected_fate(row, now, segments, closed=False)
        found = _fate_at_start(story, built)
        if not _fits(row, wanted, found, story, now, segments):
            line = story.lines[0] if story.lines else built.seq
            yield line, f"started {when}: {row.task_id} is {found}, the table says {wanted}"


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


@check("3.4", "No decision is late", needs={Capability.SCHEDULE})
def no_decision_is_taken_late(evidence: Evidence) -> Verdict:
    """No decision is taken late or twice: a missed step is skipped as missed, none vanishes."""
    decisions = evidence.of(ev.DecisionTaken)
    steps = [s for s in evidence.tasks.values() if s.task == _STEP]
    judged = [s for s in steps if s.outcomes]
    if not decisions and not judged:
        return not_yet(evidence, "there is no strategy step", fix=_SCHEDULE)
    wrong = [*_bad_decisions(evidence), *(f for s in steps for f in _lost_steps(evidence, s))]
    if wrong:
        lines = sorted({line for line, _ in wrong if line})
        return fail(
            f"{len(wrong)} of {len(steps)} steps: {shown(s for _, s in wrong)}",
            fix=f"a late step must be skipped as missed: {show_command(evidence, lines=lines)}",
            lines=lines,
        )
    skipped = sum(story.skipped is not None for story in steps)
    missed = sum(s.skipped is not None and s.skipped.skip_reason == "missed" for s in steps)
    return ok(
        f"{len(decisions)} of {len(steps)} steps decided in time{so_far(evidence)}, {skipped} "
        f"skipped, {missed} of them as missed"
    )


def _bad_decisions(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield decisions that were late, came twice, had no row, or saw the future."""
    allowed = timedelta(seconds=evidence.number("late_after_seconds"))
    seen: dict[str, int] = {}
    for decision in evidence.of(ev.DecisionTaken):
        event, line = decision.event, decision.seq
        if event.task_id in seen:
            yield line, f"{event.task_id} was decided in line {seen[event.task_id]} already"
        seen[event.task_id] = line
        story = evidence.session.tasks.get(event.task_id)
        row = story.plan[0] if story and story.plan else None
        if story is None or row is None:
            yield line, f"{event.task_id} was decided and is on no schedule"
            continue
        if (row.due, row.step) != (event.due, event.step):
            yield line, f"{event.task_id}: due time or step number differ from the schedule"
        began = story.started.at if story.started and story.attempts == 1 else decision.at
        if began - row.due > allowed:
            yield line, f"{event.task_id} began {(began - row.due).total_seconds():.0f} s late"
        if began < row.due:
            yield line, f"{event.task_id} began before it was due"
        yield from _prices_of_another_time(evidence, decision)


def _prices_of_another_time(
    evidence: Evidence, decision: Recorded[ev.DecisionTaken]
) -> Iterator[tuple[int, str]]:
    """Yield a price that was not known at the decision, or is of another day."""
    for price in decision.event.prices:
        if price.end > decision.at:
            when = at_exchange(evidence, price.end)
            yield decision.seq, f"{price.symbol} was seen with a bar that ends at {when}"
        elif date_of_bar(evidence.calendar, price.end) != decision.event.trading_date:
            yield decision.seq, f"{price.symbol} was seen with a price of another day"


def _lost_steps(evidence: Evidence, story: TaskStory) -> Iterator[tuple[int, str]]:
    """Yield a step that finished undecided, vanished, or was missed without being late."""
    outcome = story.outcome
    if story.fate == "finished" and outcome and story.task_id not in evidence.decided:
        yield outcome.seq, f"{story.task_id} finished and no decision is recorded"
    skip = story.skipped
    if outcome and skip is not None and skip.skip_reason == "missed" and not story.at_start:
        late = (outcome.at - skip.due).total_seconds()
        down = any(d.holds(skip.due) for d in evidence.downtimes)
        if late <= evidence.number("late_after_seconds") and not down:
            yield outcome.seq, f"{story.task_id} was skipped as missed {late:.0f} s after its time"
    if outcome is None and not evidence.running:
        yield story.plan[1] if story.plan else 0, f"{story.task_id} vanished"


@check("3.5", "The calendar is followed", needs={Capability.SCHEDULE})
def the_calendar_is_followed(evidence: Evidence) -> Verdict:
    """Half days, holidays and daylight saving follow the calendar; closed days are quiet."""
    schedules = evidence.of(ev.ScheduleBuilt)
    if not schedules:
        return not_yet(evidence, "there is no schedule", fix=_SCHEDULE)
    wrong = [f for day in evidence.of(ev.DayStarted) for f in _misjudged(evidence, day)]
    wrong += _days_lost(evidence)
    wrong += [f for built in schedules for f in _off_calendar(evidence, built)]
    if wrong:
        return fail(
            f"{len(wrong)} found: {shown(s for _, s in wrong)}",
            fix="hold the schedule against the exchange's published hours",
            lines=sorted({line for line, _ in wrong}),
        )
    open_days = sum(bool(built.event.tasks) for built in schedules)
    rows = sum(len(built.event.tasks) for built in schedules)
    return ok(
        f"{counted(len(schedules), 'schedule')} with {rows} rows follow the calendar: "
        f"{open_days} open days, {len(schedules) - open_days} closed",
        lines=[built.seq for built in schedules[:20]],
    )


def _misjudged(evidence: Evidence, day: Recorded[ev.DayStarted]) -> Iterator[tuple[int, str]]:
    on = day.event.trading_date
    if on is None:
        yield day.seq, "a day began without a date"
        return
    if day.event.open is not evidence.calendar.is_session(on):
        yield day.seq, f"{on} counts as {'open' if day.event.open else 'closed'}, it is not"
    if evidence.calendar.local_date(day.at) != on:
        yield day.seq, f"{on} began at {at_exchange(evidence, day.at)}"


def _days_lost(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield dates out of order, and trading dates that the session slept through."""
    days = evidence.session.of(ev.DayStarted)
    for one, two in pairwise(days):
        if not evidence.window.holds(two.seq):
            continue
        before, after = one.event.trading_date, two.event.trading_date
        if before is None or after is None:
            continue
        if after <= before:
            yield two.seq, f"{after} began after {before}"
        elif (lost := evidence.calendar.next_session(before)) < after and not any(
            one.seq < d.line < two.seq for d in evidence.downtimes
        ):
            yield two.seq, f"the trading date {lost} never began"


def _off_calendar(
    evidence: Evidence, built: Recorded[ev.ScheduleBuilt]
) -> Iterator[tuple[int, str]]:
    """Yield how a schedule's rows differ from those worked out from the calendar once more."""
    day = built.event.trading_date
    if day is None:
        yield built.seq, "a schedule without a date"
        return
    segments = evidence.calendar.segments(day)
    found = sorted((r.due, r.task) for r in built.event.tasks if r.task in _MARKET)
    wanted = sorted(_market_rows(evidence, segments)) if segments else []
    for due, task in sorted(set(found) ^ set(wanted)):
        what = "has no row for" if (due, task) in wanted else "has a row too many:"
        yield built.seq, f"{day} {what} {task} at {at_exchange(evidence, due)}"
    if len(found) != len(set(found)):
        yield built.seq, f"{day} has market rows twice"
    if segments:
        yield from _housekeeping(built, segments)
    steps = [r.step for r in sorted(built.event.tasks, key=lambda r: r.due) if r.task == _STEP]
    if steps != list(range(len(steps))):
        yield built.seq, f"the steps of {day} are not numbered 0 to {len(steps) - 1}"


def _market_rows(evidence: Evidence, segments: Sequence[Segment]) -> Iterator[tuple[datetime, str]]:
    """Yield (due, task) of every market task of a day, from hours and settings alone."""
    step = timedelta(minutes=evidence.number("step_minutes"))
    poll = timedelta(minutes=evidence.number("price_poll_minutes"))
    offset = timedelta(minutes=evidence.number("close_offset_minutes"))
    close = segments[-1].end
    for segment in segments:
        yield segment.start, "open_market"
        yield segment.end, "close_market"
        length = segment.end - segment.start
        for number in range(1, length // poll + 1):
            yield segment.start + number * poll, "acquire_live_price"
        ends = {segment.start + number * step for number in range(1, length // step + 1)}
        ends = ends or {segment.end}  # half a day can be shorter than a step
        for end in {min(end, close - offset) for end in ends}:
            yield end, _STEP


def _housekeeping(
    built: Recorded[ev.ScheduleBuilt], segments: Sequence[Segment]
) -> Iterator[tuple[int, str]]:
    """Yield housekeeping that is missing, or stands inside trading."""
    rows = {r.task: r.due for r in built.event.tasks}
    for task in ("pre_open", "post_close"):
        number = sum(r.task == task for r in built.event.tasks)
        if number != 1:
            yield built.seq, f"{task} stands {number} times in the schedule"
    if "pre_open" in rows and rows["pre_open"] > segments[0].start:
        yield built.seq, "pre_open comes after the open"
    for task in ("post_close", "refill"):
        if task in rows and rows[task] < segments[-1].end:
            yield built.seq, f"{task} comes before the close"


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
