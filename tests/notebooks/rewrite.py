"""Execute the committed notebooks anew and write their outputs back: ``make notebooks``.

What changes from run to run is left out, so that a diff shows what really changed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.notebooks.kernels import private_kernel
from tests.notebooks.tidying import problems, tidied

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def executed(path: Path) -> Any:  # noqa: ANN401 - nbformat has no types
    """Return a notebook with fresh outputs, tidied."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="qtkit-") as home:
        client = NotebookClient(
            notebook,
            km=private_kernel(home),
            resources={"metadata": {"path": str(path.parent)}},
            iopub_timeout=30,
            shutdown_kernel="immediate",
        )
        outputs, ipython = Path(home) / "outputs", Path(home) / "ipython"
        environment = {**os.environ, "QTKIT_OUTPUTS": str(outputs), "IPYTHONDIR": str(ipython)}
        client.execute(cleanup_kc=True, env=environment)
    return tidied(notebook)


def main(names: list[str]) -> int:
    """Rewrite the named notebooks, or all; return 1 if one of them is not fit to be committed."""
    paths = [NOTEBOOKS / name for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    wrong = 0
    for path in paths:
        notebook = executed(path)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        found = problems(notebook, path.name)
        wrong += bool(found)
        print("\n  ".join([f"rewritten: {path.name}", *found]))  # noqa: T201 - a command's answer
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
