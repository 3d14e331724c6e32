"""What a broker's adapter returns, taken over by type before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TypeVar

import msgspec
from msgspec.structs import astuple

from qtkit.core.errors import BrokerError, ConfigError
from qtkit.core.text import sentence_of, shown
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    BrokerAccept,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerOrderEnd,
)

__all__ = [
    "NewsItem",
    "Unusable",
    "account_of",
    "ack_of",
    "moment_of",
    "name_of",
    "news_of",
    "order_of",
]

_Kind = TypeVar("_Kind", bound=msgspec.Struct)
_NO_COPY = (TypeError, ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Unusable:
    """A piece of news that is none: told and kept out, so that it does not cost the others."""

    why: str


NewsItem = BrokerEvent | Unusable


def ack_of(answer: object, call: str) -> Ack:
    """Return the answer to `submit` or `cancel`; raises `BrokerError` if it is none."""
    return _copied(answer, Ack, call)


def order_of(answer: object, order_id: str) -> BrokerOrder | None:
    """Return the answer to `find`; raises `BrokerError` if it is none, or of another order."""
    if answer is None:
        return None
    found = _copied(answer, BrokerOrder, "find")
    if found.order_id != order_id:
        raise _broken("find", f"order {shown(found.order_id)}", f"order {order_id} or None")
    return found


def account_of(answer: object) -> AccountReport:
    """Return the answer to `account`; raises `BrokerError` if it is none, or tells no numbers."""
    report = _copied(answer, AccountReport, "account")
    odd = [f"cash {report.cash}"] if not report.cash.is_finite() else []
    odd += [f"{s} {q} shares" for s, q in report.positions.items() if not q.is_finite()]
    if odd:
        raise _broken("account", ", ".join(odd[:5]), "finite numbers")
    return report


def news_of(answer: object) -> tuple[NewsItem, ...]:
    """Return what `poll_fills` told, item by item; raises `BrokerError` if it is no sequence."""
    if type(answer) is list:
        return tuple(map(_item, answer))
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise _broken("poll_fills", shown(answer), "a sequence of BrokerEvent, empty for no news")
    return tuple(_item(item) for item in answer)


def moment_of(answer: object) -> datetime | None:
    """Return the answer to `next_event_at`; raises `BrokerError` if it is no time with a zone."""
    if answer is None or (isinstance(answer, datetime) and answer.tzinfo is not None):
        return answer
    raise _broken("next_event_at", shown(answer), "a time with its zone, or None")


def name_of(broker: object) -> str:
    """Return a broker's name; raises `ConfigError` if it is no text."""
    name = getattr(broker, "name", None)
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ConfigError(
            f"a broker's name is a printable text, was {shown(name)}; mend its adapter"
        )
    return name


def _item(item: object) -> NewsItem:
    kind = _NEWS.get(type(item), BrokerAccept)
    try:
        return _copied(item, kind, "poll_fills")
    except BrokerError as problem:
        return Unusable(str(problem))


def _is_sound(answer: msgspec.Struct) -> bool:
    """Whether every field of a frozen answer is plainly what it should be: no copy is needed."""
    kind, values = type(answer), astuple(answer)
    if tuple(map(type, values)) != _PLAIN.get(kind):
        return False
    if kind is Ack:
        return values[0] in _ANSWERS and "".join(values).isascii()
    return values[8].tzinfo is UTC and "".join((*values[:4], values[9])).isascii()


_NEWS: dict[type, type[BrokerEvent]] = {kind: kind for kind in (BrokerFill, BrokerOrderEnd)}
_PLAIN: dict[type, tuple[type, ...]] = {
    Ack: (str,) * 4,
    BrokerFill: (*(str,) * 4, *(Decimal,) * 4, datetime, str),
}
_ANSWERS = frozenset({"accepted", "refused", "later"})


@cache
def _decoder(kind: type[_Kind]) -> msgspec.json.Decoder[_Kind]:
    return msgspec.json.Decoder(kind)


def _copied(answer: object, kind: type[_Kind], call: str) -> _Kind:
    """Return a copy of an answer in which every field has the type that it should have."""
    if not isinstance(answer, kind):
        raise _broken(call, shown(answer), kind.__name__)
    if type(answer) is kind and _is_sound(answer):
        return answer
    try:
        copy: _Kind = _decoder(kind).decode(_encoder.encode(answer))
    except _NO_COPY as problem:
        found = f"{shown(answer)} ({sentence_of(problem)})"
        raise _broken(call, found, f"{kind.__name__} with fields of their types") from None
    return copy


def _broken(call: str, found: str, expected: str) -> BrokerError:
    return BrokerError(f"the broker's {call} returned {found}; expected {expected}")
