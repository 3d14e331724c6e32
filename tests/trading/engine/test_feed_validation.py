"""What feeds, refills, brokers and operators hand over wrongly costs a task, never the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from qtkit.core.errors import DataError
from qtkit.market.feeds.protocol import Feed
from qtkit.market.feeds.validation import delivered
from qtkit.model import events as ev
from qtkit.model.bars import Bars
from qtkit.testing import intent
from qtkit.trading.engine.refill_validation import refilled
from tests.trading.engine.broker_behind import Behind
from tests.trading.engine.engine_bench import BANK, STEEL, Bench, command, day_of

ONE = np.array([1.0])
BAR = Bars(symbol=BANK, end=np.array([60]), open=ONE, high=ONE, low=ONE, close=ONE, volume=ONE)
ONES = np.array([1.0, 1.0])
TWO = Bars(
    symbol=BANK, end=np.array([60, 120]), open=ONES, high=ONES, low=ONES, close=ONES, volume=ONES
)
ODD_BATCHES: dict[str, object] = {
    "nothing": None,
    "a list": [BAR],
    "a text": "bars",
    "no bars": {BANK: None},
    "rows": {BANK: [(60, 1.0)]},
    "another's": {STEEL: BAR},
    "no name": {1: BAR},
    "a list of times": {BANK: replace(BAR, end=[60])},  # type: ignore[arg-type]
    "times of floats": {BANK: replace(BAR, end=np.array([60.0]))},
    "texts": {BANK: replace(BAR, close=np.array(["1.0"]))},
    "objects": {BANK: replace(BAR, close=np.array([Decimal(1)]))},
    "a matrix": {BANK: replace(BAR, close=np.array([[1.0]]))},
    "a number": {BANK: replace(BAR, close=np.float64(1.0))},  # type: ignore[arg-type]
    "lengths": {BANK: replace(BAR, close=np.array([1.0, 2.0]))},
}


@pytest.mark.parametrize("name", ODD_BATCHES)
def test_a_batch_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="bars_until"):
        delivered(ODD_BATCHES[name])


def test_a_sound_batch_is_taken_over() -> None:
    assert delivered({BANK: TWO}) == {BANK: TWO}
    assert delivered({}) == {}


@pytest.mark.parametrize("name", ["nothing", "texts", "another's"])
def test_a_feed_that_returns_nonsense_costs_its_poll_and_the_engine_lives_on(name: str) -> None:
    class Nonsense:
        def bars_until(self, now: datetime) -> Any:  # noqa: ANN401
            return ODD_BATCHES[name]

    bench = day_of(wrap_feed=lambda _: Nonsense()).run("09:36")

    assert bench.of(ev.FeedFailed)
    assert not bench.of(ev.InternalErrorRaised)
    assert bench.entries[-1].event.reason == "end_of_data"


def test_a_feed_that_exits_costs_its_poll() -> None:
    class Leaving:
        def bars_until(self, now: datetime) -> Any:  # noqa: ANN401
            raise SystemExit(0)

    feed: Callable[[Feed], Feed] = lambda _: Leaving()  # noqa: E731
    bench = day_of(wrap_feed=feed).run("09:33")
    assert "SystemExit" in bench.of(ev.FeedFailed)[0].error


@pytest.mark.parametrize(
    "answer",
    [None, 7, ev.TablesRefilled(tables=("a",), bars="many"), ev.TablesRefilled(tables=7, bars=1)],  # type: ignore[arg-type]
    ids=str,
)
def test_a_refill_that_returns_nonsense_fails_its_task(answer: object) -> None:
    with pytest.raises(DataError, match="refill"):
        refilled(answer)
    bench = day_of(refill=lambda _: answer, settings={"refill": True}).run("15:40")
    assert [f.task for f in bench.of(ev.TaskFailed)] == ["refill", "refill"]


# --- the broker ------------------------------------------------------------------------------


def _behind(**answers: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return what wraps a broker so that some calls answer something else."""
    methods = {
        name: (lambda self, *words, _n=name, _c=change: _c(getattr(self.broker, _n)(*words)))
        for name, change in answers.items()
    }
    return type("Odd", (Behind,), methods)


def test_a_fill_that_cannot_be_read_is_told_once_and_reconciliation_shows_it() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        wrap_broker=_behind(poll_fills=lambda news: ["garbage", *news, "garbage"]),
        commands=[command("09:38", "reconcile")],
    ).run("09:40")
    assert [p.where for p in bench.of(ev.InternalErrorRaised)] == ["poll_fills"]
    assert len(bench.of(ev.OrderFilled)) == 1


def test_an_acknowledgement_that_is_none_leaves_the_order_in_doubt_and_asks() -> None:
    bench = day_of(
        script={"09:35": [intent(BANK, 100)]}, wrap_broker=_behind(submit=lambda _: None)
    ).run("09:40")
    assert len(bench.of(ev.OrderDoubted)) == 1
    assert len(bench.of(ev.OrderFilled)) == 1  # found at the broker, and never sent again


def test_an_account_that_is_none_fails_the_reconciliation() -> None:
    bench = day_of(
        wrap_broker=_behind(account=lambda _: None), commands=[command("09:38", "reconcile")]
    ).run("09:40")
    (verdict,) = bench.of(ev.AccountReconciled)[0].verdicts
    assert not verdict.allows


@pytest.mark.parametrize(
    "change",
    [
        {"price": Decimal("1E+999999")},
        {"quantity": Decimal("1E+999999")},
        {"commission": Decimal("1E+40")},
        {"executed_at": datetime.fromisoformat("9999-12-31T23:59:59+00:00")},
        {"executed_at": datetime.fromisoformat("0001-01-01T00:00:00+00:00")},
    ],
    ids=str,
)
def test_a_fill_that_no_book_takes_is_recorded_and_not_booked(change: dict[str, Any]) -> None:
    from msgspec.structs import replace as changed

    bench = day_of(
        script={"09:35": [intent(BANK, 100)]},
        wrap_broker=_behind(
            poll_fills=lambda news: [
                changed(n, **change) if hasattr(n, "fill_id") else n for n in news
            ]
        ),
    ).run("09:40")
    assert len(bench.of(ev.FillUnmatched)) == 1
    assert bench.of(ev.SessionEnded)[0].closing.cash == Decimal(1_000_000)


# --- operators -------------------------------------------------------------------------------


class Nameless:
    """An object that cannot be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")


@pytest.mark.parametrize(
    "odd",
    [Decimal("0.10"), 10**5_000, b"x", {1, 2}, "half \ud800", Nameless(), {"deep": [1]}, None],
    ids=lambda odd: type(odd).__name__,
)
def test_an_argument_of_any_kind_is_written_down_as_a_journal_takes_it(odd: object) -> None:
    from qtkit.journal.codec import START, encode

    bench: Bench = day_of(commands=[command("09:10", "note", text=odd)]).run("09:12")
    (line,) = [e for e in bench.entries if isinstance(e.event, ev.CommandReceived)]
    assert encode(line, START)
