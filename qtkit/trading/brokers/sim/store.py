"""Where the simulated broker keeps its book: the contract, and the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from qtkit.trading.brokers.sim.records import (
    BookChange,
    BookState,
    Holding,
    News,
    Opening,
    OrderRow,
)

__all__ = ["BookStore", "MemoryBook"]


class BookStore(Protocol):
    """A broker's book: whole steps only, each kept before `commit` returns.

    `on_commit` is called after each step is kept and before its answer goes back: what crash
    tests hook into.
    """

    on_commit: Callable[[], None] | None

    def load(self) -> BookState:
        """Return everything in the book, an empty state for a new one.

        Raises
        ------
        DataError
            If the book is damaged, or another version wrote it.
        """

    def commit(self, change: BookChange) -> None:
        """Keep a step: all of it or nothing."""

    def close(self) -> None:
        """Let go of files; the book stays, and `load` opens it again."""


class MemoryBook:
    """A book that lives as long as this object: for backtests."""

    def __init__(self, *, on_commit: Callable[[], None] | None = None) -> None:
        self.on_commit = on_commit
        self._opening: Opening | None = None
        self._cash = Decimal(0)
        self._confirmed = 0
        self._orders: dict[int, OrderRow] = {}
        self._holdings: dict[str, Holding] = {}
        self._news: list[News] = []

    def load(self) -> BookState:
        """Return everything in the book, an empty state for a new one."""
        return BookState(
            opening=self._opening,
            cash=self._cash,
            confirmed=self._confirmed,
            orders=tuple(self._orders.values()),
            holdings=tuple(self._holdings.values()),
            news=tuple(self._news),
        )

    def commit(self, change: BookChange) -> None:
        """Keep a step."""
        self._cash = change.cash
        self._confirmed = change.confirmed
        if change.opening is not None:
            self._opening = change.opening
        for row in change.orders:
            self._orders[row.number] = row
        for holding in change.holdings:
            self._holdings[holding.symbol] = holding
        self._news.extend(change.news)
        if self.on_commit is not None:
            self.on_commit()

    def close(self) -> None:
        """Keep everything: memory holds no file."""
