"""The door of a running session: what comes through it, and what does not."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError
from qtkit.core.paths import SessionFolder
from qtkit.sessions.control import server as commanding
from qtkit.sessions.control.server import CommandServer
from qtkit.sessions.control.socket import LONGEST_PATH, free_socket, socket_path
from qtkit.trading.engine.command_queue import Answer, Command
from tests.golden.names import names_in

PAUSE = b'{"verb":"pause","arguments":{},"by":"anna"}\n'


class Engine:
    """Answers every command at once, on a thread of its own as an engine does."""

    def __init__(self, *, mute: bool = False) -> None:
        self.taken, self.mute = list[Command](), mute
        self._pool = ThreadPoolExecutor(1, "fake-engine")

    def put(self, command: Command) -> None:
        self.taken.append(command)
        if not self.mute:
            self._pool.submit(self._answer, command, len(self.taken))

    def _answer(self, command: Command, number: int) -> None:
        assert command.answer is not None
        refused = "nothing to resume" if command.verb == "resume" else ""
        command.answer(Answer(first_line=number, last_line=number + 1, refused=refused))

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qt-") as place:
        yield Path(place)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.close()


@pytest.fixture
def server(short: Path, engine: Engine) -> Iterator[CommandServer]:
    made = CommandServer(short / "s.sock", engine.put)
    made.start()
    yield made
    made.close()


def connected(server: CommandServer) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    line.connect(os.fspath(server.path))
    return line


def said(line: socket.socket) -> dict[str, object]:
    with line.makefile("rb") as file:
        found: dict[str, object] = json.loads(file.readline())
    return found


def ask(server: CommandServer, request: bytes) -> dict[str, object]:
    with connected(server) as line:
        line.sendall(request)
        return said(line)


@pytest.mark.parametrize("name", ["x" * 5_000, "\\u0000", "\\u001b[31m"])
def test_a_refusal_is_short_and_can_be_printed(server: CommandServer, name: str) -> None:
    answer = ask(server, f'{{"verb":"pause","{name}":1}}\n'.encode())

    assert answer["ok"] is False
    assert str(answer["refused"]).isprintable()
    assert len(str(answer["refused"])) < 1_000


def test_a_command_is_handed_over_and_answered_with_its_lines(
    server: CommandServer, engine: Engine
) -> None:
    answer = ask(
        server, b'{"verb":"buy","arguments":{"quantity":"100","limit":null},"by":"anna"}\n'
    )

    assert answer == {"ok": True, "first_line": 1, "last_line": 2, "refused": ""}
    (taken,) = engine.taken
    assert (taken.verb, taken.arguments, taken.by) == (
        "buy",
        {"quantity": "100", "limit": None},
        "anna",
    )


def test_a_refusal_carries_its_reason_and_its_lines(server: CommandServer) -> None:
    assert ask(server, b'{"verb":"resume"}\n') == {
        "ok": False,
        "first_line": 1,
        "last_line": 2,
        "refused": "nothing to resume",
    }


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\n",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"\xff\xfe\x00\n",
        b'{"verb":7}\n',
        b'{"verb":""}\n',
        b'{"verb":"pause","by":" "}\n',
        b'{"verb":"pause","by":"a\\nb"}\n',
        b'{"verb":"pause","arguments":[]}\n',
        b'{"verb":"pause","arguments":{"x":{"y":1}}}\n',
        b'{"verb":"pause","arguments":{"x":NaN}}\n',
        b'{"verb":"pause","extra":1}\n',
        b'{"verb":"\\ud800"}\n',
        b"[" * 60_000 + b"\n",
    ],
)
def test_garbage_is_refused_and_reaches_no_engine(
    server: CommandServer, engine: Engine, garbage: bytes
) -> None:
    answer = ask(server, garbage)

    assert answer["ok"] is False
    assert answer["refused"]
    assert engine.taken == []
    assert ask(server, PAUSE)["ok"] is True


def test_a_request_that_never_ends_is_refused_and_its_client_let_go(
    server: CommandServer, engine: Engine
) -> None:
    with connected(server) as line:
        line.sendall(b"x" * 100_000)
        answer = said(line)
        assert line.recv(1) == b""

    assert names_in(str(answer["refused"])) == ["65536"]
    assert engine.taken == []


def test_several_commands_on_one_line_are_answered_in_their_order(server: CommandServer) -> None:
    with connected(server) as line:
        line.sendall(PAUSE * 20)
        with line.makefile("rb") as file:
            answers = [json.loads(file.readline())["first_line"] for _ in range(20)]

    assert answers == list(range(1, 21))


def test_a_client_that_hangs_up_its_own_side_still_gets_its_answer(server: CommandServer) -> None:
    with connected(server) as line:
        line.sendall(PAUSE)
        line.shutdown(socket.SHUT_WR)
        assert said(line)["ok"] is True
        assert line.recv(1) == b""


def test_it_gets_its_answer_even_when_the_engine_takes_its_time(short: Path) -> None:
    engine = Engine(mute=True)
    server = CommandServer(short / "s.sock", engine.put)
    server.start()
    with connected(server) as line:
        line.sendall(PAUSE)
        line.shutdown(socket.SHUT_WR)
        elapsed = stopwatch()
        while not engine.taken and elapsed() < 5:
            threading.Event().wait(0.01)
        threading.Event().wait(0.05)
        engine._answer(engine.taken[0], 7)
        assert said(line)["first_line"] == 7
    server.close()
    engine.close()


def test_many_clients_at_once_each_get_their_own_answer(server: CommandServer) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(server, PAUSE), range(60)))

    assert sorted(int(str(answer["first_line"])) for answer in answers) == list(range(1, 61))


def test_idle_clients_lock_nobody_out_and_the_oldest_idle_one_goes_first(
    server: CommandServer,
) -> None:
    with contextlib.ExitStack() as open_lines:
        idle = [open_lines.enter_context(connected(server)) for _ in range(70)]
        idle[-1].sendall(b'{"verb"')

        answers = [ask(server, PAUSE)["ok"] for _ in range(5)]

        assert answers == [True] * 5
        assert idle[0].recv(1) == b""
        idle[-1].sendall(b':"pause"}\n')
        assert said(idle[-1])["ok"] is True


def test_clients_that_drip_bytes_lock_nobody_out(server: CommandServer) -> None:
    with contextlib.ExitStack() as open_lines:
        dripping = [open_lines.enter_context(connected(server)) for _ in range(64)]
        for line in dripping * 3:
            line.sendall(b" ")

        assert ask(server, PAUSE)["ok"] is True


def test_who_waits_for_an_answer_is_not_sent_away_and_one_too_many_is_told_so(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commanding, "_MOST_CLIENTS", 2)
    engine = Engine(mute=True)
    server = CommandServer(short / "s.sock", engine.put)
    server.start()
    with connected(server) as one, connected(server) as two:
        one.sendall(PAUSE)
        two.sendall(PAUSE)
        elapsed = stopwatch()
        while len(engine.taken) < 2 and elapsed() < 5:
            threading.Event().wait(0.01)
        with connected(server) as three:
            assert "2 clients wait" in str(said(three)["refused"])
        for command in engine.taken:
            engine._answer(command, 1)
        assert said(one)["ok"] is said(two)["ok"] is True
    server.close()
    engine.close()


def test_a_request_that_arrives_byte_by_byte_is_given_up(
    server: CommandServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commanding, "_READING", 0.3)
    monkeypatch.setattr(commanding, "_LOOK_ROUND", 0.05)
    with connected(server) as line, contextlib.suppress(OSError):
        line.sendall(b'{"verb":')
        elapsed = stopwatch()
        while elapsed() < 5:
            line.sendall(b" ")
            threading.Event().wait(0.05)

    assert elapsed() < 5


def test_the_engine_keeps_most_of_the_files_that_may_be_open(
    short: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    server = CommandServer(short / "s.sock", engine.put)
    server.start()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with contextlib.ExitStack() as open_lines:
        for _ in range(70):
            open_lines.enter_context(connected(server))
        assert ask(server, PAUSE)["ok"] is True
        ours = len(list(Path("/proc/self/fd").iterdir())) - before - 70

    server.close()
    assert ours <= 16


def test_a_silent_client_is_let_go_and_keeps_nobody_waiting(
    server: CommandServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commanding, "_IDLE", 0.2)
    with connected(server) as silent:
        silent.sendall(b'{"verb":')
        assert ask(server, PAUSE)["ok"] is True
        assert silent.recv(1) == b""


def test_a_client_that_goes_away_before_its_answer_harms_nobody(
    server: CommandServer, engine: Engine
) -> None:
    for _ in range(10):
        with connected(server) as line:
            line.sendall(PAUSE)

    assert ask(server, PAUSE)["ok"] is True


def test_the_socket_is_its_owners_alone(server: CommandServer) -> None:
    mode = server.path.stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_after_the_end_nothing_is_left_and_who_waits_is_told(short: Path) -> None:
    engine = Engine(mute=True)
    before = len(list(Path("/proc/self/fd").iterdir()))
    server = CommandServer(short / "s.sock", engine.put)
    server.start()
    with connected(server) as line:
        line.sendall(PAUSE)
        elapsed = stopwatch()
        while not engine.taken and elapsed() < 5:
            threading.Event().wait(0.01)
        server.close()
        assert str(said(line)["refused"]).startswith("the session has ended")
    server.close()

    assert not server.path.exists()
    assert [t.name for t in threading.enumerate() if t.name == "qtkit-commands"] == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_server_that_never_began_leaves_nothing(short: Path, engine: Engine) -> None:
    CommandServer(short / "s.sock", engine.put).close()

    assert list(short.iterdir()) == []


# --- the place -------------------------------------------------------------------------------


def test_a_dead_process_s_socket_is_replaced_and_a_live_one_s_is_not(
    short: Path, engine: Engine
) -> None:
    path = short / "s.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(os.fspath(path))
    dead.close()
    server = CommandServer(path, engine.put)
    server.start()

    with pytest.raises(ConfigError, match="is taken: somebody listens there"):
        CommandServer(path, engine.put)
    assert ask(server, PAUSE)["ok"] is True
    server.close()
    free_socket(path)


def test_a_file_in_the_socket_s_place_is_not_touched(short: Path, engine: Engine) -> None:
    path = short / "s.sock"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is taken"):
        CommandServer(path, engine.put)

    assert path.read_text() == "mine"


def test_the_path_is_short_private_and_each_session_s_own(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    one, other = (socket_path(SessionFolder(short / ("long" * 40) / name)) for name in "ab")

    assert one.parent == other.parent == short / "qtkit"
    assert one != other
    assert len(os.fsencode(one)) < LONGEST_PATH
    assert stat.S_IMODE(one.parent.stat().st_mode) == 0o700


def test_an_open_folder_of_ours_is_closed_to_others(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "qtkit").mkdir(mode=0o777)
    (short / "qtkit").chmod(0o777)

    place = socket_path(SessionFolder(short)).parent
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_place_that_is_too_long_or_no_folder_is_passed_over(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short / ("x" * 90)))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert socket_path(SessionFolder(short)).parent == short / f"qtkit-{os.getuid()}"

    (short / "qtkit").write_text("a file")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    assert socket_path(SessionFolder(short)).parent == short / f"qtkit-{os.getuid()}"


def test_no_place_at_all_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    from qtkit.sessions.control import socket as runtime

    monkeypatch.setattr(runtime, "_places", lambda: iter([short / ("x" * 90), short / "n" / "o"]))

    with pytest.raises(ConfigError, match=r"100 bytes long or more; .*Set XDG_RUNTIME_DIR"):
        socket_path(SessionFolder(short))
