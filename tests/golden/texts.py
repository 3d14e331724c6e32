"""Whole texts that people read, held to the letter; all other tests hold to facts."""

from __future__ import annotations

CONFIGURATION_MISTAKES = """\
the configuration has 10 mistakes:
  qtkit.toml line 2: there is no key engine.step_minuts; did you mean engine.step_minutes?
  qtkit.toml line 9: there is no key checks.slippage_bps; slippage_bps belongs to [broker]
  qtkit.toml line 11: there is no section [loggs]; did you mean [logs]?
  environment QTKIT_SESSION__SEED: session.seed was "many"; expected a whole number
  argument session.data: session.data was 5; expected text
  qtkit.toml line 4: engine.retries.refill was "x"; expected a table of whole numbers
  .env line 1: engine.on_stop was "cancl"; expected one of cancel, keep
  qtkit.toml line 3: engine.late_after_seconds was -3; expected a number, above 0, at most 31,536,000 (seconds)
  qtkit.toml line 7: risk.trading_windows was [["14:00", "13:00"]]: window 14:00 to 13:00 is empty; its end must be after its start
  qtkit.toml line 5: strategy_snapshot_max_age_seconds (3) must be at least prepare_lead_seconds (5)
"""  # noqa: E501 - as people see it

KEY_EXPLAINED = """\
[engine] prepare_lead_seconds
  meaning      how long before its step one is prepared
  allowed      a whole number, at least 0, at most 300
  unit         seconds
  default      5
  environment  QTKIT_ENGINE__PREPARE_LEAD_SECONDS
  changes      at the start of a session only
  elsewhere    live_trade_prepare_lead_seconds
"""

CONFIGURATION_HOLDS = "qtkit.toml holds: 9 keys are given, the others are defaults\n"

OPEN_ORDERS_DIFFER = (
    "3 open orders differ: o1 is open here (accepted), not there; o3 is open there, not here; "
    "o2 has 0 shares filled here, 100 there"
)

ORDER_OUTSIDE_CONTRACT = (
    "150 shares are no whole lots of 100; limit price must be a multiple of 0.01, "
    "was 12.005; limit price must be from 9.00 to 11.00 on this date, was 12.005"
)

REDUCTION_PASSES_KILL_SWITCH = "the kill switch is on, and the order reduces the position"
REDUCTION_PASSES_WINDOWS = "outside the trading windows, and the order reduces the position"

PAUSED_BY_OPERATOR = "An operator had paused trading when the task came due."
CELL_WITHOUT_OUTPUT = (
    "code cell 1: it was not run, or its outputs were stripped: run `make notebooks`"
)
END_OF_SHELL = "The simulated session ends where its shell ends.\n"
