"""Ctrl-C, SIGTERM and a terminal that goes away: all three ask a command to end."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from qtkit.core.clock import stopwatch

__all__ = [
    "STOP_REASONS",
    "STOP_SIGNALS",
    "Interrupted",
    "Patience",
    "handle_signals",
    "interrupt_once",
    "leave",
]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_REASONS = frozenset(number.name for number in STOP_SIGNALS)
_ABORTED = 130
_PATIENCE = 10.0  # seconds that an orderly end may take before another signal cuts it short
_IMPORTING = "<frozen importlib"


class Interrupted(KeyboardInterrupt):
    """An operator's signal, told from a `KeyboardInterrupt` that a strategy raised by itself."""


Handler = Callable[[int, FrameType | None], None]


class Patience:
    """Tells the signal that asks from those that repeat it, and from the one that insists."""

    def __init__(self) -> None:
        self._since: Callable[[], float] | None = None

    def is_first(self) -> bool:
        """Whether nobody has asked before; from now on somebody has."""
        if self._since is not None:
            return False
        self._since = stopwatch()
        return True

    @property
    def is_over(self) -> bool:
        """Whether the end has taken too long for whoever asks again."""
        return self._since is not None and self._since() > _PATIENCE


@contextmanager
def handle_signals(handler: Handler) -> Iterator[None]:
    """Let `handler` take stop signals while the block runs, then put the former handlers back.

    A signal that whoever started this process has it ignore (`nohup`) stays ignored; outside the
    main thread nothing is touched.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in STOP_SIGNALS if signal.getsignal(n) not in {signal.SIG_IGN, None}]
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)


@contextmanager
def interrupt_once() -> Iterator[None]:
    """Let the first stop signal raise `KeyboardInterrupt`; what it sets in motion is left alone."""
    patience = Patience()

    def interrupt(_number: int, frame: FrameType | None) -> None:
        if patience.is_first() or patience.is_over:
            if _is_importing(frame):
                os.write(2, b"aborted\n")
                leave()
            raise Interrupted

    with handle_signals(interrupt):
        yield


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception in there comes out as something else."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False


def leave() -> None:
    """End this process as aborted, after what is registered for its end.

    A `KeyboardInterrupt` that passed through code made from text would have the interpreter end
    itself by SIGINT, whatever exit code was asked for.
    """
    if threading.current_thread() is threading.main_thread():
        # whoever asks once more would interrupt what others registered for the end
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them and stay
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(_ABORTED)
