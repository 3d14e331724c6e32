"""A market on loopback for sessions in real time; it can be made to misbehave."""

from __future__ import annotations

import hashlib
import json
import math
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import parse_qs, urlsplit

import numpy as np

from qtkit.core.calendars import exchange_calendar
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model.bars import Bars, nanos, time_of

Misdeed = Callable[[int], str]
"""Number of the request, from 1 -> "", "drop", "slow", "garbage", "cut", "busy" or "html"."""
SLOW = 0.4  # seconds


def well_behaved(_: int) -> str:
    return ""


def seeded(seed: int) -> Misdeed:
    """About a third of the requests go wrong, never three in a row."""

    def chosen(number: int) -> str:
        digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
        if number % 3 == 0 or digest[0] % 2:
            return ""
        return ("drop", "slow", "garbage", "cut", "busy", "html")[digest[1] % 6]

    return chosen


def days_of(symbols: tuple[str, ...], days: tuple[date, ...], seed: int) -> dict[str, list[Bars]]:
    calendar = exchange_calendar("XSHG")
    return {s: [synthetic_bars(s, day, calendar, seed=seed) for day in days] for s in symbols}


class Endpoint:
    """What the server answers from, and what it was asked."""

    def __init__(self, bars: Mapping[str, list[Bars]], misdeed: Misdeed) -> None:
        self.bars, self.misdeed = bars, misdeed
        self.asked = list[dict[str, str]]()
        self.done = list[str]()
        self.headers = list[dict[str, str]]()
        self.lock, self.closing = Lock(), Event()
        self.url = ""

    def answer(self, query: Mapping[str, str]) -> bytes:
        after, until = (nanos(datetime.fromisoformat(query[key])) for key in ("after", "until"))
        rows = [
            row
            for symbol in query["symbols"].split(",")
            for part in self.bars.get(symbol, [])
            for row in _rows(part, after, until)
        ]
        return json.dumps({"bars": rows}).encode()


def _rows(bars: Bars, after: int, until: int) -> Iterator[dict[str, object]]:
    for i in np.flatnonzero((bars.end > after) & (bars.end <= until)):
        numbers = {
            name: None if math.isnan(value := float(getattr(bars, name)[i])) else value
            for name in ("open", "high", "low", "close", "volume")
        }
        end = time_of(int(bars.end[i])).isoformat()
        yield {"symbol": bars.symbol, "end": end, **numbers}


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint

    def do_GET(self) -> None:
        found, here = parse_qs(urlsplit(self.path).query), self.endpoint
        query = {name: values[0] for name, values in found.items()}
        with here.lock:
            here.asked.append(query)
            here.headers.append(dict(self.headers))
            misdeed = here.misdeed(len(here.asked))
            here.done.append(misdeed)
        if misdeed == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if misdeed == "slow":
            here.closing.wait(SLOW)
        if misdeed in {"busy", "moved", "wrong"}:
            self.send_error({"busy": 503, "moved": 302, "wrong": 404}[misdeed])
            return
        body = here.answer(query)
        body = {"garbage": b'{"bars": [{]]', "html": b"<html>Welcome!</html>"}.get(misdeed, body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if misdeed == "drip":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if here.closing.wait(0.05):
                    return
        self.wfile.write(body[: len(body) // 2] if misdeed == "cut" else body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error here."""


@contextmanager
def market(bars: Mapping[str, list[Bars]], misdeed: Misdeed = well_behaved) -> Iterator[Endpoint]:
    """Serve bars at `url` for the time of a block."""
    endpoint = Endpoint(bars, misdeed)
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    with _Server(("127.0.0.1", 0), handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/bars"
        thread = Thread(target=server.serve_forever, args=(0.05,), name="test-market")
        thread.start()
        try:
            yield endpoint
        finally:
            endpoint.closing.set()
            server.shutdown()
            thread.join()
