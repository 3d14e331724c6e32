"""A simulated session: trading days on a clock that waits for nobody, in the caller's process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot
from qtkit.market.instruments import instrument_table
from qtkit.runtime.accounts import account_record, create_account, restart_account
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.metadata import write_identity
from qtkit.runtime.plan import exchange_of, first_start, trading_days, with_currency
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import Acceptance, SessionSpec
from qtkit.sessions.local import LocalSession
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.engine.schedule import refuse_steps_that_never_come
from qtkit.trading.strategy.guard import made
from qtkit.trading.strategy.loader import load_spec
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["prepare_account", "simulate"]

_MODE = "paper"  # what a simulated session may be


def simulate(  # noqa: PLR0913 - one for each thing that can be asked for
    source: Path | str | StrategySpec,
    *,
    spec: StrategySpec | None = None,
    day: date | str,
    days: int = 1,
    root: OutputRoot | Path | str,
    account: str | None = None,
    accept: Acceptance | None = None,
    settings: Mapping[str, Any] | SessionSettings | None = None,
    start: datetime | None = None,
    stop: datetime | None = None,
    commands: Sequence[tuple[datetime, Command]] = (),
) -> LocalSession:
    """Run a strategy for simulated trading days, and leave a session's folder.

    Parameters
    ----------
    source
        A strategy's file, or its spec.
    spec
        The spec, where the file is loaded already.
    day, days
        First date, and how many trading dates from it on; a date without trading is lived
        through, and trading begins on the next one.
    root
        Where everything is written.
    account
        An account that exists; None: a fresh one of this session alone. A session of it that has
        not ended is resumed.
    accept
        Who accepts that such a session goes on under other code or settings, and why.
    settings
        What differs from the defaults.
    start, stop
        When the engine comes and goes, UTC; None: before the open and after the last task.
    commands
        What operators do, and when (UTC).

    Returns
    -------
    LocalSession
        Also when the strategy raised: that is in the journal, and in `exit_code`.

    Raises
    ------
    ConfigError, DataError
        If a request is wrong, bars are missing, or a date is beyond the calendar; nothing was
        started.
    StrategyError
        If the strategy's file raised, or its code did where no step can be given up.
    """
    strategy, file = _loaded(source, spec)
    request = SessionSpec(
        strategy=strategy, settings=settings_of(settings), source=file, account=account,
        accept=accept, day=_date(day), days=days, start=start, stop=stop, commands=commands,
    )  # fmt: skip
    with build(request, _root(root)) as run:
        write_identity(run)
        session = LocalSession(run)
        session.live_through()
    return session


def _loaded(
    source: Path | str | StrategySpec, spec: StrategySpec | None
) -> tuple[StrategySpec, Path | None]:
    if isinstance(source, StrategySpec):
        return source, None
    path = Path(source)
    return spec or load_spec(path), path


def _root(root: OutputRoot | Path | str) -> OutputRoot:
    return root if isinstance(root, OutputRoot) else OutputRoot(Path(root))


def _date(day: date | str) -> date:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"{day!r} is no date; expected YYYY-MM-DD, such as 2026-03-04") from None


def prepare_account(
    spec: StrategySpec,
    *,
    root: OutputRoot | Path | str,
    account: str | None = None,
    new_account: str | None = None,
    restart: bool = False,
    day: date | str,
    settings: SessionSettings | None = None,
) -> str | None:
    """Return the account that a session is to use, made or cleared as asked.

    Parameters
    ----------
    spec
        Its cash, currency and exchange are a new account's.
    root
        Where accounts live.
    account
        One that exists.
    new_account
        Name of one to be made.
    restart
        Clear the account's record, so that it begins anew.
    day
        First date to be traded.
    settings
        What the session will run under: an account is not made for one that cannot start.

    Returns
    -------
    str or None
        None: a fresh account of the session alone.

    Raises
    ------
    ConfigError
        If both names are given and differ, a new one exists already, the account does not exist or
        cannot be cleared, the session has no steps, or the strategy finds its parameters wrong.
    DataError
        If a symbol is unknown, or the calendar does not know the date; no account was made.
    StrategyError
        If the strategy cannot be made.
    """
    if account and new_account and account != new_account:
        raise ConfigError(
            f"--account {account} and --new_account {new_account} name two accounts; give one"
        )
    if restart and not (account or new_account):
        raise ConfigError("--restart clears an account's record: name it with --account ID")
    outputs = _root(root)
    request = settings or SessionSettings()
    if new_account or restart:
        spec = _startable(spec, _date(day), request)
    if new_account:
        _make(spec, outputs, new_account, _date(day), request)
    elif account:
        account_record(outputs.account(_MODE, account))
        if restart:
            restart_account(outputs.account(_MODE, account))
    return new_account or account


def _startable(spec: StrategySpec, day: date, settings: SessionSettings) -> StrategySpec:
    """Return a spec with its currency; nothing is made or cleared for what could not start."""
    calendar, table = exchange_of(spec, settings), instrument_table(settings.instruments)
    refuse_steps_that_never_come(calendar, day, settings.engine(spec).timetable)
    made(spec)
    spec = with_currency(spec, table)
    table.all_rules(spec.symbols, day)
    return spec


def _make(
    spec: StrategySpec, root: OutputRoot, name: str, day: date, settings: SessionSettings
) -> None:
    calendar = exchange_of(spec, settings)
    trading_days(calendar, day, 1)
    create_account(
        root.account(_MODE, name),
        cash=spec.opening_cash,
        currency=spec.currency,
        exchange=spec.exchange,
        at=first_start(calendar, day).astimezone(calendar.zone),
    )
