"""Whatever an event carries: its line reads back equal, or nothing of it reaches the file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtkit.core.clock import ManualClock
from qtkit.journal import FileJournal, read_journal
from qtkit.model import events as ev
from qtkit.model.events import ALL_EVENTS
from tests.journal.journal_lines import opening
from tests.journal.test_journal_codec import anything_of

NINE = datetime(2026, 3, 4, 1, tzinfo=UTC)


class Nameless:
    """An object that cannot be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")


class Level(IntEnum):
    """A number with a name."""

    HIGH = 3


class NotOurs(ev.Event, frozen=True, kw_only=True, tag="not_ours"):
    """An event that no reader knows."""


def _cycle() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["again"] = [found]
    return found


def _tower(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def _doubling(levels: int) -> list[Any]:
    """Return a value that is small in memory and has two to the power of `levels` leaves."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found, found]
    return found


EVENTS = list(ALL_EVENTS)
HOSTILE: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "a list": lambda: ["a", 1],
    "true": lambda: True,
    "a whole number": lambda: 7,
    "a float": lambda: 0.1,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("-inf"),
    "a decimal": lambda: Decimal("0.10"),
    "a huge decimal": lambda: Decimal("1E+999999"),
    "a decimal of 5,000 digits": lambda: Decimal("9" * 5_000),
    "a decimal NaN": lambda: Decimal("NaN"),
    "a signalling NaN": lambda: Decimal("sNaN"),
    "a decimal infinity": lambda: Decimal("-Infinity"),
    "a number of 5,000 digits": lambda: 10**4_999,
    "bytes": lambda: b"\x00\xff",
    "a set": lambda: {"a", "b"},
    "half a surrogate pair": lambda: "half \ud800",
    "NUL": lambda: "nul \x00",
    "line ends": lambda: "a\nb\u2028\r",
    "keys that are no text": lambda: {1: "a", None: "b", (2, 3): "c"},
    "a key and its twin": lambda: {1: "a", "1": "b"},
    "half a pair in a key": lambda: {"\ud800": 1},
    "a hostile value deep inside": lambda: {"a": [{"b": float("inf")}]},
    "a decimal deep inside": lambda: {"a": [{"b": Decimal("Infinity")}]},
    "a date inside": lambda: {"a": date(2026, 3, 4)},
    "a cycle": _cycle,
    "a tower of 150": lambda: {"a": _tower(150)},
    "a tower of 5,000": lambda: {"a": _tower(5_000)},
    "a time without a zone": lambda: datetime(2026, 3, 4, 9, 30),  # noqa: DTZ001 - on purpose
    "year 1": lambda: datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    "year 9999": lambda: datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "an odd zone": lambda: datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=8, seconds=343))),
    "a date of year 1": lambda: date(1, 1, 1),
    "an object": object,
    "an object without a name": Nameless,
    "a class": lambda: int,
    "a numpy number": lambda: np.float64(0.1),
    "an array": lambda: np.zeros(3),
    "an enum": lambda: Level.HIGH,
    "an ordered dict": lambda: OrderedDict(a=1),
    "a tuple": lambda: ("a", ("b",)),
    "another event": lambda: ev.StopRequested(by="a", reason="b"),
    "a foreign event": NotOurs,
}  # fmt: skip


def _same(left: object, right: object) -> bool:
    try:
        return left == right
    except ArithmeticError:  # a signalling NaN
        return False


def _try_to_write(folder: Path, event: ev.Event) -> None:
    """Write an event between two plain ones, and demand that the journal is whole."""
    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = FileJournal(path, ManualClock(NINE))
    journal.append(opening())
    before, refused = path.read_bytes(), ""
    try:
        journal.append(event)
    except ValueError as problem:
        refused = str(problem)
        assert path.read_bytes() == before
    journal.append(ev.StopRequested(by="a", reason="behind"))
    journal.close()
    _, *middle, last = [entry.event for entry in read_journal(path)]
    assert middle == [] if refused else _same(middle, [event])
    assert last.reason == "behind"
    assert not refused or type(event).__name__ in refused


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_an_event_reads_back_equal_or_is_refused_whole(
    kind: type[ev.Event], data: st.DataObject, place: Path
) -> None:
    plain = data.draw(anything_of(kind))
    fields = data.draw(st.sets(st.sampled_from(kind.__struct_fields__), min_size=1, max_size=2))
    odd = {name: HOSTILE[data.draw(st.sampled_from(sorted(HOSTILE)))]() for name in sorted(fields)}
    _try_to_write(place, msgspec.structs.replace(plain, **odd))


@pytest.mark.parametrize("name", sorted(HOSTILE))
@pytest.mark.parametrize(
    "carrier",
    [
        lambda value: ev.StrategySaved(state=value),
        lambda value: ev.StrategySaved(state={"deep": [value]}),
        lambda value: ev.CommandReceived(command="note", arguments={"text": value}, by="a"),
        lambda value: ev.PositionAdjusted(
            symbol=value, quantity=Decimal(1), cash=Decimal(0), by="a", why="b"
        ),
        lambda value: ev.OrderLost(order_id="q1", reason=value),
        lambda value: value,
    ],
    ids=["a state", "deep in a state", "an argument", "a symbol", "a reason", "the event itself"],
)
def test_each_hostile_value_reads_back_equal_or_is_refused_whole(
    carrier: Callable[[object], ev.Event], name: str, place: Path
) -> None:
    _try_to_write(place, carrier(HOSTILE[name]()))


def test_a_value_that_is_small_in_memory_and_endless_on_paper_is_refused(place: Path) -> None:
    _try_to_write(place, ev.StrategySaved(state={"a": _doubling(60)}))


def test_a_format_that_our_reader_refuses_is_not_written(place: Path) -> None:
    journal = FileJournal(place / "format.jsonl", ManualClock(NINE))
    began = opening(ev.FORMAT + 1)
    with pytest.raises(ValueError, match="SessionStarted"):
        journal.append(began)
    journal.close()
    assert (place / "format.jsonl").read_bytes() == b""


@pytest.mark.parametrize("kind", [list, tuple], ids=["a list", "a tuple"])
def test_a_state_that_is_no_object_is_refused(kind: type, place: Path) -> None:
    journal = FileJournal(place / "state.jsonl", ManualClock(NINE))
    with pytest.raises(ValueError, match="StrategySaved"):
        journal.append(ev.StrategySaved(state=kind(["a"])))
    journal.close()
    assert (place / "state.jsonl").read_bytes() == b""
