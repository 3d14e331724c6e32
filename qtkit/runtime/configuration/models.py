"""What a configuration comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from qtkit.core.errors import ConfigError
from qtkit.runtime.settings import SessionSettings
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["AccountSettings", "Configuration", "RunSettings"]


class RunSettings(BaseModel):
    """What is run, and where everything is written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    strategy: str = Field(default="", description="the strategy's file; a command line's own wins")
    root: str = Field(default="outputs", description="folder that everything is written under")


class AccountSettings(BaseModel):
    """Which account a session trades on."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    name: str = Field(
        default="", description="of the account; empty: a fresh one of the session alone"
    )
    new: bool = Field(default=False, description="make the account where there is none")
    opening_cash: Decimal | None = Field(
        default=None,
        gt=0,
        le=10**15,
        description="of an account that is made; none: the strategy's own",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A configuration that was read and holds.

    Attributes
    ----------
    places
        Key, such as ``engine.step_minutes``, -> where it was given; the others are defaults.
    """

    settings: SessionSettings = field(default_factory=SessionSettings)
    run: RunSettings = field(default_factory=RunSettings)
    account: AccountSettings = field(default_factory=AccountSettings)
    places: Mapping[str, str] = field(default_factory=dict)

    def spec_of(self, spec: StrategySpec) -> StrategySpec:
        """Return a strategy's spec with what the configuration changes about it."""
        cash = self.account.opening_cash
        return spec if cash is None else replace(spec, opening_cash=cash)

    @property
    def strategy(self) -> str:
        """The strategy's file.

        Raises
        ------
        ConfigError
            If none is named.
        """
        if not self.run.strategy:
            raise ConfigError(
                'no strategy is named: give its file, or set strategy = "FILE" under [session]'
            )
        return self.run.strategy
