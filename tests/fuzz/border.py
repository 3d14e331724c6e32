"""A border: what comes in there, and the oracle that judges what became of it.

An input is *accepted*, and then what was read equals an independent reading of the same bytes; or
it is *refused* by an error of the package, in a short sentence, and nothing was written. All else
is a failure: a traceback, a hang, something wrong that was accepted.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtkit.cli import main
from qtkit.core.errors import QtkitError
from tests.fuzz.mutations import Dice

SEED = 7  # of all inputs; another one tries others
INPUTS = 2_000  # of each border
BOUND = 10.0  # seconds for one input
LONGEST_LINE = 2_500  # letters of a sentence
LONGEST = 20_000  # letters of all that is told about one input
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 130}  # DESIGN.md, section 9
_REFUSAL_CODES = {1, 2, 3, 4}


_WORDS = re.compile(r"\b[a-z]+\b")


class Hang(BaseException):
    """An input took too long."""


@dataclass(frozen=True, slots=True)
class Border:
    """A place where bytes or objects of others come in.

    Attributes
    ----------
    judge
        Feeds one input, made from dice, in an empty folder; raises if the outcome is wrong.
    """

    name: str
    judge: Callable[[Dice, Path], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """An input whose outcome was wrong."""

    border: str
    index: int
    kind: str  # of what happened, the same for inputs that fail alike
    story: str

    def __str__(self) -> str:
        return (
            f"{self.border} {self.index} (seed {SEED}): {self.kind}\n"
            f"again: python -m tests.fuzz {self.border} {self.index}\n{self.story}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input: a value, or the error that refused it."""

    value: Any = None
    refusal: QtkitError | None = None


def outcome_of(act: Callable[[], object], *, names: str = "") -> Outcome:
    """Return what an act came to; what refuses must do it in words that people can read.

    Parameters
    ----------
    names
        What the sentence must name, such as the file.
    """
    try:
        return Outcome(value=act())
    except QtkitError as problem:
        refusal = problem
    demand_sentence(str(refusal), names)
    assert refusal.exit_code in _REFUSAL_CODES, f"exit code {refusal.exit_code}"
    return Outcome(refusal=refusal)


def demand_sentence(text: str, names: str = "") -> None:
    """Demand words that are short, can be printed anywhere, and name what they are about."""
    assert text.strip(), "the refusal says nothing"
    assert len(text) <= LONGEST, f"the refusal has {len(text)} letters"
    longest = max(map(len, text.splitlines()))
    assert longest <= LONGEST_LINE, f"a line of the refusal has {longest} letters: {text[:300]}"
    strange = sorted({letter for letter in text if not (letter.isprintable() or letter == "\n")})
    assert not strange, f"letters that cannot be printed {strange[:5]!r}: {text[:300]!r}"
    assert names in text, f"the refusal does not name {names}: {text[:300]}"


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


def command_line(*words: str) -> Printed:
    """Run `qtkit` with words, in this process, as a shell would; a traceback is raised."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["qtkit", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    printed = Printed(code, out.getvalue(), err.getvalue())
    assert printed.code in EXIT_CODES, f"exit code {printed.code}"
    assert "Traceback" not in printed.err, printed.err[-2_000:]
    if printed.code in {2, 3, 4}:
        demand_sentence(printed.err)
    return printed


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_memory() -> Path | None:
    """Return a folder in memory, where there is one: thousands of small files come and go."""
    place = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return place if place.is_dir() else None


def judged(border: Border, index: int, scratch: Path, *, bound: float = BOUND) -> Failure | None:
    """Feed one input for `bound` seconds at most; return what was wrong, if anything was."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        with _bounded(bound):
            border.judge(Dice(border.name, SEED, index), folder)
    except (Exception, Hang, SystemExit) as problem:  # noqa: BLE001 - whatever it is: a finding
        return Failure(border.name, index, _kind(problem), _story(problem))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _kind(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if "qtkit/" in frame.filename] or frames
    last = own[-1]
    said = _WORDS.findall(str(problem))[:4] if isinstance(problem, AssertionError) else []
    return " ".join((type(problem).__name__, f"at {Path(last.filename).name}:{last.name}", *said))


def _story(problem: BaseException) -> str:
    text = "".join(traceback.format_exception(problem)).encode(errors="backslashreplace").decode()
    return text if len(text) <= 6_000 else f"{text[:2_000]}\n…\n{text[-4_000:]}"


def failures(border: Border, indexes: Iterable[int], scratch: Path) -> list[Failure]:
    """Return one failure of each kind among many inputs."""
    found = dict[str, Failure]()
    for index in indexes:
        failure = judged(border, index, scratch)
        if failure is not None:
            found.setdefault(failure.kind, failure)
    return list(found.values())
