"""A day whose every number can be checked on paper: 600036.SH at 10.00 from open to close.

The strategy buys 100 at 09:35. No slippage, no latency; a fill costs 0.03 %, at least 5.00.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from qtkit.sessions.local import LocalSession
from qtkit.testing import DAY, hand_made_session, intent, scripted_spec
from qtkit.trading.brokers.sim.faults import NO_FAULTS, FaultScript

SYMBOL = "600036.SH"


def rehearsal(
    root: Path,
    *,
    faults: FaultScript = NO_FAULTS,
    days: Sequence[date] = (DAY,),
    account: str | None = None,
    **settings: object,
) -> LocalSession:
    """Return the day, just started at 09:00."""
    return hand_made_session(
        scripted_spec({"09:35": [intent(SYMBOL, 100)]}, [SYMBOL]),
        {SYMBOL: 10.0},
        root,
        days=days,
        settings={"slippage_bps": 0, **settings},
        broker_faults=faults,
        account=account,
    )
