"""The kill switch of an account, set and lifted from outside; each answers with one sentence."""

from __future__ import annotations

from qtkit.core.advice import lift_command
from qtkit.core.errors import ConfigError, QtkitError
from qtkit.core.folders import AccountFolder, SessionFolder
from qtkit.core.locks import is_locked
from qtkit.sessions.session import Session
from qtkit.trading.accounts import sessions_of
from qtkit.trading.kill_switch import ask_lift, drop_kill_file, no_account, set_kill_file

__all__ = ["kill_account", "lift_account"]


def kill_account(account: AccountFolder, *, by: str, why: str) -> str:
    """Stop an account's trading, and say what that means now.

    Raises
    ------
    ConfigError
        If there is no such account.
    """
    set_kill_file(account, by=by, why=why)
    now = (
        "the engine that runs on it looks at the file before every order and every second"
        if is_locked(account.lock)
        else "no engine runs on it; the next one starts with the switch on"
    )
    return (
        f"account {account.name}: the kill switch is ON ({account.kill_file}). Only orders that "
        f"reduce a position leave; {now}. Lift it with "
        f"{lift_command(account.name, account.path.parent.name, account.path.parents[2])}"
    )


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
    running = _running(account)
    if running is None:
        ask_lift(account, by=by, why=why)
        try:
            drop_kill_file(account)
        except ConfigError:
            account.lift_request.unlink()
            raise
        return (
            f"account {account.name}: no engine runs; the next start lifts the kill switch and "
            f"journals that {by} asked for it"
        )
    there = drop_kill_file(account)
    try:
        done = Session(running).command("lift", by=by, why=why, timeout=timeout)
    except QtkitError:
        if there:
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
