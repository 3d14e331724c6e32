"""A market that never closes: a UTC day begins and ends at midnight, and nothing is lost there."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.adapters.embedded.rerun import rerun_of
from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence
from qtkit.journal import read_journal
from qtkit.market.instruments import instrument_table
from qtkit.model import events as ev
from qtkit.runtime.backtest import run_backtest
from qtkit.runtime.build import build
from qtkit.runtime.plan import first_start
from qtkit.runtime.run import Place
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.stages import all_stages, judge
from qtkit.testing import hand_made_data, intent, scripted_spec
from qtkit.trading.strategy.protocol import StrategySpec
from tests.trading.engine.engine_bench import Bench, day_of
from tests.trading.engine.test_backtest_parity import told

COIN = "BTC-PERP"
DAYS = (date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6))
MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
AT_MIDNIGHT = ("acquire_live_price", "close_market", "post_close", "refill")
SCRIPT = {
    "00:05": [intent(COIN, 2)],
    "11:30": [intent(COIN, -1)],
    "23:55": [intent(COIN, 1)],
    "23:59": [intent(COIN, 1)],  # fills at the bar that ends at midnight
}


def spec() -> StrategySpec:
    base = scripted_spec(SCRIPT, [COIN], exchange="24/7", zone="UTC")
    return StrategySpec(
        name=base.name, make=base.make, symbols=base.symbols, exchange="24/7", currency="USD",
        opening_cash=Decimal(1_000_000), order_sizes={COIN: Decimal(1)},
    )  # fmt: skip


def lived(root: Path, days: int = 3) -> SessionFolder:
    plan = SessionSpec(strategy=spec(), day=DAYS[0], days=days)
    run = build(plan, OutputRoot(root))
    run.run()
    return run.folder


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    return lived(tmp_path_factory.mktemp("coin"))


def test_one_day_is_from_midnight_to_midnight(tmp_path: Path) -> None:
    entries = list(read_journal(lived(tmp_path, days=1).journal))
    days = [e.event.trading_date for e in entries if isinstance(e.event, ev.DayStarted)]

    assert (entries[0].at, entries[-1].at) == (MIDNIGHT - timedelta(days=1), MIDNIGHT)
    assert days == [DAYS[0]]
    assert Counter(type(e.event) for e in entries)[ev.DecisionTaken] == 288


def test_every_row_of_every_day_is_done(three_days: SessionFolder) -> None:
    found = [e.event for e in read_journal(three_days.journal)]
    planned = {t.task_id for e in found if isinstance(e, ev.ScheduleBuilt) for t in e.tasks}

    assert len(planned) == 3 * 1733
    assert planned == {e.task_id for e in found if isinstance(e, ev.TaskFinished)}
    assert not [e for e in found if isinstance(e, ev.TaskSkipped | ev.TaskCancelled)]


def test_what_is_due_at_midnight_belongs_to_the_day_before(three_days: SessionFolder) -> None:
    done = [
        (e.event.task, e.event.trading_date)
        for e in read_journal(three_days.journal)
        if isinstance(e.event, ev.TaskFinished) and e.at == MIDNIGHT
    ]
    refills = [
        e.event for e in read_journal(three_days.journal) if isinstance(e.event, ev.TablesRefilled)
    ]

    assert {task for task, day in done if day == DAYS[0]} == set(AT_MIDNIGHT)
    assert [(r.trading_date, r.bars) for r in refills] == [(day, 1440) for day in DAYS]


def test_a_fill_of_the_days_last_bar_settles_on_its_own_day(three_days: SessionFolder) -> None:
    fills = [
        e.event
        for e in read_journal(three_days.journal)
        if isinstance(e.event, ev.OrderFilled) and e.at == MIDNIGHT
    ]

    assert fills
    assert {(f.trading_date, f.settles) for f in fills} == {(DAYS[0], DAYS[0])}


def test_no_check_fails_because_of_midnight(three_days: SessionFolder) -> None:
    evidence = Evidence.of_folder(three_days)
    verdicts = [v for stage in all_stages() for v in judge(stage, evidence).verdicts]

    assert len(verdicts) > 30
    assert [v for v in verdicts if v.status in {Status.FAIL, Status.ERROR, Status.WARN}] == []


@pytest.mark.parametrize("day", DAYS)
def test_no_check_of_one_day_fails_because_of_midnight(
    three_days: SessionFolder, day: date
) -> None:
    alone = Evidence.of_folder(three_days)
    verdicts = [v for stage in all_stages() for v in judge(stage, alone, day=day).verdicts]

    assert [v for v in verdicts if v.status in {Status.FAIL, Status.ERROR, Status.WARN}] == []


def test_a_replay_writes_the_same_journal(three_days: SessionFolder, tmp_path: Path) -> None:
    plan = rerun_of(SessionSpec(strategy=spec(), day=DAYS[0], days=3), three_days.path).begins
    root = OutputRoot(tmp_path)
    run = build(plan, Place(SessionFolder(tmp_path / "again"), root.account("paper", "again")))
    run.run()

    assert run.folder.journal.read_bytes() == three_days.journal.read_bytes()


def test_a_backtest_trades_the_same(three_days: SessionFolder) -> None:
    from qtkit.runtime.market_data import data_of

    settings = SessionSettings()
    calendar, nowhere = exchange_calendar("24/7"), OutputRoot(Path("nowhere"))
    data = data_of(spec(), settings, DAYS, calendar, nowhere, instrument_table())
    tested = run_backtest(spec(), settings.model_copy(update={"mode": "backtest"}), DAYS, data)

    assert told(tested.entries) == told(read_journal(three_days.journal))


def test_the_next_session_of_the_account_begins_at_the_midnight_it_ended(tmp_path: Path) -> None:
    root = OutputRoot(tmp_path)
    plans = [SessionSpec(strategy=spec(), day=day) for day in DAYS[:2]]
    place = root.account("paper", "coin")
    for number, plan in enumerate(plans):
        run = build(plan, Place(SessionFolder(tmp_path / str(number)), place))
        run.run()
    first, second = (list(read_journal(SessionFolder(tmp_path / n).journal)) for n in ("0", "1"))

    assert second[0].event.opening == first[-1].event.closing
    assert second[0].at == first[-1].at


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        ("XSHG", datetime(2026, 3, 4, 1, tzinfo=UTC)),
        ("XNYS", datetime(2026, 3, 4, 14, tzinfo=UTC)),
        ("24/7", datetime(2026, 3, 4, tzinfo=UTC)),
    ],
)
def test_a_simulated_day_begins_before_its_first_row(exchange: str, expected: datetime) -> None:
    assert first_start(exchange_calendar(exchange), DAYS[0]) == expected


# --- workers, lateness and crashes around midnight ------------------------------------------------


def coin(**parts: object) -> Bench:
    data = hand_made_data({COIN: 100.0}, DAYS, exchange_calendar("24/7"))
    start = MIDNIGHT - timedelta(minutes=10)
    return day_of(**{
        "exchange": "24/7", "zone": "UTC", "prices": {COIN: 100.0}, "data": data, "start": start,
        **parts,
    })  # fmt: skip


def outcomes(bench: Bench, task_id: str) -> list[str]:
    return [
        type(e).__name__
        for e in (entry.event for entry in bench.entries)
        if isinstance(e, ev.TaskFinished | ev.TaskSkipped | ev.TaskFailed | ev.TaskCancelled)
        and e.task_id == task_id
    ]


REFILL = "20260304-refill-240000"


@pytest.mark.parametrize("seconds", [3.0, 40.0, 200.0])
def test_a_slow_refill_has_one_outcome_and_holds_the_next_day_back_for_seconds(
    seconds: float,
) -> None:
    bench = coin(work_seconds=lambda key: seconds if key == REFILL else 0.0)
    bench.run(MIDNIGHT + timedelta(minutes=6))
    second = [e for e in bench.entries if isinstance(e.event, ev.DayStarted)][1]

    assert outcomes(bench, REFILL) == ["TaskFinished"]
    done = next(e for e in bench.of(ev.TaskFinished) if e.task_id == REFILL)
    assert done.trading_date == DAYS[0]
    assert second.at - MIDNIGHT <= timedelta(seconds=11)
    assert not [e for e in bench.of(ev.TaskSkipped) if e.trading_date == DAYS[1]]


def test_a_day_that_the_engine_slept_through_is_left_with_its_reasons() -> None:
    bench = coin()
    bench.engine.start()
    bench.engine.turn()
    bench.clock.set(MIDNIGHT + timedelta(hours=1))
    bench.engine.turn()
    days = [e.trading_date for e in bench.of(ev.DayStarted)]

    assert days == list(DAYS[:2])
    assert [e.trading_date for e in bench.of(ev.DayClosed)] == [DAYS[0]]
    assert outcomes(bench, "20260304-post_close-240000") == ["TaskSkipped"]


def test_a_return_at_midnight_does_what_was_left_of_the_day() -> None:
    first = coin().run(MIDNIGHT + timedelta(minutes=3))
    closed = next(e.seq for e in first.entries if isinstance(e.event, ev.DayClosed))
    for keep in range(closed - 12, closed + 12):
        second = first.again(MIDNIGHT, keep=keep)
        second.run(MIDNIGHT + timedelta(minutes=3))
        days = [e.trading_date for e in second.of(ev.DayClosed)]

        assert days[0] == DAYS[0], keep
        assert days.count(DAYS[0]) == 1, keep
        assert len(outcomes(second, "20260304-post_close-240000")) == 1, keep
        assert len(outcomes(second, REFILL)) == 1, keep
