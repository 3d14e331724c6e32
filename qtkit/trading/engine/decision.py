"""One strategy step: what it may see, what keeps it out, and what it decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qtkit.core.errors import StrategyError
from qtkit.market.feeds.protocol import Delivery
from qtkit.model import events as ev
from qtkit.model.bars import BarBatch, nanos
from qtkit.model.money import decimal_of
from qtkit.trading.engine.core import EngineCore
from qtkit.trading.engine.history import newest, sound_bars, trading_nanos
from qtkit.trading.engine.objection import Objection
from qtkit.trading.engine.order_desk import OrderDesk
from qtkit.trading.engine.snapshots import Snapshot, SnapshotDesk

__all__ = ["StepDesk", "state_digest"]


_CANONICAL = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))


def state_digest(state: Mapping[str, Any]) -> str:
    """Return the sha256 of a strategy's state, hex.

    Raises
    ------
    StrategyError
        If the state is no JSON object of finite numbers.
    """
    try:
        text = _CANONICAL.encode(state)
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"state() must return a JSON object of finite numbers: {error}"
        ) from None
    return hashlib.sha256(text.encode()).hexdigest()


class StepDesk:
    """Takes in prices, and runs strategy steps on them."""

    def __init__(self, core: EngineCore, orders: OrderDesk, snapshots: SnapshotDesk) -> None:
        self._core, self._orders, self._snapshots = core, orders, snapshots
        self._heard: datetime | None = None  # when the feed last delivered bars

    def start_listening(self) -> None:
        """Count the feed's silence from now."""
        self._heard = self._core.clock.now()

    def take_bars(self, batch: BarBatch) -> None:
        """Take in what the feed delivered; a bar without a usable price is refused and counted."""
        core = self._core
        good = {symbol: sound_bars(bars) for symbol, bars in batch.items() if len(bars)}
        answer = Delivery.of(batch)
        total = answer.refused + sum(len(bars) for bars in batch.values())
        kept = sum(len(bars) for bars in good.values())
        core.history.extend(good)
        if kept:
            self._heard = core.clock.now()
        last = tuple(self.last_price(s) for s in core.strategy_symbols if len(good.get(s, ())))
        core.record(
            ev.PricesSeen(trading_date=core.state.today, bars=kept, last=last, refused=total - kept)
        )
        if answer.problem:
            core.record(
                ev.BarsRefused(
                    trading_date=core.state.today, bars=answer.refused, problem=answer.problem
                )
            )
            core.log.say("bars_refused", bars=answer.refused, problem=answer.problem)

    def last_price(self, symbol: str) -> ev.LastPrice:
        """Return a symbol's newest bar as an event carries it."""
        end, close = newest(self._core.history, symbol)
        return ev.LastPrice(symbol=symbol, end=end, close=decimal_of(close))

    def objection(self, task: ev.PlannedTask) -> Objection | None:
        """Return what keeps a step out now."""
        return self._trading_objection() or self._price_objection() or self._unprepared(task)

    def _unprepared(self, task: ev.PlannedTask) -> Objection | None:
        if self._core.settings.timetable.prepare_lead_seconds is None:
            return None
        found = self._snapshots.of(task)
        return found if isinstance(found, Objection) else None

    def _trading_objection(self) -> Objection | None:
        core = self._core
        if core.state.killed:
            return Objection("kill_switch", "the kill switch is on")
        if not core.state.connected:
            return Objection("broker_disconnected", f"{core.broker.name} does not answer")
        if core.settings.gate_mode == "block" and not core.state.gate_open:
            return Objection("gate_failed", "the gate is shut; `gate` shows why")
        return None

    def _price_objection(self) -> Objection | None:
        """Return what is wrong with the prices, and show the moment to the view."""
        core = self._core
        now, settings = core.clock.now(), core.settings
        if core.look():
            return None
        heard = self._heard or now
        silent = trading_nanos(core.segments, nanos(heard), nanos(now)) / 1e9
        if silent > settings.feed_silent_seconds:
            return Objection("feed_silent", f"no bar for {silent:.0f} s of trading")
        return Objection("no_fresh_price", "no symbol has a usable price of today")

    def _prepared(self, task: ev.PlannedTask) -> Snapshot:
        """Return the step's own snapshot, or prepare it on the spot."""
        if self._core.settings.timetable.prepare_lead_seconds is None:
            return self._snapshots.on_the_spot()
        found = self._snapshots.of(task)
        if isinstance(found, Objection):
            raise StrategyError(f"{found.reason}: {found.detail}")
        return found

    def decide(self, task: ev.PlannedTask) -> None:
        """Ask the strategy, record the decision, and place what it wants.

        Raises
        ------
        StrategyError
            If the strategy raised, or changed its state while deciding.
        """
        core, step = self._core, -1 if task.step is None else task.step
        snapshot = self._prepared(task)
        before = state_digest(core.strategy.state())
        intents = tuple(core.strategy.decide(core.view, snapshot.prepared))
        after = state_digest(core.strategy.state())
        if after != before:
            raise StrategyError("decide changed what state() returns; move the state in on_fill")
        seen = {s: core.view.price(s) > 0 for s in core.strategy_symbols}
        core.record(
            ev.DecisionTaken(
                trading_date=core.state.today,
                task_id=task.task_id,
                step=step,
                due=task.due,
                prices=tuple(self.last_price(s) for s, fresh in seen.items() if fresh),
                aside=tuple(s for s, fresh in seen.items() if not fresh),
                intents=len(intents),
                state_digest=after,
                snapshot=snapshot.digest,
                gate_warned=core.settings.gate_mode == "warn" and not core.state.gate_open,
            )
        )
        self._orders.place(intents, source="strategy", step=step)
