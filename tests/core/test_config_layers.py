"""Where values come from, and who wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtkit.core.config.layers import (
    Given,
    argument_layer,
    dotenv_layer,
    environment_layer,
    merged,
    nested,
    toml_layer,
)
from qtkit.core.config.toml import read_toml
from tests.golden.names import names_in

SECTIONS = ("session", "risk", "engine")


def test_the_environment_names_section_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTKIT_SESSION__SEED", "7")
    monkeypatch.setenv("qtkit_engine__retries__refill", "2")
    monkeypatch.setenv("QTKIT_RISK__ALLOWED_SYMBOLS", '["600036.SH"]')
    monkeypatch.setenv("QTKIT_RISK__NOTE", "[half of a list")
    monkeypatch.setenv("QTKIT_OUTPUTS", "elsewhere")
    monkeypatch.setenv("OTHER__SEED", "1")

    layer = environment_layer(SECTIONS)

    assert layer.values == {
        ("session", "seed"): Given("environment QTKIT_SESSION__SEED", "7"),
        ("engine", "retries", "refill"): Given("environment qtkit_engine__retries__refill", "2"),
        ("risk", "allowed_symbols"): Given(
            "environment QTKIT_RISK__ALLOWED_SYMBOLS", ["600036.SH"]
        ),
        ("risk", "note"): Given("environment QTKIT_RISK__NOTE", "[half of a list"),
    }
    assert layer.mistakes == ()


def test_a_table_as_json_is_as_good_as_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTKIT_ENGINE__RETRIES", '{"refill": 3}')

    (key,) = environment_layer(SECTIONS).values

    assert key == ("engine", "retries", "refill")


def test_a_section_that_does_not_exist_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTKIT_SESION__SEED", "7")
    monkeypatch.setenv("QTKIT_QQ__SEED", "geheim")

    layer = environment_layer(SECTIONS)

    first, second = layer.mistakes
    assert names_in(first) == ["QTKIT_QQ__SEED", "QTKIT_QQ__SEED"]
    assert second == (
        "environment QTKIT_SESION__SEED: QTKIT_SESION__SEED names a section [sesion] that does not "
        "exist; did you mean [session]?"
    )


def test_a_dotenv_file_is_read_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\nexport QTKIT_SESSION__SEED='7'\nOTHER=1\n\nQTKIT_RISK__NOTE=a b # why\n"
        "QTKIT_RSK__NOTE=1\n"
    )

    layer = dotenv_layer(tmp_path / ".env", SECTIONS)

    assert layer.values == {
        ("session", "seed"): Given(".env line 2", "7"),
        ("risk", "note"): Given(".env line 5", "a b"),
    }
    (mistake,) = layer.mistakes
    assert mistake.startswith(".env line 6: QTKIT_RSK__NOTE names a section [rsk]")


def test_a_line_of_a_dotenv_file_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QTKIT_SESSION__SEED=7\n=5\n")

    assert dotenv_layer(tmp_path / ".env", SECTIONS).mistakes == (
        ".env line 2: expected NAME=VALUE",
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("QTKIT_RISK__MAX_ORDER_QUANTITY", "QTKIT_RISK__MAX_ORDER_QUANTITY"),
        ("QTKIT_#RISK__MAX_ORDER_QUANTITY=10", "QTKIT_"),  # the rest is a comment
    ],
)
def test_a_name_without_a_value_takes_no_limit_away(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / ".env").write_text(line + "\n")

    layer = dotenv_layer(tmp_path / ".env", SECTIONS)

    assert layer.values == {}
    (mistake,) = layer.mistakes
    assert mistake.startswith(f".env line 1: {name} ")


def test_a_dotenv_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert dotenv_layer(tmp_path / ".env", SECTIONS).values == {}


def test_a_later_layer_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[engine]\na = 1\nretries = {poll = 1, refill = 1}\n")
    layers = [
        toml_layer(read_toml(tmp_path / "x.toml")),
        argument_layer({"engine.retries.refill": 9, "session.seed": 5}),
    ]

    found = merged(layers)

    assert {key: (given.value, given.place) for key, given in found.items()} == {
        ("engine", "a"): (1, "x.toml line 2"),
        ("engine", "retries", "poll"): (1, "x.toml line 3"),
        ("engine", "retries", "refill"): (9, "argument engine.retries.refill"),
        ("session", "seed"): (5, "argument session.seed"),
    }
    assert nested({key: given.value for key, given in found.items()}) == {
        "engine": {"a": 1, "retries": {"poll": 1, "refill": 9}},
        "session": {"seed": 5},
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"engine.retries": "none"}, {"engine.retries.refill": 1}),
        ({"engine.retries.refill": 1}, {"engine.retries": "none"}),
    ],
)
def test_a_table_and_a_value_of_one_name_exclude_each_other(
    first: dict[str, object], second: dict[str, object]
) -> None:
    found = merged([argument_layer(first), argument_layer(second)])

    assert [".".join(key) for key in found] == list(second)


def test_what_a_log_shows_of_a_value_is_its_place() -> None:
    assert repr(Given("line 5", "geheim")) == "Given(place='line 5')"
