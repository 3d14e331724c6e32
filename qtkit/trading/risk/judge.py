"""The judge: the only maker of permits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qtkit.core.errors import InvariantBroken
from qtkit.core.verdict import ALLOWING, Status, Verdict, error
from qtkit.trading.risk.request import OrderRequest, RiskView, Rule, reduces
from qtkit.trading.risk.rules import request_is_well_formed

__all__ = ["Judgement", "Permit", "judge"]

_SEAL = object()
_PASS = Status.PASS


class Permit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order may leave, exactly as it was judged. Only `judge` can make one."""

    request: OrderRequest  # what was judged
    reducing: bool  # whether it takes the position closer to zero
    seal: object = None  # the judge's, for these two and no others

    def __post_init__(self) -> None:
        if not _is_sealed(self):
            raise InvariantBroken(
                f"a permit for order {self.request.order_id} was made outside the judge; "
                "ask qtkit.trading.risk.judge"
            )


def _is_sealed(permit: Permit) -> bool:
    seal = permit.seal
    if type(seal) is not tuple or seal[0] is not _SEAL:
        return False
    return seal[1] is permit.request and seal[2] is permit.reducing


class Judgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the rules said about one request."""

    verdicts: tuple[Verdict, ...]  # of every rule
    permit: Permit | None  # only if every rule allows

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The verdicts that keep the order in; empty when there is a permit."""
        return tuple(verdict for verdict in self.verdicts if not verdict.allows)


def judge(request: OrderRequest, view: RiskView, rules: Sequence[Rule]) -> Judgement:
    """Return what all rules say, and a permit if there are rules and every one allows.

    Parameters
    ----------
    request
        The order that somebody wants to send.
    view
        The moment in which it is judged.
    rules
        What must hold; that the request is well formed is always judged first.

    Returns
    -------
    Judgement
        Every rule's verdict, also after the first refusal.
    """
    verdicts = (request_is_well_formed(request, view), *_answers(rules, request, view))
    if len(verdicts) == 1 or not _allow(verdicts):
        return Judgement(verdicts=verdicts, permit=None)
    reducing = reduces(request, view)
    permit = Permit(request=request, reducing=reducing, seal=(_SEAL, request, reducing))
    return Judgement(verdicts=verdicts, permit=permit)


def _allow(verdicts: Sequence[Verdict]) -> bool:
    """Whether money may move on every verdict."""
    for verdict in verdicts:
        # most rules pass, and the same object is known at once
        if verdict.status is not _PASS and verdict.status not in ALLOWING:
            return False
    return True


def _answers(rules: Sequence[Rule], request: OrderRequest, view: RiskView) -> list[Verdict]:
    """Return every rule's verdict."""
    try:
        return [rule(request, view) for rule in rules]
    except ArithmeticError:
        # rules are pure: asked again one by one, those that can calculate say the same
        return [_answer(rule, request, view) for rule in rules]


def _answer(rule: Rule, request: OrderRequest, view: RiskView) -> Verdict:
    """Return a rule's verdict; numbers that it cannot compare are an error."""
    try:
        return rule(request, view)
    except ArithmeticError as trouble:
        name = getattr(rule, "__name__", "a rule")
        return error(
            f"{request.symbol}: {name} could not calculate with quantity {request.quantity} and "
            f"limit price {request.limit_price} ({type(trouble).__name__})",
            fix="ask for finite numbers; if they are, report this with the session folder",
        ).named("risk.arithmetic")
