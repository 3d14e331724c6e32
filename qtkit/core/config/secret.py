"""What is secret, by its type, by its name, and inside an address; and how it is masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from pydantic import SecretStr

__all__ = [
    "MASK",
    "Secret",
    "holds_secret",
    "is_secret_name",
    "masked",
    "masked_values",
    "secrets_in",
]

MASK = "**********"
# Unmistakable wherever they stand in a name, even without anything between the words.
_PARTS = (
    "password", "passwd", "passphrase", "secret", "token", "credential",
    "apikey", "privatekey", "accesskey", "signingkey",
)  # fmt: skip
# Short ones count as whole words only: an author is nobody's auth.
_WORDS = frozenset({"auth", "authorization", "bearer", "creds", "jwt", "oauth", "pw", "pwd"})
_IN_ADDRESS = frozenset({"key", "sig", "sign", "signature"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_USER = re.compile(r"(//)[^/?#\s]+@")
_QUERY = re.compile(r"([?&;#])([^=&;#?\s\"']+)=([^&;#\s\"']+)")
_QUOTED = re.compile(r"%([0-9a-fA-F]{2})")


def is_secret_name(name: str) -> bool:
    """Return whether what goes by this name is nobody's business.

    Examples
    --------
    >>> is_secret_name("broker_pw"), is_secret_name("apiKey"), is_secret_name("author")
    (True, True, False)
    """
    joined = re.sub(r"[^a-z0-9]", "", name.lower())
    return any(part in joined for part in _PARTS) or not _WORDS.isdisjoint(
        word.lower() for word in _WORD.findall(name)
    )


def masked(text: str) -> str:
    """Return text with the secrets of the addresses in it masked.

    Examples
    --------
    >>> masked("http://me:pw@host/bars?apikey=abc&table=x")
    'http://**********@host/bars?apikey=**********&table=x'
    """
    return _QUERY.sub(_masked_pair, _USER.sub(rf"\g<1>{MASK}@", text))


def _masked_pair(pair: re.Match[str]) -> str:
    return f"{pair[1]}{pair[2]}={MASK if _is_secret_in_address(pair[2]) else pair[3]}"


def _is_secret_in_address(name: str) -> bool:
    plain = _QUOTED.sub(lambda found: chr(int(found[1], 16)), name)
    words = {word.lower() for word in _WORD.findall(plain)}
    return not words.isdisjoint(_IN_ADDRESS) or is_secret_name(plain)


def secrets_in(address: str) -> Iterator[str]:
    """Yield the secret texts in an address, as they stand there."""
    for found in _QUERY.finditer(address):
        if _is_secret_in_address(found[2]):
            yield found[3]


def holds_secret(value: Any, name: str = "") -> bool:  # noqa: ANN401 - any JSON
    """Return whether a value has something in it that must be masked."""
    # As text: a NaN is not equal to itself.
    return repr(masked_values(value, name)) != repr(value)


def masked_values(value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with what is secret in it masked: by its name, or in an address.

    Examples
    --------
    >>> masked_values({"pw": "x", "urls": ["http://host/?key=y"], "size": 5})
    {'pw': '**********', 'urls': ['http://host/?key=**********'], 'size': 5}
    """
    if isinstance(value, Mapping):
        return {key: masked_values(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked_values(inner, name) for inner in value]
    if isinstance(value, tuple):
        return tuple(masked_values(inner, name) for inner in value)
    if value is None or isinstance(value, bool) or value == "":
        return value
    if is_secret_name(name):
        return MASK
    return masked(value) if isinstance(value, str) else value


class Secret(SecretStr):
    """Text that no log, record, journal, dump or error shows; `get_secret_value` alone reveals it.

    It stands in no attribute, so that what prints an object's attributes does not print it either,
    and it does not let itself be pickled.

    Examples
    --------
    >>> Secret("hunter2")
    Secret('**********')
    >>> f"{Secret('hunter2')}"
    '**********'
    """

    def __init__(self, secret_value: str) -> None:
        def reveal() -> str:
            return secret_value

        self._reveal: Callable[[], str] = reveal

    def get_secret_value(self) -> str:
        """Return the text itself: for the one call that needs it."""
        return self._reveal()

    def _display(self) -> str:
        return MASK if self._reveal() else ""

    def __len__(self) -> int:
        return len(self._reveal())

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled: hand over where it can be read instead")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self
