"""The kill switch of an account, set and lifted from outside; each answers with one sentence."""

from __future__ import annotations

from qtkit.core.errors import ConfigError, DataError, QtkitError
from qtkit.core.folders import AccountFolder, SessionFolder
from qtkit.core.locks import is_locked
from qtkit.sessions.session import Session
from qtkit.trading.chain import sessions_of
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
    return (
        f"account {account.name}: the kill switch is ON ({account.kill_file}). Only orders that "
        f"reduce a position leave; {_who_looks(account)}. Lift it with "
        f"`qtkit kill {account.name} --lift --by NAME --why TEXT`"
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
    # the engine may not have come to look at the file yet, and then thinks that it is not killed
    beside = {"file": True} if there else {}
    try:
        done = Session(running).command("lift", by=by, why=why, timeout=timeout, **beside)
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
