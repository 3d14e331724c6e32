"""Laws that hold for every story, sampled: conservation, claims, round trips, independence."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qtkit.ledger.ledger import Ledger
from qtkit.model.books import Book, PositionLine
from qtkit.model.events import Event, FillRepeated, OrderDoubted, OrderFilled, OrderLost
from tests.ledger.ledger_story import (
    FRIDAY,
    THURSDAY,
    accepted,
    cancelled,
    filled,
    requested,
    started,
)

OPENING = Book(
    cash=Decimal("50000.00"),
    positions=tuple(
        PositionLine(symbol=s, quantity=Decimal(1000), cost=Decimal("9000.00")) for s in "AB"
    ),
)
ENDS = ("open", "cancel", "lose", "doubt")


@st.composite
def order_stories(draw: st.DrawFn, order_id: str, symbol: str) -> list[Event]:
    """Return the events of one order: a request, perhaps an answer, some fills, perhaps an end."""
    quantity = draw(st.integers(1, 500)) * draw(st.sampled_from((1, -1)))
    reserve = draw(st.decimals(0, 9000, places=2)) if quantity > 0 else Decimal(0)
    story: list[Event] = [requested(order_id, quantity, reserve=str(reserve), symbol=symbol)]
    if draw(st.booleans()):
        story.append(accepted(order_id))
    left, step = abs(quantity), 1 if quantity > 0 else -1
    for number in range(draw(st.integers(0, 3))):
        if not left:
            break
        shares = draw(st.integers(1, left))
        left -= shares
        story.append(
            filled(
                order_id,
                f"{order_id}-{number}",
                shares * step,
                str(draw(st.decimals(1, 20, places=2))),
                fees=(str(draw(st.decimals(0, 9, places=2))), "0.50" if step < 0 else "0"),
                symbol=symbol,
                settles=draw(st.sampled_from((THURSDAY, FRIDAY))),
            )
        )
    untouched = len(story) == 1
    end = draw(st.sampled_from(ENDS)) if left else "open"
    if end == "cancel":
        story.append(cancelled(order_id, left * step))
    elif end == "lose" and untouched:
        story.append(OrderLost(order_id=order_id, reason="restart"))
    elif end == "doubt" and untouched:
        story.append(OrderDoubted(order_id=order_id, reason="no answer"))
    return story


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """Return the stories of symbol A and of symbol B, each in its own order."""
    a, b = (
        [e for n in range(draw(st.integers(0, 3))) for e in draw(order_stories(f"{s}{n}", s))]
        for s in "AB"
    )
    return a, b


def folded(events: list[Event], book: Book = OPENING) -> Ledger:
    ledger = Ledger.opened(book)
    for event in (started(), *events):
        ledger.apply(event)
    return ledger


@given(days())
def test_cash_and_shares_are_conserved(day: tuple[list[Event], list[Event]]) -> None:
    events = day[0] + day[1]

    ledger = folded(events)

    fills = [e for e in events if isinstance(e, OrderFilled)]
    flows = sum((-e.quantity * e.price - e.commission - e.tax for e in fills), Decimal(0))
    assert ledger.cash == OPENING.cash + flows
    for symbol in "AB":
        traded = sum((e.quantity for e in fills if e.symbol == symbol), Decimal(0))
        assert ledger.position(symbol) == 1000 + traded


@given(days())
def test_nothing_is_claimed_once_nothing_is_open_and_never_less_than_nothing(
    day: tuple[list[Event], list[Event]],
) -> None:
    ledger = Ledger.opened(OPENING)
    for event in (started(), *day[0], *day[1]):
        ledger.apply(event)
        claims = [order.reserved_cash for order in ledger.orders.values()]
        assert all(claim >= 0 for claim in claims)
        assert ledger.reserved_cash == sum(claims, Decimal(0))
        assert all(p.reserved >= 0 for p in ledger.positions.values())
    for order in tuple(ledger.orders.values()):
        ledger.apply(cancelled(order.order_id, int(order.remaining)))

    assert ledger.reserved_cash == 0
    assert all(p.reserved == 0 for p in ledger.positions.values())


@given(days(), st.integers(0, 20))
def test_stopping_and_going_on_is_the_same_as_never_stopping(
    day: tuple[list[Event], list[Event]], cut: int
) -> None:
    """A book is all that a session hands to the next: only late fills need more than it says."""
    events = day[0] + day[1]
    first = folded(events[:cut])
    second = Ledger.opened(first.book())
    second.apply(started())

    rest = [e for e in events[cut:] if getattr(e, "order_id", "") not in first.ended]
    for event in rest:
        second.apply(event)
        first.apply(event)

    assert second.book() == first.book()


@given(days(), st.lists(st.booleans(), min_size=40, max_size=40))
def test_the_order_of_independent_events_does_not_matter(
    day: tuple[list[Event], list[Event]], picks: list[bool]
) -> None:
    a, b = list(day[0]), list(day[1])
    mixed: list[Event] = []
    for first in picks:
        source = a if first else b
        mixed += [source.pop(0)] if source else []

    assert folded(mixed + a + b).book() == folded(day[0] + day[1]).book()


@settings(max_examples=50)
@given(days())
def test_repeats_change_nothing(day: tuple[list[Event], list[Event]]) -> None:
    events = day[0] + day[1]
    repeats: list[Event] = [
        FillRepeated(order_id=e.order_id, fill_id=e.fill_id)
        for e in events
        if isinstance(e, OrderFilled)
    ]

    assert folded(events + repeats).book() == folded(events).book()


@given(days())
def test_everything_settles_in_the_end(day: tuple[list[Event], list[Event]]) -> None:
    ledger = folded(day[0] + day[1])

    ledger.apply(started(FRIDAY))

    for position in ledger.positions.values():
        assert position.unsettled == ()
        assert position.sellable == position.quantity - position.reserved
