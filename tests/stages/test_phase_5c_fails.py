"""Phase 5-C on journals, logs and files with one mistake planted in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status, Verdict, fail, ok
from qtkit.evidence import Evidence, Fault, RunFacts, Scenario
from qtkit.model import events as ev
from tests.stages.parts import CHECKS, A, book, is_found, open_order
from tests.stages.phase_5_stories import (
    PHASE_5,
    SEEN,
    judged,
    refused_day,
    rejected_day,
    removed,
    then,
    two_mornings,
)
from tests.stages.story import CASH_AT_NIGHT, Story, healthy_day, stopped_at_lunch

Plant = Callable[[Story], object]

# --- mapping, logs, diagnosis, reconciliation ----------------------------------------------------

KEPT = open_order("q3", A, 500, "20631.19")
ORDERS: list[tuple[str, Callable[[], Story], str, Plant]] = [
    ("5-C.1", healthy_day, "no_id q2 broker_order_id",
     lambda s: s.edit(ev.OrderAccepted, {"broker_order_id": ""}, order_id="q2")),
    ("5-C.1", healthy_day, "no_id q2 broker_name",
     lambda s: s.edit(ev.OrderAccepted, {"broker_name": ""}, order_id="q2")),
    ("5-C.1", healthy_day, "two_here b-q1",
     lambda s: s.edit(ev.OrderAccepted, {"broker_order_id": "b-q1"}, order_id="q2")),
    ("5-C.1", healthy_day, "two_there q3",
     lambda s: s.edit(ev.OrderFilled, {"broker_order_id": "b-9"}, order_id="q3")),
    ("5-C.1", lambda: stopped_at_lunch(settings={"on_stop": "keep"}, keep=(KEPT,)),
     "two_there q3",
     lambda s: s.edit(ev.SessionEnded, {"closing": book(
         "601004.33", 5300, 5000, msgspec.structs.replace(KEPT, broker_order_id="b-8"))})),
    ("5-C.2", rejected_day, "no_reason q3",
     lambda s: s.edit(ev.OrderRejected, {"reason": " "})),
    ("5-C.2", rejected_day, "no_reason q3",
     lambda s: s.edit(ev.OrderRejected, {"reason_code": ""})),
    ("5-C.2", healthy_day, "other_status q1 filled",
     lambda s: then(s, "13:30", ev.OrderRejected(order_id="q1", reason_code="x", reason="y"))),
    ("5-C.6", healthy_day, "contradiction False none",
     lambda s: s.edit(ev.PendingDiagnosed, {"is_ok": False})),
    ("5-C.6", healthy_day, "contradiction True local_pending_missing_remote",
     lambda s: s.edit(ev.PendingDiagnosed, {"local_pending_missing_remote": ("b-q3",)})),
    ("5-C.6", healthy_day, "count 1 0",
     lambda s: s.edit(ev.PendingDiagnosed, {"local_pending_count": 1})),
    ("5-C.6", healthy_day, "more_unknown",
     lambda s: s.edit(ev.PendingDiagnosed, {
         "remote_pending_not_in_local": ("b-9",), "is_ok": False})),
    ("5-C.6", healthy_day, "not_clean",
     lambda s: s.edit(ev.PendingDiagnosed, {
         "failures": ("remote_pending_read_error: gone",), "is_ok": False})),
    ("5-C.8", two_mornings, "cash 2026-03-05 582403.75 582403.76",
     lambda s: s.edit(ev.DayClosed, {"book": book("582429.26", 5800, 5000)}, 1)),
    ("5-C.8", two_mornings, "shares 000651.SZ 5800 5700",
     lambda s: s.edit(ev.DayClosed, {"book": book("582429.25", 5700, 5000)}, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "made", "expected", "plant"), ORDERS)
def test_a_mistake_about_orders_and_books_is_found(
    check_id: str, made: Callable[[], Story], expected: str, plant: Plant
) -> None:
    story = made()
    plant(story)

    found = judged(check_id, story)

    assert found.status is Status.FAIL, found
    assert is_found(found, expected)


def test_5_c_2_a_rejection_that_has_a_broker_id_and_no_acceptance_is_found() -> None:
    story = rejected_day()
    kept = open_order("q3", A, 100, "0")
    opening = book("1000000", 0, 0, kept)
    story.edit(ev.SessionStarted, {"opening": opening}).drop(ev.OrderRequested, order_id="q3")

    found = judged("5-C.2", story)

    assert is_found(found, "broker_id q3 b-q3")


def test_5_c_6_what_was_planted_and_not_found_is_told() -> None:
    planted = Scenario(
        name="x", sentence="A hidden order.", broker_faults=(Fault(kind="hidden_order"),)
    )

    found = judged("5-C.6", healthy_day(), scenario=planted)

    assert found.status is Status.FAIL
    assert is_found(found, "not_found local_pending_missing_remote")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"opening": book("582403.74", 5800, 5000)}, "cash 582403.75 582403.74"),
        ({"opening": book(CASH_AT_NIGHT, 5800, 4900)}, "shares 5000 4900"),
        ({"opening": book(CASH_AT_NIGHT, 5800, 5000, KEPT)}, "order q3"),
    ],
)
def test_5_c_8_another_opening_of_the_next_session_is_found(
    changes: dict[str, Any], expected: str
) -> None:
    story = healthy_day()
    following = msgspec.structs.replace(story.entries()[0].event, **changes)

    found = judged("5-C.8", story, facts=RunFacts(successor=following))

    assert found.status is Status.FAIL
    assert is_found(found, expected)


Damage = Callable[[SessionFolder], object]


def lines_of(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


LOGS: list[tuple[str, str, Damage]] = [
    ("5-C.3", "no_log", lambda f: f.risk_log.unlink()),
    ("5-C.3", "not_logged", lambda f: lines_of(f.risk_log, lambda t: t[:1])),
    ("5-C.3", "more_logged", lambda f: lines_of(f.risk_log, lambda t: [*t, t[0]])),
    ("5-C.3", "not_logged", lambda f: f.risk_log.write_text(
        f.risk_log.read_text().replace("quantity=150", "quantity=151"))),
    ("5-C.3", "not_logged", lambda f: f.risk_log.write_text(
        f.risk_log.read_text().replace("rule_id=risk.lot_and_tick", "rule_id=risk.cash"))),
    ("5-C.3", "unreadable", lambda f: f.risk_log.write_text("hello\n")),
    ("5-C.3", "unreadable", lambda f: f.risk_log.write_text(
        f.risk_log.read_text().replace(" symbol=000651.SZ", ""))),
    ("5-C.3", "unreadable", lambda f: f.log_removals.write_text("{\n")),
    ("5-C.4", "missing trade_log", lambda f: f.trade_log.unlink()),
    ("5-C.4", "missing break_point", lambda f: f.break_point.unlink()),
    ("5-C.4", "missing risk_log", lambda f: f.risk_log.unlink()),
    ("5-C.5", "vanished risk.log",
     lambda f: f.risk_log.unlink()),
    ("5-C.5", "no_log", lambda f: f.sys_log.unlink()),
    ("5-C.5", "no_log trade.log", lambda f: f.trade_log.unlink()),
    ("5-C.5", "other_start",
     lambda f: lines_of(f.sys_log, lambda t: t[1:])),
    ("5-C.5", "lacks_fills 1 f-q1-1",
     lambda f: lines_of(f.trade_log, lambda t: [t[0], *t[2:]])),
    ("5-C.5", "not_a_risk_log trade.log", lambda f: removed(f, "trade.log")),
    ("5-C.5", "too_early risk.log",
     lambda f: removed(f, when="2026-03-01")),
    ("5-C.5", "unreadable", lambda f: f.trade_log.write_text("a,b\n1,2\n")),
    ("5-C.7", "no_file", lambda f: next(f.reconcile.iterdir()).unlink()),
    ("5-C.7", "unreadable", lambda f: next(f.reconcile.iterdir()).write_text("{")),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "expected", "damage"), LOGS)
def test_a_damaged_file_is_found(
    check_id: str, expected: str, damage: Damage, tmp_path: Path
) -> None:
    folder = refused_day().folder(tmp_path / "s")
    damage(folder)

    found = CHECKS[check_id](Evidence.of_folder(folder))

    assert found.status is Status.FAIL, found
    assert is_found(found, expected)


def test_5_c_3_a_refusal_that_used_an_order_number_up_is_found(tmp_path: Path) -> None:
    story = healthy_day()
    for kind in (ev.OrderRequested, ev.OrderAccepted, ev.OrderFilled):
        story.edit(kind, {"order_id": "q4"}, order_id="q3")

    found = CHECKS["5-C.3"](Evidence.of_folder(story.folder(tmp_path / "s")))

    assert found.status is Status.FAIL
    assert is_found(found, "number_missing q4 2")


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (ok("fine").named("risk.cash"), "allowed"),
        (fail("", fix="").named("risk.cash"), "no_rule"),
    ],
)
def test_5_c_3_a_refusal_without_ground_is_found(
    verdict: Verdict,
    expected: str,
    tmp_path: Path,
) -> None:
    story = refused_day()
    folder = story.folder(tmp_path / "s")
    story.edit(ev.OrderRefused, {"verdicts": (verdict,)})

    found = CHECKS["5-C.3"](Evidence.of_entries(story.entries(), folder=folder))

    assert is_found(found, expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"removed": ()}, "not_both a/risk.log"),
        ({"removed": ("a/risk.log", "b/risk.log")}, "not_both b/risk.log"),
        ({"listed": ()}, "other_preview"),
        ({"removed_by_preview": ("a/risk.log",)}, "preview_removed a/risk.log"),
    ],
)
def test_5_c_5_a_rotation_that_goes_wrong_is_found(
    changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    facts = RunFacts(rotation=replace(SEEN, **changes))

    found = CHECKS["5-C.5"](Evidence.of_folder(healthy_day().folder(tmp_path / "s"), facts=facts))

    assert found.status is Status.FAIL
    assert is_found(found, expected)


def edited(**changes: object) -> Damage:
    def edit(folder: SessionFolder) -> None:
        path = next(folder.reconcile.iterdir())
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (edited(is_ok=False), "differs is_ok"),
        (edited(failures=["cash"]), "differs failures"),
        (edited(cash={"ours": "1", "broker": "1", "difference": "0"}), "differs"),
        (edited(positions={}), "differs"),
        (edited(open_orders={"ours": ["q9"], "broker": []}), "differs"),
        (edited(tolerance="x"), "lacks"),
        (edited(cash={}), "lacks"),
        (edited(seq=1), "no_file"),
    ],
)
def test_5_c_7_a_reconciliation_that_reads_otherwise_is_found(
    damage: Damage, expected: str, tmp_path: Path
) -> None:
    folder = healthy_day().folder(tmp_path / "s")
    damage(folder)

    found = CHECKS["5-C.7"](Evidence.of_folder(folder))

    assert found.status is Status.FAIL
    assert is_found(found, expected)


def test_5_c_7_a_closing_without_a_reconciliation_is_found(tmp_path: Path) -> None:
    story = healthy_day()
    place = story.find(ev.DayClosed)
    moved = story.moments.pop(story.find(ev.AccountReconciled))
    story.moments.insert(place, moved)

    found = CHECKS["5-C.7"](Evidence.of_folder(story.folder(tmp_path / "s")))

    assert found.status is Status.FAIL
    assert is_found(found, "unreconciled")


def test_each_check_of_phase_5_c_fails_somewhere_here() -> None:
    listed = {check_id for check_id, *_ in (*ORDERS, *LOGS)}

    assert listed == {c for c in PHASE_5 if c.startswith("5-C")}
