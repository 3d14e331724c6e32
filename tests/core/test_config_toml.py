"""Every key of a TOML file has its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtkit.core.config.toml import TomlFile, read_toml
from qtkit.core.errors import ConfigError

TRICKY = '''# [not.a.table] = 1
top = 1

[session] # a comment with "quotes" and = signs
seed = 7
text = """
[engine]
seed = 8
""" # three quotes
other = \'\'\'
a = 1\'\'\'
path = 'C:\\temp'   # no escape
escaped = "a \\" # = ["

[risk]
allowed_symbols = [
  "600036.SH", # one
  "a = [b]",
]
"max order.value" = 5
windows = { first = [1, 2], second = { third = "}" } }
dotted . inner = true

  [ risk . "deep" ]
  x = 1
[[rows]]
y = 1
last = 2.50'''


def read(text: str, folder: Path) -> TomlFile:
    (folder / "qtkit.toml").write_bytes(text.encode())
    return read_toml(folder / "qtkit.toml")


def test_each_key_has_the_line_on_which_it_begins(tmp_path: Path) -> None:
    assert dict(read(TRICKY, tmp_path).lines) == {
        ("top",): 2,
        ("session",): 4,
        ("session", "seed"): 5,
        ("session", "text"): 6,
        ("session", "other"): 10,
        ("session", "path"): 12,
        ("session", "escaped"): 13,
        ("risk",): 15,
        ("risk", "allowed_symbols"): 16,
        ("risk", "max order.value"): 20,
        ("risk", "windows"): 21,
        ("risk", "dotted", "inner"): 22,
        ("risk", "deep"): 24,
        ("risk", "deep", "x"): 25,
        ("rows",): 26,
        ("rows", "0"): 26,
        ("rows", "0", "y"): 27,
        ("rows", "0", "last"): 28,
    }


def test_windows_line_ends_count_once(tmp_path: Path) -> None:
    assert read("a = 1\r\n\r\nb = 2\r\n", tmp_path).lines == {("a",): 1, ("b",): 3}


def test_a_place_is_that_of_the_key_or_of_what_it_stands_in(tmp_path: Path) -> None:
    file = read(TRICKY, tmp_path)

    assert file.place(("session", "seed")) == "qtkit.toml line 5"
    assert file.place(("risk", "windows", "second")) == "qtkit.toml line 21"
    assert file.place(("nowhere",)) == "qtkit.toml"


def test_numbers_are_exact(tmp_path: Path) -> None:
    assert read("rate = 0.0003", tmp_path).values["rate"] == Decimal("0.0003")


_KEYS = st.text("abcxyz_-0189", min_size=1, max_size=6)
_SCALARS = st.one_of(
    st.integers(0, 99).map(str),
    st.just("true"),
    st.text("ab=[]{}#' .", max_size=8).map(lambda text: f'"{text}"'),
    st.text('ab=[]{}#" .', max_size=8).map(lambda text: f"'{text}'"),
    st.text("ab=[]{}#' .\n", max_size=8).map(lambda text: f'"""{text}"""'),
    st.lists(st.integers(0, 9), max_size=3).map(
        lambda items: "[\n" + ",\n".join(map(str, items)) + "]"
    ),
)


@given(st.dictionaries(_KEYS, _SCALARS, max_size=6), st.lists(st.booleans(), min_size=6))
def test_lines_are_those_where_the_file_was_built(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str], gaps: list[bool]
) -> None:
    """Whatever stands between them: each key is found on the line on which it was written."""
    text = "[t]\n"
    expected: dict[tuple[str, ...], int] = {("t",): 1}
    for (name, value), gap in zip(values.items(), gaps, strict=False):
        text += "\n# x = [1\n" if gap else ""
        expected["t", name] = text.count("\n") + 1
        text += f"{name} = {value} # y = ]\n"

    assert read(text, tmp_path_factory.mktemp("toml")).lines == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a = 1\nb = \n", "no TOML: Invalid value (at line 2, column 5)"),
        (b"a = 1\na = 2\n", "no TOML: Cannot overwrite a value (at line 2"),
        (b"\xff\xfe", "line 1 is no UTF-8 text (byte 0xff)"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(
    tmp_path: Path, text: bytes, sentence: str
) -> None:
    (tmp_path / "qtkit.toml").write_bytes(text)

    with pytest.raises(ConfigError) as caught:
        read_toml(tmp_path / "qtkit.toml")

    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"qtkit\.toml cannot be read \(No such file"):
        read_toml(tmp_path / "qtkit.toml")
