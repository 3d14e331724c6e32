"""Which orders were requested, and which have come to an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from qtkit.evidence.audit_ledger import AuditLedger, OrderAccount

__all__ = ["Orders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """The session's own orders; those of its opening book are not among `requested`."""

    requested: Mapping[str, int]  # order id -> line of the request
    open: Mapping[str, OrderAccount]  # not ended, the opening book's included
    doubtful: Mapping[str, OrderAccount]  # open, and nobody knows whether the broker has it
    kept: frozenset[str]  # open ones that the break point keeps, as the policy says
    working: frozenset[str]  # open ones that work beyond the end by their own terms

    @classmethod
    def of(
        cls, tally: AuditLedger, day: date | None, kept: frozenset[str], end: datetime | None
    ) -> Orders:
        """Return the orders of a session, or of one day of it."""
        accounts = tally.orders
        still = {o: a for o, a in accounts.items() if a.is_open}
        return cls(
            requested={o: a.line for o, a in accounts.items() if a.line and day in {None, a.day}},
            open=still,
            doubtful={o: a for o, a in still.items() if a.status in {"requested", "doubtful"}},
            kept=kept,
            working=frozenset(o for o, a in still.items() if end and a.works_beyond(end)),
        )
