"""Bugs about money, shares, orders and risk."""

from __future__ import annotations

from tests.mutants.bug import CHECKS, Bug, engine_test, planted

__all__ = ["BUGS_OF_ORDERS"]


BUGS_OF_ORDERS: tuple[Bug, ...] = (
    # --- money and shares ----------------------------------------------------------------------
    planted(
        "all fees are ignored",
        "qtkit/ledger/ledger.py",
        "fees = event.commission + event.tax",
        "fees = event.commission * 0",
        "tests/ledger/test_ledger.py::test_a_buy_and_a_part_sale_by_hand",
    ),
    planted(
        "the stamp duty is ignored, and only the checks look",
        "qtkit/ledger/ledger.py",
        "fees = event.commission + event.tax",
        "fees = event.commission",
        CHECKS,
    ),
    planted(
        "the stamp duty is on the wrong side",
        "qtkit/trading/brokers/sim/exchange.py",
        "before, now, is_buy=found.quantity > _ZERO)",
        "before, now, is_buy=found.quantity < _ZERO)",
        "tests/contracts/test_broker_contract.py::TestSimBrokerInMemory::test_a_sell_pays_commission_and_stamp_duty",
    ),
    planted(
        "the minimum commission counts for every fill",
        "qtkit/trading/brokers/sim/exchange.py",
        "instrument.fees.costs(before, now,",
        "instrument.fees.costs(Executed(0 * row.filled, 0 * row.notional), now,",
        "tests/contracts/test_broker_contract.py"
        "::TestSimBrokerInMemory"
        "::test_partial_fills_take_a_tenth_of_each_bar_and_pay_the_minimum_once",
    ),
    planted(
        "the ledger counts a fill twice",
        "qtkit/ledger/ledger.py",
        "if event.fill_id in self._fills:",
        "if not event.fill_id:",
        "tests/ledger/test_ledger.py::test_the_same_fill_is_never_booked_twice",
    ),
    planted(
        "a repeat is booked",
        "qtkit/trading/engine/execution_reports.py",
        "return self._context.state.ledger.knows_fill(fill.fill_id)",
        "return not fill.fill_id",
        engine_test("fills", "test_a_fill_that_is_told_again_is_booked_once_and_counted"),
    ),
    planted(
        "an unmatched fill is booked",
        "qtkit/trading/engine/execution_reports.py",
        "settles = None if why else self._settles(fill)",
        "settles = self._settles(fill)",
        engine_test(
            "fills",
            "test_a_fill_of_no_order_of_ours_is_recorded_not_booked_and_fails_the_reconciliation",
        ),
    ),
    planted(
        "a fill that races its cancel is dropped",
        "qtkit/model/orders.py",
        "    (_S.CANCELLED, _M.FILL_PART): _S.CANCELLED,",
        "    #",
        engine_test("fills", "test_a_fill_that_races_its_cancel_is_booked_and_marked"),
    ),
    planted(
        "a late fill is not marked",
        "qtkit/trading/engine/execution_reports.py",
        'late=str(order.status) if ended and order is not None else "",',
        'late="",',
        engine_test("fills", "test_a_fill_of_an_order_that_was_given_up_is_booked_and_marked"),
    ),
    planted(
        "a fill with a negative price is booked",
        "qtkit/trading/engine/execution_reports.py",
        "if not n.is_finite() or n < 0]",
        "if not n.is_finite()]",
        engine_test("fills", "test_a_fill_that_cannot_be_booked_is_recorded_and_never_dropped"),
    ),
    planted(
        "a reservation is not released",
        "qtkit/ledger/orders.py",
        "reserved_cash=_ZERO if ended else order.reserved_cash,",
        "reserved_cash=order.reserved_cash,",
        "tests/ledger/test_ledger.py::test_a_request_claims_cash_and_an_end_gives_all_of_it_back",
    ),
    planted(
        "T+1 forgets weekends and holidays",
        "qtkit/trading/engine/execution_reports.py",
        "return context.calendar.session_after(day, wait) if wait",
        "return day.replace(day=day.day + wait) if wait",
        engine_test(
            "days", "test_what_was_bought_on_a_friday_can_be_sold_after_the_weekend_and_a_holiday"
        ),
    ),
    planted(
        "what is bought can be sold at once",
        "qtkit/ledger/ledger.py",
        "return event.settles if day is None or event.settles > day else None",
        "return None",
        engine_test("days", "test_what_was_bought_today_cannot_be_sold_today"),
    ),
    planted(
        "shares settle a day late",
        "qtkit/ledger/positions.py",
        "if lot.settles > on)",
        "if lot.settles >= on)",
        "tests/ledger/test_ledger.py::test_bought_shares_settle_on_their_own_date_and_not_before",
    ),
    planted(
        "the settlement date is today's, and only the checks look",
        "qtkit/trading/engine/execution_reports.py",
        "None if why else self._settles(fill)",
        "None if why else self._context.calendar.local_date(fill.executed_at)",
        CHECKS,
    ),
    planted(
        "the tolerance for cash is too wide",
        "qtkit/ledger/reconcile.py",
        "CASH_TOLERANCE = CENT",
        "CASH_TOLERANCE = Decimal(1)",
        engine_test("days", "test_a_book_that_differs_is_told_in_the_reconciliation"),
    ),
    planted(
        "the day is closed without a reconciliation",
        "qtkit/trading/engine/end_of_day.py",
        "        self.reconcile()\n        diagnose_pending_orders(context)\n",
        "        diagnose_pending_orders(context)\n",
        CHECKS,
    ),
    # --- orders --------------------------------------------------------------------------------
    planted(
        "an order id is used again",
        "qtkit/projections/engine_state.py",
        "    state.next_order += 1\n",
        "    state.next_order += 0\n",
        engine_test("orders", "test_order_ids_count_on_and_are_never_used_twice"),
    ),
    planted(
        "the next session begins with number one again",
        "qtkit/projections/engine_state.py",
        "state.killed, state.next_order = event.killed, event.next_order",
        "state.killed = event.killed",
        engine_test("days", "test_the_opening_book_is_what_the_heritage_says"),
    ),
    planted(
        "orders leave before they are on disk",
        "qtkit/trading/engine/order_entry.py",
        "        self._context.journal.sync()\n        for order, permit in ready:\n",
        "        for order, permit in ready:\n",
        engine_test("orders", "test_everything_is_on_disk_when_an_order_leaves"),
    ),
    planted(
        "an order in doubt is given up at once",
        "qtkit/trading/engine/broker_session.py",
        "if found is None and now - since >= grace else None",
        "if found is None else None",
        engine_test(
            "orders",
            "test_an_order_in_doubt_that_never_arrived_keeps_its_reservation_until_the_grace_is_over",
        ),
    ),
    planted(
        "an order is given up although the account report lists it",
        "qtkit/trading/engine/broker_session.py",
        "all(o.order_id != order_id for o in report.open_orders)",
        "report.cash is not None",
        engine_test("orders", "test_an_order_that_stands_in_the_account_report_is_not_given_up"),
    ),
    planted(
        "after a crash an order that was sent is given up unasked",
        "qtkit/trading/engine/recovery.py",
        "            if known is None:\n                give_up(",
        "            if known is not order_id:\n                give_up(",
        engine_test("recovery", "test_an_order_that_was_sent_and_not_answered_is_found"),
    ),
    planted(
        "what a broker's library raises takes the engine with it",
        "qtkit/trading/engine/order_entry.py",
        "except Exception as problem:  # noqa: BLE001 - whatever it was",
        "except ZeroDivisionError as problem:  #",
        engine_test(
            "orders", "test_whatever_a_broker_raises_puts_its_order_in_doubt_and_the_others_leave"
        ),
    ),
    # --- risk ----------------------------------------------------------------------------------
    planted(
        "a permit can be used twice",
        "qtkit/trading/brokers/permit_broker.py",
        "        self._spent.add(order.order_id)\n",
        "",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_a_permit_is_good_once_and_a_second_one_for_the_same_order_is_no_way_round",
    ),
    planted(
        "a permit is good for any order",
        "qtkit/trading/brokers/permit_broker.py",
        "        _demand(order, permit)\n        if",
        "        if",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_an_order_that_is_not_what_was_judged_is_a_bug_and_stays_in",
    ),
    planted(
        "anybody can make a permit",
        "qtkit/trading/risk/judge.py",
        "        if not _is_sealed(self):\n",
        "        if self.seal is _SEAL:\n",
        "tests/trading/risk/test_judge.py::test_nobody_else_can_make_a_permit",
    ),
    planted(
        "a limit price is not held against the band",
        "qtkit/trading/risk/rules.py",
        "if limit is not None and not band[0] <= limit <= band[1]:",
        "if limit is not None and not band[0] <= limit:",
        "tests/trading/risk/test_rules.py::test_a_limit_price_is_inside_the_band_edges_included",
    ),
    planted(
        "a sell takes what is not settled",
        "qtkit/trading/risk/rules.py",
        "if -request.quantity > view.sellable:",
        "if -request.quantity > view.position:",
        engine_test("days", "test_what_was_bought_today_cannot_be_sold_today"),
    ),
    planted(
        "a buy takes cash that is promised",
        "qtkit/trading/risk/rules.py",
        "    if needed > view.free_cash:\n",
        "    if needed > 2 * view.free_cash:\n",
        "tests/trading/risk/test_rules.py::test_a_buy_reserves_at_most_the_free_cash",
    ),
    planted(
        "the kill switch by event keeps nothing in",
        "qtkit/trading/risk/rules.py",
        "if not view.killed and not view.kill_file:",
        "if not view.kill_file:",
        "tests/trading/risk/test_rules.py::test_either_door_of_the_kill_switch_keeps_orders_in",
    ),
    planted(
        "the kill file is ignored at the door",
        "qtkit/trading/brokers/permit_broker.py",
        "if kill_file_is_there(self._kill_file) and not permit.reducing:",
        "if kill_file_is_there(None) and not permit.reducing:",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_the_kill_file_is_looked_at_before_every_order",
    ),
    planted(
        "the kill file is ignored by the engine",
        "qtkit/trading/engine/kill_file_monitor.py",
        "context.kill_file is None or not kill_file_is_there(context.kill_file):",
        "context.kill_file is None or not kill_file_is_there(None):",
        engine_test("commands", "test_a_kill_file_is_seen_and_recorded_once"),
    ),
    planted(
        "a killed strategy goes on deciding",
        "qtkit/trading/engine/strategy_runner.py",
        "        if context.state.killed:\n",
        "        if context.state.killed and context.state.ended:\n",
        engine_test(
            "commands", "test_a_killed_engine_decides_nothing_and_lets_only_what_lowers_risk_leave"
        ),
    ),
    planted(
        "the kill switch is lifted without a reason",
        "qtkit/trading/engine/commands.py",
        'Argument(name="why", help="For the journal.", required=True)',
        'Argument(name="why", help="For the journal.", default="because")',
        engine_test("commands", "test_lifting_needs_a_reason"),
    ),
)
