"""Each notebook runs headlessly by papermill, and reads as HTML without a network."""

from __future__ import annotations

import re
import socket
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest

from qtkit.core.paths import OutputRoot, RunFolder
from qtkit.runs.execute import execute
from qtkit.runs.record import RunStatus

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
# nbval runs every one of them; what is not named here waits for `make test-slow`
_ALWAYS = {"00_quickstart", "desk"}
_TAGS = re.compile(r"<[^>]+>")
_LOADED = re.compile(r'(?:<script[^>]*\ssrc|<link[^>]*\shref|<img[^>]*\ssrc)="(?!data:)([^"]+)"')


def _spoken(text: str) -> str:
    """Return words without markup and without runs of white space."""
    return " ".join(unescape(_TAGS.sub(" ", text)).split())


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path.stem in _ALWAYS else pytest.mark.slow)
        for path in NOTEBOOKS
    ],
    ids=lambda path: str(path.stem),
)
def test_it_runs_headlessly_and_its_record_says_passed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QTKIT_OUTPUTS", raising=False)
    root = OutputRoot(tmp_path / "outputs")
    parameters = {"root": str(root.path)}

    record = execute(path, parameters, root=root)

    assert (record.status, record.error) == (RunStatus.PASSED, None)
    assert record.cells_run == record.cells
    assert RunFolder(root.run_records / record.run_id).notebook.is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_it_becomes_html_that_shows_everything_without_a_network(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    exporter: Any = import_module("nbconvert").HTMLExporter()
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    page, _ = exporter.from_notebook_node(notebook)

    shown = _spoken(page)
    for data in (o.data for c in notebook.cells for o in c.get("outputs", ())):
        kept = data.get("text/html")
        assert "image/png" not in data or data["image/png"].strip() in page
        assert kept is None or _spoken(kept) in shown
    loaded = {address.partition("://")[2].partition("/")[0] for address in _LOADED.findall(page)}
    assert loaded <= {"cdnjs.cloudflare.com"}, "only what draws formulas and widgets may be missing"
