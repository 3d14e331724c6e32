"""Live sessions as real processes: begun, commanded, stopped, and left alone by whoever dies."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit as command_line
from qtkit.core.clock import stopwatch
from qtkit.core.errors import ConfigError, DataError, SessionUnreachable
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.market.bar_order import is_tidy
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.model import events as ev
from qtkit.sessions.control.kill_switch import lift_account
from qtkit.sessions.live import run_live
from qtkit.sessions.remote import RemoteSession, open_session
from tests.sessions.live_processes import (
    CHURN,
    GRID,
    ROOT,
    beats,
    is_alive,
    no_process_left,
    pid_of,
    replay,
    spawned,
    until,
)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "outputs"
    with no_process_left(place):
        yield place


@pytest.fixture
def session(root: Path) -> RemoteSession:
    """Return a session on the account demo, before the open."""
    settings = replay("2026-03-04T09:00:00+08:00", 1)
    return RemoteSession.start(GRID, root=root, new_account="demo", settings=settings)


def qtkit(*words: object) -> Result:
    return CliRunner().invoke(command_line, [str(word) for word in words])


def test_from_start_to_stop(session: RemoteSession, root: Path) -> None:
    status = session.status()
    assert (status["status"], status["account"], status["terminal"]) == ("running", "demo", False)
    assert session.is_running
    socket = Path(str(status["socket"]))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert len(os.fsencode(socket)) < 100
    pid = pid_of(session)
    assert beats(session)

    done = session.command("pause", by="anna")
    assert [type(entry.event) for entry in done.entries] == [ev.CommandReceived, ev.StatusChanged]
    assert str(done) == f"pause: journal lines {done.lines[0]} to {done.lines[1]}"
    assert session.view.state.status == "paused"
    with pytest.raises(ConfigError, match="pause was refused: the engine is paused: nothing to"):
        session.command("pause")
    with pytest.raises(ConfigError, match="is no command 'paus'"):
        session.command("paus")

    other = open_session(session.session_id[:10], root=root)
    assert other.folder == session.folder
    assert other.view.state.status == "paused"
    line = qtkit("attach", session.folder.path, "--ask", "note text='all quiet'", "--by", "anna")
    assert line.exit_code == 0
    assert 'command=note arguments={"text":"all quiet"} by=anna' in line.output
    shown = qtkit("attach", session.session_id, "-c", "status", "--root", root)
    assert "paused" in shown.output
    assert session.entries()[-1].event.by == "anna" or session.entries(after=5)
    assert "kill switch    off" in str(session)
    bundle = session._repr_mimebundle_()
    assert "<table" in str(bundle["text/html"])
    assert session.evidence().running

    assert session.stop()["status_reason"] == "stop"
    until(lambda: not is_alive(pid), 60, "the end of the process")
    assert not socket.exists()
    assert session.stop()["terminal"] is True
    with pytest.raises(SessionUnreachable, match="nothing was sent: it is stopped"):
        session.command("pause")
    assert session.folder.report.exists()
    assert session.folder.console.read_text() == ""


def test_a_configuration_file_names_strategy_account_and_feed(root: Path) -> None:
    file = root.parent / "qtkit.toml"
    file.write_text(
        f"""
[session]
strategy = "{GRID}"
root = "{root}"
[account]
name = "demo"
new = true
[feed]
start = "2026-03-04T09:00:00+08:00"
""",
        encoding="utf-8",
    )
    file.with_name(".env").write_text("QTKIT_FEED__TOKEN=s3cret\n", encoding="utf-8")
    session = RemoteSession.start(config=file, root=root, settings={"feed": {"speed": 2}})
    config = json.loads((session.folder.config).read_text(encoding="utf-8"))
    session.stop()

    assert session.entries()[0].event.account == "demo"
    assert config["settings"]["feed"]["speed"] == 2
    assert config["settings"]["feed"]["start"].startswith("2026-03-04T")
    texts = [p.read_bytes() for p in session.folder.path.rglob("*") if p.is_file()]
    assert [text for text in texts if b"s3cret" in text] == []


def test_killing_and_lifting_through_the_second_door(session: RemoteSession, root: Path) -> None:
    killed = qtkit("kill", "demo", "--root", root, "--by", "anna", "--why", "odd prices")
    assert killed.exit_code == 0
    assert "looks at the file" in killed.output
    until(lambda: session.view.state.killed, 60, "the kill switch")
    nameless = qtkit("kill", "demo", "--root", root, "--lift", "--by", "bert")
    assert "needs who and why" in str(nameless.exception)
    assert session.view.state.killed

    lifted = qtkit("kill", "demo", "--root", root, "--lift", "--by", "bert", "--why", "fine")
    assert "lift: journal lines" in lifted.output
    assert not session.view.state.killed
    told = [e.event for e in session.entries() if isinstance(e.event, ev.KillSwitchSet)]
    assert [(k.on, k.by, k.why) for k in told] == [
        (True, "anna", "odd prices"),
        (False, "bert", "fine"),
    ]
    session.stop()


def test_an_engine_that_hangs_is_told_apart_and_can_still_be_killed(
    session: RemoteSession, root: Path
) -> None:
    pid = pid_of(session)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SessionUnreachable, match=r"note was sent .* no answer came within 0.3"):
            session.command("note", timeout=0.3)
        assert "is ON" in qtkit("kill", "demo", "--root", root).output
        place = OutputRoot(root).account("paper", "demo")
        with pytest.raises(SessionUnreachable, match="lift was sent"):
            lift_account(place, by="bert", why="fine", timeout=0.3)
        said = [json.loads(line) for line in place.kill_file.read_text().splitlines()]
        assert [(line["by"], line["why"]) for line in said] == [
            ("operator", "by hand"),
            ("bert", "lifting it failed"),
        ]
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: session.view.state.killed, 60, "the kill switch")
    session.stop()


def test_a_process_that_was_killed_is_told_and_resumed_on_its_account(
    session: RemoteSession, root: Path
) -> None:
    os.kill(pid_of(session), signal.SIGKILL)
    until(lambda: session.status()["status"] == "crashed", 10, "the news of the crash")
    known = recorded_bars(session.folder)
    assert known
    with pytest.raises(SessionUnreachable, match="nothing was sent: its process is gone"):
        session.command("pause")

    settings = replay("2026-03-04T09:00:00+08:00", 1)
    again = RemoteSession.start(GRID, root=root, account="demo", settings=settings)
    assert again.folder.path.samefile(session.folder.path)
    assert any(isinstance(e.event, ev.SessionResumed) for e in again.entries())
    assert session.command("note", by="anna").lines
    assert again.stop()["status"] == "stopped"
    whole = recorded_bars(session.folder)
    assert not session.folder.feed_polls.exists()
    assert all(is_tidy(bars) for bars in whole.values())
    assert all(set(bars.end) <= set(whole[symbol].end) for symbol, bars in known.items())


def test_an_idle_session_uses_under_two_percent_of_a_core_and_keeps_its_account(
    session: RemoteSession, root: Path
) -> None:
    times = Path("/proc") / str(pid_of(session)) / "stat"
    ticks = os.sysconf("SC_CLK_TCK")

    def cpu() -> float:
        fields = times.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    beats(session)
    before, elapsed = cpu(), stopwatch()
    until(lambda: elapsed() > 3, 30)
    used = cpu() - before

    assert used / elapsed() < 0.02
    with pytest.raises(ConfigError, match=f"'demo'.* {pid_of(session)}"):
        RemoteSession.start(GRID, root=root, account="demo", settings=replay())
    assert session.is_running
    session.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_session_in_the_foreground_and_more_change_nothing(
    root: Path, number: int
) -> None:
    settings = root.parent / "settings.json"
    settings.write_text(json.dumps(replay("2026-03-04T09:40:00+08:00", 1)))
    process = spawned("live", GRID, "--root", root, "--settings", settings)
    assert process.stdout is not None
    folder = process.stdout.readline().strip()
    for _ in range(20):
        process.send_signal(number)
        Event().wait(0.02)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert "Traceback" not in said
    session = open_session(folder)
    assert session.status()["status_reason"] == signal.Signals(number).name
    assert isinstance(session.entries()[-1].event, ev.SessionEnded)
    assert any(isinstance(e.event, ev.DayClosed) and e.event.early for e in session.entries())


def test_what_cannot_start_says_why_and_leaves_nothing(root: Path) -> None:
    with pytest.raises(ConfigError, match="is no account 'nobody'"):
        RemoteSession.start(GRID, root=root, account="nobody")
    with pytest.raises(ConfigError, match="spede"):
        RemoteSession.start(GRID, root=root, settings={"feed": {"spede": 60}})
    with pytest.raises(DataError, match="XSHG is known from"):
        RemoteSession.start(GRID, root=root, settings=replay("2031-03-04T09:00:00+08:00"))
    with pytest.raises(ConfigError, match="name a strategy's file"):
        RemoteSession.start(root=root)

    assert not (root / "paper_sessions").exists()


def test_what_a_strategy_prints_stands_in_the_session_s_folder(root: Path) -> None:
    root.mkdir()
    file = root.parent / "loud.py"
    first = "        return [Intent("
    loud = CHURN.replace(first, f'        print("I decide", flush=True)\n{first}')
    file.write_text(loud, encoding="utf-8")
    settings = replay("2026-03-04T09:29:50+08:00", 60)
    session = RemoteSession.start(file, root=root, settings=settings)
    until(lambda: "I decide" in session.folder.console.read_text(), 15, "a word")

    assert session.is_running
    session.stop()


def test_a_strategy_that_loses_its_state_ends_its_process_and_says_so(root: Path) -> None:
    root.mkdir()
    file, asked = root.parent / "lost.py", root.parent / "settings.json"
    file.write_text(CHURN.replace("self.filled[fill.fill_id] =", "1 / 0 #"), encoding="utf-8")
    asked.write_text(json.dumps(replay("2026-03-04T09:29:50+08:00", 120)), encoding="utf-8")
    process = spawned("live", file, "--root", root, "--settings", asked)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 4, said
    assert "StrategyError: on_fill raised ZeroDivisionError" in said
    session = open_session(said.splitlines()[0])
    assert session.status()["status"] == "crashed"
    assert "session_failed" in session.folder.sys_log.read_text()
    assert [e for e in session.entries() if isinstance(e.event, ev.OrderFilled)]


def test_a_shell_that_fails_stops_the_session_in_order(root: Path, tmp_path: Path) -> None:
    def fails(_: SessionFolder) -> None:
        raise OSError("no terminal")

    with pytest.raises(OSError, match="no terminal"):
        run_live(GRID, root=OutputRoot(root), settings=replay(), meanwhile=fails)

    (folder,) = (root / "paper_sessions").iterdir()
    status = open_session(folder).status()
    assert (status["status"], status["status_reason"]) == ("stopped", "OSError")


def test_a_process_that_does_not_trade_in_time_is_ended(root: Path) -> None:
    with pytest.raises(SessionUnreachable, match=r"not trade within 0.01 s and was"):
        RemoteSession.start(GRID, root=root, settings=replay(), timeout=0.01)

    until(lambda: str(root) not in _commands(), 60, "the end of the process")


def _commands() -> str:
    lines = list[bytes]()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes())
        except OSError:
            continue  # it has ended
    return b"\n".join(lines).decode(errors="replace")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "cannot be read"), ("[]", "must be an object"), ('{"feed": {"speed": -1}}', "speed")],
)
def test_settings_that_are_none_are_refused(root: Path, text: str, sentence: str) -> None:
    file = root.parent / "settings.json"
    file.write_text(text)
    refused = qtkit("live", GRID, "--root", root, "--settings", file)

    assert sentence in str(refused.exception)
    assert not root.exists()


def test_lines_that_are_no_commands_are_refused(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    for line, sentence in (
        ("buy 600036.SH", "arguments are written KEY=VALUE"),
        ("", "is no command"),
        ("note 'open", "is no command"),
    ):
        refused = qtkit("attach", tmp_path, "--ask", line)
        assert sentence in str(refused.exception)


# --- whoever started it may die ---------------------------------------------------------------

STARTER = """
import sys, threading
from qtkit.sessions.remote import RemoteSession, open_session
session = RemoteSession.start({strategy!r}, root={root!r}, settings={settings!r})
print(session.folder.path, flush=True)
threading.Event().wait(600)
"""


def starter(root: Path) -> str:
    settings = replay("2026-03-04T09:40:00+08:00", 1)
    return STARTER.format(strategy=str(GRID), root=str(root), settings=settings)


def test_killing_the_kernel_that_started_it_leaves_a_session_trading(root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", starter(root)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as kernel:
        assert kernel.stdout is not None
        session = open_session(kernel.stdout.readline().strip())
        kernel.kill()

    assert beats(session)
    assert session.command("note", by="anna").lines
    assert session.stop()["status"] == "stopped"


def notebook_of(source: str) -> dict[str, object]:
    cell: dict[str, object] = {
        "cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [],
        "source": source,
    }  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def test_sigterm_to_papermill_leaves_a_session_trading(root: Path, tmp_path: Path) -> None:
    notebook, executed = tmp_path / "starter.ipynb", tmp_path / "executed.ipynb"
    notebook.write_text(json.dumps(notebook_of(starter(root))), encoding="utf-8")
    command = [sys.executable, "-m", "papermill", str(notebook), str(executed)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        pattern = "paper_sessions/*/session_status.json"
        until(lambda: list(root.glob(pattern)), 60, "a session")
        run.send_signal(signal.SIGTERM)
        run.wait(30)
    (status,) = root.glob(pattern)
    session = open_session(status.parent)

    assert beats(session)
    assert session.stop()["status"] == "stopped"
