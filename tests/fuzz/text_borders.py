"""Configuration, `.env`, calendar overlay: what people write by hand."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.calendars import exchange_calendar
from qtkit.core.calendars.protocol import Calendar
from qtkit.journal.codec import START, decode, encode
from qtkit.model.events import CommandReceived, Entry
from qtkit.runtime.configuration.keys import all_keys
from qtkit.runtime.configuration.models import Configuration
from qtkit.runtime.configuration.reader import read_configuration
from tests.fuzz.border import Border, Outcome, outcome_of
from tests.fuzz.corpus import Corpus
from tests.fuzz.mutations import ASSIGNMENTS, Dice, mutated

_NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_FEW = b'[session]\nseed = 3\ndata = "synthetic"\n[risk]\nmax_order_value = 5000.5\n'
_OVERLAY = b"""[XSHG]
known_until = 2027-12-31
holidays = [2027-01-01, 2027-02-08]
extra_sessions = [2027-02-06]
half_days = { 2027-02-05 = 11:30:00, 2026-03-05 = 10:30:00 }

[XNYS]
holidays = [2026-03-05]
"""


def text_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield them."""

    def config(dice: Dice, folder: Path) -> None:
        """Each value of the file is in force as it stands there, and a journal can hold it."""
        path = folder / "qtkit.toml"
        path.write_bytes(mutated(dice.pick((corpus.config, _FEW)), dice, ASSIGNMENTS))
        _judge(path, outcome_of(lambda: read_configuration(path)))

    def dotenv(dice: Dice, folder: Path) -> None:
        """A line ``QTKIT_…__…=value`` is in force, or the file is refused; none is passed over."""
        path, env = folder / "qtkit.toml", folder / ".env"
        path.write_bytes(_FEW)
        env.write_bytes(mutated(corpus.dotenv, dice, ASSIGNMENTS))
        found = outcome_of(lambda: read_configuration(path))
        if found.refusal is None:
            _every_plain_line_counts(env.read_bytes().decode(), found.value)
            _can_be_journalled(found.value, corpus)

    def overlay(dice: Dice, folder: Path) -> None:
        """Days named in the file are open or closed as it says; the others are as without it."""
        path = folder / "calendar_overlay.toml"
        path.write_bytes(mutated(_OVERLAY, dice, ASSIGNMENTS))
        for name in ("XSHG", "XNYS"):
            found = outcome_of(lambda name=name: exchange_calendar(name, path))  # type: ignore[misc]
            if found.refusal is None:
                _calendar_says(found.value, _tables(path).get(name, {}))

    def _judge(path: Path, found: Outcome) -> None:
        if found.refusal is None:
            _in_force(_tables(path), found.value)
            _can_be_journalled(found.value, corpus)

    yield Border("config", config)
    yield Border("dotenv", dotenv)
    yield Border("overlay", overlay)


def _tables(path: Path) -> dict[str, Any]:
    """Return what the standard library reads in a file; a mark of the byte order is no text."""
    return tomllib.loads(path.read_bytes().decode("utf-8-sig"), parse_float=Decimal)


# --- settings ------------------------------------------------------------------------------------


def _in_force(tables: Mapping[str, Any], found: Configuration) -> None:
    """Demand that each value of the file is the one that counts; the environment names none."""
    assert not [name for name in os.environ if name.upper().startswith("QTKIT_")]
    for section, table in tables.items():
        assert isinstance(table, dict), f"{section} is no table, and was accepted"
        for name, value in table.items():
            assert f"{section}.{name}" in all_keys(), f"{section}.{name} was accepted"
            now = _value(found, f"{section}.{name}")
            assert _means(value, now), f"{section}.{name} = {value!r} came in as {now!r}"


def _value(found: Configuration, title: str) -> object:
    key = all_keys()[title]
    owners = (found.settings, found.run, found.account)
    value: Any = next(owner for owner in owners if isinstance(owner, key.model))
    for part in key.path:
        value = getattr(value, part)
    return value


def _means(written: object, value: Any) -> bool:  # noqa: ANN401 - a setting
    """Whether a value is what somebody wrote, the way a person reads it."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(written, bool) or isinstance(value, bool):
        return str(written).lower() == str(value).lower()
    if value is None:
        return str(written).lower() == "none"
    if isinstance(written, list | dict):
        return len(written) == len(value)
    if isinstance(value, time | datetime):
        return str(written)[:5] == str(value)[:5]
    if isinstance(value, int | float | Decimal):
        return _same_number(str(written), value)
    return str(written) == str(value)


def _same_number(written: str, value: float | Decimal) -> bool:
    try:
        number = Decimal(written)
    except InvalidOperation:
        return False
    if not (written.isascii() and "_" not in written):
        return False
    return number.is_finite() and (
        number == Decimal(value) if not isinstance(value, float) else float(number) == value
    )


def _can_be_journalled(found: Configuration, corpus: Corpus) -> None:
    """Demand that a journal takes the settings and gives them back."""
    settings = found.settings.for_journal(corpus.spec)
    event = CommandReceived(trading_date=date(2026, 3, 4), command="x", arguments=settings, by="x")
    entry, _ = decode(encode(Entry(seq=1, at=_NOON, event=event), START))
    assert isinstance(entry.event, CommandReceived)
    assert msgspec.json.encode(entry.event.arguments) == msgspec.json.encode(settings)


def _every_plain_line_counts(text: str, found: Configuration) -> None:
    """Demand that the last plain line of each key is in force; quotes and escapes are left out."""
    last = dict[str, str]()
    for line in text.split("\n"):
        name, sign, value = line.partition("=")
        name = name.strip().removeprefix("export ").strip().upper()
        if not name.startswith("QTKIT_") or "__" not in name or not name.isascii():
            continue
        last[name.removeprefix("QTKIT_")] = value.strip() if sign else "no value"
    for name, value in last.items():
        title = name.lower().replace("__", ".", 1)
        if set(value) & set("\"'#$\\\r") or not value.isprintable() or "\r" in text:
            continue
        assert title in all_keys(), f".env names {name}, which was passed over"
        now = _value(found, title)
        assert _means(value, now), f"{name}={value[:60]} came in as {now!r}"


# --- calendars -----------------------------------------------------------------------------------


def _calendar_says(calendar: Calendar, part: dict[str, Any]) -> None:
    """Demand that a calendar agrees with a file, read by the standard library."""
    assert not part.keys() - {"known_until", "holidays", "extra_sessions", "half_days"}
    closed = {day for day in part.get("holidays", []) if isinstance(day, date)}
    for day in closed:
        assert day not in calendar.sessions(day, day), f"{day} is a holiday and open"
    for day in part.get("extra_sessions", []):
        assert tuple(calendar.sessions(day, day)) == (day,), f"{day} is extra and closed"
    for text, close in part.get("half_days", {}).items():
        segments = calendar.segments(date.fromisoformat(text))
        assert segments, f"{text} is a half day without trading"
        last = segments[-1].end.astimezone(calendar.zone)
        assert last.time() == close, f"{text} closes at {last:%H:%M}, not at {close}"
    for day in (date(2026, 3, 4), date(2026, 3, 6)):
        if day not in {*closed, *map(date.fromisoformat, part.get("half_days", {}))}:
            without = exchange_calendar("XSHG" if "hai" in str(calendar.zone) else "XNYS")
            assert calendar.segments(day) == without.segments(day)
