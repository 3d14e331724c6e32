"""What a broker's adapter answers is looked at before anything is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from qtkit.core.errors import BrokerError, BrokerTimeout, ConfigError
from qtkit.trading.brokers.answer_validation import Unusable
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.brokers.protocol import AccountReport, Ack, BrokerFill, BrokerOrder
from tests.trading.brokers.test_safe_broker import BUY, RecordingBroker, permit_for

NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
FILL = BrokerFill(
    order_id="o1",
    broker_order_id="b1",
    fill_id="f1",
    symbol="600036.SH",
    quantity=Decimal(100),
    price=Decimal("37.30"),
    commission=Decimal(5),
    tax=Decimal(0),
    executed_at=NOON,
    venue="XSHG",
)
FOUND = BrokerOrder(
    order_id="o1",
    broker_order_id="b1",
    symbol="600036.SH",
    quantity=Decimal(100),
    filled=Decimal(0),
    status="accepted",
)
REPORT = AccountReport(cash=Decimal(7), positions={}, open_orders=())


class Answering(RecordingBroker):
    """A broker that answers whatever a test wants."""

    def __init__(self, **answers: object) -> None:
        super().__init__()
        self._answers = answers

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401
        answers = object.__getattribute__(self, "__dict__").get("_answers", {})
        if name in answers:
            return lambda *_: answers[name]
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    "answer",
    [
        None, True, "accepted", {"answer": "accepted"}, replace(FOUND),
        Ack(answer="perhaps"), Ack(answer="accepted", broker_order_id=None),  # type: ignore[arg-type]
        Ack(answer="accepted", broker_order_id=7),  # type: ignore[arg-type]
        Ack(answer="refused", reason="half \ud800"),
    ],
    ids=lambda answer: repr(answer)[:40],
)  # fmt: skip
def test_an_answer_to_an_order_that_is_none_leaves_its_fate_unknown(answer: object) -> None:
    safe = PermitBroker(Answering(submit=answer, cancel=answer))
    with pytest.raises(BrokerError, match="submit"):
        safe.submit(BUY, permit_for(BUY))
    with pytest.raises(BrokerError, match="cancel"):
        safe.cancel("o1")
    assert issubclass(BrokerError, BrokerTimeout)  # so the engine asks instead of sending again


@pytest.mark.parametrize(
    "answer",
    [
        7, "o1", [FOUND], replace(FOUND, order_id="o2"), replace(FOUND, status="lost"),
        replace(FOUND, quantity="many"), replace(FOUND, filled=None),
    ],
    ids=lambda answer: repr(answer)[:40],
)  # fmt: skip
def test_an_order_that_is_none_is_not_found(answer: object) -> None:
    with pytest.raises(BrokerError, match="find"):
        PermitBroker(Answering(find=answer)).find("o1")


@pytest.mark.parametrize(
    "answer",
    [
        None, {}, (Decimal(7), {}), replace(REPORT, cash="rich"),
        replace(REPORT, cash=Decimal("NaN")), replace(REPORT, positions=None),
        replace(REPORT, positions={"a": None}),
        replace(REPORT, positions={"a": Decimal("Infinity")}),
        replace(REPORT, open_orders=("o1",)), replace(REPORT, at="noon"),
        replace(REPORT, at=datetime(2026, 3, 4)),  # noqa: DTZ001 - on purpose
    ],
    ids=lambda answer: repr(answer)[:60],
)  # fmt: skip
def test_an_account_that_is_none_is_no_answer(answer: object) -> None:
    with pytest.raises(BrokerError, match="account"):
        PermitBroker(Answering(account=answer)).account()


@pytest.mark.parametrize("answer", [None, 7, "news", b"x", {"f1": FILL}])
def test_news_that_are_no_sequence_are_no_answer(answer: object) -> None:
    with pytest.raises(BrokerError, match="poll_fills"):
        PermitBroker(Answering(poll_fills=answer)).poll_fills()


@pytest.mark.parametrize(
    "odd",
    [
        None, "fill", {"fill_id": "f1"}, replace(FILL, price=None),
        replace(FILL, price="dear"), replace(FILL, fill_id=None), replace(FILL, fill_id=5),
        replace(FILL, executed_at=datetime(2026, 3, 4)),  # noqa: DTZ001 - on purpose
        replace(FILL, executed_at="noon"), replace(FILL, symbol="\ud800"),
        replace(FILL, quantity=object()),
    ],
    ids=lambda odd: repr(odd)[:60],
)  # fmt: skip
def test_a_piece_of_news_that_is_none_does_not_cost_the_others(odd: object) -> None:
    first, second, third = _news([FILL, odd, replace(FILL, fill_id="f2")])
    assert (first, third) == (FILL, replace(FILL, fill_id="f2"))
    assert isinstance(second, Unusable)


def _news(answer: Sequence[object]) -> Sequence[object]:
    return PermitBroker(Answering(poll_fills=answer)).poll_fills()


def test_a_price_that_came_as_a_float_is_taken_over_as_a_decimal() -> None:
    (found,) = _news([replace(FILL, price=37.3)])
    assert isinstance(found, BrokerFill)
    assert found.price == Decimal("37.3")
    assert type(found.price) is Decimal


@pytest.mark.parametrize("answer", [7, "soon", datetime(2026, 3, 4)], ids=repr)  # noqa: DTZ001
def test_a_broker_whose_foresight_is_none_is_polled(answer: object) -> None:
    safe = PermitBroker(Answering(next_event_at=answer))
    object.__setattr__(safe, "_foresight", safe._broker)
    assert safe.next_event_at() is None
    assert safe.must_be_polled


@pytest.mark.parametrize("name", [None, "", 7, "a\nb"])
def test_a_broker_without_a_name_is_refused_before_anything_starts(name: object) -> None:
    broker = RecordingBroker()
    broker.name = name  # type: ignore[assignment]
    with pytest.raises(ConfigError):
        PermitBroker(broker)
