"""Accounts: what outlives a session, and what the next one starts from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError, DataError
from qtkit.core.file_reader import read_object, what_is_there
from qtkit.core.paths import AccountFolder, SessionFolder, write_atomic
from qtkit.model.books import Book
from qtkit.runtime.account_audit import audit, remains_of
from qtkit.runtime.account_chain import forget_sessions, read_chain
from qtkit.runtime.session_reader import Reading

__all__ = ["CarryOver", "account_record", "create_account", "inherit", "restart_account"]

_EXPECTED = "an object with name, opening_cash, currency and exchange as text"
_ADVICE = "See runbooks/account-damaged.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver:
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
    told_by: str = ""  # id of the session whose journal tells all this
    reading: Reading | None = field(default=None, compare=False)  # of the one that has not ended
    rebuilt: tuple[str, ...] = ()  # names of its files that were written anew from it


def create_account(
    folder: AccountFolder, *, cash: Decimal, currency: str, exchange: str, at: datetime
) -> None:
    """Open a new account.

    Raises
    ------
    ConfigError
        If there is one of this name.
    DataError
        If there was one, and its record alone is gone.
    """
    if what_is_there(folder.record) != "nothing":
        raise ConfigError(
            f"account {folder.name!r} exists already; use it with --account {folder.name}, "
            "or choose another name"
        )
    _never_opened(folder)
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
        If its record is damaged, or gone while something else of the account is there.
    """
    try:
        record = read_object(folder.record, _EXPECTED, _ADVICE)
    except FileNotFoundError:
        _never_opened(folder)
        known = ", ".join(_names_beside(folder)) or "none"
        raise ConfigError(
            f"there is no account {folder.name!r} (there are: {known}); "
            f"make one with --new_account {folder.name}"
        ) from None
    wrong = [
        f"{name} was {record.get(name)!r}"
        for name in ("name", "opening_cash", "currency", "exchange")
        if not isinstance(record.get(name), str)
    ]
    if not wrong and not _is_amount(record["opening_cash"]):
        wrong = [f"opening_cash was {record['opening_cash']!r}"]
    if wrong:
        raise DataError(
            f"{folder.record} is damaged: {', '.join(wrong)}, expected {_EXPECTED}. {_ADVICE}"
        )
    return record


def _is_amount(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False


def _never_opened(folder: AccountFolder) -> None:
    """Make sure that nothing of an account is there which has no record."""
    remains = remains_of(folder)
    if remains:
        raise DataError(
            f"{folder.record} is missing, and there is {', '.join(remains[:5])} of account "
            f"{folder.name!r}: it would begin again with its opening cash and its first order "
            f"number. Put the file back, or use another name. {_ADVICE}"
        )


def _names_beside(folder: AccountFolder) -> list[str]:
    parent = folder.path.parent
    return sorted(p.name for p in parent.iterdir()) if parent.is_dir() else []


def inherit(folder: AccountFolder) -> CarryOver:
    """Return what the account's next session starts from, read from its last journal.

    Raises
    ------
    ConfigError
        If there is no such account.
    DataError
        If its files do not tell one story, or one of them is missing or damaged.
    JournalCorrupt
        If the last journal cannot be trusted.
    """
    record = account_record(folder)
    _finish_restart(folder)
    reading = audit(folder, record)
    if reading is not None:
        return _from_journal(reading)
    cash = Decimal(record["opening_cash"])
    return CarryOver(opening=Book(cash=cash, currency=record["currency"]), strategy_state={})


def _from_journal(found: Reading) -> CarryOver:
    state, last = found.state, found.status.last
    return CarryOver(
        opening=state.ledger.book(),
        killed=state.killed,
        next_order=state.next_order,
        strategy_state=state.strategy_state,
        predecessor=found.chain.link,
        known_fills=tuple(found.known_fills),
        last_date=state.today,
        last_at=last.at if last else None,
        unfinished=None if found.ended else found.folder,
        reading=None if found.ended else found,
        told={
            "reconciliation_ok": state.reconciled_ok,
            "order_sizes": state.sizes_now,
            "turnover": {str(state.today): str(state.turnover)},
        },
        told_by=found.folder.session_id,
        rebuilt=found.rebuilt,
    )


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
    forget_sessions(folder)
    _finish_restart(folder)


def _finish_restart(folder: AccountFolder) -> None:
    """Remove the broker's book of an account that was cleared and has not begun again."""
    chain = read_chain(folder)
    if chain.restarted and not chain.sessions:
        for path in (folder.broker_book, *_beside(folder.broker_book)):
            path.unlink(missing_ok=True)


def _beside(book: Path) -> list[Path]:
    return [book.with_name(book.name + suffix) for suffix in ("-wal", "-shm", "-journal")]
