"""The modes of a session: stages on the way to live money."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["ACCOUNT_MODES", "MODES", "Mode"]

Mode = Literal["backtest", "shadow", "paper", "live"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""Every mode."""
ACCOUNT_MODES = tuple(mode for mode in MODES if mode != "backtest")
"""Those of a session that has an account, and a folder."""
