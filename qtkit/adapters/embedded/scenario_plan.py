"""From a scenario, which speaks of local times and kinds of faults, to a plan of our engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from qtkit.adapters.embedded.misreporting_broker import MISREPORTS, Misreport
from qtkit.adapters.embedded.strategy_variants import variation
from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import ConfigError
from qtkit.evidence.scenario import Fault, Scenario
from qtkit.market.feeds import recorded
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.engine.command_queue import Command
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["LocalTimes", "misreports_of", "plan_of"]

_ONE_SECOND = timedelta(seconds=1)


def plan_of(scenario: Scenario, spec: StrategySpec) -> SessionSpec:
    """Return the plan of a scenario.

    Raises
    ------
    ConfigError
        If the scenario asks for what our engine does not have.
    """
    calendar = exchange_calendar(spec.exchange)
    when = LocalTimes(scenario, calendar)
    settings = SessionSettings.model_validate({"seed": scenario.seed, **dict(scenario.settings)})
    return SessionSpec(
        strategy=spec,
        settings=settings,
        day=scenario.day,
        days=scenario.days,
        start=when.at(scenario.start_at) if scenario.start_at else None,
        stop=when.on_last_day(scenario.stop_at) if scenario.stop_at else None,
        stop_reason=scenario.stop_reason if scenario.stop_at else "end_of_data",
        commands=tuple(
            (when.at(c.at, c.day), Command(verb=c.verb, arguments=dict(c.arguments), by="scenario"))
            for c in scenario.commands
        ),
        broker_faults=broken.FaultScript(
            faults=tuple(
                _broker_fault(f, when, spec)
                for f in scenario.broker_faults
                if f.kind not in MISREPORTS
            )
        ),
        feed_faults=tuple(_feed_faults(scenario.feed_faults, when, spec)),
        work_seconds=_slowness(scenario.feed_faults),
        wrap=variation(scenario.strategy),
    )


def misreports_of(scenario: Scenario, spec: StrategySpec) -> tuple[Misreport, ...]:
    """Return what the broker says wrong about orders, and when."""
    when = LocalTimes(scenario, exchange_calendar(spec.exchange))
    lies = (fault for fault in scenario.broker_faults if fault.kind in MISREPORTS)
    return tuple(
        Misreport(fault=fault, start=when.window(fault)[0], until=when.window(fault)[1])
        for fault in lies
    )


class LocalTimes:
    """Local times of a scenario as UTC."""

    def __init__(self, scenario: Scenario, calendar: Calendar) -> None:
        self._scenario, self._calendar = scenario, calendar

    def at(self, moment: time, days_on: int = 0) -> datetime:
        """Return a time of a day, so many trading dates after the first."""
        day = self._scenario.day
        for _ in range(days_on):
            day = self._calendar.next_session(day)
        return datetime.combine(day, moment, tzinfo=self._calendar.zone).astimezone(UTC)

    def on_last_day(self, moment: time) -> datetime:
        """Return a time of the last day."""
        return self.at(moment, self._scenario.days - 1)

    def window(self, fault: Fault) -> tuple[datetime, datetime | None]:
        """Return when a fault begins and ends."""
        start = self.at(fault.start or time(0, 0), fault.day)
        return start, self.at(fault.end, fault.day) if fault.end else None


def _broker_fault(fault: Fault, when: LocalTimes, spec: StrategySpec) -> broken.Fault:
    order = fault.order or 1
    start, until = when.window(fault)
    symbol = fault.symbol or spec.symbols[0]
    makers: dict[str, broken.Fault] = {
        "reject": broken.Reject(order=order),
        "timeout_arrived": broken.Timeout(order=order, arrived=True),
        "timeout_lost": broken.Timeout(order=order, arrived=False),
        "later": broken.Later(order=order, after=_ONE_SECOND),
        "repeat": broken.Repeat(order=order),
        "reorder": broken.Reorder(order=order),
        "fill_after_cancel": broken.FillAfterCancel(order=order, quantity=fault.amount),
        "cancel_refused": broken.CancelRefused(order=order),
        "disconnect": broken.Disconnect(start=start, until=until),
        "cash_off": broken.CashOff(start=start, until=until, amount=fault.amount or Decimal(1)),
        "position_off": broken.PositionOff(
            start=start, until=until, symbol=symbol, quantity=fault.amount or Decimal(100)
        ),
        "clock_off": broken.ClockOff(
            start=start, until=until, seconds=float(fault.amount or Decimal(60))
        ),
        "unmatched_fill": broken.UnmatchedFill(
            at=start,
            order_id=f"q{fault.order:06d}" if fault.order else "x000001",
            symbol=symbol,
            quantity=fault.amount or Decimal(100),
            price=Decimal(10),
        ),
    }
    if fault.kind not in makers:
        known = ", ".join((*makers, *sorted(MISREPORTS)))
        raise ConfigError(f"no broker fault {fault.kind!r}; there are {known}")
    return makers[fault.kind]


def _feed_faults(
    faults: Sequence[Fault], when: LocalTimes, spec: StrategySpec
) -> Iterator[recorded.Fault]:
    for fault in faults:
        start, until = when.window(fault)
        symbol = fault.symbol or spec.symbols[0]
        match fault.kind:
            case "silent" | "raising":
                end = until or when.at(time(23, 59))
                yield recorded.Silence(start=start, end=end, fails=fault.kind == "raising")
            case "no_data":
                yield recorded.Absent(symbol=symbol)
            case "not_a_number":
                yield recorded.NotANumber(symbol=symbol, end=start)
            case "slow" | "slow_preparation":
                pass  # the worker is slow, not the feed
            case _:
                raise ConfigError(
                    f"no feed fault {fault.kind!r}; there are silent, raising, no_data, "
                    "not_a_number, slow, slow_preparation"
                )


_SLOW = {"slow": "acquire_live_price", "slow_preparation": "prepare_strategy"}


def _slowness(faults: Sequence[Fault]) -> Callable[[str], float]:
    """Return how long a worker takes, by the task and the local time in the task's id."""
    slow = [fault for fault in faults if fault.kind in _SLOW]

    def seconds_of(task_id: str) -> float:
        _, task, moment = task_id.split("-")
        if not moment.isdigit():
            return 0.0  # asked for by hand
        at = datetime.strptime(moment, "%H%M%S").time()  # noqa: DTZ007 - a time of day
        for fault in slow:
            if _SLOW[fault.kind] == task and (fault.start or time.min) <= at < (
                fault.end or time.max
            ):
                return float(fault.amount or 30)
        return 0.0

    return seconds_of
