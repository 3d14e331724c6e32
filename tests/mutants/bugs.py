"""Deliberate bugs: one small change each, and the tests or the product check that must catch it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BUGS", "Bug"]

_ENGINE, _LEDGER, _RISK = "qtkit/trading/engine", "qtkit/trading/ledger", "qtkit/trading/risk"
_BROKERS, _JOURNAL = "qtkit/trading/brokers", "qtkit/journal"
_CHECKS = "tests/crash/test_compact_day.py::test_without_a_cut_the_clean_day_passes_every_check"  # the product's own checks, on a day in which everything happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A change of the source, and where it must show.

    Attributes
    ----------
    name
        What somebody would have got wrong.
    file
        Where, from the repository's root.
    old, new
        Text that is there exactly once, and what stands there instead.
    caught_by
        Test nodes of which at least one must fail.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]


def _bug(name: str, file: str, old: str, new: str, *caught_by: str) -> Bug:
    return Bug(name=name, file=file, old=old, new=new, caught_by=caught_by)


def _engine(file: str, test: str) -> str:
    return f"tests/trading/engine/test_engine_{file}.py::{test}"


BUGS: tuple[Bug, ...] = (
    # --- money and shares ----------------------------------------------------------------------
    _bug(
        "all fees are ignored",
        f"{_LEDGER}/ledger.py",
        "fees = event.commission + event.tax",
        "fees = event.commission * 0",
        "tests/trading/ledger/test_ledger.py::test_a_buy_and_a_part_sale_by_hand",
    ),
    _bug(
        "the stamp duty is ignored, and only the checks look",
        f"{_LEDGER}/ledger.py",
        "fees = event.commission + event.tax",
        "fees = event.commission",
        _CHECKS,
    ),
    _bug(
        "the stamp duty is on the wrong side",
        f"{_BROKERS}/floor.py",
        "terms.instrument.stamp_duty if found.quantity < 0 else",
        "terms.instrument.stamp_duty if found.quantity > 0 else",
        "tests/contracts/test_broker_contract.py::TestSimBrokerInMemory::test_a_sell_pays_commission_and_stamp_duty",
    ),
    _bug(
        "the minimum commission counts for every fill",
        f"{_BROKERS}/floor.py",
        "commission=commission - row.commission,",
        "commission=commission,",
        "tests/contracts/test_broker_contract.py"
        "::TestSimBrokerInMemory"
        "::test_partial_fills_take_a_tenth_of_each_bar_and_pay_the_minimum_once",
    ),
    _bug(
        "the ledger counts a fill twice",
        f"{_LEDGER}/ledger.py",
        "if event.fill_id in self._fills:",
        "if not event.fill_id:",
        "tests/trading/ledger/test_ledger.py::test_the_same_fill_is_never_booked_twice",
    ),
    _bug(
        "a repeat is booked",
        f"{_ENGINE}/news_desk.py",
        "if state.ledger.knows_fill(fill.fill_id):",
        "if not fill.fill_id:",
        _engine("orders", "test_a_fill_that_is_told_again_is_booked_once_and_counted"),
    ),
    _bug(
        "an unmatched fill is booked",
        f"{_ENGINE}/news_desk.py",
        "        if why:\n",
        "        if not why:\n",
        _engine(
            "orders",
            "test_a_fill_of_no_order_of_ours_is_recorded_not_booked_and_fails_the_reconciliation",
        ),
    ),
    _bug(
        "a fill that races its cancel is dropped",
        "qtkit/model/orders.py",
        "    (_S.CANCELLED, _M.FILL_PART): _S.CANCELLED,  # a fill that raced the cancel is booked\n",
        "",
        _engine("orders", "test_a_fill_that_races_its_cancel_is_booked_and_marked"),
    ),
    _bug(
        "a late fill is not marked",
        f"{_ENGINE}/news_desk.py",
        'late=str(order.status) if ended and order is not None else "",',
        'late="",',
        _engine("orders", "test_a_fill_of_an_order_that_was_given_up_is_booked_and_marked"),
    ),
    _bug(
        "a fill with a negative price is booked",
        f"{_ENGINE}/news_desk.py",
        "if not n.is_finite() or n < 0]",
        "if not n.is_finite()]",
        _engine("orders", "test_a_fill_that_cannot_be_booked_is_recorded_and_never_dropped"),
    ),
    _bug(
        "a reservation is not released",
        f"{_LEDGER}/orders.py",
        "reserved_cash=_ZERO if ended else order.reserved_cash,",
        "reserved_cash=order.reserved_cash,",
        "tests/trading/ledger/test_ledger.py"
        "::test_a_request_claims_cash_and_an_end_gives_all_of_it_back",
    ),
    _bug(
        "T+1 forgets weekends and holidays",
        f"{_ENGINE}/news_desk.py",
        "return core.calendar.session_after(day, wait) if wait",
        "return day.replace(day=day.day + wait) if wait",
        _engine(
            "days", "test_what_was_bought_on_a_friday_can_be_sold_after_the_weekend_and_a_holiday"
        ),
    ),
    _bug(
        "what is bought can be sold at once",
        f"{_LEDGER}/ledger.py",
        "return event.settles if day is None or event.settles > day else None",
        "return None",
        _engine("days", "test_what_was_bought_today_cannot_be_sold_today"),
    ),
    _bug(
        "shares settle a day late",
        f"{_LEDGER}/positions.py",
        "if lot.settles > on)",
        "if lot.settles >= on)",
        "tests/trading/ledger/test_ledger.py"
        "::test_bought_shares_settle_on_their_own_date_and_not_before",
    ),
    _bug(
        "the settlement date is today's, and only the checks look",
        f"{_ENGINE}/news_desk.py",
        "settles=self._settles(fill),",
        "settles=self._core.calendar.local_date(fill.executed_at),",
        _CHECKS,
    ),
    _bug(
        "the tolerance for cash is too wide",
        f"{_LEDGER}/reconcile.py",
        "cash_tolerance: Decimal = CENT,",
        "cash_tolerance: Decimal = Decimal(1),",
        _engine("days", "test_a_book_that_differs_is_told_in_the_reconciliation"),
    ),
    _bug(
        "the day is closed without a reconciliation",
        f"{_ENGINE}/closing.py",
        "        self.reconcile()\n        diagnose_pending_orders(core)\n",
        "        diagnose_pending_orders(core)\n",
        _CHECKS,
    ),
    # --- orders --------------------------------------------------------------------------------
    _bug(
        "an order id is used again",
        f"{_ENGINE}/state.py",
        "    state.next_order += 1\n",
        "    state.next_order += 0\n",
        _engine("orders", "test_order_ids_count_on_and_are_never_used_twice"),
    ),
    _bug(
        "the next session begins with number one again",
        f"{_ENGINE}/state.py",
        "state.killed, state.next_order = event.killed, event.next_order",
        "state.killed = event.killed",
        _engine("days", "test_the_opening_book_is_what_the_heritage_says"),
    ),
    _bug(
        "orders leave before they are on disk",
        f"{_ENGINE}/order_desk.py",
        "        self._core.journal.sync()\n        for order, permit in ready:\n",
        "        for order, permit in ready:\n",
        _engine("orders", "test_everything_is_on_disk_when_an_order_leaves"),
    ),
    _bug(
        "an order in doubt is given up at once",
        f"{_ENGINE}/connection.py",
        "if found is None and now - since >= grace else None",
        "if found is None else None",
        _engine(
            "orders",
            "test_an_order_in_doubt_that_never_arrived_keeps_its_reservation_until_the_grace_is_over",
        ),
    ),
    _bug(
        "an order is given up although the account report lists it",
        f"{_ENGINE}/connection.py",
        "all(o.order_id != order_id for o in report.open_orders)",
        "report.cash is not None",
        _engine("orders", "test_an_order_that_stands_in_the_account_report_is_not_given_up"),
    ),
    _bug(
        "after a crash an order that was sent is given up unasked",
        f"{_ENGINE}/connection.py",
        '            if found is None:\n                give_up(core, order_id, "restart")\n',
        '            if found is not order_id:\n                give_up(core, order_id, "restart")\n',
        _engine("recovery", "test_an_order_that_was_sent_and_not_answered_is_found"),
    ),
    _bug(
        "what a broker's library raises takes the engine with it",
        f"{_ENGINE}/order_desk.py",
        "except Exception as problem:  # noqa: BLE001 - whatever it was, the order may have arrived",
        "except ZeroDivisionError as problem:",
        _engine(
            "orders", "test_whatever_a_broker_raises_puts_its_order_in_doubt_and_the_others_leave"
        ),
    ),
    # --- risk ----------------------------------------------------------------------------------
    _bug(
        "a permit can be used twice",
        f"{_BROKERS}/safe.py",
        "        self._spent.add(order.order_id)\n",
        "",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_a_permit_is_good_once_and_a_second_one_for_the_same_order_is_no_way_round",
    ),
    _bug(
        "a permit is good for any order",
        f"{_BROKERS}/safe.py",
        "        _demand(order, permit)\n        if",
        "        if",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_an_order_that_is_not_what_was_judged_is_a_bug_and_stays_in",
    ),
    _bug(
        "anybody can make a permit",
        f"{_RISK}/judge.py",
        "if seal is not _SEAL:",
        "if seal is _SEAL and self.order_id is None:",
        "tests/trading/risk/test_judge.py::test_nobody_else_can_make_a_permit",
    ),
    _bug(
        "a limit price is not held against the band",
        f"{_RISK}/rules.py",
        "if limit is not None and not band[0] <= limit <= band[1]:",
        "if limit is not None and not band[0] <= limit:",
        "tests/trading/risk/test_rules.py::test_a_limit_price_is_inside_the_band_edges_included",
    ),
    _bug(
        "a sell takes what is not settled",
        f"{_RISK}/rules.py",
        "if -request.quantity > view.sellable:",
        "if -request.quantity > view.position:",
        _engine("days", "test_what_was_bought_today_cannot_be_sold_today"),
    ),
    _bug(
        "a buy takes cash that is promised",
        f"{_RISK}/rules.py",
        "    if needed > view.free_cash:\n",
        "    if needed > 2 * view.free_cash:\n",
        "tests/trading/risk/test_rules.py::test_a_buy_reserves_at_most_the_free_cash",
    ),
    _bug(
        "the kill switch by event keeps nothing in",
        f"{_RISK}/rules.py",
        "if not view.killed and not view.kill_file:",
        "if not view.kill_file:",
        "tests/trading/risk/test_rules.py::test_either_door_of_the_kill_switch_keeps_orders_in",
    ),
    _bug(
        "the kill file is ignored at the door",
        f"{_BROKERS}/safe.py",
        "if kill_file_is_there(self._kill_file) and not permit.reducing:",
        "if kill_file_is_there(None) and not permit.reducing:",
        "tests/trading/brokers/test_safe_broker.py"
        "::test_the_kill_file_is_looked_at_before_every_order",
    ),
    _bug(
        "the kill file is ignored by the engine",
        f"{_ENGINE}/loop.py",
        "if not core.state.killed and kill_file_is_there(core.kill_file):",
        "if not core.state.killed and kill_file_is_there(None):",
        _engine("commands", "test_a_kill_file_is_seen_and_recorded_once"),
    ),
    _bug(
        "a killed strategy goes on deciding",
        f"{_ENGINE}/decision.py",
        "        if core.state.killed:\n",
        "        if core.state.killed and core.state.ended:\n",
        _engine(
            "commands", "test_a_killed_engine_decides_nothing_and_lets_only_what_lowers_risk_leave"
        ),
    ),
    _bug(
        "the kill switch is lifted without a reason",
        f"{_ENGINE}/commands.py",
        "if not on and not why:",
        "if not on and why is None:",
        _engine("commands", "test_lifting_needs_a_reason"),
    ),
    # --- time and tasks ------------------------------------------------------------------------
    _bug(
        "the close overtakes the last step",
        f"{_ENGINE}/tasks.py",
        'return self._upcoming[0].task == "close_market" and any(',
        'return self._upcoming[0].task == "never" and any(',
        _engine(
            "tasks",
            "test_the_last_step_of_a_segment_goes_before_the_close_however_slow_its_poll_is",
        ),
    ),
    _bug(
        "at equal times the close stands before the step",
        f"{_ENGINE}/schedule.py",
        '            "run_strategy",\n            "close_market",\n',
        '            "close_market",\n            "run_strategy",\n',
        "tests/trading/engine/test_day_schedule.py::test_the_order_at_equal_times",
    ),
    _bug(
        "a missed step is decided late",
        f"{_ENGINE}/schedule.py",
        'if task.due >= now or task.task in {"pre_open", "post_close"}:',
        'if task.due >= now or task.task in {"pre_open", "post_close", "run_strategy"}:',
        "tests/trading/engine/test_catch_up.py"
        "::test_a_start_around_every_row_of_the_whole_schedule_obeys_the_table",
    ),
    _bug(
        "a row that is due at the second of the start is missed",
        f"{_ENGINE}/schedule.py",
        "if task.due >= now or task.task in",
        "if task.due > now or task.task in",
        "tests/trading/engine/test_catch_up.py"
        "::test_a_start_around_every_row_of_the_whole_schedule_obeys_the_table",
    ),
    _bug(
        "what is found late is done all the same",
        f"{_ENGINE}/tasks.py",
        "if late > core.settings.late_after_seconds:",
        "if late > 10 * core.settings.late_after_seconds:",
        _engine("tasks", "test_what_is_found_late_is_missed_beyond_the_limit"),
    ),
    _bug(
        "a step does not wait for the prices of its moment",
        f"{_ENGINE}/tasks.py",
        'self._is_running("acquire_live_price")\n            or',
        'self._is_running("nothing")\n            or',
        _engine("tasks", "test_a_step_waits_for_the_price_poll_of_its_moment"),
    ),
    _bug(
        "polls overlap",
        f"{_ENGINE}/tasks.py",
        "if self._is_running(name) or task.due < self._busy_until.get(name, task.due):",
        "if task.due < self._busy_until.get(name, task.due):",
        _engine("tasks", "test_a_poll_that_overruns_shows_as_prev_running"),
    ),
    _bug(
        "the number of retries is ignored",
        f"{_ENGINE}/tasks.py",
        "dead = attempt > core.settings.retries.get(task.task, 0)",
        "dead = attempt > 2",
        _engine("tasks", "test_after_its_retries_a_task_is_a_dead_letter_and_the_loop_lives_on"),
    ),
    _bug(
        "a dead letter is swallowed",
        f"{_ENGINE}/tasks.py",
        "                error=text,\n                dead_letter=dead,\n",
        "                error=text,\n                dead_letter=False,\n",
        _engine("tasks", "test_after_its_retries_a_task_is_a_dead_letter_and_the_loop_lives_on"),
    ),
    _bug(
        "a crash forgets failed attempts",
        f"{_ENGINE}/tasks.py",
        "attempt = core.state.failures.get(task.task_id, 0) + 1",
        "attempt = 1",
        _engine("recovery", "test_a_crash_forgets_no_failed_attempt"),
    ),
    _bug(
        "a skip has no reason",
        f"{_ENGINE}/tasks.py",
        "                skip_reason=objection.reason,\n                detail",
        '                skip_reason="",\n                detail',
        _engine("tasks", "test_a_paused_engine_skips_polls_and_steps"),
    ),
    _bug(
        "a skip has no sentence, and only the checks look",
        f"{_ENGINE}/tasks.py",
        "                detail=objection.detail,\n                step",
        '                detail="",\n                step',
        _CHECKS,
    ),
    _bug(
        "a step that was decided is decided again",
        f"{_ENGINE}/loop.py",
        "if task.task_id in self.core.state.decided:",
        "if task.task_id in self.core.state.tags:",
        _engine("tasks", "test_a_step_that_was_decided_is_never_decided_twice"),
    ),
    _bug(
        "a blocked loop does not show in its pulse",
        f"{_ENGINE}/loop.py",
        "self._largest_gap = max(self._largest_gap, core.clock.now() - now)",
        "self._largest_gap = max(self._largest_gap, now - now)",
        _engine("tasks", "test_the_pulse_tells_how_late_the_loop_came"),
    ),
    _bug(
        "the loop has no pulse, and only the checks look",
        f"{_ENGINE}/loop.py",
        "        core.record(ev.LoopPulsed(trading_date=core.state.today, largest_gap_seconds=gap))\n",
        '        core.log.say("loop_pulsed", largest_gap_seconds=gap)\n',
        _CHECKS,
    ),
    _bug(
        "the status moves past its table",
        f"{_ENGINE}/state.py",
        "    check_move(event.before, event.because, event.after)\n",
        "",
        _engine("states", "test_the_state_moves_its_status_by_the_table_alone"),
    ),
    _bug(
        "a resume at lunch runs",
        f"{_ENGINE}/commands.py",
        "EngineStatus.RUNNING if inside else EngineStatus.SLEEPING",
        "EngineStatus.RUNNING",
        _engine("commands", "test_a_pause_ends_where_the_calendar_says"),
    ),
    _bug(
        "an early closing counts as the day's",
        f"{_ENGINE}/state.py",
        "if event.trading_date is not None and not event.early:",
        "if event.trading_date is not None:",
        _engine("stops", "test_an_early_closing_does_not_count_as_the_days"),
    ),
    _bug(
        "the log does not tell of queued tasks, and only the checks look",
        f"{_ENGINE}/tasks.py",
        '        core.log.say("task_queued", task=task.task, task_id=task.task_id)\n',
        "",
        _CHECKS,
    ),
    # --- prices --------------------------------------------------------------------------------
    _bug(
        "a price that is no number is let through",
        f"{_ENGINE}/history.py",
        'good = (low > 0) & (high < float("inf")) & (bars.open > 0) & (bars.close > 0)',
        "good = low != 0",
        _engine("tasks", "test_a_symbol_without_a_price_stands_aside_and_the_others_go_on"),
        _engine("tasks", "test_a_price_that_is_not_positive_and_finite_never_reaches_a_decision"),
    ),
    _bug(
        "a stale price is used",
        f"{_ENGINE}/history.py",
        "<= max_age_seconds * 1e9",
        "<= max_age_seconds * 1e10",
        _engine("history", "test_a_price_is_fresh_by_trading_time"),
    ),
    _bug(
        "lunch makes prices stale",
        f"{_ENGINE}/history.py",
        "return sum(max(0, min(end, until) - max(start, since)) for start, end in segments)",
        "return until - since",
        _engine("tasks", "test_at_one_oclock_nothing_is_stale_yet"),
    ),
    _bug(
        "yesterday's close is a price of today",
        f"{_ENGINE}/history.py",
        "if (end := history.last_end(symbol)) > opened",
        "if (end := history.last_end(symbol)) > 0",
        _engine("history", "test_a_price_is_fresh_by_trading_time"),
    ),
    _bug(
        "an unfinished bar is shown",
        f"{_ENGINE}/history.py",
        "whole = bars.end[last] == label[last]",
        "whole = bars.end[last] > 0",
        _engine("history", "test_an_unfinished_bar_is_not_shown_and_a_finished_one_is"),
    ),
    # --- the journal ---------------------------------------------------------------------------
    _bug(
        "the journal does not wait for the disk",
        f"{_JOURNAL}/writer.py",
        "        os.fsync(self._file)\n        self._dirty = False\n",
        "        self._dirty = False\n",
        "tests/journal/test_journal_file.py::test_each_lifecycle_event_waits_for_the_disk",
    ),
    _bug(
        "the kill switch may be lost with the power",
        f"{_JOURNAL}/writer.py",
        "    DayClosed,\n    KillSwitchSet,\n)",
        "    DayClosed,\n)",
        "tests/journal/test_journal_file.py::test_each_lifecycle_event_waits_for_the_disk",
    ),
    _bug(
        "a torn line stays",
        f"{_JOURNAL}/writer.py",
        "            os.truncate(self._path, found.sound_bytes)\n",
        "            os.truncate(self._path, found.sound_bytes + found.torn_bytes)\n",
        "tests/journal/test_journal_file.py"
        "::test_a_torn_last_line_is_left_out_by_readers_and_cut_off_by_the_writer",
    ),
    _bug(
        "the link is not checked",
        f"{_JOURNAL}/reader.py",
        "if entry.seq != number or previous != link:",
        "if entry.seq != number:",
        "tests/journal/test_journal_file.py"
        "::test_a_line_with_another_link_is_refused_though_its_number_is_right",
    ),
    _bug(
        "a newer format is read all the same",
        f"{_JOURNAL}/reader.py",
        "entry.event.format > FORMAT:",
        "entry.event.format > FORMAT + 1:",
        "tests/journal/test_journal_file.py::test_a_newer_format_is_refused",
    ),
    _bug(
        "a NaN becomes history",
        f"{_JOURNAL}/codec.py",
        "if suspicious and not all(map(_is_finite, _numbers_in(event))):",
        "if suspicious and event is None:",
        "tests/journal/test_journal_codec.py"
        "::test_a_number_that_is_none_is_refused_before_it_is_history",
    ),
    _bug(
        "two processes write one journal",
        f"{_JOURNAL}/writer.py",
        "        self._lock.acquire()\n        try:\n",
        "        try:\n",
        "tests/journal/test_journal_file.py"
        "::test_the_lock_names_its_holder_and_is_free_after_the_close",
    ),
    _bug(
        "after a crash the strategy gets fills again that it has",
        f"{_ENGINE}/state.py",
        "    state.strategy_state = event.state\n    state.fills_since_saved = []\n",
        "    state.strategy_state = event.state\n",
        _engine("orders", "test_the_strategys_state_moves_with_fills_and_is_saved_after_them"),
    ),
    _bug(
        "a command that the power took is forgotten",
        f"{_ENGINE}/loop.py",
        "if isinstance(last.event, ev.CommandReceived):",
        "if isinstance(last.event, ev.SessionEnded):",
        _engine(
            "recovery",
            "test_a_command_that_was_received_and_not_carried_out_is_refused_on_the_return",
        ),
    ),
)
