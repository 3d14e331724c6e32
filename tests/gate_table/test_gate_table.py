"""{off, warn, block} x {healthy, each fault} x {split off, on} x lead x offset, in short days."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import pytest

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.model import events as ev
from qtkit.model.gate import GATE_CHECKS
from qtkit.stages import phase_5a, phase_5b, phase_5c
from qtkit.trading.strategy.loader import load_spec
from tests.gate_table.cells import DIMENSIONS, FAULTS, MODES, OVERLAY, TableCell
from tests.gate_table.pairs import all_pairs, pairs_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
ENGINE = EmbeddedEngine(load_spec(EXAMPLE), EXAMPLE)
BAD = {Status.FAIL, Status.ERROR}
# faults that other checks of these stages find, as they should
ALSO_FOUND = {"stray_order": {"5-C.6"}, "strange_fill": {"5-C.7"}, "away": set[str]()}


def cell_of(values: tuple[object, ...]) -> TableCell:
    names = ("mode", "fault", "split", "lead", "offset")
    return TableCell(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]


CHOSEN = [cell_of(values) for values in all_pairs(DIMENSIONS)]


def lived(cell: TableCell, place: Path) -> Evidence:
    overlay = place / "overlay.toml"
    overlay.write_text(OVERLAY)
    folder = SessionFolder(place / "day")
    folder.artifacts.mkdir(parents=True)
    scenario = cell.scenario(overlay)
    return ENGINE.run(scenario, folder)


def outcomes(run: Evidence) -> list[tuple[str, str]]:
    """Return what became of each step, by its local time."""
    warned = {d.event.task_id: d.event.gate_warned for d in run.of(ev.DecisionTaken)}
    found = []
    for story in run.tasks.values():
        if story.task != "run_strategy" or story.due is None:
            continue
        what = story.skipped.skip_reason if story.skipped else story.fate
        if story.task_id in warned:
            what = "warned" if warned[story.task_id] else "decided"
        found.append((f"{run.local(story.due):%H:%M}", what))
    return sorted(found)


def mistakes(cell: TableCell, place: Path) -> list[str]:
    """Return everything in which a cell's day is not what the table says."""
    run = lived(cell, place)
    found = list[str]()
    expected = [(f"{due:%H:%M}", cell.outcome(due)) for due in cell.steps]
    if outcomes(run) != expected:
        found.append(f"steps {outcomes(run)}, expected {expected}")
    judged = [(j.event.occasion, j.event.open) for j in run.of(ev.GateJudged)]
    if judged != cell.judgements:
        found.append(f"judgements {judged}, expected {cell.judgements}")
    for judgement in run.of(ev.GateJudged):
        failing = {v.rule for v in judgement.event.verdicts if v.status in BAD}
        wanted = frozenset() if judgement.event.open else cell.planted.failing
        if failing != wanted or {v.rule for v in judgement.event.verdicts} != set(GATE_CHECKS):
            found.append(f"{judgement.event.occasion}: {sorted(failing)} fail")
    by_hand = [o for o in run.of(ev.OrderRequested) if o.event.by == "scenario"]
    if len(by_hand) != (cell.fault != "killed"):
        found.append(f"{len(by_hand)} orders by hand")
    if not [d for d in run.of(ev.DayClosed) if not d.event.early]:
        found.append("the day was not closed")
    return found + list(_checks(cell, run))


def _checks(cell: TableCell, run: Evidence) -> list[str]:
    """Return what the checks of phase 5 say against the day."""
    reports = (phase(run) for phase in (phase_5a, phase_5b, phase_5c))
    allowed = ALSO_FOUND.get(cell.fault, set())
    return [
        f"{v.rule} {v.status}: {v.summary}"
        for report in reports
        for v in report.verdicts
        if v.status in BAD and v.rule not in allowed
    ]


@pytest.mark.parametrize("cell", CHOSEN, ids=str)
def test_a_cell_of_the_table(cell: TableCell, tmp_path: Path) -> None:
    assert mistakes(cell, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("mode", MODES)
def test_every_cell_of_the_table(mode: str, fault: str, tmp_path: Path) -> None:
    wrong: dict[str, list[str]] = {}
    for number, values in enumerate(product(*DIMENSIONS[2:])):
        cell = cell_of((mode, fault, *values))
        place = tmp_path / str(number)
        place.mkdir()
        found = mistakes(cell, place)
        if found:
            wrong[str(cell)] = found
    assert wrong == {}


# --- the selection -------------------------------------------------------------------------------


def test_in_the_selection_each_two_values_meet() -> None:
    chosen = all_pairs(DIMENSIONS)
    met = {pair for cell in chosen for pair in pairs_of(cell)}
    wanted = {
        (i, one, j, two)
        for i, j in combinations(range(len(DIMENSIONS)), 2)
        for one, two in product(DIMENSIONS[i], DIMENSIONS[j])
    }

    assert met == wanted
    assert chosen == all_pairs(DIMENSIONS)
    assert len(chosen) == len(set(chosen)) < 70


def test_all_pairs_of_three_switches_by_hand() -> None:
    """Twelve pairs, three a cell: four cells can be enough, and are."""
    cells = all_pairs([(0, 1)] * 3)

    assert len(cells) == 4
    assert {pair for cell in cells for pair in pairs_of(cell)} == {
        (i, a, j, b) for i, j in ((0, 1), (0, 2), (1, 2)) for a in (0, 1) for b in (0, 1)
    }


def test_the_table_knows_what_the_issue_asks_for() -> None:
    """Every check of the gate but the calendar has a fault, or is a warning."""
    failing = {rule for planted in FAULTS.values() for rule in planted.failing}

    assert set(GATE_CHECKS) - failing == {"gate.calendar", "gate.order_sizes"}
