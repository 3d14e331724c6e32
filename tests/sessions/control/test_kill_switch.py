"""The kill switch from outside: each reason is kept, no link followed, nothing lifted by chance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtkit.cli import qtkit as command_line
from qtkit.core.errors import ConfigError
from qtkit.core.paths import AccountFolder, OutputRoot
from qtkit.model import events as ev
from qtkit.runtime.accounts import create_account
from qtkit.runtime.kill_switch import drop_kill_file, kill_mark
from qtkit.sessions.control.kill_switch import kill_account, lift_account
from qtkit.sessions.remote import open_session
from qtkit.sessions.simulation import simulate
from qtkit.trading.risk.kill_file import kill_file_is_there, kill_requests, set_aside
from tests.sessions.live_processes import CHURN


@pytest.fixture
def account(tmp_path: Path) -> AccountFolder:
    """An account that no session has used."""
    found = OutputRoot(tmp_path).account("paper", "demo")
    opened = datetime(2026, 3, 3, tzinfo=UTC)
    create_account(found, cash=Decimal(100_000), currency="CNY", exchange="XSHG", at=opened)
    return found


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    (tmp_path / "churn.py").write_text(CHURN)
    return tmp_path / "churn.py"


def qtkit(*words: object) -> Result:
    return CliRunner().invoke(command_line, [str(word) for word in words])


def reasons(account: AccountFolder) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in account.kill_file.read_text().splitlines()]
    return [(line["by"], line["why"]) for line in lines]


def switched(folder: Path) -> list[tuple[bool, str, str]]:
    entries = open_session(folder).entries()
    found = [e.event for e in entries if isinstance(e.event, ev.KillSwitchSet)]
    return [(event.on, event.by, event.why) for event in found]


def test_many_people_at_once_are_all_kept(account: AccountFolder) -> None:
    names = [f"operator{n}" for n in range(20)]

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda name: kill_account(account, by=name, why="now"), names))

    assert sorted(by for by, _ in reasons(account)) == sorted(names)


def test_a_reason_is_added_to_a_file_made_by_hand(account: AccountFolder) -> None:
    account.kill_file.write_text("stop!")

    kill_account(account, by="anna", why="odd fills")

    first, second = account.kill_file.read_text().splitlines()
    assert first == "stop!"
    assert json.loads(second)["by"] == "anna"


def test_each_reason_before_the_day_is_in_the_days_journal(
    tmp_path: Path, account: AccountFolder, churn: Path
) -> None:
    kill_account(account, by="anna", why="odd fills")
    kill_account(account, by="bert", why="a margin call")

    session = simulate(churn, day="2026-03-04", root=tmp_path, account="demo")

    assert switched(session.folder.path) == [
        (True, "anna", "odd fills"),
        (True, "bert", "a margin call"),
    ]


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "dangling"])
def test_a_link_in_the_files_place_is_replaced_and_not_followed(
    tmp_path: Path, account: AccountFolder, *, there: bool
) -> None:
    if there:
        (tmp_path / "elsewhere").write_text("mine")
    account.kill_file.symlink_to(tmp_path / "elsewhere")

    kill_account(account, by="anna", why="odd fills")

    assert reasons(account) == [("anna", "odd fills")]
    assert not account.kill_file.is_symlink()
    assert (tmp_path / "elsewhere").exists() is there
    assert not there or (tmp_path / "elsewhere").read_text() == "mine"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_whatever_else_is_in_its_place_stays_and_stops(account: AccountFolder, kind: str) -> None:
    account.kill_file.mkdir() if kind == "folder" else os.mkfifo(account.kill_file)

    sentence = kill_account(account, by="anna", why="odd fills")

    assert "is ON" in sentence
    assert "could not be written" in sentence


def test_an_account_that_is_a_link_to_another_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = OutputRoot(tmp_path).account("paper", "alias")
    place.path.parent.mkdir(parents=True)
    place.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError):
        kill_account(place, by="anna", why="odd fills")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_account_that_was_moved_behind_a_link_is_killed(
    tmp_path: Path, account: AccountFolder
) -> None:
    account.path.rename(tmp_path / "elsewhere")
    account.path.symlink_to(tmp_path / "elsewhere")

    kill_account(account, by="anna", why="odd fills")

    assert (tmp_path / "elsewhere" / "KILL").exists()


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("x" * 5_000, "odd"),
        ("anna", "x" * 5_000),
        ("anna", "odd\nfills"),
        ("anna", "\u202eodd"),
        ("an\x00na", "odd"),
        ("\udcff", "odd"),
        (" ", "odd"),
    ],
    ids=["long name", "long reason", "line", "bidi", "nul", "no utf-8", "blank"],
)
@pytest.mark.parametrize("lift", [False, True], ids=["kill", "lift"])
def test_a_name_or_reason_that_breaks_lines_is_refused(
    account: AccountFolder, by: str, why: str, *, lift: bool
) -> None:
    before = sorted(account.path.iterdir())
    doing = lift_account if lift else kill_account

    with pytest.raises(ConfigError) as refused:
        doing(account, by=by, why=why)

    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()
    assert sorted(account.path.iterdir()) == before


@pytest.mark.parametrize("name", ["nobody", "../x", "/", ".", "", "a\nb", "x" * 5_000, "\u202ea"])
@pytest.mark.parametrize("lift", [[], ["--lift"]], ids=["kill", "lift"])
def test_an_account_that_is_not_there_is_one_short_sentence(
    tmp_path: Path, account: AccountFolder, name: str, lift: list[str]
) -> None:
    words = ["--root", tmp_path, "--by", "anna", "--why", "odd", *lift]

    found = qtkit("kill", name, *words).exception

    assert isinstance(found, ConfigError)
    assert len(str(found)) < 400
    assert str(found).isprintable()
    assert sorted(path.name for path in account.path.iterdir()) == ["account.json"]


def test_an_account_that_never_traded_can_be_lifted_and_says_who(
    tmp_path: Path, account: AccountFolder, churn: Path
) -> None:
    kill_account(account, by="anna", why="odd fills")
    lift_account(account, by="bert", why="explained")

    session = simulate(churn, day="2026-03-04", root=tmp_path, account="demo")

    assert switched(session.folder.path) == [(False, "bert", "explained")]


def test_lifting_twice_changes_nothing_more(tmp_path: Path, account: AccountFolder) -> None:
    kill_account(account, by="anna", why="odd fills")
    lift_account(account, by="bert", why="explained")
    before = account.lift_request.read_bytes()

    sentence = lift_account(account, by="eve", why="again")

    assert "off already" in sentence
    assert account.lift_request.read_bytes() == before


# --- two people at once ----------------------------------------------------------------------


def test_a_reason_that_comes_in_while_somebody_lifts_is_not_lifted(account: AccountFolder) -> None:
    kill_account(account, by="anna", why="odd fills")
    seen = kill_mark(account)
    kill_account(account, by="eve", why="a margin call")

    with pytest.raises(ConfigError):
        drop_kill_file(account, seen)

    assert reasons(account) == [("anna", "odd fills"), ("eve", "a margin call")]
    assert [path.name for path in account.path.glob("KILL*")] == ["KILL"]


@pytest.mark.parametrize("again", [kill_account, lambda a, **_: a.kill_file.touch()])
def test_a_file_made_while_somebody_lifts_stays(
    account: AccountFolder, again: Callable[..., object]
) -> None:
    seen = kill_mark(account)
    again(account, by="eve", why="a margin call")

    with pytest.raises(ConfigError):
        drop_kill_file(account, seen)

    assert kill_file_is_there(account.kill_file)


def test_a_file_that_is_touched_again_while_somebody_lifts_stays(account: AccountFolder) -> None:
    account.kill_file.touch()
    os.utime(account.kill_file, (1, 1))
    seen = kill_mark(account)
    account.kill_file.touch()

    with pytest.raises(ConfigError):
        drop_kill_file(account, seen)

    assert kill_file_is_there(account.kill_file)


def test_a_kill_that_holds_the_file_open_while_it_is_lifted_is_not_lost(
    account: AccountFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole lift falls between the opening of the file and the writing of the line."""
    kill_account(account, by="anna", why="odd fills")
    look, lifts = os.fstat, list[bool]()

    def after_a_lift(file: int) -> os.stat_result:
        if not lifts:
            lifts.append(drop_kill_file(account, kill_mark(account)))
        return look(file)

    monkeypatch.setattr(os, "fstat", after_a_lift)
    kill_account(account, by="eve", why="a margin call")

    assert lifts == [True]
    assert reasons(account) == [("eve", "a margin call")]


def test_a_kill_while_a_lift_has_the_file_aside_keeps_both_reasons(account: AccountFolder) -> None:
    kill_account(account, by="anna", why="odd fills")
    account.kill_file.rename(set_aside(account.kill_file))
    kill_account(account, by="eve", why="a margin call")

    kill_mark(account)

    assert sorted(reasons(account)) == [("anna", "odd fills"), ("eve", "a margin call")]


def test_a_lift_that_died_half_way_leaves_the_switch_on_and_another_one_lifts(
    account: AccountFolder,
) -> None:
    kill_account(account, by="anna", why="odd fills")
    account.kill_file.rename(set_aside(account.kill_file))
    assert kill_file_is_there(account.kill_file)
    assert [request.by for request in kill_requests(account.kill_file)] == ["anna"]

    lift_account(account, by="bert", why="explained")

    assert not kill_file_is_there(account.kill_file)
    assert account.lift_request.exists()


def test_a_lift_that_was_refused_asks_for_nothing(
    account: AccountFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody kills between the request and the removal."""
    kill_account(account, by="anna", why="odd fills")
    rename, kills = Path.rename, list[str]()

    def after_a_kill(path: Path, target: Path) -> Path:
        if not kills and path == account.kill_file:
            kills.append(kill_account(account, by="eve", why="a margin call"))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", after_a_kill)

    with pytest.raises(ConfigError):
        lift_account(account, by="bert", why="explained")

    assert reasons(account) == [("anna", "odd fills"), ("eve", "a margin call")]
    assert not account.lift_request.exists()
