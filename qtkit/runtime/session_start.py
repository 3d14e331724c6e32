"""From where a session goes: a new account, one that has lived, or a session that was cut off."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime

from qtkit.core.calendars import Calendar
from qtkit.core.clock import Clock
from qtkit.core.errors import ConfigError
from qtkit.core.files import make_folder
from qtkit.core.locks import NamedLock
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder, session_id_of
from qtkit.model.books import Book
from qtkit.projections.session_terms import settings_digest
from qtkit.runtime.accounts import CarryOver, account_record, create_account, inherit
from qtkit.runtime.factories import (
    kind_named,
)
from qtkit.runtime.plan import SessionPlan, check_dates, goes_on
from qtkit.runtime.resume import Return, returned
from qtkit.runtime.run import Place
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["Beginning", "beginning_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """From where a session goes, once nobody else writes to its account."""

    plan: SessionPlan
    clock: Clock
    carry_over: CarryOver
    place: Place | None = None
    lock: NamedLock | None = None
    account: str = "backtest"  # as the journal names it
    back: Return | None = None  # where it goes on in a journal


def beginning_of(
    plan: SessionPlan, where: OutputRoot | Place, root: OutputRoot, undo: ExitStack
) -> Beginning:
    """Return from where a session goes.

    Parameters
    ----------
    undo
        Takes what has to be let go if nothing comes of it.

    Raises
    ------
    ConfigError, DataError
        If it cannot go from there; nothing was started.
    """
    if not kind_named(plan.spec.kind).is_durable:
        return _in_memory(plan)
    if isinstance(where, Place) or plan.spec.account is not None:
        return _on_account(plan, where, undo)
    return _on_fresh_account(plan, root, undo)


def _in_memory(plan: SessionPlan) -> Beginning:
    strategy = plan.spec.strategy
    opening = Book(cash=strategy.opening_cash, currency=strategy.currency)
    carry_over = CarryOver(opening=opening, strategy_state={})
    return Beginning(plan=plan, clock=_clock(plan, None), carry_over=carry_over)


def _on_fresh_account(plan: SessionPlan, root: OutputRoot, undo: ExitStack) -> Beginning:
    _nothing_to_accept(plan.spec)
    clock = _clock(plan, None)
    folder = _new_folder(plan, root, clock)
    account = root.account(plan.spec.settings.mode, folder.session_id)
    lock = _taken(account, undo)
    carry_over = _opened(account, plan.spec.strategy, clock.now())
    return Beginning(
        plan=plan,
        clock=clock,
        carry_over=carry_over,
        place=Place(folder, account),
        lock=lock,
        account="simulated" if plan.days else account.name,
    )


def _on_account(plan: SessionPlan, where: OutputRoot | Place, undo: ExitStack) -> Beginning:
    account = where.account if isinstance(where, Place) else _named_account(plan, where)
    back: Return | None = None
    lock = _taken(account, undo)
    if isinstance(where, Place) and not account.record.exists():
        clock = _clock(plan, None)
        carry_over = _opened(account, plan.spec.strategy, clock.now())
    else:
        carry_over = inherit(account)
        if carry_over.reading is not None:
            # first when it goes on: of other dates there is nothing else to compare
            plan = goes_on(plan, account, carry_over)
            back = returned(plan, carry_over.reading)
            plan = back.plan
        else:
            plan = goes_on(plan, account, carry_over)
        clock = _clock(plan, carry_over.last_at)
        _not_before(account, clock, carry_over.last_at)
    if back is None:
        _nothing_to_accept(plan.spec)
    folder = carry_over.unfinished or _folder_in(where, plan, clock)
    return Beginning(
        plan=plan,
        clock=clock,
        carry_over=carry_over,
        place=Place(folder, account),
        lock=lock,
        account=plan.spec.account or "simulated",
        back=back,
    )


def _nothing_to_accept(spec: SessionSpec) -> None:
    """Make sure that nobody accepts changes of a session that begins."""
    if spec.accept is not None:
        raise ConfigError(
            "no session was cut off here, so that there are no changes to accept; leave "
            "--accept-changes out to begin a new one"
        )


def _named_account(plan: SessionPlan, root: OutputRoot) -> AccountFolder:
    account = root.account(plan.spec.settings.mode, plan.spec.account or "")
    account_record(account)  # one that is not there is not made by taking it
    return account


def _taken(account: AccountFolder, undo: ExitStack) -> NamedLock:
    lock = NamedLock(account.lock, f"account {account.name!r}")
    lock.acquire()
    undo.callback(lock.release)
    return lock


def _opened(account: AccountFolder, strategy: StrategySpec, at: datetime) -> CarryOver:
    """Open a new account for a strategy."""
    cash, currency = strategy.opening_cash, strategy.currency
    create_account(account, cash=cash, currency=currency, exchange=strategy.exchange, at=at)
    return CarryOver(opening=Book(cash=cash, currency=currency), strategy_state={})


def _clock(plan: SessionPlan, last_at: datetime | None) -> Clock:
    """Return the session's clock; in real time, today's dates are looked at now."""
    clock = kind_named(plan.spec.kind).clock(plan.spec, plan.start, last_at)
    if not plan.days:
        today = plan.calendar.local_date(clock.now())
        plan.calendar.segments(today)
        check_dates(plan, today, _following(plan.calendar, today))
    return clock


def _following(calendar: Calendar, day: date) -> date:
    """Return the next trading date; on the last one that is known, that date itself."""
    return calendar.next_session(day) if day < calendar.last else day


def _not_before(account: AccountFolder, clock: Clock, last_at: datetime | None) -> None:
    """Make sure that a clock shows no time that the account has lived through."""
    if last_at is not None and clock.now() < last_at:
        raise ConfigError(
            f"account {account.name!r} has lived until {last_at:%Y-%m-%d %H:%M:%S} UTC, and "
            f"the clock shows {clock.now():%Y-%m-%d %H:%M:%S} UTC; set the machine's clock right, "
            "start again when that time has passed, or use another account"
        )


def _new_folder(plan: SessionPlan, root: OutputRoot, clock: Clock) -> SessionFolder:
    mode = plan.spec.settings.mode
    return root.new_session(mode, session_id_of(clock.now(), mode, settings_digest(plan.settings)))


def _folder_in(where: OutputRoot | Place, plan: SessionPlan, clock: Clock) -> SessionFolder:
    if isinstance(where, OutputRoot):
        return _new_folder(plan, where, clock)
    make_folder(where.folder.artifacts)
    return where.folder
