"""From a session's view to rows: pure functions, the same for shell and panels.

Every time is shown in the exchange's zone, every amount of money in the account's currency.
"""

from qtkit.desk.views.book import cash, positions, prices
from qtkit.desk.views.orders import fills, order_story, orders, refusals, unmatched_fills
from qtkit.desk.views.session_tasks import (
    as_of,
    reasons,
    schedule,
    skips,
    status,
    story,
    task,
    tasks,
)

__all__ = [
    "as_of",
    "cash",
    "fills",
    "order_story",
    "orders",
    "positions",
    "prices",
    "reasons",
    "refusals",
    "schedule",
    "skips",
    "status",
    "story",
    "task",
    "tasks",
    "unmatched_fills",
]
