"""How far a headless run is, on standard error: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from qtkit.runs.cell_monitor import Progress, Silent

__all__ = ["Bar", "Lines", "progress_for"]


class Bar:
    """A bar that is drawn over and over in one line of a terminal."""

    def __init__(self, stream: TextIO, total: int) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        layout = "{percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt} cells  {elapsed}  {desc}"
        self._bar: Any = tqdm(total=total, file=stream, bar_format=layout, dynamic_ncols=True)

    def begun(self, label: str) -> None:
        """Show which cell runs."""
        self._bar.set_description_str(label[:40])

    def ended(self, done: int, summary: str) -> None:
        """Move on."""
        self._bar.n = done
        self._bar.set_description_str(summary[:40])

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.set_description_str("")
        self._bar.close()


class Lines:
    """One line per cell."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total
        self._label = ""

    def begun(self, label: str) -> None:
        """Remember which cell runs."""
        self._label = label

    def ended(self, done: int, summary: str) -> None:
        """Say which cell ended, and after how long."""
        line = f"{done:>3}/{self._total} cells  {summary}  {self._label[:60]}"
        print(line.rstrip(), file=self._stream)

    def close(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()


def progress_for(total: int, *, wanted: bool, stream: TextIO | None = None) -> Progress:
    """Return who tells the progress: a bar on a terminal, lines elsewhere, nobody if not wanted."""
    where = stream if stream is not None else sys.stderr
    if not wanted:
        return Silent()
    return Bar(where, total) if where.isatty() else Lines(where, total)
