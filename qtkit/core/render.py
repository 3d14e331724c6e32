"""Any report as text, as HTML for JupyterLab, and as JSON; with the standard library only.

A report is built from three parts: sentences, tables and verdicts. HTML carries no script, takes
its colours from JupyterLab's theme, and escapes everything; a status always shows as a word and a
symbol, never as a colour alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import combining, east_asian_width

from msgspec import to_builtins

from qtkit.core.facts import Proof
from qtkit.core.verdict import Status, Verdict

__all__ = [
    "REPORT_MIME",
    "Mark",
    "Table",
    "csv_cell",
    "csv_text",
    "html_page",
    "html_report",
    "html_table",
    "json_text",
    "line_numbers",
    "mark",
    "markdown_table",
    "markdown_text",
    "mimebundle",
    "one_line",
    "proof_lines",
    "text_report",
    "text_table",
    "verdict_counts",
    "verdict_json",
    "verdict_rows",
    "verdict_table",
    "verdict_text",
    "visible",
]

REPORT_MIME = "application/vnd.qtkit.report+json"

_GOOD = "var(--jp-success-color1, #2e7d32)"
_CARE = "var(--jp-warn-color1, #b26a00)"
_BAD = "var(--jp-error-color1, #c62828)"
_WAIT = "var(--jp-info-color1, #0277bd)"
_QUIET = "var(--jp-ui-font-color2, #757575)"
_TEXT = "var(--jp-ui-font-color1, #212121)"
_PAPER = "var(--jp-layout-color0, #ffffff)"
_RULE = "var(--jp-border-color2, #e0e0e0)"

_MARKS = {
    "pass": ("✓", _GOOD),
    "passed": ("✓", _GOOD),
    "ok": ("✓", _GOOD),
    "warn": ("!", _CARE),
    "interrupted": ("!", _CARE),
    "pending": ("…", _WAIT),
    "claimed": ("…", _WAIT),
    "running": ("…", _WAIT),
    "incomplete": ("…", _WAIT),
    "skip": ("–", _QUIET),  # noqa: RUF001 - a dash is the symbol
    "fail": ("✗", _BAD),
    "blocked": ("✗", _BAD),
    "error": ("‼", _BAD),
    "failed_cell": ("‼", _BAD),
    "timed_out": ("‼", _BAD),
    "kernel_died": ("‼", _BAD),
    "damaged": ("‼", _BAD),
}
_SHOWN_LINES = 8
# control characters but tab and line end, line separators, turns of direction, lone surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WIDE = 0x100
# an underscore inside a word means nothing; addresses are links by themselves
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|@|(?<=www)\.")
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Mark:
    """A status as people see it: a word, a symbol and a colour of the theme."""

    word: str
    symbol: str
    colour: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.word}".strip()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns.

    Attributes
    ----------
    title
        One line above the table; may be empty.
    columns
        Column names.
    rows
        One tuple per row, as long as `columns`; a `Mark` is shown with its symbol and colour.
    align
        One letter per column, ``l`` or ``r``; columns without a letter are left-aligned.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    align: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r} row {number} has {len(row)} cells, "
                    f"expected {len(self.columns)}: {', '.join(self.columns)}"
                )


def mark(status: str) -> Mark:
    """Return how a status is shown; a word without a symbol of its own shows as itself.

    Examples
    --------
    >>> str(mark("pass")), str(mark("fail")), str(mark("new"))
    ('✓ pass', '✗ fail', 'new')
    """
    symbol, colour = _MARKS.get(str(status), ("", _TEXT))
    return Mark(str(status), symbol, colour)


def mimebundle(text: str, html: str, payload: Mapping[str, object]) -> dict[str, object]:
    """Return what `_repr_mimebundle_` returns: the three forms of one report."""
    return {"text/plain": text, "text/html": html, REPORT_MIME: dict(payload)}


def json_text(payload: object) -> str:
    """Return a payload as JSON text, sorted and indented, so that two can be compared by eye."""
    return json.dumps(payload, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n"


# --- what other people wrote -----------------------------------------------------------------


def visible(text: str) -> str:
    r"""Return a text that commands no terminal, turns no direction, and can be written.

    Line ends and tabs stay; other control characters show as their escapes.

    Examples
    --------
    >>> print(visible(chr(27) + "[31m" + chr(0x202E) + "b"))
    \x1b[31m\u202eb
    """
    return _INVISIBLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    """Return a character as Python would write it."""
    code = ord(found.group())
    return f"\\x{code:02x}" if code < _WIDE else f"\\u{code:04x}"


def one_line(value: object) -> str:
    """Return a value as one line of text; a line end in it makes no new line."""
    return visible(" ".join(str(value).split()))


def markdown_text(value: object) -> str:
    r"""Return a value as one line of Markdown that shows it and means nothing else.

    Examples
    --------
    >>> print(markdown_text("a|b <b> [d](http://e) q_1"))
    a\|b &lt;b&gt; \[d\](http\://e) q_1
    """
    plain = _MARKDOWN.sub(r"\\\g<0>", one_line(value))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_table(table: Table) -> str:
    """Return a table in Markdown, its title as a heading."""
    rules = tuple("---:" if side == "r" else "---" for side in _sides(table))
    lines = [
        tuple(markdown_text(cell) for cell in table.columns),
        rules,
        *(tuple(markdown_text(cell) for cell in row) for row in table.rows),
    ]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {markdown_text(table.title)}\n\n{body}" if table.title else body


def csv_cell(value: object) -> object:
    """Return a cell of a CSV file: a number as it is, a text so that no spreadsheet computes it.

    Examples
    --------
    >>> csv_cell("=1+1"), csv_cell("grid line 2"), csv_cell(-100)
    ("'=1+1", 'grid line 2', -100)
    """
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` made a cell of."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


# --- text ------------------------------------------------------------------------------------


def _width(text: str) -> int:
    """Return the columns a text takes in a terminal, wide characters counted twice."""
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def _padded(text: str, width: int, side: str) -> str:
    """Return `text` filled with spaces to `width`."""
    gap = " " * (width - _width(text))
    return gap + text if side == "r" else text + gap


def _sides(table: Table) -> str:
    """Return the alignment letters, one per column."""
    return table.align.ljust(len(table.columns), "l")


def text_table(table: Table, *, indent: int = 2) -> str:
    """Return a table for a terminal.

    Examples
    --------
    >>> print(text_table(Table("Fills", ("symbol", "shares"), (("SPY", 6),), align="lr")))
    Fills
      symbol  shares
      SPY          6
    """
    lines = [table.columns, *([one_line(cell) for cell in row] for row in table.rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(table.columns))]
    body = [
        " " * indent
        + "  ".join(
            _padded(cell, width, side)
            for cell, width, side in zip(line, widths, _sides(table), strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([one_line(table.title), *body] if table.title else body)


def text_report(heading: str, *parts: Table | str) -> str:
    """Return a report for a terminal: a heading, then sentences and tables."""
    shown = (text_table(part) if isinstance(part, Table) else visible(part) for part in parts)
    return "\n".join([one_line(heading), *(part for part in shown if part)])


# --- HTML ------------------------------------------------------------------------------------


def _html_cell(value: object, side: str, tag: str = "td") -> str:
    """Return one table cell."""
    where = "right" if side == "r" else "left"
    style = (
        f"text-align:{where};padding:2px 10px;vertical-align:top;border-bottom:1px solid {_RULE}"
    )
    if tag == "th":
        style += f";position:sticky;top:0;background:{_PAPER}"
    return f'<{tag} style="{style}">{_html_value(value)}</{tag}>'


def _html_value(value: object) -> str:
    """Return a value escaped; a mark with its colour and never broken over two lines."""
    if not isinstance(value, Mark):
        return escape(visible(str(value))).replace("\n", "<br>")
    style = f"color:{value.colour};font-weight:600;white-space:nowrap"
    return f'<span style="{style}">{escape(visible(str(value)))}</span>'


def html_table(table: Table) -> str:
    """Return a table as HTML; a long one scrolls inside its box."""
    sides = _sides(table)
    head = "".join(_html_cell(c, s, "th") for c, s in zip(table.columns, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(_html_cell(c, s) for c, s in zip(row, sides, strict=True)) + "</tr>"
        for row in table.rows
    )
    title = f'<div style="font-weight:600;margin:6px 0">{_html_value(table.title)}</div>'
    return (
        f'<div style="color:{_TEXT}">{title if table.title else ""}'
        '<div style="overflow:auto;max-height:32em">'
        '<table style="border-collapse:collapse;margin:0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def html_report(heading: str, *parts: Table | str, status: str = "") -> str:
    """Return a report as HTML: a heading with its status, then sentences and tables."""
    badge = f" {_html_value(mark(status))}" if status else ""
    shown = (
        html_table(part) if isinstance(part, Table) else f"<p>{_html_value(part)}</p>"
        for part in parts
        if part
    )
    return (
        f'<div style="color:{_TEXT}"><div style="font-size:115%;margin:4px 0">'
        f"<strong>{_html_value(heading)}</strong>{badge}</div>{''.join(shown)}</div>"
    )


def html_page(title: str, *bodies: str) -> str:
    """Return a page that stands alone: no script, nothing loaded from anywhere."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(one_line(title))}</title><style>"
        "body{font:14px/1.5 system-ui,sans-serif;margin:24px auto;max-width:72em;padding:0 16px}"
        "section{margin-bottom:24px}</style></head><body>\n"
        + "\n".join(f"<section>{body}</section>" for body in bodies)
        + "\n</body></html>\n"
    )


# --- verdicts --------------------------------------------------------------------------------


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as JSON."""
    return {
        "rule": verdict.rule,
        "status": str(verdict.status),
        "summary": verdict.summary,
        "fix": verdict.fix,
        "facts": to_builtins(verdict.facts),
        "findings": to_builtins(verdict.findings),
        "proof": to_builtins(verdict.proof),
        "known_defect": verdict.known_defect,
    }


def line_numbers(lines: Sequence[int]) -> str:
    """Return journal line numbers for people, runs joined and long lists cut.

    Examples
    --------
    >>> line_numbers([3, 4, 5, 9])
    '3-5, 9'
    >>> line_numbers(range(1, 40, 2))
    '1, 3, 5, 7, 9, 11, 13, 15 … (20 lines)'
    """
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    shown = ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs[:_SHOWN_LINES])
    return shown if len(runs) <= _SHOWN_LINES else f"{shown} … ({len(lines)} lines)"


def proof_lines(proof: Proof) -> str:
    """Return what a verdict rests on, for people: its lines, else the range and the number.

    Examples
    --------
    >>> proof_lines(Proof(lines=(3, 4), count=2)), proof_lines(Proof(span=(1, 90), count=12))
    ('3-4', '12 in 1-90')
    """
    if proof.span is None:
        return line_numbers(proof.lines)
    return f"{proof.count} in {proof.span[0]}-{proof.span[1]}"


def _finding(verdict: Verdict) -> str:
    """Return the sentence, with the known defect of a foreign engine named."""
    if not verdict.known_defect:
        return verdict.summary
    return f"{verdict.summary} (known defect: {verdict.known_defect})"


def verdict_rows(verdicts: Iterable[Verdict]) -> tuple[tuple[object, ...], ...]:
    """Return one row per verdict: rule, status, finding, next step, journal lines."""
    return tuple(
        (v.rule, mark(v.status), _finding(v), v.fix, proof_lines(v.proof)) for v in verdicts
    )


def verdict_table(title: str, verdicts: Iterable[Verdict]) -> Table:
    """Return the table that shows verdicts everywhere."""
    columns = ("check", "status", "finding", "next step", "journal lines")
    return Table(title, columns, verdict_rows(verdicts))


def verdict_text(verdicts: Iterable[Verdict]) -> str:
    """Return verdicts for a terminal, one line each; what is not good adds what to do and where.

    Examples
    --------
    >>> from qtkit.core.verdict import fail, ok
    >>> broken = fail("cash differs by 0.01", fix="reconcile", lines=[7])
    >>> print(verdict_text([ok("all 3 orders ended").named("4-A.2"), broken.named("3.5.1")]))
      4-A.2  ✓ pass  all 3 orders ended
      3.5.1  ✗ fail  cash differs by 0.01
                     → reconcile
                     journal lines 7
    """
    judged = list(verdicts)
    rules = max((len(v.rule) for v in judged), default=0)
    words = max((len(str(mark(v.status))) for v in judged), default=0)
    margin = "\n" + " " * (2 + rules + 2 + words + 2)
    lines = []
    for v in judged:
        good = v.status in {Status.PASS, Status.SKIP}
        notes = [f"→ {one_line(v.fix)}" * bool(v.fix)]
        notes += [f"journal lines {line_numbers(v.lines)}" * bool(v.lines and not good)]
        first = f"  {v.rule:<{rules}}  {mark(v.status)!s:<{words}}  {one_line(_finding(v))}"
        lines.append(margin.join([first, *filter(None, notes)]))
    return "\n".join(lines)


def verdict_counts(verdicts: Iterable[Verdict]) -> str:
    """Return how many of each status, the worst first.

    Examples
    --------
    >>> from qtkit.core.verdict import ok, skip
    >>> verdict_counts([ok("a"), skip("b"), ok("c")])
    '2 pass · 1 skip'
    """
    found = Counter(v.status for v in verdicts)
    order = (Status.FAIL, Status.ERROR, Status.WARN, Status.PENDING, Status.PASS, Status.SKIP)
    return " · ".join(f"{found[status]} {status}" for status in order if found[status])
