"""What comparing research with paper came to: each difference under the name of its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from qtkit.core.render import Table, html_report, mark, mimebundle, text_report
from qtkit.core.verdict import Verdict, fail, ok, warn
from qtkit.model.events import JsonObject

__all__ = ["KINDS", "DecisionComparison", "Difference"]

KINDS: Mapping[str, str] = {
    "skipped": "the session skipped the step; its reason tells why",
    "one_side_only": "only one side has a step at this time: the timetables differ, or it stopped",
    "prices": "the decision saw another price, so the feeds differ",
    "follows": "an earlier difference had left another book or another state",
    "unexplained": "same prices, same book, same state, and yet other orders: a defect",
    "refused": "both wanted the order, and a risk rule stopped it on one side",
    "not_executed": "both sent the order, and it ended otherwise on one side",
    "fill_quantity": "the order was executed in another quantity",
    "fill_time": "the order was executed at another time, so it met another price",
    "fill_price": "the order was executed at the same time at another price",
    "fees": "the same execution cost other fees",
}
"""What the kinds of differences mean."""

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One decision, or what became of it, that was not the same on both sides.

    Attributes
    ----------
    kind
        One of `KINDS`.
    symbol
        Empty where a whole step differs.
    because
        What made the difference.
    lines
        Of the session's journal.
    """

    due: datetime
    kind: str
    symbol: str
    backtest: str
    session: str
    because: str
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionComparison:
    """What a backtest and a session of the same strategy decided.

    Attributes
    ----------
    steps
        That were compared.
    orders
        Wanted by both sides alike.
    conditions
        What was set or begun differently: name, backtest, session.
    zone
        In which people read times.
    """

    strategy: str
    days: tuple[date, ...]
    steps: int
    orders: int
    conditions: tuple[tuple[str, str, str], ...]
    differences: tuple[Difference, ...]
    zone: ZoneInfo

    @property
    def kinds(self) -> Counter[str]:
        """How many differences there are of each kind."""
        return Counter(d.kind for d in self.differences)

    @property
    def differing_steps(self) -> int:
        """Steps with a difference of whatever kind."""
        return len({d.due for d in self.differences})

    @property
    def conclusion(self) -> str:
        """``equal``, ``explained`` or ``unexplained``."""
        if not self.differences:
            return "equal"
        return "unexplained" if self.kinds["unexplained"] else "explained"

    def verdict(self) -> Verdict:
        """Return the comparison as a judgement: an unexplained difference fails."""
        alike = f"{self.steps - self.differing_steps} of {self.steps} steps alike"
        kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(self.kinds.items()))
        summary = f"{alike}, {self.orders} orders wanted by both; {kinds or 'no difference'}"
        rule = "parity.decisions"
        if not self.differences:
            return ok(summary).named(rule)
        wrong = [d for d in self.differences if d.kind == "unexplained"]
        lines = sorted({n for d in wrong or self.differences for n in d.lines})
        if wrong:
            fix = "look for chance, clock or outside data in the strategy's decide"
            return fail(summary, fix=fix, lines=lines).named(rule)
        fix = "decide whether each kind is wanted; what they mean stands below the table"
        return warn(summary, fix=fix, lines=lines).named(rule)

    def as_json(self) -> JsonObject:
        """Return every difference, not only those that are shown."""
        return {
            "format": 1,
            "type": "decision_comparison",
            "strategy": self.strategy,
            "days": [str(day) for day in self.days],
            "conclusion": self.conclusion,
            "steps": self.steps,
            "differing_steps": self.differing_steps,
            "orders": self.orders,
            "kinds": dict(sorted(self.kinds.items())),
            "conditions": [
                {"name": name, "backtest": left, "session": right}
                for name, left, right in self.conditions
            ],
            "differences": [
                {
                    "due": d.due.isoformat(),
                    "kind": d.kind,
                    "symbol": d.symbol,
                    "backtest": d.backtest,
                    "session": d.session,
                    "because": d.because,
                    "lines": list(d.lines),
                }
                for d in self.differences
            ],
        }

    def __str__(self) -> str:
        return text_report(f"{self._heading()} · {self.conclusion.upper()}", *self._parts())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        html = html_report(self._heading(), *self._parts(), status=str(self.verdict().status))
        return mimebundle(str(self), html, self.as_json())

    def _heading(self) -> str:
        span = " to ".join(dict.fromkeys(str(day) for day in (self.days[0], self.days[-1])))
        return f"Backtest and session compared · {self.strategy} · {span}"

    def _parts(self) -> Iterator[Table | str]:
        yield f"{mark(self.verdict().status)}  {self.verdict().summary}"
        if self.conditions:
            columns = ("name", "backtest", "session")
            yield Table("Set or begun differently", columns, self.conditions)
        if not self.differences:
            return
        named = ("due", "kind", "symbol", "backtest", "session", "because")
        rows = tuple(
            (f"{d.due.astimezone(self.zone):%m-%d %H:%M}", d.kind, d.symbol, d.backtest, d.session,
             d.because)
            for d in self.differences[:_SHOWN]
        )  # fmt: skip
        yield Table("Differences", named, rows)
        if len(self.differences) > _SHOWN:
            yield f"… and {len(self.differences) - _SHOWN} more, all of them in the JSON form"
        known = tuple((kind, n, KINDS[kind]) for kind, n in sorted(self.kinds.items()))
        yield Table("What the kinds mean", ("kind", "count", "meaning"), known, "lrl")
