"""A short day in which nearly everything happens, judged by every check of every stage."""

from __future__ import annotations

from pathlib import Path

from qtkit.core.paths import OutputRoot
from qtkit.runtime.simulation import simulate_session
from tests.crash import days
from tests.crash.power import ACCOUNT
from tests.crash.verdicts import GOOD, verdicts_of


def test_the_clean_day_passes_every_check(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    simulate_session(days.prelude(root), OutputRoot(root), ACCOUNT).run()
    run = simulate_session(days.clean_day(root), OutputRoot(root), ACCOUNT)
    run.run()
    verdicts = verdicts_of(run.folder)
    assert not {rule: said for rule, said in verdicts.items() if said[0] not in GOOD}
    assert sum(status == "pass" for status, _ in verdicts.values()) > 25
