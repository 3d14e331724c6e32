"""Check 5-C.5: logs stay until an operator removes the expired ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from qtkit.core.errors import DataError
from qtkit.core.facts import Finding, budget, counts, finding, shown
from qtkit.core.paths import SessionFolder, log_parts
from qtkit.evidence import Capability, Evidence, RotationSeen
from qtkit.evidence.sys_log import open_text
from qtkit.evidence.trade_log import logged_bookings, removed_logs
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phase_5_scenarios import RISK_REFUSALS
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import CUT_AT_ORDER

__all__ = ["logs_are_removed_by_operators_alone", "removed_on"]

_BEGINS = ("session_started", "session_resumed")  # the latter after a very early power cut
_FIX = "restore the log from a backup; nothing but rotatelogs may remove one"


@check(
    "5-C.5", "Logs stay", needs={Capability.FILES},
    applies_to=(RISK_REFUSALS.name, CUT_AT_ORDER.name),
    facts=(*counts("log_files removed expired risk_logs"), budget("days", "days", default=0)),
    holds="{log_files:log file}{so_far}, none with a gap{removed:?; # removed by an operator}",
    cases={
        "rotated": "{log_files:log file}{so_far}, none with a gap{removed:?; # removed by an "
        "operator}; of {risk_logs:risk log} {expired} expired after {days}, shown first, then "
        "removed",
    },
    waits="the logs are being written: {findings}",
    finds={
        "unreadable": "the logs cannot be read: {problem}",
        "no_log": "there is no {file}",
        "other_start": "sys.log does not begin with the session's start: {text!r}",
        "lacks_fills": "trade.log lacks {number:fill}: {fills}",
        "vanished": "there is no {file}, and no operator had it removed",
        "not_a_risk_log": "{file} was removed: only risk logs expire",
        "too_early": "{file} was removed before its session had ended",
        "not_both": "rotatelogs after {days} days: expired or removed, not both: {files}",
        "other_preview": "what was shown first is not what was removed: {files}",
        "preview_removed": "the preview removed {files}",
    },
    fix=_FIX,
)  # fmt: skip
def logs_are_removed_by_operators_alone(evidence: Evidence) -> Outcome:
    """`rotatelogs` removes the expired risk logs and no others; nothing else removes a log."""
    if evidence.started is None or evidence.folder is None:
        return not_yet(evidence, "there is no session with a folder", fix="start one")
    try:
        gone = removed_logs(evidence.folder)
        wrong = [*_gaps(evidence, evidence.folder), *_removals(evidence, evidence.folder, gone)]
    except (DataError, OSError, KeyError) as problem:
        return judged([finding("unreadable", problem=problem)])
    seen = evidence.facts.rotation
    wrong += _rotation_faults(seen) if seen is not None else ()
    return judged(
        wrong, unfinished=evidence.session.running, case="rotated" if seen else "",
        fix="judge again" if wrong and evidence.session.running else "",
        log_files=sum(len(log_parts(p)) for p in _logs(evidence.folder)), removed=gone,
        expired=seen.removed if seen else (), days=seen.days if seen else 0,
        risk_logs=(*seen.removed, *seen.left) if seen else (),
    )  # fmt: skip


def _logs(folder: SessionFolder) -> tuple[Path, ...]:
    return folder.sys_log, folder.trade_log, folder.risk_log


def _gaps(evidence: Evidence, folder: SessionFolder) -> Iterator[Finding]:
    """Yield what is missing at the beginning or in the middle of the logs."""
    parts = log_parts(folder.sys_log)
    if not parts:
        yield finding("no_log", file=folder.sys_log.name)
        return
    with open_text(parts[0]) as file:
        first = file.readline()
    if not any(f"| {verb}" in first for verb in _BEGINS):
        yield finding("other_start", text=first.strip()[:60])
    booked = logged_bookings(folder)
    if booked is None:
        yield finding("no_log", file=folder.trade_log.name)
        return
    logged = Counter(booked)
    fills = evidence.session.of(ev.OrderFilled)
    lost = [f.event.fill_id for f in fills if not logged[f.event.fill_id]]
    if lost:
        yield finding("lacks_fills", number=len(lost), fills=shown(lost))


def _removals(
    evidence: Evidence, folder: SessionFolder, gone: dict[str, datetime]
) -> Iterator[Finding]:
    """Yield logs that vanished, and notes of removals that should not have been."""
    risk = folder.risk_log
    if not log_parts(risk) and risk.name not in gone:
        yield finding("vanished", file=risk.name)
    ended = evidence.ended
    for name, at in gone.items():
        if not name.startswith(risk.name):
            yield finding("not_a_risk_log", file=name)
        if ended is None or at < ended.at:
            yield finding("too_early", file=name)


def _rotation_faults(seen: RotationSeen) -> Iterator[Finding]:
    expired, listed, removed = set(seen.expired), set(seen.listed), set(seen.removed)
    if removed != expired:
        yield finding("not_both", days=seen.days, files=removed ^ expired)
    if listed != removed:
        yield finding("other_preview", files=listed ^ removed)
    if seen.removed_by_preview:
        yield finding("preview_removed", files=seen.removed_by_preview)


def removed_on(folder: SessionFolder) -> str:
    """Return when an operator had a session's risk log removed; "" if nobody did."""
    at = removed_logs(folder).get(folder.risk_log.name)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
