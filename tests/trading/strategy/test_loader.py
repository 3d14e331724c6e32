"""A strategy's file is compiled each time it is read."""

from __future__ import annotations

import os
from pathlib import Path

from qtkit.trading.strategy.loader import load_spec

CODE = """
from qtkit.testing import scripted_spec
SPEC = scripted_spec({}, ["AAPL"], exchange="XNYS", step_minutes=SIZE)
"""


def test_a_file_mended_within_a_second_trades_as_it_was_mended(tmp_path: Path) -> None:
    file = tmp_path / "hasty.py"
    steps = list[int | None]()

    for minutes in (10, 30):  # as many letters, and the same second
        file.write_text(CODE.replace("SIZE", str(minutes)))
        os.utime(file, (1_772_634_600, 1_772_634_600))
        steps.append(load_spec(file).step_minutes)

    assert steps == [10, 30]


def test_a_strategy_leaves_no_compiled_code_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "tidy.py"
    file.write_text(CODE.replace("SIZE", "10"))

    load_spec(file)

    assert list(tmp_path.iterdir()) == [file]
