"""Grid: the example strategy `live_grid_multi`, judged by its own state and parameters."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from operator import itemgetter

from qtkit.core.errors import DataError
from qtkit.core.verdict import Verdict, fail, ok, pending, skip
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.market.instruments import InstrumentTable
from qtkit.model import events as ev
from qtkit.model.orders import OrderOrigin
from qtkit.stages.check import check
from qtkit.stages.phrases import counted, not_yet, shown, so_far
from qtkit.stages.scenarios import NO_DATA, NOT_A_NUMBER, REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["grid"]


_CENT = Decimal("0.01")
_LOT = Decimal(100)
_FIRST_VALUE = "200000"  # account currency per symbol, where the settings do not say
_STEP = "run_strategy"


@dataclass(frozen=True, slots=True)
class _Parameters:
    """One symbol's grid as configured."""

    spacing: Decimal
    batch: Decimal
    base: Decimal | None


def _parameters(evidence: Evidence) -> dict[str, _Parameters]:
    """Return each symbol's grid; none if the strategy is not a grid."""
    rows = evidence.settings.get("strategy_parameters")
    if not isinstance(rows, Mapping):
        return {}
    try:
        return {
            symbol: _Parameters(
                Decimal(str(row["grid"])), Decimal(str(row["batch"])), _number(row.get("base"))
            )
            for symbol, row in rows.items()
        }
    except (KeyError, TypeError, AttributeError, InvalidOperation):
        return {}


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _no_grid(evidence: Evidence) -> Verdict | None:
    """Return the verdict on a session whose strategy is not a grid."""
    if evidence.started is None:
        return not_yet(evidence, "there is no session", fix="start a session of live_grid_multi")
    if _parameters(evidence):
        return None
    return skip(f"the strategy {evidence.started.event.strategy!r} is not a grid")


@check("G.1", "Each grid begins sensibly", needs={Capability.STRATEGY_STATE, Capability.FILLS})
def each_grid_begins_sensibly(evidence: Evidence) -> Verdict:
    """Each symbol's grid is initialised sensibly: base from the first fill, spacing >= one tick."""
    objection = _no_grid(evidence)
    if objection:
        return objection
    parameters = _parameters(evidence)
    wrong = [f for s, p in parameters.items() for f in _wrong_parameters(evidence, s, p)]
    begun = {symbol: _beginning(evidence, symbol) for symbol in parameters}
    for symbol, (line, base) in begun.items():
        expected = _expected_base(evidence, symbol, parameters[symbol])
        if not evidence.window.holds(line):
            continue
        if base is not None and base != expected:
            wrong.append((line, f"{symbol} begins at {base}, its first fill makes it {expected}"))
        elif base is None and expected is not None and not evidence.running:
            wrong.append((line, f"{symbol} was filled and its grid has no base"))
    if wrong:
        return fail(
            shown(s for _, s in wrong),
            fix="hold strategy_saved against the first order_filled of the symbol",
            lines=sorted({line for line, _ in wrong if line}),
        )
    bases = {symbol: base for symbol, (_, base) in begun.items() if base is not None}
    if not bases:
        return not_yet(evidence, "there is no first fill", fix="wait for the first step")
    told = ", ".join(f"{s} {b} ± {parameters[s].spacing}" for s, b in sorted(bases.items()))
    return ok(
        f"{len(bases)} of {counted(len(parameters), 'grid')} begun{so_far(evidence)}: {told}",
        lines=[line for line, base in begun.values() if base is not None],
    )


def _wrong_parameters(
    evidence: Evidence, symbol: str, parameters: _Parameters
) -> Iterator[tuple[int, str]]:
    started = evidence.started
    day = started.event.trading_date if started else None
    days = evidence.of(ev.DayStarted)
    day = day or (days[0].event.trading_date if days else None)
    tick, lot = _rules(symbol, day)
    if parameters.spacing < tick:
        yield 1, f"{symbol}: a spacing of {parameters.spacing} is less than one tick ({tick})"
    if parameters.batch <= 0 or parameters.batch % lot:
        yield 1, f"{symbol}: a batch of {parameters.batch} is no number of lots of {lot}"


def _rules(symbol: str, day: date | None) -> tuple[Decimal, Decimal]:
    """Return tick and lot of a symbol."""
    if day is None:
        return _CENT, _LOT
    try:
        found = InstrumentTable.load().on(symbol, day)
    except DataError:
        return _CENT, _LOT
    return found.tick, found.lot


def _states(evidence: Evidence, symbol: str) -> Iterator[tuple[int, Decimal | None]]:
    """Yield (line, base) of a symbol, from the session's start on."""
    origin = evidence.session
    if origin.started is not None:
        row = origin.started.event.strategy_state.get(symbol, {})
        yield origin.started.seq, _number(row.get("base"))
    for saved in origin.of(ev.StrategySaved):
        row = saved.event.state.get(symbol)
        if isinstance(row, Mapping):
            yield saved.seq, _number(row.get("base"))


def _beginning(evidence: Evidence, symbol: str) -> tuple[int, Decimal | None]:
    """Return where a symbol's base stands for the first time."""
    line = 0
    for line, base in _states(evidence, symbol):
        if base is not None:
            return line, base
    return line, None


def _expected_base(evidence: Evidence, symbol: str, parameters: _Parameters) -> Decimal | None:
    """Return the base that a grid has to begin with, as far as it is known."""
    origin = evidence.session
    if origin.started is not None:
        inherited = origin.started.event.strategy_state.get(symbol, {}).get("base")
        if inherited is not None:
            return _number(inherited)
    if parameters.base is not None:
        return parameters.base
    ours = {
        r.event.order_id
        for r in origin.of(ev.OrderRequested)
        if r.event.origin is OrderOrigin.STRATEGY
    }
    fills = (f.event for f in origin.of(ev.OrderFilled) if f.event.symbol == symbol)
    first = next((f for f in fills if f.order_id in ours), None)
    return _to_the_cent(first.price) if first else None


def _to_the_cent(price: Decimal) -> Decimal:
    """Return a price to the cent, halves upwards."""
    return ((price / _CENT + Decimal("0.5")) // 1) * _CENT


@check("G.2", "One line at most", needs={Capability.STRATEGY_STATE, Capability.ORDERS})
def one_line_per_step_at_most(evidence: Evidence) -> Verdict:
    """The first day does what the rule says: initial buys, then one line per step at most."""
    objection = _no_grid(evidence)
    if objection:
        return objection
    orders = [r for r in evidence.of(ev.OrderRequested) if r.event.origin is OrderOrigin.STRATEGY]
    wrong = [*_crowded(orders), *_while_open(evidence)]
    parameters = _parameters(evidence)
    states = {symbol: list(_states(evidence, symbol)) for symbol in parameters}
    for r in orders:
        wrong += _off_the_rule(evidence, r, parameters.get(r.event.symbol), states)
    wrong += _idle_at_first(evidence)
    if wrong:
        return fail(
            f"{len(wrong)} found in {counted(len(orders), 'order')}: {shown(s for _, s in wrong)}",
            fix="hold the orders against the rule in examples/live_grid_multi.py",
            lines=sorted({line for line, _ in wrong}),
        )
    if not orders:
        return not_yet(evidence, "there is no order of the strategy", fix="wait for a step")
    first = sum(r.event.tag == "initial" for r in orders)
    return ok(
        f"{first} initial buys and {len(orders) - first} lines{so_far(evidence)}, one per symbol "
        "and step at most, none while an order was open",
        lines=[r.seq for r in orders[:20]],
    )


def _crowded(orders: Sequence[Recorded[ev.OrderRequested]]) -> Iterator[tuple[int, str]]:
    """Yield steps with more than one order of a symbol."""
    keys = [(r.event.trading_date, r.event.step, r.event.symbol) for r in orders]
    for key, number in Counter(keys).items():
        if number > 1:
            line = next(r.seq for r, k in zip(orders, keys, strict=True) if k == key)
            yield line, f"{number} orders of {key[2]} in step {key[1]}"


def _while_open(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield orders that the strategy wanted while one of the symbol was open."""
    origin = evidence.session
    opening = origin.started.event.opening.open_orders if origin.started else ()
    working = {order.order_id: order.symbol for order in opening}
    left = {order.order_id: order.quantity - order.filled for order in opening}
    kinds = (
        ev.OrderRequested, ev.OrderRejected, ev.OrderCancelled, ev.OrderLost, ev.OrderFilled
    )  # fmt: skip
    for entry in origin.merged(*kinds):
        event = entry.event
        if isinstance(event, ev.OrderRequested):
            judged = event.origin is OrderOrigin.STRATEGY and evidence.window.holds(entry.seq)
            if judged and event.symbol in working.values():
                before = next(o for o, symbol in working.items() if symbol == event.symbol)
                yield entry.seq, f"{event.order_id} while {before} of {event.symbol} was open"
            working[event.order_id], left[event.order_id] = event.symbol, event.quantity
            continue
        if isinstance(event, ev.OrderFilled):
            left[event.order_id] = left.get(event.order_id, event.quantity) - event.quantity
            if left[event.order_id]:
                continue
        working.pop(event.order_id, None)


def _off_the_rule(
    evidence: Evidence,
    request: Recorded[ev.OrderRequested],
    parameters: _Parameters | None,
    states: Mapping[str, Sequence[tuple[int, Decimal | None]]],
) -> Iterator[tuple[int, str]]:
    """Yield how one order differs from what the rule makes of base and price."""
    event, line = request.event, request.seq
    price = event.quote.last if event.quote else None
    if parameters is None or price is None:
        yield line, f"{event.order_id} is of {event.symbol}, without parameters or without a price"
        return
    saved = states[event.symbol]
    place = bisect_left(saved, line, key=itemgetter(0)) - 1
    base = saved[place][1] if place >= 0 else None
    if event.tag == "initial":
        yield from _wrong_first_buy(evidence, line, event, base, price)
        return
    target = _line_of(event.tag)
    if base is None or target is None:
        yield line, f"{event.order_id} with the tag {event.tag!r} and the base {base}"
        return
    down = event.quantity > 0
    wanted = base - parameters.spacing if down else base + parameters.spacing
    if target != wanted or abs(event.quantity) != parameters.batch:
        yield line, f"{event.order_id}: {event.quantity} at {target}, the rule says {wanted}"
    elif (price > target) if down else (price < target):
        yield line, f"{event.order_id} crosses {target} at a price of {price}"


def _wrong_first_buy(
    evidence: Evidence, line: int, event: ev.OrderRequested, base: Decimal | None, price: Decimal
) -> Iterator[tuple[int, str]]:
    value = Decimal(str(evidence.settings.get("initial_value", _FIRST_VALUE)))
    lots = (value / price / _LOT).to_integral_value(rounding=ROUND_FLOOR)
    if event.quantity != lots * _LOT:
        yield line, f"{event.order_id} buys {event.quantity} first, the rule says {lots * _LOT}"
    if base is not None:
        yield line, f"{event.order_id} buys first although the grid stands at {base}"


def _line_of(tag: str) -> Decimal | None:
    """Return the line that a tag names."""
    try:
        return Decimal(tag.removeprefix("line ")) if tag.startswith("line ") else None
    except InvalidOperation:
        return None


def _idle_at_first(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield symbols with a price and no grid for which the first decision wanted nothing."""
    decisions = evidence.of(ev.DecisionTaken)
    if not decisions or evidence.started is None or not evidence.window.begins_the_session:
        return
    first = decisions[0]
    step = evidence.tasks.get(first.event.task_id)
    if step is None or step.fate != "finished":
        return
    held = {p.symbol for p in evidence.started.event.opening.positions}
    asked = {r.event.symbol for r in evidence.of(ev.OrderRequested) if r.event.step is not None}
    asked |= {r.event.symbol for r in evidence.of(ev.OrderRefused)}
    for price in first.event.prices:
        begun = _states(evidence, price.symbol)
        base = next((b for line, b in begun if line < first.seq), None)
        if base is None and price.symbol not in held | asked:
            yield first.seq, f"{price.symbol} had a price of {price.close} and was never bought"


@check("G.3", "Only sound prices", needs={Capability.STATES})
def only_sound_prices_are_decided_on(evidence: Evidence) -> Verdict:
    """No NaN or non-positive price reached a decision; a symbol without data stands aside."""
    objection = _no_grid(evidence)
    if objection:
        return objection
    decisions = evidence.of(ev.DecisionTaken)
    wrong = [(d.seq, s) for d in decisions for s in _unsound(evidence, d.event)]
    wrong += _from_aside(evidence)
    wrong += _without_effect(evidence)
    if wrong:
        return fail(
            f"{len(wrong)} found in {counted(len(decisions), 'decision')}: "
            f"{shown(s for _, s in wrong)}",
            fix="check what the feed delivered; a bar without numbers must be refused",
            lines=sorted({line for line, _ in wrong}),
        )
    if not decisions:
        return not_yet(evidence, "there is no decision", fix="wait for the first step")
    aside = Counter(symbol for d in decisions for symbol in d.event.aside)
    refused = sum(p.event.refused for p in evidence.of(ev.PricesSeen))
    told = ", ".join(f"{s} in {n}" for s, n in sorted(aside.items())) or "none"
    return ok(
        f"{counted(len(decisions), 'decision')} on sound prices{so_far(evidence)}; stood aside: "
        f"{told}; {counted(refused, 'bar')} refused"
    )


def _unsound(evidence: Evidence, decision: ev.DecisionTaken) -> Iterator[str]:
    started = evidence.started
    name, symbols = decision.task_id, started.event.symbols if started else ()
    for price in decision.prices:
        if not price.close.is_finite() or price.close <= 0:
            yield f"{name} saw {price.symbol} at {price.close}"
    seen = [price.symbol for price in decision.prices]
    if sorted((*seen, *decision.aside)) != sorted(symbols):
        yield f"{name} saw {', '.join(seen)} and left {', '.join(decision.aside) or 'none'} aside"


def _from_aside(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield orders of symbols that stood aside in the same step."""
    aside = {
        (d.event.trading_date, d.event.step, symbol)
        for d in evidence.of(ev.DecisionTaken)
        for symbol in d.event.aside
    }
    for request in evidence.of(ev.OrderRequested):
        event = request.event
        if (
            event.origin is OrderOrigin.STRATEGY
            and (event.trading_date, event.step, event.symbol) in aside
        ):
            yield request.seq, f"{event.order_id} of {event.symbol}, which stood aside"


def _without_effect(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield a symbol that was to have no data and did, and others that did not go on."""
    faults = evidence.scenario.feed_faults if evidence.scenario else ()
    absent = {fault.symbol for fault in faults if fault.kind == "no_data"}
    decisions = evidence.of(ev.DecisionTaken)
    poisoned = any(fault.kind == "not_a_number" for fault in faults)
    if poisoned and decisions and not any(p.event.refused for p in evidence.of(ev.PricesSeen)):
        yield decisions[0].seq, "a bar held no numbers, and none was refused"
    if not absent or not decisions:
        return
    traded = {r.event.symbol for r in evidence.of(ev.OrderRequested)}
    for symbol in absent - set(decisions[0].event.aside):
        yield decisions[0].seq, f"{symbol} has no data and did not stand aside"
    others = {p.symbol for p in decisions[0].event.prices} - traded
    for symbol in others:
        yield decisions[0].seq, f"{symbol} has data and did not go on"


@check("G.4", "Only its own tables", needs={Capability.SCHEDULE})
def only_its_own_tables_are_refilled(evidence: Evidence) -> Verdict:
    """Only the tables the strategy needs are refilled."""
    objection = _no_grid(evidence)
    if objection:
        return objection
    needed = {str(evidence.settings["table"])} if "table" in evidence.settings else set()
    refills = evidence.of(ev.TablesRefilled)
    done = [s for s in evidence.tasks.values() if s.task == "refill" and s.fate == "finished"]
    if len(refills) < len(done):
        lines = [line for story in done for line in story.lines]
        return fail(
            f"{len(done)} refills finished, {len(refills)} told what they refilled",
            fix="a refill must record tables_refilled",
            lines=lines,
        )
    if not refills:
        return not_yet(evidence, "there is no refill", fix="wait until after the close")
    foreign = {table: r.seq for r in refills for table in r.event.tables if table not in needed}
    if foreign:
        return fail(
            f"refilled without need: {', '.join(sorted(foreign))}; needed: "
            f"{', '.join(sorted(needed)) or 'none'}",
            fix="the strategy's `table` says what it needs",
            lines=sorted(foreign.values()),
        )
    empty = [r.seq for r in refills if not r.event.tables]
    if empty and needed:
        return pending(f"{counted(len(empty), 'refill')} refilled no table at all")
    bars = sum(r.event.bars for r in refills)
    return ok(
        f"{counted(len(refills), 'refill')} of {', '.join(sorted(needed))}{so_far(evidence)}, "
        f"{bars} bars; no other table",
        lines=[r.seq for r in refills][:20],
    )


grid = Stage(
    id="Grid",
    title="the example strategy",
    verifies="The example strategy does on its first day what its rule says, symbol by symbol.",
    operate="Watch the first fills and the base that each grid takes from them.",
    headless="The reference day; a symbol without data; bars without numbers.",
    scenarios=(REFERENCE, NO_DATA, NOT_A_NUMBER),
    checks=(
        each_grid_begins_sensibly,
        one_line_per_step_at_most,
        only_sound_prices_are_decided_on,
        only_its_own_tables_are_refilled,
    ),
)
