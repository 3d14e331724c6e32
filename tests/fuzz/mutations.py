"""Mutations of bytes, JSON, TOML and CSV: each a function of a seed and a number, never of chance.

A `Dice` made from the same words falls the same way for ever, so that one input can be made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")
Mutation = Callable[[bytes, "Dice"], bytes]

LONG = 5_000  # letters or digits of what is too long
DEEP = 3_000  # levels of what is nested too deep
_FEW_BYTES, _BLOCK = 64, 400


class Dice:
    """Chance as a function of words: a border's name, a seed, the number of the input."""

    def __init__(self, *words: object) -> None:
        self._key, self._throws = "/".join(map(str, words)), 0

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to ``bound - 1``."""
        self._throws += 1
        digest = hashlib.blake2b(f"{self._key}/{self._throws}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) % max(bound, 1)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Return one of several."""
        return choices[self.below(len(choices))]

    def place(self, data: Sequence[object]) -> int:
        """Return a place in something, its end included."""
        return self.below(len(data) + 1)


# --- bytes ---------------------------------------------------------------------------------------


def _flip(data: bytes, dice: Dice) -> bytes:
    if not data:
        return data
    at = dice.below(len(data))
    return data[:at] + bytes([data[at] ^ (1 << dice.below(8))]) + data[at + 1 :]


def _byte(data: bytes, dice: Dice) -> bytes:
    at = dice.place(data)
    return data[:at] + bytes([dice.below(256)]) + data[at + 1 :]


def _truncate(data: bytes, dice: Dice) -> bytes:
    return data[: dice.place(data)]


def _behead(data: bytes, dice: Dice) -> bytes:
    return data[dice.place(data) :]


def _cut(data: bytes, dice: Dice) -> bytes:
    at = dice.place(data)
    return data[:at] + data[at + 1 + dice.below(_BLOCK) :]


def _duplicate(data: bytes, dice: Dice) -> bytes:
    at = dice.place(data)
    end = at + 1 + dice.below(_BLOCK)
    return data[:end] + data[at:end] + data[end:]


def _splice(data: bytes, dice: Dice) -> bytes:
    source, target = dice.place(data), dice.place(data)
    return data[:target] + data[source : source + 1 + dice.below(_BLOCK)] + data[target:]


def _insert(data: bytes, dice: Dice) -> bytes:
    at = dice.place(data)
    return data[:at] + dice.pick(_STRANGE_BYTES) + data[at:]


def _utf16(data: bytes, dice: Dice) -> bytes:
    return data.decode("utf-8", "replace").encode("utf-16")


def _latin1(data: bytes, dice: Dice) -> bytes:
    at = dice.place(data)
    return data[:at] + "Ünïcodé".encode("latin-1") + data[at:]


def _marked(data: bytes, dice: Dice) -> bytes:
    return b"\xef\xbb\xbf" + data


def _windows(data: bytes, dice: Dice) -> bytes:
    return data.replace(b"\n", dice.pick((b"\r\n", b"\r", b"\n\n", b"\x85", b"\x0b")))


def _empty(data: bytes, dice: Dice) -> bytes:
    return dice.pick((b"", b"\n", b" ", b"\0" * (len(data) or 1), b"null", b"{}", b"[]"))


_STRANGE_BYTES = (
    b"\0", b"\n", b"\r", b"\t", b"\x1b[31m", b"\xff", b"\xed\xa0\x80", b'"', b"'", b"\\", b",",
    b"#", b"=", b"[", b"]", b"{", b"}", b"\xe2\x80\xae", b"\xf0\x9f\x92\xb8", b"-", b"9", b"_",
    b"x" * LONG, b"9" * LONG, b"[" * DEEP, b"\n" * LONG, b"=HYPERLINK(1)", b"../../../etc/passwd",
)  # fmt: skip

BYTES: tuple[Mutation, ...] = (
    _flip, _flip, _byte, _truncate, _behead, _cut, _duplicate, _splice, _insert, _insert, _utf16,
    _latin1, _marked, _windows, _empty,
)  # fmt: skip

# --- words and lines of text ---------------------------------------------------------------------

NUMBERS = (
    b"0", b"-1", b"-0", b"0.0", b"1e308", b"1e309", b"1E+999999", b"1E-999999", b"NaN", b"nan",
    b"inf", b"-inf", b"Infinity", b"-Infinity", b"1_0", b"0x10", b"0o17", b"00", b"1.", b".5",
    b"1,5", b"+1", b"9" * 30, b"9" * LONG, b"0." + b"0" * LONG + b"1", b"-0.10",
    b"9223372036854775808",    b"\xd9\xa3", b"1e5", b"true", b"null",
)  # fmt: skip
TIMES = (
    b"2999-01-01T09:31:00+08:00", b"1600-01-01T00:00:00Z", b"9999-12-31T23:59:59Z",
    b"0001-01-01T00:00:00+14:00", b"2026-03-04", b"2026-03-04T09:31:00", b"2026-03-04 09:31",
    b"2026-02-30T09:31:00Z", b"2026-03-04T24:00:00Z", b"2026-03-04T09:31:60Z", b"1e300", b"0",
    b"-62135596800", b"2026-W10-3T09:31:00Z", b"20260304T093100Z", b"2026-03-04T09:31:00.5Z",
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_TIME = re.compile(rb"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?)?")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9.]{2,}")


def _other(pattern: re.Pattern[bytes], values: Sequence[bytes]) -> Mutation:
    """Return the mutation that puts one of some values in the place of a match."""

    def mutation(data: bytes, dice: Dice) -> bytes:
        found = [match.span() for match in pattern.finditer(data)]
        if not found:
            return _insert(data, dice)
        start, end = dice.pick(found)
        return data[:start] + dice.pick(values) + data[end:]

    return mutation


def _other_word(data: bytes, dice: Dice) -> bytes:
    """Put another word of the same text, or a strange one, in the place of a word."""
    found = [match.span() for match in _WORD.finditer(data)]
    if not found:
        return _insert(data, dice)
    (start, end), (first, last) = dice.pick(found), dice.pick(found)
    own = data[first:last]
    return data[:start] + dice.pick((own, own.upper(), b"x" * LONG, b"", b"true")) + data[end:]


def _lines(data: bytes, dice: Dice) -> bytes:
    """Delete, repeat, swap, move or reverse lines."""
    lines = data.splitlines(keepends=True) or [b""]
    one, other = dice.below(len(lines)), dice.below(len(lines))
    match dice.below(5):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines = lines[: one + 1] * 2 + lines[one + 1 :]
        case _:
            lines.reverse()
    return b"".join(lines)


TEXT: tuple[Mutation, ...] = (
    *BYTES,
    *(_other(_NUMBER, NUMBERS),) * 4,
    *(_other(_TIME, TIMES),) * 2,
    *(_other_word,) * 3,
    *(_lines,) * 3,
)

# --- JSON ----------------------------------------------------------------------------------------

_RAW = (
    "NaN", "-Infinity", "1E+999999", "9" * LONG, "-0", "1e309", "0.1" + "0" * LONG + "1",
    "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "0" + "}" * DEEP, '"\\ud800"', '"\\u0000"',
    '{"a": 1, "a": 2}',
)  # fmt: skip
_VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 1.5, "", " ", "0", "x" * LONG, "NaN", "1E+999999", [], {}, [None],
    {"": None}, "9999-12-31T23:59:59Z", "1600-01-01", "../../..", "/dev/zero", "\u202e", 2**63,
    -(2**63) - 1, 1e308, "true", "<script>alert(1)</script>",
)  # fmt: skip
_MARK = "@@raw{}@@"


def json_value(dice: Dice) -> object:
    """Return a hostile value; a text like ``@@raw3@@`` stands for what `json_text` writes raw."""
    if dice.below(3) == 0:
        return _MARK.format(dice.below(len(_RAW)))
    return dice.pick(_VALUES)


def json_text(value: object) -> bytes:
    """Return a value as JSON, with what no JSON library would write."""
    text = json.dumps(value, ensure_ascii=False)
    for number, raw in enumerate(_RAW):
        text = text.replace(f'"{_MARK.format(number)}"', raw)
    return text.encode("utf-8", "surrogatepass")


def change_json(value: Any, dice: Dice) -> Any:  # noqa: ANN401 - any JSON
    """Change one place of a value: replace, delete, rename, repeat, wrap, or swap two."""
    places = list(_containers(value))
    if not places or dice.below(20) == 0:
        return json_value(dice)
    inside = dice.pick(places)
    if isinstance(inside, dict):
        _change_object(inside, dice)
    else:
        _change_array(inside, dice)
    return value


def _containers(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list) and one:
            found.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    return found


def _change_object(inside: dict[str, Any], dice: Dice) -> None:
    key, other = dice.pick(list(inside)), dice.pick(list(inside))
    match dice.below(8):
        case 0:
            del inside[key]
        case 1:
            inside[dice.pick(("", key.upper(), key + "_", "x" * LONG, "\u0000"))] = inside.pop(key)
        case 2:
            inside["unknown"] = inside[key]
        case 3:
            inside[key], inside[other] = inside[other], inside[key]
        case 4:
            inside[key] = [inside[key]]
        case 5:
            inside[key] = str(inside[key])
        case _:
            inside[key] = json_value(dice)


def _change_array(inside: list[Any], dice: Dice) -> None:
    at, other = dice.below(len(inside)), dice.below(len(inside))
    match dice.below(5):
        case 0:
            del inside[at]
        case 1:
            inside.insert(other, inside[at])
        case 2:
            inside[at], inside[other] = inside[other], inside[at]
        case 3:
            inside[at] = {"a": inside[at]}
        case _:
            inside[at] = json_value(dice)


def _json(data: bytes, dice: Dice) -> bytes:
    """Change a JSON text, or one line of several."""
    lines = data.splitlines(keepends=True)
    at = dice.below(len(lines)) if lines else 0
    for whole, before, after in (
        (data, b"", b""),
        (lines[at] if lines else b"", b"".join(lines[:at]), b"".join(lines[at + 1 :])),
    ):
        try:
            value = json.loads(whole)
        except (ValueError, RecursionError):
            continue
        return before + json_text(change_json(value, dice)) + b"\n" + after
    return _other_word(data, dice)


JSON: tuple[Mutation, ...] = (*TEXT, *(_json,) * len(TEXT))

# --- TOML and .env: lines of name = value --------------------------------------------------------

_TOML_VALUES = (
    *NUMBERS, b'""', b'"' + b"x" * LONG + b'"', b"[]", b"{}", b"[" * DEEP + b"]" * DEEP,
    b"9999-12-31", b"0001-01-01T00:00:00+14:00", b"24:00:00", b'"\\ud800"', b'"\\u0000"',
    b"[1, 'a']", b"'none'",
    b"{ a = { b = 1 } }", b'"""a\nb"""', b"2026-03-04", b"true", b'"${HOME}"', b"09:30:00",
)  # fmt: skip
_ASSIGNED = re.compile(rb"^([^\n#\[=]+)=([^\n]*)$", re.MULTILINE)


def _assignment(data: bytes, dice: Dice) -> bytes:
    """Change a line ``name = value``: its value, its name, or how often it stands there."""
    found = list(_ASSIGNED.finditer(data))
    if not found:
        return _insert(data, dice)
    line, other = dice.pick(found), dice.pick(found)
    name, value = line.group(1), line.group(2)
    new = {
        0: name + b"= " + dice.pick(_TOML_VALUES),
        1: name + b"= " + other.group(2).strip(),
        2: other.group(1) + b"=" + value,
        3: name.strip() + b"." + other.group(1).strip() + b" =" + value,
        4: name.upper() + b"=" + value,
        5: name.strip() + b"x =" + value,
        6: name + value,
        7: name + b"= '" + value.strip() + b"'",
        8: line.group() + b"\n" + line.group(),
    }
    text = new.get(dice.below(16), new[0])
    return data[: line.start()] + text + data[line.end() :]


ASSIGNMENTS: tuple[Mutation, ...] = (*TEXT, *(_assignment,) * len(TEXT))

# --- CSV -----------------------------------------------------------------------------------------

_CELLS = (*NUMBERS, *TIMES, b"", b'"', b'""', b'"1', b" 1", b"1 ", b"x" * LONG, b"=1+1", b"null")


def _cell(data: bytes, dice: Dice) -> bytes:
    """Change a cell, or how many cells a row has."""
    rows = [row.split(b",") for row in data.split(b"\n")]
    row = dice.pick(rows)
    at = dice.below(len(row))
    match dice.below(8):
        case 0:
            del row[at]
        case 1:
            row.insert(at, row[at])
        case 2:
            other = dice.below(len(row))
            row[at], row[other] = row[other], row[at]
        case _:
            row[at] = dice.pick(_CELLS)
    return b"\n".join(b",".join(row) for row in rows)


CSV: tuple[Mutation, ...] = (*TEXT, *(_cell,) * len(TEXT))


def mutated(data: bytes, dice: Dice, mutations: Sequence[Mutation]) -> bytes:
    """Return some data after one to three mutations; one is the most frequent."""
    for _ in range(dice.pick((1, 1, 1, 2, 3))):
        data = dice.pick(mutations)(data, dice)
    return data
