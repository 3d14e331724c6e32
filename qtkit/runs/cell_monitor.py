"""What really happened to each cell: papermill's own account is wrong after a death."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from qtkit.core.clock import stopwatch
from qtkit.runs.record import CellTiming, RunError

__all__ = ["CELL_KEY", "EXPECTED", "KernelRun", "Progress", "Silent", "Watch", "first_line"]

CELL_KEY = "qtkit_cell"  # in a cell's metadata: its position in the source notebook
_EXIT = "SystemExit"
EXPECTED = "raises-exception"  # tag of a cell after which a run goes on though it raised


class Progress(Protocol):
    """Somebody who is told how far a run is."""

    def begun(self, label: str) -> None:
        """Take note that a cell starts."""

    def ended(self, done: int, summary: str) -> None:
        """Take note that a cell ended."""

    def close(self) -> None:
        """Take note that the run is over."""


class Silent:
    """Tells nobody."""

    def begun(self, label: str) -> None:
        """Say nothing."""

    def ended(self, done: int, summary: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


class Watch:
    """Follows a run cell by cell and hands out the time each cell may take.

    Parameters
    ----------
    cells
        Positions of the cells that have to run, in the source notebook.
    progress
        Who is told.
    timeout
        Seconds one cell may take; None is for ever.
    time_limit
        Seconds the whole run may take, from now; None is for ever.
    """

    def __init__(
        self,
        cells: Sequence[int],
        progress: Progress,
        *,
        timeout: float | None = None,
        time_limit: float | None = None,
    ) -> None:
        self.cells = tuple(cells)
        self.completed: set[int] = set()
        self.timings: list[CellTiming] = []
        self.error: RunError | None = None  # the first
        self.raised: dict[int, str] = {}  # position of a cell -> what it raised
        self.left_early = False  # a cell called sys.exit(0)
        self.current: int | None = None  # the cell that runs, or ran last
        self.started = False
        self._source = ""
        self._progress = progress
        self.timeout = timeout
        self.time_limit = time_limit
        self._elapsed: Callable[[], float] = stopwatch()
        self._lap: Callable[[], float] = stopwatch()

    @property
    def over_limit(self) -> bool:
        """Whether the whole run has used up its time."""
        return self.time_limit is not None and self._elapsed() >= self.time_limit

    def left(self) -> float | None:
        """Return the seconds the whole run may still take; None is for ever."""
        return None if self.time_limit is None else max(self.time_limit - self._elapsed(), 0.001)

    def time_for(self, _cell: Mapping[str, Any]) -> float | None:
        """Return the seconds the next cell may take; None is for ever."""
        given = [seconds for seconds in (self.timeout, self.left()) if seconds is not None]
        return min(given, default=None)

    def begun(self, cell: Mapping[str, Any], **_: object) -> None:
        """Note that a cell was sent to the kernel."""
        self.started = True
        self._lap = stopwatch()
        self.current = cell["metadata"].get(CELL_KEY, self.current)
        self._source = first_line(cell["source"])
        if self._counts(cell):
            self._progress.begun(self._source)

    def executed(
        self, cell: Mapping[str, Any], execute_reply: Mapping[str, Any], **_: object
    ) -> None:
        """Note that a cell ended, well or not."""
        good = execute_reply["content"]["status"] == "ok"
        if self._counts(cell):
            seconds = round(self._lap(), 4)
            position = cell["metadata"][CELL_KEY]
            self.timings.append(CellTiming(cell=position, seconds=seconds))
            if good:
                self.completed.add(position)
            self._progress.ended(len(self.completed), f"{seconds:7.2f} s")

    def failed(
        self, cell: Mapping[str, Any], execute_reply: Mapping[str, Any], **_: object
    ) -> None:
        """Note that a cell raised, whether it was meant to or not."""
        ename = str(execute_reply["content"].get("ename", ""))
        evalue = str(execute_reply["content"].get("evalue", ""))
        if self._counts(cell):
            self.raised[cell["metadata"][CELL_KEY]] = f"{ename}: {evalue}".rstrip(": ")
        self.left_early = self.left_early or (ename == _EXIT and evalue in {"", "0", "None"})
        self.error = self.error or self.broken_by(ename, evalue)

    def broken_by(self, ename: str, evalue: str) -> RunError:
        """Return an error at the cell that runs."""
        return RunError(ename=ename, evalue=evalue, cell=self.current, source=self._source)

    def _counts(self, cell: Mapping[str, Any]) -> bool:
        """Whether a cell is one of the source notebook's."""
        return cell["metadata"].get(CELL_KEY) is not None


@dataclass(slots=True)
class KernelRun:
    """One run of one notebook.

    Attributes
    ----------
    notebook
        The copy to execute, in place.
    folder
        The folder the cells run in.
    parameters
        Values to inject.
    watch
        Who follows the cells.
    scenarios
        Where the scenarios of an engine under inspection are written.
    executed
        The notebook as far as it was executed, in memory; None until the kernel is asked for.
    last_words
        What the kernel's process wrote to its own standard error, last lines.
    """

    notebook: Path
    folder: Path
    parameters: dict[str, Any]
    watch: Watch
    scenarios: Path
    executed: Any = None
    last_words: str = ""


def first_line(source: str) -> str:
    """Return the first line of code that is no comment, or the first line."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith("#")]
    return (code or lines or [""])[0][:120]
