"""An operator at the control desk, in a real browser."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qtkit.core.paths import SessionFolder
from qtkit.desk.panels import BookPanel
from qtkit.sessions.remote import RemoteSession
from tests.browser.lab import Lab, open_notebook, process_of, run_all, use_theme, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PANELS = (
    "Session", "Checklist", "Health", "Book", "Risk", "Schedule", "Journal", "Charts", "Runs",
    "Operations",
)  # fmt: skip


@pytest.fixture(scope="module")
def session(lab: Lab, page: Page) -> Iterator[RemoteSession]:
    """The session that the desk's notebook starts: live, in a process of its own."""
    lab.copy("desk.ipynb", "operator.ipynb", at="09:33", speed=30.0)
    open_notebook(page, lab, "operator.ipynb")
    run_all(page)
    page.wait_for_selector(".qtkit-desk-line")
    folder = wait_for(
        lambda: list((lab.outputs / "paper_sessions").iterdir()), "the session", page
    )[0]
    found = RemoteSession(SessionFolder(folder))
    wait_for(lambda: found.view.state.ledger.positions, "the first fill", page)
    yield found
    if found.is_running:
        found.stop()


DAY = date(2026, 3, 4)
SUMMARY = "watched the start; all as it should be"


def _part(page: Page, name: str, inner: str = "") -> Locator:
    """Return a widget of the desk: `panel-part`; a panel that stands alone comes after it."""
    return page.locator(f".qtkit-{name} {inner}").first


def _choose(page: Page, title: str) -> None:
    page.locator(".qtkit-desk-panels button", has_text=title).first.click()
    _part(page, f"{title.lower()}-subject").wait_for(state="visible")


def _says(page: Page, place: str, text: str) -> None:
    from playwright.sync_api import expect

    expect(_part(page, place)).to_contain_text(text, timeout=60_000)


def test_an_operator_runs_stages_ticks_kills_and_saves_the_record(
    lab: Lab, page: Page, session: RemoteSession
) -> None:
    _choose(page, "Checklist")
    for stage, proof in (("0", "0.2✓ pass"), ("4_a", "4-A.2✓ pass")):
        _part(page, f"checklist-run_{stage}").click()
        _says(page, f"checklist-stage_{stage}", proof)

    _part(page, "checklist-summary_0", "input").fill(SUMMARY)
    _part(page, "checklist-summary_0", "input").press("Enter")
    _part(page, "checklist-tick_0", "input").check()
    _says(page, "checklist-sheet", SUMMARY)
    _says(page, "checklist-sheet", "✓ operator")

    _choose(page, "Risk")
    _part(page, "risk-why", "input").fill("a drill")
    _part(page, "risk-sure", "input").check()
    _part(page, "risk-kill").click()
    _says(page, "risk-subject", "Kill switch · ON")
    _says(page, "risk-news", "kill switch on, by operator: a drill")

    _choose(page, "Book")
    _part(page, "book-shares", "input").fill("100")
    _part(page, "book-buy").click()
    _says(page, "book-news", "risk.kill_switch")
    _choose(page, "Risk")
    _says(page, "risk-subject", "trading was stopped by command")

    _choose(page, "Checklist")
    _part(page, "checklist-save").click()
    _says(page, "checklist-news", "written to")
    record = json.loads(session.folder.day_record(DAY).read_text())
    assert record["action_summaries"]["0"].startswith(f"{SUMMARY} (op")
    assert record["ticks"]["0"].startswith("✓ operator")
    assert record["ticks"]["1"] == ""
    assert record["conclusion"] == "pending"
    refused = [order for order in record["rejected_orders"] if order["who"] == "risk"]
    assert [order["rule"] for order in refused] == ["risk.kill_switch"]


def test_every_panel_shows_in_both_themes(
    lab: Lab, page: Page, session: RemoteSession, tmp_path: Path
) -> None:
    """The pictures are for people: a folder named in QTKIT_SCREENSHOTS keeps them."""
    place = Path(os.environ.get("QTKIT_SCREENSHOTS") or tmp_path)
    seen = set[bytes]()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        use_theme(page, theme)
        for title in PANELS:
            _choose(page, title)
            _says(page, f"{title.lower()}-subject", title)
            file = place / f"{title.lower()}-{theme.split()[-1].lower()}.png"
            seen.add(page.screenshot(path=str(file)))

    assert len(seen) == 2 * len(PANELS)


def test_the_kill_switch_can_be_reached_in_a_narrow_pane(
    page: Page, session: RemoteSession
) -> None:
    """360 points are left beside the file browser: everything wraps, and nothing is cut off."""
    whole = page.viewport_size
    assert whole is not None
    page.set_viewport_size({"width": 700, "height": 900})
    try:
        _choose(page, "Risk")
        for name in ("desk-panels", "risk-why", "risk-sure", "risk-kill"):
            place = _part(page, name).bounding_box()
            assert place is not None
            assert place["x"] + place["width"] <= 700, name
    finally:
        page.set_viewport_size(whole)


def test_a_killed_kernel_leaves_the_session_and_a_fresh_notebook_shows_the_same_book(
    lab: Lab, page: Page, session: RemoteSession
) -> None:
    session.command("kill", why="so that the book stands still")
    kernel = lab.kernel_of("operator.ipynb")
    assert kernel is not None
    os.kill(process_of(kernel["id"]), signal.SIGKILL)

    lines = len(session.entries())
    wait_for(lambda: len(session.entries()) > lines + 5, "more of the journal", page)
    assert session.is_running

    lab.copy("desk.ipynb", "colleague.ipynb", session=session.session_id)
    open_notebook(page, lab, "colleague.ipynb")
    run_all(page)
    page.wait_for_selector(".qtkit-desk-line")
    _choose(page, "Book")
    cash = f"{session.view.state.ledger.cash:,.2f}"
    _says(page, "book-subject", cash)
    for symbol, position in session.view.state.ledger.positions.items():
        assert position.quantity > Decimal(0)
        _says(page, "book-subject", f"{symbol}{position.quantity:,}")
    assert cash in BookPanel(session).text()

    _choose(page, "Session")
    _part(page, "session-stop").click()
    wait_for(lambda: not session.is_running, "the orderly end", page)
    _says(page, "desk-line", "engine stopped")


@pytest.mark.slow  # nbval runs its cells in `make test`
def test_the_smoke_checklist_runs_cell_by_cell(lab: Lab, page: Page) -> None:
    lab.copy("smoke_checklist.ipynb", "checklist.ipynb")
    open_notebook(page, lab, "checklist.ipynb")

    run_all(page)

    from playwright.sync_api import expect

    expect(page.locator(".jp-Notebook").last).to_contain_text(
        "Smoke checklist · PASSED", timeout=120_000
    )
