"""What a session lives under, as its journal says: settings, code, trading rules and data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qtkit.model import events as ev

__all__ = [
    "SessionTerms",
    "data_digest",
    "flattened",
    "price_line",
    "settings_digest",
    "with_change",
]

_SOURCES = frozenset({"code", "instruments"})
_DATA = frozenset({"kind", "calendar", "feed.kind", "feed.address"})


@dataclass(slots=True)
class SessionTerms:
    """The fold of `SessionStarted`, `SettingsChanged` and the prices that were seen.

    Attributes
    ----------
    settings
        As the journal's first line has them, with every change that was accepted.
    data
        Kind of session, ``feed.kind``, ``feed.address`` and ``calendar``.
    changes
        Line, and what was accepted there.
    prices
        Symbol, end of its newest bar and close, of every poll so far.
    """

    opening: ev.SessionStarted | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    instruments: str = ""
    data: dict[str, str] = field(default_factory=dict)
    changes: list[tuple[int, ev.SettingsChanged]] = field(default_factory=list)
    prices: list[ev.LastPrice] = field(default_factory=list)

    def apply(self, entry: ev.Entry) -> None:
        """Take one journal entry into account."""
        handler = _HANDLERS.get(type(entry.event))
        if handler is not None:
            handler(self, entry)

    def change(self, name: str, value: object) -> None:
        """Let one thing have another value from here on."""
        if name in _SOURCES:
            setattr(self, name, value)
        elif name in _DATA:
            self.data = {**self.data, name: str(value)}
        else:
            self.settings = with_change(self.settings, name, value)

    def named(self) -> dict[str, Any]:
        """Return everything that a return is compared by, under dotted names."""
        opening = self.opening
        if opening is None:
            return {}
        return {
            "strategy": opening.strategy,
            "symbols": list(opening.symbols),
            "exchange": opening.exchange,
            **flattened(self.settings),
            "code": self.code,
            "instruments": self.instruments,
            **self.data,
        }

    def digests(self) -> ev.Digests:
        """Return the digests that a return under these terms carries."""
        return ev.Digests(
            settings=settings_digest(self.settings),
            code=self.code,
            instruments=self.instruments,
            data=data_digest(self.data, [price_line(price) for price in self.prices]),
        )


def flattened(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings under dotted names, as a journal reads them back; what is none is not there.

    Examples
    --------
    >>> flattened({"seed": 7, "risk": {"max_order_value": "5000"}})
    {'seed': 7, 'risk.max_order_value': '5000'}
    """
    flat, waiting = dict[str, Any](), list(json.loads(json.dumps(settings)).items())
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in value.items()]
        elif value is not None:
            flat[name] = value
    return flat


def with_change(settings: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """Return settings in which the one of a dotted name has another value.

    Examples
    --------
    >>> with_change({"seed": 7, "risk": {"max_order_value": "5"}}, "risk.max_order_value", "6")
    {'seed': 7, 'risk': {'max_order_value': '6'}}
    """
    head, _, rest = name.partition(".")
    if rest:
        inner = settings.get(head)
        below = inner if isinstance(inner, dict) else {}
        return {**settings, head: with_change(below, rest, value)}
    return {**settings, head: value}


def settings_digest(settings: dict[str, Any]) -> str:
    """Return the sha256 of settings, hex; one that is none does not count."""
    return _digest(flattened(settings))


def data_digest(data: dict[str, str], prices: list[str]) -> str:
    """Return the sha256 of what data a session has, and of the prices seen so far, hex."""
    return _digest({**data, "prices": prices})


def price_line(price: ev.LastPrice) -> str:
    """Return a price as it goes into the digest of the data."""
    return f"{price.symbol} {price.end.isoformat()} {price.close}"


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _started(terms: SessionTerms, entry: ev.Entry) -> None:
    opening: ev.SessionStarted = entry.event
    terms.opening, terms.settings, terms.data = opening, opening.settings, opening.data
    terms.code, terms.instruments = opening.digests.code, opening.digests.instruments


def _changed(terms: SessionTerms, entry: ev.Entry) -> None:
    event: ev.SettingsChanged = entry.event
    terms.change(event.name, event.after)
    terms.changes.append((entry.seq, event))


def _prices_seen(terms: SessionTerms, entry: ev.Entry) -> None:
    terms.prices += entry.event.last


_HANDLERS: dict[type, Callable[[SessionTerms, ev.Entry], None]] = {
    ev.SessionStarted: _started,
    ev.SettingsChanged: _changed,
    ev.PricesSeen: _prices_seen,
}
