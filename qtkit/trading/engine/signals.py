"""Ctrl-C and SIGTERM mean an orderly stop, in a process of the engine's own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from qtkit.trading.engine.loop import Engine

__all__ = ["stop_on_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _in_a_kernel() -> bool:
    """Whether a notebook kernel owns this process; its handlers stay its own."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


@contextmanager
def stop_on_signals(engine: Engine) -> Iterator[None]:
    """Let SIGINT and SIGTERM ask for an orderly stop while the block runs.

    Outside the main thread, and inside a notebook kernel, nothing is touched. A second signal
    does what it did before: it ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread() or _in_a_kernel():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _frame: FrameType | None) -> None:
        engine.stop_wanted = signal.Signals(number).name
        signal.signal(number, before[signal.Signals(number)])

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
