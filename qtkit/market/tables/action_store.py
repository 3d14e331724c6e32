"""Local corporate actions: one dated CSV file for each instrument, for people and programs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import numpy as np

from qtkit.core.calendars import Calendar
from qtkit.core.errors import DataError
from qtkit.core.locks import in_turn
from qtkit.core.paths import lock_of, safe_name, write_atomic
from qtkit.market.trading_minutes import day_window
from qtkit.model.bars import Bars, nanos
from qtkit.model.corporate_actions import ActionKind, CorporateAction
from qtkit.model.money import is_amount

__all__ = ["ActionMerge", "ActionStore", "action_from", "adjusted_bars", "read_actions"]

COLUMNS = ("symbol", "ex_date", "kind", "value", "source")
_DEMANDED = COLUMNS[:-1]
_MOST = 5  # mistakes that one sentence names


class ActionMerge(dict[str, int]):
    """Symbol -> how many of its actions are new."""

    def __str__(self) -> str:
        return "\n".join(f"{symbol}: {count} actions added" for symbol, count in self.items())


class ActionStore:
    """Reads and writes the corporate actions of an output root.

    Parameters
    ----------
    folder
        Where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have actions, in order."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.csv")))

    def of(self, symbol: str) -> tuple[CorporateAction, ...]:
        """Return a symbol's actions in order of time; none where nobody knows any.

        Raises
        ------
        DataError
            If its file is damaged: every line that is wrong.
        """
        file = self._file(symbol)
        return read_actions(file) if file.exists() else ()

    def between(
        self, symbols: Iterable[str], after: date, until: date
    ) -> tuple[CorporateAction, ...]:
        """Return the actions of symbols with ``after < ex date <= until``, in order of time."""
        found = [a for s in symbols for a in self.of(s) if after < a.ex_date <= until]
        return tuple(sorted(found, key=_order))

    def merge(self, actions: Iterable[CorporateAction], *, replace: bool = False) -> ActionMerge:
        """Add actions to those that are there.

        Raises
        ------
        DataError
            If one contradicts what is there, unless `replace`; nothing was written.
        """
        fresh = dict[str, dict[str, CorporateAction]]()
        for action in actions:
            fresh.setdefault(action.symbol, {})[action.action_id] = action
        with in_turn(lock_of(self._folder / "all"), "the corporate actions"):
            known = {s: {a.action_id: a for a in self.of(s)} for s in fresh}
            wrong = [
                f"{action}, and there it is {known[symbol][name].value}"
                for symbol, part in fresh.items()
                for name, action in part.items()
                if name in known[symbol] and known[symbol][name].value != action.value
            ]
            if wrong and not replace:
                raise DataError(
                    f"{len(wrong)} actions contradict those that are there: "
                    f"{'; '.join(wrong[:_MOST])}; nothing was written. Find out which is right, "
                    "or let the new ones replace the old (--replace)"
                )
            for symbol, part in fresh.items():
                write_atomic(self._file(symbol), _text({**known[symbol], **part}.values()))
        return ActionMerge({s: len(part.keys() - known[s].keys()) for s, part in fresh.items()})

    def remove(self, symbol: str, ex_date: date) -> int:
        """Take a symbol's actions of a date away, and return how many there were.

        Raises
        ------
        DataError
            If there is none.
        """
        with in_turn(lock_of(self._folder / "all"), "the corporate actions"):
            known = self.of(symbol)
            rest = [action for action in known if action.ex_date != ex_date]
            if len(rest) == len(known):
                raise DataError(f"{symbol} has no corporate action with ex date {ex_date}")
            write_atomic(self._file(symbol), _text(rest))
        return len(known) - len(rest)

    def _file(self, symbol: str) -> Path:
        return self._folder / f"{safe_name(symbol, 'symbol')}.csv"


def _order(action: CorporateAction) -> tuple[date, str, str]:
    """Dividends come before splits of the same date: they are told per old share."""
    return action.ex_date, action.kind, action.symbol


def _text(actions: Iterable[CorporateAction]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([str(getattr(a, c)) for c in COLUMNS] for a in sorted(actions, key=_order))
    return text.getvalue()


def read_actions(path: Path, symbol: str = "") -> tuple[CorporateAction, ...]:
    """Return the actions of a CSV file, in order of time.

    Parameters
    ----------
    path
        With the columns symbol, ex_date (YYYY-MM-DD), kind (split or dividend), value, and source
        if anybody knows it.
    symbol
        Of all rows, where the file has no such column.

    Raises
    ------
    DataError
        With every row that is wrong.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}; check the path")
    try:
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path.name} is damaged: {problem}") from problem
    has = list(rows[0]) if rows else []
    lacks = [name for name in _DEMANDED if name not in has and not (name == "symbol" and symbol)]
    if rows and lacks:
        raise DataError(
            f"{path.name} has no column {', '.join(lacks)}; expected {', '.join(COLUMNS)}, it has "
            f"{', '.join(map(str, has))}"
        )
    found, wrong = list[CorporateAction](), list[str]()
    for line, row in enumerate(rows, start=2):
        try:
            found.append(action_from({"symbol": symbol, **row}))
        except ValueError as problem:
            wrong.append(f"line {line}: {problem}")
    names = Counter(action.action_id for action in found)
    wrong += [f"{name} stands there {count} times" for name, count in names.items() if count > 1]
    if wrong:
        more = f" and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
        raise DataError(
            f"{path.name} has wrong corporate actions: {'; '.join(wrong[:_MOST])}{more}; correct "
            "them, nothing was written"
        )
    return tuple(sorted(found, key=_order))


def action_from(row: dict[str, str | None]) -> CorporateAction:
    """Return the action that a row tells.

    Raises
    ------
    ValueError
        With everything that is wrong with it.
    """
    wrong, values = list[str](), dict[str, object]()
    readers: dict[str, Callable[[str], object]] = {
        "symbol": _symbol, "ex_date": date.fromisoformat, "kind": ActionKind, "value": _value,
    }  # fmt: skip
    expected = {
        "symbol": "a symbol", "ex_date": "a date like 2026-03-05",
        "kind": "split or dividend", "value": "a number above 0",
    }  # fmt: skip
    for name, read in readers.items():
        text = (row.get(name) or "").strip()
        try:
            values[name] = read(text)
        except (ValueError, ArithmeticError):
            wrong.append(f"{name} must be {expected[name]}, was {text[:40]!r}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return CorporateAction(**values, source=(row.get("source") or "").strip())  # type: ignore[arg-type]


def _symbol(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _value(text: str) -> Decimal:
    number = Decimal(text)
    if not text.isascii() or "_" in text or not is_amount(number) or number <= 0:
        raise ValueError(text)
    return number


def adjusted_bars(bars: Bars, actions: Sequence[CorporateAction], calendar: Calendar) -> Bars:
    """Return bars as research looks at them: earlier ones in prices and shares of the newest.

    A split divides the prices before its ex date and multiplies their volumes; a dividend scales
    these prices by ``1 - dividend / last close before it``. Nothing is rounded.
    """
    columns = {n: getattr(bars, n).copy() for n in ("open", "high", "low", "close", "volume")}
    for action in actions:
        midnight, _ = day_window(calendar, action.ex_date)
        before = int(np.searchsorted(bars.end, nanos(midnight), "right"))
        if not before:
            continue
        value = float(action.value)
        is_split = action.kind is ActionKind.SPLIT
        factor = 1 / value if is_split else 1 - value / float(bars.close[before - 1])
        for name in ("open", "high", "low", "close"):
            columns[name][:before] *= factor
        if is_split:
            columns["volume"][:before] *= value
    return replace(bars, **columns)
