"""Phase 2: task scheduling and skip."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.stages.check import check
from qtkit.stages.phrases import at_exchange, counted, not_yet, show_command, shown, so_far
from qtkit.stages.report import StageReport
from qtkit.stages.scenarios import (
    FAILING_STRATEGY,
    REFERENCE,
    SLOW_FEED,
    SLOW_STRATEGY,
    UNBOOKABLE_FILL,
)
from qtkit.stages.skip_counts import skip_counts, table_in_words, tasks_in_session
from qtkit.stages.sources import Judged
from qtkit.stages.stage import Stage, judge
from qtkit.stages.task_overlap import at_work, hidden_overruns, overlaps

__all__ = ["HEADLESS", "OPERATE", "STAGE", "VERIFIES", "phase_2"]

VERIFIES = (
    "Asynchronous price polls and strategy steps have clear boundaries, and every skip says why."
)
OPERATE = "Watch `acquire_live_price` and `run_strategy` in the task list for a few steps."
HEADLESS = (
    "The reference day; a slow feed; a failing strategy; a slow strategy; a fill that cannot be "
    "booked."
)

_POLL, _STEP = "acquire_live_price", "run_strategy"
_OVERRUN = frozenset({"prev_running", "already_queued"})
_NEAR = 5  # polls that may be at work when one step comes due
_STATES = frozenset({"close_market"})  # its effect is a state: none is lost by not replaying it
_SCHEDULE = "wait until the day's schedule is built"


# --- 2.1 -------------------------------------------------------------------------------------


@check("2.1", "All tasks accounted for", needs={Capability.SCHEDULE})
def all_tasks_are_accounted_for(evidence: Evidence) -> Verdict:
    """Scheduled tasks = finished + skipped + failed + cancelled, each once and in order."""
    stories = evidence.tasks
    if not stories:
        return not_yet(evidence, "there is no scheduled task", fix=_SCHEDULE)
    wrong = [
        *_twice_scheduled(evidence),
        *(f for story in stories.values() for f in _story_faults(evidence, story)),
        *_unaccounted(evidence),
    ]
    scheduled = sum(story.plan is not None for story in stories.values())
    by_hand = len(stories) - scheduled
    fates = Counter(story.fate for story in stories.values())
    told = ", ".join(f"{fates[f]} {f}" for f in ("finished", "skipped", "failed", "cancelled"))
    hand = f" and {by_hand} asked for by hand" if by_hand else ""
    if wrong:
        lines = sorted({line for line, _ in wrong if line})
        return fail(
            f"{len(wrong)} tasks do not add up ({scheduled} scheduled{hand}: {told}): "
            f"{shown(s for _, s in wrong)}",
            fix=f"read {show_command(evidence, lines=lines)}",
            lines=lines,
        )
    accounted = len(stories) - fates[""]
    if fates[""]:
        return pending(
            f"{accounted} of {scheduled} scheduled tasks accounted for so far{hand}: {told}",
            fix="judge again after the day's last task",
        )
    return ok(f"{scheduled} tasks scheduled{hand}, {accounted} accounted for: {told}")


def _twice_scheduled(evidence: Evidence) -> Iterator[tuple[int, str]]:
    days = Counter(built.event.trading_date for built in evidence.of(ev.ScheduleBuilt))
    for built in evidence.of(ev.ScheduleBuilt):
        if days[built.event.trading_date] > 1:
            yield (
                built.seq,
                f"{built.event.trading_date} has {days[built.event.trading_date]} schedules",
            )
        ids = [task.task_id for task in built.event.tasks]
        if len(set(ids)) < len(ids):
            yield built.seq, f"{len(ids) - len(set(ids))} task ids stand in a schedule twice"


def _story_faults(evidence: Evidence, story: TaskStory) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the order of things in one task's story."""
    name, outcomes = story.task_id, story.outcomes
    line = outcomes[-1].seq if outcomes else 0
    if len(outcomes) > 1:
        yield line, f"{name} has {len(outcomes)} outcomes"
    if outcomes and isinstance(outcomes[0].event, ev.TaskFinished | ev.TaskFailed):
        if story.queued is None or story.started is None:
            missing = "queued" if story.queued is None else "started"
            yield line, f"{name} is {story.fate} and was never {missing}"
        elif not story.queued.seq < story.started.seq < outcomes[0].seq:
            yield line, f"{name} was queued, started and {story.fate} in the wrong order"
    if outcomes and story.plan is not None and story.plan[1] > outcomes[0].seq:
        yield line, f"{name} came out before it was scheduled"
    first = outcomes[0].event if outcomes else None
    if first is not None and first.task != story.task:
        yield line, f"{name} is a {story.task} and came out as {first.task}"
    if story.plan is None and not _asked_for(evidence, story):
        yield line, f"{name} is on no schedule, and nobody asked for it"


def _asked_for(evidence: Evidence, story: TaskStory) -> bool:
    """Whether an operator named the task in a command before it."""
    line = min(story.lines, default=0)
    return any(
        command.seq < line
        and not {story.task, story.task_id}.isdisjoint(map(str, command.event.arguments.values()))
        for command in evidence.session.of(ev.CommandReceived)
    )


def _unaccounted(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield each task without an outcome that should have one by now."""
    until = evidence.until
    grace = timedelta(seconds=evidence.number("max_wait_seconds"))
    for story in evidence.tasks.values():
        if story.outcomes:
            continue
        line = story.plan[1] if story.plan else min(story.lines, default=0)
        if not evidence.running:
            yield line, f"{story.task_id} has no outcome"
        elif story.queued is None and story.due and until and story.due + grace < until:
            yield (
                line,
                f"{story.task_id} was due at {at_exchange(evidence, story.due)} and vanished",
            )


# --- 2.2 -------------------------------------------------------------------------------------


@check("2.2", "Each skip says why", needs={Capability.SCHEDULE})
def each_skip_says_why(evidence: Evidence) -> Verdict:
    """Each skip carries task, due time, a reason of the glossary, and a sentence."""
    skips = evidence.of(ev.TaskSkipped)
    if not skips:
        if evidence.tasks and not evidence.running:
            return ok(f"none of {counted(len(evidence.tasks), 'task')} was skipped")
        return not_yet(evidence, "there is no skipped task", fix=_SCHEDULE)
    wrong = [(s.seq, fault) for s in skips for fault in _skip_faults(evidence, s.event)]
    if wrong:
        return fail(
            f"{len(wrong)} faults in {counted(len(skips), 'skip')}: {shown(f for _, f in wrong)}",
            fix="the glossary is `qtkit.model.skip_reasons`: name the reason there or correct it",
            lines=sorted({line for line, _ in wrong}),
        )
    reasons = Counter(s.event.skip_reason for s in skips)
    told = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
    return ok(f"each of the {len(skips)} skips names a known reason ({told}){so_far(evidence)}")


def _skip_faults(evidence: Evidence, skip: ev.TaskSkipped) -> Iterator[str]:
    name, reason = skip.task_id or "a task without id", skip.skip_reason
    if not skip.task_id or not skip.task:
        yield f"{name} does not name its task"
    if reason not in GLOSSARY:
        yield f"{name}: {reason!r} is not in the glossary"
    if len(skip.detail.split()) < 2:  # noqa: PLR2004 - one word is no sentence
        yield f"{name}: {skip.detail!r} is no sentence"
    story = evidence.session.tasks.get(skip.task_id)
    row = story.plan[0] if story and story.plan else None
    if row is not None and (row.task, row.due, row.step) != (skip.task, skip.due, skip.step):
        yield f"{name}: task, due time or step differ from its row of the schedule"


# --- 2.3 -------------------------------------------------------------------------------------


@check("2.3", "Nothing overlaps itself", needs={Capability.SCHEDULE})
def nothing_overlaps_itself(evidence: Evidence) -> Verdict:
    """Price polls never overlap each other, nor strategy steps; an overrun shows as a skip."""
    wrong = [f for kind in (_POLL, _STEP) for f in overlaps(evidence, kind)]
    wrong += [f for kind in (_POLL, _STEP) for f in hidden_overruns(evidence, kind)]
    polls, steps = (at_work(evidence, kind) for kind in (_POLL, _STEP))
    if wrong:
        return fail(
            f"{len(wrong)} found: {shown(s for _, s in wrong)}",
            fix="a bug in the engine's re-entry rule: report it with the session folder",
            lines=sorted({line for line, _ in wrong}),
        )
    if not polls or not steps:
        return not_yet(evidence, "there is no price poll with a strategy step", fix=_SCHEDULE)
    overruns = sum(s.event.skip_reason in _OVERRUN for s in evidence.of(ev.TaskSkipped))
    return ok(
        f"{len(polls)} polls and {len(steps)} steps one after the other{so_far(evidence)}; "
        f"{overruns} overruns, each skipped and named"
    )


# --- 2.4 -------------------------------------------------------------------------------------


@check(
    "2.4",
    "A slow poll delays no step",
    needs={Capability.SCHEDULE},
    applies_to=(REFERENCE.name, SLOW_FEED.name),
)
def a_slow_poll_delays_no_step(evidence: Evidence) -> Verdict:
    """A slow price poll delays no strategy step beyond budget."""
    budget = evidence.number("price_poll_delay_budget_seconds")
    polls = [(s, s.started.at, _worked_until(evidence, s))
             for s in at_work(evidence, _POLL) if s.started]  # fmt: skip
    steps = [s for s in evidence.tasks.values() if s.task == _STEP and not s.at_start]
    came = [(s, when) for s in steps if (when := _came_to(s)) is not None]
    if not polls or not came:
        return not_yet(evidence, "there is no price poll with a strategy step", fix=_SCHEDULE)
    longest = max(((end - began).total_seconds() for _, began, end in polls if end), default=0.0)
    late: list[tuple[int, str]] = []
    place = 0
    for story, (line, delay) in sorted(came, key=lambda row: row[1][0]):
        due = story.due
        if due is None or delay <= budget:
            continue
        until = due + timedelta(seconds=delay)
        while place < len(polls) and (end := polls[place][2]) is not None and end <= due:
            place += 1
        if any(
            began < until and (end is None or end > due)
            for _, began, end in polls[place : place + _NEAR]
        ):
            late.append((line, f"{story.task_id} came {delay:.1f} s late while a poll was at work"))
    if late:
        return fail(
            f"{counted(len(late), 'step')} delayed beyond {budget:.0f} s, the slowest poll took "
            f"{longest:.1f} s: {shown(s for _, s in late)}",
            fix="polls must run in a worker, and steps wait for them no longer than the budget",
            lines=[line for line, _ in late],
        )
    if _was_to_be_slow(evidence) and longest <= budget:
        return pending(f"the feed was to be slow, and its slowest poll took {longest:.1f} s")
    worst = max(delay for _, (_, delay) in came)
    return ok(
        f"{counted(len(came), 'step')}, the latest {worst:.1f} s after its time{so_far(evidence)}; "
        f"the slowest poll took {longest:.1f} s"
    )


def _worked_until(evidence: Evidence, story: TaskStory) -> datetime | None:
    """Return when a task stopped working: at its outcome, or in the crash that took it away."""
    begun = story.started.seq if story.started else 0
    done = story.outcome
    crashes = (d for d in evidence.downtimes if begun < d.line and not (done and done.seq < d.line))
    return next((crash.since for crash in crashes), done.at if done else None)


def _was_to_be_slow(evidence: Evidence) -> bool:
    return evidence.scenario is not None and evidence.scenario.name == SLOW_FEED.name


def _came_to(story: TaskStory) -> tuple[int, float] | None:
    """Return when the engine came to a step: (line, seconds after its due time)."""
    entry = story.started
    if entry is None and story.skipped is not None and story.skipped.skip_reason == "missed":
        entry = story.outcome
    if entry is None or story.due is None:
        return None
    return entry.seq, (entry.at - story.due).total_seconds()


# --- 2.5 -------------------------------------------------------------------------------------


@check(
    "2.5",
    "Failures are listed",
    needs={Capability.SCHEDULE},
    applies_to=(REFERENCE.name, FAILING_STRATEGY.name, UNBOOKABLE_FILL.name),
)
def failures_are_listed(evidence: Evidence) -> Verdict:
    """A failing task is retried as configured, then a dead letter; no fill is ever dropped."""
    failing = [story for story in evidence.tasks.values() if story.failures]
    wrong = [f for story in failing for f in _retry_faults(evidence, story)]
    wrong += [(0, f"fill {f} was told by the broker and dropped") for f in _dropped(evidence)]
    wrong += list(_not_as_asked(evidence, failing))
    if wrong:
        return fail(
            f"{len(wrong)} found: {shown(s for _, s in wrong)}",
            fix="compare with the setting `retries`; a fill that cannot be booked is FillUnmatched",
            lines=sorted({line for line, _ in wrong if line}),
        )
    unmatched = len(evidence.of(ev.FillUnmatched))
    if not failing and not unmatched and (evidence.running or not evidence.tasks):
        return not_yet(evidence, "there is no failed task", fix=_SCHEDULE)
    dead = sum(story.fate == "failed" for story in failing)
    return ok(
        f"{counted(len(failing), 'task')} of {len(evidence.tasks)} failed{so_far(evidence)}: "
        f"{dead} dead letters after their retries; {unmatched} unbookable fills listed",
        lines=[e.seq for story in failing for e in story.failures][:20],
    )


def _retry_faults(evidence: Evidence, story: TaskStory) -> Iterator[tuple[int, str]]:
    """Yield how a task's attempts differ from what is configured."""
    retries = evidence.setting("retries")
    allowed = 1 + int(retries.get(story.task, 0))
    last = story.failures[-1]
    for number, entry in enumerate(story.failures, 1):
        if entry.event.attempt != number:
            yield entry.seq, f"{story.task_id}: failure {number} says attempt {entry.event.attempt}"
        if not entry.event.error:
            yield entry.seq, f"{story.task_id}: the failure says nothing of its error"
        if entry.event.dead_letter and number < allowed and not evidence.downtimes:
            yield entry.seq, f"{story.task_id} was given up after {number} of {allowed} attempts"
        if not entry.event.dead_letter and number >= allowed:
            yield entry.seq, f"{story.task_id} failed {number} times and is no dead letter"
    newest = evidence.whole.last
    if newest is not None and newest.seq == last.seq and not evidence.running:
        yield last.seq, f"the loop did not live on after {story.task_id}"
    if not story.outcomes and not evidence.running:
        yield last.seq, f"{story.task_id} failed and was never tried again"


def _dropped(evidence: Evidence) -> list[str]:
    """Return the fills that the broker told and the journal never did; told of the last day."""
    if not evidence.window.ends_the_session:
        return []
    delivered = evidence.facts.delivered_fills or ()
    kinds = (ev.OrderFilled, ev.FillUnmatched, ev.FillRepeated)
    known = {entry.event.fill_id for entry in evidence.session.merged(*kinds)}
    return sorted(set(delivered) - known)


def _not_as_asked(evidence: Evidence, failing: list[TaskStory]) -> Iterator[tuple[int, str]]:
    """Yield what a scenario was to provoke, and the journal does not list."""
    scenario = evidence.scenario.name if evidence.scenario else ""
    if scenario == FAILING_STRATEGY.name and not any(s.fate == "failed" for s in failing):
        yield 0, "decisions were to raise, and no dead letter is listed"
    if scenario == UNBOOKABLE_FILL.name and not evidence.of(ev.FillUnmatched):
        yield 0, "the broker told a fill without an order, and none is listed as unmatched"


# --- 2.6 -------------------------------------------------------------------------------------


@check(
    "2.6",
    "The share of skipped tasks",
    needs={Capability.SCHEDULE},
    applies_to=(REFERENCE.name,),
)
def the_share_of_skips_is_small(evidence: Evidence) -> Verdict:
    """The share of skipped tasks, by kind and reason, is within limits."""
    limit = evidence.number("skip_share_limit")
    stories = tasks_in_session(evidence)
    if not stories:
        return not_yet(evidence, "there is no task of its own", fix=_SCHEDULE)
    counts = skip_counts(stories)
    scheduled = Counter(story.task for story in stories)
    skipped: Counter[str] = Counter()
    for (task, _), number in counts.items():
        skipped[task] += 0 if task in _STATES else number
    above = [
        f"{task} {skipped[task]} of {scheduled[task]} ({skipped[task] / scheduled[task]:.1%})"
        for task in sorted(skipped)
        if skipped[task] > limit * scheduled[task]
    ]
    table = table_in_words(counts)
    if above:
        lines = [s.outcome.seq for s in stories if s.skipped is not None and s.outcome]
        return fail(
            f"above {limit:.0%}: {shown(above)}. By task and reason: {table}",
            fix="look each reason up in the glossary: it says what to do",
            lines=sorted(lines)[:50],
        )
    total = sum(skipped.values())
    told = (
        f"{total} of {len(stories)} tasks skipped ({total / len(stories):.1%}, allowed {limit:.0%})"
    )
    if evidence.running:
        return pending(f"{told} so far; by task and reason: {table}")
    return ok(f"{told}; by task and reason: {table}")


STAGE = Stage(
    id="2",
    title="task scheduling and skip",
    verifies=VERIFIES,
    operate=OPERATE,
    headless=HEADLESS,
    scenarios=(REFERENCE, SLOW_FEED, FAILING_STRATEGY, SLOW_STRATEGY, UNBOOKABLE_FILL),
    checks=(
        all_tasks_are_accounted_for,
        each_skip_says_why,
        nothing_overlaps_itself,
        a_slow_poll_delays_no_step,
        failures_are_listed,
        the_share_of_skips_is_small,
    ),
)


def phase_2(source: Judged, *, day: date | None = None, root: Path | None = None) -> StageReport:
    """Judge a source by phase 2: task scheduling and skip."""
    return judge(STAGE, source, day=day, root=root)
