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
    OrderRow,
)

__all__ = ["BookStore", "MemoryBook", "Step"]

Step = Callable[[], BookChange]


class BookStore(Protocol):
    """A broker's book: whole steps only, each kept before `commit` returns.

    `commit` is handed what returns the changes since it was called last. `on_commit` is called
    after each step is kept and before its answer goes back: what crash tests hook into.
    """

    on_commit: Callable[[], None] | None

    def load(self) -> BookState:
        """Return everything in the book, an empty state for a new one.

        Raises
        ------
        DataError
            If the book is damaged, or another version wrote it.
        """

    def commit(self, step: Step) -> None:
        """Keep a step: all of it or nothing."""

    def close(self) -> None:
        """Let go of files; the book stays, and `load` opens it again."""


class MemoryBook:
    """A book that lives as long as this object: for backtests.

    Nothing can be lost while it lives, so that steps are taken over when somebody loads them, or
    is told of each.
    """

    def __init__(self, *, on_commit: Callable[[], None] | None = None) -> None:
        self.on_commit = on_commit
        self._steps = list[BookChange]()
        self._step: Step | None = None  # what brought changes last

    def load(self) -> BookState:
        """Return everything in the book, an empty state for a new one."""
        self._take_over()
        opening, cash, confirmed = None, Decimal(0), 0
        orders, holdings, news = dict[int, OrderRow](), dict[str, Holding](), list[News]()
        for step in self._steps:
            opening, cash, confirmed = step.opening or opening, step.cash, step.confirmed
            orders |= {row.number: row for row in step.orders}
            holdings |= {holding.symbol: holding for holding in step.holdings}
            news += step.news
        return BookState(
            opening=opening,
            cash=cash,
            confirmed=confirmed,
            orders=tuple(orders.values()),
            holdings=tuple(holdings.values()),
            news=tuple(news),
        )

    def commit(self, step: Step) -> None:
        """Keep a step."""
        if step != self._step:
            self._take_over()
            self._step = step
        if self.on_commit is not None:
            self._take_over()
            self.on_commit()

    def _take_over(self) -> None:
        """Keep what changed until now."""
        if self._step is not None:
            self._steps.append(self._step())

    def close(self) -> None:
        """Keep everything: memory holds no file."""
