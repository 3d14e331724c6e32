"""A local table of bars of one length: one file for each symbol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import DataError
from qtkit.core.locks import in_turn
from qtkit.core.paths import TableFolder, write_atomic
from qtkit.core.text import closest
from qtkit.market.bar_order import agreed, concatenated, differences, is_tidy, take, tidy
from qtkit.market.tables.parquet import COLUMNS, decoded, encoded, length_in
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos, time_of

__all__ = [
    "BarTable",
    "MergeReport",
    "Obsolete",
    "RemovalReport",
    "bars_fingerprint",
    "bars_fingerprints",
]

_VALUES = COLUMNS[1:]

Obsolete = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Ends of bars -> which of them go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What a merge did, in bars."""

    symbol: str
    added: int  # new
    identical: int  # were there already, the same
    replaced: int  # were there already, and differed
    removed: int  # were there, and have no place beside the new ones
    total: int  # in the table now

    def __str__(self) -> str:
        return (
            f"{self.symbol}: {self.added} bars added, {self.identical} were there, "
            f"{self.replaced} replaced, {self.removed} removed, {self.total} in all"
        )

    def payload(self) -> dict[str, object]:
        """Return the report for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalReport:
    """What a removal did, in bars."""

    symbol: str
    removed: int | None  # None: the whole file
    total: int  # in the table now

    def __str__(self) -> str:
        count = "all" if self.removed is None else f"{self.removed}"
        return f"{self.symbol}: {count} bars removed, {self.total} in all"

    def payload(self) -> dict[str, object]:
        """Return the report for JSON."""
        return asdict(self)


class BarTable:
    """Reads and writes one table, such as ``stock_1min``.

    Parameters
    ----------
    root
        The folder of all tables.
    name
        The table's name.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._folder = TableFolder.named(root, name)

    @property
    def path(self) -> Path:
        """The table's folder; it need not exist yet."""
        return self._folder.path

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have bars, in order."""
        return self._folder.symbols()

    @property
    def length(self) -> BarLength | None:
        """How much time each bar covers; None while the table holds none."""
        found = (length_in(self._folder.file(symbol)) for symbol in self.symbols())
        return next((length for length in found if length is not None), None)

    def read(
        self, symbol: str, after: datetime | None = None, until: datetime | None = None
    ) -> Bars:
        """Return the bars with ``after < end <= until``; None leaves that side open.

        Raises
        ------
        DataError
            If the table has no such symbol, or its file is damaged.
        """
        path = self._folder.file(symbol)
        if not path.exists():
            raise DataError(self._absent(symbol))
        bounds = (None if at is None else nanos(at) for at in (after, until))
        bars = decoded(path, symbol, *bounds)
        return bars if after is None and until is None else bars.between(after, until)

    def write(self, bars: Bars) -> None:
        """Make these bars the symbol's only ones; the file is whole or as it was.

        Raises
        ------
        DataError
            If they are not ordered by time, each once, or of another length than the table's.
        """
        self._demand_length(bars, others=bars.symbol)
        if not is_tidy(bars):
            row = int(np.argmax(np.diff(bars.end) <= 0)) + 1
            raise DataError(
                f"the bars of {bars.symbol} are not ordered by time, each once: row {row} ends at "
                f"{time_of(int(bars.end[row]))}, not after the row before; sort them first"
            )
        with self._alone(bars.symbol):
            self._put(bars)

    def _alone(self, symbol: str) -> AbstractContextManager[None]:
        """Keep other writers of a symbol out; readers see the file before or after."""
        return in_turn(self._folder.lock(symbol), f"{symbol} of table {self.name}")

    def _demand_length(self, bars: Bars, others: str = "") -> None:
        """Refuse bars of another length than the table's; `others`: a symbol that is left out."""
        held = {s: length_in(self._folder.file(s)) for s in self.symbols() if s != others}
        for symbol, length in held.items():
            if length is not None and length is not bars.length:
                raise DataError(
                    f"table {self.name} holds bars of {length} (of {symbol}), and those of "
                    f"{bars.symbol} are of {bars.length}; nothing was written. A table holds "
                    "bars of one length: give these a table of their own"
                )

    def _put(self, bars: Bars) -> None:
        write_atomic(self._folder.file(bars.symbol), encoded(bars))

    def merge(
        self, bars: Bars, *, replace: bool = False, obsolete: Obsolete | None = None
    ) -> MergeReport:
        """Add bars to those that are there.

        Parameters
        ----------
        bars
            In any order; identical repeats are counted and left out.
        replace
            Let a new bar that differs take the place of the old one.
        obsolete
            Which of the old bars go, by their ends.

        Raises
        ------
        DataError
            If a bar contradicts one that is there, or another of the new ones, unless `replace`;
            or if they are of another length than the table's.
        FolderLocked
            If another process writes the symbol and does not come to an end.
        """
        if not len(bars) and bars.symbol not in self.symbols():
            return _nothing(bars.symbol)
        if len(bars):
            self._demand_length(bars)
        with self._alone(bars.symbol):
            whole, report = self._merged(bars, obsolete, replace=replace)
            if whole is not None:
                self._put(whole)
        return report

    def preview(
        self, bars: Bars, *, replace: bool = False, obsolete: Obsolete | None = None
    ) -> MergeReport:
        """Return what `merge` would do now, and write nothing; raises as it does."""
        if not len(bars) and bars.symbol not in self.symbols():
            return _nothing(bars.symbol)
        if len(bars):
            self._demand_length(bars)
        return self._merged(bars, obsolete, replace=replace)[1]

    def remove(self, symbol: str, chosen: Obsolete | None = None) -> RemovalReport:
        """Remove a symbol's bars, or some of them; no file stays that has none.

        Parameters
        ----------
        chosen
            Which of them, by their ends; None: all, even of a damaged file.

        Raises
        ------
        DataError
            If there is no such symbol, or its file is damaged and some bars are to stay.
        FolderLocked
            If another process writes the symbol and does not come to an end.
        """
        path = self._folder.file(symbol)
        if not path.exists():
            raise DataError(self._absent(symbol))
        with self._alone(symbol):
            if chosen is None:
                path.unlink(missing_ok=True)
                return RemovalReport(symbol=symbol, removed=None, total=0)
            old = self.read(symbol)
            keep = ~chosen(old.end)
            rest = take(old, keep)
            if not len(rest):
                path.unlink()
            elif len(rest) < len(old):
                self._put(rest)
        return RemovalReport(symbol=symbol, removed=len(old) - len(rest), total=len(rest))

    def _merged(
        self, bars: Bars, obsolete: Obsolete | None, *, replace: bool
    ) -> tuple[Bars | None, MergeReport]:
        """Return what there is to write, if anything, and what that comes to."""
        fresh = agreed(bars)
        repeats = len(bars) - len(fresh)
        if not self._folder.file(fresh.symbol).exists():
            size = len(fresh)
            return fresh, MergeReport(
                symbol=fresh.symbol,
                added=size,
                identical=repeats,
                replaced=0,
                removed=0,
                total=size,
            )
        there = agreed(self.read(fresh.symbol))
        gone = np.zeros(len(there), dtype=np.bool_) if obsolete is None else obsolete(there.end)
        old = take(there, ~gone) if gone.any() else there
        differs, shared = _compare(old, fresh)
        if differs.any() and not replace:
            raise DataError(self._contradiction(old, fresh, differs))
        changes = bool(differs.any() or gone.any() or not shared.all())
        added, changed = int((~shared).sum()), int(differs.sum())
        report = MergeReport(
            symbol=fresh.symbol,
            added=added,
            identical=len(fresh) + repeats - added - changed,
            replaced=changed,
            removed=int(gone.sum()),
            total=len(old) + added,
        )
        # Of two bars at one time the first stays.
        return tidy(concatenated(fresh, old)) if changes else None, report

    def fingerprint(self, symbol: str | None = None) -> str:
        """Return the SHA-256 of a symbol's bars, or of all; the files' layout does not matter."""
        digest = hashlib.sha256()
        if symbol is None:
            for name in self.symbols():
                digest.update(f"{name} {self.fingerprint(name)}\n".encode())
            return digest.hexdigest()
        return bars_fingerprint(self.read(symbol))

    def _absent(self, symbol: str) -> str:
        near = closest(symbol, self.symbols(), cutoff=0.5)
        hint = f"; did you mean {near}?" if near else "."
        return (
            f"table {self.name} has no bars of {symbol}{hint} Known: "
            f"{', '.join(self.symbols()) or 'nothing yet'}. Get them first "
            "(`qtkit data import --help`, `qtkit data refill --help`)"
        )

    def _contradiction(self, old: Bars, fresh: Bars, differs: NDArray[np.bool_]) -> str:
        row = int(np.argmax(differs))
        there = int(np.searchsorted(old.end, fresh.end[row]))
        before, after = (
            [float(getattr(b, c)[i]) for c in _VALUES] for b, i in ((old, there), (fresh, row))
        )
        return (
            f"{int(differs.sum())} new bars of {fresh.symbol} contradict table {self.name}, first "
            f"at {time_of(int(fresh.end[row]))}: there {before}, new {after}; nothing was written. "
            "Find out which is right, or let the new ones replace the old (--replace)"
        )


def bars_fingerprint(bars: Bars) -> str:
    """Return the SHA-256 of bars, hex: a function of their values alone."""
    digest = hashlib.sha256()
    for name in COLUMNS:
        column: NDArray[np.generic] = getattr(bars, name)
        digest.update(f"{name} {column.size}\n".encode())
        digest.update(column.astype(column.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def bars_fingerprints(bars: Mapping[str, Bars]) -> dict[str, Any]:
    """Return the SHA-256 of the bars of each of several ``symbols``, and their ``total``."""
    symbols = {symbol: bars_fingerprint(bars[symbol]) for symbol in sorted(bars)}
    lines = "".join(f"{symbol} {digest}\n" for symbol, digest in symbols.items())
    return {"total": hashlib.sha256(lines.encode()).hexdigest(), "symbols": symbols}


def _nothing(symbol: str) -> MergeReport:
    return MergeReport(symbol=symbol, added=0, identical=0, replaced=0, removed=0, total=0)


def _compare(old: Bars, fresh: Bars) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which fresh bars differ from an old one, and which have an old one at all."""
    shared = np.isin(fresh.end, old.end, assume_unique=True)
    differs = np.zeros(len(fresh), dtype=np.bool_)
    rows = np.searchsorted(old.end, fresh.end[shared])
    differs[shared] = differences(take(old, rows), take(fresh, shared))
    return differs, shared
