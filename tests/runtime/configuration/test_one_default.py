"""A setting has one default, wherever it can be read."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import timedelta
from inspect import signature
from typing import Any

import msgspec
import pytest

from qtkit.market.feeds.http_bars import HttpBars, Patience
from qtkit.market.feeds.settings import FeedSettings
from qtkit.runtime.configuration.keys import all_keys
from qtkit.runtime.configuration.reader import read_configuration
from qtkit.runtime.settings import SessionSettings, declared_default
from qtkit.testing import scripted_spec
from qtkit.trading.brokers.sim.settings import SimSettings
from qtkit.trading.engine.context import EngineSettings
from qtkit.trading.engine.schedule import Timetable
from tests.stages.parts import at, session_started
from tests.stages.story import Story

SETTINGS = SessionSettings()
SPEC = scripted_spec({}, ["600036.SH"])


def defaults_of(kind: Any) -> dict[str, object]:  # noqa: ANN401 - a dataclass or a struct
    """Return a class's own defaults."""
    if issubclass(kind, msgspec.Struct):
        found = msgspec.structs.fields(kind)
        return {f.name: f.default for f in found if f.default is not msgspec.NODEFAULT}
    return {f.name: f.default for f in fields(kind) if f.default is not MISSING}


def test_the_engine_has_no_defaults_of_its_own() -> None:
    assert defaults_of(EngineSettings) == {}


@pytest.mark.parametrize(
    ("kind", "made", "differs"),
    [
        # None stands for a step that is prepared in itself: the split is off.
        (Timetable, SETTINGS.engine(SPEC).timetable, {}),
        # A simulator on its own, as tests have it: no friction, and no seed of a session.
        (SimSettings, SETTINGS.simulator(), {"slippage_bps", "seed"}),
        (
            Patience,
            Patience(
                timeout=FeedSettings().timeout_seconds,
                attempts=FeedSettings().attempts,
                backoff=FeedSettings().backoff_seconds,
                together=FeedSettings().patience_seconds,
            ),
            {},
        ),
    ],
)
def test_a_part_that_has_defaults_has_those_of_the_settings(
    kind: Any,  # noqa: ANN401 - a class
    made: object,
    differs: set[str],
) -> None:
    own = defaults_of(kind)

    assert {name for name, default in own.items() if default != getattr(made, name)} == set(differs)


def test_an_endpoint_reads_as_much_as_the_settings_say() -> None:
    own = signature(HttpBars).parameters["max_bytes"].default

    assert own == FeedSettings().max_bytes


def test_a_journal_that_does_not_name_a_setting_is_judged_by_its_declared_default() -> None:
    started = msgspec.structs.replace(session_started(), settings={})
    silent = Story().add(at("09:00"), started).evidence()

    for name in SessionSettings.model_fields:
        if name not in {"logs", "feed", "instruments"}:
            assert silent.setting(name) == declared_default(name)


def test_what_the_journal_says_without_settings_is_the_declared_default() -> None:
    said = SETTINGS.for_journal(SPEC)

    for name in SessionSettings.model_fields.keys() - {"logs", "feed", "instruments"}:
        assert said[name] == declared_default(name)


def test_no_key_given_is_every_default() -> None:
    found = read_configuration()

    for key in all_keys().values():
        models = {type(found.run): found.run, type(found.account): found.account}
        value: Any = models.get(key.model, found.settings)
        for part in key.path:
            value = getattr(value, part)
        assert value == key.default


def test_latency_is_the_same_number_in_both_units() -> None:
    assert SETTINGS.simulator().latency == timedelta(seconds=SETTINGS.latency_seconds)
