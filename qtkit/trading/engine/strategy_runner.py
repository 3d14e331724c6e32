"""One strategy step: what it may see, what keeps it out, and what it decides."""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from qtkit.core.errors import StrategyError
from qtkit.core.text import error_text
from qtkit.market.feeds.protocol import Delivery, LeftOut
from qtkit.model import events as ev
from qtkit.model.bars import BarBatch, Bars, nanos
from qtkit.model.events import JsonObject
from qtkit.model.intents import Intent
from qtkit.model.series import is_carried
from qtkit.trading.engine.bar_history import last_price, sound_bars, trading_nanos
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.order_entry import OrderEntry
from qtkit.trading.engine.price_poll import finished, left_out_event
from qtkit.trading.engine.snapshots import Snapshot, Snapshots
from qtkit.trading.engine.task_skip import TaskSkip
from qtkit.trading.strategy.guard import Guarded, guarded

__all__ = ["StateWatch", "StrategyRunner", "state_digest"]


# version 2 writes values alone; later ones also tell which objects are shared
_BY_VALUE = 2
_CANONICAL = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))


def state_digest(state: Mapping[str, Any]) -> str:
    """Return the sha256 of a strategy's state, hex.

    Raises
    ------
    StrategyError
        If the state is no JSON object of finite numbers.
    """
    try:
        return _digest_of(marshal.dumps(cast("dict[str, Any]", state), _BY_VALUE))
    except ValueError:
        # something in it is no plain JSON: the full way says what
        return _canonical_digest(state)


@lru_cache(maxsize=64)
def _digest_of(marshalled: bytes) -> str:
    """Return the digest of a state; most states are asked for again and again, unchanged."""
    return _canonical_digest(marshal.loads(marshalled))  # noqa: S302 - `state_digest` made them


def _canonical_digest(state: Mapping[str, Any]) -> str:
    try:
        text = _CANONICAL.encode(state)
    except (TypeError, ValueError, RecursionError) as error:
        raise StrategyError(
            f"state() must return a JSON object of finite numbers: {error_text(error)}"
        ) from None
    return hashlib.sha256(text.encode()).hexdigest()


class StateWatch:
    """Holds a strategy to its state: it moves with fills, and never with a decision.

    Parameters
    ----------
    strategy
        In its guard: what `state` returns there nobody can change, and is the same object as long
        as it is the same state.
    """

    def __init__(self, strategy: Guarded) -> None:
        self._strategy = strategy
        self._kept: JsonObject = {}
        self._digest = ""  # of what is kept; "" until somebody asks

    def keep(self) -> None:
        """Take the state of this moment as the one that decisions must leave alone."""
        state = self._strategy.state()
        if state is not self._kept:
            self._kept, self._digest = state, ""

    def demand(self) -> str:
        """Return the digest of the state, which is still the one that was kept.

        Raises
        ------
        StrategyError
            If it is another.
        """
        self._digest = self._digest or state_digest(self._kept)
        state = self._strategy.state()
        if state is not self._kept and state_digest(state) != self._digest:
            raise StrategyError("decide changed what state() returns; move the state in on_fill")
        return self._digest


def _withheld(intents: Iterable[Intent]) -> tuple[ev.Withheld, ...]:
    """Return what a strategy wanted and did not ask for, as an event carries it."""
    kept_back = [
        ev.Withheld(symbol=i.symbol, quantity=i.quantity, because=i.because, reason=i.withheld)
        for i in intents
        if i.withheld
    ]
    return tuple(kept_back)


class StrategyRunner:
    """Takes in prices, and runs strategy steps on them."""

    def __init__(self, context: EngineContext, orders: OrderEntry, snapshots: Snapshots) -> None:
        self._context, self._orders, self._snapshots = context, orders, snapshots
        self._heard: datetime | None = None  # when the feed last delivered bars
        self._watch = StateWatch(guarded(context.strategy))

    def start_listening(self) -> None:
        """Count the feed's silence from now."""
        self._heard = self._context.clock.now()

    def take_bars(self, batch: BarBatch, left_out: Sequence[LeftOut] = ()) -> None:
        """Take in what the feed delivered; a bar without a usable price is refused and counted."""
        context = self._context
        answer, (whole, notes) = Delivery.of(batch), self._finished(batch)
        context.history.extend({s: b for s, b in whole.items() if is_carried(s)})
        good = {s: sound_bars(b) for s, b in whole.items() if not is_carried(s)}
        total = answer.refused + sum(len(whole[symbol]) for symbol in good)
        kept = sum(len(bars) for bars in good.values())
        context.history.extend(good)
        if kept:
            self._heard = context.clock.now()
        fresh = [s for s in context.strategy_symbols if len(good.get(s, ()))]
        last = tuple(last_price(context.history, symbol) for symbol in fresh)
        poll = context.state.polls + 1
        context.record(ev.PricesSeen(poll=poll, bars=kept, last=last, refused=total - kept))
        self._tell([*left_out, *notes])
        if answer.problem:
            context.record(ev.BarsRefused(bars=answer.refused, problem=answer.problem))

    def _finished(self, batch: BarBatch) -> tuple[dict[str, Bars], list[LeftOut]]:
        """Return what has ended of each symbol that is traded, and what was left out."""
        context, whole, notes = self._context, dict[str, Bars](), list[LeftOut]()
        for symbol, bars in batch.items():
            if symbol in context.history.series and len(bars):
                last = context.history.last_end(symbol)
                whole[symbol], odd = finished(bars, context.clock.now(), last)
                notes += odd
        return whole, notes

    def _tell(self, notes: Sequence[LeftOut]) -> None:
        """Record which bars nobody sees, and why."""
        if not notes:
            return
        self._context.record(left_out_event(notes))

    def objection(self, task: ev.PlannedTask) -> TaskSkip | None:
        """Return what keeps a step out now."""
        return self._trading_objection() or self._price_objection() or self._unprepared(task)

    def _unprepared(self, task: ev.PlannedTask) -> TaskSkip | None:
        if self._context.settings.timetable.prepare_lead_seconds is None:
            return None
        found = self._snapshots.of(task)
        return found if isinstance(found, TaskSkip) else None

    def _trading_objection(self) -> TaskSkip | None:
        context = self._context
        if context.state.killed:
            return TaskSkip("kill_switch", "the kill switch is on")
        if context.state.clock_apart:
            apart = (
                f"the machine's clock is {-context.state.clock_apart} s behind the session's time"
            )
            return TaskSkip("clock_stepped", apart)
        if not context.state.connected:
            return TaskSkip("broker_disconnected", f"{context.broker.name} does not answer")
        if context.settings.gate_mode == "block" and not context.state.gate_open:
            return TaskSkip("gate_failed", "the gate is shut; `gate` shows why")
        return None

    def _price_objection(self) -> TaskSkip | None:
        """Return what is wrong with the prices, and show the moment to the view."""
        context = self._context
        now, settings = context.clock.now(), context.settings
        if context.look():
            return None
        heard = self._heard or now
        silent = int(trading_nanos(context.segments, nanos(heard), nanos(now))) / 1e9
        if silent > settings.feed_silent_seconds:
            return TaskSkip("feed_silent", f"no bar for {silent:.0f} s of trading")
        return TaskSkip("no_fresh_price", "no symbol has a usable price of today")

    def _prepared(self, task: ev.PlannedTask) -> Snapshot:
        """Return what the step was prepared with."""
        if self._context.settings.timetable.prepare_lead_seconds is None:
            return self._snapshots.without_snapshot(task)
        found = self._snapshots.of(task)
        if isinstance(found, TaskSkip):
            raise StrategyError(f"{found.reason}: {found.detail}")
        return found

    def decide(self, task: ev.PlannedTask) -> None:
        """Ask the strategy, record the decision, and place what it wants.

        Raises
        ------
        StrategyError
            If the strategy raised, or changed its state while deciding.
        """
        context, step = self._context, -1 if task.step is None else task.step
        snapshot = self._prepared(task)
        self._watch.keep()
        intents = tuple(context.strategy.decide(context.view, snapshot.prepared))
        self.take_decision(
            intents, task.task_id, step, task.due, self._watch.demand(), snapshot.digest
        )

    def take_decision(
        self,
        intents: tuple[Intent, ...],
        task_id: str,
        step: int,
        due: datetime,
        digest: str,
        snapshot: str = "",
    ) -> None:
        """Record a decision with what it was taken on, and place what it wants.

        Parameters
        ----------
        intents
            What the strategy wants.
        task_id, step, due
            The step.
        digest
            Of the strategy's state, sha256, hex.
        snapshot
            Digest of what the step was prepared with; "" where that was no task of its own.
        """
        context = self._context
        withheld = _withheld(intents)
        wanted = tuple([i for i in intents if not i.withheld]) if withheld else intents
        prices, aside = self._seen()
        context.record(
            ev.DecisionTaken(
                task_id=task_id,
                step=step,
                due=due,
                prices=prices,
                aside=aside,
                intents=len(wanted),
                withheld=withheld,
                state_digest=digest,
                snapshot=snapshot,
                gate_warned=context.settings.gate_mode == "warn" and not context.state.gate_open,
            )
        )
        self._orders.place(wanted, step=step)

    def _seen(self) -> tuple[tuple[ev.LastPrice, ...], tuple[str, ...]]:
        """Return the newest prices that a decision sees, and the symbols that stand aside."""
        view, prices, aside = self._context.view, list[ev.LastPrice](), list[str]()
        for symbol in self._context.strategy_symbols:
            price = view.last(symbol)
            if price is None:
                aside.append(symbol)
            else:
                prices.append(price)
        return tuple(prices), tuple(aside)
