"""Stop signals as one orderly interruption, for command lines that own their process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from qtkit.core.process_signals import handle_signals

__all__ = ["StopSignals", "stop_signals"]


class StopSignals:
    """Notes stop signals; while armed, the first one raises `KeyboardInterrupt`.

    Attributes
    ----------
    seen
        How many stop signals came.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._armed = False

    def arm(self) -> None:
        """Let the next stop signal interrupt; one that came already interrupts now."""
        self._armed = True
        if self.seen:
            self._interrupt()

    def disarm(self) -> None:
        """Let nothing interrupt what comes now: a record is being written."""
        self._armed = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal."""
        self.seen += 1
        if self._armed:
            self._interrupt()

    def _interrupt(self) -> None:
        """Interrupt once."""
        self._armed = False
        raise KeyboardInterrupt


@contextmanager
def stop_signals(*, install: bool) -> Iterator[StopSignals]:
    """Handle stop signals for the time of a block, then put the former handlers back.

    Parameters
    ----------
    install
        Whether this process is ours. In somebody's notebook kernel, or outside the main thread, the
        handlers stay as they are.
    """
    stop = StopSignals()
    if not install:
        yield stop
        return
    with handle_signals(stop):
        yield stop
