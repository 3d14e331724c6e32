"""What a setting may be, and what was found, in words."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

from qtkit.core.config.messages import expectation, is_secret, may_be_none, shown
from qtkit.core.config.secret import MASK, Secret

WHOLE, ZONE = "whole number", "zone"


def field(annotation: Any, **limits: Any) -> FieldInfo:  # noqa: ANN401 - any type there is
    return FieldInfo.from_annotated_attribute(annotation, Field(**limits))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (field(int, ge=0, le=300), f"a {WHOLE}, at least 0, at most 300"),
        (field(float, gt=0), "a number, above 0"),
        (field(Decimal, lt=1_000_000), "a number, below 1,000,000"),
        (field(Decimal | None, gt=0), "a number, above 0, or none"),
        (field(bool), "true or false"),
        (field(str), "text"),
        (field(time), "a time HH:MM"),
        (field(datetime), f"a time with its {ZONE}, such as 2026-03-04T09:30:00+08:00"),
        (field(Literal["cancel", "keep"]), "one of cancel, keep"),
        (field(tuple[str, ...]), "a list of texts"),
        (field(tuple[tuple[time, time], ...]), "a list of pairs"),
        (field(tuple[time, ...]), "a list of values"),
        (field(dict[str, int]), f"a table of {WHOLE}s"),
        (field(Secret | None), "a secret text, or none"),
        (field(FieldInfo), "FieldInfo"),
    ],
)
def test_what_a_field_accepts(found: FieldInfo, words: str) -> None:
    assert expectation(found) == words


def test_a_secret_is_known_as_one_whether_it_may_be_none_or_not() -> None:
    assert [is_secret(field(kind)) for kind in (Secret, Secret | None, str, str | None)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert may_be_none(field(Secret | None))
    assert not may_be_none(field(Secret))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ((), "none"),
        (True, "true"),
        (Decimal("0.10"), "0.10"),
        (["a", 1], '["a", 1]'),
        ({"a": Decimal(1)}, '{"a": "1"}'),
        ("z\u00fcrich", '"z\u00fcrich"'),
        (Secret("x"), MASK),
        ("https://me:word@host/x?a=b@c", f'"https://{MASK}@host/x?a=b@c"'),
        ("x" * 80, '"' + "x" * 58 + "\u2026"),
    ],
)
def test_what_a_sentence_shows_of_a_value(value: object, text: str) -> None:
    assert shown(value) == text
