"""A re-run of a session that was cut off and came back: each return under what was accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence, Scenario
from qtkit.journal import compare, read_journal
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Place
from qtkit.runtime.spec import Acceptance, SessionSpec
from qtkit.stages.phase_3 import a_rerun_gives_the_same_journal as judge
from qtkit.testing import hand_made_data
from qtkit.trading.strategy.loader import load_spec
from tests.market.bar_makers import utc

DAYS = [date(2026, 3, 4), date(2026, 3, 5)]
CUTS = (utc("2026-03-04 16:00"), utc("2026-03-05 16:10"))
DATA = hand_made_data({"AAPL": 250.0}, DAYS, exchange_calendar("XNYS"))
CODE = """
from decimal import Decimal
from qtkit.model.intents import Intent
from qtkit.trading.strategy.protocol import StrategySpec

class HalfHourly:
    def prepare(self, view): return None
    def decide(self, view, prepared):
        return [Intent(symbol="AAPL", quantity=Decimal(SIZE), because="the half hour")]
    def on_fill(self, fill, view): pass
    def state(self): return {}
    def restore(self, state): pass

SPEC = StrategySpec(name="half_hourly", make=HalfHourly, symbols=("AAPL",), exchange="XNYS",
                    currency="USD", step_minutes=30)
"""
SMALLER = {"risk": {"max_order_value": "3000"}}
EVE = Acceptance(by="eve", why="smaller orders until Friday")


class PowerLost(BaseException):
    """The process is gone."""


def code(folder: Path, size: int = 10) -> Path:
    """Write a strategy that buys so many shares each half hour."""
    file = folder / "half_hourly.py"
    file.write_text(CODE.replace("SIZE", str(size)))
    return file


def asked(file: Path, **settings: object) -> SessionSpec:
    """Return two days of New York."""
    return SessionSpec(
        strategy=load_spec(file),
        settings=settings_of({"price_poll_minutes": 5, **settings}),
        source=file,
        day=DAYS[0],
        days=2,
        data=DATA,
    )


def lived(place: Path, *lives: SessionSpec) -> SessionFolder:
    """Live through a session that is cut off at the first line of each of `CUTS` but the last."""
    account, folder = OutputRoot(place).account("paper", "desk"), SessionFolder(place / "session")
    for cut, life in zip((*CUTS[: len(lives) - 1], None), lives, strict=True):

        def look(what: str, entry: Entry, cut: datetime | None = cut) -> None:
            if what == "written" and cut is not None and entry.at >= cut:
                raise PowerLost

        run = build(replace(life, journal_observer=look), Place(folder, account))
        if cut is None:
            run.run()
        else:
            with pytest.raises(PowerLost):
                run.run()
    return folder


def again(folder: SessionFolder, file: Path, place: Path) -> SessionFolder:
    """Feed what a session recorded through our engine again."""
    scenario = Scenario(
        name="again", sentence="Once more.", day=DAYS[0], days=2, inputs=folder.path
    )
    new = SessionFolder(place)
    new.artifacts.mkdir(parents=True)
    EmbeddedEngine(load_spec(file), file).run(scenario, new)
    return new


def judged(one: SessionFolder, two: SessionFolder) -> tuple[Status, set[str]]:
    """Return what check 3.2 says of a session and its re-run."""
    runs = {
        name: Evidence.of_folder(
            folder,
            scenario=Scenario(name=name, sentence="", replays="" if name == "one" else "one"),
        )
        for name, folder in (("one", one), ("two", two))
    }
    verdict = judge(replace(runs["one"], runs=runs))
    return verdict.status, {row.kind for row in verdict.findings}


def kinds(folder: SessionFolder, kind: type[ev.Event]) -> list[Entry]:
    return [entry for entry in read_journal(folder.journal) if isinstance(entry.event, kind)]


def test_a_re_run_goes_on_under_what_was_accepted_at_its_line(tmp_path: Path) -> None:
    file = code(tmp_path)
    folder = lived(tmp_path, asked(file), replace(asked(file, **SMALLER), accept=EVE))
    (change,) = kinds(folder, ev.SettingsChanged)

    new = again(folder, file, tmp_path / "again")

    assert str(compare(read_journal(folder.journal), read_journal(new.journal))).startswith(
        "the journals are equal"
    )
    assert kinds(new, ev.SettingsChanged) == [change]
    assert {e.seq > change.seq for e in kinds(folder, ev.OrderRequested)} == {True, False}
    assert judged(folder, new) == (Status.PASS, set())


def test_each_return_of_several_has_its_own_settings(tmp_path: Path) -> None:
    file = code(tmp_path, size=11)
    folder = lived(
        tmp_path,
        asked(file),
        replace(asked(file, risk={"max_order_value": "2000"}), accept=EVE),
        replace(asked(file, **SMALLER), accept=EVE),
    )

    new = again(folder, file, tmp_path / "again")

    assert [e.event.after for e in kinds(new, ev.SettingsChanged)] == ["2000", "3000"]
    assert len(kinds(folder, ev.OrderRefused)) > 0
    assert judged(folder, new) == (Status.PASS, set())


def test_of_code_that_was_changed_on_a_return_nothing_before_is_judged(tmp_path: Path) -> None:
    began = asked(code(tmp_path, size=10))
    (tmp_path / "mended").mkdir()
    file = code(tmp_path / "mended", size=20)
    folder = lived(tmp_path, began, replace(asked(file), accept=EVE))
    (change,) = kinds(folder, ev.SettingsChanged)

    new = again(folder, file, tmp_path / "again")

    assert change.event.name == "code"
    assert judged(folder, new) == (Status.PENDING, {"code_changed"})


def test_of_a_session_of_another_file_nothing_is_judged(tmp_path: Path) -> None:
    folder = lived(tmp_path, asked(code(tmp_path, size=10)))

    new = again(folder, code(tmp_path, size=20), tmp_path / "again")

    assert judged(folder, new) == (Status.PENDING, {"other_code"})
