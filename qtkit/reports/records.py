"""What the records of a run and of a day have in common: closed values, and how two compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Annotated, TypeVar

from msgspec import convert, to_builtins
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictInt,
    ValidationError,
    model_validator,
)

from qtkit.core.errors import DataError
from qtkit.core.facts import Kind
from qtkit.core.render import json_text
from qtkit.core.verdict import Conclusion, Status, Verdict, conclude

__all__ = [
    "Closed",
    "Difference",
    "JsonObject",
    "JudgedJournal",
    "Recorded",
    "RecordedVerdict",
    "StageRecord",
    "changed",
    "differences",
    "flat",
    "sealed_json",
    "unsealed",
    "verdicts_by_name",
    "what_is_wrong",
]

JsonObject = dict[str, JsonValue]
_NONE = "none"


class Closed(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# a truth value is no number
_Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)]


class RecordedFact(Closed):
    """A fact as a check declared and measured it."""

    name: str
    value: _Number | str | dict[str, _Number | str]
    kind: Kind
    unit: str = ""
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.0
    across_days: bool = False
    source: str = ""


class RecordedFinding(Closed):
    """One thing that a check found."""

    kind: str
    line: Annotated[int, Field(ge=0, strict=True)] = 0
    facts: JsonObject = {}
    sentence: str = ""


class RecordedProof(Closed):
    """The journal lines that a verdict rests on."""

    run: str = ""
    lines: tuple[StrictInt, ...] = ()
    count: Annotated[int, Field(ge=0, strict=True)] = 0
    span: tuple[StrictInt, StrictInt] | None = None


class RecordedVerdict(Closed):
    """A verdict as a stage report showed it."""

    rule: str
    status: Status
    summary: str
    fix: str = ""
    facts: tuple[RecordedFact, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()
    proof: RecordedProof = RecordedProof()
    known_defect: str = ""

    @classmethod
    def of(cls, verdict: Verdict) -> RecordedVerdict:
        """Return a verdict of the core as it is kept."""
        return cls.model_validate(to_builtins(verdict))

    @property
    def verdict(self) -> Verdict:
        """The same judgement as a value of the core."""
        return convert(self.model_dump(), Verdict)


class JudgedJournal(Closed):
    """A journal that a stage report was made from."""

    run: str = ""  # name of the scenario; "" for a lone session
    folder: str
    lines: Annotated[int, Field(ge=0)]
    digest: str  # sha256 of those lines, hex


class StageRecord(Closed):
    """One stage report."""

    stage: str
    title: str
    source: str = ""
    conclusion: Conclusion
    verdicts: tuple[RecordedVerdict, ...]
    day: date | None = None  # the trading date that was judged alone
    journals: tuple[JudgedJournal, ...] = ()
    claimed: str = ""  # why nobody could judge it again; "" where somebody did

    @model_validator(mode="after")
    def _conclusion_follows(self) -> StageRecord:
        """Refuse a conclusion that its verdicts do not support."""
        found = conclude(v.verdict for v in self.verdicts)
        if found != self.conclusion:
            raise ValueError(
                f"stage {self.stage} says {self.conclusion}, but its verdicts add up to {found}"
            )
        return self


class Difference(Closed):
    """One thing that is not as it was."""

    section: str
    name: str
    before: str
    after: str
    beyond: bool = True  # the tolerance of a fact; what has none is always beyond


class Recorded(Closed):
    """What was judged, made with what, and what people said about it."""

    toolkit_version: str
    commit: str = ""  # with "+dirty" when files were changed; "" outside a repository
    settings: JsonObject = {}
    changes: tuple[JsonObject, ...] = ()  # accepted on a return: line, name, before, after, by, why
    data: JsonObject = {}  # fingerprints of the tables
    code: JsonObject = {}  # fingerprints of the strategy code
    gate: JsonObject | None = None
    rejected_orders: tuple[JsonObject, ...] = ()
    reconciliation: JsonObject | None = None
    stages: tuple[StageRecord, ...] = ()
    action_summaries: dict[str, str] = {}
    ticks: dict[str, str] = {}


_Record = TypeVar("_Record", bound=Recorded)


# --- sealing ---------------------------------------------------------------------------------


def sealed_json(record: Recorded) -> str:
    """Return a record as the text of its file, with the digest of all that it says."""
    body = record.model_dump(mode="json")
    return json_text({**body, "seal": _seal(body)})


def unsealed(kind: type[_Record], text: str | bytes, what: str, advice: str) -> _Record:
    """Return the record that a file holds.

    Parameters
    ----------
    what
        The file and what it should be, for the message.
    advice
        What to do, for the message.

    Raises
    ------
    DataError
        If it is no such record, with all mistakes, or if it was altered after it was written.
    """
    try:
        body = json.loads(text)
        seal = body.pop("seal", "") if isinstance(body, dict) else ""
        _of_this_format(kind, body, f"{what}: ", advice)
        record = kind.model_validate_json(json.dumps(body))
        is_sealed = seal == _seal(body)
    except ValidationError as mistake:
        raise DataError(f"{what}: {what_is_wrong(mistake)}. {advice}") from None
    except (ValueError, RecursionError) as mistake:
        raise DataError(f"{what}: {type(mistake).__name__}: {mistake}. {advice}") from None
    if not is_sealed:
        raise DataError(
            f"{what}: it was altered after it was written, its seal does not fit. {advice}"
        )
    return record


def _of_this_format(kind: type[_Record], body: object, where: str, advice: str) -> None:
    """Refuse a record of another format.

    Raises
    ------
    DataError
        If it says another format than this version writes.
    """
    ours = kind.model_fields["format"].default
    if isinstance(body, dict) and isinstance(body.get("format"), int) and body["format"] != ours:
        raise DataError(
            f"{where}it is of format {body['format']}, and this version reads {ours}. {advice}"
        )


def _seal(body: JsonObject) -> str:
    return hashlib.sha256(json_text(body).encode(errors="surrogatepass")).hexdigest()


# --- comparing -------------------------------------------------------------------------------


def differences(
    before: _Record,
    after: _Record,
    sections: Mapping[str, Callable[[_Record], Mapping[str, object]]],
) -> Iterable[Difference]:
    """Yield what differs between two records, section by section."""
    for section, told in sections.items():
        yield from changed(section, told(before), told(after))


def changed(
    section: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterable[Difference]:
    """Yield the names whose values differ, in the order of the later one."""
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name, _NONE), after.get(name, _NONE)
        if old != new:
            yield Difference(section=section, name=name, before=str(old), after=str(new))


def flat(facts: Mapping[str, object] | None, above: str = "") -> dict[str, object]:
    """Return nested facts as dotted names.

    Examples
    --------
    >>> flat({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    found: dict[str, object] = {}
    for name, value in (facts or {}).items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found


def verdicts_by_name(record: Recorded) -> dict[str, RecordedVerdict]:
    """Return each check's verdict; a check judged again carries a number."""
    found: dict[str, RecordedVerdict] = {}
    for stage in record.stages:
        for verdict in stage.verdicts:
            number = 1
            name = verdict.rule
            while name in found:
                number += 1
                name = f"{verdict.rule} ({number})"
            found[name] = verdict
    return found


def what_is_wrong(mistake: ValidationError) -> str:
    """Return all mistakes of a validation in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc']) or 'record'}: {error['msg']}"
        for error in mistake.errors(include_url=False)
    )
