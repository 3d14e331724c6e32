"""What people type: short enough to be read again, and in letters that can be printed."""

from __future__ import annotations

from qtkit.core.errors import ConfigError

__all__ = [
    "LONGEST_NAME",
    "LONGEST_REASON",
    "checked_text",
    "quoted",
    "text_trouble",
    "word_trouble",
]

LONGEST_NAME = 64  # letters: of people, accounts, symbols and tasks
LONGEST_REASON = 500  # letters: of why something was done
_LONGEST_WORD = 1_000  # letters
_SHOWN = 40


def quoted(text: object) -> str:
    r"""Return what was typed as it is shown in a sentence: quoted, and cut where it is long.

    Examples
    --------
    >>> quoted("a\nb")
    "'a\\nb'"
    >>> quoted("x" * 5000)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... (5,000 letters)"
    """
    whole = str(text)
    if len(whole) <= 2 * _SHOWN:
        return ascii(whole) if not whole.isprintable() else repr(whole)
    return f"{quoted(whole[:_SHOWN])}... ({len(whole):,} letters)"


def text_trouble(text: str, what: str, most: int = LONGEST_NAME) -> str:
    """Return why a text cannot be taken; "" when it can.

    Examples
    --------
    >>> text_trouble("anna", "by")
    ''
    >>> text_trouble(" ", "by")
    'by must say something'
    """
    if not text.strip():
        return f"{what} must say something"
    if len(text) > most:
        return f"{what} has at most {most} letters, was {quoted(text)}"
    if not text.isprintable():
        return f"{what} must be one line of letters that can be printed, was {quoted(text)}"
    return ""


def word_trouble(word: str) -> str:
    """Return why a word of a command line cannot be taken; "" when it can.

    Line ends may stand in a text; what turns the writing round, or is no text at all, may not.
    """
    if len(word) > _LONGEST_WORD:
        return f"at most {_LONGEST_WORD:,} letters, was {quoted(word)}"
    if not "".join(word.split()).isprintable():
        return f"letters that can be printed, was {quoted(word)}"
    return ""


def checked_text(text: str, what: str, most: int = LONGEST_NAME) -> str:
    """Return a text that can be written into journals and logs.

    Raises
    ------
    ConfigError
        If it is empty, too long, or holds line ends and other letters that cannot be printed.
    """
    trouble = text_trouble(text, what, most)
    if trouble:
        raise ConfigError(f"{trouble}; nothing was changed")
    return text
