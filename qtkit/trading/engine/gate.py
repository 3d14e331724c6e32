"""The gate: whether everything is in place for the strategy to trade.

All its checks are judged every time, never only the first failure. In mode ``block`` a gate that
is shut keeps strategy steps out, and nothing else.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from qtkit.core.calendars import end_of_knowledge, how_to_extend
from qtkit.core.errors import (
    BeyondCalendar,
    BrokerTimeout,
    BrokerUnavailable,
    DataError,
    StrategyError,
)
from qtkit.core.verdict import Status, Verdict, error, fail, ok, pending, skip, warn
from qtkit.ledger.reconcile import reconcile
from qtkit.model import events as ev
from qtkit.model.bars import nanos
from qtkit.trading.brokers.protocol import AccountReport
from qtkit.trading.engine.bar_history import trading_nanos, usable_symbols
from qtkit.trading.engine.context import EngineContext
from qtkit.trading.engine.strategy_runner import state_digest
from qtkit.trading.risk.kill_file import kill_file_is_there
from qtkit.trading.strategy.guard import problems_of

__all__ = ["Gate"]


class Gate:
    """Judges the gate and records what came of it."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._polled = False  # whether a price poll of this life has come back
        self._waits = False  # whether the last judgement could not know the prices yet

    def hear(self) -> bool:
        """Take note that a price poll came back; return whether a judgement waited for it."""
        waited, self._polled, self._waits = self._waits, True, False
        return waited

    def judge(self, occasion: str) -> tuple[Verdict, ...]:
        """Judge all checks; occasions are start, restart, prices, day, reconnect and demand."""
        context = self._context
        verdicts = (
            self._strategy(),
            self._data(),
            self._calendar(),
            *self._account(),
            self._artifacts(),
            self._kill_switch(),
            self._last_reconciliation(),
            self._order_sizes(),
        )
        shut = [v.rule for v in verdicts if v.status in {Status.FAIL, Status.ERROR}]
        context.record(
            ev.GateJudged(
                mode=context.settings.gate_mode,
                occasion=occasion,
                verdicts=verdicts,
                open=not shut,
            )
        )
        return verdicts

    def _strategy(self) -> Verdict:
        context = self._context
        unknown = [s for s in context.strategy_symbols if not self._is_known(s)]
        try:
            state_digest(context.strategy.state())
            wrong = [*problems_of(context.strategy)]
        except StrategyError as problem:
            return error(str(problem), fix="mend the strategy").named("gate.strategy")
        if unknown or not context.strategy_symbols:
            wrong.append(f"no instrument is known for {', '.join(unknown)}")
        verdict = (
            fail("; ".join(wrong), fix="mend the strategy's parameters and symbols, or add them")
            if wrong
            else ok(f"state and {len(context.strategy_symbols)} instruments are in order")
        )
        return verdict.named("gate.strategy")

    def _is_known(self, symbol: str) -> bool:
        context = self._context
        try:
            context.instrument_of(symbol, context.state.today or self._date())
        except DataError:
            return False
        return True

    def _date(self) -> date:
        return self._context.calendar.local_date(self._context.clock.now())

    def _data(self) -> Verdict:
        """Return whether each symbol has a last close, and in trading hours a fresh price."""
        context, fix = self._context, "see runbooks/feed-silent.md"
        if not context.state.day_open:
            return skip("the exchange is closed today").named("gate.data")
        day = context.state.today or self._date()
        blank = [s for s in context.strategy_symbols if context.close_before(s, day) is None]
        stale = sorted(set(context.strategy_symbols) - self._fresh())
        self._waits = bool(stale) and not self._polled
        if self._waits and not blank:
            return pending(
                "no price poll has come back yet", fix="wait: it is judged again with the first"
            ).named("gate.data")
        if blank or stale:
            told = [f"no last close for {', '.join(blank)}"] if blank else []
            told += [f"no fresh price for {', '.join(stale)}"] if stale else []
            return fail("; ".join(told), fix=fix).named("gate.data")
        return ok(f"{len(context.strategy_symbols)} symbols have their data").named("gate.data")

    def _fresh(self) -> frozenset[str]:
        """Return the symbols with a fresh price; all, while none can be expected."""
        context, now = self._context, self._context.clock.now()
        limit = context.settings.max_price_age_seconds
        traded = trading_nanos(context.segments, 0, nanos(now))
        if not context.inside(now) or traded <= limit * 1e9:
            return frozenset(context.strategy_symbols)
        return usable_symbols(context.history, now, context.priced, limit)

    def _calendar(self) -> Verdict:
        context = self._context
        day = context.state.today or self._date()
        extend = how_to_extend(context.calendar.name)
        try:
            following = context.calendar.session_after(day, 1)
        except BeyondCalendar as problem:
            return fail(str(problem), fix=extend).named("gate.calendar")
        if ends := end_of_knowledge(context.calendar, day):
            return warn(ends, fix=extend).named("gate.calendar")
        verdict = ok(f"the calendar covers {day}; the next trading day is {following}")
        return verdict.named("gate.calendar")

    def _account(self) -> tuple[Verdict, ...]:
        """Return whether the account can be read and agrees with our book, and the clocks agree."""
        context = self._context
        try:
            report = context.broker.account()
        except (BrokerUnavailable, BrokerTimeout) as problem:
            fix = "see runbooks/broker-disconnected.md"
            names = ("account", "cash", "positions", "open_orders", "fills", "clock")
            told = f"the broker did not answer: {problem}"
            return tuple(error(told, fix=fix).named(f"gate.{name}") for name in names)
        book = context.state.ledger.book()
        agree = reconcile(book, report, unmatched_fills=context.state.fills_unmatched)
        return (
            ok(f"{context.broker.name} tells cash {report.cash}").named("gate.account"),
            *(v.named(v.rule.replace("reconcile.", "gate.")) for v in agree),
            self._clock(report).named("gate.clock"),
        )

    def _clock(self, report: AccountReport) -> Verdict:
        context = self._context
        if report.at is None:
            return skip(f"{context.broker.name} does not tell its time")
        apart = abs((report.at - context.clock.now()).total_seconds())
        limit = context.settings.gate_clock_tolerance_seconds
        if apart > limit:
            return fail(
                f"the broker's clock is {apart:.0f} s from ours, allowed are {limit:g} s",
                fix="set the machine's clock by NTP, then judge again with `gate`",
            )
        return ok(f"the clocks are {apart:.0f} s apart, allowed are {limit:g} s")

    def _artifacts(self) -> Verdict:
        why = self._context.files.trouble_writing(self._context.settings.min_disk_megabytes)
        verdict = (
            fail(why, fix="free space, or mend the folder's rights")
            if why
            else ok("the session's folder can be written")
        )
        return verdict.named("gate.artifacts")

    def _kill_switch(self) -> Verdict:
        context = self._context
        if context.state.killed or kill_file_is_there(context.kill_file):
            return fail("the kill switch is on", fix="see runbooks/kill-switch.md").named(
                "gate.kill_switch"
            )
        return ok("the kill switch is off").named("gate.kill_switch")

    def _last_reconciliation(self) -> Verdict:
        clean = self._context.state.reconciled_ok
        if clean is None:
            verdict = ok("nothing has been reconciled on this account yet")
        elif clean:
            verdict = ok("the last reconciliation was clean")
        else:
            verdict = fail(
                "the last reconciliation was not clean",
                fix="follow runbooks/reconcile-break.md, then `reconcile`",
            )
        return verdict.named("gate.last_reconciliation")

    def _order_sizes(self) -> Verdict:
        """Return whether orders are no larger than in the account's last session: a warning."""
        before, now = self._context.state.sizes_before, self._context.state.sizes_now
        grown = [f"{s} {before[s]} to {now[s]}" for s in sorted(before.keys() & now.keys())
                 if _number(now[s]) > _number(before[s])]  # fmt: skip
        if grown:
            verdict = warn(
                f"orders are larger than in the last session: {', '.join(grown)}",
                fix="make sure that this is wanted",
            )
        else:
            verdict = ok("orders are no larger than in the last session")
        return verdict.named("gate.order_sizes")


def _number(text: object) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return Decimal(0)
