"""An intent as the exchange takes it."""

from __future__ import annotations

import msgspec

from qtkit.model.instruments import Instrument
from qtkit.model.intents import Intent
from qtkit.model.money import round_to_tick

__all__ = ["normalised"]


def normalised(intent: Intent, instrument: Instrument) -> Intent:
    """Return the intent with its limit price on the tick grid, never worse for us than asked.

    Buys are rounded down and sells up. A price that is no finite number stays as it is: the risk
    rules refuse it by name.

    Parameters
    ----------
    intent
        What a strategy or an operator wants.
    instrument
        Its trading rules; `tick` is account currency per share.
    """
    price = intent.limit_price
    if price is None or not price.is_finite():
        return intent
    rounded = round_to_tick(price, instrument.tick_at(price), up=intent.quantity < 0)
    if rounded == price:
        return intent
    return msgspec.structs.replace(intent, limit_price=rounded)
