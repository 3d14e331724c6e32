"""`qtkit backtest`: history, quickly."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from qtkit.cli.config_options import (
    config_option,
    configured,
    market_options,
    warn_of_the_calendar,
)
from qtkit.cli.options import DAY, accept_data_option, root_option

__all__ = ["backtest"]


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path), required=False)
@config_option
@click.option("--start", type=DAY, required=True, help="First date.")
@click.option("--end", type=DAY, required=True, help="Last date, included.")
@click.option("--seed", type=int, help="Of the generated data and of chance.")
@click.option("--data", help="'synthetic' (default), or the name of a local table.")
@click.option("--exchange", default="", help="Whose defaults hold for symbols nobody lists.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@market_options
@accept_data_option
@root_option
@click.pass_context
def backtest(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    strategy: Path | None,
    config: Path | None,
    start: date,
    end: date,
    seed: int | None,
    data: str | None,
    exchange: str,
    as_json: bool,
    calendar_overlay: Path | None,
    instruments: Path | None,
    accept_data: tuple[str, ...],
    root: Path,
) -> None:
    """Run STRATEGY (a Python file with a SPEC) over past trading dates, in memory.

    The same engine as in paper and live, with journal and broker in memory. The numbers and the
    fills are kept under runs/; the folder is printed last.
    """
    from qtkit.core.paths import OutputRoot
    from qtkit.market.instruments import instrument_table
    from qtkit.runtime.backtest import backtest as tested
    from qtkit.runtime.backtest import keep
    from qtkit.trading.strategy.loader import load_spec

    options = {
        "session.strategy": strategy,
        "session.seed": seed,
        "session.data": data,
        "session.calendar_overlay": calendar_overlay,
        "session.instruments": instruments,
        "session.accept_data": accept_data,
        "session.root": root,
    }
    found = configured(ctx, config, options)
    spec = found.spec_of(load_spec(Path(found.strategy)))
    warn_of_the_calendar(spec, found.settings, end)
    outputs = OutputRoot(Path(found.run.root))
    table = instrument_table(found.settings.instruments, exchange=exchange)
    result = tested(spec, start, end, settings=found.settings, root=outputs, instruments=table)
    folder = keep(result, outputs)
    click.echo(json.dumps(result.summary, indent=2) if as_json else str(result))
    if not as_json:
        click.echo(folder)
