"""A broker that is away is tried again every `retry_seconds`, and not more often."""

from __future__ import annotations

import pytest

from qtkit.core.errors import BrokerUnavailable
from qtkit.testing import at
from qtkit.trading.brokers.protocol import Broker
from qtkit.trading.brokers.sim import faults as broken
from qtkit.trading.brokers.sim.broker import SimBroker
from tests.trading.engine.engine_bench import day_of

AWAY = broken.Disconnect(start=at("10:00"), until=at("11:00"))


class Counted:
    """A broker that counts how often somebody connects in vain."""

    def __init__(self, inner: SimBroker) -> None:
        self._inner, self.in_vain = inner, 0

    def connect(self) -> None:
        """Connect, or count."""
        try:
            self._inner.connect()
        except BrokerUnavailable:
            self.in_vain += 1
            raise

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize(("seconds", "attempts"), [(5, 720), (120, 30)])
def test_an_hour_without_a_broker_is_as_many_attempts_as_fit_into_it(
    seconds: int, attempts: int
) -> None:
    brokers = list[Counted]()

    def counted(inner: SimBroker) -> Broker:
        brokers.append(Counted(inner))
        return brokers[-1]  # type: ignore[return-value]

    day_of(broker_faults=[AWAY], settings={"retry_seconds": seconds}, wrap_broker=counted).run(
        "11:30"
    )

    assert abs(brokers[0].in_vain - attempts) <= 2
