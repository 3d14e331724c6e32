"""Phase 2: task scheduling and skip."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from qtkit.core.facts import Finding, budget, count, counts, finding, ratio, seconds, table
from qtkit.core.verdict import Status
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.model.engine import TaskRole
from qtkit.stages.check import Outcome, check, judged, looked_at
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import (
    FAILING_STRATEGY,
    REFERENCE,
    SLOW_FEED,
    SLOW_STRATEGY,
    UNBOOKABLE_FILL,
)
from qtkit.stages.skip_counts import by_task_and_reason, skip_counts, tasks_in_session
from qtkit.stages.stage import Stage
from qtkit.stages.task_overlap import OVERLAPS, at_work, hidden_overruns, overlaps

__all__ = ["phase_2"]


_POLL, _STEP = TaskRole.POLL, TaskRole.STEP
_OVERRUN = frozenset({"prev_running", "already_queued"})
_RAN = (ev.TaskFinished, ev.TaskFailed)  # a union would be made anew with every look
_NEAR = 5  # polls that may be at work when one step comes due
_STATES = TaskRole.CLOSE  # its effect is a state: none is lost by not replaying it
_SCHEDULE = "wait until the day's schedule is built"


@check(
    "2.1", "All tasks accounted for", needs={Capability.SCHEDULE},
    facts=(
        *counts("scheduled by_hand accounted finished skipped failed cancelled"),
        budget("max_wait_seconds"),
    ),
    holds="{scheduled:task} scheduled{by_hand:? and # asked for by hand}, {accounted} accounted "
    "for{so_far}: {finished} finished, {skipped} skipped, {failed} failed, {cancelled} cancelled",
    fails="{found:task} of {scheduled} that do not add up: {findings}",
    finds={
        "schedules": "{day} has {number} schedules",
        "ids_twice": "{number} task ids stand in a schedule twice",
        "outcomes": "{task} has {number} outcomes",
        "step_left_out": "{task} is {fate} and was never {missing}",
        "wrong_order": "{task} was queued, started and {fate} in the wrong order",
        "before_its_schedule": "{task} came out before it was scheduled",
        "other_task": "{task} is a {planned} and came out as {outcome}",
        "unplanned": "{task} is on no schedule, and nobody asked for it",
        "no_outcome": "{task} has no outcome",
        "vanished": "{task} was due at {due} and vanished",
    },
    fix="read {entries}",
)  # fmt: skip
def all_tasks_are_accounted_for(evidence: Evidence) -> Outcome:
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
    fates = Counter(story.fate for story in stories.values())
    return judged(
        wrong, status=Status.PENDING if fates[""] else Status.PASS,
        fix="judge again after the day's last task" if fates[""] and not wrong else "",
        proof=[story.line for story in stories.values()], scheduled=scheduled,
        by_hand=len(stories) - scheduled, accounted=len(stories) - fates[""],
        finished=fates["finished"], skipped=fates["skipped"], failed=fates["failed"],
        cancelled=fates["cancelled"],
    )  # fmt: skip


def _twice_scheduled(evidence: Evidence) -> Iterator[Finding]:
    schedules = evidence.of(ev.ScheduleBuilt)
    days = Counter(built.event.trading_date for built in schedules)
    for built in schedules:
        day = built.event.trading_date
        if days[day] > 1:
            yield finding("schedules", built.seq, day=day, number=days[day])
        ids = [task.task_id for task in built.event.tasks]
        if len(set(ids)) < len(ids):
            yield finding("ids_twice", built.seq, number=len(ids) - len(set(ids)))


def _story_faults(evidence: Evidence, story: TaskStory) -> Iterator[Finding]:
    """Yield what is wrong with the order of things in one task's story."""
    name, outcomes, fate = story.task_id, story.outcomes, story.fate
    line = outcomes[-1].seq if outcomes else 0
    if len(outcomes) > 1:
        yield finding("outcomes", line, task=name, number=len(outcomes))
    if outcomes and isinstance(outcomes[0].event, _RAN):
        if story.queued is None or story.started is None:
            missing = "queued" if story.queued is None else "started"
            yield finding("step_left_out", line, task=name, fate=fate, missing=missing)
        elif not story.queued.seq < story.started.seq < outcomes[0].seq:
            yield finding("wrong_order", line, task=name, fate=fate)
    if outcomes and story.plan is not None and story.plan[1] > outcomes[0].seq:
        yield finding("before_its_schedule", line, task=name)
    first = outcomes[0].event if outcomes else None
    if first is not None and first.task != story.task:
        yield finding("other_task", line, task=name, planned=story.task, outcome=first.task)
    if story.plan is None and not _asked_for(evidence, story):
        yield finding("unplanned", line, task=name)


def _asked_for(evidence: Evidence, story: TaskStory) -> bool:
    """Whether the task says what caused it, or an operator named it in a command before it."""
    if story.queued is not None and story.queued.event.cause:
        return True
    line = min(story.lines, default=0)
    return any(
        command.seq < line
        and not {story.task, story.task_id}.isdisjoint(map(str, command.event.arguments.values()))
        for command in evidence.session.of(ev.CommandReceived)
    )


def _unaccounted(evidence: Evidence) -> Iterator[Finding]:
    """Yield each task without an outcome that should have one by now."""
    until = evidence.until
    grace = timedelta(seconds=evidence.number("max_wait_seconds"))
    for story in evidence.tasks.values():
        if story.outcomes:
            continue
        line = story.plan[1] if story.plan else min(story.lines, default=0)
        if not evidence.running:
            yield finding("no_outcome", line, task=story.task_id)
        elif story.queued is None and story.due and until and story.due + grace < until:
            yield finding("vanished", line, task=story.task_id, due=story.due)


@check(
    "2.2", "Each skip says why", needs={Capability.SCHEDULE},
    facts=(count("tasks"), count("skips"), table("reasons")),
    holds="each of the {skips} skips names a known reason ({reasons}){so_far}",
    cases={"none": "none of {tasks:task} was skipped"},
    fails="{found:fault} in {skips:skip}: {findings}",
    finds={
        "no_task": "{task} does not name its task",
        "unknown_reason": "{task}: {reason} is not in the glossary",
        "no_sentence": "{task}: {detail!r} is no sentence",
        "other_row": "{task}: task, due time or step differ from its row of the schedule",
    },
    fix="the glossary is the engine's own, in the journal's first line: name the reason there",
)  # fmt: skip
def each_skip_says_why(evidence: Evidence) -> Outcome:
    """Each skip carries task, due time, a reason of the glossary, and a sentence."""
    skips, tasks = evidence.of(ev.TaskSkipped), evidence.tasks
    if not skips:
        if tasks and not evidence.running:
            return judged(case="none", tasks=tasks, skips=0)
        return not_yet(evidence, "there is no skipped task", fix=_SCHEDULE)
    reasons = Counter(s.event.skip_reason for s in skips)
    return judged(
        (fault for s in skips for fault in _skip_faults(evidence, s)), proof=skips, tasks=tasks,
        skips=skips, reasons=dict(sorted(reasons.items())),
    )  # fmt: skip


def _skip_faults(evidence: Evidence, skipped: Recorded[ev.TaskSkipped]) -> Iterator[Finding]:
    skip, line = skipped.event, skipped.seq
    name = skip.task_id or "a task without id"
    if not skip.task_id or not skip.task:
        yield finding("no_task", line, task=name)
    if not evidence.engine.explains(skip.skip_reason):
        yield finding("unknown_reason", line, task=name, reason=skip.skip_reason)
    if len(skip.detail.split()) < 2:  # noqa: PLR2004 - one word is no sentence
        yield finding("no_sentence", line, task=name, detail=skip.detail)
    story = evidence.session.tasks.get(skip.task_id)
    row = story.plan[0] if story and story.plan else None
    if row is not None and (row.task, row.due, row.step) != (skip.task, skip.due, skip.step):
        yield finding("other_row", line, task=name)


@check(
    "2.3", "Nothing overlaps itself", needs={Capability.SCHEDULE, Capability.POLLS},
    facts=counts("polls steps overruns"),
    holds="{polls} polls and {steps} steps one after the other{so_far}; {overruns} overruns, each "
    "skipped and named",
    finds=OVERLAPS,
    fix="a bug in the engine's re-entry rule: report it with the session folder",
)  # fmt: skip
def nothing_overlaps_itself(evidence: Evidence) -> Outcome:
    """Price polls never overlap each other, nor strategy steps; an overrun shows as a skip."""
    polls, steps = (at_work(evidence, kind) for kind in (_POLL, _STEP))
    wrong = [f for kind in (_POLL, _STEP) for f in overlaps(evidence, kind)]
    for kind, stories in ((_POLL, polls), (_STEP, steps)):
        wrong += hidden_overruns(evidence, kind, stories)
    if not wrong and not (polls and steps):
        return not_yet(evidence, "there is no price poll with a strategy step", fix=_SCHEDULE)
    overruns = sum(s.event.skip_reason in _OVERRUN for s in evidence.of(ev.TaskSkipped))
    starts = [story.started for story in (*polls, *steps)]
    return judged(wrong, proof=starts, polls=polls, steps=steps, overruns=overruns)


@check(
    "2.4", "A slow poll delays no step", needs={Capability.SCHEDULE, Capability.POLLS},
    applies_to=(REFERENCE.name, SLOW_FEED.name),
    facts=(
        count("steps"),
        seconds("latest_step"),
        seconds("slowest_poll"),
        budget("price_poll_delay_budget_seconds"),
    ),
    holds="{steps:step}, the latest {latest_step} after its time{so_far}; the slowest poll took "
    "{slowest_poll}",
    waits="the feed was to be slow, and its slowest poll took {slowest_poll}",
    fails="{found:step} delayed beyond {price_poll_delay_budget_seconds}, the slowest poll took "
    "{slowest_poll}: {findings}",
    finds={"delayed": "{task} came {late:.1f} s late while a poll was at work"},
    fix="polls must run in a worker, and steps wait for them no longer than the budget",
)  # fmt: skip
def a_slow_poll_delays_no_step(evidence: Evidence) -> Outcome:
    """A slow price poll delays no strategy step beyond budget."""
    allowed = evidence.number("price_poll_delay_budget_seconds")
    polls = [(s.started.at, _worked_until(evidence, s))
             for s in at_work(evidence, _POLL) if s.started]  # fmt: skip
    steps = [s for s in evidence.tasks_in(_STEP) if not s.at_start]
    came = [(s, *when) for s in steps if (when := _came_to(s)) is not None]
    if not polls or not came:
        return not_yet(evidence, "there is no price poll with a strategy step", fix=_SCHEDULE)
    longest = max(((end - began).total_seconds() for began, end in polls if end), default=0.0)
    slow_feed = evidence.scenario is not None and evidence.scenario.name == SLOW_FEED.name
    return judged(
        _delayed(came, polls, allowed),
        status=Status.PENDING if slow_feed and longest <= allowed else Status.PASS,
        proof=[line for _, line, _ in came], steps=came,
        latest_step=max(delay for *_, delay in came), slowest_poll=longest,
    )  # fmt: skip


def _delayed(
    came: Sequence[tuple[TaskStory, int, float]],
    polls: Sequence[tuple[datetime, datetime | None]],
    allowed: float,
) -> Iterator[Finding]:
    """Yield each step that came too late, and met a poll at work meanwhile."""
    place = 0
    for story, line, delay in sorted(came, key=itemgetter(1)):
        due = story.due
        if due is None or delay <= allowed:
            continue
        until = due + timedelta(seconds=delay)
        while place < len(polls) and (end := polls[place][1]) is not None and end <= due:
            place += 1
        near = polls[place : place + _NEAR]
        if any(began < until and (end is None or end > due) for began, end in near):
            yield finding("delayed", line, task=story.task_id, late=delay)


def _worked_until(evidence: Evidence, story: TaskStory) -> datetime | None:
    """Return when a task stopped working: at its outcome, or in the crash that took it away."""
    begun = story.started.seq if story.started else 0
    done = story.outcome
    if not evidence.downtimes:
        return done.at if done else None
    crashes = (d for d in evidence.downtimes if begun < d.line and not (done and done.seq < d.line))
    return next((crash.since for crash in crashes), done.at if done else None)


def _came_to(story: TaskStory) -> tuple[int, float] | None:
    """Return when the engine came to a step: (line, seconds after its due time)."""
    entry = story.started
    if entry is None and story.skipped is not None and story.skipped.skip_reason == "missed":
        entry = story.outcome
    if entry is None or story.due is None:
        return None
    return entry.seq, (entry.at - story.due).total_seconds()


@check(
    "2.5", "Failures are listed", needs={Capability.SCHEDULE, Capability.ERRORS},
    applies_to=(REFERENCE.name, FAILING_STRATEGY.name, UNBOOKABLE_FILL.name),
    facts=counts("failing tasks dead_letters unmatched"),
    holds="{failing:task} of {tasks} failed{so_far}: {dead_letters} dead letters after their "
    "retries; {unmatched} unbookable fills listed",
    finds={
        "attempt": "{task}: failure {number} says attempt {attempt}",
        "no_error": "{task}: the failure says nothing of its error",
        "given_up": "{task} was given up after {number} of {allowed} attempts",
        "no_dead_letter": "{task} failed {number} times and is no dead letter",
        "loop_died": "the loop did not live on after {task}",
        "never_retried": "{task} failed and was never tried again",
        "dropped": "fill {fill} was told by the broker and dropped",
        "none_raised": "decisions were to raise, and no dead letter is listed",
        "none_unmatched": "the broker told a fill without an order, and none is listed as "
        "unmatched",
    },
    fix="compare with the setting `retries`; a fill that cannot be booked is FillUnmatched",
)  # fmt: skip
def failures_are_listed(evidence: Evidence) -> Outcome:
    """A failing task is retried as configured, then a dead letter; no fill is ever dropped."""
    failing = [story for story in evidence.tasks.values() if story.failures]
    wrong = [f for story in failing for f in _retry_faults(evidence, story)]
    wrong += [finding("dropped", fill=fill) for fill in _dropped(evidence)]
    wrong += _not_as_asked(evidence, failing)
    unmatched = evidence.of(ev.FillUnmatched)
    nothing = not (wrong or failing or unmatched)
    if nothing and (evidence.running or not evidence.tasks):
        return not_yet(evidence, "there is no failed task", fix=_SCHEDULE)
    failures = [e for story in failing for e in story.failures]
    return judged(
        wrong, proof=[*failures, *unmatched] or looked_at(evidence, len(evidence.tasks)),
        failing=failing, tasks=evidence.tasks,
        dead_letters=sum(story.fate == "failed" for story in failing), unmatched=unmatched,
    )  # fmt: skip


def _retry_faults(evidence: Evidence, story: TaskStory) -> Iterator[Finding]:
    """Yield how a task's attempts differ from what is configured."""
    name, last = story.task_id, story.failures[-1]
    allowed = 1 + int(evidence.setting("retries", last.seq).get(story.task, 0))
    for number, entry in enumerate(story.failures, 1):
        event, line = entry.event, entry.seq
        if event.attempt != number:
            yield finding("attempt", line, task=name, number=number, attempt=event.attempt)
        if not event.error:
            yield finding("no_error", line, task=name)
        if event.dead_letter and number < allowed and not evidence.downtimes:
            yield finding("given_up", line, task=name, number=number, allowed=allowed)
        if not event.dead_letter and number >= allowed:
            yield finding("no_dead_letter", line, task=name, number=number)
    newest = evidence.whole.last
    if newest is not None and newest.seq == last.seq and not evidence.running:
        yield finding("loop_died", last.seq, task=name)
    if not story.outcomes and not evidence.running:
        yield finding("never_retried", last.seq, task=name)


def _dropped(evidence: Evidence) -> list[str]:
    """Return the fills that the broker told and nobody booked or listed; told of the last day."""
    if not evidence.window.ends_the_session:
        return []
    told = set(evidence.facts.delivered_fills or ()) | _told_long_ago(evidence)
    kinds = (ev.OrderFilled, ev.FillUnmatched, ev.FillRepeated)
    known = {entry.event.fill_id for entry in evidence.session.merged(*kinds)}
    return sorted(told - known)


def _told_long_ago(evidence: Evidence) -> set[str]:
    """Return the fills that the journal reports; while it goes on, not those of right now."""
    session = evidence.session
    until, grace = session.until, timedelta(seconds=evidence.number("max_wait_seconds"))
    return {
        fill.fill_id
        for entry in session.of(ev.FillsReported)
        if session.ended or until is None or until - entry.at > grace
        for fill in entry.event.fills
    }


def _not_as_asked(evidence: Evidence, failing: list[TaskStory]) -> Iterator[Finding]:
    """Yield what a scenario was to provoke, and the journal does not list."""
    scenario = evidence.scenario.name if evidence.scenario else ""
    if scenario == FAILING_STRATEGY.name and not any(s.fate == "failed" for s in failing):
        yield finding("none_raised")
    if scenario == UNBOOKABLE_FILL.name and not evidence.of(ev.FillUnmatched):
        yield finding("none_unmatched")


@check(
    "2.6", "The share of skipped tasks", needs={Capability.SCHEDULE}, applies_to=(REFERENCE.name,),
    facts=(
        *counts("skipped tasks"),
        ratio("share", tolerance=0.02),
        table("by_task", "skips"),
        budget("skip_share_limit", ""),
    ),
    holds="{skipped} of {tasks} tasks skipped ({share}, allowed {skip_share_limit:.0%}){so_far}; "
    "by task and reason: {by_task}",
    fails="above {skip_share_limit:.0%}: {findings}. By task and reason: {by_task}",
    finds={"above": "{task} {skipped} of {scheduled} ({share:.1%})"},
    fix="look each reason up in the glossary: it says what to do",
)  # fmt: skip
def the_share_of_skips_is_small(evidence: Evidence) -> Outcome:
    """The share of skipped tasks, by kind and reason, is within limits."""
    limit = evidence.number("skip_share_limit")
    stories = tasks_in_session(evidence)
    if not stories:
        return not_yet(evidence, "there is no task of its own", fix=_SCHEDULE)
    counted_skips = skip_counts(stories)
    scheduled = Counter(story.task for story in stories)
    skipped: Counter[str] = Counter()
    for (task, _), number in counted_skips.items():
        skipped[task] += 0 if evidence.engine.role_of(task) is _STATES else number
    wrong = [
        finding("above", task=task, skipped=number, scheduled=scheduled[task],
                share=number / scheduled[task])
        for task, number in sorted(skipped.items())
        if number > limit * scheduled[task]
    ]  # fmt: skip
    lines = [s.outcome.seq for s in stories if s.skipped is not None and s.outcome]
    total = skipped.total()
    return judged(
        wrong, status=Status.PENDING if evidence.running else Status.PASS,
        proof=lines or looked_at(evidence, len(stories)), lines=lines, skipped=total, tasks=stories,
        share=total / len(stories), by_task=by_task_and_reason(counted_skips),
    )  # fmt: skip


phase_2 = Stage(
    id="2",
    title="task scheduling and skip",
    verifies=(
        "Asynchronous price polls and strategy steps have clear boundaries, and every skip says "
        "why."
    ),
    operate="Watch `acquire_live_price` and `run_strategy` in the task list for a few steps.",
    headless=(
        "The reference day; a slow feed; a failing strategy; a slow strategy; a fill that cannot "
        "be booked."
    ),
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
