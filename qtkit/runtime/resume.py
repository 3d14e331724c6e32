"""How a session that was cut off goes on: under what its journal says, or what was accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from pydantic import ValidationError

from qtkit.core.errors import ConfigError, JournalCorrupt
from qtkit.core.paths import SessionFolder
from qtkit.market.bar_order import differences, empty_bars, take
from qtkit.market.feeds.recorder import recorded_bars
from qtkit.model.bars import nanos, time_of
from qtkit.model.events import Digests, LastPrice, SettingsChanged
from qtkit.model.money import decimal_of
from qtkit.projections.session_terms import SessionTerms, flattened
from qtkit.runtime.market_data import MarketData
from qtkit.runtime.plan import SessionPlan
from qtkit.runtime.session_reader import Reading
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.sources import code_digest, data_sources

__all__ = ["FIXED", "Return", "returned"]

_SCHEDULE = "the day's schedule stands in the journal"
_PAST = "what the session has seen and done is of it"

FIXED: Mapping[str, str] = {
    "strategy": "another strategy is another session",
    "symbols": _PAST,
    "series": _PAST,
    "exchange": _PAST,
    "kind": _PAST,
    "mode": _PAST,
    "seed": _PAST,
    "data": _PAST,
    "table": _PAST,
    "broker": _PAST,
    "opening_cash": "the account was opened with it",
    "bar_length": _PAST,
    "step_minutes": _SCHEDULE,
    "price_poll_minutes": _SCHEDULE,
    "close_offset_minutes": _SCHEDULE,
    "refill": _SCHEDULE,
    "split_strategy_prepare": _SCHEDULE,
    "prepare_lead_seconds": _SCHEDULE,
    "startup_gate_mode": "a session's gate is judged in one mode",
    "prices": _PAST,
}
"""Name -> why it never changes on a return. Everything else may, by name and reason."""

_MOST = 3  # prices that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a session that was cut off goes on under.

    Attributes
    ----------
    plan
        With the settings that the journal says.
    changes
        What was accepted, for the journal.
    """

    plan: SessionPlan
    digests: Digests
    changes: tuple[SettingsChanged, ...] = ()


@dataclass(frozen=True, slots=True)
class _Difference:
    name: str
    before: object
    after: object

    def __str__(self) -> str:
        why = f" (it never changes: {FIXED[self.name]})" if self.name in FIXED else ""
        return (
            f"{self.name}: the journal has {_shown(self.before)}, asked for is "
            f"{_shown(self.after)}{why}"
        )


def returned(plan: SessionPlan, reading: Reading) -> Return:
    """Return what a session goes on under.

    Parameters
    ----------
    plan
        What is asked for; it is only compared, but for what its acceptance covers.
    reading
        The session's journal.

    Raises
    ------
    ConfigError
        With every difference that was not accepted, or never can be: name, the journal's value,
        and the one asked for now.
    """
    terms, seen = reading.terms, reading.seen.prices
    before = {**terms.named(), **flattened(_completed(terms.settings))}
    now = _asked(plan, terms).named()
    differences = [*_differences(before, now), *_prices(plan, seen), *_bars(plan, reading.folder)]
    accept = plan.spec.accept
    open_ones = [d for d in differences if accept is None or d.name in FIXED]
    if open_ones:
        raise ConfigError(_refusal(reading.folder, open_ones, accepted=accept is not None))
    changes = tuple(
        SettingsChanged(name=d.name, before=d.before, after=d.after, by=accept.by, why=accept.why)
        for d in differences
        if accept is not None
    )
    for change in changes:
        terms.change(change.name, change.after)
    settings = _settings(plan, terms.settings)
    spec = replace(plan.spec, settings=settings)
    going = replace(plan, spec=spec, settings=settings.for_journal(spec.strategy))
    return Return(plan=going, digests=terms.digests(seen), changes=changes)


def _asked(plan: SessionPlan, terms: SessionTerms) -> SessionTerms:
    """Return what is asked for now, in the same form."""
    spec, opening = plan.spec, terms.opening
    if opening is None:
        raise JournalCorrupt("a journal without its first line has no session")
    strategy = spec.strategy
    begun = msgspec.structs.replace(
        opening,
        strategy=strategy.name,
        symbols=strategy.symbols,
        series=plan.series,
        exchange=strategy.exchange,
    )
    asked, rules = SessionTerms(), plan.instruments.digest(strategy.symbols)
    asked.opening, asked.settings = begun, plan.settings
    asked.code, asked.instruments = code_digest(strategy, spec.source), rules
    asked.data = data_sources(spec, plan.calendar)
    return asked


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[_Difference]:
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            yield _Difference(name, before.get(name), now.get(name))


def _prices(plan: SessionPlan, seen: list[LastPrice]) -> Iterator[_Difference]:
    """Yield the first prices of the journal that bars which are known ahead do not have."""
    data, found = plan.data, 0
    if data is None:
        return
    for price in seen:
        if plan.calendar.local_date(price.end) not in plan.days:
            # the bars of a day that is not asked for again are not there
            continue
        now = _close(data, price)
        if now != price.close and found < _MOST:
            found += 1
            where = f"{price.symbol} at {price.end.isoformat()} "
            yield _Difference("prices", f"{where}{price.close}", f"{where}{now or 'no bar'}")


def _bars(plan: SessionPlan, folder: SessionFolder) -> Iterator[_Difference]:
    """Yield the first bars that were delivered and are others among those that are known ahead."""
    data = plan.data
    if data is None or plan.spec.feed_faults or not folder.feed_polls.exists():
        return
    known = data.delivered()
    for symbol, seen in recorded_bars(folder).items():
        bars = known.get(symbol, empty_bars(symbol))
        both, here, there = np.intersect1d(
            seen.end, bars.end, assume_unique=True, return_indices=True
        )
        wrong = differences(take(seen, here), take(bars, there))
        for end in both[wrong][:_MOST].tolist():
            where = f"{symbol} at {time_of(end).isoformat()}"
            yield _Difference("prices", f"{where} as delivered", f"{where} another bar")


def _close(data: MarketData, price: LastPrice) -> object:
    bars = data.bars.get(price.symbol)
    if bars is None:
        return None
    row = int(np.searchsorted(bars.end, nanos(price.end)))
    if row == len(bars) or int(bars.end[row]) != nanos(price.end):
        return None
    return decimal_of(float(bars.close[row]))


def _refusal(folder: SessionFolder, differences: list[_Difference], *, accepted: bool) -> str:
    rest = "let it end in order, and begin the next session with the new settings"
    accept = (
        "" if accepted else ", or accept what may change (--accept-changes --by NAME --why TEXT)"
    )
    if all(d.name in FIXED for d in differences):
        accept = ", or accept what may change (--accept-changes --by NAME --why TEXT)"
    if accepted or all(d.name in FIXED for d in differences):
        accept = ""
    return (
        f"session {folder.session_id} has not ended, and it goes on only as its journal says "
        f"({'; '.join(map(str, differences))}). Ask for it as it began{accept}, or {rest}"
    )


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a journal's settings with the defaults of those that came with a later version."""
    known = {name: settings[name] for name in settings.keys() & SessionSettings.model_fields.keys()}
    try:
        return {**settings, **SessionSettings.model_validate(known).as_json()}
    except ValidationError:
        return settings


def _settings(plan: SessionPlan, journal: dict[str, Any]) -> SessionSettings:
    """Return the journal's settings; where logs and feed are is not in it."""
    known = {name: journal[name] for name in journal.keys() & SessionSettings.model_fields.keys()}
    here = plan.spec.settings
    try:
        settings = SessionSettings.model_validate(known)
    except ValidationError as problem:
        raise ConfigError(
            f"the journal's settings are none that this version of qtkit knows: {problem}"
        ) from None
    return settings.model_copy(
        update={"logs": here.logs, "feed": here.feed, "instruments": here.instruments}
    )


def _shown(value: object) -> str:
    if isinstance(value, str) and len(value) == _HEX:
        return value[:12]
    return "nothing" if value is None else json.dumps(value)


_HEX = 64
