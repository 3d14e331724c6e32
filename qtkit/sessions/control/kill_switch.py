"""The kill switch of an account, set and lifted from outside; each answers with one sentence."""

from __future__ import annotations

from qtkit.core.advice import lift_command
from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.core.input_text import LONGEST_REASON, checked_text
from qtkit.core.locks import is_locked
from qtkit.core.paths import AccountFolder, SessionFolder
from qtkit.runtime.account_chain import sessions_of
from qtkit.runtime.kill_switch import (
    ask_lift,
    drop_kill_file,
    kill_mark,
    no_account,
    set_kill_file,
    switch_is_on,
)
from qtkit.sessions.remote import RemoteSession
from qtkit.trading.risk.kill_file import kill_file_is_there, kill_requests

__all__ = ["kill_account", "lift_account"]


def kill_account(account: AccountFolder, *, by: str, why: str) -> str:
    """Stop an account's trading, and say what that means now.

    Raises
    ------
    ConfigError
        If there is no such account.
    """
    by, why = checked_text(by, "--by"), checked_text(why, "--why", LONGEST_REASON)
    try:
        written = set_kill_file(account, by=by, why=why)
    except OSError as problem:
        raise DataError(_no_kill_file(account, problem)) from None
    return (
        f"account {account.name}: the kill switch is ON ({account.kill_file}). Only orders that "
        f"reduce a position leave; {_who_looks(account)}. Lift it with "
        f"{lift_command(account)}"
        + ("" if written else ". Who and why could not be written into the file: note them")
    )


def _no_kill_file(account: AccountFolder, problem: OSError) -> str:
    engine = (
        "stop the engine's process instead, its number stands in account.lock.holder"
        if is_locked(account.lock)
        else "no engine runs on it; start none"
    )
    return (
        f"account {account.name}: the kill switch is NOT on, for {account.kill_file} cannot be "
        f"made ({problem.strerror or problem}); {engine}"
    )


def _who_looks(account: AccountFolder) -> str:
    try:
        running = is_locked(account.lock)
    except DataError as problem:
        return f"nobody can tell whether an engine runs on it: {problem}"
    if running:
        return "the engine that runs on it looks at the file before every order and every second"
    return "no engine runs on it; the next one starts with the switch on"


def lift_account(account: AccountFolder, *, by: str, why: str, timeout: float = 10.0) -> str:
    """Let an account trade again, and say from when on.

    A running engine is asked; where none runs the next start lifts the switch and journals who
    asked for it. If a running engine does not answer within `timeout` seconds the switch stays on.

    Raises
    ------
    ConfigError
        If there is no such account, the file cannot be removed, or the engine refuses.
    SessionUnreachable
        If an engine runs and does not answer.
    """
    if not account.path.is_dir():
        raise ConfigError(no_account(account))
    by, why = checked_text(by, "--by"), checked_text(why, "--why", LONGEST_REASON)
    seen = kill_mark(account)
    running = _running(account)
    if running is None:
        if not switch_is_on(account):
            return f"account {account.name}: the kill switch is off already; nothing was changed"
        ask_lift(account, by=by, why=why)
        try:
            drop_kill_file(account, seen)
        except ConfigError:
            account.lift_request.unlink(missing_ok=True)
            raise
        return (
            f"account {account.name}: no engine runs; the next start lifts the kill switch and "
            f"journals that {by} asked for it"
        )
    before = kill_requests(account.kill_file) if kill_file_is_there(account.kill_file) else ()
    there = drop_kill_file(account, seen)
    # the engine may not have come to look at the file yet, and then thinks that it is not killed
    beside = {"file": True} if there else {}
    try:
        done = RemoteSession(running).command("lift", by=by, why=why, timeout=timeout, **beside)
    except QtkitError:
        for request in before:
            set_kill_file(account, by=request.by or "KILL file", why=request.why, at=request.at)
        if before:
            set_kill_file(account, by=by, why="lifting it failed")
        raise
    return f"account {account.name}: the kill switch is off; {done}"


def _running(account: AccountFolder) -> SessionFolder | None:
    """Return the session that an engine works on now."""
    if not is_locked(account.lock):
        return None
    found = sessions_of(account)
    if not found:
        raise ConfigError(
            f"account {account.name} is in use, and no session of it is known yet; try again in "
            "a few seconds. Nothing was changed"
        )
    return found[-1]
