"""Text lines up, HTML is escaped and has no script, JSON is plain."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.render import (
    REPORT_MIME,
    Table,
    html_page,
    html_report,
    html_table,
    json_text,
    line_numbers,
    mark,
    mimebundle,
    text_report,
    text_table,
    verdict_counts,
    verdict_json,
    verdict_table,
    verdict_text,
)
from qtkit.core.verdict import Conclusion, Status, Verdict, error, fail, ok, pending, skip, warn

NASTY = "<script>alert('x')</script> & \"y\""


class Reader(HTMLParser):
    """Collects what a browser would: tags and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.depth = 0
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.depth += tag not in {"br", "meta"}

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.PASS, "✓ pass"), (Status.WARN, "! warn"), (Status.PENDING, "… pending"),
        (Status.SKIP, "– skip"), (Status.FAIL, "✗ fail"), (Status.ERROR, "‼ error"),  # noqa: RUF001
        (Conclusion.PASSED, "✓ passed"), (Conclusion.PENDING, "… pending"),
        (Conclusion.BLOCKED, "✗ blocked"),
    ],
)  # fmt: skip
def test_every_status_has_a_word_and_a_symbol(status: str, shown: str) -> None:
    assert str(mark(status)) == shown


def test_every_status_has_a_colour_of_the_theme_with_a_fallback() -> None:
    colours = {mark(status).colour for status in Status}

    assert len(colours) == 5
    assert all(c.startswith("var(--jp-") and ", #" in c for c in colours)


def test_columns_line_up_and_numbers_stand_right() -> None:
    table = Table("Fills", ("name", "qty"), (("a", 5), ("long name", 12345)), align="lr")

    assert text_table(table).splitlines() == [
        "Fills",
        "  name         qty",
        "  a              5",
        "  long name  12345",
    ]


def test_wide_characters_take_two_columns() -> None:
    assert text_table(Table("", ("n", "q"), (("贵州茅台", 1), ("a", 2)))).splitlines() == [
        "  n         q",
        "  贵州茅台  1",
        "  a         2",
    ]


def test_a_cell_of_several_lines_stays_in_its_row() -> None:
    assert text_table(Table("", ("a",), (("x\n  y",),))).splitlines() == ["  a", "  x y"]


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 cells, expected 2: a, b"):
        Table("t", ("a", "b"), ((1, 2), (3,)))


def test_html_is_escaped_everywhere_and_long_tables_scroll() -> None:
    shown = html_report(NASTY, Table(NASTY, (NASTY,), ((NASTY,),)), NASTY, status="fail")

    reader = Reader(shown)
    assert "script" not in reader.tags
    assert reader.text.count(NASTY) == 5
    assert "✗ fail" in reader.text
    assert reader.depth == 0
    assert "overflow:auto;max-height" in shown


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_no_text_can_open_a_tag(rows: list[tuple[str, str]]) -> None:
    """Whatever a cell holds, the tags of a table are those of its rows."""
    tags = Reader(html_table(Table("t", ("a", "b"), tuple(rows)))).tags

    assert [t for t in tags if t != "br"] == [
        "div", "div", "div", "table", "thead", "tr", "th", "th", "tbody",
        *(["tr", "td", "td"] * len(rows)),
    ]  # fmt: skip


def test_a_page_stands_alone() -> None:
    page = html_page(NASTY, html_report("a"), html_table(Table("", ("a",), ())))

    reader = Reader(page.removeprefix("<!DOCTYPE html>"))
    assert page.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "img"} & set(reader.tags)
    assert "http" not in page
    assert reader.depth == 0


def test_a_report_is_heading_sentences_and_tables() -> None:
    assert text_report("Day", "All is well.", "", Table("", ("a",), (("b",),))) == (
        "Day\nAll is well.\n  a\n  b"
    )


def test_the_bundle_carries_text_html_and_json() -> None:
    assert mimebundle("t", "<b>t</b>", {"format": 1}) == {
        "text/plain": "t",
        "text/html": "<b>t</b>",
        "application/vnd.qtkit.report+json": {"format": 1},
    }
    assert REPORT_MIME == "application/vnd.qtkit.report+json"


def test_json_is_sorted_and_refuses_nan() -> None:
    assert json_text({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))


def test_a_verdict_reads_back_from_its_json() -> None:
    verdict = fail("cash differs", fix="reconcile", lines=[3]).named("3.5.1")

    shown = json.loads(json.dumps(verdict_json(verdict)))

    assert shown == {
        "rule": "3.5.1", "status": "fail", "summary": "cash differs", "fix": "reconcile",
        "facts": [], "findings": [], "proof": {"lines": [3], "count": 1}, "known_defect": "",
    }  # fmt: skip


def test_verdicts_show_what_to_do_and_where_only_when_something_is_wrong() -> None:
    verdicts = [
        ok("104 tasks", lines=[1, 2]).named("2.1"),
        warn("slow", fix="look", lines=[5]).named("2.4"),
        skip("needs scenarios").named("3.1"),
    ]

    assert verdict_text(verdicts).splitlines() == [
        "  2.1  ✓ pass  104 tasks",
        "  2.4  ! warn  slow",
        "               → look",
        "               journal lines 5",
        "  3.1  – skip  needs scenarios",  # noqa: RUF001
    ]
    assert verdict_text([]) == ""


def test_a_known_defect_is_named_beside_its_finding() -> None:
    verdict = Verdict(rule="1.2", status=Status.FAIL, summary="2 threads", known_defect="up#12")

    assert "2 threads (known defect: up#12)" in verdict_text([verdict])
    assert "known defect: up#12" in text_table(verdict_table("", [verdict]))


def test_counts_put_the_worst_first() -> None:
    verdicts = [ok("a"), error("b", fix="c"), pending("d"), ok("e"), fail("f", fix="g")]

    assert verdict_counts(verdicts) == "1 fail · 1 error · 1 pending · 2 pass"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [([], ""), ([7], "7"), ([1, 2, 3], "1-3"), ([1, 3, 4, 9], "1, 3-4, 9")],
)
def test_line_numbers_are_joined_to_runs(lines: list[int], shown: str) -> None:
    assert line_numbers(lines) == shown
