"""Names that operators know from elsewhere have their counterparts here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qtkit.core.errors import ConfigError
from qtkit.runtime.configuration.keys import all_keys
from qtkit.runtime.configuration.tables import explained
from qtkit.runtime.configuration.vendor_key_names import COUNTERPARTS, names_elsewhere
from tests.golden import texts

KNOWN = [
    "live_trade_account_id",
    "live_trade_account_name",
    "live_trade_debug_mode",
    "live_trade_init_cash",
    "live_trade_init_holdings",
    "live_trade_broker_type",
    "live_trade_broker_params",
    "live_trade_ui_type",
    "live_price_acquire_channel",
    "live_price_acquire_freq",
    "live_trade_data_refill_channel",
    "live_trade_data_refill_batch_size",
    "live_trade_data_refill_batch_interval",
    "live_trade_daily_refill_tables",
    "live_trade_weekly_refill_tables",
    "live_trade_monthly_refill_tables",
    "live_trade_split_strategy_prepare",
    "live_trade_strategy_snapshot_max_age_seconds",
    "live_trade_prepare_lead_seconds",
    "live_trade_startup_gate_mode",
    "watched_price_refresh_interval",
    "sys_log_file_path",
    "trade_log_file_path",
    "trade_log_keep_days",
    "strategy_open_close_timing_offset",
    "time_zone",
    "exchange",
]


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_has_a_counterpart_or_a_sentence(name: str) -> None:
    (found,) = [other for other in COUNTERPARTS if other.name == name]

    assert found.keys or found.note


def test_every_key_that_is_named_exists() -> None:
    named = {key for other in COUNTERPARTS for key in other.keys}

    assert named - set(all_keys()) == set()
    assert len({other.name for other in COUNTERPARTS}) == len(COUNTERPARTS)


def test_a_key_knows_its_names_elsewhere() -> None:
    assert names_elsewhere("account.name") == ("live_trade_account_id", "live_trade_account_name")


def test_a_key_is_explained() -> None:
    assert explained("prepare_lead_seconds") + "\n" == texts.KEY_EXPLAINED


def test_a_key_that_several_sections_have_needs_its_section(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice = {title: replace(key, name="path") for title, key in all_keys().items()}
    monkeypatch.setattr("qtkit.runtime.configuration.tables.all_keys", lambda: twice)

    with pytest.raises(ConfigError, match=r"have a key 'path': session\.path, "):
        explained("path")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("prepare_led_seconds", "did you mean 'prepare_lead_seconds'?"),
        ("qqqqqqqq", "`qtkit config show` lists them all"),
    ],
)
def test_a_key_that_does_not_exist_is_refused(asked: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match="there is no key") as caught:
        explained(asked)

    assert sentence in str(caught.value)
