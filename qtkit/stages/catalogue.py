"""Every stage, in the order in which a session goes through them."""

from __future__ import annotations

from difflib import get_close_matches

from qtkit.core.errors import ConfigError
from qtkit.stages.grid import STAGE as GRID
from qtkit.stages.phase_0 import STAGE as PHASE_0
from qtkit.stages.phase_1 import STAGE as PHASE_1
from qtkit.stages.phase_2 import STAGE as PHASE_2
from qtkit.stages.phase_3 import STAGE as PHASE_3
from qtkit.stages.phase_4a import STAGE as PHASE_4A
from qtkit.stages.phase_4b import STAGE as PHASE_4B
from qtkit.stages.phase_35 import STAGE as PHASE_35
from qtkit.stages.stage import Stage

__all__ = ["all_stages", "stage_named"]


def all_stages() -> tuple[Stage, ...]:
    """Return every stage of the checklist."""
    return (PHASE_0, PHASE_1, PHASE_2, PHASE_3, PHASE_35, PHASE_4A, PHASE_4B, GRID)


def stage_named(name: str) -> Stage:
    """Return the stage of an id: ``"2"``, ``"4-A"``, ``"grid"``; ``"4a"`` and ``"phase_2"`` do too.

    Raises
    ------
    ConfigError
        If there is no such stage.

    Examples
    --------
    >>> stage_named("phase_4a").title
    'the way fills come back'
    """
    by_name = {_plain(stage.id): stage for stage in all_stages()}
    found = by_name.get(_plain(name))
    if found is None:
        near = get_close_matches(_plain(name), by_name, n=1)
        hint = f"; did you mean {by_name[near[0]].id}?" if near else ""
        known = ", ".join(stage.id for stage in all_stages())
        raise ConfigError(f"there is no stage {name!r}{hint} There are: {known}")
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.lower().removeprefix("phase") if c.isalnum())
