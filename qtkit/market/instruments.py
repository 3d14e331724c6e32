"""The dated table of instruments: which rules hold for a symbol on a date.

One table is made for a run and handed to all that ask::

    table = instrument_table(own, exchange="")   # own: a Path or text; "": what comes with qtkit
    table.rules("GOOG", day)                     # an Instrument; DataError where it is unknown
    table.all_rules(symbols, day)                # the same of many; names all that are unknown
    table.digest(symbols)                        # sha256 of their dated rules, hex
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.errors import DataError
from qtkit.market.instrument_file import (
    ALWAYS,
    Family,
    InstrumentFile,
    demand_defaults,
    merged_rules,
    read_instruments,
)
from qtkit.model.fees import Fees
from qtkit.model.instruments import Instrument

__all__ = ["FILE_NAME", "InstrumentTable", "instrument_table", "price_band"]

FILE_NAME = "instruments.toml"
_ONE = Decimal(1)


class InstrumentTable:
    """Instruments by symbol and date.

    Parameters
    ----------
    known
        All that is known, what decides first at the beginning.
    exchange
        Whose defaults hold for symbols that nobody lists; "": these are unknown.
    commission
        (rate, minimum) in place of what fee plans say of commissions; None: as the plan says.
    """

    def __init__(
        self,
        known: InstrumentFile,
        *,
        exchange: str = "",
        commission: tuple[Decimal | None, Decimal | None] = (None, None),
    ) -> None:
        self._known, self._commission = known, commission
        others = Family(name=f"any of {exchange}", exchange=exchange, since=((ALWAYS, {}),))
        self._others = others if exchange else None
        self._found: dict[tuple[str, date], Instrument] = {}
        self._covering: dict[str, Family] = {}
        self._periods: dict[tuple[str, str, tuple[date, ...], Fees], Instrument] = {}

    @property
    def known(self) -> InstrumentFile:
        """Families, exchanges and fee plans."""
        return self._known

    def with_commission(self, rate: Decimal | None, minimum: Decimal | None) -> InstrumentTable:
        """Return the table with a broker's own tariff in place of the plans' commissions."""
        if rate is None and minimum is None:
            return self
        exchange = self._others.exchange if self._others else ""
        return InstrumentTable(self._known, exchange=exchange, commission=(rate, minimum))

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

    def all_rules(
        self, symbols: Iterable[str], day: date, exchange: str = ""
    ) -> tuple[Instrument, ...]:
        """Return the rules of symbols on a date.

        Parameters
        ----------
        exchange
            Where unknown ones are thought to trade, for the lines that would make them known.

        Raises
        ------
        DataError
            If some are unknown; all of them are named.
        """
        listed = tuple(symbols)
        self.demand_known(listed, exchange)
        return tuple(self.rules(symbol, day) for symbol in listed)

    def demand_known(self, symbols: Iterable[str], exchange: str = "") -> None:
        """Make sure that symbols are known; see `all_rules`."""
        if unknown := [symbol for symbol in symbols if self.family(symbol) is None]:
            raise DataError(self._unknown(unknown, exchange))

    def currency(self, symbol: str) -> str:
        """Return what a symbol trades in; "" where it is unknown."""
        family = self.family(symbol)
        if family is None:
            return ""
        return str(merged_rules(family, date.max, self._known.exchanges).get("currency", ""))

    def exchange(self, symbol: str) -> str:
        """Return the exchange that a symbol trades at; "" where it is unknown."""
        family = self.family(symbol)
        return "" if family is None else family.exchange

    def family(self, symbol: str) -> Family | None:
        """Return the entry that decides about a symbol; None where it is unknown."""
        found = self._covering.get(symbol)
        if found is None:
            families = self._known.families
            found = next((one for one in families if one.covers(symbol)), self._others)
            if found is not None:
                self._covering[symbol] = found
        return found

    def digest(self, symbols: Iterable[str]) -> str:
        """Return the sha256 of all dated rules of symbols, hex; unknown ones have none."""
        rows = [
            (symbol, family.exchange, list(self._history(family)))
            for symbol in sorted(symbols)
            if (family := self.family(symbol)) is not None
        ]
        return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()

    def _history(self, family: Family) -> Iterator[tuple[date, dict[str, Any], Any]]:
        """Yield each date with which rules changed, the rules, and the fee plan."""
        for start, _ in family.since:
            rules = merged_rules(family, start, self._known.exchanges)
            yield start, dict(sorted(rules.items())), self._known.plans.get(rules.get("fees", ""))

    def _looked_up(self, symbol: str, day: date) -> Instrument:
        family = self.family(symbol)
        if family is None:
            raise DataError(self._unknown([symbol], ""))
        starts = tuple(start for start, _ in family.since if start <= day)
        if not starts:
            raise DataError(
                f"the rules of {symbol} ({family.name}) are known from {family.since[0][0]} on, "
                f"not for {day}: choose a later date, or add a row to a table of your own"
            )
        rules = merged_rules(family, day, self._known.exchanges)
        plan = self._known.plans[rules.pop("fees")].with_commission(*self._commission)
        fees = plan.on(day)
        # many dates share one row: the same rules are the same object
        key = symbol, family.name, starts, fees
        if key not in self._periods:
            self._periods[key] = _instrument(symbol, family, rules, fees)
        return self._periods[key]

    def _unknown(self, symbols: list[str], exchange: str) -> str:
        code = exchange or "XNYS"
        lines = "".join(f'\n  "{symbol}" = "{code}"' for symbol in symbols)
        near = "; ".join(hint for symbol in symbols if (hint := self._hint(symbol)))
        return (
            f"no entry of the instrument table covers {', '.join(map(repr, symbols))}"
            f"{f' ({near})' if near else ''}. Add to {FILE_NAME} beside the configuration, or to "
            f"the file that --instruments names, with the exchange of each:\n  [symbols]{lines}"
        )

    def _hint(self, symbol: str) -> str:
        families = self._known.families
        listed = sorted({name for one in families for name in one.symbols})
        endings = [f"{symbol[:6]}.{market}" for market in ("SH", "SZ", "BJ")]
        near = [name for name in endings if any(one.covers(name) for one in families)]
        near += get_close_matches(symbol.upper(), listed, n=2)
        return f"did you mean {' or '.join(near)}?" if near else ""


def instrument_table(own: Path | str = "", *, exchange: str = "") -> InstrumentTable:
    """Return a table of a user's own above the one that comes with the product.

    Parameters
    ----------
    own
        A TOML file; "": there is none.
    exchange
        Whose defaults hold for symbols that nobody lists; "": these are unknown.

    Raises
    ------
    ConfigError
        With all mistakes of the file at once; or if the exchange is unknown, or has no defaults.
    """
    known = read_instruments(Path(own), _packaged()) if own else _packaged()
    if exchange:
        demand_defaults(exchange, known)
    return InstrumentTable(known, exchange=exchange)


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
    ``last_close -+ widest move``, each rounded half-up to the tick; at least one tick away from
    the last close, and never below one tick. Source: trading rules of the Shanghai exchange.

    Examples
    --------
    >>> gree = instrument_table().rules("000651.SZ", date(2026, 3, 4))
    >>> price_band(gree, Decimal("37.35"))
    (Decimal('33.62'), Decimal('41.09'))
    """
    if last_close <= 0:
        raise ValueError(f"a last close is positive, was {last_close}")
    move = instrument.widest_move(last_close)
    if move is None:
        return None
    low, high = last_close - move, last_close + move
    below, above = instrument.tick_at(low), instrument.tick_at(high)
    lowest = min(_on_grid(low, below), last_close - below)
    return max(lowest, instrument.tick), max(_on_grid(high, above), last_close + above)


def _on_grid(price: Decimal, tick: Decimal) -> Decimal:
    return ((price / tick).to_integral_value(rounding=ROUND_HALF_UP) * tick).quantize(tick)


@lru_cache(maxsize=1)
def _packaged() -> InstrumentFile:
    """Return what comes with the product."""
    folder = files("qtkit.market")
    with as_file(folder / "fees.toml") as fees, as_file(folder / FILE_NAME) as instruments:
        return read_instruments(instruments, read_instruments(fees))


def _instrument(symbol: str, family: Family, rules: dict[str, Any], fees: Fees) -> Instrument:
    for name, by_price in (("tick", "ticks"), ("price_limit", "price_limits")):
        if isinstance(rules.get(name), tuple):
            rules[by_price] = rules.pop(name)
    if "ticks" in rules:
        rules["tick"] = min(tick for _, tick in rules["ticks"])
    rules.setdefault("step", min(rules["lot"], _ONE))
    return Instrument(
        symbol=symbol, exchange=family.exchange, family=family.name, fees=fees, **rules
    )
