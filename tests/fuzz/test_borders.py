"""Every border takes mutated input: no traceback, no hang, nothing wrong accepted.

A failure names its input; ``python -m tests.fuzz BORDER NUMBER`` feeds it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fuzz.border import INPUTS, Border, failures, in_memory
from tests.fuzz.catalogue import NAMES, borders
from tests.fuzz.corpus import Corpus

_SAMPLE = 40  # inputs of each border in every test run
_CHUNK = 250


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="qtkit-fuzz-", dir=in_memory()) as place:
        yield Path(place)


@pytest.fixture(scope="module")
def every_border(scratch: Path) -> Mapping[str, Border]:
    return borders(Corpus(scratch))


def _hold(border: Border, indexes: Sequence[int], scratch: Path) -> None:
    wrong = failures(border, indexes, scratch)
    assert not wrong, "\n\n".join(map(str, wrong))


def test_the_names_are_those_of_the_borders(every_border: Mapping[str, Border]) -> None:
    assert tuple(every_border) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_mutated_inputs(
    name: str, every_border: Mapping[str, Border], scratch: Path
) -> None:
    step = INPUTS // _SAMPLE
    _hold(every_border[name], range(0, INPUTS, step), scratch)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, INPUTS, _CHUNK))
@pytest.mark.parametrize("name", NAMES)
def test_all_mutated_inputs(
    name: str, first: int, every_border: Mapping[str, Border], scratch: Path
) -> None:
    _hold(every_border[name], range(first, first + _CHUNK), scratch)
