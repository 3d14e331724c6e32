"""Bars from an HTTP endpoint: ``GET URL?symbols=A,B&after=TIME&until=TIME``.

The answer is JSON: ``{"bars": [{"symbol": "600036.SH", "end": "2026-03-04T09:31:00+08:00", "open":
37.5, "high": 37.6, "low": 37.5, "close": 37.52, "volume": 81200}]}``, the bars with
``after < end <= until`` (more are allowed). A price that is null is NaN. A bar that makes no sense
costs none of the others.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Timer
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from qtkit.core.clock import stopwatch
from qtkit.core.config.secret import MASK, masked, secrets_in
from qtkit.core.errors import DataError
from qtkit.market.bar_order import take
from qtkit.market.feeds.polled import BarRow, Fetched, columns_of
from qtkit.market.number_text import first_mistakes, shortened
from qtkit.market.tables.timestamps import bar_end
from qtkit.model.bars import time_of

if TYPE_CHECKING:
    import socket
    from http.client import HTTPConnection, HTTPResponse

__all__ = ["HttpBars", "Patience", "checked_address"]

_SCHEMES = ("http", "https")
_OK, _TOO_MANY, _SERVER = 200, 429, 500
_PIECE = 65_536  # bytes
_LONGEST = 300  # letters of a sentence: the other side's own words may be in it


def checked_address(text: str) -> str:
    """Return an address that can be asked for bars.

    Raises
    ------
    ValueError
        If it is not http or https, has no host, or carries a password.
    """
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError("expected http://HOST/PATH or https://HOST/PATH")
    if parts.username or parts.password:
        raise ValueError("an address carries no user or password: use the key token")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("expected plain letters without spaces; quote others as %XX")
    if parts.port == 0:  # a port that is none raises ValueError by itself
        raise ValueError("expected a port from 1 to 65535")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one poll tries; seconds of real time."""

    timeout: float = 2.0  # one attempt, from connecting to the last byte
    attempts: int = 3
    backoff: float = 0.2  # before the second attempt; then doubled
    together: float = 8.0  # all attempts


class _Bar(msgspec.Struct):
    symbol: str
    end: Annotated[datetime, msgspec.Meta(tz=True)]
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None


class _Answer(msgspec.Struct):
    bars: list[Any]


@dataclass(frozen=True, slots=True)
class _NotJson:
    """Part of an answer that is no JSON value: NaN, Infinity, or an object with a name twice."""

    text: str


class _Passing(Exception):
    """An attempt failed in a way that may pass."""


class HttpBars:
    """An endpoint that is asked for bars; it is tried again where that may help.

    Parameters
    ----------
    url
        Its address; a query in it is kept.
    symbols
        What to ask for.
    patience
        How long and how often to try.
    max_bytes
        Longest answer that is read.
    token
        Sent as a bearer token; "" sends none.
    """

    def __init__(
        self,
        url: str,
        symbols: Sequence[str],
        *,
        patience: Patience | None = None,
        max_bytes: int = 16 * 1024 * 1024,
        token: str = "",
    ) -> None:
        self._parts = urlsplit(checked_address(url))
        self._symbols, self._max_bytes = ",".join(symbols), max_bytes
        self._patience = patience or Patience()
        self._headers = {"Accept": "application/json", "Connection": "close"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._secrets = [text for text in (token, *secrets_in(url)) if text]
        self._place = f"{self._parts.scheme}://{self._parts.netloc}{self._parts.path}"

    def fetch(self, after: int, until: int) -> Fetched:
        """Ask, and ask again while that may help.

        A bar that has not ended is left out: it is asked for again when it has its final form.

        Raises
        ------
        DataError
            If no attempt brought an answer that makes sense; it tells the last one's trouble.
        """
        target = self._target(after, until)
        patience, elapsed, attempt = self._patience, stopwatch(), 0
        while True:
            attempt += 1
            try:
                left = patience.together - elapsed()
                found = _bars_of(self._body(target, min(patience.timeout, max(left, 0.01))))
                ended = [take(bars, bars.end <= until) for bars in found.bars]
                return Fetched(ended, found.problem, found.refused)
            except _Passing as trouble:
                shown = self._shown(str(trouble))
                pause = patience.backoff * 2 ** (attempt - 1)
                if attempt >= patience.attempts or elapsed() + pause >= patience.together:
                    raise self._failed(f"{shown}, after {attempt} attempts") from None
            Event().wait(pause)

    def _target(self, after: int, until: int) -> str:
        asked = {
            "symbols": self._symbols,
            "after": time_of(after).isoformat(),
            "until": time_of(until).isoformat(),
        }
        query = "&".join(part for part in (self._parts.query, urlencode(asked)) if part)
        return f"{self._parts.path or '/'}?{query}"

    def _failed(self, why: str) -> DataError:
        return DataError(f"the feed at {self._place} did not deliver: {why}")

    def _shown(self, text: str) -> str:
        """Return what the other side said, without the secrets that it was sent."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _one_line(masked(text))

    def _body(self, target: str, seconds: float) -> bytes:
        """Return the answer's body; whatever happens, not later than `seconds` from now."""
        from http.client import HTTPException

        connection = self._connection(seconds)
        elapsed = stopwatch()
        try:
            connection.connect()
            line: socket.socket = connection.sock
            guard = Timer(max(seconds - elapsed(), 0.0), _hang_up, (line,))
            guard.name, guard.daemon = "qtkit-http-deadline", True
            guard.start()
            try:
                return self._asked(connection, target)
            finally:
                guard.cancel()
                guard.join()
        except (OSError, HTTPException, ValueError, _Passing) as problem:
            if elapsed() >= seconds:
                raise _Passing(f"no whole answer within {seconds:.3g} s") from None
            if isinstance(problem, _Passing):
                raise
            text = f"{type(problem).__name__}: {problem}".rstrip(": ")
            raise _Passing(text) from None
        finally:
            connection.close()

    def _connection(self, seconds: float) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=seconds)

    def _asked(self, connection: HTTPConnection, target: str) -> bytes:
        connection.request("GET", target, headers=self._headers)
        with connection.getresponse() as response:
            return self._read(response)

    def _read(self, response: HTTPResponse) -> bytes:
        code = response.status
        if code == _TOO_MANY or code >= _SERVER:
            raise _Passing(f"it answered {code} {response.reason}")
        if code != _OK:
            reason = self._shown(response.reason)
            raise self._failed(f"it answered {code} {reason}, expected 200; check the address")
        packing = response.headers.get("Content-Encoding", "identity").lower()
        if packing != "identity":
            raise self._failed(
                f"its answer is packed ({self._shown(packing)}), and nobody asked for that"
            )
        body = self._whole(response)
        # The line was cut before the promised end.
        if response.length:
            raise _Passing(f"its answer ended {response.length} bytes early")
        return body

    def _whole(self, response: HTTPResponse) -> bytes:
        """Return the body, read in pieces: a length that the server claims is not believed."""
        body = bytearray()
        while piece := response.read1(_PIECE):
            body += piece
            if len(body) > self._max_bytes:
                raise self._failed(f"its answer is longer than {self._max_bytes} bytes (max_bytes)")
        return bytes(body)


def _one_line(text: str) -> str:
    """Return what the other side said as part of a sentence."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _hang_up(line: socket.socket) -> None:
    """Cut the line, so that whoever reads from it stops waiting."""
    import socket

    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


def _bars_of(body: bytes) -> Fetched:
    """Return the bars of an answer, and what is wrong with those that make no sense."""
    rows, wrong = list[BarRow](), list[str]()
    for number, raw in enumerate(_listed(body), 1):
        try:
            rows.append(_row(msgspec.convert(raw, type=_Bar)))
        except ValueError as mistake:
            wrong.append(f"bar {number} ({_whose(raw)}{mistake})")
    problem = f"of the answer, {first_mistakes(wrong)} were left out" if wrong else ""
    return Fetched(columns_of(rows), problem, len(wrong))


def _listed(body: bytes) -> list[Any]:
    """Return what the answer lists as bars, whatever that is."""
    try:
        return _parsed(body.decode("utf-8-sig")).bars
    except RecursionError:
        problem = "its brackets are nested too deep"
    except ValueError as mistake:
        problem = str(mistake)
    start = body[:60].decode("utf-8", errors="replace")
    raise _Passing(f'its answer is not {{"bars": [...]}} ({problem}); it begins with {start!r}')


def _parsed(text: str) -> _Answer:
    # A float of any length is read at once; an int of 5,000 digits raises.
    found = json.loads(text, object_pairs_hook=_object, parse_constant=_NotJson, parse_int=float)
    return msgspec.convert(found, type=_Answer)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _NotJson:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    return _NotJson(f"{', '.join(twice)} given twice")


def _whose(raw: object) -> str:
    """Return symbol and time of a bar that makes no sense, as far as it has them."""
    if isinstance(raw, _NotJson):
        return f"{shortened(raw.text, str)}: "
    if not isinstance(raw, dict):
        return ""
    return f"{shortened(raw.get('symbol'))} at {shortened(raw.get('end'))}: "


def _row(bar: _Bar) -> BarRow:
    if not bar.symbol or not bar.symbol.isprintable():
        raise ValueError("it has no symbol")
    prices = [
        math.nan if price is None else price
        for price in (bar.open, bar.high, bar.low, bar.close, bar.volume)
    ]
    if any(map(math.isinf, prices)):
        raise ValueError("a number is too large")
    return BarRow(bar.symbol, bar_end(bar.end), *prices)
