"""The risk rules of a session: their limits, how much of each is used, and what they refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from qtkit.core.render import Mark, mark
from qtkit.desk.table_view import Column, TableView, number_text
from qtkit.model import events as ev
from qtkit.model.status import EngineStatus
from qtkit.projections.session_view import SessionView

__all__ = ["bar", "rules"]

_CELLS = 10
_WARN, _FULL = Decimal("0.8"), Decimal(1)
_ZERO = Decimal(0)


def bar(share: Decimal) -> str:
    """Return a share of a limit as a bar and in percent.

    Examples
    --------
    >>> bar(Decimal("0.42")), bar(Decimal("1.5")), bar(Decimal(0))
    ('████░░░░░░ 42 %', '██████████ 150 %', '░░░░░░░░░░ 0 %')
    """
    cells = min(_CELLS, int(max(share, _ZERO) * _CELLS))
    return f"{'█' * cells}{'░' * (_CELLS - cells)} {share:.0%}".replace("%", " %")


def rules(view: SessionView) -> TableView:
    """Return each rule: limit, how much of it is used, and how often it refused.

    A rule for a single order is used by the session's largest order so far.
    """
    refused = Counter(v.rule for entry in view.orders.refusals for v in entry.event.verdicts)
    known = tuple(_rules(view))
    rows = tuple(_row(rule, refused) for rule in known)
    others = sorted(refused.keys() - {rule["rule"] for rule in known})
    more = tuple((name, "", "", "", refused[name]) for name in others)
    columns = (
        Column(name="rule"),
        Column(name="limit"),
        Column(name="now"),
        Column(name="use"),
        Column(name="refusals", right=True),
    )
    return TableView(name="rules", columns=columns, rows=(*rows, *more))


def _row(rule: Mapping[str, Any], refused: Mapping[str, int]) -> tuple[object, ...]:
    share: Decimal | None = rule.get("share")
    return (
        rule["rule"],
        rule["limit"],
        rule["now"],
        "" if share is None else _use(share),
        refused.get(rule["rule"], 0),
    )


def _use(share: Decimal) -> Mark:
    status = "fail" if share >= _FULL else "warn" if share >= _WARN else "ok"
    shown = mark(status)
    return Mark(bar(share), shown.symbol, shown.colour)


def _rules(view: SessionView) -> Iterator[dict[str, Any]]:
    state, ledger = view.state, view.state.ledger
    risk: Mapping[str, Any] = view.settings.get("risk") or {}
    requests = [o.requested.event for o in view.orders.records.values() if o.requested]
    yield {"rule": "risk.kill_switch", "limit": "off", "now": _switch(on=state.killed)}
    symbols = risk.get("allowed_symbols") or view.opening.symbols
    yield {"rule": "risk.allowed_symbols", "limit": ", ".join(symbols), "now": ""}
    yield {
        "rule": "risk.trading_window",
        "limit": _windows(risk),
        "now": "open" if state.status is EngineStatus.RUNNING else f"engine {state.status}",
    }
    yield {
        "rule": "risk.cash",
        "limit": f"{number_text(ledger.cash, 2)} {ledger.currency}",
        "now": f"{number_text(ledger.reserved_cash, 2)} {ledger.currency} reserved",
        "share": ledger.reserved_cash / ledger.cash if ledger.cash > 0 else _ZERO,
    }
    yield _largest("max_order_value", risk, [_value(o) for o in requests], ledger.currency)
    yield _largest("max_order_quantity", risk, [abs(o.quantity) for o in requests], view.unit)
    yield {"rule": "risk.price_band", "limit": "the day's band", "now": ""}
    yield {"rule": "risk.lot_and_tick", "limit": "the instrument's", "now": ""}
    yield {"rule": "risk.sellable", "limit": f"settled {view.unit}", "now": ""}


def _switch(*, on: bool) -> Mark:
    shown = mark("fail" if on else "ok")
    return Mark("ON" if on else "off", shown.symbol, shown.colour)


def _windows(risk: Mapping[str, Any]) -> str:
    windows = risk.get("trading_windows") or ()
    return ", ".join(f"{a[:5]} to {b[:5]}" for a, b in windows) or "the exchange's hours"


def _value(order: ev.OrderRequested) -> Decimal:
    price = order.limit_price or (order.quote.last if order.quote else None)
    return _ZERO if price is None else abs(order.quantity) * price


def _largest(
    name: str, risk: Mapping[str, Any], quantities: list[Decimal], unit: str
) -> dict[str, object]:
    limit = risk.get(name)
    largest = max(quantities, default=_ZERO)
    row = {"rule": f"risk.{name}", "now": f"largest order {number_text(largest)} {unit}"}
    if limit is None:
        return {**row, "limit": "none"}
    most = Decimal(str(limit))
    return {**row, "limit": f"{number_text(most)} {unit}", "share": largest / most}
