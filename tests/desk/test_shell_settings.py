"""What the table of keys calls changeable is what `set` can change in a running session."""

from __future__ import annotations

from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.desk.shell import run_line
from qtkit.runtime.configuration.keys import WHILE_RUNNING, all_keys
from qtkit.runtime.configuration.tables import explained
from qtkit.sessions.local import LocalSession
from tests.desk.hand_made_day import rehearsal


def test_what_is_called_changeable_is_what_set_changes(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as desk:
        changeable = {title for title in all_keys() if _is_taken(desk, title)}

    assert changeable == WHILE_RUNNING
    assert {title for title, key in all_keys().items() if not key.start_only} == changeable


def test_an_explanation_says_when_a_key_changes() -> None:
    said = {title for title in all_keys() if "at the start" in explained(title)}

    assert said == all_keys().keys() - WHILE_RUNNING


def _is_taken(desk: LocalSession, title: str) -> bool:
    try:
        run_line(desk, f"set {title} 1")
    except ConfigError as problem:
        return "fixed when" not in str(problem)
    return True
