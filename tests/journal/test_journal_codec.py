"""Every event comes back from its line as it was, and no NaN ever becomes history."""

from __future__ import annotations

import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtkit.core.verdict import Verdict, ok
from qtkit.journal.codec import START, LineDecoder, decode, encode
from qtkit.model import events as ev
from qtkit.model.events import ALL_EVENTS, Entry
from qtkit.model.quotes import Quote

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBER = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
)
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
LEAF = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.floats(-1e9, 1e9)
JSON = st.dictionaries(
    TEXT, st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2)), max_size=3
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(0, 2**53),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: NUMBER,
    date: st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    datetime: MOMENT,
    Verdict: st.builds(
        lambda text, lines: ok(text, lines=lines), TEXT, st.lists(st.integers(1, 99), max_size=3)
    ),
    Quote: st.builds(
        lambda symbol, at, last, spread: Quote(
            symbol=symbol,
            at=at,
            last=last,
            bid=None if spread is None else abs(last) + 1,
            ask=None if spread is None else abs(last) + 1 + abs(spread),
        ),
        TEXT,
        MOMENT,
        NUMBER,
        st.none() | NUMBER,
    ),
    Any: LEAF,
}


def anything_of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401, PLR0911 - an annotation
    """Return values of an annotated type, by the annotation alone."""
    known = BY_TYPE.get(kind)
    if known is not None:
        return known
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        options = [st.none() if part is type(None) else anything_of(part) for part in parts]
        return st.one_of(options)
    if origin is tuple:
        return st.lists(anything_of(parts[0]), max_size=2).map(tuple)
    if origin is dict:
        return JSON if parts[1] is Any else st.dictionaries(TEXT, anything_of(parts[1]), max_size=2)
    if origin is Literal:
        return st.sampled_from(parts)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: anything_of(hints[name]) for name in kind.__struct_fields__})


def test_there_are_the_events_that_the_product_speaks_of() -> None:
    names = {kind.__name__ for kind in ALL_EVENTS}
    assert {"SessionStarted", "OrderRequested", "OrderFilled", "FillUnmatched"} <= names
    assert len(names) == len(ALL_EVENTS) >= 40


@pytest.mark.parametrize("kind", ALL_EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_comes_back_as_it_was(kind: type[ev.Event], data: st.DataObject) -> None:
    event = data.draw(anything_of(kind))
    entry = Entry(seq=data.draw(st.integers(1, 10**9)), at=data.draw(MOMENT), event=event)

    line = encode(entry, "0123456789abcdef")

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == (entry, "0123456789abcdef")


def test_a_line_by_hand() -> None:
    event = ev.KillSwitchSet(trading_date=date(2026, 3, 4), on=True, by="eve", why="too fast")
    entry = Entry(seq=7, at=datetime(2026, 3, 4, 1, 35, tzinfo=UTC), event=event)
    assert encode(entry, START) == (
        b'{"seq":7,"at":"2026-03-04T01:35:00Z","prev":"0000000000000000",'
        b'"event":{"kind":"kill_switch_set","trading_date":"2026-03-04",'
        b'"on":true,"by":"eve","why":"too fast","asked_at":""}}\n'
    )


def _at_nine(event: ev.Event) -> Entry:
    return Entry(seq=1, at=datetime(2026, 3, 4, 1, tzinfo=UTC), event=event)


@pytest.mark.parametrize("odd", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused_before_it_is_history(odd: str) -> None:
    moved = ev.PositionAdjusted(symbol="X", quantity=Decimal(0), cash=Decimal(odd), by="a", why="b")
    with pytest.raises(ValueError, match="a number in PositionAdjusted"):
        encode(_at_nine(moved), START)


def test_an_odd_number_deep_inside_is_refused_too() -> None:
    last = ev.LastPrice(symbol="X", end=datetime(2026, 3, 4, tzinfo=UTC), close=Decimal("NaN"))
    with pytest.raises(ValueError, match="a number in PricesSeen"):
        encode(_at_nine(ev.PricesSeen(poll=1, bars=1, last=(last,))), START)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), [1.0, {"deep": float("-inf")}]])
def test_an_odd_float_in_free_json_is_refused_and_not_turned_into_null(odd: object) -> None:
    with pytest.raises(ValueError, match="a number in StrategySaved"):
        encode(_at_nine(ev.StrategySaved(state={"base": odd})), START)


@pytest.mark.parametrize("word", ["NaN", "Infinity"])
def test_a_word_that_looks_like_an_odd_number_is_only_a_word(word: str) -> None:
    asked = ev.CommandReceived(command="buy", arguments={"quantity": word}, by=word)
    assert decode(encode(_at_nine(asked), START))[0].event == asked


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}\n",
        b"not json\n",
        b'{"seq":1,"event":' + b"[" * 3_000 + b"]" * 3_000 + b"}\n",
        b'{"seq":1,"event":{"kind":"\xff"}}\n',
        b'{"seq":1}\n',
        b'{"seq":1,"at":"2026-03-04T01:35:00Z","prev":"0","event":{"kind":"never_heard_of"}}\n',
        b'{"seq":1,"at":"2026-03-04T01:35:00Z","prev":"0","event":{"kind":"stop_requested","by":"a"}}\n',
    ],
)
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(line)


def test_an_unknown_field_is_refused() -> None:
    line = encode(_at_nine(ev.StopRequested(by="a", reason="b")), START)
    with pytest.raises(ValueError, match="surprise"):
        decode(line.replace(b'"by"', b'"surprise":1,"by"'))


def test_a_decimal_without_quotes_is_refused_and_one_in_quotes_is_not() -> None:
    adjusted = ev.PositionAdjusted(
        symbol="A", quantity=Decimal("1.5"), cash=Decimal(0), by="a", why="costs: 1.5"
    )
    line = encode(_at_nine(adjusted), START)
    assert decode(line)[0].event == adjusted
    with pytest.raises(ValueError, match="quantity"):
        decode(line.replace(b'"1.5"', b"1.5"))


PULSE = _at_nine(ev.LoopPulsed(trading_date=date(2026, 3, 4), largest_gap_seconds=Decimal("0.5")))


def test_a_pulse_in_the_words_of_the_one_before_has_its_own_number_time_and_link() -> None:
    decoder, later = (
        LineDecoder(),
        msgspec.structs.replace(PULSE, seq=2, at=PULSE.at.replace(hour=2)),
    )
    first, _ = decoder.decode(encode(PULSE, START))

    second = decoder.decode(encode(later, "0123456789abcdef"))

    assert second == (later, "0123456789abcdef")
    assert second[0].event is first.event


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"seq":1', b'"seq":"1"'),
        (b'"seq":1', b'"seq":1,"seq2":1'),
        (b':00Z"', b':00"'),
        (b'"prev":', b'"event":{},"prev":'),
        (b'"prev":"0000000000000000"', b'"prev":0'),
        (b'"prev":"0000000000000000",', b""),
        (b'{"seq"', b'"seq"'),
        (b'"0.5"', b"0.5"),
        (b"}}\n", b"}\n"),
    ],
)
def test_a_line_around_a_known_pulse_is_read_as_strictly(before: bytes, after: bytes) -> None:
    decoder, line = LineDecoder(), encode(PULSE, START)
    decoder.decode(line)

    with pytest.raises(ValueError, match=r".+"):
        decoder.decode(line.replace(before, after))


def test_a_fraction_in_free_json_stays_a_fraction() -> None:
    saved = ev.StrategySaved(state={"x": [1.5, {"y": -2.5e-7}]})
    assert decode(encode(_at_nine(saved), START))[0].event == saved


def test_a_time_without_its_zone_is_refused() -> None:
    line = encode(_at_nine(ev.StopRequested(by="a", reason="b")), START)
    with pytest.raises(ValueError, match="timezone"):
        decode(line.replace(b':00Z"', b':00"', 1))


def test_every_event_is_frozen() -> None:
    kinds: tuple[type[msgspec.Struct], ...] = (*ALL_EVENTS, Entry)
    assert all(kind.__struct_config__.frozen for kind in kinds)
