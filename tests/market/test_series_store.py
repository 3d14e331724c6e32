"""Local series: merged, found by name or tag, judged by their own gap rule."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.errors import DataError
from qtkit.core.verdict import Status
from qtkit.market.tables.series_store import SeriesStore, judged_series
from qtkit.model.bars import nanos
from qtkit.model.series import SeriesTerms, ValueSeries, carried, series_in

DAY = 86_400 * 1_000_000_000
FIRST = nanos(datetime(2026, 3, 4, 21, tzinfo=UTC))


def series(
    *values: float, name: str = "rate", first: int = 0, gap: float | None = None, tags: str = ""
) -> ValueSeries:
    """Return one value a day."""
    terms = SeriesTerms(name=name, max_gap_seconds=gap, tags=tuple(tags.split()))
    at = FIRST + DAY * np.arange(first, first + len(values), dtype=np.int64)
    return ValueSeries(terms, at, np.array(values))


@pytest.fixture
def store(tmp_path: Path) -> SeriesStore:
    return SeriesStore(tmp_path / "series")


def test_what_was_written_comes_back_zero_and_negative_values_too(store: SeriesStore) -> None:
    written = series(-0.5, 0.0, 12.25, gap=90_000, tags="macro usd")

    store.merge(written)
    found = store.read("rate")

    assert found.terms == written.terms
    assert (found.at.tolist(), found.value.tolist()) == (written.at.tolist(), [-0.5, 0.0, 12.25])


def test_a_merge_adds_what_is_new_and_counts_what_was_there(store: SeriesStore) -> None:
    store.merge(series(1, 2))

    report = store.merge(series(2, 3, 4, first=1))

    assert (report.added, report.identical, report.replaced, report.total) == (2, 1, 0, 4)
    assert store.read("rate").value.tolist() == [1, 2, 3, 4]


def test_a_contradiction_writes_nothing_unless_it_is_to_replace(store: SeriesStore) -> None:
    store.merge(series(1, 2))

    with pytest.raises(DataError):
        store.merge(series(5, 3, first=1))
    assert store.read("rate").value.tolist() == [1, 2]

    assert store.merge(series(5, 3, first=1), replace=True).replaced == 1
    assert store.read("rate").value.tolist() == [1, 5, 3]


def test_series_are_found_by_name_and_by_tag_each_once(store: SeriesStore) -> None:
    for name, tags in (("rate", "macro"), ("flow", "macro daily"), ("score", "")):
        store.merge(series(1, name=name, tags=tags))

    assert store.named(["score", "tag:macro", "rate"]) == ("score", "flow", "rate")


def test_all_names_that_there_are_not_are_told_at_once(store: SeriesStore) -> None:
    store.merge(series(1))

    with pytest.raises(DataError) as refused:
        store.named(["rat", "tag:gone"])

    assert "'rat'" in str(refused.value)
    assert "did you mean rate" in str(refused.value)
    assert "'tag:gone'" in str(refused.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_written(store: SeriesStore, value: float) -> None:
    with pytest.raises(DataError):
        store.merge(series(1, value))

    assert store.names() == ()


def test_a_file_with_a_bit_flipped_is_damaged(store: SeriesStore) -> None:
    store.merge(series(*range(50)))
    content = bytearray(store.file("rate").read_bytes())
    content[len(content) // 2] ^= 1
    store.file("rate").write_bytes(content)

    with pytest.raises(DataError):
        store.read("rate")


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (series(1, 2, 3), Status.PASS),
        (series(1, 2, 3, gap=86_400), Status.PASS),
        (series(1, 2, 3, gap=86_399), Status.FAIL),
        (series(), Status.FAIL),
    ],
    ids=["no rule", "within", "gap", "empty"],
)
def test_a_series_is_judged_by_its_own_gap_rule(one: ValueSeries, status: Status) -> None:
    (verdict,) = judged_series([one])

    assert (verdict.rule, verdict.status) == ("data.series", status)


def test_a_series_travels_in_the_form_of_bars_and_back() -> None:
    one = series(-1, 0, 2)

    back = series_in({"series:rate": carried(one)}, [one.terms, SeriesTerms(name="absent")])

    assert (back["rate"].at.tolist(), back["rate"].value.tolist()) == (one.at.tolist(), [-1, 0, 2])
    assert len(back["absent"]) == 0
