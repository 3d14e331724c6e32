"""A secret is printed by nothing that prints."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import reprlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from qtkit.core.config.messages import shown
from qtkit.core.config.secret import (
    MASK,
    Secret,
    holds_secret,
    is_secret_name,
    masked,
    masked_values,
)
from qtkit.core.render import json_text
from qtkit.trading.engine.logs.sys_log import format_fields

WORD = "geheim-9f3a"


class Endpoint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = "https://example.org"
    token: Secret = Field(default=Secret(""))
    tokens: tuple[Secret, ...] = ()

    @model_validator(mode="after")
    def _together(self) -> Endpoint:
        if self.url == "wrong":
            raise ValueError("the endpoint is wrong")
        return self


@dataclass
class Plain:
    token: Secret


def endpoint() -> Endpoint:
    return Endpoint.model_validate({"token": WORD, "tokens": [WORD]})


def logged(write: Callable[[Secret], None]) -> Callable[[Secret], str]:
    def text(secret: Secret) -> str:
        told = io.StringIO()
        sink = logger.add(told, level=0, diagnose=True, backtrace=False, serialize=True)
        handler = logging.StreamHandler(told)
        logging.getLogger("secrets").addHandler(handler)
        try:
            write(secret)
        finally:
            logger.remove(sink)
            logging.getLogger("secrets").removeHandler(handler)
        assert told.getvalue()
        return told.getvalue()

    return text


def use(secret: Secret) -> None:
    raise RuntimeError(f"no luck with {secret}", secret)


def _explode(secret: Secret) -> None:
    try:
        use(secret)
    except RuntimeError:
        logger.exception("it went wrong with {}", secret)


def _trace(secret: Secret) -> str:
    with pytest.raises(RuntimeError) as caught:
        use(secret)
    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    return "".join(whole.format())


PRINTING: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "repr": repr,
    "format": "{0} {0!r} {0!s}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "bytes": lambda secret: str(secret).encode(),
    "list": lambda secret: repr([secret, {secret: secret}]),
    "vars": lambda secret: repr(vars(secret)),
    "pprint": pprint.pformat,
    "reprlib": reprlib.repr,
    "copy": lambda secret: repr([copy.copy(secret), copy.deepcopy(secret)]),
    "json": lambda secret: json.dumps([secret], default=str),
    "our json": lambda secret: json_text({"token": str(secret)}),
    "msgspec": lambda secret: msgspec.json.encode([secret], enc_hook=str),
    "msgspec builtins": lambda secret: msgspec.to_builtins([secret], enc_hook=str),
    "sys.log": lambda secret: format_fields({"token": secret}),
    "sentences": shown,
    "dataclass": lambda secret: repr((Plain(secret), dataclasses.asdict(Plain(secret)))),
    "model": lambda _: f"{endpoint()!r} {endpoint()!s} {list(endpoint())}",
    "model_dump": lambda _: repr(endpoint().model_dump()),
    "model_dump json": lambda _: repr(endpoint().model_dump(mode="json")),
    "model_dump_json": lambda _: endpoint().model_dump_json(),
    "model schema": lambda secret: json.dumps(Endpoint.model_json_schema()),
    "loguru": logged(lambda secret: logger.info("token={} {t!r}", secret, t=secret)),
    "loguru bound": logged(lambda secret: logger.bind(token=secret).info("x")),
    "loguru error": logged(_explode),
    "logging": logged(lambda secret: logging.getLogger("secrets").error("%s %r", secret, secret)),
    "traceback with locals": _trace,
    "exception": lambda secret: repr(ValueError(secret)),
}


@pytest.mark.parametrize("way", PRINTING)
def test_no_way_of_printing_shows_it(way: str) -> None:
    text = PRINTING[way](Secret(WORD))

    assert WORD not in str(text)
    assert WORD[:6] not in str(text)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_does_not_let_itself_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"token": Secret(WORD)}, protocol=protocol)


def test_no_encoder_takes_it_by_itself() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(WORD))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(WORD))


@pytest.mark.parametrize(
    "asked",
    [
        {"token": [WORD]},
        {"token": {"value": WORD}},
        {"token": Secret(WORD), "unknown": 1},
        {"token": WORD, "url": "wrong"},
        {"tokens": WORD},
    ],
)
def test_no_error_of_a_model_shows_it(asked: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Endpoint.model_validate(asked)

    assert WORD not in str(caught.value)
    assert WORD not in repr(caught.value)


def test_the_one_call_that_needs_it_gets_it() -> None:
    assert endpoint().token.get_secret_value() == WORD
    assert endpoint().tokens[0].get_secret_value() == WORD


def test_it_compares_and_hashes_like_its_text() -> None:
    assert Secret(WORD) == Secret(WORD)
    assert Secret(WORD) != Secret("another")
    assert Secret(WORD) != WORD
    assert len({Secret(WORD), Secret(WORD)}) == 1
    assert len(Secret(WORD)) == len(WORD)


def test_an_empty_one_shows_that_it_is_empty() -> None:
    assert (str(Secret("")), str(Secret(WORD))) == ("", MASK)


def test_a_copy_is_the_same_secret() -> None:
    one = Secret(WORD)

    assert copy.deepcopy([one])[0] is one


def test_a_model_that_is_read_back_from_what_it_dumped_has_lost_it(tmp_path: Path) -> None:
    """What was written is the mask: nobody can take it for the secret."""
    (tmp_path / "x.json").write_text(endpoint().model_dump_json())

    again = Endpoint.model_validate_json((tmp_path / "x.json").read_bytes())

    assert again.token.get_secret_value() == MASK


# --- by its name, and in an address --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["auth", "pw", "passwd", "DB_PW", "basicAuth", "oauth", "Authorization", "api-key", "apiKey",
     "API_KEY", "clientsecret", "broker_token", "pwd", "creds", "X-Auth-Token", "jwt"],
)  # fmt: skip
def test_a_name_tells_that_its_value_is_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["author", "authority", "pwm", "grid", "keyboard", "key", "compass", "spawn", "PW2D_x"]
)
def test_a_name_that_only_looks_alike_is_none(name: str) -> None:
    assert is_secret_name(name) == (name == "PW2D_x")


@pytest.mark.parametrize(
    "address",
    [
        f"https://host/bars?{name}={WORD}"
        for name in ("apikey", "api_key", "token", "key", "signature", "sig", "password", "pw",
                     "auth", "access_token", "X-Amz-Signature", "api%6bey", "APIKEY")
    ]
    + [
        f"https://me:{WORD}@host/bars",
        f"https://{WORD}@host/bars",
        f"https://me:a@{WORD}@host/bars",
        f"https://host/bars?table=x&token={WORD}",
        f"https://host/bars?table=x;token={WORD}",
        f"https://host/bars#access_token={WORD}",
        f"GET https://host/?token={WORD} failed, then http://host/?key={WORD}",
    ],
)  # fmt: skip
def test_the_secret_part_of_an_address_is_masked(address: str) -> None:
    assert WORD not in masked(address)
    assert MASK in masked(address)
    assert WORD not in shown(address)
    assert masked(masked(address)) == masked(address)


@pytest.mark.parametrize(
    "address", ["https://host/bars?table=x&author=anna", "https://host:80/a@b", "a=b, token 5", ""]
)
def test_the_rest_of_an_address_is_shown(address: str) -> None:
    assert masked(address) == address


def test_what_is_secret_in_json_is_masked_and_nothing_else() -> None:
    value = {"pw": 7, "on": {"auth": True, "tokens": [WORD, ""]}, "n": float("inf"), "t": (1, "x")}

    assert masked_values(value) == {
        "pw": MASK,
        "on": {"auth": True, "tokens": [MASK, ""]},
        "n": float("inf"),
        "t": (1, "x"),
    }
    assert holds_secret(value)
    assert not holds_secret({"n": float("nan"), "t": (1, 2), "author": "anna"})
