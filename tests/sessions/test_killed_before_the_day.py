"""The kill switch that was on before the day began is part of that day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from qtkit import stages
from qtkit.core.paths import OutputRoot
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.trading.strategy.loader import load_spec

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
DAY = date(2026, 3, 4)


def test_the_break_point_of_a_day_agrees_with_a_switch_set_before_it(tmp_path: Path) -> None:
    root, spec = OutputRoot(tmp_path), load_spec(EXAMPLE)
    name = prepare_account(spec, root=root, new_account="demo", day=DAY)
    root.account("paper", "demo").kill_file.write_text("a drill")

    session = simulate(EXAMPLE, spec=spec, day=DAY, root=root, account=name)
    verdicts = {v.rule: v.status for v in stages.phase_1(session, day=DAY).verdicts}

    assert verdicts["1.5"] == "pass"
