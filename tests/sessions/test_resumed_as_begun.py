"""A session that has not ended goes on as it began: other settings are refused, all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import ConfigError
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.runtime.accounts import create_account
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Run
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import scripted_spec
from qtkit.trading.strategy.protocol import StrategySpec
from tests.market.bar_makers import utc
from tests.sessions.live_engine import GRID, account_of, crashed, plan, root_of

BANK, STEEL = "600036.SH", "601398.SH"
SPEC = scripted_spec({}, [BANK, STEEL], opening_cash=Decimal(100_000))
BEGUN: dict[str, Any] = {"risk": {"max_order_value": "500000"}}


def _simulation(spec: StrategySpec = SPEC, **settings: object) -> SessionSpec:
    asked = settings_of({**BEGUN, **settings})
    day = date(2026, 3, 4)
    return SessionSpec(strategy=spec, settings=asked, day=day, start=utc("2026-03-04 01:00"))


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    """Return a root in which a simulated day was killed at 09:31."""
    root = OutputRoot(tmp_path / "outputs")
    create_account(
        root.account("paper", "demo"),
        cash=SPEC.opening_cash,
        currency="CNY",
        exchange="XSHG",
        at=utc("2026-03-01 00:00"),
    )
    run = build(replace(_simulation(), account="demo"), root)
    try:
        _killed(run)
    finally:
        run.close()
    return root


def _killed(run: Run) -> None:
    run.engine.start()
    wake = run.engine.turn()
    while wake is not None and wake < utc("2026-03-04 01:31"):
        run.manual_clock.set(wake)
        wake = run.engine.turn()


def _later(asked: SessionSpec) -> SessionSpec:
    return replace(asked, start=utc("2026-03-04 01:40"))


def _bytes(root: OutputRoot) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.path.rglob("*") if path.is_file()}


OTHER = {
    "max_order_value": (_simulation(risk={"max_order_value": "10"}), ["500000", "10"]),
    "latency": (_simulation(latency_seconds=3), ["latency_seconds"]),
    "seed": (_simulation(seed=99), ["99"]),
    "two": (_simulation(seed=99, on_stop="keep"), ["seed", "on_stop"]),
    "symbols": (_simulation(replace(SPEC, symbols=(BANK,))), [STEEL]),
    "strategy": (_simulation(replace(SPEC, name="other")), [SPEC.name, "other"]),
    "parameters": (_simulation(replace(SPEC, parameters={"spacing": 2})), ["spacing"]),
    "table": (_simulation(replace(SPEC, table="elsewhere")), ["elsewhere"]),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_killed_simulation_is_not_finished_under_other_settings(
    root: OutputRoot, name: str
) -> None:
    asked, words = OTHER[name]
    before = _bytes(root)

    with pytest.raises(ConfigError) as refused:
        build(replace(_later(asked), account="demo"), root)

    assert [word for word in words if word not in str(refused.value)] == []
    assert refused.value.exit_code == 2
    assert _bytes(root) == before


def test_a_killed_simulation_is_finished_as_it_began(root: OutputRoot) -> None:
    run = build(replace(_later(_simulation()), account="demo"), root)
    run.run()

    assert len(list(root.sessions("paper").iterdir())) == 1


def test_a_setting_that_the_journal_is_too_old_to_know_had_its_default(root: OutputRoot) -> None:
    (path,) = root.sessions("paper").iterdir()
    folder, asked = SessionFolder(path), _simulation()
    first, _ = folder.journal.read_bytes().split(b"\n", 1)
    folder.journal.write_bytes(first.replace(b'"retry_seconds":5.0,', b"") + b"\n")
    assert b"retry_seconds" not in folder.journal.read_bytes()

    build(replace(_later(asked), account="demo"), root).close()

    with pytest.raises(ConfigError, match="retry_seconds"):
        build(replace(_later(_simulation(retry_seconds=7)), account="demo"), root)


@pytest.mark.parametrize(
    ("spec", "settings", "word"),
    [
        (GRID, {"risk": {"max_order_value": "10"}}, "max_order_value"),
        (GRID, {"seed": 99}, "seed"),
        (replace(GRID, symbols=GRID.symbols[:1]), {}, "symbols"),
        (replace(GRID, exchange="24/7"), {}, "exchange"),
    ],
    ids=["limit", "seed", "symbols", "exchange"],
)
def test_a_crashed_live_session_is_not_resumed_under_other_settings(
    tmp_path: Path, spec: StrategySpec, settings: dict[str, object], word: str
) -> None:
    account_of(tmp_path)
    crashed(tmp_path, plan("2026-03-04 01:29"), "2026-03-04 01:31", "demo")
    root = root_of(tmp_path)
    before = _bytes(root)

    with pytest.raises(ConfigError, match=word):
        build(replace(plan("2026-03-04 01:32", spec, **settings), account="demo"), root)

    assert _bytes(root) == before
