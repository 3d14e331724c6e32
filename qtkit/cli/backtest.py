"""`qtkit backtest`: history, quickly."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from qtkit.cli.options import DAY, root_option

__all__ = ["backtest"]


@click.command()
@click.argument("strategy", type=click.Path(path_type=Path))
@click.option("--start", type=DAY, required=True, help="First date.")
@click.option("--end", type=DAY, required=True, help="Last date, included.")
@click.option("--seed", type=int, help="Of the generated data and of chance.")
@click.option("--data", help="'synthetic' (default), or the name of a local table.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@root_option
def backtest(
    *,
    strategy: Path,
    start: date,
    end: date,
    seed: int | None,
    data: str | None,
    as_json: bool,
    root: Path,
) -> None:
    """Run STRATEGY (a Python file with a SPEC) over past trading dates, in memory.

    The same engine as in paper and live, with journal and broker in memory. The numbers and the
    fills are kept under runs/; the folder is printed last.
    """
    from qtkit.core.folders import OutputRoot
    from qtkit.trading.backtest import backtest as tested
    from qtkit.trading.backtest import keep
    from qtkit.trading.settings import SessionSettings
    from qtkit.trading.strategy.loading import load_spec

    asked: dict[str, Any] = {"seed": seed, "data": data}
    asked = {name: value for name, value in asked.items() if value is not None}
    outputs = OutputRoot(root)
    result = tested(
        load_spec(strategy), start, end, settings=SessionSettings(**asked), root=outputs
    )
    folder = keep(result, outputs)
    click.echo(json.dumps(result.summary, indent=2) if as_json else str(result))
    if not as_json:
        click.echo(folder)
