"""Whether a strategy's ``SPEC`` says what it must: it comes from somebody else's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from qtkit.core.errors import ConfigError
from qtkit.core.plain_json import plain_object
from qtkit.core.text import is_writable, shown
from qtkit.model.bar_length import BarLength
from qtkit.model.money import LARGEST_AMOUNT, is_amount
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["demand_spec"]

_LONGEST_NAME = 200  # letters


def demand_spec(spec: StrategySpec) -> None:
    """Make sure that a spec can be traded and written down.

    Raises
    ------
    ConfigError
        With everything that is wrong at once.
    """
    wrong = list(_mistakes(spec))
    if wrong:
        raise ConfigError(
            f"the strategy's SPEC is wrong: {'; '.join(wrong)}. Nothing was started; see "
            "examples/live_grid_multi.py"
        )


def _mistakes(spec: StrategySpec) -> Iterator[str]:
    for name in ("name", "exchange", "table", "currency"):
        text = getattr(spec, name)
        if not _is_name(text) and (name, text) != ("currency", ""):
            yield f"{name} must be a short text, was {shown(text)}"
    if not callable(spec.make):
        yield f"make must be callable, was {shown(spec.make)}"
    yield from _odd_symbols(spec.symbols)
    yield from _odd_series(spec.series)
    step = spec.step_minutes
    if step is not None and (type(step) is not int or step < 0):
        yield f"step_minutes must be a whole number, 0 or more, was {shown(step)}"
    try:
        BarLength.named(spec.bar_length)
    except ConfigError as problem:
        yield f"bar_length: {problem}"
    if not is_amount(spec.opening_cash) or spec.opening_cash < 0:
        yield (
            f"opening_cash must be a Decimal from 0 to {LARGEST_AMOUNT:,}, was "
            f"{shown(spec.opening_cash)}"
        )
    yield from _odd_parameters(spec.parameters)
    yield from _odd_sizes(spec.order_sizes)


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _odd_symbols(symbols: object) -> Iterator[str]:
    if not isinstance(symbols, tuple) or not symbols:
        yield f"symbols must be a tuple of at least one text, was {shown(symbols)}"
        return
    odd = [shown(symbol) for symbol in symbols if not _is_name(symbol)]
    if odd:
        yield f"symbols must be short texts, found {', '.join(odd[:5])}"
    elif len(set(symbols)) < len(symbols):
        yield "symbols names one twice"


def _odd_series(names: object) -> Iterator[str]:
    if not isinstance(names, tuple) or not all(map(_is_name, names)):
        yield f"series must be a tuple of short texts, was {shown(names)}"


def _odd_parameters(parameters: object) -> Iterator[str]:
    try:
        plain_object(parameters, "parameters")
    except ValueError as problem:
        yield str(problem)


def _odd_sizes(sizes: object) -> Iterator[str]:
    if not isinstance(sizes, Mapping):
        yield f"order_sizes must be symbol -> Decimal, was {shown(sizes)}"
        return
    for symbol, size in sizes.items():
        is_size = isinstance(size, Decimal | int) and is_amount(Decimal(size)) and size > 0
        if not isinstance(symbol, str) or not is_writable(symbol) or not is_size:
            yield f"order_sizes has {shown(symbol)}: {shown(size)}; expected shares above 0"
