"""What a feed delivers is in a file before anybody uses it, and a torn end costs nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.errors import DataError, StorageError
from qtkit.core.paths import SessionFolder
from qtkit.market.feeds.protocol import CheckedFeed, Delivery
from qtkit.market.feeds.recorded import RecordedFeed
from qtkit.market.feeds.recorder import FeedRecorder, read_recording, recorded_bars, seal_recording
from qtkit.model.bars import BarBatch, Bars, time_of
from tests.market.bar_makers import bars_at, minutes, utc

NAN = bars_at("B", ["2026-03-04 14:33"], [float("nan")])
MARKET = {"A": minutes("A", "2026-03-04 14:31", 4), "B": NAN}
POLLS = ["2026-03-04 14:31", "2026-03-04 14:33", "2026-03-04 14:34"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.polls"


def recorder(path: Path) -> FeedRecorder:
    return FeedRecorder(RecordedFeed(MARKET), path, durable=True)


def recorded(path: Path) -> Path:
    """Return a file of three polls."""
    feed = recorder(path)
    for poll in POLLS:
        feed.bars_until(utc(poll))
    return path


def ends(bars: BarBatch, symbol: str = "A") -> list[str]:
    return [f"{time_of(int(end)):%H:%M}" for end in bars[symbol].end] if symbol in bars else []


def test_bars_are_in_the_file_when_they_are_handed_on(path: Path) -> None:
    feed = recorder(path)
    for poll, known in zip(POLLS, (["14:31"], ["14:31", "14:32", "14:33"]), strict=False):
        feed.bars_until(utc(poll))

        assert ends(read_recording(path).bars) == known
    assert np.isnan(read_recording(path).bars["B"].close).all()


def test_a_feed_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    class Away:
        def bars_until(self, now: datetime) -> BarBatch:
            raise DataError("nobody answers")

    content = recorded(path).read_bytes()
    with pytest.raises(DataError):
        FeedRecorder(Away(), path, durable=True).bars_until(utc(POLLS[-1]))

    assert path.read_bytes() == content


def test_a_poll_without_news_writes_nothing(path: Path) -> None:
    recorder(path).bars_until(utc("2026-03-04 14:00"))

    assert not path.exists()


def test_cut_off_at_any_byte_the_file_goes_on_without_a_gap_or_a_double(path: Path) -> None:
    content = recorded(path).read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        kept = ends(read_recording(path).bars)
        feed = recorder(path)
        delivered = feed.bars_until(utc(POLLS[-1]))

        assert kept in ([], ["14:31"], ["14:31", "14:32", "14:33"])
        assert ends(delivered) == ["14:31", "14:32", "14:33", "14:34"]
        assert ends(delivered, "B") == ["14:33"]
        assert ends(read_recording(path).bars) == ["14:31", "14:32", "14:33", "14:34"]
        assert ends(read_recording(path).bars, "B") == ["14:33"]


def test_a_session_that_comes_back_gets_the_form_of_a_bar_that_it_decided_on(path: Path) -> None:
    recorded(path)
    revised = {"A": minutes("A", "2026-03-04 14:31", 5, price=99.0)}
    feed = FeedRecorder(RecordedFeed(revised), path, durable=True)

    assert feed.bars_until(utc("2026-03-04 14:35"))["A"].close.tolist() == [10.0] * 4 + [99.0]
    assert feed.bars_until(utc("2026-03-04 14:36")) == {}


def test_a_flipped_bit_before_the_last_poll_is_seen_wherever_it_is(path: Path) -> None:
    content = recorded(path).read_bytes()
    last = content.rindex(b"{")
    for place in range(last):
        changed = bytearray(content)
        changed[place] ^= 16
        path.write_bytes(changed)

        with pytest.raises(DataError) as refused:
            recorder(path)
        assert refused.value.exit_code == 3


def test_what_the_disk_does_not_take_is_handed_on_with_the_next_poll(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    feed = recorder(folder / "feed.polls")
    with pytest.raises(StorageError, match=r"feed\.polls"):
        feed.bars_until(utc(POLLS[0]))
    folder.mkdir()

    assert ends(feed.bars_until(utc(POLLS[1]))) == ["14:31", "14:32", "14:33"]
    assert ends(read_recording(folder / "feed.polls").bars) == ["14:31", "14:32", "14:33"]


def test_what_an_answer_lacks_is_told_once(path: Path) -> None:
    class Partly:
        def bars_until(self, now: datetime) -> BarBatch:
            return Delivery(MARKET, refused=2, problem="two bars are none")

    feed = FeedRecorder(Partly(), path, durable=True)
    first = feed.bars_until(utc(POLLS[-1]))

    assert (first.refused, first.problem) == (2, "two bars are none")
    assert isinstance(feed, CheckedFeed)
    assert list(feed.left_out()) == []


@pytest.mark.parametrize("answer", [None, {"A": None}, {"A": bars_at("B", ["2026-03-04 14:31"])}])
def test_an_answer_that_is_no_bars_is_refused_and_not_recorded(path: Path, answer: object) -> None:
    class Nonsense:
        def bars_until(self, now: datetime) -> BarBatch:
            return answer  # type: ignore[return-value]

    with pytest.raises(DataError, match="bars_until"):
        FeedRecorder(Nonsense(), path, durable=True).bars_until(utc(POLLS[-1]))

    assert not path.exists()


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    folder = SessionFolder(tmp_path)
    folder.artifacts.mkdir()
    recorded(folder.feed_polls)
    return folder


def same(one: Bars, other: Bars) -> bool:
    return one.end.tolist() == other.end.tolist() and np.array_equal(
        one.close, other.close, equal_nan=True
    )


def test_the_polls_of_a_session_that_has_ended_become_one_parquet_file(
    folder: SessionFolder,
) -> None:
    before = recorded_bars(folder)
    seal_recording(folder)

    assert not folder.feed_polls.exists()
    assert folder.feed.exists()
    assert {s: same(bars, before[s]) for s, bars in recorded_bars(folder).items()} == {
        "A": True,
        "B": True,
    }


def test_a_session_without_a_poll_ends_with_an_empty_file(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    folder.artifacts.mkdir()
    seal_recording(folder)

    assert recorded_bars(folder) == {}


def test_damaged_polls_do_not_hinder_the_end_and_are_told_to_who_reads_them(
    folder: SessionFolder,
) -> None:
    content = folder.feed_polls.read_bytes()
    folder.feed_polls.write_bytes(b"x" + content[1:])
    seal_recording(folder)

    assert not folder.feed.exists()
    with pytest.raises(DataError, match=r"feed\.polls"):
        recorded_bars(folder)
