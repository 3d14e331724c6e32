"""What an operator books without an order: bounds, both books, a power cut in between, undo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from qtkit.model import events as ev
from qtkit.testing import at, intent
from qtkit.trading.brokers.sim.faults import Disconnect
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of


def _clean(bench: Bench) -> list[bool]:
    """Return of each reconciliation whether both books agreed."""
    return [all(v.allows for v in r.verdicts) for r in bench.of(ev.AccountReconciled)]


def _adjust(when: str = "09:40", **what: Any) -> Any:  # noqa: ANN401
    return command(when, "adjust", why="a test", **what)


@pytest.mark.parametrize(
    "what",
    [
        {"symbol": BANK, "quantity": "30"},
        {"symbol": STEEL, "quantity": "30", "cash": "-12.50"},
        {"cash": "1000000"},
        {"cash": "-999999.99"},
        {"symbol": BANK, "quantity": "-300", "cash": "5"},
        {"symbol": BANK, "cash": "12.34"},
    ],
    ids=str,
)
def test_both_books_agree_after_an_adjustment(what: dict[str, str]) -> None:
    bench = day_of(
        shares={BANK: 300}, commands=[_adjust(**what), command("09:41", "reconcile")]
    ).run("09:42")

    assert len(bench.of(ev.PositionAdjusted)) == 1
    assert _clean(bench) == [True, True]  # on demand, and at the stop


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"cash": "1E+999999"}, "cash"),
        ({"cash": "1E+16"}, "cash"),
        ({"cash": "-1E+999999"}, "cash"),
        ({"cash": "1E-999999"}, "cash"),
        ({"cash": "0.001"}, "multiple of 0.01"),
        ({"cash": "NaN"}, "cash"),
        ({"cash": "9" * 5_000}, "cash"),
        ({"cash": "-1000000.01"}, "free"),
        ({"symbol": BANK, "quantity": "1E+999999"}, "quantity"),
        ({"symbol": BANK, "quantity": "0.5"}, "multiple of 1"),
        ({"symbol": BANK, "quantity": "-301"}, "held"),
        ({"symbol": STEEL, "quantity": "-1"}, "held"),
        ({"symbol": "NOBODY", "quantity": "5"}, "NOBODY"),
        ({"symbol": "NOBODY", "cash": "5"}, "NOBODY"),
        ({"symbol": "SPY", "quantity": "5"}, "USD"),
        ({"quantity": "5"}, "symbol"),
        ({"symbol": BANK}, "shares or cash"),
        ({}, "shares or cash"),
        ({"cash": "5", "sybmol": BANK}, "sybmol"),
        ({"undo": "7"}, "undo"),
        ({"undo": "many"}, "undo"),
        ({"undo": "-1"}, "undo"),
        ({"undo": "1" * 5_000}, "undo"),
        ({"undo": "7", "cash": "5"}, "cash"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_no_book_takes_is_refused_and_nothing_is_booked(
    what: dict[str, str], word: str
) -> None:
    bench = day_of(shares={BANK: 300}, commands=[_adjust(**what)]).run("09:42")

    (refused,) = bench.of(ev.CommandRefused)
    assert word in refused.reason
    assert len(refused.reason) < 1_000
    assert not bench.of(ev.PositionAdjusted)
    assert _clean(bench) == [True]


def test_shares_that_an_open_sell_was_promised_cannot_be_taken_away() -> None:
    bench = day_of(
        shares={BANK: 300},
        script={"09:35": [intent(BANK, -200, "10.90")]},
        commands=[_adjust(symbol=BANK, quantity="-101"), _adjust(symbol=BANK, quantity="-100")],
    ).run("09:42")
    assert [p.quantity for p in bench.of(ev.PositionAdjusted)] == [Decimal(-100)]
    assert _clean(bench) == [True]


def test_an_adjustment_is_undone_by_its_line_and_only_once() -> None:
    first = day_of(commands=[_adjust(symbol=BANK, quantity="30", cash="-12.50")]).live("09:41")
    line = first.line(ev.PositionAdjusted)
    bench = day_of(
        commands=[
            _adjust(symbol=BANK, quantity="30", cash="-12.50"),
            _adjust("09:41", undo=str(line)),
            _adjust("09:42", undo=str(line)),
        ]
    ).run("09:43")

    there, back = bench.of(ev.PositionAdjusted)
    assert (back.quantity, back.cash, back.undoes) == (-there.quantity, -there.cash, line)
    assert len(bench.of(ev.CommandRefused)) == 1
    closing = bench.of(ev.SessionEnded)[0].closing
    assert (closing.cash, closing.positions) == (Decimal(1_000_000), ())
    assert _clean(bench) == [True]


def test_a_power_cut_between_the_journal_and_the_brokers_book_heals_at_the_return() -> None:
    """The journal ends with the adjustment, and the broker's book knows nothing of it."""
    before = day_of(commands=[_adjust(symbol=BANK, quantity="30", cash="-12.50")]).live("09:39")
    whole = day_of(commands=[_adjust(symbol=BANK, quantity="30", cash="-12.50")]).live("09:41")
    whole.book = before.book

    back = whole.again("09:42", keep=whole.line(ev.PositionAdjusted)).run("09:45")

    assert len(back.of(ev.PositionAdjusted)) == 1
    assert _clean(back) == [True]


def test_a_power_cut_behind_the_brokers_book_books_nothing_twice() -> None:
    whole = day_of(commands=[_adjust(symbol=BANK, quantity="30", cash="-12.50")]).live("09:41")

    back = whole.again("09:42", keep=whole.line(ev.PositionAdjusted)).run("09:45")
    twice = whole.again("09:46").run("09:47")

    assert _clean(back) == [True]
    assert _clean(twice) == [True]


def test_a_broker_that_is_away_books_it_when_it_is_back() -> None:
    lost = Disconnect(start=at("09:39:30"), until=at("09:42"))
    bench = day_of(
        commands=[_adjust(cash="5"), command("09:50", "reconcile")], broker_faults=[lost]
    ).run("09:51")
    assert _clean(bench) == [True, True]


def test_a_broker_that_books_no_adjustments_is_left_alone() -> None:
    from tests.trading.engine.broker_behind import Behind

    bench = day_of(commands=[_adjust(cash="5")], wrap_broker=Behind).run("09:42")
    assert len(bench.of(ev.PositionAdjusted)) == 1
    assert bench.broker.account().cash == Decimal(1_000_000)
