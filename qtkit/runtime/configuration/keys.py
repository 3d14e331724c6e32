"""Every key of a configuration: its section, meaning, default, unit, and where its value goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qtkit.core.config.messages import expectation, is_secret, may_be_none, without_none
from qtkit.runtime.configuration.models import AccountSettings, RunSettings
from qtkit.runtime.settings import SessionSettings

__all__ = ["SECTIONS", "WHILE_RUNNING", "ConfigKey", "all_keys"]

SECTIONS: Mapping[str, str] = {
    "session": "What is traded, with which data, in which mode.",
    "account": "The account.",
    "engine": "How the engine behaves.",
    "risk": "What no order may exceed.",
    "broker": "How the simulated broker treats orders.",
    "feed": "Where a live session's bars come from.",
    "logs": "Where logs are written, and when they are turned over.",
    "checks": "What the checklist allows.",
}
# Fields of SessionSettings that stand in a section of their own; the others are the engine's.
_SECTION_OF = {
    **dict.fromkeys(
        ("mode", "seed", "data", "accept_data", "calendar_overlay", "instruments", "debug"),
        "session",
    ),
    **dict.fromkeys(
        (
            "max_wait_seconds",
            "first_refill_seconds",
            "pulse_budget_seconds",
            "stop_budget_seconds",
            "price_poll_delay_budget_seconds",
            "skip_share_limit",
            "booking_budget_seconds",
        ),
        "checks",
    ),
    **dict.fromkeys(
        (
            "slippage_bps",
            "participation",
            "latency_seconds",
            "commission_rate",
            "commission_minimum",
            "broker_poll_seconds",
        ),
        "broker",
    ),
}
# Keys that `set` changes while a session runs; everything else is part of what it was started as.
WHILE_RUNNING: frozenset[str] = frozenset()
_UNITS = {
    "seconds": "seconds",
    "minutes": "minutes",
    "megabytes": "megabytes (1,000,000 bytes)",
    "bytes": "bytes",
    "bps": "basis points",
    "cash": "account currency",
    "value": "account currency",
    "minimum": "account currency",
    "quantity": "shares",
    "rate": "fraction of the notional",
    "participation": "fraction of a bar's volume",
    "limit": "fraction",
    "speed": "market seconds in a second of the machine",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """One key.

    Attributes
    ----------
    model
        Whose field it is.
    path
        Where its value stands in that model.
    """

    section: str
    name: str
    model: type[BaseModel]
    path: tuple[str, ...]
    field: FieldInfo

    @property
    def title(self) -> str:
        """Section and name, as sentences have it."""
        return f"{self.section}.{self.name}"

    @property
    def meaning(self) -> str:
        """What it is about."""
        return self.field.description or ""

    @property
    def default(self) -> Any:  # noqa: ANN401 - of whatever type the field is
        """The value where nobody gives one."""
        return self.field.get_default(call_default_factory=True, validated_data={})

    @property
    def allowed(self) -> str:
        """What it may be."""
        return expectation(self.field)

    @property
    def unit(self) -> str:
        """What a number counts; "" where there is nothing to count."""
        return _UNITS.get(self.name.rpartition("_")[2], "")

    @property
    def start_only(self) -> bool:
        """Whether a running session keeps what it was started with."""
        return self.title not in WHILE_RUNNING

    @property
    def secret(self) -> bool:
        """Whether nobody may see its value."""
        return is_secret(self.field)

    @property
    def may_be_none(self) -> bool:
        """Whether ``none`` is one of its values."""
        return may_be_none(self.field)


@cache
def all_keys() -> Mapping[str, ConfigKey]:
    """Return every key by its title, in the order of the sections."""
    found = [*_fields(RunSettings, "session"), *_fields(AccountSettings, "account"), *_of_session()]
    order = list(SECTIONS)
    found.sort(key=lambda key: order.index(key.section))
    return {key.title: key for key in found}


def _of_session() -> Iterator[ConfigKey]:
    for name, field in SessionSettings.model_fields.items():
        kind = without_none(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, part in kind.model_fields.items():
                yield ConfigKey(
                    section=name,
                    name=inner,
                    model=SessionSettings,
                    path=(name, inner),
                    field=part,
                )
        else:
            yield ConfigKey(
                section=_SECTION_OF.get(name, "engine"),
                name=name,
                model=SessionSettings,
                path=(name,),
                field=field,
            )


def _fields(model: type[BaseModel], section: str) -> Iterator[ConfigKey]:
    for name, field in model.model_fields.items():
        yield ConfigKey(section=section, name=name, model=model, path=(name,), field=field)
