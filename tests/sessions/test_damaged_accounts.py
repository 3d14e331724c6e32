"""Every file of an account, lost or damaged in every way: never a silent beginning.

A start either refuses (exit 3, with a runbook) and changes nothing, or it goes on from what the
journals say. It never begins again with the opening cash, and never gives an order id twice.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import DataError, StrategyError
from qtkit.core.paths import AccountFolder, OutputRoot
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.model.intents import Intent
from qtkit.runtime.account_chain import sessions_of
from qtkit.runtime.accounts import inherit
from qtkit.sessions.local import LocalSession
from qtkit.sessions.simulation import prepare_account, simulate
from qtkit.testing import scripted_spec
from qtkit.trading.strategy.protocol import Fill, JsonObject, Prepared, StrategySpec, View
from tests.repository.places import ROOT
from tests.sessions.damages import DAMAGES, FILES

BANK, STEEL = "600036.SH", "601398.SH"
FIRST, SECOND, THIRD = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)
CASH = Decimal(1_000_000)
Deed = Callable[[View], None]


def _nothing(_: View) -> None:
    pass


def _spec(at_step: Deed = _nothing, at_fill: Deed = _nothing) -> StrategySpec:
    """Return a strategy that buys 100 shares of two symbols at each step."""

    class Buying:
        def prepare(self, view: View) -> None:
            pass

        def decide(self, view: View, prepared: Prepared) -> list[Intent]:
            at_step(view)
            return [Intent(symbol=s, quantity=Decimal(100), because="more") for s in (BANK, STEEL)]

        def on_fill(self, fill: Fill, view: View) -> None:
            at_fill(view)

        def state(self) -> JsonObject:
            return {}

        def restore(self, state: JsonObject) -> None:
            pass

    return StrategySpec(
        name="buying", make=Buying, symbols=(BANK, STEEL), opening_cash=CASH, step_minutes=5
    )


def _at(day: date, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hour) - 8, int(minute), tzinfo=UTC)


def _live(root: Path, day: date, start: str, stop: str, **deeds: Deed) -> LocalSession:
    return simulate(
        _spec(**deeds),
        day=day,
        root=root,
        account="demo",
        start=_at(day, start),
        stop=_at(day, stop),
    )


@dataclass(frozen=True)
class Life:
    """An account at one moment, an earlier copy of it, and how it goes on."""

    now: Path
    earlier: Path
    day: date
    start: str
    stop: str


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life]:
    """One account: a day in order, a crash on the second day, and the second day's end.

    Copies are taken at the second step of the second day, after the crash, and after the end.
    """
    place = tmp_path_factory.mktemp("accounts")
    root = place / "root"
    prepare_account(_spec(), root=root, new_account="demo", day=FIRST)
    _live(root, FIRST, "9:29", "9:43")

    def copy(view: View) -> None:
        if view.now == _at(SECOND, "9:40"):
            shutil.copytree(root, place / "step")

    def crash(view: View) -> None:
        if view.now >= _at(SECOND, "9:41"):
            raise RuntimeError("the power goes")

    with pytest.raises(StrategyError):
        _live(root, SECOND, "9:29", "9:55", at_step=copy, at_fill=crash)
    shutil.copytree(root, place / "crashed")
    _live(root, SECOND, "9:47", "9:52")
    return {
        "crashed": Life(place / "crashed", place / "step", SECOND, "9:47", "9:52"),
        "ended": Life(root, place / "crashed", THIRD, "9:29", "9:43"),
    }


# --- what is damaged, and how ----------------------------------------------------------------

JOURNAL, ACCOUNT, BOOK = "journal-corrupt", "account-damaged", "broker-book-damaged"
REBUILT = "file_rebuilt"
# in the order of DAMAGES; a page: refused; REBUILT: sys.log names the file; "": nothing is lost
ENDED = {
    "journal": (JOURNAL,) * 6,
    "chain": (ACCOUNT, ACCOUNT, REBUILT, REBUILT, REBUILT, ACCOUNT),
    "broker_book": (BOOK,) * 6,
    "status": (REBUILT,) * 6,
    "folder": (JOURNAL, ACCOUNT, None, None, JOURNAL, None),
    "account": (ACCOUNT,) * 6,
    "metadata": (ACCOUNT,) * 6,
    "config": (ACCOUNT,) * 6,
    "break_point": (REBUILT, REBUILT, REBUILT, REBUILT, None, REBUILT),
}
CRASHED = {
    "journal": (JOURNAL,) * 6,
    "chain": (ACCOUNT, ACCOUNT, "", ACCOUNT, "", ACCOUNT),
    "broker_book": (BOOK,) * 6,
    "status": (REBUILT, REBUILT, REBUILT, REBUILT, "", ""),
    "folder": (JOURNAL, ACCOUNT, None, None, JOURNAL, None),
    "account": (ACCOUNT,) * 6,
    "metadata": (ACCOUNT,) * 6,
    "config": (ACCOUNT,) * 6,
}
CELLS = [
    (life, file, damage, expected)
    for life, table in (("ended", ENDED), ("crashed", CRASHED))
    for file, row in table.items()
    for damage, expected in zip(DAMAGES, row, strict=True)
    if expected is not None
]


def _damaged(life: Life, tmp_path: Path, file: str, damage: str) -> Path:
    """Return a copy of an account with one file damaged."""
    root = tmp_path / "root"
    shutil.copytree(life.now, root)
    account = OutputRoot(root).account("paper", "demo")
    path = FILES[file](account, sessions_of(account)[-1])
    DAMAGES[damage](path, life.earlier / path.relative_to(root))
    return root


def _bytes(root: Path) -> dict[Path, bytes]:
    """Return all files; a lock's file and SQLite's own bookkeeping say nothing."""
    files = (p for p in root.rglob("*") if p.is_file())
    return {p: p.read_bytes() for p in files if "lock" not in p.name and ".sqlite" not in p.name}


def _orders(root: Path) -> list[str]:
    journals = sorted(root.glob("paper_sessions/*/artifacts/journal.jsonl"))
    return [
        e.event.order_id
        for journal in journals
        for e in read_journal(journal)
        if isinstance(e.event, ev.OrderRequested)
    ]


def _their_book(root: Path) -> tuple[Decimal, int]:
    book = OutputRoot(root).account("paper", "demo").broker_book
    with closing(sqlite3.connect(book)) as db:
        (cash,) = db.execute("SELECT cash FROM account").fetchone()
        (orders,) = db.execute("SELECT count(*) FROM orders").fetchone()
    return Decimal(cash), int(orders)


def _pages(refused: DataError) -> list[str]:
    return re.findall(r"runbooks/([\w-]+)\.md", str(refused))


def _cells(*, refused: bool) -> list[Any]:
    pages = {JOURNAL, ACCOUNT, BOOK}
    chosen = [cell for cell in CELLS if (cell[3] in pages) is refused]
    return [pytest.param(*cell, id="-".join(cell[:3])) for cell in chosen]


@pytest.mark.parametrize(("life", "file", "damage", "page"), _cells(refused=True))
def test_a_damaged_account_is_refused_with_its_runbook_and_left_as_it_is(
    lives: dict[str, Life], tmp_path: Path, life: str, file: str, damage: str, page: str
) -> None:
    root = _damaged(lives[life], tmp_path, file, damage)
    before = _bytes(root)

    with pytest.raises(DataError) as refused:
        _live(root, lives[life].day, lives[life].start, lives[life].stop)

    assert (refused.value.exit_code, _pages(refused.value)) == (3, [page])
    assert _bytes(root) == before


@pytest.mark.parametrize("life", ["crashed", "ended"])
def test_a_book_that_sqlite_would_take_for_a_new_one_is_left_as_it_is(
    lives: dict[str, Life], tmp_path: Path, life: str
) -> None:
    root = tmp_path / "root"
    shutil.copytree(lives[life].now, root)
    book = OutputRoot(root).account("paper", "demo").broker_book
    book.write_bytes(b" ")

    with pytest.raises(DataError) as refused:
        _live(root, lives[life].day, lives[life].start, lives[life].stop)

    assert (refused.value.exit_code, _pages(refused.value)) == (3, [BOOK])
    assert book.read_bytes() == b" "


@pytest.mark.parametrize(("life", "file", "damage", "word"), _cells(refused=False))
def test_what_a_journal_can_rebuild_is_rebuilt_and_the_account_goes_on(
    lives: dict[str, Life], tmp_path: Path, life: str, file: str, damage: str, word: str
) -> None:
    root = _damaged(lives[life], tmp_path, file, damage)

    session = _live(root, lives[life].day, lives[life].start, lives[life].stop)

    assert word in session.folder.sys_log.read_text()
    orders, (cash, known) = _orders(root), _their_book(root)
    assert len(orders) == len(set(orders)) == known
    assert session.view.closing.cash == cash
    assert session.view.opening.opening.cash < CASH  # it had bought before


def test_every_page_that_a_refusal_names_is_there() -> None:
    pages = (JOURNAL, ACCOUNT, BOOK)

    assert [page for page in pages if not (ROOT / "runbooks" / f"{page}.md").is_file()] == []


# --- the legitimate cases --------------------------------------------------------------------


def _account(root: Path) -> AccountFolder:
    return OutputRoot(root).account("paper", "demo")


def _moved_away(lives: dict[str, Life], tmp_path: Path) -> tuple[Path, str]:
    """Return a copy of an account whose oldest session was moved away, and that session's id."""
    root = tmp_path / "root"
    shutil.copytree(lives["ended"].now, root)
    oldest = sessions_of(_account(root))[0]
    shutil.move(oldest.path, tmp_path / "archive")
    return root, oldest.session_id


def test_a_session_that_is_away_is_missed_and_the_error_says_how_to_put_one_away(
    lives: dict[str, Life], tmp_path: Path
) -> None:
    root, oldest = _moved_away(lives, tmp_path)

    with pytest.raises(DataError) as refused:
        inherit(_account(root))

    assert oldest in str(refused.value)
    assert "put_away.txt" in str(refused.value)


def test_a_session_that_was_put_away_on_purpose_is_not_missed(
    lives: dict[str, Life], tmp_path: Path
) -> None:
    root, oldest = _moved_away(lives, tmp_path)
    _account(root).put_away.write_text(f"{oldest}\n")

    assert inherit(_account(root)).opening.cash < CASH


def test_the_newest_journal_cannot_be_put_away(lives: dict[str, Life], tmp_path: Path) -> None:
    root = _damaged(lives["ended"], tmp_path, "folder", "removed")
    account = _account(root)
    account.put_away.write_text(f"{sessions_of(account)[-1].session_id}\n")

    with pytest.raises(DataError):
        inherit(account)


def test_a_lost_file_that_is_accepted_by_name_stops_nobody(
    lives: dict[str, Life], tmp_path: Path
) -> None:
    root = _damaged(lives["ended"], tmp_path, "config", "removed")
    account = _account(root)
    account.put_away.write_text(f"{sessions_of(account)[-1].session_id}/config.json\n")

    assert inherit(account).opening.cash < CASH


def test_the_days_before_a_restart_are_not_missed(lives: dict[str, Life], tmp_path: Path) -> None:
    root = tmp_path / "root"
    prepare_account(_idle(), root=root, new_account="demo", day=FIRST)
    for _ in range(2):
        simulate(_idle(), day=FIRST, root=root, account="demo", stop=_at(FIRST, "9:31"))
        prepare_account(_idle(), root=root, account="demo", restart=True, day=FIRST)

    assert inherit(_account(root)).opening.cash == CASH
    assert len(list((root / "paper_sessions").iterdir())) == 2


def _idle() -> StrategySpec:
    return scripted_spec({}, [BANK], opening_cash=CASH)


def test_an_account_whose_folder_is_gone_is_not_made_again_beside_its_sessions(
    lives: dict[str, Life], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(lives["ended"].now, root)
    shutil.rmtree(_account(root).path)

    with pytest.raises(DataError):
        prepare_account(_spec(), root=root, new_account="demo", day=THIRD)

    assert not _account(root).record.exists()


def test_an_account_of_before_the_marks_goes_on(lives: dict[str, Life], tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(lives["ended"].now, root)
    chain = _account(root).chain
    lines = [json.loads(line) for line in chain.read_text().splitlines()]
    begun = [{k: line[k] for k in ("session", "folder")} for line in lines if "folder" in line]
    chain.write_text("".join(json.dumps(line) + "\n" for line in begun))

    assert inherit(_account(root)).opening.cash < CASH


# --- one byte, anywhere ----------------------------------------------------------------------


@pytest.mark.parametrize("file", ["chain", "account"])
def test_no_flipped_byte_changes_what_an_account_hands_over(
    lives: dict[str, Life], tmp_path: Path, file: str
) -> None:
    root = tmp_path / "root"
    shutil.copytree(lives["ended"].now, root)
    account = _account(root)
    path = FILES[file](account, sessions_of(account)[-1])
    whole, expected = path.read_bytes(), inherit(account)
    passed = []
    for where in range(0, len(whole), 7):
        path.write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
        with suppress(DataError):
            found = inherit(account)
            assert replace(found, rebuilt=()) == expected
            passed.append(where)

    assert passed == []


def test_half_a_line_at_the_chains_end_is_cut_off_by_the_next_one(
    lives: dict[str, Life], tmp_path: Path
) -> None:
    """The power went while a session was being noted: that session never began."""
    root = tmp_path / "root"
    shutil.copytree(lives["ended"].now, root)
    chain = _account(root).chain
    chain.write_bytes(chain.read_bytes() + b'{"session":"20260305_012900_pa')
    before = len(sessions_of(_account(root)))

    _live(root, THIRD, "9:29", "9:33")

    assert len(sessions_of(_account(root))) == before + 1
