"""The runs of an output folder: shown, compared, run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from qtkit.core.paths import OutputRoot
from qtkit.desk.panels import RunsPanel, Watch
from qtkit.desk.panels.widgets import Button, Choice, Text
from qtkit.runs.execute import execute
from qtkit.runs.run_store import list_runs


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    new = nbformat.v4
    cells = [
        new.new_code_cell("lots: int = 1", metadata={"tags": ["parameters"]}),  # type: ignore[no-untyped-call]
        new.new_code_cell("lots * 100"),  # type: ignore[no-untyped-call]
    ]
    path = tmp_path / "notebooks" / "tiny.ipynb"
    path.parent.mkdir()
    nbformat.write(new.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
    return path


@pytest.fixture
def panel(tmp_path: Path, notebook: Path) -> Iterator[RunsPanel]:
    root = tmp_path / "outputs"
    execute(notebook, {"lots": 2}, root=OutputRoot(root))
    shown = RunsPanel(Watch(root=root))
    shown.begin()
    yield shown
    shown.close()


def news(panel: RunsPanel) -> str:
    panel.errands.finish(60)
    return panel.part("news", Text).html


def test_a_run_is_shown_run_again_and_compared(panel: RunsPanel, notebook: Path) -> None:
    assert panel.text().startswith("Runs · 1 records, the newest first, times in UTC")
    first = panel.part("run", Choice).value

    panel.press("show")
    assert f"run {first} · passed" in news(panel)
    assert "parameter lots" in news(panel)

    panel.press("again")
    assert "tiny.ipynb is not there; type the folder" in news(panel)
    panel.fill("notebooks", str(notebook.parent))
    panel.press("again")
    assert "passed" in news(panel)
    assert [run.record.parameters for run in list_runs(panel.watch.root) if run.record] == [
        {"lots": 2},
        {"lots": 2},
    ]

    panel.press("reload")
    assert panel.part("before", Choice).value == first
    panel.press("compare")
    assert f"against {first}" in news(panel)


def test_a_folder_without_runs_has_nothing_to_press(tmp_path: Path) -> None:
    panel = RunsPanel(Watch(root=tmp_path))
    panel.begin()
    try:
        assert "no notebook has" in panel.text()
        assert [panel.part(n, Button).is_on for n in ("show", "compare", "again")] == [False] * 3
    finally:
        panel.close()


def test_a_damaged_record_is_listed_and_not_offered(panel: RunsPanel) -> None:
    (panel.watch.root.run_records / "20260101_000000_broken_abcdefg").mkdir()

    panel.refresh()
    assert "‼ damaged" not in panel.text(), "the list is read when that is asked for"
    panel.press("reload")

    assert "‼ damaged" in panel.text()
    assert "20260101_000000_broken_abcdefg" not in panel.part("run", Choice).raw.options
