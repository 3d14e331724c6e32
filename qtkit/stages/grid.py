"""Grid: the example strategy `live_grid_multi`, judged by its own state and parameters."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from operator import itemgetter

from qtkit.core.facts import Finding, count, counts, finding, table, text
from qtkit.core.verdict import Status
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.evidence import Recorded
from qtkit.model import events as ev
from qtkit.model.orders import OrderOrigin
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.grid_parameters import (
    GridParameters,
    base_states,
    grid_parameters,
    no_grid,
    number,
)
from qtkit.stages.phrases import not_yet
from qtkit.stages.scenarios import NO_DATA, NOT_A_NUMBER, REFERENCE
from qtkit.stages.stage import Stage

__all__ = ["grid"]


_CENT = Decimal("0.01")
_LOT = Decimal(100)
_FIRST_VALUE = "200000"  # account currency per symbol, where the settings do not say
_STEP = "run_strategy"


@check(
    "G.1", "Each grid begins sensibly", needs={Capability.STRATEGY_STATE, Capability.FILLS},
    facts=(*counts("begun grids"), text("bases")),
    holds="{begun} of {grids:grid} begun{so_far}: {bases}",
    fails="{findings}",
    finds={
        "other_base": "{symbol} begins at {base}, its first fill makes it {expected}",
        "no_base": "{symbol} was filled and its grid has no base",
        "spacing": "{symbol}: a spacing of {spacing} is less than one tick ({tick})",
        "batch": "{symbol}: a batch of {batch} is no number of lots of {lot}",
    },
    fix="hold strategy_saved against the first order_filled of the symbol"
)  # fmt: skip
def each_grid_begins_sensibly(evidence: Evidence) -> Outcome:
    """Each symbol's grid is initialised sensibly: base from the first fill, spacing >= one tick."""
    objection = no_grid(evidence)
    if objection:
        return objection
    parameters = grid_parameters(evidence)
    begun = {symbol: _beginning(evidence, symbol) for symbol in parameters}
    wrong = [f for s, p in parameters.items() for f in _wrong_parameters(evidence, s, p)]
    wrong += [
        fault
        for symbol, (line, base) in begun.items()
        if evidence.window.holds(line)
        for fault in _wrong_base(evidence, symbol, line, base)
    ]
    bases = {symbol: base for symbol, (_, base) in begun.items() if base is not None}
    if not wrong and not bases:
        return not_yet(evidence, "there is no first fill", fix="wait for the first step")
    return judged(
        wrong, proof=[line for line, base in begun.values() if base is not None], begun=bases,
        grids=parameters,
        bases=[f"{s} {b} ± {parameters[s].spacing}" for s, b in sorted(bases.items())]
    )  # fmt: skip


def _wrong_base(
    evidence: Evidence, symbol: str, line: int, base: Decimal | None
) -> Iterator[Finding]:
    """Yield how a grid's first base differs from what its first fill makes it."""
    expected = _expected_base(evidence, symbol, grid_parameters(evidence)[symbol])
    if base is not None and base != expected:
        yield finding("other_base", line, symbol=symbol, base=base, expected=expected)
    elif base is None and expected is not None and not evidence.running:
        yield finding("no_base", line, symbol=symbol)


def _wrong_parameters(
    evidence: Evidence, symbol: str, parameters: GridParameters
) -> Iterator[Finding]:
    days = evidence.of(ev.DayStarted)
    rules = evidence.rules_at(symbol, days[0].seq) if days else None
    tick, lot = (rules.tick, rules.lot) if rules else (_CENT, _LOT)
    if parameters.spacing < tick:
        yield finding("spacing", 1, symbol=symbol, spacing=parameters.spacing, tick=tick)
    if parameters.batch <= 0 or parameters.batch % lot:
        yield finding("batch", 1, symbol=symbol, batch=parameters.batch, lot=lot)


def _beginning(evidence: Evidence, symbol: str) -> tuple[int, Decimal | None]:
    """Return where a symbol's base stands for the first time."""
    line = 0
    for line, base in base_states(evidence, symbol):
        if base is not None:
            return line, base
    return line, None


def _expected_base(evidence: Evidence, symbol: str, parameters: GridParameters) -> Decimal | None:
    """Return the base that a grid has to begin with, as far as it is known."""
    origin = evidence.session
    if origin.started is not None:
        inherited = origin.started.event.strategy_state.get(symbol, {}).get("base")
        if inherited is not None:
            return number(inherited)
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


@check(
    "G.2", "One line at most", needs={Capability.STRATEGY_STATE, Capability.ORDERS},
    facts=counts("orders initial grid_lines"),
    holds="{initial} initial buys and {grid_lines} lines{so_far}, one per symbol and step at most, "
    "none while an order was open",
    fails="{found:fault} in {orders:order}: {findings}",
    finds={
        "crowded": "{number} orders of {symbol} in step {step}",
        "while_open": "{order} while {other} of {symbol} was open",
        "unknown": "{order} is of {symbol}, without parameters or without a price",
        "no_line": "{order} with the tag {tag!r} and the base {base}",
        "other_line": "{order}: {quantity} at {target}, the rule says {wanted}",
        "crosses": "{order} crosses {target} at a price of {price}",
        "other_first": "{order} buys {quantity} first, the rule says {wanted}",
        "first_again": "{order} buys first although the grid stands at {base}",
        "idle": "{symbol} had a price of {price} and was never bought",
    },
    fix="hold the orders against the rule in examples/live_grid_multi.py",
)  # fmt: skip
def one_line_per_step_at_most(evidence: Evidence) -> Outcome:
    """The first day does what the rule says: initial buys, then one line per step at most."""
    objection = no_grid(evidence)
    if objection:
        return objection
    orders = [r for r in evidence.of(ev.OrderRequested) if r.event.origin is OrderOrigin.STRATEGY]
    parameters = grid_parameters(evidence)
    states = {symbol: list(base_states(evidence, symbol)) for symbol in parameters}
    wrong = [*_crowded(orders), *_while_open(evidence)]
    wrong += [
        fault
        for r in orders
        for fault in _off_the_rule(evidence, r, parameters.get(r.event.symbol), states)
    ]
    wrong += _idle_at_first(evidence)
    if not wrong and not orders:
        return not_yet(evidence, "there is no order of the strategy", fix="wait for a step")
    initial = sum(r.event.tag == "initial" for r in orders)
    return judged(
        wrong, proof=orders, orders=orders, initial=initial, grid_lines=len(orders) - initial
    )


def _crowded(orders: Sequence[Recorded[ev.OrderRequested]]) -> Iterator[Finding]:
    """Yield steps with more than one order of a symbol."""
    keys = [(r.event.trading_date, r.event.step, r.event.symbol) for r in orders]
    for key, orders_of_it in Counter(keys).items():
        if orders_of_it > 1:
            line = next(r.seq for r, k in zip(orders, keys, strict=True) if k == key)
            yield finding("crowded", line, number=orders_of_it, symbol=key[2], step=key[1])


def _while_open(evidence: Evidence) -> Iterator[Finding]:
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
            judging = event.origin is OrderOrigin.STRATEGY and evidence.window.holds(entry.seq)
            symbol, name = event.symbol, event.order_id
            if judging and symbol in working.values():
                before = next(o for o, s in working.items() if s == symbol)
                yield finding("while_open", entry.seq, order=name, other=before, symbol=symbol)
            working[name], left[name] = symbol, event.quantity
            continue
        if isinstance(event, ev.OrderFilled):
            left[event.order_id] = left.get(event.order_id, event.quantity) - event.quantity
            if left[event.order_id]:
                continue
        working.pop(event.order_id, None)


def _off_the_rule(
    evidence: Evidence,
    request: Recorded[ev.OrderRequested],
    parameters: GridParameters | None,
    states: Mapping[str, Sequence[tuple[int, Decimal | None]]],
) -> Iterator[Finding]:
    """Yield how one order differs from what the rule makes of base and price."""
    event, line, name = request.event, request.seq, request.event.order_id
    price = event.quote.last if event.quote else None
    if parameters is None or price is None:
        yield finding("unknown", line, order=name, symbol=event.symbol)
        return
    saved = states[event.symbol]
    place = bisect_left(saved, line, key=itemgetter(0)) - 1
    base = saved[place][1] if place >= 0 else None
    if event.tag == "initial":
        yield from _wrong_first_buy(evidence, line, event, base, price)
        return
    target = _line_of(event.tag)
    if base is None or target is None:
        yield finding("no_line", line, order=name, tag=event.tag, base=base)
        return
    down, quantity = event.quantity > 0, event.quantity
    wanted = base - parameters.spacing if down else base + parameters.spacing
    if target != wanted or abs(quantity) != parameters.batch:
        numbers = {"quantity": quantity, "target": target, "wanted": wanted}
        yield finding("other_line", line, order=name, **numbers)
    elif (price > target) if down else (price < target):
        yield finding("crosses", line, order=name, target=target, price=price)


def _wrong_first_buy(
    evidence: Evidence, line: int, event: ev.OrderRequested, base: Decimal | None, price: Decimal
) -> Iterator[Finding]:
    value, name = Decimal(str(evidence.settings.get("initial_value", _FIRST_VALUE))), event.order_id
    wanted = (value / price / _LOT).to_integral_value(rounding=ROUND_FLOOR) * _LOT
    if event.quantity != wanted:
        yield finding("other_first", line, order=name, quantity=event.quantity, wanted=wanted)
    if base is not None:
        yield finding("first_again", line, order=name, base=base)


def _line_of(tag: str) -> Decimal | None:
    """Return the line that a tag names."""
    try:
        return Decimal(tag.removeprefix("line ")) if tag.startswith("line ") else None
    except InvalidOperation:
        return None


def _idle_at_first(evidence: Evidence) -> Iterator[Finding]:
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
        begun = base_states(evidence, price.symbol)
        base = next((b for line, b in begun if line < first.seq), None)
        if base is None and price.symbol not in held | asked:
            yield finding("idle", first.seq, symbol=price.symbol, price=price.close)


@check(
    "G.3", "Only sound prices", needs={Capability.STATES},
    facts=(count("decisions"), table("aside", "decisions"), count("refused")),
    holds="{decisions:decision} on sound prices{so_far}; stood aside: {aside}; {refused:bar} "
    "refused",
    fails="{found:fault} in {decisions:decision}: {findings}",
    finds={
        "unsound": "{task} saw {symbol} at {price}",
        "other_symbols": "{task} saw {seen} and left {aside} aside",
        "from_aside": "{order} of {symbol}, which stood aside",
        "none_refused": "a bar held no numbers, and none was refused",
        "not_aside": "{symbol} has no data and did not stand aside",
        "did_not_go_on": "{symbol} has data and did not go on",
    },
    fix="check what the feed delivered; a bar without numbers must be refused"
)  # fmt: skip
def only_sound_prices_are_decided_on(evidence: Evidence) -> Outcome:
    """No NaN or non-positive price reached a decision; a symbol without data stands aside."""
    objection = no_grid(evidence)
    if objection:
        return objection
    decisions = evidence.of(ev.DecisionTaken)
    wrong = [fault for d in decisions for fault in _unsound(evidence, d)]
    wrong += _from_aside(evidence)
    wrong += _without_effect(evidence)
    if not wrong and not decisions:
        return not_yet(evidence, "there is no decision", fix="wait for the first step")
    aside = Counter(symbol for d in decisions for symbol in d.event.aside)
    return judged(
        wrong, proof=decisions, decisions=decisions, aside=dict(sorted(aside.items())),
        refused=sum(p.event.refused for p in evidence.of(ev.PricesSeen))
    )  # fmt: skip


def _unsound(evidence: Evidence, decided: Recorded[ev.DecisionTaken]) -> Iterator[Finding]:
    decision, line, started = decided.event, decided.seq, evidence.started
    name, symbols = decision.task_id, started.event.symbols if started else ()
    for price in decision.prices:
        if not price.close.is_finite() or price.close <= 0:
            yield finding("unsound", line, task=name, symbol=price.symbol, price=price.close)
    seen = [price.symbol for price in decision.prices]
    if sorted((*seen, *decision.aside)) != sorted(symbols):
        aside = list(decision.aside) or "none"
        yield finding("other_symbols", line, task=name, seen=seen, aside=aside)


def _from_aside(evidence: Evidence) -> Iterator[Finding]:
    """Yield orders of symbols that stood aside in the same step."""
    aside = {
        (d.event.trading_date, d.event.step, symbol)
        for d in evidence.of(ev.DecisionTaken)
        for symbol in d.event.aside
    }
    for request in evidence.of(ev.OrderRequested):
        event, key = request.event, (request.event.trading_date, request.event.step)
        if event.origin is OrderOrigin.STRATEGY and (*key, event.symbol) in aside:
            yield finding("from_aside", request.seq, order=event.order_id, symbol=event.symbol)


def _without_effect(evidence: Evidence) -> Iterator[Finding]:
    """Yield a symbol that was to have no data and did, and others that did not go on."""
    faults = evidence.scenario.feed_faults if evidence.scenario else ()
    absent = {fault.symbol for fault in faults if fault.kind == "no_data"}
    decisions = evidence.of(ev.DecisionTaken)
    if not decisions:
        return
    poisoned, line = any(fault.kind == "not_a_number" for fault in faults), decisions[0].seq
    if poisoned and not any(p.event.refused for p in evidence.of(ev.PricesSeen)):
        yield finding("none_refused", line)
    if not absent:
        return
    traded = {r.event.symbol for r in evidence.of(ev.OrderRequested)}
    for symbol in sorted(absent - set(decisions[0].event.aside)):
        yield finding("not_aside", line, symbol=symbol)
    for symbol in sorted({p.symbol for p in decisions[0].event.prices} - traded):
        yield finding("did_not_go_on", line, symbol=symbol)


@check(
    "G.4", "Only its own tables", needs={Capability.SCHEDULE},
    facts=(*counts("refills bars empty"), text("tables")),
    holds="{refills:refill} of {tables}{so_far}, {bars} bars; no other table",
    waits="{empty:refill} refilled no table at all",
    fails="{findings}",
    finds={
        "untold": "{finished} refills finished, {told} recorded what they refilled",
        "foreign": "refilled without need: {table}; needed: {needed}",
    },
    fix="a refill must record tables_refilled, of what the strategy's `table` says alone"
)  # fmt: skip
def only_its_own_tables_are_refilled(evidence: Evidence) -> Outcome:
    """Only the tables the strategy needs are refilled."""
    objection = no_grid(evidence)
    if objection:
        return objection
    needed = [str(evidence.settings["table"])] if "table" in evidence.settings else []
    refills = evidence.of(ev.TablesRefilled)
    done = [s for s in evidence.tasks.values() if s.task == "refill" and s.fate == "finished"]
    wrong = [
        finding("foreign", r.seq, table=table, needed=needed or "none")
        for r in refills
        for table in r.event.tables
        if table not in needed
    ]
    if len(refills) < len(done):
        wrong.append(finding("untold", done[0].line, finished=len(done), told=len(refills)))
    if not wrong and not refills:
        return not_yet(evidence, "there is no refill", fix="wait until after the close")
    empty = [r for r in refills if not r.event.tables]
    return judged(
        wrong, status=Status.PENDING if empty and needed else Status.PASS, proof=refills,
        lines=[line for story in done for line in story.lines] if len(refills) < len(done) else (),
        refills=refills, bars=sum(r.event.bars for r in refills), empty=empty, tables=needed
    )  # fmt: skip


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
