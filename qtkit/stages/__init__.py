"""The checklist: one function per stage, each judging a session, a folder or a target."""

from qtkit.stages.catalogue import all_stages, judge_session, stage_named
from qtkit.stages.check import Check, Judgement, Outcome, check, judged
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
from qtkit.stages.report import StageReport, junit, overall
from qtkit.stages.skip_counts import skip_table
from qtkit.stages.sources import Judged
from qtkit.stages.stage import Stage, judge
from qtkit.stages.summary import Summary, summary

__all__ = [
    "Check",
    "Judged",
    "Judgement",
    "Outcome",
    "Stage",
    "StageReport",
    "Summary",
    "all_stages",
    "check",
    "grid",
    "judge",
    "judge_session",
    "judged",
    "junit",
    "overall",
    "phase_0",
    "phase_1",
    "phase_2",
    "phase_3",
    "phase_4a",
    "phase_4b",
    "phase_5a",
    "phase_5b",
    "phase_5c",
    "phase_35",
    "skip_table",
    "stage_named",
    "summary",
]
