"""A re-run of a session that was cut off and came back: each return under what was accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from qtkit.adapters.embedded.target import EmbeddedEngine
from qtkit.core.paths import SessionFolder
from qtkit.core.verdict import Status
from qtkit.evidence import Evidence, Scenario
from qtkit.journal import compare, read_journal
from qtkit.model import events as ev
from qtkit.runtime.spec import Acceptance
from qtkit.stages.rerun_check import a_rerun_gives_the_same_journal as judge
from qtkit.trading.strategy.loader import load_spec
from tests.market.bar_makers import utc
from tests.runtime.cut_sessions import asked, code, lived, of_kind

DAYS = (date(2026, 3, 4), date(2026, 3, 5))
FIRST, SECOND = utc("2026-03-04 16:00"), utc("2026-03-05 16:10")
EVE = Acceptance(by="eve", why="smaller orders until Friday")


def at_most(value: str) -> dict[str, object]:
    return {"risk": {"max_order_value": value}}


def again(folder: SessionFolder, file: Path, place: Path) -> SessionFolder:
    """Feed what a session recorded through our engine again."""
    scenario = Scenario(
        name="again", sentence="Once more.", day=DAYS[0], days=2, inputs=folder.path
    )
    new = SessionFolder(place)
    new.artifacts.mkdir(parents=True)
    EmbeddedEngine(load_spec(file), file).run(scenario, new)
    return new


def judged(one: SessionFolder, two: SessionFolder) -> tuple[Status, set[str]]:
    """Return what check 3.2 says of a session and its re-run."""
    runs = {
        name: Evidence.of_folder(
            folder, scenario=Scenario(name=name, sentence="", replays=replayed)
        )
        for name, folder, replayed in (("one", one, ""), ("two", two, "one"))
    }
    verdict = judge(replace(runs["one"], runs=runs))
    return verdict.status, {row.kind for row in verdict.findings}


def test_a_re_run_goes_on_under_what_was_accepted_at_its_line(tmp_path: Path) -> None:
    file = code(tmp_path)
    smaller = replace(asked(file, DAYS, **at_most("3000")), accept=EVE)
    folder = lived(tmp_path, [FIRST], asked(file, DAYS), smaller)
    (change,) = of_kind(folder, ev.SettingsChanged)

    new = again(folder, file, tmp_path / "again")

    assert compare(read_journal(folder.journal), read_journal(new.journal)).equal
    assert of_kind(new, ev.SettingsChanged) == [change]
    assert {e.seq > change.seq for e in of_kind(folder, ev.OrderRequested)} == {True, False}
    assert judged(folder, new) == (Status.PASS, set())


def test_each_return_of_several_has_its_own_settings(tmp_path: Path) -> None:
    file = code(tmp_path, size=11)
    folder = lived(
        tmp_path,
        [FIRST, SECOND],
        asked(file, DAYS),
        replace(asked(file, DAYS, **at_most("2000")), accept=EVE),
        replace(asked(file, DAYS, **at_most("3000")), accept=EVE),
    )

    new = again(folder, file, tmp_path / "again")

    assert [e.event.after for e in of_kind(new, ev.SettingsChanged)] == ["2000", "3000"]
    assert of_kind(folder, ev.OrderRefused)
    assert judged(folder, new) == (Status.PASS, set())


def test_of_code_that_was_changed_on_a_return_nothing_before_is_judged(tmp_path: Path) -> None:
    began = asked(code(tmp_path, size=10), DAYS)
    (tmp_path / "mended").mkdir()
    file = code(tmp_path / "mended", size=20)
    folder = lived(tmp_path, [FIRST], began, replace(asked(file, DAYS), accept=EVE))
    (change,) = of_kind(folder, ev.SettingsChanged)

    new = again(folder, file, tmp_path / "again")

    assert change.event.name == "code"
    assert judged(folder, new) == (Status.PENDING, {"code_changed"})


def test_of_a_session_of_another_file_nothing_is_judged(tmp_path: Path) -> None:
    folder = lived(tmp_path, [], asked(code(tmp_path, size=10), DAYS))

    new = again(folder, code(tmp_path, size=20), tmp_path / "again")

    assert judged(folder, new) == (Status.PENDING, {"other_code"})
