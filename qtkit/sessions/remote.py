"""A session in a process of its own: start one that outlives its starter, attach, command it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from qtkit.core.advice import kill_command
from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, SessionUnreachable
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.evidence.session import CommandDone
from qtkit.model.events import JsonObject
from qtkit.runtime.session_finder import account_of, find_session
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import Acceptance
from qtkit.sessions.control.process import launched
from qtkit.sessions.control.server import Reply, Request, reply_of, request_line
from qtkit.sessions.display import DisplayedSession
from qtkit.trading.engine.command_queue import command_trouble

__all__ = ["RemoteSession", "open_session"]

_ANSWER = 10.0  # seconds for an engine to answer
_START = 60.0  # seconds for a process to begin trading
_SOON = 0.05
_ONE_READ = 65_536


class RemoteSession(DisplayedSession):
    """A session whose engine runs in a process of its own; this object reads, and sends commands.

    One that has ended can still be read.
    """

    # --- beginning ---------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        strategy: Path | str | None = None,
        *,
        config: Path | str | None = None,
        root: Path | str = "outputs",
        account: str | None = None,
        new_account: str | None = None,
        accept: Acceptance | None = None,
        settings: Mapping[str, Any] | SessionSettings | None = None,
        timeout: float = _START,
    ) -> RemoteSession:
        """Start a session in a process of its own, which outlives this one, and attach to it.

        Parameters
        ----------
        strategy
            A strategy's file; or
        config
            a ``qtkit.toml`` that names one. Both may be given.
        root
            Where everything is written.
        account, new_account
            One that exists, or the name of one to be made; neither: a fresh one.
        accept
            Who accepts that a session that was cut off goes on under other code or settings, and
            why.
        settings
            What differs from the defaults, or from the configuration.
        timeout
            Seconds until the engine must run.

        Raises
        ------
        ConfigError, DataError
            If something asked for is impossible; nothing was started.
        SessionUnreachable
            If the process does not come to life in time; it was ended.
        """
        if strategy is None and config is None:
            raise ConfigError("name a strategy's file, or a configuration that names one")
        words = [str(strategy)] if strategy is not None else []
        options = {
            "--config": config,
            "--root": root,
            "--account": account,
            "--new_account": new_account,
            "--by": accept.by if accept else None,
            "--why": accept.why if accept else None,
        }
        words += ["--accept-changes"] if accept else []
        words += [w for name, v in options.items() if v is not None for w in (name, str(v))]
        return cls(launched(words, _as_given(settings), timeout))

    # --- commanding --------------------------------------------------------------------------

    def command(
        self, verb: str, *, by: str = "operator", timeout: float = _ANSWER, **arguments: object
    ) -> CommandDone:
        """Ask the engine to do something, and return the journal lines that it became.

        Raises
        ------
        ConfigError
            If the engine refuses, with its reason.
        SessionUnreachable
            If nobody listens, or no answer comes in time: the sentence says which.
        """
        trouble = command_trouble(verb, by, arguments)
        if trouble:
            raise ConfigError(f"{trouble}; nothing was sent")
        reply = self._ask(Request(verb=verb, arguments=_plain(arguments), by=by), timeout)
        if not reply.ok:
            raise ConfigError(f"{verb} was refused: {reply.refused}")
        entries = self.entries(reply.first_line - 1)
        return CommandDone(verb, entries[: reply.last_line - reply.first_line + 1])

    def _ask(self, request: Request, timeout: float) -> Reply:
        path = self.written_status().get("socket")
        if not path:
            raise SessionUnreachable(
                f"nobody listens for session {self.session_id}, and nothing was sent: it is "
                f"{self.status()['status']}"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout)
            try:
                line.connect(path)
            except OSError as problem:
                raise SessionUnreachable(
                    f"nobody listens for session {self.session_id} at {path} "
                    f"({problem.strerror or problem}), and nothing was sent: its process is gone. "
                    f"Start it again on its account to resume it. See runbooks/session-crashed.md"
                ) from None
            return self._talk(line, request, timeout)

    def _talk(self, line: socket.socket, request: Request, timeout: float) -> Reply:
        try:
            line.sendall(request_line(request))
            return reply_of(_received(line))
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as problem:
            raise SessionUnreachable(
                f"{request.verb} was sent to session {self.session_id}, and no answer came within "
                f"{timeout:g} s ({type(problem).__name__}: {problem}): whether it was carried out "
                "stands in the journal. If the engine hangs, stop trading with "
                f"{kill_command(account_of(self.folder))}"
            ) from None

    def stop(self, timeout: float = 30.0, *, by: str = "operator") -> JsonObject:
        """Stop the session in order, wait for its end, and return its status.

        A session that has ended already is left as it is.

        Raises
        ------
        SessionUnreachable
            If nobody listens, or the process has not ended after `timeout` seconds.
        """
        elapsed = stopwatch()
        if not self.written_status().get("terminal"):
            self.command("stop", by=by, timeout=timeout)
        while not self.written_status().get("terminal") or self.is_alive:
            if elapsed() > timeout:
                raise SessionUnreachable(
                    f"session {self.session_id} has not ended within {timeout:g} s; it goes on "
                    "stopping, look at sys.log"
                )
            Event().wait(_SOON)
        return self.status()


def open_session(
    which: Path | str | SessionFolder, *, root: Path | str | OutputRoot = "outputs"
) -> RemoteSession:
    """Return a session, to look at it and, while its engine runs, to steer it.

    Parameters
    ----------
    which
        Its id, the beginning of it, its folder, its account's name, or ``last``: the one that was
        started last.
    root
        Where sessions are written.

    Raises
    ------
    ConfigError
        If it is no name at all.
    DataError
        If there is no such session, or several.
    """
    if isinstance(which, SessionFolder):
        return RemoteSession(which)
    outputs = root if isinstance(root, OutputRoot) else OutputRoot(Path(root))
    return RemoteSession(find_session(outputs, str(which)))


def _as_given(settings: Mapping[str, Any] | SessionSettings | None) -> Mapping[str, Any]:
    if isinstance(settings, SessionSettings):
        return settings.model_dump(exclude_unset=True)
    return settings or {}


def _plain(arguments: Mapping[str, object]) -> dict[str, str | int | float | bool | None]:
    """Return arguments as they travel: numbers that JSON would round travel as text."""
    kinds = (str, int, float, bool, type(None))
    return {k: v if isinstance(v, kinds) else str(v) for k, v in arguments.items()}


def _received(line: socket.socket) -> bytes:
    """Return one line."""
    found = bytearray()
    while not found.endswith(b"\n"):
        data = line.recv(_ONE_READ)
        if not data:
            raise ConnectionResetError("the line was cut")
        found += data
    return bytes(found)
