"""Phase 0: baseline, state machine, observability."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from qtkit.core.calendars import Segment
from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import ends_on_a_line
from qtkit.evidence.status_spans import Span, spans_of, status_at
from qtkit.evidence.sys_log import Told, journal_story
from qtkit.evidence.tasks import TaskStory
from qtkit.model import events as ev
from qtkit.model.status import STATUS_TABLE
from qtkit.stages.check import check
from qtkit.stages.phrases import (
    at_exchange,
    counted,
    not_on_this_day,
    not_yet,
    show_command,
    shown,
    so_far,
)
from qtkit.stages.scenarios import REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["phase_0"]


_LOST_LOG_LINES = 5  # how many lines of the log a power cut may take with it
_PULSE_SECONDS = 60.0


@check("0.1", "The startup story", needs={Capability.STATES, Capability.SCHEDULE})
def startup_story_is_complete(evidence: Evidence) -> Verdict:
    """The startup story is complete and in order: started, sleeping, schedule, first task done."""
    elsewhere = not_on_this_day(evidence, begins=True)
    if elsewhere is not None:
        return elsewhere
    evidence = evidence.session  # begun late in a day, it has its first task on the next
    story = tuple(_startup(evidence))
    missing = [what for what, line in story if line is None]
    lines = [line for _, line in story if line is not None]
    if missing:
        if evidence.running or not lines or _nothing_came_due(evidence):
            return pending(f"the story has no {missing[0]} yet", fix="wait for the first task")
        return fail(
            f"the session ended and its story has no {shown(missing)}",
            fix="read sys.log from its first line on: the last thing it tells is where it broke",
            lines=lines,
        )
    turned = [f"{b[0]} (line {b[1]}) came before {a[0]} (line {a[1]})" for a, b in _turned(story)]
    if turned or lines[0] != 1:
        wrong = turned or [f"the journal begins with something else than {story[0][0]}"]
        return fail(shown(wrong), fix=f"read {show_command(evidence, lines=lines)}", lines=lines)
    steps = ", ".join(f"{what} {line}" for what, line in story)
    return ok(f"the startup story stands in the journal, by line: {steps}", lines=lines)


def _startup(evidence: Evidence) -> Iterator[tuple[str, int | None]]:
    """Yield the chapters of the story with their lines."""
    begun = [
        e
        for e in evidence.of(ev.StatusChanged)
        if (e.event.before, e.event.after, e.event.because) == ("stopped", "sleeping", "start")
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


def _turned(
    story: tuple[tuple[str, int | None], ...],
) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """Yield neighbouring chapters that stand in the wrong order."""
    for (what, line), (then, later) in pairwise(story):
        if line is not None and later is not None and later < line:
            yield (what, line), (then, later)


def _nothing_came_due(evidence: Evidence) -> bool:
    """Whether the session ended before the first task of its schedule."""
    dues = [task.due for built in evidence.of(ev.ScheduleBuilt) for task in built.event.tasks]
    until = evidence.until
    return bool(evidence.of(ev.ScheduleBuilt)) and (
        not dues or (until is not None and min(dues) > until)
    )


@check("0.2", "The transition table", needs={Capability.STATES})
def status_moves_by_the_table(evidence: Evidence) -> Verdict:
    """Every status change is a row of the transition table, and begins where the last one ended."""
    changes = evidence.of(ev.StatusChanged)
    if not changes:
        return not_yet(evidence, "there is no status change", fix="start the session")
    wrong: list[tuple[int, str]] = []
    status = status_at(evidence, changes[0].seq - 1)
    for change in changes:
        event = change.event
        move = f"line {change.seq}: {event.before} to {event.after} because of {event.because}"
        if event.before != status:
            wrong.append((change.seq, f"{move}, but the status was {status}"))
        elif event.after not in STATUS_TABLE.get((event.before, event.because), frozenset()):
            wrong.append((change.seq, f"{move} is no row of the table"))
        status = event.after
    if wrong:
        return fail(
            f"{len(wrong)} of {len(changes)} status changes: {shown(s for _, s in wrong)}",
            fix="a bug in the engine: report it with the session folder",
            lines=[line for line, _ in wrong],
        )
    return ok(f"all {counted(len(changes), 'status change')} are rows of the table")


@check("0.3", "Status and calendar", needs={Capability.STATES})
def status_agrees_with_the_calendar(evidence: Evidence) -> Verdict:
    """Status agrees with the calendar: running inside a segment only, sleeping outside."""
    changes = evidence.of(ev.StatusChanged)
    spans = list(spans_of(evidence))
    if not spans:
        return not_yet(evidence, "there is no status change", fix="start the session")
    wrong = [found for span in spans for found in _misplaced(evidence, span)]
    wrong += _disobeyed(evidence)
    wrong += [
        (d.seq, f"decided at {at_exchange(evidence, d.at)} while {status}")
        for d in evidence.of(ev.DecisionTaken)
        if (status := status_at(evidence, d.seq)) != "running"
    ]
    if wrong:
        return fail(
            f"{counted(len(wrong), 'disagreement')}: {shown(s for _, s in wrong)}",
            fix=f"compare with the exchange's hours: {show_command(evidence, 'status_changed')}",
            lines=sorted({line for line, _ in wrong}),
        )
    names = ("running", "sleeping", "paused")
    stretches = ", ".join(f"{sum(s.status == n for s in spans)} {n}" for n in names)
    return ok(
        f"{len(changes)} status changes agree with the calendar{so_far(evidence)}: {stretches}",
        lines=[c.seq for c in changes[:20]],
    )


def _misplaced(evidence: Evidence, span: Span) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with one stretch of a status."""
    budget = timedelta(seconds=evidence.number("max_wait_seconds"))
    segments = _segments_around(evidence, span.since, span.until)
    if span.status == "running":
        home = next((s for s in segments if s.start <= span.since < s.end), None)
        if home is None:
            yield span.line, f"running at {at_exchange(evidence, span.since)}, outside trading"
        elif span.until > home.end + budget:
            yield span.line, f"running until {at_exchange(evidence, span.until)}, after the segment"
    elif span.status == "sleeping":
        for segment in segments:
            asleep = segment.overlap(span.since, span.until)
            if asleep > budget.total_seconds():
                when = at_exchange(evidence, max(span.since, segment.start))
                yield span.line, f"sleeping for {asleep:.0f} s of trading from {when}"
    elif span.status == "paused":
        yield from _mispaused(evidence, span, segments)


def _mispaused(
    evidence: Evidence, span: Span, segments: list[Segment]
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a pause: how it began, and where its resume went."""
    if span.because != "pause":
        yield span.line, f"paused because of {span.because}"
    if span.left_by != "resume":
        return
    inside = any(s.holds(span.until) for s in segments)
    left = next((c for c in evidence.session.of(ev.StatusChanged) if c.seq > span.line), None)
    expected = "running" if inside else "sleeping"
    if left is not None and left.event.after != expected:
        when = at_exchange(evidence, span.until)
        yield left.seq, f"resumed at {when} to {left.event.after}, the calendar says {expected}"


def _disobeyed(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield each pause and resume that was neither carried out nor refused at once."""
    session = evidence.session
    answers = [(c.seq, c.event.because) for c in session.of(ev.StatusChanged)]
    answers += [(r.seq, r.event.command) for r in session.of(ev.CommandRefused)]
    commands = session.of(ev.CommandReceived)
    for number, command in enumerate(commands, 1):
        verb = command.event.command
        end = commands[number].seq if number < len(commands) else None
        if verb not in {"pause", "resume"} or not evidence.window.holds(command.seq):
            continue
        if end is None and session.running:
            continue
        if not any(
            what == verb and command.seq < line and (end is None or line < end)
            for line, what in answers
        ):
            yield command.seq, f"the command {verb} at line {command.seq} had no effect"


def _segments_around(evidence: Evidence, since: datetime, until: datetime) -> list[Segment]:
    """Return the trading segments of every date that a stretch touches."""
    calendar = evidence.calendar
    day, last = calendar.local_date(since), calendar.local_date(until)
    found: list[Segment] = []
    while day <= last:
        found += calendar.segments(day)
        day += timedelta(days=1)
    return found


@check("0.4", "Nothing is stuck", needs={Capability.SCHEDULE})
def nothing_is_stuck(evidence: Evidence) -> Verdict:
    """Each queued task has an outcome in time, and the loop's pulse has no gap."""
    queued = [story for story in evidence.tasks.values() if story.queued is not None]
    pulses = evidence.of(ev.LoopPulsed)
    if not queued or (not pulses and evidence.running):
        return not_yet(evidence, "there is no queued task with a pulse", fix="wait for pre_open")
    waits = [(_wait(evidence, story), story) for story in queued]
    stuck = list(_stuck(evidence, waits)) + list(_silent(evidence))
    if stuck:
        lines = sorted({line for line, _ in stuck})
        return fail(
            f"{len(stuck)} found stuck: {shown(s for _, s in stuck)}",
            fix=f"see what the loop did meanwhile: {show_command(evidence, lines=lines)}",
            lines=lines,
        )
    longest = max(wait for wait, _ in waits)
    gap = max((p.event.largest_gap_seconds for p in pulses), default=Decimal(0))
    waiting = sum(story.outcome is None for story in queued)
    told = f"the longest wait was {longest:.1f} s, the pulse's largest gap {gap:.3f} s"
    if waiting:
        return pending(
            f"{waiting} of {len(queued)} queued tasks are at work, within budget; {told}"
        )
    return ok(f"all {len(queued)} queued tasks have an outcome{so_far(evidence)}; {told}")


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


def _stuck(evidence: Evidence, waits: list[tuple[float, TaskStory]]) -> Iterator[tuple[int, str]]:
    """Yield each task that waited too long, or for ever."""
    budget = evidence.number("max_wait_seconds")
    session = evidence.session.tasks.values()
    first_refill = next((s for s in session if s.task == "refill" and s.queued), None)
    for wait, story in waits:
        line = story.queued.seq if story.queued else 0
        allowed = budget
        if story is first_refill:
            allowed = evidence.number("first_refill_seconds")
        if story.outcome is None and not evidence.running:
            yield line, f"{story.task_id} was queued and has no outcome"
        elif wait > allowed:
            yield line, f"{story.task_id} waited {wait:.0f} s, allowed are {allowed:.0f} s"


def _silent(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield each gap of the loop's pulse beyond its budget."""
    budget = evidence.number("pulse_budget_seconds")
    pulses = evidence.of(ev.LoopPulsed)
    for pulse in pulses:
        gap = pulse.event.largest_gap_seconds
        if gap > budget:
            when = at_exchange(evidence, pulse.at)
            yield pulse.seq, f"the loop came {gap:.1f} s late before {when}, allowed {budget:.0f} s"
    longest = timedelta(seconds=_PULSE_SECONDS + budget)
    for one, two in pairwise(evidence.session.of(ev.LoopPulsed)):
        if two.at - one.at <= longest:
            continue
        since, until = evidence.window.clipped(one.at, two.at)
        if since < until and _traded(evidence, since, until):
            between, when = (two.at - one.at).total_seconds(), at_exchange(evidence, one.at)
            yield two.seq, f"no pulse for {between:.0f} s after {when}"
    window = evidence.window
    if not pulses and window.since and window.until:
        lived = (window.until - window.since).total_seconds()
        if lived > _PULSE_SECONDS + budget:
            yield window.first, f"the session lived {lived:.0f} s without a pulse"


def _traded(evidence: Evidence, since: datetime, until: datetime) -> bool:
    """Whether the exchange was open for a while between two pulses, and nothing was down."""
    if any(d.since <= until and since <= d.until for d in evidence.downtimes):
        return False
    return any(s.overlap(since, until) > 0 for s in _segments_around(evidence, since, until))


@check("0.5", "The journal is whole", needs={Capability.JOURNAL})
def journal_is_whole(evidence: Evidence) -> Verdict:
    """The journal is whole: numbers without holes, chain unbroken, times never backwards."""
    whole = evidence.whole
    if whole.corrupt:
        return fail(whole.corrupt, fix="see runbooks/journal-corrupt.md")
    if not whole.entries:
        if evidence.running:
            return pending("the journal has no line yet", fix="start the session")
        return fail("the journal has no line", fix="see runbooks/journal-corrupt.md")
    wrong = [*whole.faults, *_odd_lines(evidence)]
    if wrong:
        return fail(
            f"{counted(len(wrong), 'fault')}: {shown(sentence for _, sentence in wrong)}",
            fix="see runbooks/journal-corrupt.md",
            lines=sorted({line for line, _ in wrong}),
        )
    returns = len(evidence.of(ev.SessionResumed))
    return ok(
        f"{whole.entries} lines without holes, times in order, "
        f"{counted(returns, 'return')} after a crash"
    )


def _odd_lines(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield what numbers and chain cannot show: a torn end, a second beginning, lost lines."""
    for start in evidence.of(ev.SessionStarted)[1:]:
        yield start.seq, f"a second session begins in line {start.seq}"
    for back in evidence.of(ev.SessionResumed):
        if back.event.entries != back.seq - 1:
            yield (
                back.seq,
                f"the return in line {back.seq} found {back.event.entries} lines before it",
            )
    journal = evidence.folder.journal if evidence.folder else None
    if (
        journal
        and journal.exists()
        and not evidence.session.running
        and not ends_on_a_line(journal)
    ):
        yield evidence.whole.entries, "the file ends in half a line"


@check("0.6", "sys.log tells the same story", needs={Capability.SYS_LOG})
def log_tells_the_same_story(evidence: Evidence) -> Verdict:
    """sys.log has one line for the schedule, each status change, queued task and outcome."""
    told = journal_story(evidence)
    total = sum(len(life) for life in told)
    if not total:
        return not_yet(evidence, "there is no schedule and no task", fix="start the session")
    if evidence.log is None:
        return fail("there is no sys.log", fix="look at the folder: disk full, or rights missing?")
    lives = evidence.log.lives
    if len(lives) != len(told):
        return fail(
            f"sys.log tells of {len(lives) - 1} returns after a crash, the journal of "
            f"{len(told) - 1}",
            fix=f"hold {show_command(evidence, 'session_resumed')} against sys.log",
        )
    for number, (journal, log) in enumerate(zip(told, lives, strict=True)):
        cut = evidence.running or number < len(told) - 1
        difference = _first_difference(journal, log, cut=cut)
        if difference is not None:
            sentence, lines = difference
            return fail(sentence, fix="read sys.log around this line", lines=lines)
    return ok(f"sys.log tells the same {total} things in the same order{so_far(evidence)}")


def _first_difference(
    journal: list[Told], log: list[Told], *, cut: bool
) -> tuple[str, list[int]] | None:
    """Return where two tellings part; one that was cut short may lack its last lines."""
    for (line, what), (number, said) in zip(journal, log, strict=False):
        if what != said:
            return f"journal line {line} tells '{what}', sys.log line {number} '{said}'", [line]
    missing, surplus = len(journal) - len(log), len(log) - len(journal)
    if missing > (_LOST_LOG_LINES if cut else 0):
        line, what = journal[len(log)]
        return f"sys.log lacks {missing} lines, the first is '{what}' (journal line {line})", [line]
    if surplus > 0 and not cut:
        number, said = log[len(journal)]
        return f"sys.log line {number} tells '{said}', the journal nothing of it", []
    return None


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
