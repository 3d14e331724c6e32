"""Real processes for tests of live sessions, and their certain end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from qtkit.core.clock import stopwatch
from qtkit.sessions.remote import RemoteSession

ROOT = Path(__file__).parents[2]
GRID = ROOT / "examples" / "live_grid_multi.py"
CHURN = """
from decimal import Decimal
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec

SYMBOLS = ("000651.SZ", "600036.SH", "601398.SH")

class Churn:
    def __init__(self):
        self.filled = {}
    def prepare(self, view):
        return None
    def decide(self, view, prepared):
        return [Intent(symbol=s, quantity=Decimal(100), because="again", tag="again")
                for s in SYMBOLS if view.price(s) > 0 and not view.has_open_order(s)]
    def on_fill(self, fill, view):
        self.filled[fill.fill_id] = self.filled.get(fill.fill_id, 0) + 1
    def state(self):
        return {"filled": dict(self.filled)}
    def restore(self, state):
        self.filled = dict(state.get("filled", {}))

SPEC = StrategySpec(name="churn", make=Churn, symbols=SYMBOLS, step_minutes=1)
"""


def replay(start: str = "2026-03-04T09:29:00+08:00", speed: float = 60, **feed: Any) -> Any:  # noqa: ANN401
    """Settings of a session at `speed`, with patience for a machine that is busy with tests."""
    return {
        "feed": {"speed": speed, "start": start, **feed},
        "late_after_seconds": 120,
        "price_wait_seconds": 50,
        "max_price_age_seconds": 600,
        "pulse_budget_seconds": 120,
        "price_poll_delay_budget_seconds": 60,
        "booking_budget_seconds": 60,
        "max_wait_seconds": 300,
    }


def until(holds: Callable[[], object], seconds: float = 60, what: str = "it") -> None:
    """Wait until something holds."""
    elapsed = stopwatch()
    while not holds():
        assert elapsed() < seconds, f"{what} did not happen within {seconds} s"
        Event().wait(0.03)


def pid_of(session: RemoteSession) -> int:
    return int(json.loads(session.folder.status.read_bytes())["pid"])


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().split()[2] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def beats(session: RemoteSession) -> bool:
    """Whether the engine gives a new sign of life."""
    before = session.status()["updated_at"]
    until(lambda: session.status()["updated_at"] > before, 15, "a heartbeat")
    return bool(session.status()["status"] == "running")


@contextmanager
def no_process_left(root: Path) -> Iterator[None]:
    """Kill every session under `root` that a failed test left behind."""
    try:
        yield
    finally:
        for status in root.glob("*_sessions/*/session_status.json"):
            pid = json.loads(status.read_bytes()).get("pid")
            if pid and is_alive(pid) and str(root) in _command_of(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _command_of(pid: int) -> str:
    """Return the command line of a process: nobody else's is ended."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def spawned(*words: object) -> subprocess.Popen[str]:
    """Start `qtkit` with words, in the foreground of a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "qtkit", *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
