"""Check 3.5.8: what was bought settles on the trading day that its instrument's rule says."""

from __future__ import annotations

from collections.abc import Iterator

from qtkit.core.facts import Finding, counts, finding
from qtkit.evidence import Capability, Evidence
from qtkit.evidence.audit_findings import SETTLEMENT_FINDINGS
from qtkit.evidence.evidence import Recorded
from qtkit.market.trading_minutes import date_of_bar
from qtkit.model import events as ev
from qtkit.stages.check import Outcome, check, judged
from qtkit.stages.phrases import not_yet

__all__ = ["settlement_follows_the_rule"]


@check(
    "3.5.8", "Settlement", needs={Capability.FILLS, Capability.BOOKS, Capability.SETTLEMENT},
    facts=counts("purchases lots"),
    holds="{purchases:purchase} settle by their rule{so_far}, {lots:lot} not settled at the end; "
    "no sell took unsettled shares",
    fails="{found:settlement fault}: {findings}",
    finds=SETTLEMENT_FINDINGS
    | {
        "no_date": "fill {fill} has no trading date",
        "early": "fill {fill} was booked before it was executed",
        "no_rules": "fill {fill}: the journal lists no rules of {symbol}",
        "settles": "fill {fill} of {symbol} on {traded} settles {settles}, T+{days} is {due}",
    },
    fix="hold it against the exchange's trading days",
)  # fmt: skip
def settlement_follows_the_rule(evidence: Evidence) -> Outcome:
    """Settlement follows the instrument's rule by trading days, on the engine's clock."""
    fills, tally = evidence.of(ev.OrderFilled), evidence.tally
    if not fills:
        return not_yet(evidence, "there is no booked trade", fix="wait for the first fill")
    wrong = [fault for fill in fills for fault in _wrong_settlement(evidence, fill)]
    wrong += tally.settlement_findings
    wrong += [difference for reading in tally.readings for difference in reading.lots]
    bought = [fill for fill in fills if fill.event.quantity > 0]
    lots = sum(bool(held) for lots in tally.lots.values() for held in lots.values())
    return judged(wrong, proof=bought or fills, purchases=bought, lots=lots)


def _wrong_settlement(evidence: Evidence, fill: Recorded[ev.OrderFilled]) -> Iterator[Finding]:
    """Yield what is wrong with when a fill happened and when it settles."""
    event, line, name = fill.event, fill.seq, fill.event.fill_id
    if event.trading_date is None:
        yield finding("no_date", line, fill=name)
        return
    if event.executed_at > fill.at:
        yield finding("early", line, fill=name)
    if event.quantity < 0:
        return
    traded = date_of_bar(evidence.calendar, event.executed_at)
    rules = evidence.rules_at(event.symbol, line)
    if rules is None:
        yield finding("no_rules", line, fill=name, symbol=event.symbol)
        return
    days = rules.settle_days
    due = evidence.calendar.session_after(traded, days)
    if event.settles != due:
        settling = {"traded": traded, "settles": event.settles, "days": days, "due": due}
        yield finding("settles", line, fill=name, symbol=event.symbol, **settling)
