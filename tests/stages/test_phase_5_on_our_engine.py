"""Phases 5-A, 5-B and 5-C on our own engine, through all their scenarios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.verdict import Conclusion, Status
from qtkit.sessions.checklist import expired
from qtkit.stages import StageReport, phase_4b, phase_5a, phase_5b, phase_5c
from qtkit.trading.strategy.loader import load_spec

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"


@pytest.fixture(scope="module")
def engine() -> EmbeddedEngine:
    return EmbeddedEngine(load_spec(EXAMPLE), EXAMPLE, expired)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.mark.parametrize("phase", [phase_4b, phase_5a, phase_5b, phase_5c])
def test_every_check_passes(
    phase: Callable[..., StageReport], engine: EmbeddedEngine, place: Path
) -> None:
    report = phase(engine, root=place)

    assert report.conclusion is Conclusion.PASSED, report
    assert {v.status for v in report.verdicts} == {Status.PASS}, report


def test_what_the_scenarios_are_there_for_shows_in_the_sentences(
    engine: EmbeddedEngine, place: Path
) -> None:
    gate, books = phase_5b(engine, root=place), phase_5c(engine, root=place)

    assert "5 of 7 decided steps would have been kept out" in gate.verdict("5-B.2").summary
    assert "2 orders, 4 fills, 1 cancel, 1 closing" in gate.verdict("5-B.3").summary
    assert "8 combinations" in phase_5a(engine, root=place).verdict("5-A.5").summary
    assert "5 lines" in books.verdict("5-C.3").summary
    assert "3 expired after 30 days" in books.verdict("5-C.5").summary
