"""What strangers write means nothing to a terminal, a page or a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from qtkit.core.render import (
    Table,
    csv_cell,
    csv_text,
    html_report,
    markdown_table,
    markdown_text,
    one_line,
    text_report,
    verdict_text,
    visible,
)
from qtkit.core.verdict import fail
from qtkit.stages import StageReport, junit

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J",
    "a\r\nb",
    "a\u2028b\u2029c\x85d",
    "\u202egnp.exe",
    "\x9b31m",
    "lone \udc80 surrogate",
    "nul \x00 byte",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_one_line_without_commands(text: str) -> None:
    table = Table(text, ("a",), ((text,),))

    shown = [one_line(text), text_report(text, table), verdict_text([fail(text, fix=text)])]

    for found in shown:
        assert all(c == "\n" or c.isprintable() for c in found)
        found.encode()
    assert "\n" not in one_line(text)
    assert len(shown[1].splitlines()) == 4
    assert len(shown[2].splitlines()) == 2


def test_line_ends_and_plain_text_stay() -> None:
    assert visible("a\n\tb · ✓ 上海") == "a\n\tb · ✓ 上海"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[click](http://evil.example)",
        "![x](http://evil.example/p.png)",
        "a | b | c",
        "`code`",
        "**bold** _thin_ ~~gone~~",
        "\\| backslash first",
        "line one\n\n# Heading\n\n| a | b |",
        "http://evil.example and www.evil.example and a@evil.example",
        "&lt;b&gt;",
    ],
)
def test_markdown_shows_the_text_and_means_nothing_else(text: str) -> None:
    """Rendered by the Markdown library that JupyterLab's exporter uses."""
    import mistune

    page = str(mistune.html(f"| a | b |\n|---|---|\n| x{markdown_text(text)} | y |\n"))
    parts = _Parts(page)

    assert parts.tags <= {"table", "thead", "tbody", "tr", "th", "td"}, page
    assert [cell.strip() for cell in parts.cells] == ["a", "b", f"x{one_line(text)}", "y"]


class _Parts(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.add(tag)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] = self.cells[-1] + data


def test_a_markdown_table_has_as_many_cells_as_its_columns() -> None:
    found = markdown_table(Table("T\n# x", ("a|b",), (("c|d\ne",),), align="r"))

    assert found.splitlines()[0] == "## T # x"
    assert found.splitlines()[2:] == ["| a\\|b |", "| ---: |", "| c\\|d e |"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =1"])
def test_a_text_is_no_formula_in_a_spreadsheet_and_reads_back(text: str) -> None:
    cell = str(csv_cell(text))

    assert cell[0] not in "=+-@\t\r\n "
    assert csv_text(cell) == text.strip()


def test_numbers_of_a_csv_file_stay_exact() -> None:
    numbers = (Decimal("-100.10"), -3, None)
    line = io.StringIO()
    csv.writer(line).writerow([csv_cell(number) for number in numbers])

    assert line.getvalue() == "-100.10,-3,\r\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_junit_stays_xml(text: str) -> None:
    report = StageReport(
        stage="2", label="Phase 2", title="tasks", source="s", titles=("t",),
        verdicts=(fail(text, fix=text).named("2.1"),),
    )  # fmt: skip

    root = ET.fromstring(junit([report]).encode())  # noqa: S314 - our own

    assert root.find(".//failure") is not None


def test_html_escapes_everything() -> None:
    nasty = "<script>x</script>\x1b"
    found = html_report(nasty, nasty, Table(nasty, (nasty,), ((nasty,),)))

    assert "<script" not in found
    assert "\x1b" not in found
