"""A day whose every number can be checked on paper: 600036.SH at 10.00 from open to close.

The strategy buys 100 at 09:35. No slippage, no latency; a fill costs 0.03 %, at least 5.00.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot
from qtkit.model.intents import Intent
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.spec import SessionSpec
from qtkit.sessions.local import LocalSession
from qtkit.testing import hand_made_data, scripted_spec
from qtkit.trading.brokers.sim.faults import NO_FAULTS, FaultScript

SYMBOL = "600036.SH"
DAY = date(2026, 3, 4)
_ZONE = "Asia/Shanghai"


def wanted(quantity: int) -> Intent:
    return Intent(symbol=SYMBOL, quantity=Decimal(quantity), because="the script says so")


def rehearsal(
    root: Path,
    *,
    faults: FaultScript = NO_FAULTS,
    day: date = DAY,
    days: Sequence[date] = (DAY,),
    account: str | None = None,
    **settings: object,
) -> LocalSession:
    """Return the day, just started at 09:00."""
    calendar = exchange_calendar("XSHG")
    plan = SessionSpec(
        strategy=scripted_spec({"09:35": [wanted(100)]}, [SYMBOL]),
        settings=settings_of({"slippage_bps": 0, **settings}),
        day=day,
        days=len(days),
        data=hand_made_data({SYMBOL: 10.0}, days, calendar),
        broker_faults=faults,
    )
    return LocalSession.planned(replace(plan, account=account), root=OutputRoot(root))
