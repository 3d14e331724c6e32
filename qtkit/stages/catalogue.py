"""Every stage, in the order in which a session goes through them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from qtkit.core.errors import ConfigError
from qtkit.core.text import closest
from qtkit.evidence.session import Session
from qtkit.stages.grid import grid
from qtkit.stages.phase_0 import phase_0
from qtkit.stages.phase_1 import phase_1
from qtkit.stages.phase_2 import phase_2
from qtkit.stages.phase_3 import phase_3
from qtkit.stages.phase_4a import phase_4a
from qtkit.stages.phase_4b import phase_4b
from qtkit.stages.phase_5a import phase_5a
from qtkit.stages.phase_5b import phase_5b
from qtkit.stages.phase_5c import phase_5c
from qtkit.stages.phase_35 import phase_35
from qtkit.stages.report import StageReport
from qtkit.stages.sources import evidence_of
from qtkit.stages.stage import Stage, judge

__all__ = [
    "all_stages",
    "catalogue_json",
    "catalogue_text",
    "judge_session",
    "stage_named",
]


def all_stages() -> tuple[Stage, ...]:
    """Return every stage of the checklist."""
    return (
        phase_0, phase_1, phase_2, phase_3, phase_35, phase_4a, phase_4b, phase_5a, phase_5b,
        phase_5c, grid,
    )  # fmt: skip


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
        near = closest(_plain(name), by_name)
        hint = f"; did you mean {by_name[near].id}?" if near else ""
        known = ", ".join(stage.id for stage in all_stages())
        raise ConfigError(f"there is no stage {name!r}{hint} There are: {known}")
    return found


def judge_session(
    session: Session, names: Sequence[str], *, day: date | None = None
) -> tuple[StageReport, ...]:
    """Judge one session by some stages, reading its journal once.

    Parameters
    ----------
    names
        Stages; none for all.
    day
        Judge this trading date alone.
    """
    wanted = [stage_named(name) for name in names] or list(all_stages())
    evidence = evidence_of(session)
    return tuple(judge(stage, evidence, day=day) for stage in wanted)


def catalogue_text(stages: Sequence[Stage]) -> str:
    """Return stages and checks for a terminal: id, whether it needs scenarios, sentence."""
    lines = []
    for stage in stages:
        lines.append(f"{stage.label} · {stage.title}")
        lines += [
            f"  {check.id:<6} {'◆' if check.scenarios else ' '} {check.sentence}"
            for check in stage.checks
        ]
    return "\n".join([*lines, "◆ compares the runs of several scenarios"])


def catalogue_json(stages: Sequence[Stage]) -> list[dict[str, object]]:
    """Return stages and checks as JSON."""
    return [
        {
            "stage": stage.id,
            "title": stage.title,
            "verifies": stage.verifies,
            "operate": stage.operate,
            "headless": stage.headless,
            "scenarios": [
                {"name": scenario.name, "sentence": scenario.sentence}
                for scenario in stage.scenarios
            ],
            "checks": [
                {
                    "id": check.id,
                    "title": check.title,
                    "sentence": check.sentence,
                    "scenarios": check.scenarios,
                    "needs": sorted(check.needs),
                }
                for check in stage.checks
            ],
        }
        for stage in stages
    ]


def _plain(name: str) -> str:
    return "".join(c for c in name.lower().removeprefix("phase") if c.isalnum())
