"""Sessions of New York that are cut off, and come back under something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from qtkit.core.calendars import exchange_calendar
from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.runtime.build import build
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.run import Place
from qtkit.runtime.spec import SessionSpec
from qtkit.testing import hand_made_data
from qtkit.trading.strategy.loader import load_spec

_CODE = """
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


class PowerLost(BaseException):
    """The process is gone."""


def code(folder: Path, size: int = 10) -> Path:
    """Write a strategy that buys so many shares each half hour."""
    file = folder / "half_hourly.py"
    file.write_text(_CODE.replace("SIZE", str(size)))
    return file


def asked(file: Path, days: Sequence[date], **settings: object) -> SessionSpec:
    """Return some days of New York, at a price that stands still."""
    return SessionSpec(
        strategy=load_spec(file),
        settings=settings_of({"price_poll_minutes": 5, **settings}),
        source=file,
        day=days[0],
        days=len(days),
        data=hand_made_data({"AAPL": 250.0}, list(days), exchange_calendar("XNYS")),
    )


def lived(place: Path, cuts: Sequence[datetime], *lives: SessionSpec) -> SessionFolder:
    """Live through a session: each life is cut off at its first line of a time, the last is not."""
    account, folder = OutputRoot(place).account("paper", "desk"), SessionFolder(place / "session")
    for cut, life in zip((*cuts, None), lives, strict=True):

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


def of_kind(folder: SessionFolder, kind: type[ev.Event]) -> list[Entry]:
    """Return the journal's entries of a class."""
    return [entry for entry in read_journal(folder.journal) if isinstance(entry.event, kind)]
