"""A notebook as it is before it runs: read, checked, and copied without its old outputs."""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError
from qtkit.runs.cell_monitor import CELL_KEY, first_line
from qtkit.runs.parameters import Parameter, declared

__all__ = ["SKIPPED", "Source", "read_source", "without_slow_import"]

_SLOW = "rfc3987_syntax"
SKIPPED = "skip-execution"  # tag of a cell that is never sent to the kernel
_INJECTED = "injected-parameters"


@contextmanager
def without_slow_import() -> Iterator[None]:
    """Keep one optional library of jsonschema from being imported: that alone takes 0.75 s."""
    if _SLOW in sys.modules:
        yield
        return
    sys.modules[_SLOW] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_SLOW]


@dataclass(frozen=True, slots=True)
class Source:
    """One notebook.

    Attributes
    ----------
    path
        Where it is, absolute.
    digest
        sha256 of the file.
    parameters
        What its tagged cell declares.
    cells
        Positions of the cells that have to run: all with code, whatever their tags say.
    notebook
        The notebook itself, as nbformat reads it.
    """

    path: Path
    digest: str
    parameters: tuple[Parameter, ...]
    cells: tuple[int, ...]
    notebook: Any

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def tagged(self, tag: str) -> tuple[int, ...]:
        """Return the positions of the cells with code that carry a tag."""
        return tuple(n for n in self.cells if tag in _tags(self.notebook.cells[n]))

    def line_of(self, position: int) -> str:
        """Return the first line of a cell's code."""
        return first_line(self.notebook.cells[position].source)

    def copy(self) -> str:
        """Return the text of the copy that will be executed: no outputs, each cell numbered.

        A cell that an earlier run injected goes: the record names other parameters than those.
        """
        nbformat: Any = import_module("nbformat")
        fresh = nbformat.from_dict(self.notebook)
        for position, cell in enumerate(fresh.cells):
            if cell.cell_type == "code":
                cell.outputs = []
                cell.execution_count = None
            cell.metadata.pop(CELL_KEY, None)
            if position in self.cells:
                cell.metadata[CELL_KEY] = position
        fresh.cells = [cell for cell in fresh.cells if _INJECTED not in _tags(cell)]
        text: str = nbformat.writes(fresh)
        return text


def _parameters(notebook: Any, path: Path) -> tuple[Parameter, ...]:  # noqa: ANN401 - untyped
    """Return what a notebook declares; a refusal names its file."""
    try:
        return declared(notebook.cells)
    except ConfigError as mistake:
        raise ConfigError(f"{path.name}: {mistake}") from mistake


def read_source(path: Path) -> Source:
    """Return a notebook that can be run.

    Raises
    ------
    ConfigError
        If there is none, if it is damaged, if it is not for Python, or if it has no code.
    """
    path = path.resolve()
    # a pipe would never answer
    if path.exists() and not path.is_file():
        raise ConfigError(f"notebook {path} cannot be read: it is no file; give an .ipynb file")
    try:
        raw = path.read_bytes()
    except OSError as mistake:
        raise ConfigError(
            f"notebook {path} cannot be read ({mistake.strerror}): give the path of an .ipynb file"
        ) from mistake
    notebook = _parsed(raw, path)
    cells = tuple(n for n, cell in enumerate(notebook.cells) if _has_code(cell))
    if not cells:
        raise ConfigError(
            f"{path.name} has no cell with code, so that a run would show nothing: open it in "
            "JupyterLab and write one; nothing was started"
        )
    return Source(
        path=path,
        digest=hashlib.sha256(raw).hexdigest(),
        parameters=_parameters(notebook, path),
        cells=cells,
        notebook=notebook,
    )


def _parsed(raw: bytes, path: Path) -> Any:  # noqa: ANN401 - nbformat has no types
    """Return the notebook in a file; cells without an id get one."""
    with without_slow_import(), warnings.catch_warnings():
        nbformat: Any = import_module("nbformat")
        warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
        warnings.simplefilter("ignore", nbformat.warnings.DuplicateCellId)
        try:
            notebook = nbformat.reads(raw.decode(), as_version=4)
            _, notebook = nbformat.validator.normalize(notebook)
            nbformat.validate(notebook)
        # what its conversion of older formats and of damage raises is nowhere written down
        except Exception as wrong:
            reason = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
            raise ConfigError(
                f"{path.name} is no notebook that can be read ({reason}): "
                "open it in JupyterLab and save it again"
            ) from wrong
    kernel = notebook.metadata.get("kernelspec", {})
    if str(kernel.get("language", "python")).lower() != "python":
        raise ConfigError(f"{path.name} is for {kernel['language']}; only Python notebooks are run")
    return notebook


def _has_code(cell: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a cell is one that a run has to execute."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and _INJECTED not in _tags(cell)


def _tags(cell: Any) -> Sequence[str]:  # noqa: ANN401 - as above
    """Return the tags of a cell."""
    found: Sequence[str] = cell.metadata.get("tags", ())
    return found
