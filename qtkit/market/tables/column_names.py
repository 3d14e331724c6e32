"""Which columns of a file are which, and what to say where they cannot be found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from qtkit.core.errors import ConfigError
from qtkit.core.text import closest

__all__ = ["DEFAULT_COLUMNS", "column_option", "columns_from", "named_columns", "options_for"]

DEFAULT_COLUMNS = {
    "time": "timestamp",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "symbol": "symbol",
}
_OPTIONAL = frozenset({"volume", "symbol"})
# how others name them, in small letters without blanks and signs; the likeliest first
_OTHER_NAMES: Mapping[str, str] = {
    "time": (
        "timestamp datetime time date opentime gmttime localtime tradetime barstart barend "
        "datetimeutc dateutc ts dt t 时间 日期"
    ),
    "open": "open openprice bidopen firstprice o 1open 开盘 开盘价",
    "high": "high highprice bidhigh max h 2high 最高 最高价",
    "low": "low lowprice bidlow min l 3low 最低 最低价",
    "close": (
        "close closeprice bidclose last lastprice c 4close adjclose adjustedclose 收盘 收盘价"
    ),
    "volume": "volume vol v 5volume qty tickvolume tickqty basevolume shares 成交量",
    "symbol": "symbol ticker code instrument secid 代码",
}
_UNQUOTED = re.compile(r"[\w.:+-]+")
_IN_QUOTES = re.compile(r"[^\"$`\\!]+")


def columns_from(words: Sequence[str]) -> dict[str, str]:
    """Return a column mapping from words such as ``time=Date``.

    Raises
    ------
    ConfigError
        Naming all words that are not of this form, or name one of ours twice.

    Examples
    --------
    >>> columns_from(["time=Date", "close=Last"])
    {'time': 'Date', 'close': 'Last'}
    """
    pairs = [word.partition("=") for word in words]
    if wrong := [ours + sign + theirs for ours, sign, theirs in pairs if not (ours and theirs)]:
        raise ConfigError(f"columns are written OURS=THEIRS, like time=Date; found {wrong}")
    names = [ours for ours, _, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{', '.join(twice)} is named more than once by --column; name it once")
    return {ours: theirs for ours, _, theirs in pairs}


def named_columns(
    header: Sequence[str], given: Mapping[str, str], title: str, beside: Sequence[str] = ()
) -> dict[str, str]:
    """Return which of a file's columns is which of ours; what may lack and does is left out.

    Parameters
    ----------
    header
        The file's columns.
    given
        Ours -> the file's, where it is not the default name.
    title
        The file's name, for the sentence.
    beside
        What else is wrong with the request.

    Raises
    ------
    ConfigError
        With all mistakes at once, and the options that mend them.
    """
    wanted = {**DEFAULT_COLUMNS, **given}
    for name in _OPTIONAL - given.keys():
        if wanted[name] not in header:
            del wanted[name]
    mistakes = list(_mistakes(header, wanted))
    if not mistakes and not beside:
        return wanted
    paste = options_for(header, given) if mistakes else ""
    hint = f"; these options name them: {paste}" if paste else ""
    raise ConfigError(f"{title} cannot be imported: {'; '.join([*mistakes, *beside])}{hint}")


def options_for(header: Sequence[str], given: Mapping[str, str]) -> str:
    """Return the options that say which column is which, ready to paste; "" if none is needed.

    Examples
    --------
    >>> options_for(["Date", "Open", "high", "low", "Adj Close", "Volume"], {})
    '--column time=Date --column open=Open --column close="Adj Close" --column volume=Volume'
    """
    by_plain_name = {_plain(name): name for name in reversed(header)}
    words = []
    for ours, default in DEFAULT_COLUMNS.items():
        if given.get(ours) in header:
            words.append(column_option(ours, given[ours]))
        elif ours not in given and default in header:
            continue
        else:
            found = next((n for n in _OTHER_NAMES[ours].split() if n in by_plain_name), None)
            if found is not None:
                words.append(column_option(ours, by_plain_name[found]))
            elif ours not in _OPTIONAL:
                words.append(f"--column {ours}=…")
    return " ".join(words)


def column_option(ours: str, theirs: str) -> str:
    """Return the option that names a column, ready to paste.

    Examples
    --------
    >>> column_option("close", "Adj Close")
    '--column close="Adj Close"'
    """
    if _UNQUOTED.fullmatch(theirs):
        return f"--column {ours}={theirs}"
    if _IN_QUOTES.fullmatch(theirs):
        return f'--column {ours}="{theirs}"'
    return f"--column {ours}={shlex.quote(theirs)}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _mistakes(header: Sequence[str], wanted: Mapping[str, str]) -> Iterator[str]:
    for ours in sorted(wanted.keys() - DEFAULT_COLUMNS.keys()):
        yield f"{ours!r} is no column of a bar; known: {', '.join(DEFAULT_COLUMNS)}"
    known = {ours: theirs for ours, theirs in wanted.items() if ours in DEFAULT_COLUMNS}
    lacking = {ours: theirs for ours, theirs in known.items() if theirs not in header}
    for ours, theirs in lacking.items():
        near = closest(theirs, header, cutoff=0.4)
        hint = f"; did you mean {near}?" if near else ""
        yield f"the file has no column {theirs!r} for {ours}{hint}"
    if lacking:
        yield f"it has {', '.join(header)}"
    for theirs in dict.fromkeys(known.values()):
        if header.count(theirs) > 1:
            yield f"the file has {header.count(theirs)} columns {theirs!r}; rename all but one"
    for theirs in dict.fromkeys(known.values()):
        users = [ours for ours, name in known.items() if name == theirs]
        if len(users) > 1:
            yield f"the column {theirs!r} cannot be {' and '.join(users)} at once"
