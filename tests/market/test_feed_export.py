"""The file of what a feed delivered: others read it, and no change to it goes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from qtkit.core.errors import DataError
from qtkit.market.feeds.export import read_feed, write_feed
from qtkit.market.sealed_parquet import seal_state
from tests.market.bar_makers import bars_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an export of one symbol's hour."""
    ends = [f"2026-03-04 01:{minute:02}" for minute in range(60)]
    write_feed(tmp_path / "feed.parquet", [bars_at("A", ends, list(map(float, range(1, 61))))])
    return tmp_path / "feed.parquet"


def test_what_was_written_is_read_and_others_read_it_too(path: Path) -> None:
    closes = list(map(float, range(1, 61)))

    assert read_feed(path)["A"].close.tolist() == closes
    assert parquet.read_table(path)["close"].to_pylist() == closes
    assert seal_state(path) == "fits"


@pytest.mark.parametrize("place", range(0, 100, 3), ids=lambda place: f"{place} %")
def test_a_flipped_bit_is_seen_wherever_it_is(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * place // 100] ^= 16
    path.write_bytes(data)

    with pytest.raises(DataError) as refused:
        read_feed(path)

    assert refused.value.exit_code == 3
    assert path.name in str(refused.value)


def test_a_file_of_somebody_else_has_no_checksum_and_is_read(path: Path) -> None:
    parquet.write_table(parquet.read_table(path), path)

    assert seal_state(path) == "none"
    assert len(read_feed(path)["A"]) == 60


def test_a_page_s_own_checksum_is_verified_in_files_of_others(path: Path) -> None:
    """Uncompressed, so that the bit flipped in a price is a price again."""
    table = parquet.read_table(path)
    parquet.write_table(
        table, path, compression="none", use_dictionary=False, write_page_checksum=True
    )
    data = bytearray(path.read_bytes())
    at = data.index(table["close"].to_numpy().tobytes())
    data[at + 6] ^= 1
    path.write_bytes(data)

    with pytest.raises(DataError):
        read_feed(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 8, b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_what_is_too_short_or_no_parquet_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "feed.parquet").write_bytes(content)

    with pytest.raises(DataError):
        read_feed(tmp_path / "feed.parquet")
