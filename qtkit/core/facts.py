"""Numbers of a judgement as data: declared facts, findings, proof, and the sentence made of them.

A fact is declared once, with its unit and with how far it may move between two runs. Its sentence
is a template: ``{orders}`` is the bare value, ``{orders:order}`` a number with its noun, and
``{late:? and # late}`` stands there only if there is something to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from string import Formatter
from typing import Any

from msgspec import Struct, structs

__all__ = [
    "NO_PROOF",
    "Fact",
    "Finding",
    "Kind",
    "Measure",
    "Proof",
    "Value",
    "Words",
    "budget",
    "count",
    "counted",
    "counts",
    "fields_of",
    "finding",
    "literals_of",
    "money",
    "most_findings",
    "proof_of",
    "ratio",
    "seconds",
    "shares",
    "shown",
    "table",
    "text",
]

Value = int | float | str | dict[str, int | float | str]
"""What a fact holds: a JSON value; money and shares are decimal numbers as text."""

_MOST_LINES = 200  # of a proof; what counts more names the range and the number
_MOST_FINDINGS = 20  # that a verdict carries; the rest is counted
_BETWEEN = str.maketrans("", "", " /-")  # what stands between the words of a noun
_FEW = 3  # findings that a sentence tells


class Kind(StrEnum):
    """What a fact measures."""

    COUNT = "count"
    SECONDS = "seconds"
    MONEY = "money"
    SHARES = "shares"
    RATIO = "ratio"
    TEXT = "text"
    TABLE = "table"  # name -> number
    BUDGET = "budget"  # what was allowed


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One number, or word, that a verdict rests on.

    Attributes
    ----------
    value
        In `unit`; money and shares as text, so that nothing is rounded.
    tolerance
        How far two runs may differ in it, in `unit`.
    across_days
        Whether it compares with another day's; else for equal inputs only.
    source
        Of a budget: ``setting`` of the session, or ``default`` of the check.
    """

    name: str
    value: Value
    kind: Kind
    unit: str = ""
    tolerance: float = 0.0
    across_days: bool = False
    source: str = ""


class Measure(Struct, frozen=True, kw_only=True):
    """How a check declares a fact."""

    name: str
    kind: Kind
    unit: str = ""
    tolerance: float = 0.0
    across_days: bool = False
    digits: int = 1  # that a sentence shows of seconds
    default: float | None = None  # of a budget that is no setting

    def fact(self, value: object, source: str = "") -> Fact:
        """Return the fact that a value is; what has a size counts by it."""
        if self.kind is Kind.COUNT and isinstance(value, Sized):
            value = len(value)
        return Fact(
            name=self.name,
            value=_plain(value),
            kind=self.kind,
            unit=self.unit,
            tolerance=self.tolerance,
            across_days=self.across_days,
            source=source,
        )


# --- declaring -------------------------------------------------------------------------------


def count(name: str, unit: str = "", *, across_days: bool = False) -> Measure:
    """Declare a number of things; its unit is their noun."""
    noun = unit or name.replace("_", " ")
    return Measure(name=name, kind=Kind.COUNT, unit=noun, across_days=across_days)


def counts(names: str) -> tuple[Measure, ...]:
    """Declare several numbers of things, named in one string."""
    return tuple(count(name) for name in names.split())


def seconds(name: str, *, digits: int = 1, tolerance: float = 0.0) -> Measure:
    """Declare a duration on the session's clock."""
    return Measure(
        name=name, kind=Kind.SECONDS, unit="s", digits=digits, tolerance=tolerance, across_days=True
    )


def money(name: str) -> Measure:
    """Declare an amount of the account's currency; to the cent it is the same."""
    return Measure(name=name, kind=Kind.MONEY, unit="account currency", tolerance=0.005)


def shares(name: str) -> Measure:
    """Declare a number of shares."""
    return Measure(name=name, kind=Kind.SHARES, unit="shares")


def ratio(name: str, *, tolerance: float = 0.0) -> Measure:
    """Declare a share of a whole, from 0 to 1."""
    return Measure(name=name, kind=Kind.RATIO, tolerance=tolerance, across_days=True)


def text(name: str, *, across_days: bool = False) -> Measure:
    """Declare a word or a name."""
    return Measure(name=name, kind=Kind.TEXT, across_days=across_days)


def table(name: str, unit: str = "") -> Measure:
    """Declare numbers by name."""
    return Measure(name=name, kind=Kind.TABLE, unit=unit)


def budget(name: str, unit: str = "s", default: float | None = None) -> Measure:
    """Declare what is allowed: the session's setting of that name, else the check's default."""
    return Measure(name=name, kind=Kind.BUDGET, unit=unit, across_days=True, default=default)


# --- findings --------------------------------------------------------------------------------


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not as it should be.

    Attributes
    ----------
    kind
        Which of those that the check declares.
    line
        Journal line; 0 for what is not in the journal.
    facts
        What its sentence is made of.
    sentence
        Rendered from the facts by the check.
    """

    kind: str
    line: int = 0
    facts: dict[str, Any] = {}
    sentence: str = ""


def finding(kind: str, line: int = 0, /, **facts: object) -> Finding:
    """Return a finding as a check yields it; times and decimals are as they were measured."""
    return Finding(kind=kind, line=line, facts=facts)


def most_findings(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return as many findings as a verdict carries."""
    return findings[:_MOST_FINDINGS]


def shown(items: Iterable[object], number: int | None = None) -> str:
    """Return the first few items as a list, and how many more there are.

    Examples
    --------
    >>> shown(["a", "b", "c", "d", "e"])
    'a; b; c; and 2 more'
    """
    found = [str(item) for item in items]
    more = (len(found) if number is None else number) - _FEW
    return "; ".join(found[:_FEW] + ([f"and {more} more"] if more > 0 else []))


# --- proof -----------------------------------------------------------------------------------


class Proof(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The journal lines that a verdict rests on.

    Attributes
    ----------
    run
        Name of the scenario; empty for a lone session.
    lines
        Lines of the very objects that the sentence counts; empty where there are none, or many.
    count
        Number of those objects, or of those looked at.
    span
        First and last line of the range judged, where lines are not named one by one.
    """

    run: str = ""
    lines: tuple[int, ...] = ()
    count: int = 0
    span: tuple[int, int] | None = None


NO_PROOF = Proof()


def proof_of(objects: Sequence[Any], run: str = "") -> Proof:
    """Return the proof that names objects: entries, or numbers of lines.

    Examples
    --------
    >>> proof_of([7, 3, 3])
    Proof(run='', lines=(3, 7), count=2, span=None)
    >>> proof_of(range(1, 1000))
    Proof(run='', lines=(), count=999, span=(1, 999))
    """
    if not objects:
        return Proof(run=run)
    if len(objects) > _MOST_LINES:
        ends = _line(objects[0]), _line(objects[-1])
        return Proof(run=run, count=len(objects), span=(min(ends), max(ends)))
    lines = tuple(sorted({_line(row) for row in objects} - {0}))
    return Proof(run=run, lines=lines, count=len(lines))


def _line(row: Any) -> int:  # noqa: ANN401 - an entry, or its number
    return row if isinstance(row, int) else int(row.seq if hasattr(row, "seq") else row.line)


# --- sentences -------------------------------------------------------------------------------


class Words(Formatter):
    """Renders a template: a spec that is a word is the noun of a number."""

    def __init__(self, measures: Mapping[str, Measure], zone: Any = None) -> None:  # noqa: ANN401
        self._measures, self._zone = measures, zone

    def finding(self, row: Finding, template: str) -> Finding:
        """Return a finding with its sentence, its facts as JSON has them."""
        if missing := set(fields_of(template)) ^ row.facts.keys():
            raise ValueError(f"the finding {row.kind!r} and its sentence differ in {missing}")
        plain = {name: _plain(value) for name, value in row.facts.items()}
        sentence = self.vformat(template, (), row.facts)
        return structs.replace(row, facts=plain, sentence=sentence)

    def get_field(self, name: str, args: Any, facts: Any) -> Any:  # noqa: ANN401 - a Formatter's
        """Return a value with how it was declared."""
        value, key = super().get_field(name, args, facts)
        return (value, self._measures.get(name)), key

    def convert_field(self, field: Any, conversion: Any) -> Any:  # noqa: ANN401 - a Formatter's
        """Return a value with ``!r`` applied."""
        return super().convert_field(field[0], conversion), field[1]

    def format_field(self, field: Any, spec: str) -> str:  # noqa: ANN401 - a Formatter's
        """Return a value as people read it."""
        value, measure = field
        if spec.startswith("?"):
            return spec[1:].replace("#", _read(value, measure, self._zone)) if value else ""
        if len(spec) > 1 and spec.translate(_BETWEEN).isalpha():
            return counted(_number(value), *spec.split("/"))
        if spec:
            return format(_number(value) if isinstance(value, Sized) else value, spec)
        return _read(value, measure, self._zone)


def counted(number: Any, noun: str, plural: str = "") -> str:  # noqa: ANN401 - int or Decimal
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "fill"), counted(2, "fill"), counted(2, "diagnosis", "diagnoses")
    ('1 fill', '2 fills', '2 diagnoses')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def fields_of(template: str) -> list[str]:
    """Return the facts that a template names."""
    return [field for _, field, _, _ in Formatter().parse(template) if field]


def literals_of(template: str) -> str:
    """Return what a template says by itself."""
    return " ".join(words for words, *_ in Formatter().parse(template))


def _number(value: Any) -> Any:  # noqa: ANN401 - a number, or what is counted
    return len(value) if isinstance(value, Sized) and not isinstance(value, str) else value


def _read(value: Any, measure: Measure | None, zone: Any) -> str:  # noqa: ANN401 - of any kind
    """Return a value without a spec of its own."""
    if measure is not None and measure.kind in _READ:
        return _READ[measure.kind](value, measure)
    if isinstance(value, datetime):
        return f"{value.astimezone(zone) if zone else value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
    return _listed(value) if isinstance(value, _MANY) else str(value)


_MANY = (list, tuple, set, frozenset)
_READ: Mapping[Kind, Callable[[Any, Measure], str]] = {
    Kind.COUNT: lambda value, _: str(_number(value)),
    Kind.SECONDS: lambda value, measure: f"{value:.{measure.digits}f} s",
    Kind.BUDGET: lambda value, measure: f"{value:g} {measure.unit}".rstrip(),
    Kind.MONEY: lambda value, _: f"{value:.2f}",
    Kind.RATIO: lambda value, _: f"{value:.1%}",
}


def _listed(value: Iterable[object]) -> str:
    return ", ".join(map(str, sorted(value) if isinstance(value, set | frozenset) else value))


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON has it."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    return _listed(value) if isinstance(value, _MANY) else str(value)
