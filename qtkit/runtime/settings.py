"""Everything that can be set about a session, in one closed model."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NoReturn, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qtkit.core.config.secret import masked_values
from qtkit.core.plain_json import plain_json
from qtkit.market.feeds.settings import FeedSettings
from qtkit.market.tables.quality import RULES
from qtkit.model.bar_length import BarLength
from qtkit.model.modes import Mode
from qtkit.trading.brokers.sim.settings import SimSettings
from qtkit.trading.engine.context import EngineSettings
from qtkit.trading.engine.logs.settings import LogSettings
from qtkit.trading.engine.schedule import Timetable
from qtkit.trading.risk.settings import RiskSettings
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["SessionSettings", "declared_default"]

_USUAL_STEP = 5  # minutes, where bars are no longer
_FRESH_BARS, _SILENT_BARS = 3, 5
_YEAR = 31_536_000  # seconds; what is longer is a slip of the pen


class _ByBars(TypedDict):
    bar_length: BarLength
    step_minutes: int
    price_poll_minutes: int
    feed_silent_seconds: float  # of trading
    max_price_age_seconds: float  # of trading


def _retries() -> dict[str, int]:
    return {"acquire_live_price": 2, "run_strategy": 1, "refill": 1}


class SessionSettings(BaseModel):
    """How a session behaves; times are seconds of the session's clock unless named otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Mode = Field(
        default="paper",
        description="a stage on the way to live money; a simulated session is paper",
    )
    seed: int = Field(default=20260304, description="of the synthetic data and of chance")
    data: str = Field(default="synthetic", description="'synthetic', or the name of a local table")
    accept_data: tuple[str, ...] = Field(
        default=(), description="rules of data quality that the table's bars may fail"
    )
    broker: str = Field(default="sim", description="the simulated one, or the name of a plug-in's")
    calendar_overlay: str = Field(
        default="", description="TOML file that extends the exchange's calendar"
    )

    instruments: str = Field(
        default="",
        description="TOML file of instruments of your own; empty: instruments.toml beside the "
        "configuration, if there is one",
    )

    bar_length: BarLength | None = Field(
        default=None, description="of the bars that are traded on; none: the strategy's own"
    )
    step_minutes: int | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="none: the strategy's own; 0: once a day, at the open",
    )
    price_poll_minutes: int | None = Field(
        default=None, ge=1, le=1440, description="how often prices are asked for; none: each bar"
    )
    close_offset_minutes: int = Field(
        default=1,
        ge=0,
        le=4,
        description="the day's last step runs at least so long before the close, as a bar ends",
    )
    refill: bool = Field(default=True, description="bring the table up to date after each day")
    retries: dict[str, int] = Field(
        default_factory=_retries, description="task to the number of further attempts"
    )
    on_stop: Literal["cancel", "keep"] = Field(
        default="cancel", description="what an orderly stop does with open orders"
    )

    debug: bool = Field(default=False, description="let operators run tasks by hand")

    split_strategy_prepare: bool = Field(
        default=False, description="prepare each step ahead, in a task and a snapshot of its own"
    )
    prepare_lead_seconds: int = Field(
        default=5,
        ge=0,
        le=300,
        description="how long before its step one is prepared",
    )
    prepare_in_worker: bool = Field(
        default=False, description="prepare in a worker's thread; the strategy must allow it"
    )
    strategy_snapshot_max_age_seconds: float = Field(
        default=180, gt=0, le=_YEAR, description="an older snapshot is refused; at least the lead"
    )
    startup_gate_mode: Literal["off", "warn", "block"] = Field(
        default="warn", description="whether a failing gate keeps strategy steps out"
    )
    gate_clock_tolerance_seconds: float = Field(
        default=5, gt=0, le=_YEAR, description="how far the broker's clock may be from ours"
    )
    min_disk_megabytes: int = Field(default=100, ge=0, description="free space the gate asks for")

    late_after_seconds: float = Field(
        default=10, gt=0, le=_YEAR, description="a step or poll found later than this was missed"
    )
    feed_silent_seconds: float | None = Field(
        default=None,
        gt=0,
        le=_YEAR,
        description="steps are skipped when the feed was silent so long; none: five bars",
    )
    max_price_age_seconds: float | None = Field(
        default=None,
        gt=0,
        le=_YEAR,
        description="trading seconds; a symbol with an older price stands aside; none: three bars",
    )
    price_wait_seconds: float = Field(
        default=1,
        ge=0,
        le=_YEAR,
        description="a step waits so long for the price poll of its moment",
    )
    doubt_grace_seconds: float = Field(
        default=60,
        ge=0,
        le=_YEAR,
        description="an order in doubt keeps its reservation at least so long",
    )
    broker_poll_seconds: float = Field(
        default=1,
        gt=0,
        le=_YEAR,
        description="how often a broker is asked that cannot tell when news come",
    )
    retry_seconds: float = Field(
        default=5,
        gt=0,
        le=_YEAR,
        description="between attempts to reach a broker or to settle a doubt",
    )

    max_wait_seconds: float = Field(default=60, gt=0, le=_YEAR, description="budget of check 0.4")
    first_refill_seconds: float = Field(
        default=1800, gt=0, le=_YEAR, description="budget of check 0.4"
    )
    pulse_budget_seconds: float = Field(
        default=5, gt=0, le=_YEAR, description="budget of check 0.4"
    )
    stop_budget_seconds: float = Field(
        default=10, gt=0, le=_YEAR, description="budget of check 1.2"
    )
    price_poll_delay_budget_seconds: float = Field(
        default=1, gt=0, le=_YEAR, description="of check 2.4"
    )
    skip_share_limit: float = Field(default=0.05, ge=0, le=1, description="of checks 2.6, 4-B.5")
    booking_budget_seconds: float = Field(
        default=2, gt=0, le=_YEAR, description="budget of check 4-A.5"
    )

    risk: RiskSettings = Field(default_factory=RiskSettings)
    logs: LogSettings = Field(
        default_factory=LogSettings, description="where logs are written; not in the journal"
    )

    feed: FeedSettings = Field(
        default_factory=FeedSettings, description="of a live session; not in the journal"
    )

    slippage_bps: Decimal = Field(
        default=Decimal(2),
        ge=0,
        lt=10_000,
        description="of a bar's open, against us; market orders only",
    )
    participation: Decimal = Field(
        default=Decimal("0.10"), gt=0, le=1, description="of a bar's volume, for one order"
    )
    latency_seconds: float = Field(
        default=0, ge=0, le=_YEAR, description="from the submit until the market can see an order"
    )
    commission_rate: Decimal | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="of the value, buys and sells; none: as the instrument's fee plan says",
    )
    commission_minimum: Decimal | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="account currency, once for an order that executes; none: as its fee plan says",
    )

    @field_validator("accept_data")
    @classmethod
    def _known_rules(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [rule for rule in rules if rule not in RULES]:
            raise ValueError(f"there is no rule {unknown[0]!r}; known: {', '.join(RULES)}")
        return tuple(sorted(set(rules)))

    @model_validator(mode="after")
    def _a_snapshot_lives_as_long_as_its_lead(self) -> Self:
        if self.strategy_snapshot_max_age_seconds < self.prepare_lead_seconds:
            raise ValueError(
                f"strategy_snapshot_max_age_seconds ({self.strategy_snapshot_max_age_seconds:g}) "
                f"must be at least prepare_lead_seconds ({self.prepare_lead_seconds})"
            )
        return self

    def bars(self, spec: StrategySpec) -> BarLength:
        """Return how long the bars are that a strategy trades on."""
        return self.bar_length or BarLength(spec.bar_length)

    def _by_bars(self, spec: StrategySpec) -> _ByBars:
        """Return what follows from the bars where nobody says it."""
        length, step = self.bars(spec), self.step_minutes
        if step is None:
            step = spec.step_minutes
        if step is None:
            step = 0 if length.is_day else max(_USUAL_STEP, length.minutes)
        silent, oldest = self.feed_silent_seconds, self.max_price_age_seconds
        return {
            "bar_length": length,
            "step_minutes": step,
            "price_poll_minutes": self.price_poll_minutes or length.minutes,
            "feed_silent_seconds": silent or float(_SILENT_BARS * length.seconds),
            "max_price_age_seconds": oldest or float(_FRESH_BARS * length.seconds),
        }

    def engine(self, spec: StrategySpec) -> EngineSettings:
        """Return the engine's part."""
        fitted = self._by_bars(spec)
        return EngineSettings(
            timetable=Timetable(
                bar_length=fitted["bar_length"],
                step_minutes=fitted["step_minutes"],
                price_poll_minutes=fitted["price_poll_minutes"],
                close_offset_minutes=self.close_offset_minutes,
                refill=self.refill,
                prepare_lead_seconds=(
                    self.prepare_lead_seconds if self.split_strategy_prepare else None
                ),
            ),
            gate_mode=self.startup_gate_mode,
            gate_clock_tolerance_seconds=self.gate_clock_tolerance_seconds,
            min_disk_megabytes=self.min_disk_megabytes,
            prepare_in_worker=self.prepare_in_worker,
            prepare_lead_seconds=self.prepare_lead_seconds,
            snapshot_max_age_seconds=self.strategy_snapshot_max_age_seconds,
            late_after_seconds=self.late_after_seconds,
            feed_silent_seconds=fitted["feed_silent_seconds"],
            max_price_age_seconds=fitted["max_price_age_seconds"],
            price_wait_seconds=self.price_wait_seconds,
            doubt_grace_seconds=self.doubt_grace_seconds,
            broker_poll_seconds=self.broker_poll_seconds,
            retry_seconds=self.retry_seconds,
            retries=self.retries,
            debug=self.debug,
            on_stop=self.on_stop,
        )

    def simulator(self) -> SimSettings:
        """Return the simulated broker's part."""
        return SimSettings(
            slippage_bps=self.slippage_bps,
            participation=self.participation,
            latency=timedelta(seconds=self.latency_seconds),
            seed=self.seed,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what is said in the journal."""
        return self.model_dump(mode="json", exclude={"logs", "feed", "instruments"})

    def for_journal(self, spec: StrategySpec) -> dict[str, Any]:
        """Return all of it as JSON, with what the strategy brings along."""
        return {
            **self.as_json(),
            **self._by_bars(spec),
            "bar_length": str(self.bars(spec)),
            "strategy_parameters": masked_values(plain_json(spec.parameters, "SPEC.parameters")),
            "opening_cash": str(spec.opening_cash),
            "table": spec.table,
            "order_sizes": {s: str(q) for s, q in spec.order_sizes.items()},
        }


def declared_default(name: str) -> Any:  # noqa: ANN401 - of whatever type the setting is
    """Return what a setting is where nobody says it, as the journal has it.

    Examples
    --------
    >>> declared_default("startup_gate_mode"), declared_default("step_minutes")
    ('warn', 5)
    """
    return _declared_defaults()[name]


@lru_cache(maxsize=1)
def _declared_defaults() -> dict[str, Any]:
    """Return what a journal has of a strategy that says nothing, and of settings nobody gave."""
    unsaid = StrategySpec(name="", make=_no_strategy, symbols=())
    return {**SessionSettings().model_dump(mode="json"), **SessionSettings().for_journal(unsaid)}


def _no_strategy() -> NoReturn:
    raise NotImplementedError
