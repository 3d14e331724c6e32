"""From one cut to everything that is wrong after it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from shutil import rmtree

from qtkit.core.paths import SessionFolder
from tests.crash.power import Cut, Recording, come_back
from tests.crash.verdicts import Known, mistakes_after, verdicts_of


def known_of(recording: Recording) -> Known:
    """Return what the checks say about the day without a cut."""
    return verdicts_of(SessionFolder((recording.root / recording.journal).parents[1]))


def mistakes_of(recording: Recording, cut: Cut, place: Path, known: Known) -> list[str]:
    """Cut, come back in `place`, live to the end, and return every mistake."""
    sent: list[str] = []
    run = come_back(recording, cut, place, sent)
    found = list(mistakes_after(run, place, Counter((*cut.sent, *sent)), known))
    rmtree(place)
    return [f"{cut}: {mistake}" for mistake in found]
