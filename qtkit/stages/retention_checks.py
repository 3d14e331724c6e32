"""Check 5-C.5: logs stay until an operator removes the expired ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from qtkit.core.errors import DataError
from qtkit.core.paths import SessionFolder, log_parts
from qtkit.core.verdict import Verdict, fail, ok, pending
from qtkit.evidence import Capability, Evidence, RotationSeen
from qtkit.evidence.sys_log import open_text
from qtkit.evidence.trade_log import logged_bookings, removed_logs
from qtkit.model import events as ev
from qtkit.stages.check import check
from qtkit.stages.phase_5_scenarios import RISK_REFUSALS
from qtkit.stages.phrases import counted, not_yet, shown, so_far
from qtkit.stages.scenarios import CUT_AT_ORDER

__all__ = ["logs_are_removed_by_operators_alone", "removed_on"]

_BEGINS = ("session_started", "session_resumed")  # the latter after a very early power cut
_FIX = "restore the log from a backup; nothing but rotatelogs may remove one"


@check(
    "5-C.5",
    "Logs stay",
    needs={Capability.FILES},
    applies_to=(RISK_REFUSALS.name, CUT_AT_ORDER.name),
)
def logs_are_removed_by_operators_alone(evidence: Evidence) -> Verdict:
    """`rotatelogs` removes the expired risk logs and no others; nothing else removes a log."""
    if evidence.started is None or evidence.folder is None:
        return not_yet(evidence, "there is no session with a folder", fix="start one")
    try:
        gone = removed_logs(evidence.folder)
        wrong = [*_gaps(evidence, evidence.folder), *_removals(evidence, evidence.folder, gone)]
    except (DataError, OSError, KeyError) as problem:
        return fail(f"the logs cannot be read: {problem}", fix=_FIX)
    seen = evidence.facts.rotation
    if seen is not None:
        wrong += _rotation_faults(seen)
    if wrong and evidence.session.running:
        return pending(f"the logs are being written: {shown(wrong)}", fix="judge again")
    if wrong:
        return fail(f"{len(wrong)} faults: {shown(wrong)}", fix=_FIX)
    parts = sum(len(log_parts(p)) for p in _logs(evidence.folder))
    told = f"; {counted(len(gone), 'log')} removed by an operator" if gone else ""
    if seen is not None:
        told += (
            f"; of {len(seen.removed) + len(seen.left)} risk logs {len(seen.removed)} expired after"
            f" {seen.days} days, shown first, then removed"
        )
    return ok(f"{counted(parts, 'log file')}{so_far(evidence)}, none with a gap{told}")


def _logs(folder: SessionFolder) -> tuple[Path, ...]:
    return folder.sys_log, folder.trade_log, folder.risk_log


def _gaps(evidence: Evidence, folder: SessionFolder) -> Iterator[str]:
    """Yield what is missing at the beginning or in the middle of the logs."""
    parts = log_parts(folder.sys_log)
    if not parts:
        yield "there is no sys.log"
        return
    with open_text(parts[0]) as file:
        first = file.readline()
    if not any(f"| {verb}" in first for verb in _BEGINS):
        yield f"sys.log does not begin with the session's start: {first.strip()[:60]!r}"
    booked = logged_bookings(folder)
    if booked is None:
        yield "there is no trade.log"
        return
    told = Counter(booked)
    session = evidence.session
    lost = [f.event.fill_id for f in session.of(ev.OrderFilled) if not told[f.event.fill_id]]
    if lost:
        yield f"trade.log lacks {counted(len(lost), 'fill')}: {shown(lost)}"


def _removals(
    evidence: Evidence, folder: SessionFolder, gone: dict[str, datetime]
) -> Iterator[str]:
    """Yield logs that vanished, and notes of removals that should not have been."""
    risk = folder.risk_log
    if not log_parts(risk) and risk.name not in gone:
        yield f"there is no {risk.name}, and no operator had it removed"
    ended = evidence.ended
    for name, at in gone.items():
        if not name.startswith(risk.name):
            yield f"{name} was removed: only risk logs expire"
        if ended is None or at < ended.at:
            yield f"{name} was removed before its session had ended"


def _rotation_faults(seen: RotationSeen) -> Iterator[str]:
    expired, listed, removed = set(seen.expired), set(seen.listed), set(seen.removed)
    if removed != expired:
        odd = sorted(removed ^ expired)
        yield f"rotatelogs after {seen.days} days: expired or removed, not both: {shown(odd)}"
    if listed != removed:
        yield f"what was shown first is not what was removed: {shown(sorted(listed ^ removed))}"
    if seen.removed_by_preview:
        yield f"the preview removed {shown(seen.removed_by_preview)}"


def removed_on(folder: SessionFolder) -> str:
    """Return when an operator had a session's risk log removed; "" if nobody did."""
    at = removed_logs(folder).get(folder.risk_log.name)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
