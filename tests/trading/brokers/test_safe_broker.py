"""The second lock: exactly what was judged leaves, once, and nothing past a kill file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from qtkit.core.errors import BrokerTimeout, BrokerUnavailable, InvariantBroken
from qtkit.model.orders import OrderType
from qtkit.trading.brokers.permit_broker import PermitBroker
from qtkit.trading.brokers.protocol import AccountReport, Ack, BrokerEvent, BrokerOrder, Order
from qtkit.trading.risk.judge import Permit, judge
from qtkit.trading.risk.settings import RiskSettings, rules_of
from tests.trading.risk.risk_moments import BANK, HEALTHY
from tests.trading.risk.risk_moments import order as request

RULES = rules_of(RiskSettings(), [BANK])
BUY = Order(
    order_id="o1",
    symbol=BANK,
    quantity=Decimal(1000),
    order_type=OrderType.LIMIT,
    limit_price=Decimal("40.00"),
    trading_date=date(2026, 3, 4),
    reserve_price=Decimal("40.00"),
)
EXIT = replace(BUY, quantity=Decimal(-1000), order_type=OrderType.MARKET, limit_price=None)
SOON = datetime(2026, 3, 4, 2, 1, tzinfo=UTC)


class RecordingBroker:
    """A broker that writes down what reached it; `trouble` is raised by the next submit."""

    def __init__(self) -> None:
        self.name = "recording"
        self.calls: list[str] = []
        self.trouble: Exception | None = None

    def connect(self) -> None:
        self.calls.append("connect")

    def submit(self, order: Order) -> Ack:
        self.calls.append(f"submit {order.order_id}")
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        return Ack(answer="accepted", broker_order_id="b1")

    def cancel(self, order_id: str) -> Ack:
        self.calls.append(f"cancel {order_id}")
        return Ack(answer="accepted")

    def poll_fills(self) -> Sequence[BrokerEvent]:
        self.calls.append("poll_fills")
        return ()

    def find(self, order_id: str) -> BrokerOrder | None:
        self.calls.append(f"find {order_id}")
        return None

    def account(self) -> AccountReport:
        self.calls.append("account")
        return AccountReport(cash=Decimal(7), positions={}, open_orders=())

    def close(self) -> None:
        self.calls.append("close")


class ForesightedRecordingBroker(RecordingBroker):
    def next_event_at(self) -> datetime | None:
        return SOON


def permit_for(order: Order) -> Permit:
    limit = None if order.limit_price is None else str(order.limit_price)
    asked = replace(request(str(order.quantity), limit), order_id=order.order_id)
    permit = judge(asked, HEALTHY, RULES).permit
    assert permit is not None
    return permit


def test_a_judged_order_reaches_the_broker() -> None:
    inner = RecordingBroker()

    ack = PermitBroker(inner).submit(BUY, permit_for(BUY))

    assert ack == Ack(answer="accepted", broker_order_id="b1")
    assert inner.calls == ["submit o1"]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (replace(BUY, order_id="o2"), "o2, the permit says o1"),
        (replace(BUY, symbol="000001.SZ"), "symbol is 000001.SZ"),
        (replace(BUY, quantity=Decimal(1100)), "quantity is 1100, the permit says 1000"),
        (replace(BUY, quantity=Decimal(-1000)), "quantity is -1000"),
        (replace(BUY, order_type=OrderType.MARKET), "order_type is market"),
        (replace(BUY, limit_price=Decimal("40.01")), "limit_price is 40.01"),
        (replace(BUY, limit_price=None), "limit_price is None"),
    ],
)
def test_an_order_that_is_not_what_was_judged_is_a_bug_and_stays_in(
    sent: Order, sentence: str
) -> None:
    inner = RecordingBroker()

    with pytest.raises(InvariantBroken) as caught:
        PermitBroker(inner).submit(sent, permit_for(BUY))

    assert sentence in str(caught.value)
    assert inner.calls == []


@pytest.mark.parametrize("nothing", [None, True, "permit", BUY])
def test_nothing_but_a_permit_is_a_permit(nothing: object) -> None:
    inner = RecordingBroker()

    with pytest.raises(InvariantBroken, match="instead of a permit"):
        PermitBroker(inner).submit(BUY, nothing)  # type: ignore[arg-type]

    assert inner.calls == []


def test_a_permit_is_good_once_and_a_second_one_for_the_same_order_is_no_way_round() -> None:
    inner = RecordingBroker()
    safe = PermitBroker(inner)
    permit = permit_for(BUY)
    safe.submit(BUY, permit)

    for again in (permit, permit_for(BUY)):
        with pytest.raises(InvariantBroken, match="permit of order o1 was used before"):
            safe.submit(BUY, again)

    assert inner.calls == ["submit o1"]


def test_an_order_in_doubt_is_never_sent_again() -> None:
    inner = RecordingBroker()
    inner.trouble = BrokerTimeout("no answer")
    safe = PermitBroker(inner)
    permit = permit_for(BUY)
    with pytest.raises(BrokerTimeout):
        safe.submit(BUY, permit)

    with pytest.raises(InvariantBroken, match="used before"):
        safe.submit(BUY, permit)

    assert inner.calls == ["submit o1"]


def test_a_permit_stays_good_if_nothing_was_sent() -> None:
    inner = RecordingBroker()
    inner.trouble = BrokerUnavailable("not connected")
    safe = PermitBroker(inner)
    permit = permit_for(BUY)
    with pytest.raises(BrokerUnavailable):
        safe.submit(BUY, permit)

    assert safe.submit(BUY, permit).answer == "accepted"


def test_the_kill_file_is_looked_at_before_every_order(tmp_path: Path) -> None:
    """It comes between two orders and keeps the second in; it goes, and the third leaves."""
    inner, kill_file = RecordingBroker(), tmp_path / "KILL"
    safe = PermitBroker(inner, kill_file)
    orders = [replace(BUY, order_id=f"o{n}") for n in (1, 2, 3)]

    first = safe.submit(orders[0], permit_for(orders[0]))
    kill_file.touch()
    second = safe.submit(orders[1], permit_for(orders[1]))
    kill_file.unlink()
    third = safe.submit(orders[2], permit_for(orders[2]))

    assert [ack.answer for ack in (first, second, third)] == ["accepted", "refused", "accepted"]
    assert second.reason_code == "kill_file"
    assert "runbooks/kill-switch.md" in second.reason
    assert inner.calls == ["submit o1", "submit o3"]


def test_an_order_kept_in_by_the_kill_file_does_not_leave_when_it_is_gone(tmp_path: Path) -> None:
    inner, kill_file = RecordingBroker(), tmp_path / "KILL"
    kill_file.touch()
    safe, permit = PermitBroker(inner, kill_file), permit_for(BUY)
    safe.submit(BUY, permit)
    kill_file.unlink()

    with pytest.raises(InvariantBroken, match="used before"):
        safe.submit(BUY, permit)

    assert inner.calls == []


@pytest.mark.parametrize("what", ["folder", "dangling link", "unreadable", "broken"])
def test_anything_in_its_place_kills(tmp_path: Path, what: str) -> None:
    inner, kill_file = RecordingBroker(), tmp_path / "KILL"
    ways: dict[str, Callable[[], object]] = {
        "folder": kill_file.mkdir,
        "dangling link": lambda: kill_file.symlink_to("nowhere"),
        "unreadable": lambda: kill_file.touch(mode=0o000),
        "broken": lambda: kill_file.write_bytes(b"\xff\x00"),
    }
    ways[what]()

    assert PermitBroker(inner, kill_file).submit(BUY, permit_for(BUY)).answer == "refused"
    assert inner.calls == []


def test_a_kill_file_that_cannot_be_looked_at_kills(tmp_path: Path) -> None:
    inner = RecordingBroker()
    (tmp_path / "file").touch()

    ack = PermitBroker(inner, tmp_path / "file" / "KILL").submit(BUY, permit_for(BUY))

    assert (ack.answer, inner.calls) == ("refused", [])


def test_an_exit_and_a_cancel_pass_the_kill_file(tmp_path: Path) -> None:
    inner, kill_file = RecordingBroker(), tmp_path / "KILL"
    kill_file.touch()
    safe = PermitBroker(inner, kill_file)

    assert safe.submit(EXIT, permit_for(EXIT)).answer == "accepted"
    assert safe.cancel("o9").answer == "accepted"
    assert inner.calls == ["submit o1", "cancel o9"]


def test_everything_else_goes_straight_through() -> None:
    inner = RecordingBroker()
    safe = PermitBroker(inner)

    safe.connect()
    assert safe.poll_fills() == ()
    assert safe.find("o1") is None
    assert safe.account().cash == 7
    safe.close()

    assert safe.name == "recording"
    assert inner.calls == ["connect", "poll_fills", "find o1", "account", "close"]


def test_news_are_foretold_only_by_a_broker_that_can() -> None:
    assert PermitBroker(RecordingBroker()).next_event_at() is None
    assert PermitBroker(ForesightedRecordingBroker()).next_event_at() == SOON
