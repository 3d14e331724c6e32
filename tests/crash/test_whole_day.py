"""The whole reference day; the power goes at every point, in all four ways (`make test-crash`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import days
from tests.crash.aftermath import known_of, mistakes_of
from tests.crash.power import Recording, Way, record
from tests.crash.verdicts import GOOD

pytestmark = pytest.mark.crash
PARTS = 24


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The day, lived through once."""
    root = tmp_path_factory.mktemp("reference") / "root"
    root.mkdir()
    days.reference_account(root)
    return record(days.reference_day(), root)


def test_without_a_cut_every_check_passes(recording: Recording) -> None:
    assert not {rule: said for rule, said in known_of(recording).items() if said[0] not in GOOD}
    assert len(recording.cuts[Way.AFTER_WRITE]) > 1_500


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("way", Way)
def test_a_power_cut_loses_and_doubles_nothing(
    recording: Recording, tmp_path: Path, patient_disk: None, way: Way, part: int
) -> None:
    known = known_of(recording)
    found = [
        mistake
        for cut in recording.part(way, part, PARTS)
        for mistake in mistakes_of(recording, cut, tmp_path / "again", known)
    ]
    assert not found, f"{len(found)} mistakes:\n" + "\n".join(found[:20])
