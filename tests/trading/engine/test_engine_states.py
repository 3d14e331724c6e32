"""The status table, the glossary, and the state that is folded from the journal."""

from __future__ import annotations

from itertools import product

import pytest

from qtkit.core.errors import InvariantBroken
from qtkit.model import events as ev
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.model.status import STATUS_TABLE, EngineStatus, check_move
from qtkit.testing import intent
from tests.trading.engine.engine_bench import BANK, day_of

ALLOWED = {
    ("stopped", "start", "sleeping"),
    ("sleeping", "open_market", "running"),
    ("running", "close_market", "sleeping"),
    ("sleeping", "pause", "paused"),
    ("running", "pause", "paused"),
    ("paused", "resume", "running"),
    ("paused", "resume", "sleeping"),
    ("running", "recover", "sleeping"),
    ("sleeping", "stop", "stopped"),
    ("running", "stop", "stopped"),
    ("paused", "stop", "stopped"),
}
REASONS = ("start", "open_market", "close_market", "pause", "resume", "stop", "recover", "whim")


@pytest.mark.parametrize(
    ("before", "because", "after"), list(product(EngineStatus, REASONS, EngineStatus))
)
def test_every_move_there_could_be_is_in_the_table_or_refused(
    before: EngineStatus, because: str, after: EngineStatus
) -> None:
    """All 128 of them, against a list written by hand."""
    if (before, because, after) in ALLOWED:
        check_move(before, because, after)
        return
    with pytest.raises(
        InvariantBroken,
        match=f"{before} cannot become {after} because of {because}; from {before}: ",
    ):
        check_move(before, because, after)


def test_the_table_has_no_other_row() -> None:
    rows = {(b, why, a) for (b, why), to in STATUS_TABLE.items() for a in to}
    assert rows == ALLOWED


def test_the_state_moves_its_status_by_the_table_alone() -> None:
    bench = day_of()
    bench.engine.start()
    wrong = ev.StatusChanged(before="sleeping", after="stopped", because="open_market")
    with pytest.raises(InvariantBroken, match="stopped because of open_market"):
        bench.engine.context.record(wrong)


def test_each_reason_of_the_glossary_can_be_understood() -> None:
    assert set(GLOSSARY) >= {
        "missed", "paused", "status_not_allowed", "canceled", "prev_running", "already_queued",
        "gate_failed", "snapshot_missing", "snapshot_stale", "no_fresh_price", "not_a_trading_day",
        "kill_switch", "restart", "feed_silent", "broker_disconnected",
    }  # fmt: skip
    for name, reason in GLOSSARY.items():
        assert reason.name == name
        assert reason.meaning.endswith(".")
        assert reason.what_to_do.endswith(".")


def test_the_same_journal_makes_the_same_state() -> None:
    """What a life knew at its end is what its lines say, and nothing else."""
    bench = day_of(
        script={"09:35": [intent(BANK, 1000)], "14:55": [intent(BANK, 100, "9.5")]}
    ).run()
    folded = bench.again("15:40", keep=0).engine.context.state
    for entry in bench.entries:
        folded.apply(entry)
    lived = bench.engine.context.state
    assert folded.ledger.book() == lived.ledger.book()
    for name in (
        "status",
        "today",
        "next_order",
        "strategy_state",
        "plan",
        "closed",
        "ended",
        "tags",
    ):
        assert getattr(folded, name) == getattr(lived, name)
