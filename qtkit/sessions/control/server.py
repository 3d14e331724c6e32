"""The door of a running session: one JSON line per command, one JSON line per answer.

Asked is ``{"verb": "pause", "arguments": {}, "by": "anna"}``, answered ``{"ok": true, "first_line":
812, "last_line": 813, "refused": ""}``: the journal lines that the command became.
"""

from __future__ import annotations

import contextlib
import errno
import resource
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import msgspec

from qtkit.core.clock import stopwatch
from qtkit.core.errors import readable
from qtkit.sessions.control.socket import listening_socket
from qtkit.trading.engine.command_queue import Answer, Command, command_trouble

__all__ = ["CommandServer", "Reply", "Request", "reply_of", "request_line"]

_LONGEST_REQUEST = 64 * 1024  # bytes
_MOST_CLIENTS = 64
_SHARE = 4  # the door keeps at most one in so many of the files that this process may open
_READING = 10.0  # seconds that one request may take to arrive
_NO_FILES = {errno.EMFILE, errno.ENFILE}
_IDLE = 30.0  # seconds after which a silent client is let go, and a slow reader too
_LOOK_ROUND = 1.0  # seconds
_ONE_READ = 65_536

_Value = str | int | float | bool | None


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asks for."""

    verb: str
    arguments: dict[str, _Value] = msgspec.field(default_factory=dict)
    by: str = "operator"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request; lines are the journal's, 0 where it never came so far."""

    ok: bool
    first_line: int = 0
    last_line: int = 0
    refused: str = ""


def request_line(request: Request) -> bytes:
    """Return a request as it is sent."""
    return msgspec.json.encode(request) + b"\n"


def reply_of(line: bytes) -> Reply:
    """Return an answer that was received; raises `msgspec.DecodeError` if it is none."""
    return msgspec.json.decode(line, type=Reply)


def _room_for_clients() -> int:
    """Return how many clients the door takes: the engine needs files too."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CLIENTS if limit < 0 else max(1, min(_MOST_CLIENTS, limit // _SHARE))


@dataclass(slots=True)
class _Client:
    line: socket.socket
    idle: Callable[[], float]  # seconds since its last sign of life
    unserved: Callable[[], float]  # seconds since it came, or since its last whole request
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    silent: bool = False  # it has said all it had to say; it may still listen
    waiting: bool = False  # for an answer of the engine; requests behind it wait too
    leaving: bool = False  # gone as soon as everything is sent


class CommandServer:
    """Listens in a thread of its own, and hands commands to an engine's inbox.

    Parameters
    ----------
    path
        Of the socket; it is made readable and writable for its owner alone.
    put
        Takes a command; the engine calls its `answer`.

    Raises
    ------
    ConfigError
        If somebody listens there already.
    """

    def __init__(self, path: Path, put: Callable[[Command], None]) -> None:
        self.path = path
        self._put = put
        self._most_clients = _room_for_clients()
        self._closing = Event()
        self._answers = SimpleQueue[tuple[_Client, Answer]]()
        self._door = listening_socket(path)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._door, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._clients = dict[socket.socket, _Client]()
        self._thread = Thread(target=self._serve, name="qtkit-commands", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Answer what is open, let everybody go, and remove the socket; closing twice is fine."""
        self._closing.set()
        self._wake()
        if self._thread.ident is None:
            self._let_everything_go()
        else:
            self._thread.join()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it wakes up anyway; closed: nobody to wake
            self._wake_in.send(b"!")

    # --- the thread --------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                self._turn()
            self._say_goodbye()
        finally:
            self._let_everything_go()

    def _let_everything_go(self) -> None:
        for client in tuple(self._clients.values()):
            self._let_go(client)
        if self._door.fileno() >= 0:
            self.path.unlink(missing_ok=True)
        self._selector.close()
        for line in (self._door, self._wake_in, self._wake_out):
            line.close()

    def _turn(self) -> None:
        for key, events in self._selector.select(_LOOK_ROUND):
            if key.fileobj is self._door:
                self._welcome()
            elif key.fileobj is self._wake_out:
                self._hear_wake()
            else:
                self._attend(key.data, events)
        self._deliver()
        for client in tuple(self._clients.values()):
            if client.idle() > _IDLE or self._dawdles(client):
                self._let_go(client)

    def _dawdles(self, client: _Client) -> bool:
        """Whether a client takes too long over one request, byte by byte."""
        half = bool(client.received) and not client.waiting
        return half and client.unserved() > _READING

    def _hear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_out.recv(_ONE_READ)

    def _welcome(self) -> None:
        try:
            line, _ = self._door.accept()
        except OSError as problem:
            # it went away, or there are no more files to open
            if problem.errno in _NO_FILES and not self._make_room():
                self._closing.wait(_LOOK_ROUND / 10)
            return
        line.setblocking(False)
        there = len(self._clients)
        crowded = there >= self._most_clients and not self._make_room()
        client = _Client(line, stopwatch(), stopwatch())
        self._clients[line] = client
        self._selector.register(line, selectors.EVENT_READ, client)
        if crowded:
            self._refuse(client, f"{there} clients wait for an answer; try again", last=True)

    def _make_room(self) -> bool:
        """Let the client go that has asked for nothing for the longest time, if there is one."""
        found = [client for client in self._clients.values() if not client.waiting]
        if not found:
            return False
        self._let_go(max(found, key=lambda client: client.unserved()))
        return True

    def _attend(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._read(client)
            if events & selectors.EVENT_WRITE:
                self._send(client)
        except OSError:
            self._let_go(client)

    def _read(self, client: _Client) -> None:
        data = client.line.recv(_ONE_READ)
        if not data:
            client.silent = True
            client.leaving = not client.waiting
            self._send(client)
            return
        client.idle = stopwatch()
        if client.leaving:
            return
        client.received += data
        self._take_requests(client)

    def _take_requests(self, client: _Client) -> None:
        """Take the lines that are complete, one after the other."""
        while not (client.waiting or client.leaving):
            line, newline, rest = client.received.partition(b"\n")
            if len(line) > _LONGEST_REQUEST:
                self._refuse(client, f"a request has at most {_LONGEST_REQUEST} bytes", last=True)
            if not newline or client.leaving:
                break
            client.received = rest
            client.unserved = stopwatch()
            self._take_request(client, bytes(line))
        if len(client.received) > 2 * _LONGEST_REQUEST:
            self._refuse(client, "too many requests at once; wait for the answers", last=True)

    def _take_request(self, client: _Client, line: bytes) -> None:
        try:
            request = msgspec.json.decode(line, type=Request)
            trouble = command_trouble(request.verb, request.by, request.arguments)
            if trouble:
                self._refuse(client, trouble)
                return
        except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
            self._refuse(
                client,
                f'not a command ({problem}); expected {{"verb": "...", "arguments": {{...}}, '
                '"by": "..."} on one line',
            )
            return
        client.waiting = True
        self._put(
            Command(
                verb=request.verb,
                arguments=dict(request.arguments),
                by=request.by,
                answer=lambda answer: self._answered(client, answer),
            )
        )

    def _answered(self, client: _Client, answer: Answer) -> None:
        """Take an answer over; called on the engine's thread."""
        self._answers.put((client, answer))
        self._wake()

    def _deliver(self) -> None:
        while not self._answers.empty():
            client, answer = self._answers.get()
            client.waiting = False
            client.leaving = client.leaving or client.silent
            reply = Reply(
                ok=not answer.refused,
                first_line=answer.first_line,
                last_line=answer.last_line,
                refused=answer.refused,
            )
            self._reply(client, reply)
            if client.line in self._clients:
                self._take_requests(client)

    def _refuse(self, client: _Client, reason: str, *, last: bool = False) -> None:
        client.leaving = client.leaving or last
        self._reply(client, Reply(ok=False, refused=readable(reason)))

    def _reply(self, client: _Client, reply: Reply) -> None:
        client.to_send += msgspec.json.encode(reply) + b"\n"
        client.idle = stopwatch()
        with contextlib.suppress(OSError):
            self._send(client)
            return
        self._let_go(client)

    def _send(self, client: _Client) -> None:
        """Send what fits; the rest when there is room."""
        if client.line not in self._clients:
            return
        with contextlib.suppress(BlockingIOError):
            sent = client.line.send(client.to_send) if client.to_send else 0
            del client.to_send[:sent]
        if client.leaving and not client.to_send:
            self._let_go(client)
            return
        self._watch(client)

    def _watch(self, client: _Client) -> None:
        """Wait for what a client may do next; for nothing while it only waits for an answer."""
        wanted = 0 if client.silent else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if client.to_send else 0
        if client.line in self._selector.get_map():
            self._selector.unregister(client.line)
        if wanted:
            self._selector.register(client.line, wanted, client)

    def _let_go(self, client: _Client) -> None:
        if self._clients.pop(client.line, None) is not None:
            if client.line in self._selector.get_map():
                self._selector.unregister(client.line)
            client.line.close()

    def _say_goodbye(self) -> None:
        """Answer those who still wait."""
        self._deliver()
        for client in tuple(self._clients.values()):
            if client.waiting:
                self._refuse(client, "the session has ended before the command's turn", last=True)
