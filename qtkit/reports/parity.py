"""Research against paper: the same strategy's decisions, one by one, each difference classified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from qtkit.core.calendars import Calendar, exchange_calendar
from qtkit.core.errors import ConfigError, DataError
from qtkit.evidence import Evidence
from qtkit.evidence.session import Session
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.model.bar_length import BarLength
from qtkit.model.money import decimal_of
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.projections.decisions import Decided, Standing, Step, Wish
from qtkit.reports.parity_report import KINDS, DecisionComparison, Difference
from qtkit.runtime.backtest import BacktestResult
from qtkit.stages.sources import evidence_of
from qtkit.trading.engine.schedule import Timetable, day_schedule

__all__ = ["compare_decisions"]

_SETTINGS = {
    "fill_time": ("latency_seconds", "participation"),
    "fill_price": ("slippage_bps",),
    "fill_quantity": ("participation", "latency_seconds"),
    "fees": ("commission_rate", "commission_minimum"),
    "refused": ("risk",),
}
_MARKET = ("seed", "data", "table")  # settings that make another market
_UNCOMPARED = frozenset({"mode", "opening_cash"})
_STEP = "run_strategy"
_QUIET = "nothing"


def compare_decisions(backtest: BacktestResult, session: Session | Evidence) -> DecisionComparison:
    """Return how a session's decisions differ from a backtest's, on the days that both traded.

    Parameters
    ----------
    backtest
        What research says.
    session
        A session, its folder, or evidence: shadow, paper or live.

    Returns
    -------
    DecisionComparison
        Steps are matched by the time they were due; orders by symbol, quantity and limit. A
        difference is named after what comes first: a skip, then what the decision saw, then where
        it started from; an order that both wanted, after what became of it.

    Raises
    ------
    ConfigError
        If the two are not of the same strategy, or have no trading date in common.
    DataError
        If the session's journal does not begin with its start.
    """
    evidence = evidence_of(session)
    if evidence.started is None:
        raise DataError("the session's journal has no session_started line; nothing to compare")
    opening: ev.SessionStarted = backtest.entries[0].event
    research = Decided.of(opening, backtest.entries)
    live = Decided.of(evidence.started.event, evidence.merged())
    days = tuple(sorted(research.days & live.days))
    _make_sure_they_belong_together(research, live, days)
    pairing = _Pairing(research, live, backtest, exchange_calendar(opening.exchange))
    dues = sorted({due for day in days for due in pairing.dues(day)})
    differences = tuple(d for due in dues for d in pairing.at(due))
    return DecisionComparison(
        strategy=opening.strategy,
        days=days,
        steps=len(dues),
        orders=pairing.orders,
        conditions=tuple(pairing.conditions),
        differences=differences,
        zone=pairing.calendar.zone,
    )


def _make_sure_they_belong_together(
    research: Decided, live: Decided, days: tuple[date, ...]
) -> None:
    names = research.opening.strategy, live.opening.strategy
    if names[0] != names[1]:
        raise ConfigError(
            f"the backtest is of {names[0]} and the session of {names[1]}; "
            "compare two of the same strategy"
        )
    if not days:
        spans = [", ".join(map(str, sorted(side.days))) or "none" for side in (research, live)]
        raise ConfigError(
            f"the two have no trading date in common: backtest {spans[0]}; session {spans[1]}"
        )


class _Pairing:
    """Two sides of one strategy, held against each other step by step, in order."""

    def __init__(
        self, research: Decided, live: Decided, result: BacktestResult, calendar: Calendar
    ) -> None:
        self.research, self.live, self.calendar = research, live, calendar
        self._bars = result.bars
        self.orders = 0
        self.conditions = list(_conditions(research.opening, live.opening))
        self._dues = dict[tuple[Decided, date], set[datetime]]()
        self._first: Difference | None = None
        self._first_of = dict[str, Difference]()  # symbol -> the first cause in it

    def dues(self, day: date) -> set[datetime]:
        """Return when a step of either side was due on a date."""
        sides = (self.research, self.live)
        return {due for side in sides for due in self._planned(side, day)}

    def _planned(self, side: Decided, day: date) -> set[datetime]:
        if (side, day) not in self._dues:
            settings = side.opening.settings
            table = Timetable(
                bar_length=BarLength.of_seconds(side.opening.bar_seconds),
                step_minutes=int(settings["step_minutes"]),
                close_offset_minutes=int(settings["close_offset_minutes"]),
            )
            rows = day_schedule(day, self.calendar, table)
            self._dues[side, day] = {row.due for row in rows if row.task == _STEP}
        return self._dues[side, day]

    def at(self, due: datetime) -> Iterator[Difference]:
        """Yield the differences of one step."""
        for found in self._step(due):
            if found.kind != "follows":
                self._first = self._first or found
                self._first_of.setdefault(found.symbol, found)
            yield found

    def _step(self, due: datetime) -> Iterator[Difference]:
        left, right = self.research.steps.get(due), self.live.steps.get(due)
        wanted = left.wishes if left else []
        if right is not None and right.skipped:
            yield self._whole(due, "skipped", wanted, f"skipped: {right.skipped}", right)
        elif right is None or not self._both_planned(due):
            got = right.wishes if right else []
            if wanted or got:
                yield self._whole(due, "one_side_only", wanted, _words(got), right)
        else:
            yield from self._wishes(due, wanted, right)

    def _both_planned(self, due: datetime) -> bool:
        day = date_of_bar(self.calendar, due)
        return due in self._planned(self.research, day)

    def _whole(
        self, due: datetime, kind: str, wanted: list[Wish], session: str, right: Step | None
    ) -> Difference:
        return Difference(
            due=due,
            kind=kind,
            symbol="",
            backtest=_words(wanted),
            session=session,
            because=GLOSSARY[right.skipped].meaning if right and right.skipped else KINDS[kind],
            lines=tuple(right.lines) if right else (),
        )

    # --- what was wanted -----------------------------------------------------------------------

    def _wishes(self, due: datetime, wanted: list[Wish], right: Step) -> Iterator[Difference]:
        theirs = list(right.wishes)
        for wish in wanted:
            same = next((w for w in theirs if w.asks_the_same_as(wish)), None)
            if same is not None:
                theirs.remove(same)
                self.orders += 1
                yield from self._outcome(due, wish, same)
                continue
            other = next((w for w in theirs if w.symbol == wish.symbol), None)
            if other is not None:
                theirs.remove(other)
            yield self._other_wish(due, wish, other, right)
        for wish in theirs:
            yield self._other_wish(due, None, wish, right)

    def _other_wish(
        self, due: datetime, left: Wish | None, right: Wish | None, step: Step
    ) -> Difference:
        one = left or right
        symbol = one.symbol if one else ""
        kind, because = self._why(due, symbol, step)
        return Difference(
            due=due,
            kind=kind,
            symbol=symbol,
            backtest=_words([left] if left else []),
            session=_words([right] if right else []),
            because=because,
            lines=tuple(step.lines + (right.lines if right else [])),
        )

    def _why(self, due: datetime, symbol: str, step: Step) -> tuple[str, str]:
        """Return the kind of a difference in what was wanted, and its reason."""
        ours, seen = self._price(due, symbol), step.prices.get(symbol)
        known = bool(self._bars) or ours is not None
        if known and ours != seen:
            return "prices", f"price {_number(ours)} against {_number(seen)}"
        gap = self._before(due).difference(step.before, symbol)
        if not gap:
            return "unexplained", KINDS["unexplained"]
        since = self._first_of.get(symbol) or self._first
        if since is None:
            return "follows", f"{gap}, from the start on"
        when = since.due.astimezone(self.calendar.zone)
        return "follows", f"{gap}, since the {since.kind} of {when:%m-%d %H:%M}"

    def _before(self, due: datetime) -> Standing:
        left = self.research.steps.get(due)
        return left.before if left else self.research.standing(due)

    def _price(self, due: datetime, symbol: str) -> Decimal | None:
        """Return what the backtest showed of a symbol, account currency per share."""
        left = self.research.steps.get(due)
        if left is not None and symbol in left.prices:
            return left.prices[symbol]
        bars = self._bars.get(symbol)
        if bars is None:
            return None
        shown = bars.between(None, due)
        return decimal_of(float(shown.close[-1])) if len(shown) else None

    # --- what became of it -----------------------------------------------------------------------

    def _outcome(self, due: datetime, left: Wish, right: Wish) -> Iterator[Difference]:
        kind = _outcome_kind(left, right)
        if kind:
            yield Difference(
                due=due,
                kind=kind,
                symbol=left.symbol,
                backtest=self._told(left),
                session=self._told(right),
                because=self._setting(kind),
                lines=tuple(right.lines),
            )

    def _setting(self, kind: str) -> str:
        """Return the setting that explains an outcome; without one the brokers differ."""
        names = (*_SETTINGS.get(kind, ()), *_MARKET)
        found = [f"{n} {a} against {b}" for n, a, b in self.conditions if n.split(".")[0] in names]
        return ", ".join(found) or "the market or the broker, no setting explains it"

    def _told(self, wish: Wish) -> str:
        if wish.refused:
            return f"refused, {wish.refused}"
        if wish.paid is None:
            return wish.ending or "not executed"
        last = max(f.executed_at for f in wish.fills).astimezone(self.calendar.zone)
        executed = f"{wish.filled:+,} at {_number(round(wish.paid, 4))}, {last:%H:%M:%S}"
        return f"{executed}, fees {wish.costs}" + (f", {wish.ending}" if wish.ending else "")


def _outcome_kind(left: Wish, right: Wish) -> str:
    """Return how the same order ended differently; empty if it did not."""
    if bool(left.refused) != bool(right.refused):
        return "refused"
    if left.ending.partition(":")[0] != right.ending.partition(":")[0]:
        return "not_executed"
    if left.filled != right.filled:
        return "fill_quantity"
    if {f.executed_at for f in left.fills} != {f.executed_at for f in right.fills}:
        return "fill_time"
    if left.paid != right.paid:
        return "fill_price"
    return "fees" if left.costs != right.costs else ""


def _conditions(
    research: ev.SessionStarted, live: ev.SessionStarted
) -> Iterator[tuple[str, str, str]]:
    """Yield what was set or begun differently."""
    sides = research.settings, live.settings
    for name in sorted(set(sides[0]) | set(sides[1])):
        if name not in _UNCOMPARED:
            yield from _differing(name, sides[0].get(name), sides[1].get(name))
    for name in ("symbols", "exchange"):
        yield from _differing(name, getattr(research, name), getattr(live, name))
    yield from _differing("opening cash", research.opening.cash, live.opening.cash)
    held = [{p.symbol: str(p.quantity) for p in o.opening.positions} for o in (research, live)]
    yield from _differing("opening positions", *held)


def _differing(name: str, left: object, right: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for part in sorted({*left, *right}):
            yield from _differing(f"{name}.{part}", left.get(part), right.get(part))
    elif left != right:
        yield name, str(left), str(right)


def _words(wishes: Iterable[Wish]) -> str:
    return "; ".join(_wish_words(wish) for wish in wishes) or _QUIET


def _wish_words(wish: Wish) -> str:
    side = "buy" if wish.quantity > 0 else "sell"
    terms = "at market" if wish.limit is None else f"at {wish.limit}"
    tag = f" ({wish.tag})" if wish.tag else ""
    return f"{side} {abs(wish.quantity):,} {wish.symbol} {terms}{tag}"


def _number(value: Decimal | None) -> str:
    return "none" if value is None else f"{value.normalize():f}"
