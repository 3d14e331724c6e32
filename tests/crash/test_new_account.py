"""The power goes while an account is made and its first session begins: it begins when it is back.

The disk is remembered at each fsync and after each step that the broker keeps.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.testing import intent, scripted_spec
from tests.crash.days import BANK

DAY = date(2026, 3, 4)
SPEC = scripted_spec({"03-04 09:35": [intent(BANK, 100)]}, [BANK], opening_cash=Decimal(100_000))
START, STOP = (datetime(2026, 3, 4, 1, minute, tzinfo=UTC) for minute in (29, 38))


def _begin(root: Path) -> None:
    """Make the account where it is not there, and live a short day on it."""
    _make(root)
    simulate(SPEC, day=DAY, root=root, account="demo", start=START, stop=STOP)


def _make(root: Path) -> None:
    if not OutputRoot(root).account("paper", "demo").record.exists():
        prepare_account(SPEC, root=root, new_account="demo", day=DAY)


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the disk at every moment of a first session up to its second half."""
    place = tmp_path_factory.mktemp("creation")
    root, found, fsync = place / "root", list[Path](), os.fsync

    def photographed(file: int) -> None:
        if root.is_dir():
            target = place / f"moment_{len(found)}"
            shutil.copytree(root, target)
            found.append(target)
        fsync(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", photographed)
        _begin(root)
    return found


def test_a_first_session_has_many_moments(moments: list[Path]) -> None:
    """An account's record, the chain, the book, the journal and its mark are each written."""
    records = [m for m in moments if OutputRoot(m).account("paper", "demo").record.exists()]
    chains = [m for m in moments if OutputRoot(m).account("paper", "demo").chain.exists()]

    assert 0 < len(chains) < len(records) < len(moments)


def test_an_account_begins_after_a_power_cut_at_any_moment_of_its_creation(
    moments: list[Path], tmp_path: Path
) -> None:
    wrong = []
    for number, moment in enumerate(moments):
        root = tmp_path / f"again_{number}"
        shutil.copytree(moment, root)
        before = _ended(root)
        try:
            if not before:
                _begin_again(root)
        except Exception as problem:  # noqa: BLE001 - every moment is looked at
            wrong.append(f"moment {number}: {type(problem).__name__}: {problem}")
            continue
        orders = [e.order_id for e in _events(root) if isinstance(e, ev.OrderRequested)]
        opened = [e.opening.cash for e in _events(root) if isinstance(e, ev.SessionStarted)]
        if len(orders) != len(set(orders)) or opened != [Decimal(100_000)]:
            wrong.append(f"moment {number}: orders {orders}, opened with {opened}")

    assert wrong == []


def _begin_again(root: Path) -> None:
    """Come back ten minutes later, so that no time is lived twice."""
    _make(root)
    later = datetime(2026, 3, 4, 1, 40, tzinfo=UTC), datetime(2026, 3, 4, 1, 46, tzinfo=UTC)
    simulate(SPEC, day=DAY, root=root, account="demo", start=later[0], stop=later[1])


def _events(root: Path) -> list[ev.Event]:
    journals = sorted(root.glob("paper_sessions/*/artifacts/journal.jsonl"))
    return [entry.event for journal in journals for entry in read_journal(journal)]


def _ended(root: Path) -> bool:
    return any(isinstance(event, ev.SessionEnded) for event in _events(root))
