"""What Tab offers: commands, options, and what the session knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.desk.shell import run_line
from qtkit.desk.shell.completion import candidates
from qtkit.desk.shell.context import Seat
from qtkit.sessions.remote import RemoteSession
from qtkit.trading.engine.schedule import PRIORITY
from tests.desk.hand_made_day import SYMBOL, rehearsal


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    with rehearsal(tmp_path_factory.mktemp("day")) as desk:
        run_line(desk, "advance 09:36")
        yield Seat(session=desk)


def offered(seat: Seat, text: str) -> list[str]:
    return [candidate.word for candidate in candidates(seat, text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("po", ["positions"]),
        ("re", ["resume", "reconcile", "refill", "reasons"]),
        ("orders --d", ["--doubtful"]),
        ("orders --doubtful --", ["--rejected", "--symbol", "--json"]),
        ("buy ", [SYMBOL]),
        ("buy 6", [SYMBOL]),
        ("buy 0", []),
        (f"buy {SYMBOL} ", []),
        ("watch ", [SYMBOL]),
        (f"watch {SYMBOL} ", [SYMBOL]),
        ("cancel ", ["q000001"]),
        ("orders --symbol ", [SYMBOL]),
        ("tasks --standing f", ["finished", "failed"]),
        ("task 20260304-run_strategy-0935", ["20260304-run_strategy-093500"]),
        ("run --task ", list(PRIORITY)),
        ("stage 4", ["4-A", "4-B"]),
        ("set de", ["debug"]),
        ("help sta", ["status", "stage"]),
        ("nothing ", []),
        ("exit ", []),
    ],
)
def test_what_may_stand_at_the_cursor_is_offered(seat: Seat, text: str, words: list[str]) -> None:
    assert offered(seat, text) == words


def test_a_candidate_says_what_it_is(seat: Seat) -> None:
    (order,) = candidates(seat, "orders q")

    assert (order.word, order.about) == ("q000001", f"{SYMBOL} filled")


def test_an_unreadable_session_offers_words_alone(tmp_path: Path) -> None:
    seat = Seat(session=RemoteSession(SessionFolder(tmp_path)))

    assert offered(seat, "cancel ") == []
    assert offered(seat, "canc") == ["cancel"]
