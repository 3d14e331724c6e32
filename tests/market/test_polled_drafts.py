"""Sources that send a minute before it is over, again, late, or crooked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.errors import DataError
from qtkit.market.bar_order import concatenated, newest_forms
from qtkit.market.feeds.export import write_feed
from qtkit.market.feeds.http_bars import HttpBars
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import BarRow, Fetched, PolledFeed, columns_of
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.parquet import COLUMNS
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import Bars, nanos
from tests.market.bar_makers import bars_at, imported, minutes, utc
from tests.sessions.live_market import Endpoint, market

SINCE = utc("2026-03-04 01:30")
FAR = "2199-01-01 00:00"


class Answers:
    """A source that gives the answers it was given, then none."""

    def __init__(self, *answers: Bars | tuple[Bars, ...]) -> None:
        self._answers = [a if isinstance(a, tuple) else (a,) for a in answers]

    def fetch(self, after: int, until: int) -> Fetched:
        return Fetched(self._answers.pop(0) if self._answers else ())


def bar(end: str, close: float, symbol: str = "A") -> Bars:
    return bars_at(symbol, [f"2026-03-04 {end}" if len(end) < 9 else end], [close])


def fed(*answers: Bars | tuple[Bars, ...], symbols: tuple[str, ...] = ("A",)) -> PolledFeed:
    return PolledFeed(Answers(*answers), symbols, SINCE)


def closes(feed: PolledFeed, at: str, symbol: str = "A") -> list[float]:
    batch = feed.bars_until(utc(f"2026-03-04 {at}"))
    return batch[symbol].close.tolist() if symbol in batch else []


def left_out(feed: PolledFeed) -> list[tuple[str, str]]:
    return [(note.symbol, note.why) for note in feed.left_out()]


# --- a minute that is being formed ---------------------------------------------------------------


def test_the_newest_form_of_a_minute_counts_when_it_has_ended() -> None:
    feed = fed(bar("01:31", 50.0), bar("01:31", 60.0), bar("01:31", 100.0))

    assert closes(feed, "01:30:20") == closes(feed, "01:30:40") == []
    assert closes(feed, "01:31") == [100.0]
    assert left_out(feed) == []


def test_within_one_answer_the_newest_form_counts() -> None:
    assert closes(fed((bar("01:31", 50.0), bar("01:31", 100.0))), "01:31") == [100.0]


def test_a_draft_that_the_source_passes_over_is_not_booked() -> None:
    """At 01:31 it sends the next draft and not yet the first minute's final form."""
    feed = fed(bar("01:31", 50.0), bar("01:32", 55.0), (bar("01:31", 100.0), bar("01:32", 101.0)))

    assert closes(feed, "01:30:30") == closes(feed, "01:31") == []
    assert closes(feed, "01:32") == [100.0, 101.0]


def test_a_recording_of_a_whole_day_needs_no_second_telling() -> None:
    feed = fed(bars_at("A", [f"2026-03-04 01:{m}" for m in (31, 32, 33)], [1.0, 2.0, 3.0]))

    assert [closes(feed, f"01:{m}") for m in (30, 31, 32, 33)] == [[], [1.0], [2.0], [3.0]]


def test_a_bogus_bar_of_the_far_future_harms_nobody() -> None:
    feed = fed(
        (bar(FAR, 9.0), bar("01:31", 1.0), bar("01:31", 7.0, "B")),
        (bar("01:32", 2.0), bar("01:32", 8.0, "B")),
        symbols=("A", "B"),
    )

    assert closes(feed, "01:31") == [1.0]
    batch = feed.bars_until(utc("2026-03-04 01:32"))
    assert {s: b.close.tolist() for s, b in batch.items()} == {"A": [2.0], "B": [8.0]}


@pytest.mark.parametrize("year", [2263, 2999, 9999])
def test_a_year_that_no_column_can_hold_costs_no_other_bar(year: int) -> None:
    end = (year - 1970) * 365 * 86_400 * 10**9
    rows = [BarRow("A", end, 1, 1, 1, 1, 1), BarRow("A", nanos(SINCE), 2, 2, 2, 2, 2)]

    assert [part.close.tolist() for part in columns_of(rows)] == [[2.0]]


# --- what contradicts, comes late, or is crooked -------------------------------------------------


def test_a_contradiction_is_told_once_and_changes_nothing() -> None:
    wrong = bar("01:31", 99.0)
    feed = fed(bar("01:31", 100.0), wrong, wrong, bar("01:31", 98.0))
    assert closes(feed, "01:31") == [100.0]
    assert closes(feed, "01:32") == []
    (note,) = feed.left_out()

    assert (note.why, note.delivered, note.sent) == ("contradicts", 100.0, 99.0)
    assert note.end == nanos(utc("2026-03-04 01:31"))
    assert closes(feed, "01:33") == []
    assert left_out(feed) == []
    assert closes(feed, "01:34") == []
    assert left_out(feed) == [("A", "contradicts")]


def test_another_volume_alone_is_a_contradiction_and_the_same_bar_is_none() -> None:
    first = bar("01:31", 1.0)
    again = Bars(
        **{n: getattr(first, n) for n in Bars.__slots__ if n != "volume"}, volume=first.volume * 2
    )
    feed = fed(first, first, again)
    for at in ("01:31", "01:32"):
        closes(feed, at)
    assert left_out(feed) == []
    closes(feed, "01:33")

    assert left_out(feed) == [("A", "contradicts")]


def test_nan_contradicts_no_nan() -> None:
    feed = fed(bar("01:31", float("nan")), bar("01:31", float("nan")), bar("01:31", 5.0))
    for at in ("01:31", "01:32"):
        closes(feed, at)
    assert left_out(feed) == []
    closes(feed, "01:33")

    assert left_out(feed) == [("A", "contradicts")]


def test_a_bar_that_comes_after_a_newer_one_is_told_as_late() -> None:
    feed = fed(
        bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:33"], [1.0, 3.0]), bar("01:32", 2.0)
    )
    assert closes(feed, "01:33") == [1.0, 3.0]
    assert closes(feed, "01:34") == []
    assert left_out(feed) == [("A", "late")]


def test_a_bar_that_does_not_end_on_a_minute_is_left_out() -> None:
    feed = fed((bar("01:30:20", 50.0), bar("01:31", 100.0)))

    assert closes(feed, "01:31") == [100.0]
    assert left_out(feed) == [("A", "unaligned")]


def test_a_symbol_never_asked_for_is_nobodys_business() -> None:
    feed = fed((bar("01:31", 1.0, "X"), bar("01:30:20", 2.0, "X")), bar("01:31", 3.0, "X"))

    assert dict(feed.bars_until(utc("2026-03-04 01:31"))) == {}
    assert dict(feed.bars_until(utc("2026-03-04 01:32"))) == {}
    assert left_out(feed) == []


FORMS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from([50.0, 60.0, 100.0]), st.booleans()), max_size=12
)


@given(answers=st.lists(FORMS, min_size=1, max_size=8))
def test_whatever_a_source_sends_bars_come_finished_in_order_and_once(
    answers: list[list[tuple[int, float, bool]]],
) -> None:
    start = nanos(SINCE)
    sent = [
        tuple(
            Bars(
                symbol="A", end=np.array([start + n * BarLength.MIN_1.nanos + 7 * odd], np.int64),
                **dict.fromkeys(COLUMNS[1:], np.array([price])),  # type: ignore[arg-type]
            )
            for n, price, odd in answer
        )
        for answer in answers
    ]  # fmt: skip
    feed = PolledFeed(Answers(*sent), ("A",), SINCE)
    ends = list[int]()
    for number in range(len(sent) + 9):
        now = SINCE + timedelta(minutes=number)
        for bars in feed.bars_until(now).values():
            ends += bars.end.tolist()
            assert bars.end[-1] <= nanos(now)

    assert ends == sorted(set(ends))
    assert not [end for end in ends if end % BarLength.MIN_1.nanos]


def test_of_equals_the_last_is_the_newest_form() -> None:
    parts = concatenated(bar("01:32", 2.0), bar("01:31", 1.0), bar("01:32", 3.0))

    assert newest_forms(parts).close.tolist() == [1.0, 3.0]


# --- files and endpoints -------------------------------------------------------------------------


def test_a_parquet_file_whose_last_row_is_a_draft_is_believed_when_it_is_written_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bars.parquet"
    whole, draft = bar("01:31", 1.0), bar("01:32", 50.0)
    write_feed(path, [concatenated(whole, draft)])
    feed = PolledFeed(ParquetTail(path), ("A",), SINCE)
    assert closes(feed, "01:31") == [1.0]
    assert closes(feed, "01:32") == []
    write_feed(path, [concatenated(whole, bar("01:32", 100.0), bar("01:33", 50.0))])

    assert closes(feed, "01:32:05") == [100.0]


def test_a_parquet_file_of_a_whole_day_is_played_to_its_last_bar(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    write_feed(path, [minutes("A", "2026-03-04 01:31", 3)])
    feed = PolledFeed(ParquetTail(path), ("A",), SINCE)

    assert [len(closes(feed, f"01:{m}")) for m in (30, 31, 32, 33)] == [0, 1, 1, 1]


def test_an_endpoint_is_asked_again_for_a_minute_that_had_not_ended() -> None:
    final = bars_at("A", ["2026-03-04 01:31", "2026-03-04 01:32"], [100.0, 101.0])

    class WithDraft(Endpoint):
        def answer(self, query: object) -> bytes:
            rows = [(31, 100.0), (32, 50.0)] if len(self.asked) == 1 else [(32, 101.0)]
            names = ("open", "high", "low", "close", "volume")
            bars = ",".join(
                f'{{"symbol": "A", "end": "2026-03-04T01:{m}:00Z", '
                + ", ".join(f'"{n}": {price}' for n in names) + "}"
                for m, price in rows
            )  # fmt: skip
            return f'{{"bars": [{bars}]}}'.encode()

    with market({"A": [final]}) as endpoint:
        endpoint.__class__ = WithDraft
        feed = PolledFeed(HttpBars(endpoint.url, ["A"]), ("A",), SINCE)
        assert closes(feed, "01:31:30") == [100.0]
        assert closes(feed, "01:32") == [101.0]


# --- tables --------------------------------------------------------------------------------------


def test_an_import_refuses_two_forms_of_one_minute_and_leaves_the_table_alone(
    tmp_path: Path,
) -> None:
    file, table = tmp_path / "bars.csv", BarTable(tmp_path / "tables", "mine")
    head = "timestamp,open,high,low,close,volume\n"
    rows = [f"2026-03-04T09:31:00,{p},{p},{p},{p},100\n" for p in (50, 100)]
    file.write_text(head + "".join(rows))

    with pytest.raises(DataError, match="contradict"):
        imported(file, table, "A", zone="Asia/Shanghai", label="end")
    assert table.symbols() == ()
    file.write_text(head + rows[1] * 2)
    imported(file, table, "A", zone="Asia/Shanghai", label="end")
    assert table.read("A").close.tolist() == [100.0]
