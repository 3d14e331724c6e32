"""A session is named by the same words everywhere, and `last` is the one that was started last."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit
from qtkit.core.errors import DataError
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.trading.strategy.loader import load_spec

GRID = Path(__file__).parents[2] / "examples" / "live_grid_multi.py"
FIRST_LINE = ("--from", "1", "--to", "1")
VERBS = {
    "check": ("check", "1", "--session", "?"),
    "sheet": ("sheet", "?", "--headless"),
    "attach": ("attach", "?", "-c", "status"),
    "journal verify": ("journal", "verify", "?"),
    "journal show": ("journal", "show", "?", *FIRST_LINE),
    "journal tail": ("journal", "tail", "?", "-n", "2"),
    "journal story": ("journal", "story", "?", "ORDER"),
    "journal compare": ("journal", "compare", "?", "?"),
    "kill": ("kill", "?", "--by", "anna", "--why", "a drill"),
}
WORDS = ("id", "beginning", "folder", "account", "last")


class Two(NamedTuple):
    """Two sessions: the one of the later day was started first."""

    root: Path
    words: dict[str, str]  # kind of word -> word, each for the session that was started last
    other: str  # id of the one that was started first
    order: str  # the first of the one that was started last


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    root = tmp_path_factory.mktemp("two")
    first = simulate(GRID, day="2026-03-05", root=root)
    prepare_account(load_spec(GRID), root=root, new_account="demo", day="2026-03-04")
    last = simulate(GRID, day="2026-03-04", root=root, account="demo")
    named = (last.session_id, "20260304", str(last.folder.path), "demo", "last")
    order = next(iter(last.view.orders.records))
    return Two(root, dict(zip(WORDS, named, strict=True)), first.session_id, order)


def typed(two: Two, verb: str, word: str) -> Result:
    places = {"?": word, "ORDER": two.order}
    words = [places.get(each, each) for each in VERBS[verb]]
    return CliRunner().invoke(qtkit, [*words, "--root", str(two.root)])


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_every_word(two: Two, verb: str, kind: str) -> None:
    by_folder = typed(two, verb, two.words["folder"])

    found = typed(two, verb, two.words[kind])

    assert by_folder.output
    assert (found.exit_code, found.output) == (by_folder.exit_code, by_folder.output)


@pytest.mark.parametrize("verb", VERBS)
def test_a_beginning_of_two_sessions_is_refused_with_both(two: Two, verb: str) -> None:
    found = typed(two, verb, "2026").exception

    assert isinstance(found, DataError)
    assert two.other in str(found)
    assert two.words["id"] in str(found)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "kill"])
@pytest.mark.parametrize("word", ["1999", "nobody", "demo2"])
def test_a_word_of_no_session_is_refused_and_tells_which_there_are(
    two: Two, verb: str, word: str
) -> None:
    found = typed(two, verb, word).exception

    assert isinstance(found, DataError)
    assert two.words["id"] in str(found)


def test_an_account_of_one_session_alone_is_killed_by_its_session(two: Two) -> None:
    found = typed(two, "kill", two.other)

    assert found.exit_code == 0
    assert (two.root / "accounts" / "paper" / two.other / "KILL").is_file()


def test_an_account_of_two_modes_needs_its_mode(two: Two) -> None:
    (two.root / "accounts" / "shadow" / "demo").mkdir(parents=True)
    try:
        found = typed(two, "kill", "demo").exception
    finally:
        (two.root / "accounts" / "shadow" / "demo").rmdir()

    assert isinstance(found, DataError)
    assert "paper, shadow" in str(found)
