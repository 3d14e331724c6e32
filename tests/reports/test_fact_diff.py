"""Facts of two records: told in their units, held to their tolerance, and to equal inputs."""

from __future__ import annotations

from typing import Any

import pytest

from qtkit.reports.fact_diff import fact_differences
from qtkit.reports.records import Recorded, RecordedFact


def fact(value: object, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - of any field
    return {"name": "cash", "value": value, "kind": "money", "unit": "EUR", **fields}


def record(*facts: dict[str, Any], **fields: Any) -> Recorded:  # noqa: ANN401 - of any field
    verdict = {"rule": "3.5.1", "status": "pass", "summary": "cash", "facts": facts}
    stage = {"stage": "3.5", "title": "t", "conclusion": "passed", "verdicts": [verdict]}
    return Recorded.model_validate({"toolkit_version": "1", "stages": [stage], **fields})


def moved(
    before: Recorded, after: Recorded, *, same_day: bool = True
) -> list[tuple[str, str, bool]]:
    found = fact_differences(before, after, same_day=same_day)
    return [(d.before, d.after, d.beyond) for d in found if d.section == "fact"]


@pytest.mark.parametrize(("after", "beyond"), [("100.01", False), ("1000100.00", True)])
def test_a_cent_and_a_million_do_not_look_the_same(after: str, *, beyond: bool) -> None:
    one, two = fact("100.00", tolerance=0.01), fact(after, tolerance=0.01)

    assert moved(record(one), record(two)) == [("100.00 EUR", f"{after} EUR", beyond)]


def test_equal_facts_are_no_difference() -> None:
    assert moved(record(fact("1")), record(fact("1"))) == []


@pytest.mark.parametrize("inputs", ["settings", "data", "code"])
def test_a_fact_of_other_inputs_is_not_compared(inputs: str) -> None:
    other: dict[str, Any] = {inputs: {"x": "y"}}

    assert moved(record(fact("1")), record(fact("2"), **other)) == []


def test_a_fact_of_another_day_is_compared_if_it_says_so() -> None:
    one, two = fact("1"), fact("2")
    delay = {"name": "p99", "kind": "seconds", "unit": "s", "across_days": True, "tolerance": 0.5}

    before, after = record(one, {**delay, "value": 1.0}), record(two, {**delay, "value": 2.0})

    assert moved(before, after, same_day=False) == [("1.0 s", "2.0 s", True)]


def test_another_unit_is_beyond_any_tolerance() -> None:
    one, two = fact("1", tolerance=9), fact("1", tolerance=9, unit="USD")

    assert moved(record(one), record(two)) == [("1 EUR", "1 USD", True)]


def test_a_table_is_compared_number_by_number() -> None:
    table = {"name": "by_task", "kind": "table", "unit": "skips"}
    before = record({**table, "value": {"a": 1, "b": 2}})
    after = record({**table, "value": {"a": 1, "c": 3}})

    found = {d.name: (d.before, d.after) for d in fact_differences(before, after, same_day=True)}

    assert found == {
        "3.5.1 by_task c": ("0 skips", "3 skips"),
        "3.5.1 by_task b": ("2 skips", "0 skips"),
    }


def test_facts_keep_their_kind() -> None:
    assert RecordedFact.model_validate(fact("1")).kind == "money"
