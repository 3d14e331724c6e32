"""What an error says can be shown anywhere: it is printable, and not endless."""

from __future__ import annotations

import pytest

from qtkit.core.errors import ConfigError, readable


@pytest.mark.parametrize("odd", ["\x00", "\x1b[31m", "\r", "\u202e", "\ud800", "\x7f"])
def test_what_cannot_be_printed_is_escaped(odd: str) -> None:
    text = str(ConfigError(f"there is no symbol A{odd}B\n  second line"))

    assert text.replace("\n", "").isprintable()
    text.encode()
    assert "second line" in text.splitlines()[1]


def test_a_word_of_five_thousand_letters_keeps_its_ends() -> None:
    text = str(ConfigError(f"there is no account {'a' + 'x' * 4_998 + 'z'}; make one"))

    assert len(text) < 400
    assert "account ax" in text
    assert "xz; make one" in text


def test_what_people_write_stays_as_it_is() -> None:
    path = "/srv/trading/" + "folder/" * 35 + "qtkit.toml"
    text = f"{path} line 3: risk.max_order_value was “5 000 €”; erwartet: größer als 0\n  next"

    assert readable(text) == text


def test_a_line_of_many_words_is_cut_and_counted() -> None:
    text = readable("the file has " + ", ".join(f"column{number}" for number in range(1_000)))

    assert len(text) < 2_100
    assert "letters more" in text


def test_a_thousand_mistakes_are_cut_and_counted() -> None:
    text = readable("\n".join(f"line {number}: there is no such key" for number in range(2_000)))

    assert len(text) < 17_000
    assert "letters more" in text
