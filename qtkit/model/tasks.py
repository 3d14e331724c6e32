"""The tasks of our engine, and what each is for."""

from __future__ import annotations

from qtkit.model.engine import TaskRole

__all__ = ["TASK_ROLES"]

TASK_ROLES: dict[str, TaskRole] = {
    "pre_open": TaskRole.DAY_BEGINS,
    "open_market": TaskRole.OPEN,
    "acquire_live_price": TaskRole.POLL,
    "prepare_strategy": TaskRole.PREPARATION,
    "run_strategy": TaskRole.STEP,
    "close_market": TaskRole.CLOSE,
    "post_close": TaskRole.DAY_ENDS,
    "refill": TaskRole.HOUSEKEEPING,
    "diagnose_pending_orders": TaskRole.HOUSEKEEPING,
}
