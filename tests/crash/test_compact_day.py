"""Two short days in which everything happens; the power goes at every point, in all four ways.

`make test` cuts each journal write in one way and each commit of the broker; `make test-crash` cuts
every write in all ways.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.events import ALL_EVENTS
from tests.crash import days
from tests.crash.aftermath import known_of, mistakes_of
from tests.crash.power import Recording, Way, come_back, commands_in, record, restored, return_plan
from tests.crash.verdicts import GOOD

PARTS = 3
WRITES = (Way.AFTER_WRITE, Way.TORN, Way.UNSYNCED)
CUTS = [
    pytest.param(way, part, marks=() if part == n else pytest.mark.crash)
    for n, way in enumerate(WRITES)
    for part in range(PARTS)
] + [(Way.BEFORE_ANSWER, part) for part in range(PARTS)]
BROKEN_ON_PURPOSE = {
    "3.5.7": "a fill of no order of ours",
    "4-A.3": "a fill of no order of ours",
    "4-A.4": "a step that raises for good",
}
EXCUSED = {"4-A.5": "a fill that was lost with the journal is booked when the broker is back"}
ONLY_ELSEWHERE = {
    # nothing is traded here whose rules the day's beginning has not told
    ev.InstrumentsListed,
    # it ends the session: see the tests of the engine
    ev.InternalErrorRaised,
    # who comes back asks for what the journal says: see tests/runtime/test_returns.py
    ev.SettingsChanged,
    # recorded bars make sense: see tests/trading/engine/test_refused_bars.py
    ev.BarsRefused,
    # recorded bars are whole, and a simulated clock is never set: see tests/sessions/test_live_*
    ev.BarsLeftOut,
    ev.ClockStepped,
}


def _recorded(name: str, tmp: pytest.TempPathFactory) -> Recording:
    root = tmp.mktemp(name) / "root"
    root.mkdir()
    before = days.prelude(root)
    return record(getattr(days, name)(root), root, prelude=before)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """Each day, lived through once."""
    return {name: _recorded(name, tmp_path_factory) for name in ("clean_day", "ugly_day")}


def _kinds(journal: Path) -> set[type[ev.Event]]:
    return {type(entry.event) for entry in read_journal(journal)}


def test_the_two_days_and_a_return_contain_every_kind_of_event(
    recordings: dict[str, Recording], tmp_path: Path
) -> None:
    seen = set[type[ev.Event]]()
    for recording in recordings.values():
        seen |= _kinds(recording.root / recording.journal)
    clean = recordings["clean_day"]
    seen |= _kinds(come_back(clean, clean.cuts[Way.TORN][9], tmp_path, []).folder.journal)
    assert set(ALL_EVENTS) - seen == ONLY_ELSEWHERE


def test_without_a_cut_the_clean_day_passes_every_check(recordings: dict[str, Recording]) -> None:
    bad = {
        rule: said
        for rule, said in known_of(recordings["clean_day"]).items()
        if said[0] not in GOOD
    }
    assert not bad


def test_without_a_cut_the_ugly_day_breaks_what_it_is_made_to_break(
    recordings: dict[str, Recording],
) -> None:
    verdicts = known_of(recordings["ugly_day"])
    assert {rule for rule, said in verdicts.items() if said[0] not in GOOD} == set(
        BROKEN_ON_PURPOSE
    )


@pytest.mark.parametrize(("way", "part"), CUTS)
@pytest.mark.parametrize("day", ["clean_day", "ugly_day"])
def test_a_power_cut_loses_and_doubles_nothing(
    recordings: dict[str, Recording],
    tmp_path: Path,
    patient_disk: None,
    day: str,
    way: Way,
    part: int,
) -> None:
    recording = recordings[day]
    known = known_of(recording)
    if day == "ugly_day":
        known |= {rule: ("fail", why) for rule, why in EXCUSED.items()}
    found = [
        mistake
        for cut in recording.part(way, part, PARTS)
        for mistake in mistakes_of(recording, cut, tmp_path / "again", known)
    ]
    assert not found, f"{len(found)} mistakes:\n" + "\n".join(found[:20])


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n % 2 else pytest.mark.crash) for n in range(0, 16, 3)]
)
def test_a_power_cut_in_the_middle_of_a_recovery_loses_and_doubles_nothing(
    recordings: dict[str, Recording], tmp_path: Path, patient_disk: None, number: int
) -> None:
    """The first cut comes before an answer of the broker, the second in the first ten writes."""
    clean = recordings["clean_day"]
    known = known_of(clean)
    first = clean.cuts[Way.BEFORE_ANSWER][number]
    root = restored(clean, first, tmp_path / "first").path
    plan = return_plan(clean, first, root)
    again = record(plan, root, sent=first.sent, heard=commands_in(root / clean.journal))
    found = [
        mistake
        for way in (Way.AFTER_WRITE, Way.UNSYNCED)
        for second in again.cuts[way][:10]
        for mistake in mistakes_of(again, second, tmp_path / "second", known)
    ]
    assert not found, f"{len(found)} mistakes:\n" + "\n".join(found[:20])
