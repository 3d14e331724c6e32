"""A panel tells the same as text, as still HTML, and in its widgets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qtkit.core.render import REPORT_MIME
from qtkit.desk.panels import ControlDesk, Panel, desk
from qtkit.desk.panels.control import STANDARD
from qtkit.sessions.local import LocalSession
from tests.desk.panels.reading import words_of

_ONLY_IN_TEXT = {"→", "journal", "lines"}  # a verdict's next step stands in a column of HTML


@pytest.mark.parametrize("kind", STANDARD, ids=lambda kind: kind.name)
def test_text_and_html_have_the_same_words(rehearsal: LocalSession, kind: type[Panel]) -> None:
    panel = kind(rehearsal)

    text, html = panel.text().split(), words_of(panel.html())

    assert set(text) - _ONLY_IN_TEXT <= set(html)
    assert len(text) > 5


@pytest.mark.parametrize("kind", STANDARD, ids=lambda kind: kind.name)
def test_the_widgets_show_what_the_text_says(rehearsal: LocalSession, kind: type[Panel]) -> None:
    panel = kind(rehearsal).open()
    try:
        shown = set(words_of(panel.shown()))
        assert set(panel.text().split()) - _ONLY_IN_TEXT <= shown
    finally:
        panel.close()


def test_the_book_at_half_past_ten_is_that_of_the_ledger(rehearsal: LocalSession) -> None:
    """1 000 000.00 - 619 209.00 - 185.76 = 380 605.24, of five fills in four orders."""
    book = desk(rehearsal).panels["book"].text()

    assert book.startswith("Book · 2026-03-04 10:30:00 Asia/Shanghai · journal line ")
    assert (
        "  what                       amount CNY\n"
        "  opening                  1,000,000.00\n"
        "  sold                             0.00\n"
        "  bought                    -619,209.00\n"
        "  fees                          -185.76\n"
        "  adjusted by hand                 0.00\n"
        "  cash                       380,605.24\n"
    ) in book
    assert book.index("q000004") < book.index("q000001"), "the newest order stands first"


def test_the_session_says_what_comes_next_and_when(rehearsal: LocalSession) -> None:
    text = desk(rehearsal).panels["session"].text()

    assert "acquire_live_price at 10:31:00, in 1 min 0 s" in text
    assert "engine ✓ alive · feed ✓ fresh · loop ✓ steady · broker ✓ connected" in text


def test_the_timeline_counts_the_reference_day(rehearsal: LocalSession) -> None:
    """240 price polls and 48 steps on a Shanghai day; at 10:30 a quarter of them is done."""
    lines = desk(rehearsal).panels["schedule"].text().splitlines()
    told = {line.split()[0]: line.split()[-4:] for line in lines if "▁" in line}

    assert told["acquire_live_price"] == ["60", "0", "0", "180"]
    assert told["run_strategy"] == ["12", "0", "0", "36"]


def test_nobody_there_gets_one_picture_and_no_widget(
    rehearsal: LocalSession, nobody_is_there: None, widgets: Callable[[], int]
) -> None:
    before = widgets()

    bundle = desk(rehearsal)._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html", REPORT_MIME}
    assert "380,605.24" in str(bundle["text/html"])
    assert "<script" not in str(bundle["text/html"])
    assert widgets() == before


@pytest.mark.parametrize("asked", ["1", "yes"])
def test_headless_wins_over_a_lab(
    rehearsal: LocalSession, somebody_is_there: None, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("QTKIT_HEADLESS", asked)

    assert len(desk(rehearsal)._repr_mimebundle_()) == 3


def test_somebody_there_gets_the_widgets_and_the_picture_behind_them(
    rehearsal: LocalSession, somebody_is_there: None
) -> None:
    shown = desk(rehearsal)
    try:
        bundle = shown._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert "380,605.24" in str(bundle["text/html"])
        assert shown.is_open
    finally:
        shown.close()


def test_a_desk_without_a_session_says_so(tmp_path: object) -> None:
    text = ControlDesk().text()

    assert text.startswith("Control desk\nNo session yet.")
    assert "the session panel" in text


def test_a_panel_names_its_parts_where_one_is_asked_for_that_it_lacks(
    rehearsal: LocalSession,
) -> None:
    from qtkit.core.errors import ConfigError

    panel = desk(rehearsal).panels["risk"]
    with pytest.raises(ConfigError, match="it is closed"):
        panel.press("kill")
    panel.open()
    try:
        with pytest.raises(ConfigError, match="has no Button 'kil'; it has why,"):
            panel.press("kil")
    finally:
        panel.close()
