"""`qtkit live`: trade in real time, in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qtkit.cli.account_options import accept_options, acceptance, account_options
from qtkit.cli.config_options import (
    account_asked,
    config_option,
    configured,
    market_options,
    warn_of_the_calendar,
)
from qtkit.cli.options import accept_data_option, root_option
from qtkit.core.advice import command
from qtkit.core.errors import ConfigError

if TYPE_CHECKING:
    from qtkit.core.paths import SessionFolder
    from qtkit.runtime.settings import SessionSettings
    from qtkit.runtime.spec import Acceptance
    from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["live", "live_options", "trade_live"]

_SETTINGS = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--ui`` and ``--debug``."""
    command = click.option("--debug", is_flag=True, help="Let operators run tasks by hand.")(
        command
    )
    return click.option(
        "--ui",
        type=click.Choice(["none", "cli"]),
        default="none",
        show_default=True,
        help="cli: the operator's shell in this terminal.",
    )(command)


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path), required=False)
@config_option
@account_options
@accept_options
@live_options
@click.option(
    "--settings",
    type=_SETTINGS,
    help="JSON with settings that win over the configuration; '-': standard input.",
)
@click.option("--detached", is_flag=True, hidden=True, help="Print into the session's folder.")
@market_options
@accept_data_option
@root_option
@click.pass_context
def live(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    strategy: Path | None,
    config: Path | None,
    account: str | None,
    new_account: str | None,
    restart: bool,
    accept_changes: bool,
    by: str | None,
    why: str | None,
    ui: str,
    debug: bool,
    settings: Path | None,
    detached: bool,
    calendar_overlay: Path | None,
    instruments: Path | None,
    accept_data: tuple[str, ...],
    root: Path,
) -> None:
    """Trade STRATEGY (a Python file with a SPEC) in real time, with the paper broker.

    It runs until it is stopped: by `qtkit attach SESSION --ask stop`, Ctrl-C or SIGTERM. After a
    crash the next start on the same account goes on where it ended. The session's folder is
    printed first. Exit codes: 0 stopped, 2 wrong request, 3 data missing or beyond the calendar, 4
    the strategy raised, 130 stopped by Ctrl-C, SIGTERM or SIGHUP.
    """
    from qtkit.runtime.configuration.reader import settings_of
    from qtkit.trading.strategy.loader import load_spec

    accept = acceptance(accept_changes=accept_changes, by=by, why=why)
    given = _given(settings)
    options = {
        "session.strategy": strategy,
        "session.calendar_overlay": calendar_overlay,
        "session.instruments": instruments,
        "session.accept_data": accept_data,
        "session.root": root,
    }
    found = configured(ctx, config, options)
    file = Path(found.strategy)
    name, new_name = account_asked(found, account, new_account)
    code = trade_live(
        file,
        found.spec_of(load_spec(file)),
        root=Path(found.run.root),
        account=name,
        new_account=new_name,
        restart=restart,
        accept=accept,
        ui=ui,
        settings=settings_of(
            {
                **_over(found.settings.model_dump(exclude_unset=True), given),
                **({"debug": True} if debug else {}),
            }
        ),
        detached=detached,
    )
    ctx.exit(code)


def _given(file: Path | None) -> dict[str, Any]:
    """Return the settings of a JSON file, or of standard input."""
    from qtkit.core.config.file_text import read_text

    if file is None:
        return {}
    try:
        text = sys.stdin.read() if str(file) == "-" else read_text(file)
        found = json.loads(text or "{}")
    except (OSError, ValueError, RecursionError) as problem:
        raise ConfigError(f"the settings in {file} cannot be read: {problem}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"the settings in {file} must be an object, found {text[:40]!r}")
    return found


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return settings with others laid over them, table by table."""
    both = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **both}


def trade_live(  # noqa: PLR0913 - one for each option
    strategy: Path,
    spec: StrategySpec,
    *,
    root: Path,
    account: str | None = None,
    new_account: str | None = None,
    restart: bool = False,
    accept: Acceptance | None = None,
    ui: str = "none",
    settings: SessionSettings | None = None,
    detached: bool = False,
) -> int:
    """Trade until somebody stops it, and return the exit code."""
    from qtkit.core.paths import OutputRoot
    from qtkit.runtime.settings import SessionSettings
    from qtkit.sessions.control.process import announce
    from qtkit.sessions.live import market_date, run_live
    from qtkit.sessions.simulation import prepare_account

    settings = settings or SessionSettings()
    warn_of_the_calendar(spec, settings, market_date(spec, settings))
    meanwhile = _shell() if ui == "cli" else None
    name = prepare_account(
        spec,
        root=root,
        account=account,
        new_account=new_account,
        restart=restart,
        day=market_date(spec, settings),
        settings=settings,
    )
    end = run_live(
        strategy,
        root=OutputRoot(root),
        spec=spec,
        account=name,
        accept=accept,
        settings=settings,
        ready=announce if detached else _tell,
        meanwhile=meanwhile or (lambda _: None),
    )
    return end.exit_code


def _tell(folder: SessionFolder) -> None:
    click.echo(f"{folder.path}")
    look = command("attach", folder.path.resolve())
    click.echo(f"it runs; look with {look}, stop with Ctrl-C", err=True)


def _shell() -> Callable[[SessionFolder], None]:
    """Return what opens the operator's shell on this process's own session."""
    from qtkit.desk.shell import interact
    from qtkit.sessions.remote import RemoteSession

    return lambda folder: interact(RemoteSession(folder))
