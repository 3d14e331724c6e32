"""Splits and dividends by instrument: read, kept, and applied to prices for research."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import DataError
from qtkit.market.tables.action_store import ActionStore, adjusted_bars, read_actions
from qtkit.model.corporate_actions import ActionKind, CorporateAction, holding_change
from qtkit.testing import bars_of
from tests.market.bar_makers import utc

HEAD = "symbol,ex_date,kind,value,source\n"
SPLIT = CorporateAction(
    symbol="AAPL", ex_date=date(2026, 3, 5), kind=ActionKind.SPLIT, value=Decimal(4)
)
DIVIDEND = CorporateAction(
    symbol="AAPL", ex_date=date(2026, 3, 5), kind=ActionKind.DIVIDEND, value=Decimal("0.5")
)


@pytest.fixture
def store(tmp_path: Path) -> ActionStore:
    return ActionStore(tmp_path / "actions")


def test_actions_come_back_in_order_of_time_dividends_before_splits(store: ActionStore) -> None:
    added = store.merge([SPLIT, DIVIDEND])

    assert added == {"AAPL": 2}
    assert store.of("AAPL") == (DIVIDEND, SPLIT)
    assert store.of("MSFT") == ()


def test_a_span_leaves_out_its_first_date_and_takes_its_last(store: ActionStore) -> None:
    store.merge([SPLIT])

    spans = [(4, 5), (5, 9), (3, 4)]
    found = [store.between(["AAPL"], date(2026, 3, a), date(2026, 3, b)) for a, b in spans]

    assert found == [(SPLIT,), (), ()]


def test_a_contradiction_is_refused_unless_it_is_to_replace(store: ActionStore) -> None:
    store.merge([SPLIT])
    other = CorporateAction(
        symbol="AAPL", ex_date=SPLIT.ex_date, kind=ActionKind.SPLIT, value=Decimal(5)
    )

    with pytest.raises(DataError):
        store.merge([other])
    assert store.of("AAPL") == (SPLIT,)

    store.merge([other], replace=True)
    assert store.of("AAPL") == (other,)


def test_an_action_can_be_taken_away(store: ActionStore) -> None:
    store.merge([SPLIT, DIVIDEND])

    assert store.remove("AAPL", SPLIT.ex_date) == 2
    assert store.of("AAPL") == ()
    with pytest.raises(DataError):
        store.remove("AAPL", SPLIT.ex_date)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (HEAD + "AAPL,2026-13-05,split,4,\n", ["line 2", "ex_date"]),
        (HEAD + "AAPL,2026-03-05,spilt,4,\n", ["line 2", "kind"]),
        (HEAD + "AAPL,2026-03-05,split,0,\nAAPL,2026-03-06,split,x,\n", ["line 2", "line 3"]),
        (HEAD + ",2026-03-05,dividend,nan,\n", ["symbol", "value"]),
        (HEAD + "AAPL,2026-03-05,split,4,a\n" * 2, ["2 times"]),
        ("symbol,date,kind,value\nAAPL,2026-03-05,split,4\n", ["ex_date"]),
        (HEAD + "AAPL,2026-03-05,dividend,1_0,\n", ["value"]),
    ],
    ids=["date", "kind", "values", "empty", "twice", "column", "odd number"],
)
def test_a_wrong_file_is_one_error_with_every_mistake(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(text)

    with pytest.raises(DataError) as refused:
        read_actions(file)

    assert [part for part in parts if part not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("action", "held", "gain"),
    [
        (SPLIT, 10, ("30", "0.00")),
        (DIVIDEND, 7, ("0", "3.50")),
        # one for three: 10 shares are 3 and a third, which is paid at the price after it
        (
            CorporateAction(
                symbol="AAPL",
                ex_date=date(2026, 3, 5),
                kind=ActionKind.SPLIT,
                value=Decimal("0.3"),
            ),
            11,
            ("-8", "22.50"),
        ),
    ],
    ids=["split", "dividend", "reverse split"],
)
def test_what_a_holding_gains(action: CorporateAction, held: int, gain: tuple[str, str]) -> None:
    shares, cash = holding_change(action, Decimal(held), Decimal(1), Decimal(75))

    assert (str(shares), str(cash)) == gain


def test_research_sees_earlier_prices_in_shares_of_today() -> None:
    rows = [("2026-03-04 21:00", 400.0), ("2026-03-05 14:31", 101.0)]
    bars = bars_of("AAPL", [(utc(time), p, p, p, p, 50.0) for time, p in rows])

    split = adjusted_bars(bars, [SPLIT], exchange_calendar("XNYS"))
    paid = adjusted_bars(bars, [DIVIDEND], exchange_calendar("XNYS"))

    assert split.close.tolist() == [100.0, 101.0]
    assert split.volume.tolist() == [200.0, 50.0]
    assert np.allclose(paid.close, [399.5, 101.0])
