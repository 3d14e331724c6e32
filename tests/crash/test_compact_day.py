"""Two short days in which everything happens; the power goes at every point, in all four ways."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from shutil import rmtree

import pytest

from qtkit.core.folders import SessionFolder
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.stages.phase_0 import STAGE as PHASE_0
from tests.crash import days
from tests.crash.power import Cut, Recording, Way, come_back, downtime, record
from tests.crash.verdicts import GOOD, mistakes_after, verdicts_of

PARTS = 4
_ONLY_UNTIDY = {  # what the ugly day is made to break: nothing else may
    "3.5.7": "a fill of no order of ours",
    "4-A.3": "a fill of no order of ours",
    "4-A.4": "a step that raises for good",
}


def _recorded(name: str, tmp: pytest.TempPathFactory) -> Recording:
    root = tmp.mktemp(name) / "root"
    root.mkdir()
    before = days.prelude(root)
    return record(getattr(days, name)(root), root, before)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """Each day, lived through once."""
    return {name: _recorded(name, tmp_path_factory) for name in ("clean_day", "ugly_day")}


def _folder(recording: Recording) -> SessionFolder:
    return SessionFolder((recording.root / recording.journal).parents[1])


Known = dict[str, tuple[str, str]]


def _mistakes(recording: Recording, cut: Cut, place: Path, known: Known) -> list[str]:
    sent: list[str] = []
    run = come_back(recording, cut, place, downtime(cut), sent)
    found = list(mistakes_after(run, place, Counter((*cut.sent, *sent)), known))
    rmtree(place)
    return [f"{cut}: {mistake}" for mistake in found]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("day", ["clean_day", "ugly_day"])
def test_a_power_cut_loses_and_doubles_nothing(
    recordings: dict[str, Recording], tmp_path: Path, day: str, way: Way, part: int
) -> None:
    recording = recordings[day]
    known = verdicts_of(_folder(recording))
    cuts = recording.part(way, part, PARTS)
    found = [m for cut in cuts for m in _mistakes(recording, cut, tmp_path / "again", known)]
    assert not found, f"{len(found)} mistakes:\n" + "\n".join(found[:20])
