"""What a user may write of an instrument or a fee: each key, what it may be, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from qtkit.core.text import closest, shown
from qtkit.model.fees import Side
from qtkit.model.instruments import Ladder, OddLots, Unit
from qtkit.model.money import is_amount

__all__ = ["CHARGE_KEYS", "PLAN_KEYS", "RULE_KEYS", "Key", "read_keys"]

_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,7}")
_LONGEST_SETTLEMENT = 30  # trading days
_LONGEST_TEXT = 200  # letters


@dataclass(frozen=True, slots=True)
class Key:
    """What may be written under a name.

    Attributes
    ----------
    read
        Returns the value; raises `ValueError` or `TypeError` where it is none.
    """

    expected: str
    read: Callable[[Any], Any]


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise ValueError
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError from None
    if not is_amount(number):
        raise ValueError
    return number


def _positive(value: object) -> Decimal:
    return _demanded(_number(value), lambda number: number > 0)


def _not_negative(value: object) -> Decimal:
    return _demanded(_number(value), lambda number: number >= 0)


def _power(value: object) -> Decimal:
    return _demanded(_positive(value), lambda number: number.as_tuple().digits == (1,))


def _share(value: object) -> Decimal:
    return _demanded(_number(value), lambda number: 0 <= number < 1)


def _limit(value: object) -> Decimal:
    return _demanded(_number(value), lambda number: 0 < number < 1)


def _demanded(number: Decimal, holds: Callable[[Decimal], bool]) -> Decimal:
    if not holds(number):
        raise ValueError
    return number


def _ladder(value: object) -> Ladder:
    """Return steps by price, from price 0 on, each price higher than the one before."""
    if not isinstance(value, list) or not value:
        raise TypeError
    steps = []
    for step in value:
        start, height = step
        steps.append((_not_negative(start), _positive(height)))
    starts = [start for start, _ in steps]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError
    return tuple(steps)


def _tick(value: object) -> Decimal | Ladder:
    return _ladder(value) if isinstance(value, list) else _positive(value)


def _band(value: object) -> Decimal | Ladder:
    return _ladder(value) if isinstance(value, list) else _limit(value)


def _days(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    if not 0 <= value <= _LONGEST_SETTLEMENT:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    if not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise ValueError
    return value


def _currency(value: object) -> str:
    if not _CURRENCY.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value


_POSITIVE = Key("a number above 0", _positive)
_AMOUNT = Key("a number of 0 or more", _not_negative)
_SHARE = Key("a share of the value, from 0 to below 1", _share)
_TEXT = Key("a short text", _text)
_CURRENCY_KEY = Key("a currency in capitals, such as USD", _currency)

RULE_KEYS: Mapping[str, Key] = {
    "currency": _CURRENCY_KEY,
    "unit": Key(f"one of {', '.join(Unit)}", Unit),
    "lot": _POSITIVE,
    "odd_lots": Key(f"one of {', '.join(OddLots)}", OddLots),
    "step": _POSITIVE,
    "minimum": _AMOUNT,
    "min_notional": _AMOUNT,
    "tick": Key('a number above 0, or [["0", TICK], [FROM_PRICE, TICK]], prices rising', _tick),
    "price_limit": Key(
        'a share such as 0.10, or [["0", MOVE], [FROM_CLOSE, MOVE]], closes rising', _band
    ),
    "settle_days": Key(f"trading days, 0 to {_LONGEST_SETTLEMENT}", _days),
    "fees": _TEXT,
    "multiplier": _POSITIVE,
    "venue_symbol": _TEXT,
}
CHARGE_KEYS: Mapping[str, Key] = {
    "name": _TEXT,
    "side": Key(f"one of {', '.join(Side)}", Side),
    "rate": _SHARE,
    "per_unit": _AMOUNT,
    "fixed": _AMOUNT,
    "minimum": _AMOUNT,
    "maximum": _POSITIVE,
    "maximum_rate": _SHARE,
    "above": _AMOUNT,
    "step": Key("a power of ten, such as 0.01 or 1", _power),
    "up": Key("true or false", _truth),
    "each_fill": Key("true or false", _truth),
    "tax": Key("true or false", _truth),
    "from": Key("a date such as 2026-03-04", _date),
    "until": Key("a date such as 2026-03-04", _date),
}
PLAN_KEYS: Mapping[str, Key] = {
    "currency": _CURRENCY_KEY,
    "source": _TEXT,
    "as_of": Key("a date such as 2026-03-04", _date),
}


def read_keys(
    written: Mapping[str, object], keys: Mapping[str, Key], found: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Put every value that is one into `found`; yield (key, what is wrong) for the others."""
    for name, value in written.items():
        key = keys.get(name)
        if key is None:
            near = closest(name, keys)
            hint = f"did you mean {near}?" if near else f"known: {', '.join(keys)}"
            yield name, f"there is no key {shown(name, 40)}; {hint}"
            continue
        try:
            found[name] = key.read(value)
        except (ValueError, TypeError, ArithmeticError):
            yield name, f"{name} was {shown(_plain(value), 60)}; expected {key.expected}"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal | date) else value
