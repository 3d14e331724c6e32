"""The KILL file as the engine sees it: each reason in it becomes a line of the journal."""

from __future__ import annotations

import os

from qtkit.model import events as ev
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.risk.kill_file import NAMELESS, KillRequest, kill_file_is_there, kill_requests

__all__ = ["KillFileMonitor"]

_NOBODY = "KILL file"


class KillFileMonitor:
    """Looks for the file at every turn, and reads it when it has changed."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._read: tuple[int, int, int] | None = None  # what the file was like when it was read

    def look(self) -> None:
        """Turn the switch on where the file is there; record who else wanted it, and why."""
        context = self._context
        if context.kill_file is None or not kill_file_is_there(context.kill_file):
            return
        mark = self._mark()
        if context.state.killed and mark == self._read:
            return
        for request in kill_requests(context.kill_file):
            if self._is_news(request):
                self._record(request)
        self._read = mark

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = os.lstat(self._context.kill_file or "")
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _is_news(self, request: KillRequest) -> bool:
        """Whether the journal does not have it; a file that says nothing only turns it on."""
        state = self._context.state
        if not state.killed:
            return True
        reason = (request.by or _NOBODY, request.why)
        return request != NAMELESS and reason not in state.kill_reasons

    def _record(self, request: KillRequest) -> None:
        context, by = self._context, request.by or _NOBODY
        context.record(
            ev.KillSwitchSet(
                on=True,
                by=by,
                why=request.why,
                asked_at=request.at,
            )
        )
