"""CSV and Parquet files, an endpoint's answers: bars that others made."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import parquet

from qtkit.market.feeds.csv_tail import CsvTail
from qtkit.market.feeds.http_bars import HttpBars, Patience
from qtkit.market.feeds.parquet_tail import ParquetTail
from qtkit.market.feeds.polled import PolledFeed
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.source_bars import read_bars
from qtkit.model.bar_length import BarLength
from qtkit.model.bars import BarBatch, Bars, nanos
from tests.fuzz.border import Border, outcome_of
from tests.fuzz.corpus import APPLE, DAYS, SOFT, ZONE, Corpus, at
from tests.fuzz.mutations import BYTES, CSV, JSON, Dice, mutated

_ZONE = ZoneInfo(ZONE)
_NAMES = ("open", "high", "low", "close", "volume")
_NOW = at(DAYS[0], 10, 30)
_EPOCHS = ((9, 1e11), (6, 1e14), (3, 1e17), (0, 1e20))  # zeros of its unit, numbers below
_SINCE = _NOW - timedelta(days=2)
_Row = tuple[int, float, float, float, float, float]


def table_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield those of local tables."""

    def csv_import(dice: Dice, folder: Path) -> None:
        """Imported bars are those that a simple reader finds, finite; refused, the table stays."""
        table, text = BarTable(folder / "tables", "t"), mutated(corpus.csv_text, dice, CSV)
        table.write(corpus.bars.rows(100, 110))
        before = table.fingerprint(APPLE)
        path = _csv_file(dice, folder, text)
        found = outcome_of(
            lambda: table.merge(read_bars(path, APPLE, zone=ZONE, label="end"), replace=True),
        )
        if found.refusal is not None:
            assert table.fingerprint(APPLE) == before, "refused, and the table was changed"
            return
        kept = {row[0]: row for row in _rows(corpus.bars.rows(100, 110))}
        wanted = kept | {row[0]: row for row in _simple_csv(text)}
        _same_rows(_rows(table.read(APPLE)), sorted(wanted.values()))

    def parquet_table(dice: Dice, folder: Path) -> None:
        """A table's file that can be read holds what it was written with, or sound new bars."""
        table = BarTable(folder / "tables", "t")
        path = folder / "tables" / "t" / f"{APPLE}.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(corpus.table_file)
        expected = _damaged_table(path, dice)
        found = outcome_of(lambda: table.read(APPLE), names=path.name)
        if found.refusal is None:
            _same_rows(_rows(found.value), expected)

    yield Border("csv-import", csv_import)
    yield Border("parquet-import", parquet_table)


def feed_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield those of live feeds."""

    def parquet_feed(dice: Dice, folder: Path) -> None:
        """A feed's file that can be read delivers the bars that it was written with.

        In a stranger's file, without checksums, nobody can see that a number is another one.
        """
        path = folder / "feed.parquet"
        path.write_bytes(corpus.feed_file)
        judge = _as_strangers(path, dice) or partial(_part_of, corpus)
        path.write_bytes(mutated(path.read_bytes(), dice, BYTES))
        feed = PolledFeed(ParquetTail(path), (APPLE, SOFT), _SINCE)
        found = outcome_of(lambda: feed.bars_until(_NOW), names=path.name)
        if found.refusal is None:
            judge(found.value)

    def csv_feed(dice: Dice, folder: Path) -> None:
        """What a growing CSV file delivers stands in it; one odd line does not cost the others."""
        path = folder / "feed.csv"
        lines = corpus.csv_text.decode().splitlines()
        text = "\n".join([f"symbol,{lines[0]}", *(f"{APPLE},{line}" for line in lines[1:])]) + "\n"
        path.write_bytes(mutated(text.replace("timestamp", "end", 1).encode(), dice, CSV))
        feed = PolledFeed(CsvTail(path, _ZONE), (APPLE, SOFT), _SINCE)
        for _ in range(2):  # the good part comes with the second poll
            found = outcome_of(lambda: feed.bars_until(_NOW), names=path.name)
        if found.refusal is None:
            _stands_in(found.value, path.read_bytes().decode("utf-8", "replace"))

    def http(dice: Dice, folder: Path) -> None:
        """What an answer delivers stands in it, finished and finite; odd bars cost themselves."""
        body = mutated(corpus.answer, dice, JSON)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        if dice.below(5) == 0:
            head = mutated(head, dice, BYTES)
        with _endpoint(head + body) as url:
            source = HttpBars(url, (APPLE, SOFT), patience=Patience(attempts=1, timeout=1.0))
            feed = PolledFeed(source, (APPLE, SOFT), _SINCE)
            for _ in range(2):
                found = outcome_of(lambda: feed.bars_until(_NOW))
        if found.refusal is None and head.startswith(b"HTTP/1.1 200 OK\r\nContent-Length"):
            _stands_in_json(found.value, body)

    yield Border("parquet-feed", parquet_feed)
    yield Border("csv-feed", csv_feed)
    yield Border("http", http)


# --- comparing -----------------------------------------------------------------------------------


def _rows(bars: Bars) -> list[_Row]:
    columns = (bars.end, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _same_rows(found: Sequence[_Row], expected: Sequence[_Row]) -> None:
    assert [row[0] for row in found] == [row[0] for row in expected], "other times"
    for one, other in zip(found, expected, strict=True):
        assert _equal(one, other), f"{one} was read, expected {other}"
        assert not any(map(math.isinf, one[1:])), f"infinite: {one}"


def _equal(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def _number(text: str) -> float:
    """Return a number as a plain reader takes it: digits, a point, an exponent."""
    if not text.isascii() or "_" in text or not text.strip():
        raise ValueError(text)
    number = float(Decimal(text.strip()))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# --- CSV -----------------------------------------------------------------------------------------


def _csv_file(dice: Dice, folder: Path, text: bytes) -> Path:
    if dice.below(10):
        path = folder / "bars.csv"
        path.write_bytes(text)
        return path
    path, packed = folder / "bars.csv.gz", gzip.compress(text, mtime=0)
    path.write_bytes(packed if dice.below(2) else mutated(packed, dice, BYTES))
    return path


def _simple_csv(text: bytes) -> list[_Row]:
    """Return the rows of an imported file, read cell by cell; an empty cell is NaN, a volume 0."""
    told = text.decode().lstrip("\ufeff")  # marks of the byte order are no text
    rows = [row for row in csv.reader(io.StringIO(told, newline="")) if row]
    place = {name: rows[0].index(name) for name in ("timestamp", *_NAMES) if name in rows[0]}
    return [_simple_row(row, place) for row in rows[1:]]


def _simple_row(row: Sequence[str], place: dict[str, int]) -> _Row:
    end, *numbers = _time(row[place["timestamp"]]), *(_cell(row, place, name) for name in _NAMES)
    if end % BarLength.MIN_1.nanos:
        raise AssertionError(f"no whole minute was accepted: {row}")
    return (end, *numbers)  # type: ignore[return-value]


def _cell(row: Sequence[str], place: dict[str, int], name: str) -> float:
    text = row[place[name]] if name in place else ""
    if text in {"", "NaN", "nan", "null", "NULL"}:
        return 0.0 if name == "volume" else math.nan
    try:
        return _number(text)
    except (ValueError, InvalidOperation):
        raise AssertionError(f"no number was accepted for {name}: {text[:60]!r}") from None


def _time(text: str) -> int:
    """Return the moment of an ISO 8601 time, of New York without an offset, or of an epoch."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        number = Decimal(text)
        sizes = [10**zeros for zeros, most in _EPOCHS if number < most]
        if not sizes:
            raise
        return int(number * sizes[0])
    return nanos(moment if moment.tzinfo else moment.replace(tzinfo=_ZONE).astimezone(UTC))


def _stands_in(batch: BarBatch, text: str) -> None:
    """Demand that each bar is a line of the file, with its numbers in their columns."""
    header, *lines = (line.split(",") for line in text.replace("\ufeff", "").split("\n"))
    place = {name.strip().lower(): at for at, name in enumerate(header)}
    told = dict[tuple[str, int], list[list[str]]]()
    for cells in lines:
        try:
            moment = _time(cells[place["end"]].strip().strip('"'))
        except (ValueError, IndexError, InvalidOperation, OverflowError):
            continue
        told.setdefault((cells[place["symbol"]].strip().strip('"'), moment), []).append(cells)
    for symbol, bars in batch.items():
        for row in _rows(bars):
            _finished(row)
            lines_of_it = told.get((symbol, row[0]), [])
            assert any(_is_line(row, cells, place) for cells in lines_of_it), f"{row} is no line"


def _is_line(row: _Row, cells: Sequence[str], place: dict[str, int]) -> bool:
    for value, name in zip(row[1:], _NAMES, strict=True):
        text = cells[place[name]].strip().strip('"')
        try:
            empty = text.lower() in {"", "nan"}
            same = math.isnan(value) if empty else _number(text) == value
        except (ValueError, InvalidOperation):
            return False
        if not same:
            return False
    return True


def _finished(row: _Row) -> None:
    assert nanos(_SINCE) < row[0] <= nanos(_NOW), f"not finished: {row}"
    assert not any(map(math.isinf, row[1:])), f"infinite: {row}"


# --- Parquet -------------------------------------------------------------------------------------


def _damaged_table(path: Path, dice: Dice) -> list[_Row]:
    """Damage a table's file; return the rows that a reader may find in it."""
    table = parquet.read_table(path)
    sound = list(zip(*(table[name].to_pylist() for name in ("end", *_NAMES)), strict=True))
    if dice.below(4):
        path.write_bytes(mutated(path.read_bytes(), dice, BYTES))
        return sound
    rows = _strange_rows(list(sound), dice)
    columns = dict(zip(("end", *_NAMES), map(list, zip(*rows, strict=True)), strict=True))
    kind = dice.pick((pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.string()))
    try:
        arrays = {n: pa.array(c, kind if n == "end" else pa.float64()) for n, c in columns.items()}
    except (pa.ArrowException, OverflowError):
        return sound
    parquet.write_table(pa.table(arrays), path)
    return [] if any(not _is_sound(row) for row in rows) else rows


def _strange_rows(rows: list[Any], dice: Dice) -> list[_Row]:
    at_, other = dice.below(len(rows)), dice.below(len(rows))
    row = list(rows[at_])
    match dice.below(4):
        case 0:
            rows[at_], rows[other] = rows[other], rows[at_]
        case 1:
            rows.insert(other, rows[at_])
        case 2:
            row[0] = dice.pick((0, -1, 2**62, row[0] + 1, row[0] + 7 * BarLength.MIN_1.nanos))
            rows[at_] = tuple(row)
        case _:
            row[1 + dice.below(5)] = dice.pick((math.inf, -math.inf, -1.0, 0.0, 1e308, math.nan))
            rows[at_] = tuple(row)
    return rows


def _is_sound(row: Sequence[float]) -> bool:
    return not any(map(math.isinf, row[1:])) and row[0] % BarLength.MIN_1.nanos == 0


def _as_strangers(path: Path, dice: Dice) -> Callable[[BarBatch], None] | None:
    """Write one file of four as others do, without checksums; return what it must hold then."""
    if dice.below(4):
        return None
    parquet.write_table(parquet.read_table(path), path)
    return _make_sense


def _make_sense(batch: BarBatch) -> None:
    for row in (row for bars in batch.values() for row in _rows(bars)):
        _finished(row)
        assert row[0] % BarLength.MIN_1.nanos == 0, f"no whole minute was accepted: {row}"


def _part_of(corpus: Corpus, batch: BarBatch) -> None:
    for symbol, bars in batch.items():
        sound = {row[0]: row for row in _rows(corpus.data.bars[symbol])}
        for row in _rows(bars):
            assert row[0] in sound, f"{row} was never delivered"
            assert _equal(row, sound[row[0]]), f"{row} was read, delivered was {sound[row[0]]}"


# --- HTTP ----------------------------------------------------------------------------------------


class _endpoint:  # noqa: N801 - used as a context manager
    """An endpoint that gives the same answer to everybody."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._door = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._door.getsockname()[1]}/bars"

    def __exit__(self, *_: object) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            with closing(line):
                try:
                    line.recv(65_536)
                    line.sendall(self._answer)
                except OSError:
                    continue


def _stands_in_json(batch: BarBatch, body: bytes) -> None:
    """Demand that each bar is one of the answer's, read by the standard library."""
    told = list[_Row]()
    for bar in json.loads(body, parse_int=Decimal, parse_float=float)["bars"]:
        try:
            symbol, end = bar["symbol"], nanos(datetime.fromisoformat(bar["end"]))
            values = [math.nan if bar[name] is None else float(bar[name]) for name in _NAMES]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue
        if any(isinstance(bar[name], bool | str) for name in _NAMES):
            continue
        told.append((symbol, end, *values))
    for symbol, bars in batch.items():
        for row in _rows(bars):
            _finished(row)
            assert any(_equal_told((symbol, *row), one) for one in told), f"{row} was not answered"


def _equal_told(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return one[0] == other[0] and _equal(one[1:], other[1:])
