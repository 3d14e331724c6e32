"""Signs of life, limits and the timeline, from journals written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.verdict import fail, ok
from qtkit.desk.views.health import countdown, gate, health
from qtkit.desk.views.risk import rules
from qtkit.desk.views.snapshots import snapshots
from qtkit.desk.views.timeline import timeline
from qtkit.model import events as ev
from qtkit.model.events import Entry, Event
from qtkit.model.orders import OrderOrigin, OrderType
from qtkit.projections.health import LifeSigns
from qtkit.projections.session_view import SessionView
from qtkit.sessions.local import LocalSession

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
HALF_PAST_NINE = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """A session until half past nine: the market has opened, and no bar is there."""
    root = tmp_path_factory.mktemp("morning")
    settings = {"split_strategy_prepare": True}
    with LocalSession.of(GRID, day=date(2026, 3, 4), root=root, settings=settings) as session:
        session.advance(HALF_PAST_NINE)
        return list(session.entries())


def _then(entries: list[Entry], *events: Event, seconds: int = 1) -> list[Entry]:
    """Return the entries with more events, one each `seconds`."""
    last = entries[-1]
    return [
        *entries,
        *(
            Entry(seq=last.seq + n, at=last.at + timedelta(seconds=n * seconds), event=event)
            for n, event in enumerate(events, 1)
        ),
    ]


def _health(entries: list[Entry], *, later: int = 0, alive: bool = True) -> dict[str, str]:
    now = entries[-1].at + timedelta(seconds=later)
    found = health(SessionView.of(entries), LifeSigns(now=now, alive=alive))
    return {str(what): f"{word} · {told}" for what, word, told in found.rows}


def test_a_feed_is_fresh_then_silent_and_failing_until_it_delivers(morning: list[Entry]) -> None:
    assert _health(morning)["feed"].startswith("… silent")

    fed = _then(morning, ev.PricesSeen(poll=1, bars=3, last=()))
    assert _health(fed, later=300)["feed"].startswith("✓ fresh · 3 bars at 09:30:01, 5 min 0 s ago")
    assert _health(fed, later=301)["feed"].startswith("✗ silent")

    broken = _then(fed, ev.FeedFailed(error="no route"))
    assert _health(broken)["feed"] == "✗ failing · the feed failed: no route"
    mended = _then(broken, ev.PricesSeen(poll=1, bars=0, last=()))
    assert _health(mended)["feed"].startswith("✓ fresh · 3 bars at 09:30:01, 2 s ago")


def test_a_loop_is_late_beyond_its_budget_of_five_seconds(morning: list[Entry]) -> None:
    steady = _then(morning, ev.LoopPulsed(largest_gap_seconds=Decimal(5)))
    late = _then(steady, ev.LoopPulsed(largest_gap_seconds=Decimal("5.001")))
    over = _then(late, ev.LoopPulsed(largest_gap_seconds=Decimal(0)))

    assert _health(steady)["loop"].startswith("✓ steady")
    assert _health(late)["loop"].startswith("! late")
    assert "largest gap 0 s, 5.001 s in the" in _health(over)["loop"]


def test_engine_broker_gate_and_errors_each_have_their_mark(morning: list[Entry]) -> None:
    verdicts = (ok("fine").named("gate.cash"), fail("it is not", fix="look").named("gate.clock"))
    bad = _then(
        morning,
        ev.BrokerDisconnected(broker_name="sim", error="gone away"),
        ev.GateJudged(mode="block", occasion="demand", verdicts=verdicts, open=False),
        ev.InternalErrorRaised(where="engine.loop", error="oops"),
        ev.KillSwitchSet(on=True, by="anna", why="a drill"),
    )
    found = _health(bad)

    assert _health(morning)["engine"] == "✓ alive · it is running"
    assert _health(morning, alive=False)["engine"].startswith("✗ gone")
    assert found["broker"].startswith("✗ not connected")
    assert found["gate"].startswith("✗ shut · gate shut (mode block, demand): gate.clock: it is")
    assert found["errors"].endswith("engine.loop: oops")
    assert found["kill switch"].startswith("✗ ON")
    assert [v.rule for v in gate(SessionView.of(bad))] == ["gate.clock", "gate.cash"]


def test_a_gate_that_only_warns_is_no_failure(morning: list[Entry]) -> None:
    judged = ev.GateJudged(mode="warn", occasion="demand", verdicts=(), open=False)

    assert _health(_then(morning, judged))["gate"].startswith("! shut")


def test_before_anything_is_known_it_is_said_so(morning: list[Entry]) -> None:
    found = _health(morning[:1])

    assert found["loop"].startswith("… waiting")
    assert found["broker"].startswith("… waiting")
    assert found["gate"].startswith("… not judged")
    assert gate(SessionView.of(morning[:1])) == ()


def test_the_countdown_ends_with_the_day_and_with_the_session(morning: list[Entry]) -> None:
    picture = SessionView.of(morning)
    assert countdown(picture, HALF_PAST_NINE) == "acquire_live_price at 09:31:00, in 1 min 0 s"
    assert countdown(picture, HALF_PAST_NINE + timedelta(minutes=1)).endswith("due now")

    assert countdown(SessionView.of(morning[:1]), HALF_PAST_NINE) == "none is left today"
    ended = ev.SessionEnded(reason="stop", closing=picture.opening.opening)
    stopped = _then(
        morning,
        ev.StatusChanged(before="running", after="stopped", because="stop"),
        ended,
    )
    assert countdown(SessionView.of(stopped), HALF_PAST_NINE) == "none: the session has ended"
    assert _health(stopped)["engine"].startswith("– ended")  # noqa: RUF001 - a dash is the symbol


def _refused(rule: str) -> ev.OrderRefused:
    return ev.OrderRefused(
        symbol="000651.SZ",
        quantity=Decimal(100),
        price=None,
        because="by hand",
        origin=OrderOrigin.OPERATOR,
        by="anna",
        verdicts=(fail("no", fix="wait").named(rule),),
    )


def test_refusals_are_counted_by_rule_unknown_ones_too(morning: list[Entry]) -> None:
    events = [_refused("risk.cash"), _refused("risk.cash"), _refused("risk.own_rule")]

    found = {row[0]: row[4] for row in rules(SessionView.of(_then(morning, *events))).rows}

    assert found["risk.cash"] == 2
    assert found["risk.own_rule"] == 1
    assert found["risk.sellable"] == 0


def test_a_limit_that_is_nearly_used_warns_and_one_that_is_used_up_fails(
    morning: list[Entry],
) -> None:
    def use(quantity: str) -> str:
        order = ev.OrderRequested(
            order_id="q000001",
            symbol="000651.SZ",
            quantity=Decimal(quantity),
            order_type=OrderType.LIMIT,
            limit_price=Decimal(50),
            reserved_cash=Decimal(0),
            because="by hand",
            origin=OrderOrigin.OPERATOR,
            by="anna",
            tag="",
            quote=None,
            venue="SZ",
        )
        table = rules(SessionView.of(_then(morning, order)))
        return next(str(row[3]) for row in table.rows if row[0] == "risk.max_order_value")

    assert use("7900") == "✓ ███████░░░ 79 %"
    assert use("8000") == "! ████████░░ 80 %"
    assert use("10000") == "✗ ██████████ 100 %"


def _line(entries: Iterable[Entry], task: str) -> str:
    return next(str(row[1]) for row in timeline(SessionView.of(entries)).rows if row[0] == task)


def test_the_timeline_shows_the_worst_of_each_stretch(morning: list[Entry]) -> None:
    """From 09:15 to 15:30 in 40 cells of 9.375 minutes: 09:35 and 09:40 fall into the third."""
    skipped = ev.TaskSkipped(
        task_id="20260304-run_strategy-093500",
        task="run_strategy",
        due=HALF_PAST_NINE + timedelta(minutes=5),
        skip_reason="paused",
        detail="by hand",
        step=0,
    )

    assert _line(morning, "pre_open")[0] == "█"
    assert _line(morning, "run_strategy")[:3] == "▁▁░"
    assert _line(_then(morning, skipped), "run_strategy")[:4] == "▁▁▀░"
    assert len({len(_line(morning, task)) for task in ("pre_open", "refill")}) == 1


def test_a_day_without_tasks_has_no_timeline(morning: list[Entry]) -> None:
    table = timeline(SessionView.of(morning[:1]))

    assert table.rows == ()
    assert table.empty == "nothing is scheduled today"


def test_snapshots_are_listed_with_their_files(tmp_path: Path) -> None:
    settings = {"split_strategy_prepare": True}
    with LocalSession.of(GRID, day=date(2026, 3, 4), root=tmp_path, settings=settings) as session:
        session.advance(HALF_PAST_NINE + timedelta(minutes=11))
        entries = list(session.entries())
        picture = SessionView.of(entries)
        first, second = snapshots(picture, session.folder).rows
        next(session.folder.snapshots.iterdir()).unlink()
        after = snapshots(picture, session.folder).rows

    assert (first[0], second[0]) == (0, 1)
    assert f"{first[1]:%H:%M:%S}" == "09:34:55"
    assert [str(row[4]) for row in (first, second)] == ["✓ ok", "✓ ok"]
    assert sorted(str(row[4]) for row in after) == ["✓ ok", "✗ fail"]
