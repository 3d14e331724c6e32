"""Commands that look after files beside the session."""

from __future__ import annotations

from qtkit.core.clock import wall_time
from qtkit.core.paths import OutputRoot
from qtkit.desk.report import Report
from qtkit.evidence.session import Session
from qtkit.reports.retention import LogRotation, expired_logs, rotate_logs

__all__ = ["rotatelogs"]


def rotatelogs(
    session: Session, *, days: int, really: bool = False, dry_run: bool = False
) -> Report:
    """Return the risk logs that have expired, and delete them if that is really meant.

    Parameters
    ----------
    days
        A session that ended more days ago has expired, by the machine's date.
    really
        Delete; otherwise it is only shown what would go.
    dry_run
        Only show it, whatever else is said.

    Raises
    ------
    ConfigError
        If `days` is below 0.
    """
    root, now = OutputRoot(session.folder.path.parents[1]), wall_time()
    found = expired_logs(root, days, now)
    if really and not dry_run:
        found = rotate_logs(found, now)
    return Report(name="rotatelogs", heading=found.heading, parts=tuple(_lines(found)))


def _lines(found: LogRotation) -> list[str]:
    verb = "removed" if found.removed else "would go"
    lines = [f"  {log.path.name} of {log.folder.session_id} {verb}" for log in found.logs]
    for what, names in (("not ended", found.unfinished), ("not readable", found.unreadable)):
        if names:
            lines.append(f"  {what}, and left alone: {', '.join(names)}")
    if found.logs and not found.removed:
        lines.append("Nothing was deleted; add --yes to delete them.")
    return lines
