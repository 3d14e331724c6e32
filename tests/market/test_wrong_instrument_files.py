"""Files of instruments that are wrong: one clear error each, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.market.instruments import instrument_table

CASES = {
    "no TOML": ("symbols = [", "instruments.toml is no TOML", ""),
    "another table": ('[symbol]\nX = "XNYS"', "line 1", "did you mean symbols?"),
    "no table": ("symbols = 7", "line 1", "expected a table"),
    "no exchange": ("[symbols]\nX = 7", "line 2", "expected its exchange"),
    "an unknown exchange": ('[symbols]\nX = "XNYX"', "line 2", "did you mean XNYS?"),
    "another key": (
        '[symbols]\nX = { exchange = "XNYS", lott = 1 }', "line 2", "did you mean lot?"
    ),
    "a lot of nothing": (
        '[symbols]\n\nX = { exchange = "XNYS", lot = 0 }', "line 3", "a number above 0"
    ),
    "a truth value": ('[symbols.X]\nexchange = "XNYS"\nlot = true', "line 3", "a number above 0"),
    "a tick in words": ('[symbols.X]\nexchange = "XNYS"\ntick = "a cent"', "line 3", "tick was"),
    "ticks that fall": (
        '[symbols.X]\nexchange = "XNYS"\ntick = [["5", "1"], ["0", "2"]]', "line 3", "rising"
    ),
    "a band of ten": ('[symbols.X]\nexchange = "XNYS"\nprice_limit = 10', "line 3", "such as 0.10"),
    "half a day": ('[symbols.X]\nexchange = "XNYS"\nsettle_days = 0.5', "line 3", "trading days"),
    "small letters": ('[symbols.X]\nexchange = "XNYS"\ncurrency = "usd"', "line 3", "in capitals"),
    "another unit": ('[symbols.X]\nexchange = "XNYS"\nunit = "pieces"', "line 3", "contracts"),
    "another plan": (
        '[symbols]\nX = { exchange = "XNYS", fees = "US per shares" }', "line 2",
        "did you mean US per share?",
    ),
    "a plan in other money": (
        '[symbols]\nX = { exchange = "XNYS", fees = "China shares" }', "line 2", "is in CNY"
    ),
    "no defaults": ('[symbols]\nX = "XBUE"', "line 2", "X lacks currency, lot, tick"),
    "a lot off the step": (
        '[symbols]\nX = { exchange = "XNYS", lot = "10", step = "3" }', "line 2", "no multiple"
    ),
    "nothing covered": ('[[family]]\nexchange = "XNYS"', "line 1", "give symbols or a pattern"),
    "a broken pattern": (
        '[[family]]\nexchange = "XNYS"\npattern = "(("', "line 3", "no regular expression"
    ),
    "dates that fall": (
        (
            '[[family]]\nexchange = "XNYS"\npattern = "X"\nfrom = 2026-01-02\n'
            "[[family.since]]\nfrom = 2026-01-01"
        ), "line 1", "must rise",
    ),
    "a change without a date": (
        '[[family]]\nexchange = "XNYS"\npattern = "X"\n[[family.since]]\nlot = 5', "line 4",
        "since needs a date",
    ),
    "a rate of seven": (
        "[fees.own]\n[[fees.own.charge]]\nrate = 7", "line 3", "from 0 to below 1"
    ),
    "another side": (
        '[[fees.own.charge]]\nrate = 0.1\nside = "seller"', "line 3", "both, buy, sell"
    ),
    "a charge of nothing": ('[[fees.own.charge]]\nside = "buy"', "line 1", "charges nothing"),
    "the least above the most": (
        "[[fees.own.charge]]\nminimum = 5\nmaximum = 2", "line 1", "is below minimum"
    ),
    "a rounding to threes": (
        '[[fees.own.charge]]\nrate = 0.1\nstep = "0.03"', "line 3", "a power of ten"
    ),
    "an end before its start": (
        "[[fees.own.charge]]\nrate = 0.1\nfrom = 2026-01-02\nuntil = 2026-01-01", "line 1",
        "is before from",
    ),
    "an unknown exchange's defaults": (
        "[exchanges.XPARIS]\nlot = 1", "line 1", "there is no exchange"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "hint"), CASES.values(), ids=CASES)
def test_a_wrong_file_is_one_clear_error(tmp_path: Path, text: str, place: str, hint: str) -> None:
    file = tmp_path / "instruments.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        instrument_table(file)

    assert place in str(caught.value)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["instruments.toml"]


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "instruments.toml"
    file.write_text('[symbols]\nA = "XNYX"\nB = 7\n[symbols.C]\nlot = "x"\n', encoding="utf-8")

    with pytest.raises(ConfigError, match="has 4 mistakes") as caught:
        instrument_table(file)

    found = [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]]
    assert sorted(found) == [f"instruments.toml line {n}" for n in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"symbols = " + b"[" * 3_000, b"a = " + b"9" * 5_000]
)
def test_a_file_that_nobody_can_read_is_one_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "instruments.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError):
        instrument_table(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        instrument_table(tmp_path / "nowhere.toml")
