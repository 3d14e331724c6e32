"""What a committed notebook must be, and that each of ours is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from qtkit.core.render import REPORT_MIME
from tests.golden.names import names_in
from tests.golden import texts
from tests.notebooks.replaying import comparing_reports
from tests.notebooks.tidying import code_digest, problems, stable, tidied

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PARAMETERS = 'day: str = "2026-03-04"  # trading date'
MACHINE = "/ho" + "me/somebody/outputs"  # in two parts, so that this file names no place itself


def _read(path: Path) -> Any:  # noqa: ANN401 - nbformat has no types
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def _output(text: str, **data: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    shown = {"text/plain": text, **data}
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": shown}


def _cell(source: str, *outputs: dict[str, Any], tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": "x",
        "metadata": {"tags": list(tags)},
        "source": source,
        "execution_count": 1,
        "outputs": list(outputs),
    }


@pytest.fixture
def notebook() -> Callable[..., Any]:
    """Return a notebook with parameters and further cells, run and tidied."""

    def make(*cells: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        first = _cell(PARAMETERS, tags=("parameters",))
        told = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [first, *cells]}
        return tidied(nbformat.from_dict(told))  # type: ignore[no-untyped-call]

    return make


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_each_of_ours_keeps_the_rules(path: Path) -> None:
    assert problems(_read(path), path.name) == []


def test_there_is_a_notebook_for_each_stage_and_the_three_that_tie_them_together() -> None:
    from qtkit.stages import all_stages

    stems = {path.stem for path in NOTEBOOKS}
    plain = {s.id: "".join(c for c in s.id.lower() if c.isalnum()) for s in all_stages()}
    expected = {name if name == "grid" else f"phase_{name}" for name in plain.values()}

    assert expected | {"00_quickstart", "smoke_checklist", "research_to_paper"} <= stems


def test_the_checklist_judges_every_stage_there_is() -> None:
    from qtkit.stages import all_stages

    (path,) = [path for path in NOTEBOOKS if path.stem == "smoke_checklist"]
    shown = [o.data.get(REPORT_MIME, {}) for c in _read(path).cells for o in c.get("outputs", ())]

    assert [s["stage"] for s in shown if s.get("type") == "stage_report"] == [
        stage.id for stage in all_stages()
    ]


def test_a_sound_notebook_has_no_problem(notebook: Callable[..., Any]) -> None:
    assert problems(notebook(_cell("1 + 1", _output("2")))) == []


def test_a_cell_that_changed_after_its_run_is_stale(notebook: Callable[..., Any]) -> None:
    found = notebook(_cell("1 + 1", _output("2")))
    found.cells[1].source = "1 + 2"

    (problem,) = problems(found)
    assert problem.startswith("its outputs are stale")


def test_words_around_the_code_may_change_without_a_run(notebook: Callable[..., Any]) -> None:
    found = notebook(_cell("1 + 1", _output("2")))
    digest = code_digest(found)
    words = {"cell_type": "markdown", "id": "w", "metadata": {}, "source": "# New words"}
    found.cells.insert(0, nbformat.from_dict(words))  # type: ignore[no-untyped-call]

    assert code_digest(found) == digest


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("def f():\n    return 1\nf()", "FunctionDef"),
        ("if day:\n    x = 1", "If"),
        ("for n in (1, 2):\n    pass", "For"),
        ("while False:\n    pass", "While"),
        ("with open('x') as f:\n    pass", "With"),
        ("x = [n for n in (1, 2)]", "ListComp"),
        ("x = 1 if day else 2", "IfExp"),
        ("x = lambda: 1", "Lambda"),
    ],
)
def test_logic_in_a_cell_is_refused(notebook: Callable[..., Any], source: str, named: str) -> None:
    found = problems(notebook(_cell(source, _output("1"))))

    (problem,) = found
    assert problem.startswith("code cell 1: logic")
    assert problem.endswith(f": {named}")


def test_a_stripped_output_is_refused(notebook: Callable[..., Any]) -> None:
    assert problems(notebook(_cell("1 + 1"))) == [texts.CELL_WITHOUT_OUTPUT]


def test_a_cell_that_was_never_run_is_refused(notebook: Callable[..., Any]) -> None:
    found = notebook(_cell("x = 1"))
    found.cells[1].execution_count = None

    assert problems(found) == [texts.CELL_WITHOUT_OUTPUT]


def test_thirteen_code_cells_are_too_many_and_a_checklist_may_have_sixteen(
    notebook: Callable[..., Any],
) -> None:
    found = notebook(*(_cell("x = 1") for _ in range(12)))

    assert [names_in(problem) for problem in problems(found)] == [["13", "12"]]
    assert problems(found, "smoke_checklist.ipynb") == []


def test_a_place_on_a_machine_is_refused(notebook: Callable[..., Any]) -> None:
    found = problems(notebook(_cell("folder", _output(f"in {MACHINE}/x"))))

    (problem,) = found
    assert problem.startswith("code cell 1: it names places")
    assert problem.endswith(MACHINE.removesuffix("/outputs"))


def test_printed_text_is_refused(notebook: Callable[..., Any]) -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": "hello"}

    (problem,) = problems(notebook(_cell("print('hello')", printed)))
    assert problem.startswith("code cell 1: it shows a stream")


def test_an_output_without_text_or_with_a_huge_picture_is_refused(
    notebook: Callable[..., Any],
) -> None:
    bare = _output("")
    del bare["data"]["text/plain"]
    huge = _output("chart", **{"image/png": "A" * 80_001})

    found = problems(notebook(_cell("a", bare), _cell("b", huge)))
    assert [names_in(problem) for problem in found] == [["1"], ["2", "80001", "80000"]]


def test_a_blocked_stage_is_not_committed(notebook: Callable[..., Any]) -> None:
    report = {"type": "stage_report", "conclusion": "blocked"}

    (problem,) = problems(notebook(_cell("a", _output("report", **{REPORT_MIME: report}))))
    assert problem.startswith("code cell 1: it shows a stage")


@pytest.mark.parametrize(
    "line", ['day = "2026-03-04"  # no type', 'day: str = "2026-03-04"', "day: Path = x  # a path"]
)
def test_a_parameter_needs_a_type_and_a_comment(notebook: Callable[..., Any], line: str) -> None:
    found = notebook()
    found.cells[0].source = line

    (problem,) = problems(tidied(found))
    assert problem.startswith(f"parameter {line!r} needs")


def test_one_cell_holds_the_parameters(notebook: Callable[..., Any]) -> None:
    found = notebook(_cell(PARAMETERS, tags=("parameters",)))

    assert [names_in(problem) for problem in problems(found)] == [["2"]]


def test_what_differs_from_machine_to_machine_leaves_a_report_and_nothing_else_does() -> None:
    report = {"folder": MACHINE, "journal_digest": "ab", "code": {"a": 1}, "exit_code": 0}

    assert stable(report) == {"exit_code": 0}


def test_a_replayed_report_compares_without_its_folder_and_by_everything_else() -> None:
    def session_id_left_out(text: str) -> str:
        return text.replace("20260304_011000_paper_abcdef1", "SESSION")

    comparable = comparing_reports(session_id_left_out)
    one = {"folder": "a", "session_id": "20260304_011000_paper_abcdef1", "fills": 5}

    assert comparable(one) == comparable({**one, "folder": "b"})
    assert comparable(one) == comparable({**one, "session_id": "SESSION"})
    assert comparable(one) != comparable({**one, "fills": 6})
    assert comparable("20260304_011000_paper_abcdef1") == "SESSION"
