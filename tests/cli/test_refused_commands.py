"""What has no effect is refused: code 2 with the reason, from whichever door it came."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtkit.cli import qtkit
from qtkit.core.errors import ConfigError
from qtkit.desk import commands
from tests.desk.hand_made_day import rehearsal

FILE = """
from qtkit.testing import scripted_spec
SPEC = scripted_spec({}, ["SPY"], exchange="XNYS", zone="America/New_York")
"""


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("buy SPY 1000000", "risk."),
        ("buy NOBODY 100", "risk."),
        ("sell SPY 100", "risk."),
        ("cancel q000009", "q000009"),
        ("task 20260304-nothing --cancel", "no task"),
        ("run --task run_strategy", "not_allowed"),
        ("run --task nothing", "no task"),
        ("adjust --cash 1E+999999 --why x --yes", "cash"),
        ("adjust NOBODY --shares 5 --why x --yes", "NOBODY"),
        ("adjust --cash 5 --yes", "--why"),
        ("resume", "nothing to resume"),
    ],
)
def test_a_line_of_the_shell_that_has_no_effect_ends_with_2(
    tmp_path: Path, line: str, word: str
) -> None:
    file = tmp_path / "own.py"
    file.write_text(FILE, encoding="utf-8")
    words = ["shell", str(file), "--date", "2026-03-04", "--debug", "-c", line]

    found = CliRunner().invoke(qtkit, [*words, "--root", str(tmp_path / "outputs")]).exception

    assert isinstance(found, ConfigError)
    assert found.exit_code == 2
    assert word in str(found)


def test_an_adjustment_is_shown_before_it_is_booked_and_can_be_taken_back(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        before = desk.entries()
        shown = str(commands.adjust(desk, cash=Decimal("12.50"), why="a dividend"))
        assert "--yes" in shown
        assert desk.entries() == before

        commands.adjust(desk, cash=Decimal("12.50"), why="a dividend", really=True, by="anna")
        line = len(desk.entries())
        commands.adjust(desk, undo=line, why="a slip", really=True)

        booked = [e.event for e in desk.entries()[len(before) :]]
        assert [e.cash for e in booked if hasattr(e, "undoes")] == [
            Decimal("12.50"),
            Decimal("-12.50"),
        ]


@pytest.mark.parametrize(
    "what",
    [{"undo": 1}, {"undo": 1, "cash": Decimal(5)}, {"shares": 5}, {"cash": Decimal("0.001")}],
    ids=str,
)
def test_a_preview_refuses_what_the_engine_would(tmp_path: Path, what: dict[str, int]) -> None:
    with rehearsal(tmp_path) as desk, pytest.raises(ConfigError):
        commands.adjust(desk, why="x", **what)  # type: ignore[arg-type]
