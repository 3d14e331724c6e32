"""How a stage judges a target: it runs scenarios, each once, and the worst run speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Conclusion, Status, Verdict, fail, ok, pending, warn
from qtkit.evidence import ALL_CAPABILITIES, Capability, Evidence, Scenario
from qtkit.evidence.recorded import RecordedSession
from qtkit.model import events as ev
from qtkit.stages import Stage, all_stages, judge, phase_0, phase_2, stage_named
from qtkit.stages.check import check
from qtkit.stages.sources import evidence_of
from tests.stages.story import healthy_day

ONE = Scenario(name="one", sentence="The first.")
TWO = Scenario(name="two", sentence="The second.")
THREE = Scenario(name="three", sentence="The first again.", replays="one")


class FakeEngine:
    """An engine that has the same healthy day over and over, and counts."""

    name = "fake"
    capabilities: frozenset[Capability] = ALL_CAPABILITIES

    def __init__(self, known_defects: dict[str, str] | None = None) -> None:
        self.known_defects: Mapping[str, str] = known_defects or {}
        self.lived = Counter[str]()
        self.inputs: list[Path | None] = []

    def run(self, scenario: Scenario, folder: SessionFolder) -> Evidence:
        self.lived[scenario.name] += 1
        self.inputs.append(scenario.inputs)
        assert folder.artifacts.is_dir()
        if scenario.name == "broken":
            raise OSError("no disk")
        return Evidence.of_folder(healthy_day().folder(folder.path))


class LoneEngine(FakeEngine):
    """An engine that nobody can send through scenarios."""

    name = "lone"
    capabilities = ALL_CAPABILITIES - {Capability.SCENARIOS}


def by_run(**verdicts: Verdict) -> Callable[[Evidence], Verdict]:
    """Return a judgement that depends on the scenario alone."""

    def judged(evidence: Evidence) -> Verdict:
        """Whatever was asked for."""
        assert evidence.scenario is not None
        return verdicts[evidence.scenario.name]

    return judged


def stage_of(*scenarios: Scenario, applies_to: tuple[str, ...] = (), **verdicts: Verdict) -> Stage:
    return Stage(
        id="9",
        title="made up",
        verifies="",
        operate="",
        headless="",
        scenarios=scenarios,
        checks=(check("9.1", "Made up", applies_to=applies_to)(by_run(**verdicts)),),
    )


def test_the_worst_run_speaks_with_its_name(tmp_path: Path) -> None:
    stage = stage_of(ONE, TWO, one=ok("1 thing holds"), two=fail("2 things broke", fix="mend"))

    report = judge(stage, FakeEngine(), root=tmp_path)

    assert report.conclusion is Conclusion.BLOCKED
    assert report.verdict("9.1").summary == "run two: 2 things broke"
    assert report.source == "fake"


def test_where_all_hold_the_number_of_runs_is_told(tmp_path: Path) -> None:
    stage = stage_of(ONE, TWO, one=ok("1 thing holds"), two=ok("2 things hold"))

    found = judge(stage, FakeEngine(), root=tmp_path).verdict("9.1")

    assert (found.status, found.summary) == (Status.PASS, "1 thing holds · holds in 2 runs")


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (ok("1"), pending("nothing there"), Status.PASS),
        (pending("nothing there"), pending("nor there"), Status.PENDING),
        (ok("1"), warn("2", fix="look"), Status.WARN),
        (fail("1", fix="mend"), warn("2", fix="look"), Status.FAIL),
    ],
)
def test_one_run_may_tell_what_another_cannot(
    one: Verdict, two: Verdict, expected: Status, tmp_path: Path
) -> None:
    stage = stage_of(ONE, TWO, one=one, two=two)

    assert judge(stage, FakeEngine(), root=tmp_path).verdict("9.1").status is expected


def test_a_check_judges_the_runs_it_applies_to(tmp_path: Path) -> None:
    stage = stage_of(ONE, TWO, applies_to=("one",), one=ok("1"), two=fail("on purpose", fix="none"))

    assert judge(stage, FakeEngine(), root=tmp_path).verdict("9.1").status is Status.PASS


def test_stages_share_what_a_target_has_been_through(tmp_path: Path) -> None:
    engine = FakeEngine()
    stage = stage_of(ONE, one=ok("1"))

    judge(stage, engine, root=tmp_path)
    judge(replace(stage, id="8"), engine, root=tmp_path)

    assert engine.lived == {"one": 1}


def test_a_rerun_is_given_the_inputs_of_the_first_run(tmp_path: Path) -> None:
    engine = FakeEngine()
    stage = stage_of(ONE, THREE, one=ok("1"), three=ok("3"))

    judge(stage, engine, root=tmp_path)

    assert engine.inputs == [None, tmp_path / "scenarios" / "one"]


def test_a_scenario_that_raises_is_an_error_and_the_others_are_judged(tmp_path: Path) -> None:
    broken = Scenario(name="broken", sentence="Raises.")
    stage = stage_of(ONE, broken, one=ok("1"))

    found = judge(stage, FakeEngine(), root=tmp_path).verdict("9.1")

    assert found.status is Status.ERROR
    assert "scenario broken raised OSError: no disk" in found.summary


def test_an_engine_without_scenarios_lives_one_day_and_skips_comparisons(tmp_path: Path) -> None:
    engine = LoneEngine()

    report = judge(stage_named("3"), engine, root=tmp_path)

    assert sum(engine.lived.values()) == 1
    assert report.verdict("3.1").status is Status.SKIP
    assert report.verdict("3.5").status is Status.PASS


def test_a_check_whose_run_is_not_there_judges_the_one_that_is(tmp_path: Path) -> None:
    stage = stage_of(ONE, TWO, applies_to=("two",), one=ok("1 thing holds"))

    found = judge(stage, LoneEngine(), root=tmp_path).verdict("9.1")

    assert found.summary == "1 thing holds"


def test_a_known_defect_of_a_foreign_engine_is_named(tmp_path: Path) -> None:
    stage = stage_of(ONE, one=fail("it does not hold", fix="none"))

    found = judge(stage, FakeEngine({"9.1": "upstream-7"}), root=tmp_path).verdict("9.1")

    assert (found.status, found.known_defect) == (Status.FAIL, "upstream-7")


def test_scenarios_without_a_root_go_into_a_temporary_folder() -> None:
    engine = FakeEngine()

    assert judge(stage_of(ONE, one=ok("1")), engine).conclusion is Conclusion.PASSED


def test_a_second_process_does_not_write_into_the_first_ones_folders(tmp_path: Path) -> None:
    stage = stage_of(ONE, one=ok("1"))

    judge(stage, FakeEngine(), root=tmp_path)
    judge(stage, FakeEngine(), root=tmp_path)

    assert sorted(p.name for p in (tmp_path / "scenarios").iterdir()) == ["one", "one_2"]


def test_a_whole_phase_on_a_target(tmp_path: Path) -> None:
    engine = FakeEngine()

    assert phase_0(engine, root=tmp_path).conclusion is Conclusion.PASSED
    assert phase_2(engine, root=tmp_path).verdict("2.1").status is Status.PASS
    assert engine.lived["reference"] == 1


def test_a_session_is_judged_by_its_folder(tmp_path: Path) -> None:
    session = RecordedSession(healthy_day().folder(tmp_path / "s"))

    assert phase_0(session).conclusion is Conclusion.PASSED
    assert evidence_of(session).of(ev.SessionStarted)[0].seq == 1


def test_every_stage_says_what_it_verifies_and_how_to_operate() -> None:
    for stage in all_stages():
        assert stage.verifies.endswith(".")
        assert stage.operate
        assert stage.headless.endswith(".")
        names = [scenario.name for scenario in stage.scenarios]
        assert len(names) == len(set(names))
        for one in stage.checks:
            assert set(one.applies_to) <= set(names), one.id
            assert one.needs
            assert one.sentence.endswith(".")


def test_scenarios_of_one_name_are_one_scenario_everywhere() -> None:
    seen: dict[str, Scenario] = {}
    for stage in all_stages():
        for scenario in stage.scenarios:
            assert seen.setdefault(scenario.name, scenario) == scenario
            assert not scenario.replays or scenario.replays in {s.name for s in stage.scenarios}
