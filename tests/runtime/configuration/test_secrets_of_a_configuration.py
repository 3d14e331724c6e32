"""No secret of a configuration is shown, whatever is wrong around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qtkit.core.config.secret import MASK
from qtkit.core.errors import ConfigError
from qtkit.runtime.configuration.reader import settings_of
from qtkit.runtime.configuration.tables import configuration_json, configuration_table
from qtkit.runtime.settings import SessionSettings
from qtkit.testing import scripted_spec
from tests.runtime.configuration.configurations import WORD, mistakes, read


@pytest.mark.parametrize(
    "text",
    [
        f'[feed]\ntoken = ["{WORD}"]\n',
        f'[feed]\ntoken = {{ value = "{WORD}" }}\n',
        f'[feed]\ntoken = "{WORD}"\nkind = "csv"\n',
        f'[feed]\ntoken = "{WORD}"\ntimeout_seconds = 0\n[session]\nseed = "x"\n',
        f'[feed]\nurl = "https://me:{WORD}@example.org/bars"\n',
    ],
)
def test_no_mistake_shows_a_secret(tmp_path: Path, text: str) -> None:
    assert WORD not in mistakes(tmp_path, text)


@pytest.mark.parametrize("asked", [{"token": [WORD]}, {"token": WORD, "kind": "csv"}])
def test_no_mistake_of_settings_shows_a_secret(asked: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of({"feed": asked})

    assert WORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f'token = "{WORD}"', "QTKIT_FEED__TOKEN"),
        (f'url = "https://example.org/bars?apikey={WORD}"', "QTKIT_FEED__URL"),
    ],
)
def test_a_secret_in_the_file_is_refused_with_the_place_where_it_belongs(
    tmp_path: Path, text: str, name: str
) -> None:
    told = mistakes(tmp_path, f"[feed]\n{text}\n")

    assert told.startswith("qtkit.toml line 2: ")
    assert name in told
    assert ".env" in told
    assert WORD not in told


def test_the_same_secret_is_taken_from_where_it_belongs(tmp_path: Path) -> None:
    address = f"https://example.org/bars?apikey={WORD}"

    found = read(tmp_path, "[feed]\nkind = 'http'\n", f"QTKIT_FEED__URL={address}\n")

    assert found.settings.feed.url == address
    assert WORD not in f"{found!r} {found.settings.model_dump_json()}"


def test_a_secret_among_a_strategys_parameters_is_masked_in_the_journal() -> None:
    spec = replace(
        scripted_spec({}, ["600036.SH"]),
        parameters={"broker_pw": WORD, "url": f"http://x/?token={WORD}", "author": "anna"},
    )

    told = SessionSettings().for_journal(spec)["strategy_parameters"]

    assert told == {"broker_pw": MASK, "url": f"http://x/?token={MASK}", "author": "anna"}


def test_a_secret_is_masked_wherever_a_configuration_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QTKIT_FEED__TOKEN", WORD)

    found = read(tmp_path, "")

    token = found.settings.feed.token
    assert token is not None
    assert token.get_secret_value() == WORD
    rows = {row[0]: row for row in configuration_table(found).rows}
    assert rows["feed.token"] == ("feed.token", MASK, "environment QTKIT_FEED__TOKEN")
    for text in (repr(found), str(configuration_json(found)), str(configuration_table(found))):
        assert WORD not in text
    told = found.settings.for_journal(scripted_spec({}, ["600036.SH"]))
    assert WORD not in str(told)
