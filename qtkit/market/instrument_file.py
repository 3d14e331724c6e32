"""A file of instruments and fees, as people write it: read whole, with all mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.calendars import calendar_codes
from qtkit.core.config.toml import Key, TomlFile, read_toml
from qtkit.core.errors import ConfigError
from qtkit.core.text import closest, shown
from qtkit.market.instrument_rules import CHARGE_KEYS, PLAN_KEYS, RULE_KEYS, read_keys
from qtkit.model.fees import Charge, FeePlan

__all__ = [
    "ALWAYS",
    "Family",
    "InstrumentFile",
    "Rules",
    "demand_defaults",
    "merged_rules",
    "read_instruments",
]

Rules = Mapping[str, Any]
"""Key of the file -> value, as read."""

ALWAYS = date(1900, 1, 1)
"""From when on rules hold where nobody says."""

_TABLES = ("symbols", "family", "exchanges", "fees")
_NEEDED = ("currency", "lot", "tick", "settle_days", "fees")
_ONE = Decimal(1)
_Mistake = tuple[Key, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An entry: one symbol, or many with the same rules.

    Attributes
    ----------
    since
        (first date, what changed with it), in order of date.
    """

    name: str
    exchange: str
    since: tuple[tuple[date, Rules], ...]
    symbols: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None

    def covers(self, symbol: str) -> bool:
        """Whether a symbol is one of it."""
        if symbol in self.symbols:
            return True
        return self.pattern is not None and self.pattern.fullmatch(symbol) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFile:
    """What a file says, or several, those of more weight first."""

    families: tuple[Family, ...] = ()
    exchanges: Mapping[str, Rules] = field(default_factory=dict)
    plans: Mapping[str, FeePlan] = field(default_factory=dict)

    def above(self, other: InstrumentFile) -> InstrumentFile:
        """Return this one's entries above another's; of an exchange, key by key."""
        codes = dict.fromkeys((*other.exchanges, *self.exchanges))
        return InstrumentFile(
            families=(*self.families, *other.families),
            exchanges={
                code: {**other.exchanges.get(code, {}), **self.exchanges.get(code, {})}
                for code in codes
            },
            plans={**other.plans, **self.plans},
        )


def read_instruments(path: Path, below: InstrumentFile | None = None) -> InstrumentFile:
    """Return what a file says, laid over what is known without it.

    Raises
    ------
    ConfigError
        With every mistake: line, what was found, what was expected, the nearest known name.
    """
    file = read_toml(path)
    reading = _Reading(file)
    own = reading.whole()
    together = own.above(below or InstrumentFile())
    mistakes = reading.mistakes or list(_contradictions(own, together))
    if mistakes:
        lines = [f"{file.place(key)}: {sentence}" for key, sentence in mistakes]
        head = f"{path} has {len(lines)} mistakes:\n  " if len(lines) > 1 else ""
        raise ConfigError(head + "\n  ".join(lines))
    return together


def merged_rules(family: Family, day: date, exchanges: Mapping[str, Rules]) -> dict[str, Any]:
    """Return what holds for a family on a date, the exchange's own rules below."""
    found = dict(exchanges.get(family.exchange, {}))
    for start, rules in family.since:
        if start <= day:
            found |= rules
    return found


def demand_defaults(code: str, known: InstrumentFile) -> None:
    """Make sure that an exchange exists, and that its defaults alone make an instrument.

    Raises
    ------
    ConfigError
        If not, with the lines that are missing.
    """
    if code not in calendar_codes():
        raise ConfigError(_unknown("exchange", code, calendar_codes()))
    lacking = [name for name in _NEEDED if name not in known.exchanges.get(code, {})]
    if lacking:
        raise ConfigError(
            f"exchange {code} has no default for {', '.join(lacking)}: give "
            f"{'it' if len(lacking) == 1 else 'them'} under [exchanges.{_quoted(code)}] in an "
            "instruments.toml"
        )


def _quoted(code: str) -> str:
    return code if code.isalnum() else f'"{code}"'


class _Reading:
    """One file on its way to values."""

    def __init__(self, file: TomlFile) -> None:
        self._values = file.values
        self.mistakes: list[_Mistake] = []

    def whole(self) -> InstrumentFile:
        for name in self._values:
            if name not in _TABLES:
                self._note((name,), _unknown("table", name, _TABLES))
        symbols = [self._symbol(*pair) for pair in self._table("symbols").items()]
        families = [self._family(n, one) for n, one in enumerate(self._list("family"))]
        return InstrumentFile(
            families=tuple(one for one in (*symbols, *families) if one is not None),
            exchanges={
                code: self._rules(("exchanges", code), self._exchange(("exchanges", code), code, r))
                for code, r in self._table("exchanges").items()
            },
            plans={name: self._plan(name, plan) for name, plan in self._table("fees").items()},
        )

    def _note(self, key: Key, sentence: str) -> None:
        self.mistakes.append((key, sentence))

    def _table(self, name: str) -> Mapping[str, Any]:
        found = self._values.get(name, {})
        if isinstance(found, dict):
            return found
        self._note((name,), f"{name} was {shown(found, 60)}; expected a table: [{name}]")
        return {}

    def _list(self, name: str) -> list[Any]:
        found = self._values.get(name, [])
        if isinstance(found, list):
            return found
        self._note((name,), f"{name} was no list of tables; expected [[{name}]]")
        return []

    def _symbol(self, symbol: str, written: object) -> Family | None:
        """Return the entry of ``symbol = "EXCHANGE"``, or of a table of rules."""
        place = ("symbols", symbol)
        rules = {"exchange": written} if isinstance(written, str) else written
        if not symbol.strip() or not symbol.isprintable():
            self._note(place, f"{shown(symbol, 40)} is no symbol; expected a short text")
        if not isinstance(rules, dict):
            self._note(
                place,
                f"{symbol} was {shown(written, 60)}; expected its exchange or a table of rules: "
                f'"{symbol}" = "XNYS"',
            )
            return None
        return self._entry(place, symbol, frozenset((symbol,)), None, rules)

    def _family(self, number: int, written: object) -> Family | None:
        place = ("family", str(number))
        if not isinstance(written, dict):
            self._note(place, f"family was {shown(written, 60)}; expected [[family]]")
            return None
        rules = dict(written)
        symbols, pattern = rules.pop("symbols", []), rules.pop("pattern", None)
        name = rules.pop("name", pattern or "family")
        if not isinstance(symbols, list) or not all(isinstance(s, str) and s for s in symbols):
            self._note((*place, "symbols"), f"symbols was {shown(symbols, 60)}; expected texts")
            symbols = []
        elif not symbols and not pattern:
            self._note(place, f"{shown(name, 40)} covers nothing: give symbols or a pattern")
        return self._entry(
            place, str(name), frozenset(symbols), self._compiled(place, pattern), rules
        )

    def _compiled(self, place: Key, pattern: object) -> re.Pattern[str] | None:
        if pattern is None:
            return None
        try:
            return re.compile(pattern)  # type: ignore[call-overload, no-any-return] # may be anything
        except (re.error, TypeError, RecursionError, OverflowError) as problem:
            sentence = f"pattern {shown(pattern, 60)} is no regular expression ({problem})"
            self._note((*place, "pattern"), sentence)
            return None

    def _entry(
        self,
        place: Key,
        name: str,
        symbols: frozenset[str],
        pattern: re.Pattern[str] | None,
        written: Mapping[str, Any],
    ) -> Family | None:
        rules = dict(written)
        exchange, start = rules.pop("exchange", None), rules.pop("from", ALWAYS)
        later = rules.pop("since", [])
        if exchange is None:
            self._note(place, f'{name} lacks its exchange: exchange = "XNYS"')
        elif not self._exchange((*place, "exchange"), exchange, None):
            exchange = None
        since = [self._since(place, name, start, rules)]
        for number, one in enumerate(later if isinstance(later, list) else [later]):
            inner = (*place, "since", str(number))
            if not isinstance(one, dict) or "from" not in one:
                self._note(inner, f"{name}: since needs a date: from = 2026-03-04")
                continue
            changed = dict(one)
            since.append(self._since(inner, name, changed.pop("from"), changed))
        starts = [date for date, _ in since]
        if starts != sorted(set(starts)):
            self._note(place, f"{name}: `from` must rise from entry to entry")
        if exchange is None:
            return None
        return Family(
            name=name, exchange=exchange, since=tuple(since), symbols=symbols, pattern=pattern
        )

    def _since(
        self, place: Key, name: str, start: object, rules: Mapping[str, Any]
    ) -> tuple[date, Rules]:
        if type(start) is not date:
            self._note((*place, "from"), f"{name}: from was {shown(start, 40)}; expected a date")
            start = ALWAYS
        return start, self._rules(place, rules)

    def _exchange(self, place: Key, code: object, rules: Any) -> Any:  # noqa: ANN401 - as written
        """Return the rules of a known exchange, or whether it is known; note what it is not."""
        if isinstance(code, str) and code in calendar_codes():
            if rules is not None and not isinstance(rules, dict):
                self._note(place, f"{code} was {shown(rules, 60)}; expected a table of rules")
                return {}
            return True if rules is None else rules
        self._note(place, _unknown("exchange", str(code), calendar_codes()))
        return {} if rules is not None else False

    def _rules(self, place: Key, written: Mapping[str, Any]) -> Rules:
        found: dict[str, Any] = {}
        for key, sentence in read_keys(written, RULE_KEYS, found):
            self._note((*place, key), sentence)
        return found

    def _plan(self, name: str, written: object) -> FeePlan:
        place, empty = ("fees", name), FeePlan(name=name, charges=())
        if not isinstance(written, dict):
            self._note(place, f"{name} was {shown(written, 60)}; expected [[fees.{name}.charge]]")
            return empty
        about, charges = dict(written), list[Charge]()
        listed = about.pop("charge", [])
        found: dict[str, Any] = {}
        for key, sentence in read_keys(about, PLAN_KEYS, found):
            self._note((*place, key), sentence)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            self._note(place, f"{name}: charge was no list; expected [[fees.{name}.charge]]")
            return empty
        for number, one in enumerate(listed):
            charges += self._charge((*place, "charge", str(number)), one)
        return FeePlan(name=name, charges=tuple(charges), **found)

    def _charge(self, place: Key, written: Mapping[str, Any]) -> Iterable[Charge]:
        found: dict[str, Any] = {}
        wrong = list(read_keys(written, CHARGE_KEYS, found))
        self.mistakes += (((*place, key), sentence) for key, sentence in wrong)
        if wrong:
            return
        first, last = found.pop("from", None), found.pop("until", None)
        charge = Charge(**{"name": "charge", **found, "first": first, "last": last})
        self.mistakes += ((place, sentence) for sentence in _odd_charge(charge))
        yield charge


def _odd_charge(charge: Charge) -> Iterator[str]:
    if not (charge.rate or charge.per_unit or charge.fixed or charge.minimum):
        yield f"{charge.name} charges nothing: give rate, per_unit, fixed or minimum"
    if charge.maximum is not None and charge.maximum < charge.minimum:
        yield f"{charge.name}: maximum {charge.maximum} is below minimum {charge.minimum}"
    if charge.first and charge.last and charge.last < charge.first:
        yield f"{charge.name}: until {charge.last} is before from {charge.first}"


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = tuple(known)
    near = closest(name, names) or closest(name.upper(), names)
    hint = f"did you mean {near}?" if near else f"known: {', '.join(names)}"
    return f"there is no {what} {shown(name, 40)}; {hint}"


# --- what can only be seen when all is read ------------------------------------------------------


def _contradictions(own: InstrumentFile, together: InstrumentFile) -> Iterator[_Mistake]:
    numbers = {id(f): n for n, f in enumerate(f for f in own.families if not _is_line(f))}
    for family in own.families:
        place = (
            ("symbols", family.name) if _is_line(family) else ("family", str(numbers[id(family)]))
        )
        for start, _ in family.since:
            rules = merged_rules(family, start, together.exchanges)
            found = [*_lacking(family, rules), *_odd_rules(family.name, rules, together.plans)]
            yield from ((place, sentence) for sentence in found)
            if found:
                break
    for code, own_rules in own.exchanges.items():
        whole = together.exchanges[code]
        if "fees" in own_rules and whole["fees"] not in together.plans:
            yield ("exchanges", code, "fees"), _unknown("fee plan", whole["fees"], together.plans)


def _is_line(family: Family) -> bool:
    """Whether an entry stands under [symbols]."""
    return family.pattern is None and family.symbols == {family.name}


def _lacking(family: Family, rules: Rules) -> Iterator[str]:
    if lacking := [name for name in _NEEDED if name not in rules]:
        yield f"{family.name} lacks {', '.join(lacking)}, and {family.exchange} has no default"


def _odd_rules(name: str, rules: Rules, plans: Mapping[str, FeePlan]) -> Iterator[str]:
    plan = rules.get("fees")
    if plan is not None and plan not in plans:
        yield f"{name}: {_unknown('fee plan', plan, plans)}"
    elif plan is not None and plans[plan].currency not in {"", rules.get("currency")}:
        yield (
            f"{name} trades in {rules.get('currency')}, its fee plan {plan!r} is in "
            f"{plans[plan].currency}: name another with fees"
        )
    if "lot" in rules:
        step = rules.get("step", min(rules["lot"], _ONE))
        for key in ("lot", "minimum"):
            if rules.get(key, step) % step:
                yield f"{name}: {key} {rules[key]} is no multiple of step {step}"
