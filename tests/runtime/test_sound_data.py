"""Money follows no data that fail a rule, unless somebody accepts that by name."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.core.paths import OutputRoot
from qtkit.market.bar_order import concatenated, take
from qtkit.market.tables.bar_table import BarTable
from qtkit.market.tables.synthetic import synthetic_bars
from qtkit.model.bars import Bars
from qtkit.runtime.backtest import backtest, keep
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.plan import plan_of
from qtkit.runtime.spec import BACKTEST, REAL_TIME, SIMULATED, SessionSpec
from qtkit.trading.strategy.protocol import StrategySpec

DAYS = [date(2026, 3, 4), date(2026, 3, 5)]
TOKYO = exchange_calendar("XTKS")


class _Nothing:
    """A strategy that never trades."""

    def prepare(self, _: object) -> None:
        return None

    def decide(self, _view: object, _prepared: object) -> list[object]:
        return []

    def on_fill(self, fill: object, view: object) -> None:
        pass

    def state(self) -> dict[str, object]:
        return {}

    def restore(self, state: object) -> None:
        pass


INSTRUMENTS = '[symbols]\n"7203" = "XTKS"\n'


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    (tmp_path / "instruments.toml").write_text(INSTRUMENTS)
    return OutputRoot(tmp_path / "outputs")


def strategy() -> StrategySpec:
    return StrategySpec(
        name="nothing",
        make=_Nothing,  # type: ignore[arg-type]
        symbols=("7203",),
        exchange="XTKS",
        currency="JPY",
        table="mine",
    )


def filled(root: OutputRoot, missing: slice = slice(0)) -> Bars:
    """Give the table two days of Tokyo, without some bars."""
    first, second = (synthetic_bars("7203", day, TOKYO, seed=7) for day in DAYS)
    bars = concatenated(first, second)
    kept = take(bars, np.delete(np.arange(len(bars)), missing))
    BarTable(root.tables, "mine").write(kept)
    return kept


def asked(root: OutputRoot, kind: str, *accepted: str) -> SessionSpec:
    file = root.path.parent / "instruments.toml"
    settings = settings_of({"data": "mine", "accept_data": accepted, "instruments": str(file)})
    real_time = kind == REAL_TIME
    return SessionSpec(
        strategy=strategy(),
        settings=settings.model_copy(update={"mode": "backtest"}) if kind == BACKTEST else settings,
        kind=kind,
        day=None if real_time else DAYS[0],
        days=1 if real_time else 2,
    )


KINDS = (BACKTEST, SIMULATED, REAL_TIME)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_data_are_traded_on(root: OutputRoot, kind: str) -> None:
    filled(root)

    assert plan_of(asked(root, kind), root).settings["accept_data"] == []


GAP, TAIL = slice(-90, -30), slice(-160, None)


@pytest.mark.parametrize(
    ("kind", "missing", "rules"),
    [
        *((kind, GAP, ("data.gaps",)) for kind in KINDS),
        # the end of a table is not the end of what a live session sees
        *((kind, TAIL, ("data.tail",)) for kind in (BACKTEST, SIMULATED)),
    ],
)
def test_what_fails_is_refused_and_named_and_can_be_accepted(
    root: OutputRoot, kind: str, missing: slice, rules: tuple[str, ...]
) -> None:
    filled(root, missing)

    with pytest.raises(DataError) as refused:
        plan_of(asked(root, kind), root)
    accepted = plan_of(asked(root, kind, *rules), root)

    assert all(f"--accept-data {rule}" in str(refused.value) for rule in rules)
    assert accepted.settings["accept_data"] == list(rules)
    assert not root.path.joinpath("accounts").exists()


def test_what_was_accepted_stands_in_the_first_line_and_in_the_record(root: OutputRoot) -> None:
    filled(root, GAP)
    settings = asked(root, BACKTEST, "data.gaps").settings

    result = backtest(strategy(), *DAYS, settings=settings, root=root)
    record = json.loads((keep(result, root) / "report.json").read_text())

    assert result.entries[0].event.settings["accept_data"] == ["data.gaps"]
    assert record["summary"]["accepted_data"] == ["data.gaps"]


def test_a_rule_that_there_is_not_is_a_wrong_request() -> None:
    with pytest.raises(ConfigError, match="there is no rule"):
        settings_of({"accept_data": ["data.gap"]})
