"""Each rule where it holds, where it does not, on its boundary, and where it cannot be judged."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest
from msgspec.structs import replace

from qtkit.core.verdict import Status
from qtkit.model.orders import OrderType
from qtkit.trading.risk.request import OrderRequest, RiskView, reduces
from qtkit.trading.risk.rules import (
    cash_is_enough,
    instrument_is_known,
    kill_switch_is_off,
    lot_and_tick_fit,
    order_quantity_is_within,
    order_value_is_within,
    price_is_in_band,
    quantity_is_sellable,
    request_is_well_formed,
    symbol_is_allowed,
    time_is_in_window,
)
from tests.golden import texts
from tests.golden.names import names_in
from tests.trading.risk.risk_moments import BANK, HEALTHY, INSTRUMENT, moment, order

PASS, FAIL, ERROR = Status.PASS, Status.FAIL, Status.ERROR
SHANGHAI = ((time(9, 30), time(11, 30)), (time(13), time(15)))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (order(1000), PASS),
        (order(-1), PASS),
        (order(1000, "40.00"), PASS),
        (order(0), FAIL),
        (order("NaN"), FAIL),
        (order("Infinity"), FAIL),
        (order(1000, "NaN"), FAIL),
        (order(1000, "0"), FAIL),
        (order(1000, "-40"), FAIL),
        (replace(order(1000), order_type=OrderType.LIMIT), FAIL),
        (replace(order(1000), limit_price=Decimal(40)), FAIL),
    ],
)
def test_a_request_asks_for_some_shares_at_a_price_if_it_is_a_limit(
    request_: OrderRequest, status: Status
) -> None:
    assert request_is_well_formed(request_, HEALTHY).status is status


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (HEALTHY, PASS),
        (moment(instrument=None), FAIL),
        (moment(instrument=replace(INSTRUMENT, symbol="000001.SZ")), FAIL),
        (moment(currency="USD"), FAIL),
    ],
)
def test_an_unknown_symbol_or_another_currency_is_refused(view: RiskView, status: Status) -> None:
    assert instrument_is_known(order(), view).status is status


@pytest.mark.parametrize(
    ("quantity", "limit", "sellable", "status"),
    [
        (100, None, "0", PASS),
        (99, None, "0", FAIL),
        (150, None, "350", FAIL),
        (1000, "40.01", "0", PASS),
        (1000, "40.015", "0", FAIL),
        (1000, "NaN", "0", ERROR),
        ("NaN", None, "0", ERROR),
        (-300, None, "350", PASS),
        (-350, None, "350", PASS),
        (-50, None, "350", PASS),
        (-250, None, "350", PASS),
        (-49, None, "350", FAIL),
        (-150, None, "1000", FAIL),
    ],
)
def test_buys_are_whole_lots_and_sells_take_odd_shares_all_at_once(
    quantity: str | int, limit: str | None, sellable: str, status: Status
) -> None:
    view = moment(sellable=sellable)

    assert lot_and_tick_fit(order(quantity, limit), view).status is status


def test_lots_of_an_unknown_instrument_cannot_be_judged() -> None:
    assert lot_and_tick_fit(order(), moment(instrument=None)).status is ERROR


@pytest.mark.parametrize(
    ("limit", "status"),
    [("44.00", PASS), ("44.01", FAIL), ("36.00", PASS), ("35.99", FAIL)],
)
def test_a_limit_price_is_inside_the_band_edges_included(limit: str, status: Status) -> None:
    assert price_is_in_band(order(1000, limit), HEALTHY).status is status
    assert price_is_in_band(order(1000, limit), moment(last_price=None)).status is status


@pytest.mark.parametrize(
    ("quote", "status"),
    [("44.00", PASS), ("44.01", FAIL), ("36.00", PASS), ("35.99", FAIL), ("20.00", FAIL)],
)
@pytest.mark.parametrize("limit", [None, "40.00"])
def test_a_quote_beyond_the_band_blocks_the_symbol(
    quote: str, limit: str | None, status: Status
) -> None:
    assert price_is_in_band(order(1000, limit), moment(last_price=quote)).status is status


def test_a_jump_names_quote_band_and_last_close_and_the_runbook() -> None:
    verdict = price_is_in_band(order(), moment(last_price="20.00"))

    assert verdict.summary == (
        f"{BANK}: the quote 20.00 is beyond the band 36.00 to 44.00 around the last close 40.00"
    )
    assert "runbooks/price-jump.md" in verdict.fix


@pytest.mark.parametrize(
    ("request_", "view", "status"),
    [
        (order(1000), moment(last_price=None), ERROR),
        (order(-2000), moment(last_price=None), PASS),
        (order(-2001), moment(last_price=None), ERROR),
        (order(1000), moment(band=None), ERROR),
        (order(1000), moment(band=None, instrument=replace(INSTRUMENT, price_limit=None)), PASS),
        (order(1000), moment(band=None, instrument=None), ERROR),
    ],
)
def test_what_the_band_rule_cannot_judge_is_an_error_but_an_exit_needs_no_quote(
    request_: OrderRequest, view: RiskView, status: Status
) -> None:
    assert price_is_in_band(request_, view).status is status


@pytest.mark.parametrize(
    ("needed", "status"),
    [
        ("100000.00", PASS),
        ("100000.01", FAIL),
        ("0", ERROR),
        ("-1", ERROR),
        ("NaN", ERROR),
    ],
)
def test_a_buy_reserves_at_most_the_free_cash(needed: str, status: Status) -> None:
    assert cash_is_enough(order(), moment(reserve_needed=needed)).status is status


def test_a_sell_needs_no_cash() -> None:
    assert cash_is_enough(order(-100), moment(reserve_needed="0", free_cash="-5")).status is PASS


@pytest.mark.parametrize(
    ("quantity", "status"), [(-1000, PASS), (-1001, FAIL), (-2000, FAIL), (5000, PASS)]
)
def test_a_sell_takes_at_most_what_is_settled_and_not_promised(
    quantity: int, status: Status
) -> None:
    assert quantity_is_sellable(order(quantity), HEALTHY).status is status


@pytest.mark.parametrize(
    ("quantity", "limit", "status"),
    [
        (1000, None, PASS),
        (1001, None, FAIL),
        (-1001, None, FAIL),
        (1000, "40.01", FAIL),
        (1100, "36.00", PASS),
        ("NaN", None, ERROR),
        (1000, "NaN", ERROR),
        ("Infinity", None, ERROR),
    ],
)
def test_the_order_value_is_at_most_the_limit(
    quantity: str | int, limit: str | None, status: Status
) -> None:
    """At a quote of 40.00 a limit of 40,000 is 1000 shares exactly."""
    rule = order_value_is_within(Decimal(40_000))

    assert rule(order(quantity, limit), HEALTHY).status is status


@pytest.mark.parametrize(
    ("reference", "status"), [("40.00", PASS), ("40.01", FAIL), (None, ERROR), ("NaN", ERROR)]
)
def test_without_limit_and_quote_the_reference_price_counts(
    reference: str | None, status: Status
) -> None:
    view = moment(last_price=None, reference_price=reference)

    assert order_value_is_within(Decimal(40_000))(order(1000), view).status is status


def test_a_value_over_the_limit_names_both() -> None:
    verdict = order_value_is_within(Decimal(40_000))(order(1100), HEALTHY)

    assert names_in(verdict.summary) == [BANK, "44,000.00", "CNY", "40,000", "CNY"]


@pytest.mark.parametrize(
    ("quantity", "status"),
    [(500, PASS), (501, FAIL), (-500, PASS), (-501, FAIL), ("NaN", ERROR)],
)
def test_the_order_quantity_is_at_most_the_limit(quantity: str | int, status: Status) -> None:
    assert order_quantity_is_within(Decimal(500))(order(quantity), HEALTHY).status is status


@pytest.mark.parametrize(
    ("symbols", "status"),
    [((BANK,), PASS), (("600036.sh",), FAIL), (("600036",), FAIL), ((), FAIL)],
)
def test_only_named_symbols_are_allowed_and_none_if_none_is_named(
    symbols: tuple[str, ...], status: Status
) -> None:
    assert symbol_is_allowed(symbols)(order(), HEALTHY).status is status


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (time(9, 29, 59), FAIL),
        (time(9, 30), PASS),
        (time(11, 29, 59), PASS),
        (time(11, 30), FAIL),
        (time(12), FAIL),
        (time(13), PASS),
        (time(14, 59, 59, 999999), PASS),
        (time(15), FAIL),
    ],
)
def test_windows_include_their_start_and_not_their_end(at: time, status: Status) -> None:
    assert time_is_in_window(SHANGHAI)(order(), moment(local_time=at)).status is status


@pytest.mark.parametrize("windows", [(), SHANGHAI])
def test_windows_never_widen_the_hours_of_the_exchange(
    windows: tuple[tuple[time, time], ...],
) -> None:
    closed = moment(segment_is_open=False)

    assert time_is_in_window(windows)(order(), closed).status is FAIL
    assert time_is_in_window()(order(), HEALTHY).status is PASS


@pytest.mark.parametrize(
    ("killed", "kill_file", "sentence"),
    [
        (True, False, "by command"),
        (False, True, "by file"),
        (True, True, "command and by file"),
    ],
)
def test_either_door_of_the_kill_switch_keeps_orders_in(
    *, killed: bool, kill_file: bool, sentence: str
) -> None:
    view = moment(killed=killed, kill_file=kill_file)

    verdict = kill_switch_is_off(order(), view)

    assert (verdict.rule, verdict.status) == ("risk.kill_switch", FAIL)
    assert sentence in verdict.summary
    assert kill_switch_is_off(order(), HEALTHY).status is PASS


@pytest.mark.parametrize(
    ("held", "quantity", "expected"),
    [
        ("2000", -1, True),
        ("2000", -2000, True),
        ("2000", -2001, False),
        ("2000", 100, False),
        ("0", -100, False),
        ("0", 100, False),
        ("-300", 300, True),
        ("-300", 301, False),
        ("-300", -1, False),
        ("2000", "NaN", False),
        ("2000", 0, False),
    ],
)
def test_an_order_reduces_if_it_goes_towards_zero_and_not_past_it(
    *, held: str, quantity: str | int, expected: bool
) -> None:
    assert reduces(order(quantity), moment(position=held)) is expected


def test_a_reduction_passes_the_kill_switch_and_the_windows_and_the_verdict_says_so() -> None:
    view = moment(killed=True, kill_file=True, segment_is_open=False, local_time=time(20))

    killed = kill_switch_is_off(order(-1000), view)
    outside = time_is_in_window(SHANGHAI)(order(-1000), view)

    assert (killed.status, outside.status) == (PASS, PASS)
    assert killed.summary == texts.REDUCTION_PASSES_KILL_SWITCH
    assert outside.summary == texts.REDUCTION_PASSES_WINDOWS
