"""One file, `.env`, environment and arguments: what they come to, and all mistakes at once."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.errors import ConfigError
from qtkit.runtime.configuration.keys import SECTIONS, all_keys
from qtkit.runtime.configuration.reader import as_arguments, read_configuration, settings_of
from qtkit.runtime.settings import SessionSettings
from qtkit.testing import scripted_spec
from tests.golden import texts
from tests.golden.names import names_in
from tests.runtime.configuration.configurations import mistakes, read

# --- what it comes to ------------------------------------------------------------------------


def test_every_section_reaches_its_place(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [session]
        strategy = "my.py"
        root = "elsewhere"
        seed = 7
        [account]
        name = "demo"
        new = true
        opening_cash = 250000.50
        [engine]
        step_minutes = 15
        on_stop = "keep"
        retries = { refill = 3 }
        [risk]
        max_order_value = 5000.5
        allowed_symbols = ["600036.SH"]
        trading_windows = [["09:35", "11:00"]]
        [broker]
        commission_rate = 0.00025
        [feed]
        kind = "csv"
        path = "bars.csv"
        [logs]
        rotate_daily = true
        [checks]
        booking_budget_seconds = 3
        """,
    )

    settings = found.settings
    assert (found.strategy, found.run.root) == ("my.py", "elsewhere")
    assert (found.account.name, found.account.new) == ("demo", True)
    assert (settings.seed, settings.step_minutes, settings.on_stop) == (7, 15, "keep")
    assert settings.retries == {"refill": 3}
    assert settings.risk.max_order_value == Decimal("5000.5")
    assert settings.risk.allowed_symbols == ("600036.SH",)
    assert settings.commission_rate == Decimal("0.00025")
    assert (settings.feed.kind, settings.feed.path) == ("csv", "bars.csv")
    assert settings.logs.rotate_daily
    assert settings.booking_budget_seconds == 3
    spec = scripted_spec({}, ["600036.SH"])
    assert found.spec_of(spec).opening_cash == Decimal("250000.50")


def test_nothing_given_is_all_defaults() -> None:
    found = read_configuration()

    assert found.settings == SessionSettings()
    assert found.places == {}
    assert found.spec_of(spec := scripted_spec({}, ["600036.SH"])) is spec


def test_file_dotenv_environment_and_arguments_win_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "[engine]\nlate_after_seconds = 1\nfeed_silent_seconds = 1\nprice_wait_seconds = 1\n"
        "retry_seconds = 1\n"
    )
    env = "".join(
        f"QTKIT_ENGINE__{name}=2\n"
        for name in ("FEED_SILENT_SECONDS", "PRICE_WAIT_SECONDS", "RETRY_SECONDS")
    )
    for name in ("PRICE_WAIT_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setenv(f"QTKIT_ENGINE__{name}", "3")

    found = read(tmp_path, text, env, engine__retry_seconds=4)

    settings = found.settings
    assert [
        settings.late_after_seconds,
        settings.feed_silent_seconds,
        settings.price_wait_seconds,
        settings.retry_seconds,
    ] == [1, 2, 3, 4]
    assert settings.doubt_grace_seconds == 60
    assert found.places == {
        "engine.late_after_seconds": "qtkit.toml line 2",
        "engine.feed_silent_seconds": ".env line 1",
        "engine.price_wait_seconds": "environment QTKIT_ENGINE__PRICE_WAIT_SECONDS",
        "engine.retry_seconds": "argument engine.retry_seconds",
    }


def test_none_lifts_a_limit_wherever_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QTKIT_RISK__MAX_ORDER_QUANTITY", "None")

    found = read(tmp_path, '[risk]\nmax_order_value = "none"\n')

    assert found.settings.risk.max_order_value is None
    assert found.settings.risk.max_order_quantity is None


def test_only_what_was_given_counts_as_asked_for(tmp_path: Path) -> None:
    found = read(tmp_path, "[session]\nseed = 20260304\n[risk]\nmax_order_value = 5\n")

    assert found.settings.model_dump(exclude_unset=True) == {
        "seed": 20260304,
        "risk": {"max_order_value": Decimal(5)},
    }


def test_a_strategy_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no strategy is named.*\[session\]"):
        _ = read(tmp_path, "").strategy


# --- mistakes ----------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_each_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QTKIT_SESSION__SEED", "many")
    text = """[engine]
step_minuts = 5
late_after_seconds = -3
retries = { refill = "x" }
strategy_snapshot_max_age_seconds = 3
[risk]
trading_windows = [["14:00", "13:00"]]
[checks]
slippage_bps = 3
[loggs]
x = 1
"""

    told = mistakes(tmp_path, text, "QTKIT_ENGINE__ON_STOP=cancl\n", session__data=5)

    assert told + "\n" == texts.CONFIGURATION_MISTAKES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed = 7", "line 1: there is no"),
        ("session = 7", "a section: write [session], and its keys"),
        ("sede = 7", "line 1: there is no"),
        ("[zzz]\nx = 1", "is no section [zzz]; there are session,"),
        ("[logs]\nqqqqqq = 1", "is no key logs.qqqqqq; [logs] has sys_log_file_path, trade"),
        ("[risk]\nmax_order_value = 0", "expected a number, above 0, or none (account currency)"),
        ("[account]\nnew = 3", "account.new was 3; expected true or false"),
        ("[feed]\nkind = 'csv'", "line 2: a feed of"),
        ("[session]\nseed = \n", "qtkit.toml is no TOML: Invalid value (at line 2, column 8)"),
    ],
)
def test_a_single_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    told = mistakes(tmp_path, text)

    assert sentence in told
    assert "\n" not in told


def test_a_long_value_is_cut_short_in_a_sentence(tmp_path: Path) -> None:
    told = mistakes(tmp_path, f'[session]\nseed = "{"x" * 500}"\n')

    assert len(told) < 150


def test_settings_by_their_own_names_are_checked_the_same_way() -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of({"sed": 1, "step_minutes": -1, "risk": {"max_order_valeu": 3}})

    assert names_in(str(caught.value)) == [
        "step_minutes",
        "-1",
        "0",
        "1,440",
        "'risk.max_order_valeu'",
        "'risk.max_order_value'",
        "'sed'",
        "'seed'",
    ]


def test_settings_that_do_not_go_together_are_told() -> None:
    asked = {"prepare_lead_seconds": 300}

    with pytest.raises(ConfigError, match=r"be at least prepare_lead_seconds \(300\)"):
        settings_of(asked)


NUMBERS = {
    title: key
    for title, key in all_keys().items()
    if key.allowed.startswith(("a number", "a whole number"))
}


@pytest.mark.parametrize("title", NUMBERS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_what_is_no_finite_number_is_no_setting(title: str, value: str) -> None:
    for given in (value, float(value)):
        with pytest.raises(ConfigError, match=title):
            read_configuration(arguments={title: given})


@pytest.mark.parametrize(
    "title", [title for title in NUMBERS if title.endswith(("_seconds", "_minutes", "_bps"))]
)
def test_a_time_longer_than_a_year_is_a_slip_of_the_pen(title: str) -> None:
    """Such a number of seconds once ended a session in a traceback."""
    with pytest.raises(ConfigError, match=title):
        read_configuration(arguments={title: 10**30})


# --- files that are none -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qtkit.toml", ".env"])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"# one\n# \xe4\n", "line 2"),
        ("# one\n".encode("utf-16"), "line 1"),
        (b"# one\n# \0\n", "line 2"),
        (b"# " + b"x" * 2_000_000, "longer than"),
    ],
)
def test_a_file_that_is_no_text_is_one_error_with_its_line(
    tmp_path: Path, name: str, content: bytes, part: str
) -> None:
    (tmp_path / "qtkit.toml").touch()
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_configuration(tmp_path / "qtkit.toml")

    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(name)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["qtkit.toml", ".env"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nowhere"])
def test_what_is_no_file_is_one_error_and_nobody_waits_for_it(
    tmp_path: Path, name: str, kind: str
) -> None:
    place = tmp_path / name
    make = {"folder": place.mkdir, "pipe": lambda: os.mkfifo(place)}
    make.get(kind, lambda: place.symlink_to("nowhere"))()
    if name == ".env":
        (tmp_path / "qtkit.toml").touch()

    with pytest.raises(ConfigError, match=kind) as caught:
        read_configuration(tmp_path / "qtkit.toml")

    assert str(caught.value).startswith(name)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "qtkit.toml").write_text("[session]\nseed = 7\n", encoding="utf-8-sig")
    (tmp_path / ".env").write_text("QTKIT_SESSION__DATA=mine\n", encoding="utf-8-sig")

    settings = read_configuration(tmp_path / "qtkit.toml").settings

    assert (settings.seed, settings.data) == (7, "mine")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[risk]\nallowed_symbols = " + "[" * 5_000, "qtkit.toml is no TOML"),
        ("[session]\nseed = " + "1" * 5_000, "qtkit.toml is no TOML"),
        ("[session]\nseed = 1\nseed = 2\n", "line 3"),
        ("[session]\n" + "a" * 5_000 + " = 1", "qtkit.toml line 2"),
        ("[feed]\nstart = 2026-03-04", "time with its zone"),
        ("[session]\nseed = true", "expected a whole number"),
        ("[session]\nseed = 1E+999999", "expected a whole number"),
        ("[engine]\nrefill = 1E-999999", "expected true or false"),
        ("[engine]\nrefill = 0.0", "expected true or false"),
        ("[engine]\nrefill = 1", "expected true or false"),
        ("[session]\ndata = 2026-03-04", "expected text"),
    ],
)
def test_toml_beyond_reason_is_one_short_error(tmp_path: Path, text: str, part: str) -> None:
    told = mistakes(tmp_path, text)

    assert part in told
    assert len(told) < 300


@pytest.mark.parametrize(
    ("env", "part"),
    [
        ("QTKIT_SESSION__SEED=7\nQTKIT_SESSION__SEED=8\n", ".env line 2"),
        ("QTKIT_SESSION__SEED=7\nqtkit_session__seed=8\n", ".env line 2"),
        ("QTKIT_SESSION__" + "__".join("a" * 3_000) + "=1", ".env line 1"),
        ("QTKIT_" + "a" * 5_000 + "__SEED=1", ".env line 1"),
        ("QTKIT_RISK__ALLOWED_SYMBOLS=" + "[" * 100_000, "risk.allowed_symbols"),
        ("QTKIT_RISK__ALLOWED_SYMBOLS=[" + "1" * 5_000 + "]", "risk.allowed_symbols"),
        ('QTKIT_ENGINE__RETRIES={"refill":1,"refill":2}', "engine.retries"),
        ("QTKIT_SESSION__SEED", ".env line 1"),
        ("QTKIT_SESSION__SEED=1_0", "session.seed"),
        ("QTKIT_SESSION__SEED=\uff17", "session.seed"),
        ("QTKIT_ENGINE__LATE_AFTER_SECONDS=1_0.5", "engine.late_after_seconds"),
        ("QTKIT_RISK__MAX_ORDER_VALUE=5_000", "risk.max_order_value"),
        ('QTKIT_ENGINE__RETRIES={"refill":"1_0"}', "engine.retries"),
        ("QTKIT_ENGINE__REFILL=yes", "engine.refill"),
    ],
)
def test_a_dotenv_file_beyond_reason_is_one_short_error(
    tmp_path: Path, env: str, part: str
) -> None:
    told = mistakes(tmp_path, "", env)

    assert part in told
    assert len(told) < 300


def test_a_variable_that_is_no_text_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QTKIT_SESSION__DATA", os.fsdecode(b"\xe4"))

    assert "QTKIT_SESSION__DATA is no UTF-8 text" in mistakes(tmp_path, "")


# --- keys ----------------------------------------------------------------------------------------


def test_every_setting_has_one_key_and_every_key_a_meaning() -> None:
    keys = all_keys()
    own = [key.path for key in keys.values() if key.model is SessionSettings]
    expected: list[tuple[str, ...]] = []
    for name, field in SessionSettings.model_fields.items():
        inner = getattr(field.get_default(call_default_factory=True), "__class__", None)
        parts = getattr(inner, "model_fields", None)
        expected += [(name, part) for part in parts] if parts else [(name,)]

    assert sorted(own) == sorted(expected)
    assert [title for title, key in keys.items() if not key.meaning] == []
    assert {key.section for key in keys.values()} == set(SECTIONS)


def test_every_key_can_be_given_its_own_default(tmp_path: Path) -> None:
    """What `show` calls a default is a value that is accepted where it is given."""
    found = read_configuration()
    given = {
        title: key.default
        for title, key in all_keys().items()
        if not key.secret and key.default is not None
    }

    again = read_configuration(arguments=given)

    assert again.settings == found.settings
    assert (again.run, again.account) == (found.run, found.account)
    assert set(again.places) == set(given)


def test_settings_as_arguments_say_the_same() -> None:
    asked = {
        "seed": 7,
        "retries": {"refill": 2},
        "risk": {"max_order_value": Decimal(5)},
        "commission_rate": Decimal("0.001"),
    }

    found = read_configuration(arguments=as_arguments(asked))

    assert found.settings == SessionSettings.model_validate(asked)


def test_a_setting_that_does_not_exist_stays_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        read_configuration(arguments=as_arguments({"sed": 1, "risk": {"max": 1}}))

    assert "is no key engine.sed; did you mean session.seed?" in str(caught.value)
    assert "is no key risk.max" in str(caught.value)
