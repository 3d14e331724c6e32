"""What a session lives under across its returns: settings, code, trading rules and data."""

# ruff: noqa: D401 - the first line of a check says what holds

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from qtkit.core.facts import Finding, counts, finding
from qtkit.core.verdict import skip
from qtkit.evidence import Capability, Evidence
from qtkit.model import events as ev
from qtkit.model.events import Entry
from qtkit.stages.check import Outcome, check, judged, looked_at
from qtkit.stages.phrases import not_yet

__all__ = ["it_lives_under_what_its_journal_says"]

_DATA = ("kind", "feed.kind", "feed.address", "calendar")


@check(
    "1.7", "Lives under what its journal says", needs={Capability.JOURNAL},
    facts=counts("returns changes"),
    holds="its settings, code, rules and data are those that its journal says: {returns:return}, "
    "{changes:change} accepted by name and reason",
    fails="{findings}",
    finds={
        "other": "the return goes on under other {what} than the journal says ({digest:.12}, "
        "expected {expected:.12})",
        "opening": "the first line's digest of the {what} is not that of its {what}",
        "stray": "{name} was changed where the session did not come back",
        "unknown_before": "{name} is said to have been {before!r}, and it was {value!r}",
        "unsigned": "{name} was changed by nobody, or for no reason",
    },
    fix="judge by the journal alone what was traded since; see runbooks/session-crashed.md"
)  # fmt: skip
def it_lives_under_what_its_journal_says(evidence: Evidence) -> Outcome:
    """A session lives under the settings, code and data that its journal says, on every return."""
    session = evidence.session
    started = session.started
    if started is None:
        return not_yet(evidence, "there is no session", fix="start one")
    if not any((started.event.digests.settings, started.event.digests.code)):
        return skip("the journal does not say under which settings, code and data the engine runs")
    window = evidence.window
    wrong = [row for row in _faults(session, started.event) if window.holds(row.line)]
    returns = [e for e in session.of(ev.SessionResumed) if window.holds(e.seq)]
    changes = [e for e in session.of(ev.SettingsChanged) if window.holds(e.seq)]
    return judged(
        wrong, proof=[*returns, *changes] or looked_at(evidence, 0),
        returns=returns, changes=changes,
    )  # fmt: skip


def _faults(session: Evidence, opening: ev.SessionStarted) -> Iterator[Finding]:
    """Yield what the journal's digests and changes say otherwise than its lines."""
    force = _InForce(opening)
    for what in ("settings", "data"):
        if getattr(opening.digests, what) != force.digest(what):
            yield finding("opening", 1, what=what)
    back: Entry | None = None  # the return whose changes are read
    newest = 0
    kinds: tuple[type[ev.Event], ...] = (ev.SessionResumed, ev.SettingsChanged)
    if session.of(ev.SessionResumed):
        kinds = (*kinds, ev.PricesSeen)
    for entry in session.merged(*kinds):
        if isinstance(entry.event, ev.SettingsChanged):
            if back is None or entry.seq != newest + 1:
                yield finding("stray", entry.seq, name=entry.event.name)
            yield from _change(entry, force)
            newest = entry.seq
            continue
        if back is not None and not _came_to_nothing(entry, newest):
            yield from _return(back, force)
        back, newest = None, 0
        if isinstance(entry.event, ev.SessionResumed):
            back, newest = entry, entry.seq
        else:
            force.see(entry.event)
    if back is not None and session.whole.entries > newest:
        yield from _return(back, force)


def _came_to_nothing(following: Entry, newest: int) -> bool:
    """Whether a return was cut off again before it did anything, its changes half written."""
    return isinstance(following.event, ev.SessionResumed) and following.seq == newest + 1


def _return(back: Entry, force: _InForce) -> Iterator[Finding]:
    """Yield what a return goes on under that the journal does not say."""
    for what in ("settings", "code", "instruments", "data"):
        digest, expected = getattr(back.event.digests, what), force.digest(what)
        if digest != expected:
            yield finding("other", back.seq, what=what, digest=digest, expected=expected)


def _change(entry: Entry, force: _InForce) -> Iterator[Finding]:
    """Take a change, and yield what is wrong with it."""
    event: ev.SettingsChanged = entry.event
    value = force.value(event.name)
    if value not in (None, event.before):
        yield finding(
            "unknown_before", entry.seq, name=event.name, before=event.before, value=value
        )
    if not event.by.strip() or not event.why.strip():
        yield finding("unsigned", entry.seq, name=event.name)
    force.change(event.name, event.after)


class _InForce:
    """What the journal says up to a line, read once more and by other means than the engine's."""

    def __init__(self, opening: ev.SessionStarted) -> None:
        self._settings = dict(_leaves(opening.settings))
        self._data = dict(opening.data)
        self._given = {
            "code": opening.digests.code,
            "instruments": opening.digests.instruments,
        }
        self._prices = list[str]()

    def see(self, event: ev.PricesSeen) -> None:
        """Take the prices of a poll."""
        self._prices += [f"{p.symbol} {p.end.isoformat()} {p.close}" for p in event.last]

    def value(self, name: str) -> object:
        """Return what is in force; None where there is nothing of that name."""
        return self._table(name).get(name)

    def change(self, name: str, value: object) -> None:
        """Take a change."""
        table = self._table(name)
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value

    def _table(self, name: str) -> dict[str, Any]:
        if name in self._given:
            return self._given
        return self._data if name in _DATA else self._settings

    def digest(self, what: str) -> str:
        """Return the sha256, hex, that a return has to carry."""
        if what in self._given:
            return self._given[what]
        value = self._settings if what == "settings" else {**self._data, "prices": self._prices}
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield settings under dotted names; what is none is not there."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        elif value is not None:
            yield f"{above}{name}", value
