"""Numbers are data: every check declares its facts, and its sentence and its proof follow them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.facts import Kind, budget, count, counts, fields_of, finding, proof_of
from qtkit.core.render import verdict_json
from qtkit.core.verdict import Status, Verdict
from qtkit.evidence import Evidence, RunFacts
from qtkit.stages import Outcome, check, judged
from tests.stages.parts import CHECKS, is_found
from tests.stages.phase_5_stories import cured_day, gated_day, split_day, warned_day
from tests.stages.story import Story, healthy_day, stopped_at_lunch
from tests.stages.test_checks_fail import PLANTED, Plant

STAGES = Path(__file__).parents[2] / "qtkit" / "stages"
NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?")
DAYS = (healthy_day, stopped_at_lunch, split_day, gated_day, warned_day, cured_day)
LET_GO = RunFacts(threads_alive=(), open_files=(), stop_seconds=0.2)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, ...]:
    """Return the verdicts of every check on several good days, on disk."""
    days = (
        Evidence.of_folder(day().folder(tmp_path_factory.mktemp("day") / "s"), facts=LET_GO)
        for day in DAYS
    )
    return tuple(check(evidence) for evidence in days for check in CHECKS.values())


def in_words(verdict: Verdict) -> str:
    """Return every way in which a verdict's facts can be read."""
    values = [str(fact.value) for fact in verdict.facts]
    values += [str(value) for row in verdict.findings for value in row.facts.values()]
    return " ".join(values)


def is_a_fact(number: str, verdict: Verdict) -> bool:
    """Whether a number of a sentence is one of the facts, as rounded as it is told."""
    digits = len(number.partition(".")[2])
    found = [float(n) for n in NUMBER.findall(in_words(verdict).replace("-", " "))]
    shares = [100 * n for n in found]
    told = [len(verdict.findings) - 3, len(verdict.findings)]  # "and 2 more", "5 faults"
    return any(round(n, digits) == float(number) for n in (*found, *shares, *told))


def unfounded(verdict: Verdict) -> list[str]:
    sentence = re.sub(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d", "", verdict.summary)
    return [n for n in NUMBER.findall(sentence) if not is_a_fact(n, verdict)]


def test_every_number_of_a_good_sentence_is_a_fact(good: tuple[Verdict, ...]) -> None:
    judging = [v for v in good if v.status in {Status.PASS, Status.WARN}]

    assert len({v.rule for v in judging}) > 40
    assert [(v.rule, v.summary, numbers) for v in judging if (numbers := unfounded(v))] == []


@pytest.mark.parametrize(("check_id", "plant"), [(c, plant) for c, _, plant in PLANTED])
def test_every_number_of_a_failing_sentence_is_a_fact(check_id: str, plant: Plant) -> None:
    story = healthy_day()
    plant(story)

    verdict = CHECKS[check_id](story.evidence())

    assert unfounded(verdict) == [], verdict.summary
    lines = sorted({row.line for row in verdict.findings if row.line})
    assert verdict.proof.count == len(verdict.proof.lines)
    assert set(lines) <= set(verdict.proof.lines)


def test_the_proof_counts_what_it_names(good: tuple[Verdict, ...]) -> None:
    for verdict in good:
        proof = verdict.proof
        if proof.span is None:
            assert proof.count == len(proof.lines) or proof.run, verdict
        else:
            assert not proof.lines
            assert proof.span[0] <= proof.span[1], verdict
            assert proof.count >= 0


def test_every_check_declares_facts_and_what_it_finds() -> None:
    assert [c.id for c in CHECKS.values() if not c.measures or not c.finds] == []


def test_facts_are_json_and_typed(good: tuple[Verdict, ...]) -> None:
    kinds: dict[Kind, Any] = {
        Kind.COUNT: int, Kind.SECONDS: (int, float), Kind.RATIO: float, Kind.MONEY: str,
        Kind.SHARES: str, Kind.TEXT: str, Kind.TABLE: dict, Kind.BUDGET: (int, float),
    }  # fmt: skip
    for verdict in good:
        assert json.loads(json.dumps(verdict_json(verdict)))["rule"] == verdict.rule
        wrong = [f for f in verdict.facts if not isinstance(f.value, kinds[f.kind])]
        assert wrong == []


# --- what is written in the source ---------------------------------------------------------------


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(STAGES.glob("*.py")):
        yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def called(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
            yield node


def test_every_finding_that_is_made_is_declared_with_its_facts() -> None:
    declared = [(k, frozenset(fields_of(t))) for c in CHECKS.values() for k, t in c.finds.items()]
    made = [
        (node.args[0].value, frozenset(k.arg for k in node.keywords if k.arg), name)
        for name, tree in modules()
        for node in called(tree, "finding")
        if isinstance(node.args[0], ast.Constant) and all(keyword.arg for keyword in node.keywords)
    ]

    assert len(made) > 150
    assert [(k, sorted(f), m) for k, f, m in made if (k, f) not in declared] == []


def test_every_budget_that_is_read_is_declared() -> None:
    declared = {m.name for c in CHECKS.values() for m in c.measures.values()}
    read = {
        str(node.args[0].value)
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "number"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    shapes = {"step_minutes", "price_poll_minutes", "close_offset_minutes"}  # not what is allowed

    assert read - declared - shapes == set()


# --- declaring -----------------------------------------------------------------------------------


def test_a_sentence_that_names_an_undeclared_fact_is_refused() -> None:
    with pytest.raises(ValueError, match="orders"):
        check("9.1", "t", facts=counts("fills"), holds="{orders} orders")(lambda _: judged())


def test_a_sentence_that_says_a_number_by_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="4 of"):
        check("9.1", "t", facts=counts("fills"), holds="4 of {fills}")(lambda _: judged())


def test_a_finding_that_is_not_declared_is_an_error() -> None:
    made = check("9.1", "t", holds="fine", finds={"late": "{task}"})
    checked = made(lambda _: judged([finding("early", 1, task="x")]))

    assert checked(healthy_day().evidence()).status is Status.ERROR


def test_a_budget_is_the_sessions_setting_or_the_checks_default() -> None:
    @check(
        "9.1",
        "t",
        facts=(count("n"), budget("max_wait_seconds"), budget("own", default=7.0)),
        holds="{n} within {max_wait_seconds} and {own}",
    )
    def judge(_: Evidence) -> Outcome:
        return judged(n=0)

    set_by_session = judge(healthy_day({"max_wait_seconds": 5}).evidence())
    by_default = judge(healthy_day().evidence())

    budgets = [{f.name: (f.value, f.source) for f in v.facts if f.kind is Kind.BUDGET}
               for v in (set_by_session, by_default)]  # fmt: skip
    assert budgets[0] == {"max_wait_seconds": (5, "setting"), "own": (7.0, "default")}
    assert budgets[1]["max_wait_seconds"][1] == "default"


def test_a_proof_of_many_names_the_range_and_the_number() -> None:
    few, many = proof_of([9, 4, 9]), proof_of(range(5, 5000))

    assert (few.lines, few.count, few.span) == ((4, 9), 2, None)
    assert (many.lines, many.count, many.span) == ((), 4995, (5, 4999))


def test_an_expected_kind_or_value_that_is_not_there_is_seen() -> None:
    story: Story = healthy_day()
    PLANTED[0][2](story)
    verdict = CHECKS[PLANTED[0][0]](story.evidence())

    assert is_found(verdict, PLANTED[0][1])
    assert not is_found(verdict, "no_such_kind")
    assert not is_found(verdict, f"{PLANTED[0][1]} 4711")
