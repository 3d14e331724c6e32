"""Bugs about what a verdict states, and how two records compare it."""

from __future__ import annotations

from tests.mutants.bug import Bug, planted

__all__ = ["BUGS_OF_FACTS"]

_FACTS = "tests/stages/test_facts.py"

BUGS_OF_FACTS: tuple[Bug, ...] = (
    planted(
        "a sentence may name a fact that nobody declared",
        "qtkit/stages/check.py",
        "set(fields_of(template)) - self.measures.keys() - _IMPLIED",
        "set(fields_of(template)) - set(fields_of(template))",
        f"{_FACTS}::test_a_sentence_that_names_an_undeclared_fact_is_refused",
    ),
    planted(
        "a proof names other lines than its findings",
        "qtkit/stages/check.py",
        "sorted({*lines, *of_findings} - {0}) if rows else proof",
        "sorted({line + 1 for line in (*lines, *of_findings)}) if rows else proof",
        f"{_FACTS}::test_every_number_of_a_failing_sentence_is_a_fact",
    ),
    planted(
        "a tolerance counts for nothing",
        "qtkit/reports/fact_diff.py",
        "<= Decimal(str(fact.tolerance))",
        "<= Decimal(0)",
        "tests/reports/test_fact_diff.py::test_a_cent_and_a_million_do_not_look_the_same",
    ),
    planted(
        "facts of other inputs are compared",
        "qtkit/reports/fact_diff.py",
        "same_day and inputs_are_equal(before, after)",
        "same_day",
        "tests/reports/test_fact_diff.py::test_a_fact_of_other_inputs_is_not_compared",
    ),
)
