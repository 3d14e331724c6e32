"""Run records, notebooks and their parameters."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from qtkit.core.paths import OutputRoot, RunFolder
from qtkit.runs.parameters import Parameter, checked, declared, parsed
from qtkit.runs.record import record_json
from qtkit.runs.run_store import list_runs, read_record, runs_table
from qtkit.runs.source import read_source
from tests.fuzz.border import Border, command_line, demand_sentence, outcome_of
from tests.fuzz.corpus import DAYS, Corpus, at
from tests.fuzz.mutations import JSON, NUMBERS, TEXT, TIMES, Dice, json_text, mutated

_CELL = """
seed: int = 7
day: date = "2026-03-04"
levels: list[float] = [1.5, 2]
mode: Literal["fast", "slow"] = "fast"
limit: float | None = None
names: dict[str, int] = {"a": 1}
quick = False
note = "nothing"
"""
_WORDS = (
    b"7", b"2026-03-04", b"[1.5, 2]", b"fast", b"none", b'{"a": 1}', b"true", b"nothing", b"-0.1",
    b"__import__('os').getcwd()", b"[" * 3_000 + b"]" * 3_000, b"(" * 300 + b")" * 300,
    b"-" * 3_000 + b"1", b"{" * 100, b"1" + b"+1" * 2_000, b"b'x'", b"1j", b"...", b"{1, 2}",
    b"9" * 5_000, b"1e400", b"'\\ud800'", b"\x00", b"lambda: 0", b"x" * 5_000,
)  # fmt: skip


def run_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield them."""

    def record(dice: Dice, folder: Path) -> None:
        """A record that is read says what its text says; a damaged one costs no other its place."""
        root = OutputRoot(folder)
        (run, sound), (other, beside) = (corpus.record(at(day, 9, 0)) for day in DAYS[:2])
        text = mutated(sound, dice, JSON)
        text = _sealed_again(text) if dice.below(2) else text
        for name, content in ((run, text), (other, beside)):
            place = root.run_records / name / "record.json"
            place.parent.mkdir(parents=True)
            place.write_bytes(content)
        found = outcome_of(lambda: read_record(RunFolder(root.run_records / run)), names=run)
        if found.refusal is None:
            written = json.loads(text, parse_constant=_none)
            assert written.pop("seal") == _seal(written), "a seal that does not fit was accepted"
            _same_json(json.loads(record_json(found.value)), written)
        rows = {row.run_id: row for row in list_runs(root)}
        assert rows[other].record is not None, "another run's record was lost"
        demand_sentence(rows[run].damage or "none")
        runs_table(tuple(rows.values()))
        words = dice.pick((("runs", "show", run), ("runs", "compare", run), ("runs", "list")))
        command_line(*words, "--root", str(folder))

    def notebook(dice: Dice, folder: Path) -> None:
        """Of a notebook that is read each code cell with a source runs, or its tag says why not."""
        path = folder / "day.ipynb"
        path.write_bytes(mutated(dice.pick(corpus.notebooks), dice, JSON))
        found = outcome_of(lambda: read_source(path), names=path.name)
        if found.refusal is None:
            _same_cells(json.loads(path.read_bytes()), found.value)
            json.loads(found.value.copy())

    def parameters(dice: Dice, folder: Path) -> None:
        """A word that is accepted is of the declared type, as JSON or a literal reads it."""
        text = _CELL.encode()
        cell = text if dice.below(3) else mutated(text, dice, TEXT)
        source = cell.decode("utf-8", "replace")
        cells = [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}]
        known = outcome_of(lambda: declared(cells))
        if known.refusal is not None:
            return
        names = [parameter.name for parameter in known.value] or ["seed"]
        words = [_word(dice) for _ in range(3)]
        pairs = [(dice.pick((*names, *names, "x" * 5_000, "sede")), word) for word in words]
        found = outcome_of(
            lambda: checked(known.value, parsed(known.value, pairs), "day.ipynb"), names="day.ipynb"
        )
        if found.refusal is None:
            _values_fit(known.value, dict(pairs), found.value)

    yield Border("records", record)
    yield Border("notebooks", notebook)
    yield Border("parameters", parameters)


def _sealed_again(text: bytes) -> bytes:
    """Return an altered record with a seal that fits: what somebody could forge."""
    try:
        body = json.loads(text)
        body.pop("seal", None)
        return json_text({**body, "seal": _seal(body)})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return text


def _seal(body: Any) -> str:  # noqa: ANN401 - JSON
    written = json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()


def _none(name: str) -> object:
    raise AssertionError(f"{name} is no JSON, and was accepted")


def _same_json(found: Any, text: Any) -> None:  # noqa: ANN401 - JSON
    """Demand that everything in a text is found, value by value; defaults may come on top."""
    if isinstance(text, dict):
        assert isinstance(found, dict)
        for key, value in text.items():
            assert key in found, f"{key[:60]!r} was passed over"
            _same_json(found[key], value)
    elif isinstance(text, list):
        assert isinstance(found, list)
        assert len(found) == len(text), "a list of another length"
        for one, other in zip(found, text, strict=True):
            _same_json(one, other)
    elif isinstance(text, bool) or isinstance(found, bool):
        assert found is text, f"{text!r} came in as {found!r}"
    else:
        same = found == text or _same_moment(found, text) or _same_number(found, text)
        assert same, f"{text!r} came in as {found!r}"


def _same_moment(found: object, text: object) -> bool:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(found)) == datetime.fromisoformat(str(text))
    return False


def _same_number(found: object, text: object) -> bool:
    with suppress(ArithmeticError, TypeError):
        return Decimal(str(found)) == Decimal(str(text))
    return False


def _same_cells(text: Any, found: Any) -> None:  # noqa: ANN401 - JSON and a source
    cells = text["cells"]
    will_run = [
        number
        for number, cell in enumerate(cells)
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    left_out = set(will_run) - set(found.cells)
    for number in left_out:
        tags = cells[number]["metadata"]["tags"]
        assert {"skip-execution", "injected-parameters"} & set(tags), f"cell {number} is left out"
    assert set(found.cells) <= set(will_run)
    for number in found.cells:
        assert found.notebook.cells[number].source == "".join(cells[number]["source"])


def _word(dice: Dice) -> str:
    word = dice.pick((*_WORDS, *NUMBERS, *TIMES))
    return (word if dice.below(3) else mutated(word, dice, TEXT)).decode("utf-8", "surrogateescape")


def _values_fit(known: Any, words: dict[str, str], values: dict[str, Any]) -> None:  # noqa: ANN401
    """Demand finite plain values, of the declared type, that the word means."""
    kinds: dict[str, Parameter] = {parameter.name: parameter for parameter in known}
    json.dumps(values, allow_nan=False).encode()
    for name, value in values.items():
        readings: list[object] = [words[name]]
        with suppress(ValueError, RecursionError):
            readings.append(json.loads(words[name]))
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            readings.append(ast.literal_eval(words[name]))
        with suppress(KeyError):
            readings.append({"true": True, "false": False, "none": None}[words[name].lower()])
        assert any(type(r) is type(value) and r == value for r in readings), (
            f"{words[name][:60]!r} came in as {value!r}"
        )
        plain = {"int": int, "str": str, "bool": bool, "list": list, "dict": dict}
        kind = plain.get(kinds[name].kind)
        assert kind is None or type(value) is kind, f"{name} is {value!r}"
