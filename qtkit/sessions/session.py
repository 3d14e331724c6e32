"""A session from outside: start one that outlives its starter, attach to one, command it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from qtkit.core.advice import kill_command
from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, DataError, SessionUnreachable
from qtkit.core.file_reader import read_object
from qtkit.core.locks import is_locked
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.render import Table, html_report, mimebundle, text_report
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.journal.tail import JournalTail
from qtkit.ledger.ledger import Ledger
from qtkit.model.books import Book
from qtkit.model.events import Entry, JsonObject
from qtkit.projections.engine_state import EngineState
from qtkit.reports.artifacts import kill_words
from qtkit.runtime.session_status import session_status
from qtkit.runtime.settings import SessionSettings
from qtkit.sessions.control.process import launched
from qtkit.sessions.control.server import Reply, Request, reply_of, request_line
from qtkit.stages import session_named
from qtkit.trading.engine.command_queue import command_trouble

__all__ = ["Done", "Session"]

_STATUS = "an object with status, updated_at and perhaps socket as text"
_REWRITTEN = (
    "It is rewritten every two seconds while the session runs, and from its journal by the next "
    "start"
)
_ANSWER = 10.0  # seconds for an engine to answer
_START = 60.0  # seconds for a process to begin trading
_SOON = 0.05
_ONE_READ = 65_536
_NO_CASH = Decimal(0)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was carried out, and the journal lines that it became."""

    verb: str
    entries: tuple[Entry, ...]

    @property
    def lines(self) -> tuple[int, ...]:
        """The journal's line numbers."""
        return tuple(entry.seq for entry in self.entries)

    def __str__(self) -> str:
        return f"{self.verb}: journal lines {self.lines[0]} to {self.lines[-1]}"


class Session:
    """A session whose engine runs in a process of its own; this object reads, and sends commands.

    Parameters
    ----------
    folder
        The session's.
    """

    def __init__(self, folder: SessionFolder) -> None:
        self.folder = folder
        self._tail = JournalTail(folder.journal)
        self._entries = list[Entry]()
        self._state = EngineState(ledger=Ledger.opened(Book(cash=_NO_CASH)))

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
        settings: Mapping[str, Any] | SessionSettings | None = None,
        timeout: float = _START,
    ) -> Session:
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
        }
        words += [w for name, v in options.items() if v is not None for w in (name, str(v))]
        return cls(launched(words, _as_given(settings), timeout))

    @classmethod
    def attach(cls, which: Path | str | SessionFolder, *, root: Path | str = "outputs") -> Session:
        """Return the session of an id, of the beginning of one, or of a folder.

        Raises
        ------
        DataError
            If there is no such session.
        """
        if isinstance(which, SessionFolder):
            return cls(which)
        return cls(session_named(OutputRoot(Path(root)), str(which)))

    # --- looking -----------------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """The folder's name."""
        return self.folder.session_id

    def status(self) -> JsonObject:
        """Return where the session stands; a process that died is told apart from a running one.

        Raises
        ------
        DataError
            If the session never began, or its status cannot be read.
        """
        written = self._written_status()
        if written.get("terminal") or (written and self._is_alive()):
            return written
        entries = read_journal(self.folder.journal)
        return session_status(entries, self.session_id, alive=self._is_alive())

    def _is_alive(self) -> bool:
        journal = self.folder.journal
        return is_locked(journal.with_name(journal.name + ".lock"))

    def _written_status(self) -> JsonObject:
        try:
            found = read_object(self.folder.status, _STATUS, _REWRITTEN)
        except FileNotFoundError:
            return {}
        words = (found.get("status"), found.get("updated_at"), found.get("socket", ""))
        if not all(isinstance(word, str) for word in words):
            raise DataError(f"{self.folder.status} is damaged, expected {_STATUS}. {_REWRITTEN}")
        return found

    @property
    def is_running(self) -> bool:
        """Whether an engine works on it."""
        return bool(self.status()["status"] == "running")

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the journal's entries behind line `after`; each is read from disk once."""
        self._catch_up()
        return tuple(self._entries[after:])

    def state(self) -> EngineState:
        """Return what the journal adds up to by now; it is folded further with every call."""
        self._catch_up()
        return self._state

    def _catch_up(self) -> None:
        for entry in self._tail.news():
            self._entries.append(entry)
            self._state.apply(entry)

    def evidence(self) -> Evidence:
        """Return what checks look at."""
        return Evidence.of_folder(self.folder)

    # --- commanding --------------------------------------------------------------------------

    def command(
        self, verb: str, *, by: str = "operator", timeout: float = _ANSWER, **arguments: object
    ) -> Done:
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
        self._catch_up()
        return Done(verb, tuple(self._entries[reply.first_line - 1 : reply.last_line]))

    def _ask(self, request: Request, timeout: float) -> Reply:
        path = self._written_status().get("socket")
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
                f"{kill_command(*kill_words(self.folder))}"
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
        if not self._written_status().get("terminal"):
            self.command("stop", by=by, timeout=timeout)
        while not self._written_status().get("terminal") or self._is_alive():
            if elapsed() > timeout:
                raise SessionUnreachable(
                    f"session {self.session_id} has not ended within {timeout:g} s; it goes on "
                    "stopping, look at sys.log"
                )
            Event().wait(_SOON)
        return self.status()

    # --- showing -----------------------------------------------------------------------------

    def as_json(self) -> JsonObject:
        """Return where the session stands as JSON."""
        return {"format": 1, "type": "live_session", **self.status()}

    def _tables(self) -> Iterator[Table]:
        status, state = self.status(), self.state()
        yield Table(
            "",
            ("what", "found"),
            (
                ("status", status["status"]),
                ("reason", status["status_reason"]),
                ("engine", str(state.status)),
                ("trading date", str(state.today or "none")),
                ("kill switch", "ON" if state.killed else "off"),
                ("cash", f"{state.ledger.cash:,.2f}"),
                ("open orders", len(state.ledger.orders)),
                ("journal lines", len(self._entries)),
            ),
        )
        held = tuple((line.symbol, line.quantity) for line in state.ledger.book().positions)
        if held:
            yield Table("Positions", ("symbol", "shares"), held, "lr")

    def __str__(self) -> str:
        return text_report(f"Session {self.session_id}", *self._tables())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        heading = f"Session {self.session_id}"
        return mimebundle(str(self), html_report(heading, *self._tables()), self.as_json())


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
