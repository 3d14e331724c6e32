"""Measure, and print goals beside results: ``python -m benchmarks`` or ``make bench``.

Every time is CPU seconds of this process. The table is also written to ``outputs/bench.json`` as a
list of name, value, unit, goal, met.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import measured
from benchmarks.measured import Figure
from qtkit.core.paths import write_atomic
from qtkit.core.render import Mark, Table, mark, text_table

_OUT = Path("outputs") / "bench.json"
_ALL = (
    measured.nothing_on_one_symbol,
    measured.nothing_on_ten_symbols,
    measured.moving_average_cross,
    measured.cost_of_an_order,
    measured.growing_history,
    measured.reference_day,
    measured.checks_over_a_million_entries,
)


def main(chosen: list[str]) -> int:
    """Run the benchmarks whose names contain one of the words, or all; 0 if every goal is met."""
    figures = list[Figure]()
    for benchmark in _ALL:
        if not chosen or any(word in benchmark.__name__ for word in chosen):
            print(f"{benchmark.__name__} ...", file=sys.stderr, flush=True)
            figures.extend(benchmark())
    rows = tuple((f.name, f.shown, f.unit, f.goal_shown, _met(f)) for f in figures)
    columns = ("benchmark", "result", "unit", "goal", "met")
    print(text_table(Table("Benchmarks", columns, rows, "lrlrl")))
    write_atomic(_OUT, json.dumps([f.as_json() for f in figures], indent=2) + "\n")
    print(f"written to {_OUT}")
    return 0 if all(f.met for f in figures) else 1


def _met(figure: Figure) -> Mark | str:
    if figure.goal is None:
        return ""
    return mark("pass" if figure.met else "fail")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
