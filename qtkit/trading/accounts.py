"""Accounts: what outlives a session, and what the next one starts from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.folders import AccountFolder, SessionFolder, append_line, write_atomic
from qtkit.journal import read_journal, summarise
from qtkit.model.books import Book
from qtkit.model.events import Entry, OrderFilled, SessionEnded
from qtkit.trading.engine.state import EngineState
from qtkit.trading.ledger.ledger import Ledger

__all__ = ["Inheritance", "create_account", "inherit", "note_session", "restart_account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """What an account hands to its next session.

    Attributes
    ----------
    unfinished
        The folder of a session that has not ended: it is resumed, and nothing else counts.
    """

    opening: Book
    killed: bool = False
    next_order: int = 1
    strategy_state: dict[str, Any]
    predecessor: str = ""  # last link of the previous journal
    known_fills: tuple[str, ...] = ()
    last_date: date | None = None  # trading date of the previous session's end
    last_at: datetime | None = None
    unfinished: SessionFolder | None = None
    told: dict[str, Any] = field(default_factory=dict)  # for the next session's gate


def create_account(
    folder: AccountFolder, *, cash: Decimal, currency: str, exchange: str, at: datetime
) -> None:
    """Open a new account.

    Raises
    ------
    ConfigError
        If there is one of this name.
    """
    if folder.record.exists():
        raise ConfigError(
            f"account {folder.name!r} exists already; use it with --account {folder.name}, "
            "or choose another name"
        )
    record = {
        "format": 1,
        "name": folder.name,
        "opening_cash": str(cash),
        "currency": currency,
        "exchange": exchange,
        "created_at": at.isoformat(),
    }
    write_atomic(folder.record, json.dumps(record, indent=2) + "\n")


def account_record(folder: AccountFolder) -> dict[str, Any]:
    """Return what an account was opened with.

    Raises
    ------
    ConfigError
        If there is no such account.
    DataError
        If its record is damaged.
    """
    if not folder.record.exists():
        known = ", ".join(_names_beside(folder)) or "none"
        raise ConfigError(
            f"there is no account {folder.name!r} (there are: {known}); "
            f"make one with --new_account {folder.name}"
        )
    try:
        record: dict[str, Any] = json.loads(folder.record.read_text())
        Decimal(record["opening_cash"])
    except (ValueError, KeyError, ArithmeticError) as error:
        raise DataError(
            f"{folder.record} is damaged ({error}). See runbooks/account-damaged.md"
        ) from None
    return record


def _names_beside(folder: AccountFolder) -> list[str]:
    parent = folder.path.parent
    return sorted(p.name for p in parent.iterdir()) if parent.is_dir() else []


def note_session(folder: AccountFolder, session: SessionFolder) -> None:
    """Add a session to the account's chain; the chain points, the journals tell."""
    place = session.path.resolve()
    root = folder.path.resolve().parents[2]
    text = str(place.relative_to(root)) if place.is_relative_to(root) else str(place)
    append_line(folder.chain, json.dumps({"session": session.session_id, "folder": text}))


def sessions_of(folder: AccountFolder) -> list[SessionFolder]:
    """Return the account's sessions, oldest first; a torn last line of the chain is left out."""
    if not folder.chain.exists():
        return []
    root = folder.path.resolve().parents[2]
    found = list[SessionFolder]()
    for number, line in enumerate(folder.chain.read_text().splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            break
        try:
            found.append(SessionFolder(root / json.loads(line)["folder"]))
        except (ValueError, KeyError) as error:
            raise DataError(
                f"{folder.chain} line {number} is damaged ({error}). "
                "See runbooks/account-damaged.md"
            ) from None
    return found


def inherit(folder: AccountFolder) -> Inheritance:
    """Return what the account's next session starts from, read from its last journal.

    Raises
    ------
    ConfigError
        If there is no such account.
    DataError
        If record or chain is damaged, or a journal of the chain is missing.
    JournalCorrupt
        If the last journal cannot be trusted.
    """
    record = account_record(folder)
    for session in reversed(sessions_of(folder)):
        if session.journal.exists() and summarise(session.journal).entries:
            return _from_journal(session)
        if not session.path.is_dir():
            raise DataError(
                f"the folder of session {session.session_id} is missing, and account "
                f"{folder.name!r} needs its journal. See runbooks/account-damaged.md"
            )
    cash = Decimal(record["opening_cash"])
    return Inheritance(opening=Book(cash=cash, currency=record["currency"]), strategy_state={})


def _from_journal(session: SessionFolder) -> Inheritance:
    state, last, fills = fold(read_journal(session.journal))
    ended = last is not None and isinstance(last.event, SessionEnded)
    return Inheritance(
        opening=state.ledger.book(),
        killed=state.killed,
        next_order=state.next_order,
        strategy_state=state.strategy_state,
        predecessor=summarise(session.journal).link,
        known_fills=tuple(fills),
        last_date=state.today,
        last_at=last.at if last else None,
        unfinished=None if ended else session,
        told={
            "reconciliation_ok": state.reconciled_ok,
            "order_sizes": state.sizes_now,
            "turnover": {str(state.today): str(state.turnover)},
        },
    )


def fold(entries: Iterator[Entry]) -> tuple[EngineState, Entry | None, list[str]]:
    """Return the state at the end of a journal, its last entry, and the last date's fill ids."""
    state = EngineState(ledger=Ledger.opened(Book(cash=Decimal(0))))
    last: Entry | None = None
    fills = list[str]()
    day: date | None = None
    for last in entries:
        state.apply(last)
        if state.today != day:
            day, fills = state.today, []
        if isinstance(last.event, OrderFilled):
            fills.append(last.event.fill_id)
    return state, last, fills


def restart_account(folder: AccountFolder) -> None:
    """Clear an account's record, so that it begins anew; its sessions stay where they are.

    Raises
    ------
    ConfigError
        If a position or an order is open, or a session has not ended.
    """
    found = inherit(folder)
    open_things = [line.symbol for line in found.opening.positions]
    open_things += [order.order_id for order in found.opening.open_orders]
    if found.unfinished is not None:
        open_things.append(f"session {found.unfinished.session_id}")
    if open_things:
        raise ConfigError(
            f"account {folder.name!r} cannot be restarted while something is open: "
            f"{', '.join(open_things)}; close it first, or make a new account"
        )
    for path in (folder.chain, folder.broker_book, *_beside(folder.broker_book)):
        path.unlink(missing_ok=True)


def _beside(book: Path) -> list[Path]:
    return [book.with_name(book.name + suffix) for suffix in ("-wal", "-shm", "-journal")]
