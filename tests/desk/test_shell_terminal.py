"""The shell at a real terminal: a pseudo-terminal, a process of its own, keys as people press."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtkit.core.clock import stopwatch

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
PATIENCE = 60.0  # seconds for any one answer
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """A terminal with somebody at it."""

    def __init__(self, handle: int) -> None:
        self._handle, self.seen, self._read_to = handle, "", 0

    def press(self, keys: str) -> None:
        os.write(self._handle, keys.encode())

    def until(self, text: str) -> None:
        """Read until `text` comes behind what was waited for before."""
        elapsed = stopwatch()
        while (found := self.seen.find(text, self._read_to)) < 0:
            assert elapsed() < PATIENCE, f"{text!r} did not come; there was: {self.seen[-2000:]}"
            ready, _, _ = select.select([self._handle], [], [], 0.2)
            if ready:
                came = os.read(self._handle, 65536).decode(errors="replace")
                self.seen += _ESCAPES.sub("", came)
        self._read_to = found + len(text)


@contextmanager
def shell(root: Path) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "qtkit", "shell", str(GRID), "--date", "2026-03-04"]
    environment = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(
        [*command, "--root", str(root)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(ours)


def test_a_person_works_at_a_terminal(tmp_path: Path) -> None:
    with shell(tmp_path) as (terminal, process):
        terminal.until("09:00:00 sleeping>")
        terminal.press("advance 09:36\r")
        terminal.until("09:36:00 running>")
        terminal.press("posit\t")
        terminal.until("positions")  # Tab completed it
        terminal.press("\r")
        terminal.until("600036.SH")
        terminal.until("running>")
        terminal.press("postions\r")
        terminal.until("did you mean 'positions'?")
        terminal.until("running>")
        terminal.press("sell 60")
        terminal.until("sell 60")
        terminal.press("\x03")  # Ctrl-C drops the line, which is drawn once more
        terminal.until("sell 60")
        terminal.until("running>")
        terminal.press("\x1b[A\r")  # the line before again
        terminal.until("did you mean 'positions'?")
        terminal.press("stop\r")
        terminal.until("ended>")
        terminal.press("bye\r")
        terminal.until("The session has ended.")
        assert process.wait(timeout=PATIENCE) == 0

    assert "Traceback" not in terminal.seen
    assert "sell" not in (tmp_path / ".shell_history").read_text()
    assert "+advance 09:36" in (tmp_path / ".shell_history").read_text()


def test_the_end_of_input_leaves_the_shell(tmp_path: Path) -> None:
    with shell(tmp_path) as (terminal, process):
        terminal.until("sleeping>")
        terminal.press("\x04")  # Ctrl-D
        assert process.wait(timeout=PATIENCE) == 0
