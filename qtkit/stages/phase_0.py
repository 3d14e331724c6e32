"""Phase 0: baseline, state machine, observability."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter

from qtkit.core.calendars import Segment
from qtkit.core.facts import Finding, budget, counts, finding, seconds, table
from qtkit.core.verdict import Status, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded, ends_on_a_line
from qtkit.evidence.status_spans import Span, spans_of, status_at
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.model.engine import StatusRole
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.log_checks import log_tells_the_same_story
from qtkit.stages.phrases import not_on_this_day, not_yet
from qtkit.stages.scenarios import REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_0"]


_PULSE_SECONDS = 60.0
_TIME: Callable[[Recorded[ev.Event]], datetime] = attrgetter("at")
_GAP: Callable[[Recorded[ev.LoopPulsed]], Decimal] = attrgetter("event.largest_gap_seconds")


@check(
    "0.1", "The startup story", needs={Capability.STATES, Capability.SCHEDULE},
    facts=(table("chapters", "journal line"),),
    holds="the startup story stands in the journal, by line: {chapters}",
    fails="{findings}",
    finds={
        "missing": "the session ended and its story has no {chapter}",
        "turned": "{chapter} (line {line}) came before {before} (line {later})",
        "other_beginning": "the journal begins with something else than {chapter}",
    },
    fix="read sys.log and {entries}: the last thing told is where it broke",
)  # fmt: skip
def startup_story_is_complete(evidence: Evidence) -> Outcome:
    """The startup story is complete and in order: started, sleeping, schedule, first task done."""
    elsewhere = not_on_this_day(evidence, begins=True)
    if elsewhere is not None:
        return elsewhere
    evidence = evidence.session  # begun late in a day, it has its first task on the next
    story = dict(_startup(evidence))
    chapters = {what: line for what, line in story.items() if line is not None}
    lines = list(chapters.values())
    missing = [what for what in story if what not in chapters]
    if missing and (evidence.running or not lines or _nothing_came_due(evidence)):
        return pending(f"the story has no {missing[0]} yet", fix="wait for the first task")
    wrong = [finding("missing", chapter=what) for what in missing] or list(_turned(chapters))
    return judged(wrong, proof=lines, lines=lines, chapters=chapters)


def _startup(evidence: Evidence) -> Iterator[tuple[str, int | None]]:
    """Yield the chapters of the story with their lines."""
    begun = [
        e
        for e in evidence.of(ev.StatusChanged)
        if evidence.engine.in_role(e.event.before, StatusRole.ENDS)
        and evidence.engine.in_role(e.event.after, StatusRole.WAITS)
    ]
    queued = evidence.first(ev.TaskQueued)
    done = next(
        (e for e in evidence.of(ev.TaskFinished) if _was_queued(evidence, e.event.task_id, e.seq)),
        None,
    )
    built = evidence.first(ev.ScheduleBuilt)
    yield "session started", evidence.started.seq if evidence.started else None
    yield "status stopped to sleeping", begun[0].seq if begun else None
    yield "schedule built", built.seq if built else None
    yield "first task queued", queued.seq if queued else None
    yield "first task done", done.seq if done else None


def _was_queued(evidence: Evidence, task_id: str, line: int) -> bool:
    story = evidence.tasks.get(task_id)
    return story is not None and story.queued is not None and story.queued.seq < line


def _turned(chapters: Mapping[str, int]) -> Iterator[Finding]:
    """Yield neighbouring chapters that stand in the wrong order."""
    for (what, line), (then, later) in pairwise(chapters.items()):
        if later < line:
            yield finding("turned", later, chapter=then, line=later, before=what, later=line)
    first = next(iter(chapters))
    if chapters[first] != 1:
        yield finding("other_beginning", 1, chapter=first)


def _nothing_came_due(evidence: Evidence) -> bool:
    """Whether the session ended before the first task of its schedule."""
    dues = [task.due for built in evidence.of(ev.ScheduleBuilt) for task in built.event.tasks]
    until = evidence.until
    return bool(evidence.of(ev.ScheduleBuilt)) and (
        not dues or (until is not None and min(dues) > until)
    )


@check(
    "0.2", "The transition table", needs={Capability.STATES}, facts=counts("changes"),
    holds="all {changes:status change} are rows of the table",
    fails="{found} of {changes} status changes: {findings}",
    finds={
        "other_status": "{before} to {after} because of {because}, but the status was "
        "{status}",
        "no_row": "{before} to {after} because of {because} is no row of the table",
    },
    fix="a bug in the engine: report it with the session folder",
)  # fmt: skip
def status_moves_by_the_table(evidence: Evidence) -> Outcome:
    """Every status change is a row of the transition table, and begins where the last one ended."""
    changes = evidence.of(ev.StatusChanged)
    if not changes:
        return not_yet(evidence, "there is no status change", fix="start the session")
    return judged(_off_the_table(evidence, changes), proof=changes, changes=changes)


def _off_the_table(
    evidence: Evidence, changes: Sequence[Recorded[ev.StatusChanged]]
) -> Iterator[Finding]:
    """Yield each move that no row of the table allows."""
    status = status_at(evidence, changes[0].seq - 1)
    table = {(move.before, move.because, move.after) for move in evidence.engine.moves}
    for change in changes:
        event, line = change.event, change.seq
        move = {"before": event.before, "after": event.after, "because": event.because}
        if event.before != status:
            yield finding("other_status", line, **move, status=status)
        elif (event.before, event.because, event.after) not in table:
            yield finding("no_row", line, **move)
        status = event.after


@check(
    "0.3", "Status and calendar", needs={Capability.STATES},
    facts=(*counts("changes running sleeping paused"), budget("max_wait_seconds")),
    holds="{changes} status changes agree with the calendar{so_far}: {running} running, {sleeping} "
    "sleeping, {paused} paused",
    fails="{found:disagreement}: {findings}",
    finds={
        "outside_trading": "running at {at}, outside trading",
        "after_the_segment": "running until {until}, after the segment",
        "asleep": "sleeping for {asleep:.0f} s of trading from {since}",
        "other_pause": "paused because of {because}",
        "wrong_resume": "resumed at {at} to {status}, the calendar says {expected}",
        "no_effect": "the command {command} at line {line} had no effect",
        "decided": "decided at {at} while {status}",
    },
    fix="compare with the exchange's hours: {entries}",
)  # fmt: skip
def status_agrees_with_the_calendar(evidence: Evidence) -> Outcome:
    """Status agrees with the calendar: running inside a segment only, sleeping outside."""
    changes = evidence.of(ev.StatusChanged)
    spans = list(spans_of(evidence))
    if not spans:
        return not_yet(evidence, "there is no status change", fix="start the session")
    wrong = [fault for span in spans for fault in _misplaced(evidence, span)]
    wrong += _disobeyed(evidence)
    wrong += [
        finding("decided", d.seq, at=d.at, status=status)
        for d in evidence.of(ev.DecisionTaken)
        if not evidence.engine.in_role(status := status_at(evidence, d.seq), StatusRole.TRADES)
    ]
    stretches = Counter(evidence.engine.statuses.get(span.status) for span in spans)
    return judged(
        wrong, proof=changes, changes=changes, running=stretches[StatusRole.TRADES],
        sleeping=stretches[StatusRole.WAITS], paused=stretches[StatusRole.HELD]
    )  # fmt: skip


def _misplaced(evidence: Evidence, span: Span) -> Iterator[Finding]:
    """Yield what is wrong with one stretch of a status."""
    allowed = timedelta(seconds=evidence.number("max_wait_seconds"))
    segments = _segments_around(evidence, span.since, span.until)
    role = evidence.engine.statuses.get(span.status)
    if role is StatusRole.TRADES:
        home = next((s for s in segments if s.start <= span.since < s.end), None)
        if home is None:
            yield finding("outside_trading", span.line, at=span.since)
        elif span.until > home.end + allowed:
            yield finding("after_the_segment", span.line, until=span.until)
    elif role is StatusRole.WAITS:
        for segment in segments:
            asleep = segment.overlap(span.since, span.until)
            if asleep > allowed.total_seconds():
                since = max(span.since, segment.start)
                yield finding("asleep", span.line, asleep=asleep, since=since)
    elif role is StatusRole.HELD:
        yield from _mispaused(evidence, span, segments)


def _mispaused(evidence: Evidence, span: Span, segments: list[Segment]) -> Iterator[Finding]:
    """Yield what is wrong with a pause: how it began, and where its resume went."""
    hold, release = _pauses(evidence)
    if span.because not in hold:
        yield finding("other_pause", span.line, because=span.because)
    if span.left_by not in release:
        return
    inside = any(s.holds(span.until) for s in segments)
    left = next((c for c in evidence.session.of(ev.StatusChanged) if c.seq > span.line), None)
    wanted = StatusRole.TRADES if inside else StatusRole.WAITS
    if left is not None and not evidence.engine.in_role(left.event.after, wanted):
        after, names = left.event.after, evidence.engine.statuses
        expected = " or ".join(name for name, role in names.items() if role is wanted)
        yield finding("wrong_resume", left.seq, at=span.until, status=after, expected=expected)


def _pauses(evidence: Evidence) -> tuple[frozenset[str], frozenset[str]]:
    """Return why the engine's table lets trading be held back, and why it lets it go on."""
    engine = evidence.engine
    held = [m for m in engine.moves if engine.in_role(m.after, StatusRole.HELD)]
    left = [
        m
        for m in engine.moves
        if engine.in_role(m.before, StatusRole.HELD)
        and not engine.in_role(m.after, StatusRole.ENDS)
    ]
    return frozenset(m.because for m in held), frozenset(m.because for m in left)


def _disobeyed(evidence: Evidence) -> Iterator[Finding]:
    """Yield each pause and resume that was neither carried out nor refused at once."""
    session = evidence.session
    answers = [(c.seq, c.event.because) for c in session.of(ev.StatusChanged)]
    answers += [(r.seq, r.event.command) for r in session.of(ev.CommandRefused)]
    commands = session.of(ev.CommandReceived)
    verbs = frozenset[str]().union(*_pauses(evidence))
    for number, command in enumerate(commands, 1):
        verb = command.event.command
        end = commands[number].seq if number < len(commands) else None
        if verb not in verbs or not evidence.window.holds(command.seq):
            continue
        if end is None and session.running:
            continue
        if not any(
            what == verb and command.seq < line and (end is None or line < end)
            for line, what in answers
        ):
            yield finding("no_effect", command.seq, command=verb, line=command.seq)


def _segments_around(evidence: Evidence, since: datetime, until: datetime) -> list[Segment]:
    """Return the trading segments of every date that a stretch touches."""
    calendar = evidence.calendar
    day, last = calendar.local_date(since), calendar.local_date(until)
    found: list[Segment] = []
    while day <= last:
        found += calendar.segments(day)
        day += timedelta(days=1)
    return found


@check(
    "0.4", "Nothing is stuck", needs={Capability.SCHEDULE, Capability.PULSE},
    facts=(
        *counts("queued waiting"),
        seconds("longest_wait", tolerance=1.0),
        seconds("largest_gap", digits=3, tolerance=1.0),
        budget("max_wait_seconds"),
        budget("first_refill_seconds"),
        budget("pulse_budget_seconds"),
        budget("pulse_seconds", default=_PULSE_SECONDS),
    ),
    holds="all {queued} queued tasks have an outcome{so_far}; the longest wait was {longest_wait}, "
    "the pulse's largest gap {largest_gap}",
    waits="{waiting} of {queued} queued tasks are at work, within budget; the longest wait was "
    "{longest_wait}, the pulse's largest gap {largest_gap}",
    fails="{found} found stuck: {findings}",
    finds={
        "no_outcome": "{task} was queued and has no outcome",
        "waited": "{task} waited {waited:.0f} s, allowed are {allowed:.0f} s",
        "late_pulse": "the loop came {gap:.1f} s late before {at}, allowed {allowed:.0f} s",
        "silence": "no pulse for {silence:.0f} s after {since}",
        "no_pulse": "the session lived {lived:.0f} s without a pulse",
    },
    fix="see what the loop did meanwhile: {entries}",
)  # fmt: skip
def nothing_is_stuck(evidence: Evidence) -> Outcome:
    """Each queued task has an outcome in time, and the loop's pulse has no gap."""
    queued = [story for story in evidence.tasks.values() if story.queued is not None]
    pulses = evidence.of(ev.LoopPulsed)
    largest = max(map(_GAP, pulses), default=Decimal(0))
    if not queued or (not pulses and evidence.running):
        return not_yet(evidence, "there is no queued task with a pulse", fix="wait for pre_open")
    waits = [(_wait(evidence, story), story) for story in queued]
    waiting = sum(story.outcome is None for story in queued)
    return judged(
        [*_stuck(evidence, waits), *_late_pulses(evidence, largest), *_silent(evidence)],
        status=Status.PENDING if waiting else Status.PASS,
        proof=[story.queued for story in queued],
        queued=queued, waiting=waiting, longest_wait=max(wait for wait, _ in waits),
        largest_gap=float(largest),
    )  # fmt: skip


def _wait(evidence: Evidence, story: TaskStory) -> float:
    """Return the seconds from queue to outcome, or until now; downtimes do not count."""
    if story.queued is None:
        return 0.0
    since = story.queued.at
    until = story.outcomes[0].at if story.outcomes else evidence.until or since
    if until == since:
        return 0.0
    down = (d.until - max(d.since, since) for d in evidence.downtimes if since <= d.until <= until)
    return (until - since - sum(down, timedelta())).total_seconds()


def _stuck(evidence: Evidence, waits: list[tuple[float, TaskStory]]) -> Iterator[Finding]:
    """Yield each task that waited too long, or for ever."""
    session = evidence.session.tasks.values()
    first_refill = next((s for s in session if s.task == "refill" and s.queued), None)
    usual, for_the_first_refill = map(evidence.number, ("max_wait_seconds", "first_refill_seconds"))
    for wait, story in waits:
        line = story.queued.seq if story.queued else 0
        allowed = for_the_first_refill if story is first_refill else usual
        if story.outcome is None and not evidence.running:
            yield finding("no_outcome", line, task=story.task_id)
        elif wait > allowed:
            yield finding("waited", line, task=story.task_id, waited=wait, allowed=allowed)


def _late_pulses(evidence: Evidence, largest: Decimal) -> Iterator[Finding]:
    """Yield each pulse that says that the loop came too late."""
    allowed = evidence.number("pulse_budget_seconds")
    if largest <= allowed:
        return  # a journal has a pulse a minute
    for pulse in evidence.of(ev.LoopPulsed):
        gap = pulse.event.largest_gap_seconds
        if gap > allowed:
            yield finding("late_pulse", pulse.seq, gap=gap, at=pulse.at, allowed=allowed)


def _silent(evidence: Evidence) -> Iterator[Finding]:
    """Yield each gap between pulses that is longer than their budget allows."""
    longest = _PULSE_SECONDS + evidence.number("pulse_budget_seconds")
    at_most, window = timedelta(seconds=longest), evidence.window
    pulses = evidence.session.of(ev.LoopPulsed)
    for place, (one, two) in enumerate(pairwise(map(_TIME, pulses)), 1):
        if two - one <= at_most:
            continue
        since, until = window.clipped(one, two)
        if since < until and _traded(evidence, since, until):
            silence = (two - one).total_seconds()
            yield finding("silence", pulses[place].seq, silence=silence, since=one)
    if not evidence.of(ev.LoopPulsed) and window.since and window.until:
        lived = (window.until - window.since).total_seconds()
        if lived > longest:
            yield finding("no_pulse", window.first, lived=lived)


def _traded(evidence: Evidence, since: datetime, until: datetime) -> bool:
    """Whether the exchange was open for a while between two pulses, and nothing was down."""
    if any(d.since <= until and since <= d.until for d in evidence.downtimes):
        return False
    return any(s.overlap(since, until) > 0 for s in _segments_around(evidence, since, until))


@check(
    "0.5", "The journal is whole", needs={Capability.JOURNAL}, facts=counts("entries returns"),
    holds="{entries} lines without holes, times in order, {returns:return} after a crash",
    fails="{findings}",
    finds={
        "corrupt": "{reason}",
        "empty": "the journal has no line",
        "sequence": "{fault}",
        "second_session": "a second session begins in line {line}",
        "lost_lines": "the return in line {line} found {entries} lines before it",
        "half_a_line": "the file ends in half a line",
    },
    fix="see runbooks/journal-corrupt.md",
)  # fmt: skip
def journal_is_whole(evidence: Evidence) -> Outcome:
    """The journal is whole: numbers without holes, chain unbroken, times never backwards."""
    whole = evidence.whole
    if not whole.entries and not whole.corrupt and evidence.running:
        return pending("the journal has no line yet", fix="start the session")
    returns = evidence.of(ev.SessionResumed)
    return judged(_odd_lines(evidence), entries=whole.entries, returns=returns)


def _odd_lines(evidence: Evidence) -> Iterator[Finding]:
    """Yield what numbers and chain cannot show: a torn end, a second beginning, lost lines."""
    whole = evidence.whole
    if whole.corrupt:
        yield finding("corrupt", reason=whole.corrupt)
        return
    if not whole.entries:
        yield finding("empty")
    for line, fault in whole.faults:
        yield finding("sequence", line, fault=fault)
    for start in evidence.of(ev.SessionStarted)[1:]:
        yield finding("second_session", start.seq, line=start.seq)
    for back in evidence.of(ev.SessionResumed):
        if back.event.entries != back.seq - 1:
            yield finding("lost_lines", back.seq, line=back.seq, entries=back.event.entries)
    journal = evidence.folder.journal if evidence.folder else None
    there = journal is not None and journal.exists() and not evidence.session.running
    if journal and there and not ends_on_a_line(journal):
        yield finding("half_a_line", whole.entries)


phase_0 = Stage(
    id="0",
    title="baseline, state machine, observability",
    verifies=(
        "The trader starts, moves through its states as the table says, and journal and log can "
        "retell startup, schedule and key tasks."
    ),
    operate="Start a session; watch the status and the first tasks.",
    headless="The reference day on a simulated clock.",
    scenarios=(REFERENCE,),
    checks=(
        startup_story_is_complete,
        status_moves_by_the_table,
        status_agrees_with_the_calendar,
        nothing_is_stuck,
        journal_is_whole,
        log_tells_the_same_story,
    ),
)
