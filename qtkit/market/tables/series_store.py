"""Local series: one Parquet file each, found by name or by tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtkit.core.errors import DataError
from qtkit.core.locks import in_turn
from qtkit.core.paths import lock_of, safe_name, write_atomic
from qtkit.core.text import closest
from qtkit.core.verdict import Verdict, fail, ok
from qtkit.market.sealed_parquet import seal_state, sealed
from qtkit.model.bars import time_of
from qtkit.model.series import SeriesTerms, ValueSeries

__all__ = ["SeriesMerge", "SeriesStore", "judged_series"]

_TAG = "tag:"
_COLUMNS = {"at": "int64", "value": "double"}
_KEY = b"qtkit.series"
_ADVICE = "restore it, or remove the series and import it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesMerge:
    """What an import did, in values."""

    name: str
    added: int
    identical: int
    replaced: int
    total: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.added} values added, {self.identical} were there, "
            f"{self.replaced} replaced, {self.total} in all"
        )


class SeriesStore:
    """Reads and writes the series of an output root.

    Parameters
    ----------
    folder
        Where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of all series, in order."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.parquet")))

    def file(self, name: str) -> Path:
        """Return where a series is."""
        return self._folder / f"{safe_name(name, 'series')}.parquet"

    def named(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return the series that words name: a name, or ``tag:`` and a tag for all that carry it.

        Raises
        ------
        DataError
            If there is none of a name or tag; all of these are told.
        """
        found, wrong = dict[str, None](), list[str]()
        for word in words:
            some = self._of_tag(word) if word.startswith(_TAG) else self._of_name(word)
            found.update(dict.fromkeys(some))
            if not some:
                wrong.append(self._absent(word))
        if wrong:
            raise DataError(f"{'; '.join(wrong)} (`qtkit data series import --help`)")
        return tuple(found)

    def _of_name(self, name: str) -> tuple[str, ...]:
        return (name,) if name in self.names() else ()

    def _of_tag(self, word: str) -> tuple[str, ...]:
        tag = word.removeprefix(_TAG)
        return tuple(name for name in self.names() if tag in self.terms(name).tags)

    def _absent(self, word: str) -> str:
        near = closest(word, self.names())
        hint = f"did you mean {near}?" if near else f"there are {', '.join(self.names()) or 'none'}"
        return f"there is no series {word!r} under {self._folder}; {hint}"

    def terms(self, name: str) -> SeriesTerms:
        """Return what a series is, without its values."""
        return self._terms(self.file(name), _footer(self.file(name)))

    def read(self, name: str) -> ValueSeries:
        """Return a series.

        Raises
        ------
        DataError
            If there is none, or its file is damaged.
        """
        import pyarrow as pa
        from pyarrow import parquet

        path = self.file(name)
        if not path.is_file():
            raise DataError(f"{self._absent(name)}")
        terms = self.terms(name)
        try:
            table = parquet.read_table(path, columns=list(_COLUMNS), use_threads=False)
        except (pa.ArrowException, OSError) as problem:
            raise DataError(f"the series {path} cannot be read: {problem}; {_ADVICE}") from problem
        series = ValueSeries(terms, _column(table, "at", np.int64), _column(table, "value", float))
        if wrong := list(_oddities(series)):
            raise DataError(f"the series {path} has {', '.join(wrong)}; {_ADVICE}")
        return series

    def merge(self, fresh: ValueSeries, *, replace: bool = False) -> SeriesMerge:
        """Add values to those that are there; unit, tags and gap become those of `fresh`.

        Parameters
        ----------
        fresh
            In order of time, each once.
        replace
            Let a new value that differs take the place of the old one.

        Raises
        ------
        DataError
            If a value contradicts one that is there, unless `replace`; or is none.
        """
        name = fresh.terms.name
        if wrong := list(_oddities(fresh)):
            raise DataError(f"the series {name} is not written: it has {', '.join(wrong)}")
        with self._alone(name):
            old = self.read(name) if self.file(name).is_file() else ValueSeries(
                fresh.terms, np.empty(0, np.int64), np.empty(0)
            )  # fmt: skip
            known = np.isin(fresh.at, old.at)
            before = old.value[np.searchsorted(old.at, fresh.at[known])]
            differs = before != fresh.value[known]
            if differs.any() and not replace:
                raise DataError(_contradiction(fresh, known, differs, before))
            kept = ~np.isin(old.at, fresh.at)
            at = np.concatenate([old.at[kept], fresh.at])
            order = np.argsort(at)
            value = np.concatenate([old.value[kept], fresh.value])[order]
            self._put(ValueSeries(fresh.terms, at[order], value))
        return SeriesMerge(
            name=name,
            added=int((~known).sum()),
            identical=int(known.sum() - differs.sum()),
            replaced=int(differs.sum()),
            total=int(at.size),
        )

    def remove(self, name: str) -> None:
        """Take a series away.

        Raises
        ------
        DataError
            If there is none.
        """
        self.named([name])
        with self._alone(name):
            self.file(name).unlink()

    def _alone(self, name: str) -> AbstractContextManager[None]:
        return in_turn(lock_of(self.file(name)), f"series {name}")

    def _put(self, series: ValueSeries) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table({"at": series.at, "value": series.value})
        table = table.replace_schema_metadata({_KEY: msgspec.json.encode(series.terms)})
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd", write_page_checksum=True)
        write_atomic(self.file(series.terms.name), sealed(sink.getvalue().to_pybytes()))

    def _terms(self, path: Path, schema: Any) -> SeriesTerms:  # noqa: ANN401 - pyarrow has no types
        found = {field.name: str(field.type) for field in schema}
        if found != _COLUMNS:
            raise DataError(
                f"the file {path} is no series: found columns {found}, expected {_COLUMNS}; "
                f"{_ADVICE}"
            )
        try:
            terms = msgspec.json.decode((schema.metadata or {})[_KEY], type=SeriesTerms)
        except (KeyError, msgspec.MsgspecError) as problem:
            raise DataError(f"the file {path} is no series: {problem}; {_ADVICE}") from problem
        if terms.name != path.stem:
            raise DataError(f"the file {path} holds the series {terms.name!r}; {_ADVICE}")
        return terms


def _footer(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if seal_state(path) != "fits":
            raise DataError(f"the series {path} is not as it was written; {_ADVICE}")
        return parquet.read_schema(path)
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"the series {path} cannot be read: {problem}; {_ADVICE}") from problem


def _column(table: Any, name: str, kind: type) -> NDArray[Any]:  # noqa: ANN401
    return np.ascontiguousarray(table.column(name).to_numpy(), dtype=kind)


def _oddities(series: ValueSeries) -> Iterator[str]:
    if not np.all(np.diff(series.at) > 0):
        yield "times that are not in order, each once"
    if not np.isfinite(series.value).all():
        yield "values that are no finite numbers"


def _contradiction(
    fresh: ValueSeries,
    known: NDArray[np.bool_],
    differs: NDArray[np.bool_],
    before: NDArray[np.float64],
) -> str:
    first = int(np.argmax(differs))
    at, value = fresh.at[known][first], fresh.value[known][first]
    return (
        f"{int(differs.sum())} new values of {fresh.terms.name} contradict those that are there, "
        f"first at {time_of(int(at))}: there {before[first]}, new {value}; nothing was written. "
        "Find out which is right, or let the new ones replace the old (--replace)"
    )


def judged_series(series: Sequence[ValueSeries]) -> list[Verdict]:
    """Return one verdict for each series, rule ``data.series``: whether it keeps its gap rule."""
    return [_judged(one).named("data.series") for one in series]


def _judged(series: ValueSeries) -> Verdict:
    terms = series.terms
    if not len(series):
        return fail(f"{terms.name}: has no value", fix="import some")
    gaps = np.diff(series.at) / 1e9
    limit = terms.max_gap_seconds
    long = np.flatnonzero(gaps > limit) if limit is not None else np.empty(0, np.int64)
    if long.size:
        first = time_of(int(series.at[long[0]]))
        return fail(
            f"{terms.name}: {long.size} gaps of more than {limit:,.0f} s, first after "
            f"{first:%Y-%m-%d %H:%M} UTC",
            fix="import what is missing, or allow a longer gap (--max-gap)",
        )
    first, last = (time_of(int(series.at[row])) for row in (0, -1))
    return ok(f"{terms.name}: {len(series):,} values, {first:%Y-%m-%d} to {last:%Y-%m-%d}")
