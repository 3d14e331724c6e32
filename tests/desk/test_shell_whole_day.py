"""The shell over a simulated day, line by line, every command at least once."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.desk import commands
from qtkit.desk.shell import Console, run_line
from qtkit.desk.shell.commands import WORDS
from qtkit.model import events as ev
from qtkit.trading.brokers.sim.faults import FaultScript, UnmatchedFill
from tests.desk.hand_made_day import SYMBOL, rehearsal
from tests.desk.transcript import lived, plain, written

DAY = list(written())
# below, and a task by hand at every door that it might come in by
ELSEWHERE = {"gate", "reconcile", "stage", "artifacts", "reasons", "help", "run"}


def test_the_day_is_answered_as_it_is_written(tmp_path: Path) -> None:
    """By hand: 1 000 000 - 1 000 - 5 = 998 995 after 100 at 10.00, whose fee is at least 5.

    The order in doubt was at the broker: - 3 000 - 5 = 995 990. A schedule has 295 rows: one
    pre-open, two opens, 240 polls, 48 steps, two closes, one post-close, one refill.
    """
    answered = lived(tmp_path, [line for line, _ in DAY])

    for (line, expected), (_, answer) in zip(DAY, answered, strict=True):
        assert answer == expected, line


def test_every_command_is_typed_somewhere() -> None:
    typed = {line.split(maxsplit=1)[0] for line, _ in DAY}

    assert typed | ELSEWHERE == set(WORDS)


def test_every_command_that_works_on_a_session_is_a_function() -> None:
    of_the_shell_alone = {"advance", "bye", "help", "set"}

    assert set(WORDS) - of_the_shell_alone <= set(commands.__all__)


def test_the_gate_shows_all_its_checks(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        told = run_line(desk, "gate", by="anna")

        assert "open, mode warn" in told
        assert told.count("✓ pass") == told.count("\n") - 1
        judged = desk.entries()[-1]
        assert isinstance(judged.event, ev.GateJudged)
        assert judged.event.occasion == "demand"


def test_a_reconciliation_shows_both_books(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        lines = run_line(desk, "reconcile").splitlines()

    assert lines[-2].split() == ["ours", "1,000,000.00", "0", "0"]
    assert lines[-1].split() == ["the", "broker's", "1,000,000.00", "0", "0"]


def test_a_stage_is_judged_on_the_running_session(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        told = run_line(desk, "stage 0")
        as_json = json.loads(run_line(desk, "stage 4a --json"))

    assert told.startswith("Phase 0 · baseline")
    assert "pending" in told
    assert (as_json["type"], as_json["stage"]) == ("stage_report", "4-A")


def test_the_artifacts_are_listed_with_their_files(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        rows = [line.split() for line in run_line(desk, "artifacts").splitlines()[3:]]

    listed = {row[0]: row[1:3] for row in rows}
    assert listed["sys_log"] == ["artifacts/sys.log", "yes"]
    assert listed["break_point"] == ["artifacts/break_point.json", "not"]
    assert {"trade_log", "risk_log", "journal", "status", "reconciliations"} <= set(listed)


def test_each_reason_of_the_glossary_is_explained_and_counted(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        for line in ("pause", "advance 09:31"):
            run_line(desk, line)
        rows = json.loads(run_line(desk, "reasons --json"))["views"]["reasons"]

    times = {row["reason"]: row["times"] for row in rows}
    assert times["paused"] == 1
    assert times["gate_failed"] == 0
    assert all(row["what it means"] and row["what to do"] for row in rows)


def test_json_has_exact_numbers_and_times_with_their_offset(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        run_line(desk, "advance 09:36")
        fills = json.loads(run_line(desk, "fills --json"))
        cash = json.loads(run_line(desk, "cash --json"))

    assert fills["type"] == "desk_report"
    (fill,) = fills["views"]["fills"]
    assert fill["executed"] == "2026-03-04T09:36:00+08:00"
    assert (fill["price"], fill["fees"], fill["quantity"]) == ("10.00", "5.00", "100")
    assert cash["views"]["cash"]["cash"] == "998995.00"
    assert cash["views"]["cash"]["adds up"] == "pass"


def test_a_report_shows_in_a_notebook_without_script_and_escaped(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        commands.note(desk, "<script>alert(1)</script>")
        report = commands.note(desk, "<b>")
        html = report._repr_mimebundle_()["text/html"]

    assert "&lt;b&gt;" in str(html)
    assert "<script" not in str(html)


def test_a_manual_order_is_in_the_journal_under_the_operators_name(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        run_line(desk, "advance 09:36")
        run_line(desk, f'buy {SYMBOL} 100 --because "by feel"', by="anna")
        orders = [e.event for e in desk.entries() if isinstance(e.event, ev.OrderRequested)]

    assert [(o.by or o.origin, o.because) for o in orders] == [
        ("strategy", "the script says so"),
        ("anna", "by feel"),
    ]


def test_the_kill_switch_lets_a_reduction_through(tmp_path: Path) -> None:
    """On the second day the shares of the first can be sold."""
    two_days = (date(2026, 3, 4), date(2026, 3, 5))
    with rehearsal(tmp_path, days=two_days) as desk:
        run_line(desk, "advance 2026-03-05T09:36")
        run_line(desk, "kill --why hot")
        with pytest.raises(ConfigError, match=r"risk\.kill_switch"):
            run_line(desk, f"buy {SYMBOL} 100")
        let_through = run_line(desk, f"sell {SYMBOL} 100")

    assert "accepted by sim" in let_through


def test_a_session_that_was_started_for_debugging_runs_tasks_by_hand(tmp_path: Path) -> None:
    with rehearsal(tmp_path, debug=True) as desk:
        told = run_line(desk, "run --task diagnose_pending_orders")

    assert "with the broker: 0 open with us, 0 there" in plain(told)


def test_a_fill_that_fits_no_order_is_listed_as_not_booked(tmp_path: Path) -> None:
    stray = UnmatchedFill(
        at=datetime(2026, 3, 4, 1, 40, tzinfo=UTC),
        order_id="q999999",
        symbol=SYMBOL,
        quantity=Decimal(100),
        price=Decimal("10.00"),
    )
    with rehearsal(tmp_path, faults=FaultScript(faults=(stray,))) as desk:
        run_line(desk, "advance 09:41")
        told = run_line(desk, "fills")
        diagnosed = run_line(desk, "reconcile")

    assert "Not booked" in told
    assert "✗ fail" in diagnosed


def test_tables_without_rows_say_so(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        console = Console.at(desk)
        answers = {word: console.run(word).splitlines()[1] for word in ("orders", "fills", "tasks")}
        held = console.run("positions").splitlines()[1]

    assert {verb: text.count("\n") for verb, text in answers.items()} == {
        "orders": 0,
        "fills": 0,
        "tasks": 0,
    }
    assert held == "nothing is held"


def test_expired_risk_logs_go_only_with_yes(tmp_path: Path) -> None:
    """The first session ended long ago; the second runs, and keeps its own."""
    with rehearsal(tmp_path) as old:
        for line in ("advance 09:36", f"buy {SYMBOL} 150", "stop"):
            Console.at(old).answer(line)
    with rehearsal(tmp_path) as desk:
        Console.at(desk).answer(f"buy {SYMBOL} 150")
        shown = [
            run_line(desk, line)
            for line in ("rotatelogs --days 0", "rotatelogs --days 0 --yes --dry-run")
        ]
        there = old.folder.risk_log.exists()
        gone = run_line(desk, "rotatelogs --days 0 --yes")

    assert all("Nothing was deleted; add --yes" in text for text in shown)
    assert there
    assert f"risk.log of {old.folder.session_id} removed" in gone
    assert not old.folder.risk_log.exists()
    assert desk.folder.risk_log.exists()
