"""The kill switch from outside: a file that stops trading, and a request that lifts it again.

Neither needs an engine. The file is looked at before every order and at every turn of the loop; the
request is carried out, and journalled, by the next start. Whatever is damaged keeps the switch on.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

import msgspec

from qtkit.core.clock import wall_time
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.folders import AccountFolder, write_atomic
from qtkit.core.records import plain_bytes, what_is_there
from qtkit.journal import summarise
from qtkit.trading.chain import sessions_of
from qtkit.trading.engine.inbox import Answer, Command, Inbox

__all__ = [
    "LiftRequest",
    "ask_lift",
    "asked_lift",
    "drop_kill_file",
    "hand_over_lift",
    "last_link",
    "set_kill_file",
]


class LiftRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants the next start to lift the kill switch."""

    by: str
    why: str
    at: str
    link: str  # of the account's last journal line then: of what is lifted, and of nothing later

    def __post_init__(self) -> None:
        """Refuse a request that does not say who and why."""
        if not (self.by.strip() and self.why.strip() and self.link):
            raise ValueError("by, why and link must say something")


def set_kill_file(account: AccountFolder, *, by: str, why: str) -> None:
    """Stop an account's trading; a request to lift the switch is withdrawn.

    Raises
    ------
    ConfigError
        If there is no such account.
    OSError
        If not even an empty file can be made: stop the engine's process instead.
    """
    if not account.path.is_dir():
        raise ConfigError(no_account(account))
    text = json.dumps({"by": by, "why": why, "at": wall_time().isoformat()}) + "\n"
    try:
        write_atomic(account.kill_file, text)
    except OSError:  # a full disk takes no text; whatever is there stops trading as well
        if not os.path.lexists(account.kill_file):
            account.kill_file.touch()
    with suppress(IsADirectoryError):  # a folder of that name asks for nothing
        account.lift_request.unlink(missing_ok=True)


def no_account(account: AccountFolder) -> str:
    """Return the sentence about an account that is not there."""
    beside = account.path.parent
    known = sorted(p.name for p in beside.iterdir()) if beside.is_dir() else []
    return (
        f"there is no account {account.name!r} of mode {beside.name}, so nothing was changed "
        f"(there are: {', '.join(known) or 'none'}); check the name, --mode and --root"
    )


def drop_kill_file(account: AccountFolder) -> bool:
    """Remove the file; return whether there was one.

    Raises
    ------
    ConfigError
        If it cannot be removed: the switch stays on.
    """
    path = account.kill_file
    if not os.path.lexists(path):
        return False
    try:
        path.unlink()
    except OSError as problem:
        raise ConfigError(
            f"{path} cannot be removed ({problem.strerror}); the kill switch stays on until it is"
        ) from None
    return True


def last_link(account: AccountFolder) -> str:
    """Return the link of the account's last journal line; "" if it has none."""
    for session in reversed(sessions_of(account)):
        if session.journal.exists():
            found = summarise(session.journal)
            if found.entries:
                return found.link
    return ""


def ask_lift(account: AccountFolder, *, by: str, why: str) -> None:
    """Let the next start of the account lift the switch that is on now.

    Raises
    ------
    DataError
        If something else than a file stands where the request is written.
    """
    found = what_is_there(account.lift_request)
    if found not in {"file", "nothing", "a link to nothing"}:
        raise DataError(
            f"{account.lift_request} is {found}, expected a file or nothing; remove it, and lift "
            "the kill switch again. See runbooks/kill-switch.md"
        )
    request = LiftRequest(by=by, why=why, at=wall_time().isoformat(), link=last_link(account))
    write_atomic(account.lift_request, msgspec.json.encode(request) + b"\n")


def asked_lift(account: AccountFolder, link: str) -> Command | None:
    """Return the command that a request stands for; None if there is none that counts.

    Parameters
    ----------
    account
        Whose request.
    link
        Of the account's last journal line: a request about an earlier one is void.
    """
    try:
        content = plain_bytes(account.lift_request, "")
        request = msgspec.json.decode(content, type=LiftRequest)
    except (OSError, DataError, msgspec.DecodeError, ValueError, RecursionError):
        return None  # no request, or none that can be read: the switch stays as it is
    if request.link != link:
        return None

    def done(_: Answer) -> None:
        account.lift_request.unlink(missing_ok=True)

    return Command(verb="lift", arguments={"why": request.why}, by=request.by, answer=done)


def hand_over_lift(inbox: Inbox, account: AccountFolder) -> None:
    """Let an engine that has not started lift the switch, if that was asked for."""
    if account.lift_request.exists():
        lift = asked_lift(account, last_link(account))
        if lift is not None:
            inbox.put(lift)
