"""A task by hand is refused to a session that was not started for it, at whichever door."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.desk import commands
from qtkit.desk.shell import run_line
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.sessions.control.server import CommandServer
from qtkit.sessions.control.socket import socket_path
from qtkit.sessions.local import LocalSession
from tests.desk.hand_made_day import rehearsal

TASK = "diagnose_pending_orders"


def by_python(desk: LocalSession) -> None:
    desk.command("run_task", task=TASK)


def by_the_desk(desk: LocalSession) -> None:
    commands.run(desk, TASK)


def by_the_shell(desk: LocalSession) -> None:
    run_line(desk, f"run --task {TASK}")


def by_the_socket(desk: LocalSession) -> None:
    """Ask as a client does, and let the engine turn once what was asked for has come."""
    path = socket_path(desk.folder)
    server = CommandServer(path, desk._running.engine.inbox.put)
    server.start()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            request = {"verb": "run_task", "arguments": {"task": TASK}}
            desk._running.engine.signal.clear()
            line.sendall(json.dumps(request).encode() + b"\n")
            desk._running.engine.signal.wait(10)
            desk._turn(desk._running)
            reply = json.loads(line.recv(65_536))
    finally:
        server.close()
    if not reply["ok"]:
        raise ConfigError(reply["refused"])


DOORS: dict[str, Callable[[LocalSession], None]] = {
    "python": by_python,
    "desk": by_the_desk,
    "shell": by_the_shell,
    "socket": by_the_socket,
}


@pytest.fixture(params=[False, True], ids=["plain", "debug"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalSession]:
    with rehearsal(tmp_path, debug=request.param) as desk:
        yield desk


@pytest.mark.parametrize("door", DOORS)
def test_the_engine_decides_and_not_the_door(desk: LocalSession, door: str) -> None:
    started_for_it = desk.entries()[0].event.settings["debug"]
    refusals = 0
    try:
        DOORS[door](desk)
    except ConfigError:
        refusals = 1
    events = [entry.event for entry in read_journal(desk.folder.journal)]

    assert refusals == (0 if started_for_it else 1)
    assert sum(isinstance(event, ev.CommandRefused) for event in events) == refusals
    assert any(isinstance(event, ev.PendingDiagnosed) for event in events) is started_for_it
