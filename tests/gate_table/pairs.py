"""All pairs: a few cells of a large table in which each two values meet at least once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

Cell = tuple[object, ...]
_Pair = tuple[int, object, int, object]


def pairs_of(cell: Cell) -> set[_Pair]:
    """Return each two values of a cell with their places."""
    return {(i, cell[i], j, cell[j]) for i, j in combinations(range(len(cell)), 2)}


def all_pairs(dimensions: Sequence[Sequence[object]]) -> list[Cell]:
    """Return cells that together hold every pair of values, chosen greedily, always the same.

    The next cell is the one with the most pairs that have not met yet; of equals, the first in the
    order of the full table.
    """
    table = [(cell, pairs_of(cell)) for cell in product(*dimensions)]
    left = {pair for _, pairs in table for pair in pairs}
    chosen: list[Cell] = []
    while left:
        cell, pairs = max(table, key=lambda row: len(row[1] & left))
        chosen.append(cell)
        left -= pairs
    return chosen
