"""The dated table of instruments: which rules hold for a symbol on a date.

One table is made for a run and handed to all that ask::

    table = instrument_table(own, exchange="")   # own: a Path or text; "": what comes with qtkit
    table.rules("GOOG", day)                     # an Instrument; DataError where it is unknown
    table.all_rules(symbols, day)                # the same of many; names all that are unknown
    table.digest(symbols)                        # sha256 of their dated rules, hex
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec

from qtkit.core.errors import ConfigError, DataError
from qtkit.model.instruments import Instrument

__all__ = ["InstrumentTable", "instrument_table", "price_band"]


class _Since(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}
):
    """What changed on a date; None: stays as it was."""

    start: date
    lot: Decimal | None = None
    tick: Decimal | None = None
    price_limit: Decimal | None = None
    settle_days: int | None = None
    stamp_duty: Decimal | None = None


class _Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of instrument."""

    name: str
    exchange: str
    currency: str
    since: tuple[_Since, ...]
    symbols: tuple[str, ...] = ()
    pattern: str = ""

    def covers(self, symbol: str) -> bool:
        """Whether a symbol is of this kind."""
        return symbol in self.symbols or bool(self.pattern and re.fullmatch(self.pattern, symbol))


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    board: tuple[_Board, ...]


class InstrumentTable:
    """Instruments by symbol and date.

    Parameters
    ----------
    boards
        The entries in the order in which they are asked.
    """

    def __init__(self, boards: Iterable[_Board]) -> None:
        self._boards = tuple(boards)
        self._found: dict[tuple[str, date], Instrument] = {}
        self._covering: dict[str, _Board] = {}
        self._since: dict[tuple[str, date], Instrument] = {}  # by the date of its newest row

    def rules(self, symbol: str, day: date) -> Instrument:
        """Return the rules of a symbol on a date.

        Raises
        ------
        DataError
            If the symbol is unknown, or nobody has looked its rules up for that date.

        Examples
        --------
        >>> str(instrument_table().rules("300750.SZ", date(2026, 3, 4)).price_limit)
        '0.20'
        """
        found = self._found.get((symbol, day))
        if found is None:
            found = self._found[symbol, day] = self._looked_up(symbol, day)
        return found

    def all_rules(self, symbols: Iterable[str], day: date) -> tuple[Instrument, ...]:
        """Return the rules of symbols on a date.

        Raises
        ------
        DataError
            If some are unknown; all of them are named.
        """
        found, unknown = list[Instrument](), list[str]()
        for symbol in symbols:
            try:
                found.append(self.rules(symbol, day))
            except DataError as problem:
                unknown.append(str(problem))
        if unknown:
            raise DataError("; ".join(unknown))
        return tuple(found)

    def digest(self, symbols: Iterable[str]) -> str:
        """Return the sha256 of all dated rules of symbols, hex; unknown ones have none."""
        rows = [
            (symbol, board.name, board.exchange, board.currency, board.since)
            for symbol in sorted(symbols)
            for board in self._boards
            if board.covers(symbol)
        ]
        return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()

    def _looked_up(self, symbol: str, day: date) -> Instrument:
        board = self._covering.get(symbol)
        if board is None:
            board = next((board for board in self._boards if board.covers(symbol)), None)
            if board is None:
                raise DataError(self._unknown(symbol))
            self._covering[symbol] = board
        rows = [row for row in board.since if row.start <= day]
        if not rows:
            raise DataError(
                f"the rules of {symbol} ({board.name}) are known from {board.since[0].start} on, "
                f"not for {day}: choose a later date, or add a row to a table of your own"
            )
        # many dates share one row: the same rules are the same object
        key = symbol, rows[-1].start
        if key not in self._since:
            self._since[key] = _instrument(symbol, board, rows)
        return self._since[key]

    def _unknown(self, symbol: str) -> str:
        listed = sorted({name for board in self._boards for name in board.symbols})
        endings = [f"{symbol[:6]}.{market}" for market in ("SH", "SZ", "BJ")]
        near = [name for name in endings if any(board.covers(name) for board in self._boards)]
        near += get_close_matches(symbol.upper(), listed, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"listed: {', '.join(listed)}"
        return (
            f"no entry of the instrument table covers {symbol!r}; {hint} Chinese shares are "
            "written like 600036.SH or 000651.SZ; others go into a table of your own"
        )


def instrument_table(own: Path | str = "") -> InstrumentTable:
    """Return a table of a user's own above the one that comes with the product.

    Parameters
    ----------
    own
        A TOML file; "": there is none.

    Raises
    ------
    ConfigError
        With all mistakes of the file at once.
    """
    boards = _boards_of(Path(own).read_bytes, str(own)) if own else ()
    return InstrumentTable((*boards, *_packaged()))


def price_band(instrument: Instrument, last_close: Decimal) -> tuple[Decimal, Decimal] | None:
    """Return the lowest and the highest price that the exchange takes on a day.

    Parameters
    ----------
    instrument
        Its limit and tick are what counts.
    last_close
        Close of the session before, currency per share, > 0.

    Returns
    -------
    tuple of Decimal or None
        (lowest, highest), currency per share, both allowed; None: there is no band.

    Notes
    -----
    ``last_close * (1 -+ limit)``, each rounded half-up to the tick; at least one tick away from
    the last close, and never below one tick. Source: trading rules of the Shanghai exchange.

    Examples
    --------
    >>> gree = instrument_table().rules("000651.SZ", date(2026, 3, 4))
    >>> price_band(gree, Decimal("37.35"))
    (Decimal('33.62'), Decimal('41.09'))
    """
    if last_close <= 0:
        raise ValueError(f"a last close is positive, was {last_close}")
    limit, tick = instrument.price_limit, instrument.tick
    if limit is None:
        return None
    low = min(_on_grid(last_close * (1 - limit), tick), last_close - tick)
    high = max(_on_grid(last_close * (1 + limit), tick), last_close + tick)
    return max(low, tick), high


def _on_grid(price: Decimal, tick: Decimal) -> Decimal:
    return ((price / tick).to_integral_value(rounding=ROUND_HALF_UP) * tick).quantize(tick)


@lru_cache(maxsize=1)
def _packaged() -> tuple[_Board, ...]:
    source = files("qtkit.market") / "instruments.toml"
    return _boards_of(source.read_bytes, "instruments.toml")


def _boards_of(read: Callable[[], bytes], where: str) -> tuple[_Board, ...]:
    try:
        boards = msgspec.toml.decode(read(), type=_File).board
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as problem:
        raise ConfigError(
            f"the instrument table {where} cannot be read: {problem}; see the comments at the top "
            "of the table that comes with qtkit"
        ) from problem
    mistakes = [mistake for board in boards for mistake in _mistakes(board)]
    if mistakes:
        raise ConfigError(f"the instrument table {where} is wrong: {'; '.join(mistakes)}")
    return boards


def _mistakes(board: _Board) -> Iterator[str]:
    if not (board.symbols or board.pattern):
        yield f"{board.name}: needs symbols or a pattern"
    try:
        re.compile(board.pattern)
    except re.error as problem:
        yield f"{board.name}: pattern {board.pattern!r} is no regular expression ({problem})"
    starts = [row.start for row in board.since]
    if not starts or starts != sorted(set(starts)):
        yield f"{board.name}: needs [[board.since]] entries in order of date, each date once"
        return
    first = board.since[0]
    missing = [
        name
        for name in ("lot", "tick", "settle_days", "stamp_duty")
        if getattr(first, name) is None
    ]
    if missing:
        yield f"{board.name}: its first entry lacks {', '.join(missing)}"
    yield from _odd_numbers(board)


def _odd_numbers(board: _Board) -> Iterator[str]:
    for row in board.since:
        for name in ("lot", "tick", "price_limit"):
            value = getattr(row, name)
            if value is not None and not (value.is_finite() and value > 0):
                yield f"{board.name}: {name} must be positive, was {value}"
        if row.price_limit is not None and row.price_limit.is_finite() and row.price_limit >= 1:
            yield f"{board.name}: price_limit is a share such as 0.10, was {row.price_limit}"
        duty = row.stamp_duty
        if duty is not None and not (duty.is_finite() and 0 <= duty < 1):
            yield f"{board.name}: stamp_duty is a share such as 0.0005, was {duty}"
        if row.settle_days is not None and row.settle_days < 0:
            yield f"{board.name}: settle_days cannot be negative, was {row.settle_days}"


def _instrument(symbol: str, board: _Board, rows: Iterable[_Since]) -> Instrument:
    merged = {
        name: value
        for row in rows
        for name, value in msgspec.structs.asdict(row).items()
        if value is not None
    }
    del merged["start"]
    return Instrument(
        symbol=symbol,
        exchange=board.exchange,
        board=board.name,
        currency=board.currency,
        **{"price_limit": None, **merged},
    )
