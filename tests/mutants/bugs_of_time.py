"""Bugs about time, tasks, prices and the journal."""

from __future__ import annotations

from tests.mutants.bug import CHECKS, Bug, engine_test, planted

__all__ = ["BUGS_OF_TIME"]


BUGS_OF_TIME: tuple[Bug, ...] = (
    # --- time and tasks ------------------------------------------------------------------------
    planted(
        "the close overtakes the last step",
        "qtkit/trading/engine/task_queue.py",
        'return self._upcoming[0].task == "close_market" and any(',
        'return self._upcoming[0].task == "never" and any(',
        engine_test(
            "tasks",
            "test_the_last_step_of_a_segment_goes_before_the_close_however_slow_its_poll_is",
        ),
    ),
    planted(
        "at equal times the close stands before the step",
        "qtkit/trading/engine/schedule.py",
        '            "run_strategy",\n            "close_market",\n',
        '            "close_market",\n            "run_strategy",\n',
        "tests/trading/engine/test_day_schedule.py::test_the_order_at_equal_times",
    ),
    planted(
        "a missed step is decided late",
        "qtkit/trading/engine/recovery.py",
        'if task.due >= now or task.task in {"pre_open", "post_close"}:',
        'if task.due >= now or task.task in {"pre_open", "post_close", "run_strategy"}:',
        "tests/trading/engine/test_catch_up.py"
        "::test_a_start_around_every_row_of_the_whole_schedule_obeys_the_table",
    ),
    planted(
        "a row that is due at the second of the start is missed",
        "qtkit/trading/engine/recovery.py",
        "if task.due >= now or task.task in",
        "if task.due > now or task.task in",
        "tests/trading/engine/test_catch_up.py"
        "::test_a_start_around_every_row_of_the_whole_schedule_obeys_the_table",
    ),
    planted(
        "what is found late is done all the same",
        "qtkit/trading/engine/task_queue.py",
        "if late > context.settings.late_after_seconds:",
        "if late > 10 * context.settings.late_after_seconds:",
        engine_test("tasks", "test_what_is_found_late_is_missed_beyond_the_limit"),
    ),
    planted(
        "a step does not wait for the prices of its moment",
        "qtkit/trading/engine/task_queue.py",
        'self._is_running("acquire_live_price")\n            or',
        'self._is_running("nothing")\n            or',
        engine_test("tasks", "test_a_step_waits_for_the_price_poll_of_its_moment"),
    ),
    planted(
        "polls overlap",
        "qtkit/trading/engine/task_queue.py",
        "if self._is_running(name) or task.due < self._busy_until.get(name, task.due):",
        "if task.due < self._busy_until.get(name, task.due):",
        engine_test("tasks", "test_a_poll_that_overruns_shows_as_prev_running"),
    ),
    planted(
        "the number of retries is ignored",
        "qtkit/trading/engine/task_queue.py",
        "dead = attempt > context.settings.retries.get(task.task, 0)",
        "dead = attempt > 2",
        engine_test(
            "tasks", "test_after_its_retries_a_task_is_a_dead_letter_and_the_loop_lives_on"
        ),
    ),
    planted(
        "a dead letter is swallowed",
        "qtkit/trading/engine/task_queue.py",
        "                error=text,\n                dead_letter=dead,\n",
        "                error=text,\n                dead_letter=False,\n",
        engine_test(
            "tasks", "test_after_its_retries_a_task_is_a_dead_letter_and_the_loop_lives_on"
        ),
    ),
    planted(
        "a crash forgets failed attempts",
        "qtkit/trading/engine/task_queue.py",
        "attempt = context.state.failures.get(task.task_id, 0) + 1",
        "attempt = 1",
        engine_test("recovery", "test_a_crash_forgets_no_failed_attempt"),
    ),
    planted(
        "a skip has no reason",
        "qtkit/trading/engine/task_queue.py",
        "                skip_reason=objection.reason,\n                detail",
        '                skip_reason="",\n                detail',
        engine_test("tasks", "test_a_paused_engine_skips_polls_and_steps"),
    ),
    planted(
        "a skip has no sentence, and only the checks look",
        "qtkit/trading/engine/task_queue.py",
        "                detail=objection.detail,\n                step",
        '                detail="",\n                step',
        CHECKS,
    ),
    planted(
        "a step that was decided is decided again",
        "qtkit/trading/engine/engine.py",
        "if task.task_id in self.context.state.decided:",
        "if task.task_id in self.context.state.tags:",
        engine_test("tasks", "test_a_step_that_was_decided_is_never_decided_twice"),
    ),
    planted(
        "a blocked loop does not show in its pulse",
        "qtkit/trading/engine/engine.py",
        "self._largest_gap = max(self._largest_gap, context.clock.now() - now)",
        "self._largest_gap = max(self._largest_gap, now - now)",
        engine_test("tasks", "test_the_pulse_tells_how_late_the_loop_came"),
    ),
    planted(
        "the loop has no pulse, and only the checks look",
        "qtkit/trading/engine/engine.py",
        "context.record(ev.LoopPulsed(",
        "str(ev.LoopPulsed(",
        CHECKS,
    ),
    planted(
        "the status moves past its table",
        "qtkit/projections/engine_state.py",
        "    check_move(event.before, event.because, event.after)\n",
        "",
        engine_test("states", "test_the_state_moves_its_status_by_the_table_alone"),
    ),
    planted(
        "a resume at lunch runs",
        "qtkit/trading/engine/command_handler.py",
        "EngineStatus.RUNNING if inside else EngineStatus.SLEEPING",
        "EngineStatus.RUNNING",
        engine_test("commands", "test_a_pause_ends_where_the_calendar_says"),
    ),
    planted(
        "an early closing counts as the day's",
        "qtkit/projections/engine_state.py",
        "if event.trading_date is not None and not event.early:",
        "if event.trading_date is not None:",
        engine_test("stops", "test_an_early_closing_does_not_count_as_the_days"),
    ),
    planted(
        "the log does not tell of queued tasks, and only the checks look",
        "qtkit/trading/engine/logs/sys_log.py",
        '    ev.TaskQueued: _of("task", "task_id"),\n',
        "",
        CHECKS,
    ),
    # --- prices --------------------------------------------------------------------------------
    planted(
        "a price that is no number is let through",
        "qtkit/trading/engine/bar_history.py",
        'good = (low > 0) & (high < float("inf")) & (bars.open > 0) & (bars.close > 0)',
        "good = low != 0",
        engine_test("tasks", "test_a_symbol_without_a_price_stands_aside_and_the_others_go_on"),
        engine_test(
            "tasks", "test_a_price_that_is_not_positive_and_finite_never_reaches_a_decision"
        ),
    ),
    planted(
        "a stale price is used",
        "qtkit/trading/engine/bar_history.py",
        "<= max_age_seconds * 1e9",
        "<= max_age_seconds * 1e10",
        engine_test("history", "test_a_price_is_fresh_by_trading_time"),
    ),
    planted(
        "a backtest takes prices that a session holds to be stale",
        "qtkit/trading/engine/backtest.py",
        "            context.settings.max_price_age_seconds,",
        "            context.settings.max_price_age_seconds * 2,",
        "tests/trading/engine/test_backtest_parity.py"
        "::test_symbols_without_bars_or_with_gaps_stand_aside_in_both",
    ),
    planted(
        "lunch makes prices stale",
        "qtkit/trading/engine/bar_history.py",
        "traded = traded + np.maximum(np.minimum(end, until) - np.maximum(start, since), 0)",
        "return np.asarray(until - since)",
        engine_test("tasks", "test_at_one_oclock_nothing_is_stale_yet"),
    ),
    planted(
        "yesterday's close is a price of today",
        "qtkit/trading/engine/bar_history.py",
        "(end > segments[0][0])",
        "(end > 0)",
        engine_test("history", "test_a_price_is_fresh_by_trading_time"),
    ),
    planted(
        "an unfinished bar is shown",
        "qtkit/trading/engine/bar_history.py",
        "longer.end[-1] <= max(int(parts.end[-1]), midnight):",
        "longer.end[-1] > 0:",
        engine_test("history", "test_an_unfinished_bar_is_not_shown_and_a_finished_one_is"),
    ),
    planted(
        "an order of noon trades at the day's open",
        "qtkit/market/bar_grid.py",
        "begins = start if not late else end",
        "begins = start",
        "tests/market/test_bar_grid.py::"
        "test_an_order_meets_the_first_bar_that_begins_when_it_can_be_seen",
    ),
    # --- the journal ---------------------------------------------------------------------------
    planted(
        "the journal does not wait for the disk",
        "qtkit/journal/writer.py",
        "        os.fsync(self._file)\n        self._dirty, self.synced",
        "        self._dirty, self.synced",
        "tests/journal/test_journal_file.py::test_each_lifecycle_event_waits_for_the_disk",
    ),
    planted(
        "the kill switch may be lost with the power",
        "qtkit/journal/writer.py",
        "    DayClosed,\n    KillSwitchSet,\n)",
        "    DayClosed,\n)",
        "tests/journal/test_journal_file.py::test_each_lifecycle_event_waits_for_the_disk",
    ),
    planted(
        "a torn line stays",
        "qtkit/journal/writer.py",
        "            os.truncate(self._path, chain.size)\n",
        "            os.truncate(self._path, chain.size + torn)\n",
        "tests/journal/test_journal_file.py"
        "::test_a_torn_last_line_is_left_out_by_readers_and_cut_off_by_the_writer",
    ),
    planted(
        "the link is not checked",
        "qtkit/journal/reader.py",
        "if entry.seq != number or previous != self.link:",
        "if entry.seq != number:",
        "tests/journal/test_journal_file.py"
        "::test_a_line_with_another_link_is_refused_though_its_number_is_right",
    ),
    planted(
        "a newer format is read all the same",
        "qtkit/journal/reader.py",
        "found is not None and found != FORMAT:",
        "found is not None and found < FORMAT:",
        "tests/journal/test_journal_file.py::test_a_newer_format_is_refused",
    ),
    planted(
        "what a power cut kept from the broker's book is never handed over",
        "qtkit/trading/engine/broker_session.py",
        "        self._ask_again = context.clock.now()\n        self.hand_over_adjustments()\n",
        "        self._ask_again = context.clock.now()\n",
        "tests/trading/engine/test_adjustments.py"
        "::test_a_power_cut_between_the_journal_and_the_brokers_book_heals_at_the_return",
    ),
    planted(
        "a NaN becomes history",
        "qtkit/journal/codec.py",
        "if decode(line) == (entry, link) and b'Infinity\"' not in line:",
        "if line:",
        "tests/journal/test_journal_codec.py"
        "::test_a_number_that_is_none_is_refused_before_it_is_history",
    ),
    planted(
        "two processes write one journal",
        "qtkit/journal/writer.py",
        "        self._lock.acquire()\n        try:\n",
        "        try:\n",
        "tests/journal/test_journal_file.py"
        "::test_the_lock_names_its_holder_and_is_free_after_the_close",
    ),
    planted(
        "after a crash the strategy gets fills again that it has",
        "qtkit/projections/engine_state.py",
        "    state.strategy_state = event.state\n    state.fills_since_saved = []\n",
        "    state.strategy_state = event.state\n",
        engine_test("fills", "test_the_strategys_state_moves_with_fills_and_is_saved_after_them"),
    ),
    planted(
        "a command that the power took is forgotten",
        "qtkit/trading/engine/recovery.py",
        "if isinstance(last.event, ev.CommandReceived):",
        "if isinstance(last.event, ev.SessionEnded):",
        engine_test(
            "recovery",
            "test_a_command_that_was_received_and_not_carried_out_is_refused_on_the_return",
        ),
    ),
    planted(
        "a re-run goes on under what the session began with",
        "qtkit/adapters/embedded/rerun.py",
        "    for entry in changes:\n        terms.apply(entry)\n",
        "",
        "tests/adapters/test_reruns_of_returns.py"
        "::test_a_re_run_goes_on_under_what_was_accepted_at_its_line",
    ),
)
