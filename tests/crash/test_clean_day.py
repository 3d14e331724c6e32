"""A short day in which nearly everything happens, judged by every check of every stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from qtkit.core.paths import OutputRoot
from qtkit.runtime.build import build
from tests.crash import days
from tests.crash.power import ACCOUNT
from tests.crash.verdicts import GOOD, verdicts_of


def test_the_clean_day_passes_every_check(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    build(replace(days.prelude(root), account=ACCOUNT), OutputRoot(root)).run()
    run = build(replace(days.clean_day(root), account=ACCOUNT), OutputRoot(root))
    run.run()
    verdicts = verdicts_of(run.folder)
    assert not {rule: said for rule, said in verdicts.items() if said[0] not in GOOD}
    assert sum(status == "pass" for status, _ in verdicts.values()) > 25
