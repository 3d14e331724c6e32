"""What the configuration names of other live engines are called here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COUNTERPARTS", "Counterpart", "names_elsewhere"]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A name that operators know from elsewhere.

    Attributes
    ----------
    name
        The name.
    keys
        Keys of ours that do its work; () where it is no setting here.
    note
        What differs, or where it went.
    """

    name: str
    keys: tuple[str, ...] = ()
    note: str = ""


_SPEC = "the strategy's file says it, in its SPEC"
_CALENDAR = "the exchange's calendar knows it; `session.calendar_overlay` extends the calendar"

COUNTERPARTS: tuple[Counterpart, ...] = (
    Counterpart("mode", ("session.mode",)),
    Counterpart("live_trade_account_id", ("account.name",), "accounts go by name alone"),
    Counterpart("live_trade_account_name", ("account.name", "account.new")),
    Counterpart("live_trade_debug_mode", ("session.debug",)),
    Counterpart("live_trade_init_cash", ("account.opening_cash",)),
    Counterpart(
        "live_trade_init_holdings",
        (),
        "the command `adjust` books them once, with a name and a reason; a restart adds nothing",
    ),
    Counterpart("live_trade_broker_type", ("session.mode",), "paper: the simulated broker"),
    Counterpart(
        "live_trade_broker_params",
        ("broker.slippage_bps", "broker.participation", "broker.latency_seconds"),
        "each has a key of its own; chance follows from `session.seed`",
    ),
    Counterpart("live_trade_ui_type", (), "an option: `qtkit live --ui cli`, or none"),
    Counterpart("live_price_acquire_channel", ("feed.kind",)),
    Counterpart("live_price_acquire_freq", ("engine.price_poll_minutes",), "whole minutes"),
    Counterpart("live_trade_data_refill_channel", ("session.data",)),
    Counterpart(
        "live_trade_data_refill_batch_size",
        (),
        "`qtkit data refill --help`: a source is taken as it comes",
    ),
    Counterpart(
        "live_trade_data_refill_batch_interval", (), "as above; a poll has `feed.backoff_seconds`"
    ),
    *(
        Counterpart(
            f"live_trade_{often}_refill_tables",
            ("engine.refill",),
            "the one table that the strategy names, after each trading day",
        )
        for often in ("daily", "weekly", "monthly")
    ),
    Counterpart("live_trade_split_strategy_prepare", ("engine.split_strategy_prepare",)),
    Counterpart(
        "live_trade_strategy_snapshot_max_age_seconds",
        ("engine.strategy_snapshot_max_age_seconds",),
        "at least the lead; ages on the session's clock",
    ),
    Counterpart("live_trade_prepare_lead_seconds", ("engine.prepare_lead_seconds",)),
    Counterpart("live_trade_startup_gate_mode", ("engine.startup_gate_mode",)),
    Counterpart(
        "watched_price_refresh_interval", (), "shells and panels read the journal as it grows"
    ),
    Counterpart("sys_log_file_path", ("logs.sys_log_file_path",), "a folder, too"),
    Counterpart("trade_log_file_path", ("logs.trade_log_file_path",), "a folder; risk.log too"),
    Counterpart(
        "trade_log_keep_days", (), "nothing expires by itself: `qtkit rotatelogs --days 30`"
    ),
    Counterpart("time_zone", (), "people read the exchange's zone, machines UTC"),
    Counterpart("exchange", (), _SPEC),
    Counterpart("asset_pool", (), _SPEC),
    *(
        Counterpart(f"market_{when}", (), _CALENDAR)
        for when in ("open_time_am", "close_time_am", "open_time_pm", "close_time_pm")
    ),
    Counterpart("strategy_open_close_timing_offset", ("engine.close_offset_minutes",)),
    Counterpart("trade_batch_size", (), "the instrument's lot, by symbol and date"),
    Counterpart("sell_batch_size", (), "the instrument's lot, by symbol and date"),
    Counterpart("cost_rate_buy", ("broker.commission_rate",), "buys and sells alike"),
    Counterpart("cost_rate_sell", ("broker.commission_rate",), "stamp duty is the instrument's"),
    Counterpart("cost_min_buy", ("broker.commission_minimum",), "once for an order"),
    Counterpart("cost_min_sell", ("broker.commission_minimum",), "once for an order"),
    Counterpart("cost_slippage", ("broker.slippage_bps",), "on the price, against us"),
    Counterpart("stock_delivery_period", (), "the instrument's settlement, in trading days"),
    Counterpart("cash_delivery_period", (), "cash of a sale is there at once"),
    Counterpart("long_position_limit", ("risk.max_position_quantity",), "shares of one symbol"),
)


def names_elsewhere(key: str) -> tuple[str, ...]:
    """Return the names that a key of ours, such as ``account.name``, has elsewhere."""
    return tuple(other.name for other in COUNTERPARTS if key in other.keys)
