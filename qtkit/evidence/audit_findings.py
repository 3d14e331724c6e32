"""What the audit ledger can find, with the sentence of each."""

from __future__ import annotations

__all__ = ["FILL_FINDINGS", "ORDER_FINDINGS", "RESERVATION_FINDINGS", "SETTLEMENT_FINDINGS"]

ORDER_FINDINGS = {
    "never_requested": "{what} for {order}, never requested",
    "id_again": "order id {order} is used again",
    "impossible": "{order} is {status}: {move} is impossible",
    "other_symbol": "{order}: a fill of {symbol}, ordered was {ordered}",
    "other_side": "{order}: a fill of {quantity} shares, ordered were {ordered}",
    "overfilled": "{order}: {filled} shares filled of {ordered}",
    "filled_rejected": "{order}: filled after it was rejected",
    "silent_race": "{order}: filled after it was {status}, and not reported as a race",
    "cancelled_other": "{order}: {cancelled} cancelled, {left} were left",
    "listed_ended": "{book}: {order} is listed as open and has ended",
    "not_listed": "{book}: {order} is {status} and is not listed",
    "listed_shares": "{book}: {order} is listed with {filled} of {of} shares filled, its fills "
    "make {our_filled} of {our_of}",
    "listed_status": "{book}: {order} is listed as {status}, its events make it {ours}",
}
FILL_FINDINGS = {
    "twice": "fill {fill} was booked in {where}",
    "no_repeat": "fill {fill} is called a repeat and was never booked",
}
RESERVATION_FINDINGS = {
    "more_than_free": "{order} reserves more cash than is free: {left:.2f} is left",
    "sells_more": "{order} sells {quantity} {symbol} of {held} shares",
    "reserves_less": "{order} is worth {worth:.2f}, reserves {reserved:.2f}",
    "below_zero": "{symbol} stands at {held} shares",
    "reserves_negative": "{book}: {order} reserves {reserved:.2f}",
    "reserves_other": "{book}: {order} reserves {reserved:.2f}, expected {expected:.2f}",
    "listed_ended": ORDER_FINDINGS["listed_ended"],
}
SETTLEMENT_FINDINGS = {
    "unsettled": "{order} sells {quantity} {symbol}, {settled} have settled",
    "lots": "{book}: {symbol}: unsettled are {recorded}, expected {expected}",
}
