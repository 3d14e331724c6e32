"""What every broker must do, inherited by each implementation; expected values are by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from qtkit.core.clock import ManualClock
from qtkit.core.errors import BrokerUnavailable
from qtkit.testing import DAY, at
from qtkit.trading.brokers.protocol import (
    AccountReport,
    Ack,
    Broker,
    BrokerEvent,
    BrokerFill,
    BrokerOrderEnd,
)
from qtkit.trading.brokers.sim.broker import SimBroker
from qtkit.trading.brokers.sim.sqlite_store import SqliteBook
from qtkit.trading.brokers.sim.store import BookStore, MemoryBook
from tests.trading.brokers.sim_world import NEXT_DAY, SHARE, TWO_DAYS, D, clock_at, order


class BrokerContract:
    """Slippage 0, commission max(5.00, 0.0003), stamp duty 0.0005 on sells, no latency."""

    broker: Broker
    clock: ManualClock

    def new_broker(self, cash: Decimal, positions: Mapping[str, Decimal]) -> Broker:
        """Return a connected broker with a new account."""
        raise NotImplementedError

    def another_connection(self) -> Broker:
        """Return the broker as a new process of ours finds it."""
        raise NotImplementedError

    def opened(self, cash: str = "100000.00", held: int = 0) -> Broker:
        self.clock = clock_at("09:30")
        self.broker = self.new_broker(D(cash), {SHARE: D(held)} if held else {})
        return self.broker

    def news_at(self, local: str, day: date = DAY) -> list[BrokerEvent]:
        self.clock.set(at(local, day))
        return list(self.broker.poll_fills())

    def cash(self) -> Decimal:
        return self.broker.account().cash

    # --- fills -------------------------------------------------------------------------------

    def test_a_market_buy_gets_the_open_of_the_next_bar_when_that_bar_has_ended(self) -> None:
        """100 000 - 1000*10.00 - max(5.00, 0.0003*10 000 = 3.00) = 89 995."""
        broker = self.opened()

        ack = broker.submit(order(1, 1000))

        assert ack.answer == "accepted"
        assert self.news_at("09:30:59") == []
        assert self.news_at("09:31") == [
            BrokerFill(
                order_id="A-000001",
                broker_order_id=ack.broker_order_id,
                fill_id=f"{ack.broker_order_id}-1",
                symbol=SHARE,
                quantity=D(1000),
                price=D("10.00"),
                commission=D("5.00"),
                tax=D(0),
                executed_at=at("09:31"),
                venue="XSHG",
            )
        ]
        assert broker.account() == AccountReport(
            cash=D("89995.00"), positions={SHARE: D(1000)}, open_orders=(), at=at("09:31")
        )

    def test_an_order_in_the_middle_of_a_bar_waits_for_one_that_starts_later(self) -> None:
        broker = self.opened()
        self.clock.set(at("09:30:01"))
        broker.submit(order(1, 100))

        assert self.news_at("09:31") == []
        (fill,) = self.news_at("09:32")
        assert isinstance(fill, BrokerFill)
        assert fill.price == D("10.02")

    def test_a_sell_pays_commission_and_stamp_duty(self) -> None:
        """100 000 + 10 000 - 5.00 - 0.0005*10 000 = 109 990."""
        broker = self.opened(held=1000)
        broker.submit(order(1, -1000))

        (fill,) = self.news_at("09:31")

        assert isinstance(fill, BrokerFill)
        assert (fill.commission, fill.tax) == (D("5.00"), D("5.00"))
        assert self.cash() == D("109990.00")
        assert broker.account().positions == {}

    def test_partial_fills_take_a_tenth_of_each_bar_and_pay_the_minimum_once(self) -> None:
        """Commission on 20 000, 25 010, 29 970 so far: 6.00, 7.503 -> 7.50, 8.991 -> 8.99."""
        broker = self.opened()
        broker.submit(order(1, 3000))

        news = self.news_at("09:34")

        assert [(f.quantity, f.price, f.commission) for f in news if isinstance(f, BrokerFill)] == [
            (D(2000), D("10.00"), D("6.00")),
            (D(500), D("10.02"), D("1.50")),
            (D(500), D("9.92"), D("1.49")),  # the bar in between traded nothing
        ]
        assert self.cash() == D("70021.01")  # 100 000 - 29 970 - 8.99

    @pytest.mark.parametrize(
        ("limit", "when", "price"),
        [
            ("10.20", "09:31", "10.00"),  # the open is better
            ("9.95", "09:31", "9.95"),  # the first bar's low touches it
            ("9.94", "09:34", "9.92"),  # 09:33 traded nothing, 09:34 opens below
            ("9.90", "09:34", "9.90"),  # opens above, trades through
        ],
    )
    def test_a_limit_buy_fills_when_the_bar_trades_through(
        self, limit: str, when: str, price: str
    ) -> None:
        self.opened().submit(order(1, 100, limit))
        (fill,) = self.news_at("15:00")
        assert isinstance(fill, BrokerFill)
        assert (fill.executed_at, fill.price) == (at(when), D(price))

    @pytest.mark.parametrize(
        ("limit", "when", "price"),
        [
            ("9.90", "09:31", "10.00"),
            ("10.05", "09:31", "10.05"),
            ("10.06", "09:32", "10.06"),
        ],
    )
    def test_a_limit_sell_mirrors_that(self, limit: str, when: str, price: str) -> None:
        self.opened(held=100).submit(order(1, -100, limit))
        (fill,) = self.news_at("15:00")
        assert isinstance(fill, BrokerFill)
        assert (fill.executed_at, fill.price) == (at(when), D(price))

    # --- refusals ----------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("quantity", "limit", "code"),
        [
            (150, None, "lot"),
            (0, None, "bad_quantity"),
            (100, "10.005", "tick"),
            (100, "11.01", "price_band"),
            (100, "8.99", "price_band"),
            (-100, "11.01", "price_band"),
            (-101, None, "shares"),
            (10_000, None, "cash"),
        ],
    )
    def test_what_breaks_the_rules_is_refused_and_kept_with_its_reason(
        self, quantity: int, limit: str | None, code: str
    ) -> None:
        broker = self.opened(held=100)

        ack = broker.submit(order(1, quantity, limit))

        assert (ack.answer, ack.reason_code, ack.broker_order_id) == ("refused", code, "")
        found = broker.find("A-000001")
        assert found is not None
        assert (found.status, found.broker_order_id) == ("rejected", "")
        assert (found.reason_code, found.reason) == (code, ack.reason)
        assert self.news_at("15:00") == []

    @pytest.mark.parametrize("limit", ["11.00", "9.00"])
    def test_the_ends_of_the_band_belong_to_it(self, limit: str) -> None:
        assert self.opened().submit(order(1, 100, limit)).answer == "accepted"

    def test_an_odd_rest_can_be_sold(self) -> None:
        broker = self.opened(held=130)
        assert broker.submit(order(1, -30)).answer == "accepted"
        self.news_at("09:31")
        assert broker.account().positions == {SHARE: D(100)}

    def test_an_unknown_instrument_is_refused(self) -> None:
        ack = self.opened().submit(order(1, 100, symbol="999999.SH"))
        assert ack.reason_code == "unknown_instrument"

    @pytest.mark.parametrize(
        ("clock_shows", "order_says", "code"),
        [
            (at("09:30"), NEXT_DAY, "wrong_trading_date"),
            (at("09:30", NEXT_DAY), DAY, "wrong_trading_date"),
            (at("15:00"), DAY, "market_closed"),
            (at("10:00", date(2026, 3, 7)), date(2026, 3, 7), "market_closed"),  # a Saturday
        ],
    )
    def test_an_order_outside_its_day_is_refused(
        self, clock_shows: datetime, order_says: date, code: str
    ) -> None:
        broker = self.opened()
        self.clock.set(clock_shows)
        assert broker.submit(order(1, 100, day=order_says)).reason_code == code

    # --- cash and shares set aside -----------------------------------------------------------

    @pytest.mark.parametrize(
        ("cash", "answer"), [("11004.99", "refused"), ("11005.00", "accepted")]
    )
    def test_a_buy_sets_aside_its_reserve_price_and_fees(self, cash: str, answer: str) -> None:
        """1000*11.00 + max(5.00, 3.30) = 11 005.00."""
        assert self.opened(cash).submit(order(1, 1000)).answer == answer

    def test_cash_set_aside_is_free_again_after_a_cancel(self) -> None:
        broker = self.opened("11005.00")
        broker.submit(order(1, 1000, "9.00"))
        assert broker.submit(order(2, 100, "9.00")).reason_code == "cash"
        broker.cancel("A-000001")
        assert broker.submit(order(3, 1000, "9.00")).answer == "accepted"

    def test_shares_promised_to_one_sell_are_not_sold_by_another(self) -> None:
        broker = self.opened(held=300)
        broker.submit(order(1, -200, "11.00"))
        assert broker.submit(order(2, -200)).reason_code == "shares"
        assert broker.submit(order(3, -100)).answer == "accepted"

    def test_bought_shares_can_be_sold_from_the_next_trading_day(self) -> None:
        broker = self.opened(held=100)
        broker.submit(order(1, 100))
        self.news_at("09:31")
        assert broker.submit(order(2, -200)).reason_code == "shares"
        assert broker.submit(order(3, -100, "10.90")).answer == "accepted"

        self.news_at("09:30", NEXT_DAY)
        assert broker.submit(order(4, -200, day=NEXT_DAY)).answer == "accepted"

    # --- the same again ----------------------------------------------------------------------

    def test_the_same_order_again_gets_the_first_answer_and_does_nothing(self) -> None:
        broker = self.opened()
        first = broker.submit(order(1, 1000))
        self.news_at("09:31")

        assert broker.submit(order(1, 1000)) == first
        assert self.news_at("15:00") == []
        assert broker.account().positions == {SHARE: D(1000)}

    def test_a_refused_order_stays_refused(self) -> None:
        broker = self.opened("100.00")
        first = broker.submit(order(1, 1000))
        assert broker.submit(order(1, 1000)) == first

    # --- ends --------------------------------------------------------------------------------

    def test_a_cancel_ends_the_rest_and_is_told(self) -> None:
        broker = self.opened()
        ack = broker.submit(order(1, 3000))
        self.news_at("09:31")

        assert broker.cancel("A-000001") == ack
        assert self.news_at("09:31:30") == [
            BrokerOrderEnd(
                order_id="A-000001",
                broker_order_id=ack.broker_order_id,
                how="cancelled",
                at=at("09:31"),
            )
        ]
        found = broker.find("A-000001")
        assert found is not None
        assert (found.status, found.filled, found.is_open) == ("cancelled", D(2000), False)
        assert self.news_at("15:00") == []

    def test_the_same_cancel_again_gets_the_same_answer_and_does_nothing(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 100, "9.00"))
        first = broker.cancel("A-000001")
        self.news_at("09:31")
        assert broker.cancel("A-000001") == first
        assert self.news_at("09:32") == []

    def test_a_cancel_of_an_unknown_or_ended_order_is_refused(self) -> None:
        broker = self.opened()
        assert broker.cancel("A-000009").reason_code == "unknown_order"
        broker.submit(order(1, 100))
        self.news_at("09:31")
        assert broker.cancel("A-000001") == Ack(
            answer="refused", reason_code="already_ended", reason="the order is filled"
        )

    def test_a_cancel_sees_what_traded_before_it(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 100))
        self.clock.set(at("09:31"))
        assert broker.cancel("A-000001").reason_code == "already_ended"

    def test_a_day_order_expires_at_the_close(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 100, "9.00"))
        assert self.news_at("14:59:59") == []
        assert len(broker.account().open_orders) == 1

        (end,) = self.news_at("15:00")

        assert isinstance(end, BrokerOrderEnd)
        assert (end.how, end.at) == ("expired", at("15:00"))
        assert broker.account().open_orders == ()

    def test_what_is_left_at_the_close_does_not_see_the_next_day(self) -> None:
        broker = self.opened()
        self.clock.set(at("14:59"))
        broker.submit(order(1, 3000))

        news = self.news_at("09:31", NEXT_DAY)

        assert [getattr(e, "quantity", getattr(e, "how", "")) for e in news] == [D(1000), "expired"]

    # --- news and connections ----------------------------------------------------------------

    def test_news_come_once_on_a_connection_and_again_on_a_new_one(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 3000))
        told = self.news_at("09:32")
        assert len(told) == 2
        assert self.news_at("09:32") == []

        broker.close()
        self.broker = self.another_connection()

        assert self.news_at("09:32") == told

    def test_the_book_outlives_the_connection(self) -> None:
        broker = self.opened()
        ack = broker.submit(order(1, 3000))
        self.news_at("09:31")
        before = (broker.account(), broker.find("A-000001"))
        broker.close()

        again = self.broker = self.another_connection()

        assert (again.account(), again.find("A-000001")) == before
        assert again.submit(order(1, 3000)) == ack

    def test_what_trades_while_nobody_is_connected_is_told_later(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 3000))
        broker.close()
        self.clock.set(at("09:30", NEXT_DAY))

        self.broker = self.another_connection()

        fills = [e for e in self.broker.poll_fills() if isinstance(e, BrokerFill)]
        assert [(f.quantity, f.executed_at) for f in fills] == [
            (D(2000), at("09:31")),
            (D(500), at("09:32")),
            (D(500), at("09:34")),
        ]

    def test_nothing_works_before_connecting_or_after_closing(self) -> None:
        broker = self.opened()
        broker.close()
        for call in (broker.poll_fills, broker.account, lambda: broker.submit(order(1, 100))):
            with pytest.raises(BrokerUnavailable):
                call()

    def test_connecting_twice_changes_nothing(self) -> None:
        broker = self.opened()
        broker.submit(order(1, 100))
        assert len(self.news_at("09:31")) == 1
        broker.connect()
        assert self.news_at("09:31") == []

    def test_an_order_that_never_arrived_is_not_found(self) -> None:
        assert self.opened().find("A-000001") is None

    def test_the_outcome_does_not_depend_on_how_often_one_polls(self) -> None:
        often = self.opened()
        often.submit(order(1, 3000))
        often.submit(order(2, 400, "9.90"))
        step_by_step: list[BrokerEvent] = []
        while self.clock.now() < at("10:00"):
            step_by_step += often.poll_fills()
            self.clock.set(self.clock.now() + timedelta(seconds=7))
        often.close()

        once = self.opened()
        once.submit(order(1, 3000))
        once.submit(order(2, 400, "9.90"))

        assert self.news_at("10:00") == step_by_step
        once.close()


class _SimContract(BrokerContract):
    """The simulated broker, whichever its book."""

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.books = 0
        yield
        if hasattr(self, "broker"):
            self.broker.close()

    def new_book(self) -> BookStore:
        raise NotImplementedError

    def same_book(self) -> BookStore:
        raise NotImplementedError

    def new_broker(self, cash: Decimal, positions: Mapping[str, Decimal]) -> Broker:
        broker = SimBroker(book=self.new_book(), market=TWO_DAYS, clock=self.clock)
        broker.open_account(cash, positions)
        broker.connect()
        return broker

    def another_connection(self) -> Broker:
        broker = SimBroker(book=self.same_book(), market=TWO_DAYS, clock=self.clock)
        broker.connect()
        return broker


class TestSimBrokerInMemory(_SimContract):
    def new_book(self) -> BookStore:
        self.book = MemoryBook()
        return self.book

    def same_book(self) -> BookStore:
        return self.book


class TestSimBrokerOnSqlite(_SimContract):
    def new_book(self) -> BookStore:
        self.books += 1
        return self.same_book()

    def same_book(self) -> BookStore:
        return SqliteBook(self.folder / f"account_{self.books}" / "broker.sqlite")
