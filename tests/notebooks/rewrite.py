"""Execute the committed notebooks anew and write their outputs back: ``make notebooks``.

What changes from run to run is left out, so that a diff shows what really changed: execution
counts are kept in order, timings and kernel metadata go, and a cell tagged ``nbval-ignore-output``
keeps only its text and HTML, without folders of this machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from qtkit.core.render import REPORT_MIME

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with fresh outputs, tidied."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="qtkit-notebooks-") as outputs:
        os.environ["QTKIT_OUTPUTS"] = outputs
        client = NotebookClient(
            notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
        )
        client.execute()
        del os.environ["QTKIT_OUTPUTS"]
    return tidied(notebook)


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook without what differs from run to run."""
    told = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    notebook.metadata = _node(told)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = _node({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            if "nbval-ignore-output" in tags:
                output.get("data", {}).pop(REPORT_MIME, None)
    return notebook


def _node(values: dict[str, Any]) -> Any:  # noqa: ANN401 - nbformat has no types
    return nbformat.from_dict(values)  # type: ignore[no-untyped-call]


def main(names: list[str]) -> None:
    """Rewrite the named notebooks, or all."""
    paths: list[Any] = [NOTEBOOKS / name for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        nbformat.write(executed(path), path)  # type: ignore[no-untyped-call]
        print(f"rewritten: {path.name}")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main(sys.argv[1:])
