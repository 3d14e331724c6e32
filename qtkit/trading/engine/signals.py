"""Ctrl-C, SIGTERM and SIGHUP mean an orderly stop, in a process of the engine's own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from qtkit.core.process_signals import Interrupted, Patience, handle_signals
from qtkit.trading.engine.engine import Engine

__all__ = ["stop_on_signals"]


def _in_a_kernel() -> bool:
    """Whether a notebook kernel owns this process; its handlers stay its own."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


@contextmanager
def stop_on_signals(engine: Engine) -> Iterator[None]:
    """Let a stop signal ask for an orderly stop while the block runs.

    Outside the main thread, and inside a notebook kernel, nothing is touched. Signals that follow
    change nothing; one that comes ten seconds after the first, or later, ends the process at once.
    """
    if _in_a_kernel():
        yield
        return
    patience = Patience()

    def ask(number: int, _frame: FrameType | None) -> None:
        if patience.is_first():
            engine.stop_wanted = signal.Signals(number).name
        elif patience.is_over:
            raise Interrupted

    with handle_signals(ask):
        yield
