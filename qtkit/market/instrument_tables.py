"""Instruments, exchanges and fee plans as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from qtkit.core.calendars import calendar_codes
from qtkit.core.render import Table
from qtkit.market.instrument_file import ALWAYS, Family, InstrumentFile, Rules, merged_rules
from qtkit.model.fees import Charge, FeePlan, Side
from qtkit.model.instruments import Instrument, Ladder

__all__ = ["exchange_table", "family_table", "fee_table", "rules_table"]

_COLUMNS = ("currency", "lot", "tick", "price_limit", "settle_days", "fees")


def family_table(known: InstrumentFile) -> Table:
    """Return every entry, by its newest rules."""
    rows = tuple(_family_row(family, known) for family in known.families)
    return Table("Instruments", ("entry", "covers", "exchange", "since", *_COLUMNS), rows)


def _family_row(family: Family, known: InstrumentFile) -> tuple[object, ...]:
    start, _ = family.since[-1]
    rules = merged_rules(family, start, known.exchanges)
    covers = [*sorted(family.symbols), *([family.pattern.pattern] if family.pattern else [])]
    since = "" if start == ALWAYS else str(start)
    return (family.name, " ".join(covers), family.exchange, since, *_cells(rules))


def _cells(rules: Rules) -> Iterator[str]:
    for name in _COLUMNS:
        value = rules.get(name, "")
        yield "by price" if isinstance(value, tuple) else str(value)


def exchange_table(known: InstrumentFile) -> Table:
    """Return every calendar's code, with the rules that hold there by default."""
    rows = tuple((code, *_cells(known.exchanges.get(code, {}))) for code in calendar_codes())
    return Table("Exchanges and what holds there by default", ("code", *_COLUMNS), rows)


def fee_table(known: InstrumentFile) -> Table:
    """Return every charge of every plan."""
    rows = tuple(
        (plan.name, charge.name, _side(charge), _charged(charge), _dates(charge), _source(plan))
        for plan in known.plans.values()
        for charge in plan.charges
    )
    return Table("Fee plans", ("plan", "charge", "side", "how much", "in force", "source"), rows)


def rules_table(instrument: Instrument) -> Table:
    """Return an instrument's rules and fees."""
    rows = [(name, value) for name, value in _facts(instrument) if value != ""]
    charges = dict.fromkeys((*instrument.fees.buys, *instrument.fees.sells))
    rows += [(f"{c.name} ({_side(c)})", _charged(c)) for c in charges]
    return Table(instrument.symbol, ("rule", "value"), tuple(rows))


def _facts(one: Instrument) -> Iterator[tuple[str, str]]:
    limit = "" if one.price_limit is None else f"{one.price_limit:.0%} of the last close"
    least = f"{one.minimum} {one.unit}" if one.minimum else ""
    yield "entry", one.family
    yield "exchange", one.exchange
    yield "currency", one.currency
    yield "lot", f"{one.lot} {one.unit}, odd lots are sold {one.odd_lots}"
    yield "step", f"{one.step} {one.unit}"
    yield "smallest order", least
    yield "smallest value", f"{one.min_notional} {one.currency}" if one.min_notional else ""
    yield "tick", _ladder(one.ticks) or str(one.tick)
    yield "price band", _ladder(one.price_limits) or limit or "none"
    yield "settlement", f"{one.settle_days} trading days" if one.settle_days else "at once"
    yield "multiplier", "" if one.multiplier == 1 else str(one.multiplier)
    yield "venue's name", one.venue_symbol


def _ladder(ladder: Ladder) -> str:
    return ", ".join(f"{step} from {start}" for start, step in ladder)


def _side(charge: Charge) -> str:
    return "both sides" if charge.side is Side.BOTH else f"{charge.side}s"


def _charged(charge: Charge) -> str:
    parts = [
        f"{_percent(charge.rate)} of the value" if charge.rate else "",
        f"{charge.per_unit} each" if charge.per_unit else "",
        f"{charge.fixed} an order" if charge.fixed else "",
        f"at least {charge.minimum}" if charge.minimum else "",
        f"at most {charge.maximum}" if charge.maximum else "",
        f"at most {_percent(charge.maximum_rate)} of the value" if charge.maximum_rate else "",
        f"above {charge.above}" if charge.above else "",
    ]
    return ", ".join(part for part in parts if part)


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f}%"


def _dates(charge: Charge) -> str:
    first, last = charge.first or "", charge.last or ""
    return f"{first} to {last}".strip() if first or last else "always"


def _source(plan: FeePlan) -> str:
    return f"{plan.source} (as of {plan.as_of})" if plan.as_of else plan.source
