"""What a session lives under, as its journal says: settings, code, trading rules and data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from qtkit.model import events as ev
from qtkit.model.events import Topic
from qtkit.projections.base import Handler, TopicFold

__all__ = [
    "NO_SETTINGS",
    "SeenPrices",
    "SessionTerms",
    "data_digest",
    "flattened",
    "price_line",
    "settings_digest",
    "with_change",
]

_SOURCES = frozenset({"code", "instruments"})
_DATA = frozenset({"kind", "calendar", "feed.kind", "feed.address"})
NO_SETTINGS = _SOURCES | _DATA
"""Names of what a change may be of that is no setting."""


class SessionTerms(TopicFold):
    """The fold of `SessionStarted` and `SettingsChanged`.

    Attributes
    ----------
    settings
        As the journal's first line has them, with every change that was accepted.
    data
        Kind of session, ``feed.kind``, ``feed.address``, ``calendar``, and where they are known
        ahead, ``bars``: the sha256 of all their columns.
    changes
        The entries in which an operator accepted a change.
    """

    covers = frozenset({Topic.SESSION})
    ignores = frozenset({ev.SessionResumed, ev.SessionEnded, ev.StopRequested})

    def __init__(self) -> None:
        self.opening: ev.SessionStarted | None = None
        self.settings = dict[str, Any]()
        self.code = self.instruments = ""
        self.data = dict[str, str]()
        self.changes = list[ev.Entry]()

    def change(self, name: str, value: object) -> None:
        """Let one thing have another value from here on."""
        if name in _SOURCES:
            setattr(self, name, value)
        elif name in _DATA:
            self.data = {**self.data, name: str(value)}
        else:
            self.settings = with_change(self.settings, name, value)

    def started(self, _: ev.Entry, event: ev.SessionStarted) -> None:
        """Begin with what the first line has."""
        self.opening, self.settings, self.data = event, event.settings, event.data
        self.code, self.instruments = event.digests.code, event.digests.instruments

    def changed(self, entry: ev.Entry, event: ev.SettingsChanged) -> None:
        """Take a change that was accepted."""
        self.change(event.name, event.after)
        self.changes.append(entry)

    def named(self) -> dict[str, Any]:
        """Return everything that a return is compared by, under dotted names."""
        opening = self.opening
        if opening is None:
            return {}
        return {
            "strategy": opening.strategy,
            "symbols": list(opening.symbols),
            "series": [one.name for one in opening.series],
            "exchange": opening.exchange,
            **flattened(self.settings),
            "code": self.code,
            "instruments": self.instruments,
            **{name: value for name, value in self.data.items() if name in _DATA},
        }

    def digests(self, prices: Iterable[ev.LastPrice]) -> ev.Digests:
        """Return the digests that a return under these terms carries.

        Parameters
        ----------
        prices
            What the session has seen so far.
        """
        return ev.Digests(
            settings=settings_digest(self.settings),
            code=self.code,
            instruments=self.instruments,
            data=data_digest(self.data, [price_line(price) for price in prices]),
        )


SessionTerms.handlers = {
    ev.SessionStarted: SessionTerms.started,
    ev.SettingsChanged: SessionTerms.changed,
}


class SeenPrices(TopicFold):
    """Symbol, end and close of the newest bar, of every poll, in order."""

    handlers: ClassVar[Mapping[type[ev.Event], Handler]] = {}

    def __init__(self) -> None:
        self.prices = list[ev.LastPrice]()

    def prices_seen(self, _: ev.Entry, event: ev.PricesSeen) -> None:
        """Take what a poll brought."""
        self.prices += event.last


SeenPrices.handlers = {ev.PricesSeen: SeenPrices.prices_seen}


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
