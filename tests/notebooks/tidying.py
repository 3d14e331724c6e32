"""What a committed notebook may hold, and what is taken out of one that has just run."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from qtkit.core.render import REPORT_MIME

__all__ = ["code_digest", "problems", "stable", "tidied"]

MOST_CELLS = 12  # of code
CHECKLIST = "smoke_checklist.ipynb"  # one for each stage, and a few more
MOST_CHECKLIST_CELLS = 16
MOST_IMAGE = 80_000  # characters of base64

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_OURS = "qtkit"  # key in the notebook's metadata
_PARAMETERS = "parameters"
_VOLATILE = frozenset({"folder", "journal_digest", "journals", "code"})
"""Fields of a report that change with the machine or with every edit of the library."""

_PLACES = re.compile(r"(?<![\w.$}~*>)-])/" + r"(?:home|root|Users|work|opt|mnt|tmp|private)/[\w.]+")
_IN_COMMANDS = re.compile(r"(qtkit journal \w+|qtkit attach|--root) [/.][^\s`<]*")
_LOGIC = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.If, ast.IfExp, ast.For,
    ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


def stable(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report's JSON, and of those within it, without what differs between machines."""
    return {name: _within(value) for name, value in payload.items() if name not in _VOLATILE}


def _within(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_within(item) for item in value]
    return stable(value) if isinstance(value, Mapping) and "type" in value else value


def _placeless(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value of an output; folders in commands that can be pasted lose their place."""
    if isinstance(value, str):
        return _IN_COMMANDS.sub(r"\1 FOLDER", value)
    if isinstance(value, list):
        return [_placeless(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _placeless(item) for name, item in value.items()}
    return value


def code_digest(notebook: Any) -> str:  # noqa: ANN401 - nbformat has no types
    """Return the sha256 of every code cell's source, hex."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def tidied(notebook: Any) -> Any:  # noqa: ANN401 - as above
    """Return a notebook that has just run, without what differs from run to run."""
    digest = code_digest(notebook)
    notebook.metadata = _node(
        {"kernelspec": _KERNEL, "language_info": {"name": "python"}, _OURS: {"code": digest}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = _node({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            report = output.get("data", {}).get(REPORT_MIME)
            if report is not None:
                output.data[REPORT_MIME] = _node(stable(report))
            if "data" in output:
                output.data = _node(_placeless(output.data))
    return notebook


def _node(values: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    return nbformat.from_dict(values)  # type: ignore[no-untyped-call]


def problems(notebook: Any, name: str = "") -> list[str]:  # noqa: ANN401 - as above
    """Return one sentence for everything that a committed notebook must not be."""
    return list(_problems(notebook, name))


def _problems(notebook: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - as above
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if notebook.metadata.get(_OURS, {}).get("code") != code_digest(notebook):
        yield "its outputs are stale, a code cell has changed since: run `make notebooks`"
    most = MOST_CHECKLIST_CELLS if name == CHECKLIST else MOST_CELLS
    if len(code) > most:
        yield f"it has {len(code)} code cells, at most {most} are read to the end"
    yield from _parameter_problems(code)
    for number, cell in enumerate(code):
        yield from (f"code cell {number}: {problem}" for problem in _cell_problems(cell))


def _parameter_problems(code: list[Any]) -> Iterator[str]:
    tagged = [cell for cell in code if _PARAMETERS in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        yield f"it has {len(tagged)} cells tagged {_PARAMETERS}, expected one"
        return
    for line in tagged[0].source.splitlines():
        if not re.fullmatch(r"\w+: (str|int|float|bool) = .+  # \S.*", line):
            yield f"parameter {line!r} needs a type and, after two spaces, a comment that helps"


def _cell_problems(cell: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    tree = ast.parse(cell.source)
    logic = sorted({type(node).__name__ for node in ast.walk(tree) if isinstance(node, _LOGIC)})
    if logic:
        yield f"logic belongs into the library, where it is tested: {', '.join(logic)}"
    shows = bool(tree.body) and isinstance(tree.body[-1], ast.Expr)
    if cell.execution_count is None or (shows and not cell.outputs):
        yield "it was not run, or its outputs were stripped: run `make notebooks`"
    for output in cell.outputs:
        yield from _output_problems(output)


def _output_problems(output: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if output.output_type not in {"execute_result", "display_data"}:
        yield f"it shows a {output.output_type}, expected a value that shows itself"
        return
    if "text/plain" not in output.data:
        yield "its output has no text, so that nothing can be compared"
    if output.data.get(REPORT_MIME, {}).get("conclusion") == "blocked":
        yield "it shows a stage that is blocked"
    picture = output.data.get("image/png", "")
    if len(picture) > MOST_IMAGE:
        yield f"its picture takes {len(picture)} characters, at most {MOST_IMAGE}"
    words = [str(value) for kind, value in output.data.items() if not kind.startswith("image/")]
    if found := sorted({match.group() for text in words for match in _PLACES.finditer(text)}):
        yield f"it names places on one machine: {', '.join(found)}"
