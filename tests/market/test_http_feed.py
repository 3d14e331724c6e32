"""An HTTP endpoint as a feed: slow, broken, lying, gone."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from qtkit.core.clock import stopwatch
from qtkit.core.errors import DataError
from qtkit.market.feeds.http_bars import HttpBars, Patience, checked_address
from qtkit.market.feeds.polled import Fetched
from qtkit.market.feeds.settings import FeedSettings
from qtkit.model.bars import nanos
from tests.market.bar_makers import bars_at, utc
from tests.sessions.live_market import Endpoint, Misdeed, market

AFTER, UNTIL = nanos(utc("2026-03-04 01:30")), nanos(utc("2026-03-04 01:32"))
BARS = {"A": [bars_at("A", [f"2026-03-04 01:3{i}" for i in range(4)], [0.0, 1.0, 2.0, 3.0])]}
WORD = "s3cret"
QUICK = Patience(timeout=0.5, attempts=3, backoff=0.001)


def first(misdeed: str, times: int) -> Misdeed:
    return lambda number: misdeed if number <= times else ""


def source(endpoint: Endpoint, patience: Patience = QUICK, **more: str) -> HttpBars:
    return HttpBars(endpoint.url, ("A", "B"), patience=patience, **more)  # type: ignore[arg-type]


def test_it_asks_for_symbols_and_a_span_and_tells_the_bars() -> None:
    with market(BARS) as endpoint:
        found = source(endpoint, token=WORD).fetch(AFTER, UNTIL)

    assert [bars.close.tolist() for bars in found.bars] == [[1.0, 2.0]]
    assert endpoint.asked == [
        {
            "symbols": "A,B",
            "after": "2026-03-04T01:30:00+00:00",
            "until": "2026-03-04T01:32:00+00:00",
        }
    ]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {WORD}"


def test_a_query_in_the_address_is_kept() -> None:
    with market(BARS) as endpoint:
        HttpBars(f"{endpoint.url}?table=stock%201min", ("A",), patience=QUICK).fetch(AFTER, UNTIL)

    assert endpoint.asked[0]["table"] == "stock 1min"


@pytest.mark.parametrize("misdeed", ["drop", "garbage", "html", "cut", "busy"])
def test_what_may_pass_is_tried_again(misdeed: str) -> None:
    with market(BARS, first(misdeed, 2)) as endpoint:
        found = source(endpoint).fetch(AFTER, UNTIL)

    assert (len(endpoint.asked), len(found.bars)) == (3, 1)


@pytest.mark.parametrize(
    ("misdeed", "sentence"),
    [
        ("drop", "RemoteDisconnected"),
        ("garbage", r"its answer is not \{\"bars\": \[...\]\} .* it begins with '\{\"bars\": \[\{"),
        ("html", "it begins with '<html>Welcome"),
        ("cut", "its answer ended [0-9]+ bytes early"),
        ("busy", "it answered 503 Service Unavailable"),
    ],
)
def test_what_does_not_pass_is_one_clear_sentence(misdeed: str, sentence: str) -> None:
    with (
        market(BARS, first(misdeed, 9)) as endpoint,
        pytest.raises(
            DataError, match=f"the feed at http://.* did not deliver: .*{sentence}.*3 attempts"
        ),
    ):
        source(endpoint).fetch(AFTER, UNTIL)

    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("misdeed", "sentence"), [("wrong", "404 Not Found"), ("moved", "302 Found")]
)
def test_a_wrong_address_is_not_tried_again_and_nobody_is_sent_elsewhere(
    misdeed: str, sentence: str
) -> None:
    with (
        market(BARS, first(misdeed, 9)) as endpoint,
        pytest.raises(DataError, match=f"it answered {sentence}, expected 200"),
    ):
        source(endpoint).fetch(AFTER, UNTIL)

    assert len(endpoint.asked) == 1


def test_a_dripping_answer_is_cut_off_in_time_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    elapsed = stopwatch()
    with (
        market(BARS, first("drip", 9)) as endpoint,
        pytest.raises(DataError, match=r"no whole answer within 0.2 s, after 2 attempts"),
    ):
        source(endpoint, Patience(timeout=0.2, attempts=2, backoff=0.01)).fetch(AFTER, UNTIL)

    assert 0.4 <= elapsed() < 3
    assert [t.name for t in set(threading.enumerate()) - before if "qtkit" in t.name] == []


def test_all_attempts_together_have_a_limit() -> None:
    elapsed = stopwatch()
    patience = Patience(timeout=0.2, attempts=9, backoff=0.05, together=0.5)
    with (
        market(BARS, first("slow", 99)) as endpoint,
        pytest.raises(DataError, match="did not deliver"),
    ):
        source(endpoint, patience).fetch(AFTER, UNTIL)

    assert len(endpoint.asked) < 4
    assert elapsed() < 2


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/bars"

        with pytest.raises(DataError, match="Connection refused"):
            HttpBars(address, ("A",), patience=QUICK).fetch(AFTER, UNTIL)


def test_an_answer_that_is_too_long_is_refused() -> None:
    with (
        market(BARS) as endpoint,
        pytest.raises(DataError, match=r"longer than 64 bytes \(max_bytes\)"),
    ):
        HttpBars(endpoint.url, ("A",), patience=QUICK, max_bytes=64).fetch(AFTER, UNTIL)

    assert len(endpoint.asked) == 1


def test_bars_that_make_no_sense_are_told_and_the_others_kept() -> None:
    class Odd(Endpoint):
        def answer(self, query: object) -> bytes:
            good = (
                b'{"symbol":"A","end":"2026-03-04T09:31:00+08:00","open":1,"high":2,"low":1,'
                b'"close":null,"volume":5}'
            )
            naive = good.replace(b"+08:00", b"")
            wordy = good.replace(b'"open":1', b'"open":"1"')
            return b'{"bars":[%b,%b,%b,{},7],"more":1}' % (good, naive, wordy)

    with market(BARS) as endpoint:
        endpoint.answer = Odd.answer.__get__(endpoint)  # type: ignore[method-assign]
        found = source(endpoint).fetch(AFTER, UNTIL)

    assert [len(bars) for bars in found.bars] == [1]
    assert np.isnan(found.bars[0].close[0])
    assert found.refused == 4
    for part in ("bar 2 ('A' at '2026-03-04T09:31:00': ", "bar 3 (", "bar 4 (", "and 1 more"):
        assert part in found.problem


GOOD = (
    '{"symbol":"A","end":"2026-03-04T09:32:00+08:00",'
    '"open":1,"high":2,"low":1,"close":2,"volume":5}'
)


def told(*bars: str) -> Fetched:
    """Return what is made of an answer with these bars."""
    with market(BARS) as endpoint:
        endpoint.answer = lambda query: f'{{"bars":[{",".join(bars)}]}}'.encode()  # type: ignore[method-assign]
        return source(endpoint, Patience(timeout=0.5, attempts=1)).fetch(AFTER, UNTIL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("2026", year) for year in ("2999", "1600", "9999", "0001")),
        ("09:32:00", "09:32:30"),
        ('"A"', '""'),
        ('"A"', '"\\ud800"'),
        ('"A"', "null"),
        ('"open":1', '"open":1e999'),
        ('"open":1', '"open":' + "1" * 5_000),
        ('"open":1', '"open":NaN'),
        ('"open":1', '"open":-Infinity'),
        ('"open":1', '"open":"1_0"'),
        ('"open":1', '"open":true'),
        ('"open":1', '"open":1,"open":3'),
        ('"open":1', '"open":[[[1]]]'),
        ('"open":1,', ""),
    ],
)
def test_one_bad_bar_does_not_cost_the_others(old: str, new: str) -> None:
    found = told(GOOD.replace(old, new, 1), GOOD)

    assert [bars.close.tolist() for bars in found.bars] == [[2.0]]
    assert found.refused == 1
    assert "bar 1 (" in found.problem
    assert len(found.problem) < 400


def test_a_bar_that_is_refused_is_told_with_its_symbol_and_time() -> None:
    found = told(GOOD.replace("2026", "2999"))

    assert "'A' at '2999-03-04T09:32:00+08:00'" in found.problem


@contextmanager
def raw(answer: bytes) -> Iterator[str]:
    """Serve the same bytes to whoever connects, for the time of a block."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line, suppress(OSError):
                        line.recv(65_536)
                        line.sendall(answer)

        thread = threading.Thread(target=serve, name="test-raw-market")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/bars"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


HEAD, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff garbage\r\n\r\n",
        b"HTTP/1.1 " + b"2" * 5_000 + b" OK\r\n\r\n",
        b"HTTP/1.1 404 \xff\x1b[31m" + b"x" * 5_000 + b"\r\n\r\n",
        HEAD + b"A: b\r\n" * 500 + b"\r\n",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        HEAD + CHUNKED + b"zz\r\n{}",
        HEAD + CHUNKED + b"-5\r\n{}",
        HEAD + CHUNKED + b"F" * 5_000 + b"\r\n{}",
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b'{"bars":[]}', mtime=0),
        HEAD + b"\r\n\xe4\xf6",
        HEAD + b"\r\n" + '{"bars":[]}'.encode("utf-16"),
        HEAD + b"\r\n" + b"[" * 200_000,
        HEAD + b"\r\n" + b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"bars":[]}',
        HEAD + b'\r\n{"bars":null}',
        HEAD + b'\r\n{"bars":[],"bars":[]}',
        HEAD + b"\r\n[]",
    ],
)
def test_an_answer_that_is_none_is_one_printable_sentence(answer: bytes) -> None:
    with raw(answer) as url, pytest.raises(DataError) as caught:
        HttpBars(url, ("A",), patience=Patience(timeout=1, attempts=1)).fetch(AFTER, UNTIL)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"\r\n<html>Cannot GET /bars?apikey=" + WORD.encode(),
        HEAD + b"\r\nno such key: " + WORD.encode(),
        b"HTTP/1.1 403 " + WORD.encode() + b"\r\n\r\n",
        HEAD + b"Content-Encoding: " + WORD.encode() + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize(("query", "token"), [(f"?apikey={WORD}", ""), ("", WORD)])
def test_no_error_of_a_feed_shows_a_secret(answer: bytes, query: str, token: str) -> None:
    with raw(answer) as url, pytest.raises(DataError) as caught:
        HttpBars(url + query, ("A",), patience=Patience(timeout=1, attempts=1), token=token).fetch(
            AFTER, UNTIL
        )

    assert WORD not in str(caught.value)


def test_a_length_that_a_chunk_claims_does_not_lift_the_limit() -> None:
    """A chunk of -1 bytes once meant: read on, as much as comes."""
    endless = HEAD + CHUNKED + b"-1\r\n" + b" " * 4_000_000

    with raw(endless) as url, pytest.raises(DataError, match="max_bytes"):
        HttpBars(url, ("A",), patience=Patience(timeout=5, attempts=1), max_bytes=100_000).fetch(
            AFTER, UNTIL
        )


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/x",
        "file:///etc/passwd",
        "http:///bars",
        "host/bars",
        "https://me:secret@host/bars",
        "http://host/a b",
        "http://host/\n",
        "http://hóst/",
        "http://host:0/",
        "http://host:99999/",
    ],
)
def test_addresses_that_are_none_are_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(ValueError, match=r"expected|password|ort"):
        checked_address(address)
    with pytest.raises(ValueError, match="url"):
        FeedSettings(kind="http", url=address)


def test_settings_lack_nothing_and_show_no_secret() -> None:
    with pytest.raises(ValueError, match="http needs url"):
        FeedSettings(kind="http")
    with pytest.raises(ValueError, match="csv needs path"):
        FeedSettings(kind="csv")
    settings = FeedSettings(kind="http", url="https://host/bars", token=WORD)  # type: ignore[arg-type]

    assert WORD not in f"{settings!r} {settings.model_dump_json()}"
    assert FeedSettings().is_replay is False
    assert FeedSettings(speed=60).is_replay
