"""Deliberate bugs: one small change each, and the tests or the product check that must catch it."""

from __future__ import annotations

from tests.mutants.bug import Bug
from tests.mutants.bugs_of_accounts import BUGS_OF_ACCOUNTS
from tests.mutants.bugs_of_facts import BUGS_OF_FACTS
from tests.mutants.bugs_of_orders import BUGS_OF_ORDERS
from tests.mutants.bugs_of_time import BUGS_OF_TIME

__all__ = ["BUGS"]

BUGS: tuple[Bug, ...] = BUGS_OF_ACCOUNTS + BUGS_OF_FACTS + BUGS_OF_ORDERS + BUGS_OF_TIME
