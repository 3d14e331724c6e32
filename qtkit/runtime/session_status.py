"""`session_status.json`, made from a session's journal."""

from __future__ import annotations

from qtkit.core.locks import is_locked
from qtkit.core.paths import SessionFolder, on_disk, write_atomic
from qtkit.core.render import json_text
from qtkit.journal import read_journal
from qtkit.projections.base import project
from qtkit.projections.session_status import SessionStatus

__all__ = ["is_written", "session_status", "write_status"]


def is_written(folder: SessionFolder) -> bool:
    """Whether somebody holds the lock of a session's journal."""
    return is_locked(folder.journal.with_name(folder.journal.name + ".lock"))


def session_status(folder: SessionFolder) -> dict[str, object]:
    """Return where a session stands, read from its journal.

    Raises
    ------
    DataError
        If the journal has no line.
    """
    status = SessionStatus()
    project(read_journal(folder.journal), status)
    return status.as_json(folder.session_id, alive=is_written(folder))


def write_status(folder: SessionFolder, status: SessionStatus | None = None) -> None:
    """Write `session_status.json` anew; raises as `session_status`.

    Parameters
    ----------
    status
        Read from the whole journal; None: it is read now.
    """
    on_disk(folder.journal)  # the status may know only what a loss of power leaves
    found = (
        session_status(folder)
        if status is None
        else status.as_json(folder.session_id, alive=is_written(folder))
    )
    write_atomic(folder.status, json_text(found))
