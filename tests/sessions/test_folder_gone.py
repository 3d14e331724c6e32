"""Without its files an engine trades nothing, and makes none of them anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core import folder_watch
from qtkit.core.clock import stopwatch
from qtkit.core.errors import FolderGone
from qtkit.core.folder_watch import FolderWatch
from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder
from qtkit.journal import read_journal
from qtkit.model import events as ev
from qtkit.runtime.accounts import create_account
from qtkit.sessions.live import run_live
from qtkit.sessions.remote import RemoteSession
from qtkit.sessions.simulation import simulate
from tests.sessions.live_processes import CHURN, replay

Act = Callable[[SessionFolder, AccountFolder], object]


def _replace_journal(folder: SessionFolder, _: AccountFolder) -> None:
    shutil.copy(folder.journal, folder.path / "copy")
    (folder.path / "copy").replace(folder.journal)


def _remove(folder: Path) -> None:
    """Remove a folder in one moment: nothing can be written to it meanwhile."""
    shutil.rmtree(folder.rename(folder.with_name("removed")))


ACTS: dict[str, Act] = {
    "the account is renamed": lambda _, a: a.path.rename(a.path.with_name("moved")),
    "the account is removed": lambda _, a: _remove(a.path),
    "the account's lock is removed": lambda _, a: a.lock.unlink(),
    "the broker's book is removed": lambda _, a: a.broker_book.unlink(),
    "the session is renamed": lambda s, _: s.path.rename(s.path.with_name("moved")),
    "the session is removed": lambda s, _: _remove(s.path),
    "its artifacts are removed": lambda s, _: _remove(s.artifacts),
    "the journal is removed": lambda s, _: s.journal.unlink(),
    "the journal is replaced": _replace_journal,
    "everything is removed": lambda s, _: _remove(s.path.parents[1]),
}


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    (tmp_path / "churn.py").write_text(CHURN)
    return tmp_path / "churn.py"


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    found = OutputRoot(tmp_path / "outputs")
    opened = datetime(2026, 3, 3, tzinfo=UTC)
    place = found.account("paper", "demo")
    create_account(place, cash=Decimal(100_000), currency="CNY", exchange="XSHG", at=opened)
    return found


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_live_engine_ends_within_seconds_and_makes_no_new_folder(
    churn: Path, root: OutputRoot, act: Act
) -> None:
    left = list[Path]()
    since = stopwatch()

    def remove(folder: SessionFolder) -> None:
        nonlocal since
        act(folder, root.account("paper", "demo"))
        left.extend(sorted(path for path in root.path.rglob("*") if path.is_dir()))
        since = stopwatch()

    with pytest.raises(FolderGone):
        run_live(churn, root=root, account="demo", settings=replay(speed=1), meanwhile=remove)

    assert since() < 5
    assert sorted(path for path in root.path.rglob("*") if path.is_dir()) == left


def test_put_back_where_it_was_it_goes_on(churn: Path, root: OutputRoot) -> None:
    moved = list[tuple[Path, Path]]()

    def rename(folder: SessionFolder) -> None:
        moved.append((folder.path, folder.path.with_name("moved")))
        folder.path.rename(moved[0][1])

    with pytest.raises(FolderGone):
        run_live(churn, root=root, account="demo", settings=replay(speed=1), meanwhile=rename)
    moved[0][1].rename(moved[0][0])

    def stop(folder: SessionFolder) -> None:
        RemoteSession(folder).command("stop")

    end = run_live(
        churn,
        root=root,
        account="demo",
        settings=replay(speed=1),
        meanwhile=stop,
    )

    assert end.folder.path == moved[0][0]
    kinds = [type(entry.event) for entry in read_journal(end.folder.journal)]
    assert kinds[-1] is ev.SessionEnded
    assert ev.SessionResumed in kinds


def test_a_simulated_engine_notices_too(
    churn: Path, root: OutputRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "_EVERY", 0.0)
    place = root.account("paper", "demo").path
    first = "        return [Intent("
    there, away = repr(str(place)), repr(f"{place}_")
    hook = f"        import os; os.path.exists({there}) and os.rename({there}, {away})\n"
    text = CHURN.replace(first, hook + first)
    churn.write_text(text)

    with pytest.raises(FolderGone):
        simulate(churn, day="2026-03-04", root=root, account="demo")

    assert not place.exists()


def test_what_fails_between_two_looks_is_told_as_the_absence_of_its_files(
    churn: Path, root: OutputRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "_EVERY", float("inf"))
    artifacts = f"__import__('pathlib').Path({str(root.path)!r}).glob('*/*/artifacts')"
    hook = f"        [__import__('shutil').rmtree(path) for path in {artifacts}]\n"
    first = "        return [Intent("
    churn.write_text(CHURN.replace(first, hook + first))

    with pytest.raises(FolderGone):
        simulate(churn, day="2026-03-04", root=root, account="demo")


def test_what_is_written_to_in_place_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("1")
    watch = FolderWatch([tmp_path, tmp_path / "journal", tmp_path / "never there"])

    with (tmp_path / "journal").open("a") as file:
        file.write("2")
    os.utime(tmp_path / "journal", (1, 1))

    watch.check()
