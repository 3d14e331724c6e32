"""The command line that a strategy file gets when it is run as a program."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from qtkit.cli import run_command
from qtkit.cli.account_options import account_options
from qtkit.cli.live import live_options, trade_live
from qtkit.cli.options import DAY, root_option
from qtkit.cli.simulate import show_end
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["strategy_main"]


def strategy_main(spec: StrategySpec, file: str) -> None:
    """Run a strategy file as a program; never returns."""
    run_command(command_of(spec, Path(file)))


def command_of(spec: StrategySpec, source: Path) -> click.Command:
    """Return the command that trades a strategy."""

    @click.command(
        name=source.name,
        help=(
            f"Trade {spec.name}: {', '.join(spec.symbols)}. In real time the session's folder is "
            "printed first; with --simulate it is printed last."
        ),
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @account_options
    @click.option("--simulate", "day", type=DAY, help="First simulated date; else in real time.")
    @click.option(
        "--days", type=click.IntRange(min=1), default=1, show_default=True, help="Simulated ones."
    )
    @live_options
    @root_option
    @click.pass_context
    def command(  # noqa: PLR0913 - one for each option
        ctx: click.Context,
        *,
        account: str | None,
        new_account: str | None,
        restart: bool,
        day: date | None,
        days: int,
        ui: str,
        debug: bool,
        root: Path,
    ) -> None:
        from qtkit.runtime.settings import SessionSettings
        from qtkit.sessions.simulation import prepare_account
        from qtkit.sessions.simulation import simulate as simulated

        settings = SessionSettings(debug=debug)
        if day is None:
            code = trade_live(
                source, spec, root=root, account=account, new_account=new_account,
                restart=restart, ui=ui, settings=settings,
            )  # fmt: skip
            ctx.exit(code)
        name = prepare_account(
            spec, root=root, account=account, new_account=new_account, restart=restart, day=day
        )
        session = simulated(
            source, spec=spec, day=day, days=days, root=root, account=name, settings=settings
        )
        show_end(ctx, session)

    return command
