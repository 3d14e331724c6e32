"""The KILL file as the engine sees it: each reason in it becomes a line of the journal."""

from __future__ import annotations

import os

from qtkit.model import events as ev
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.risk.kill_file import NAMELESS, KillRequest, kill_file_is_there, kill_requests

__all__ = ["KillFileDesk"]

_NOBODY = "KILL file"


class KillFileDesk:
    """Looks for the file at every turn, and reads it when it has changed."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._read: tuple[int, int, int] | None = None  # what the file was like when it was read

    def look(self) -> None:
        """Turn the switch on where the file is there; record who else wanted it, and why."""
        core = self._core
        if core.kill_file is None or not kill_file_is_there(core.kill_file):
            return
        mark = self._mark()
        if core.state.killed and mark == self._read:
            return
        for request in kill_requests(core.kill_file):
            if self._is_news(request):
                self._record(request)
        self._read = mark

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = os.lstat(self._core.kill_file or "")
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _is_news(self, request: KillRequest) -> bool:
        """Whether the journal does not have it; a file that says nothing only turns it on."""
        state = self._core.state
        if not state.killed:
            return True
        reason = (request.by or _NOBODY, request.why)
        return request != NAMELESS and reason not in state.kill_reasons

    def _record(self, request: KillRequest) -> None:
        core, by = self._core, request.by or _NOBODY
        core.record(
            ev.KillSwitchSet(
                trading_date=core.state.today,
                on=True,
                by=by,
                why=request.why,
                asked_at=request.at,
            )
        )
        core.log.say("kill_switch_set", on=True, by=by, why=request.why)
