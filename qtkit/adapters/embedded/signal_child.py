"""One scenario in a process of its own, stopped by a real signal to that process.

Run as ``python -m qtkit.adapters.embedded.signal_child``: reads a request from standard input and
prints the facts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from qtkit.core.paths import SessionFolder
from qtkit.evidence.scenario import RunFacts, Scenario
from qtkit.trading.strategy.loader import load_spec

__all__ = ["Request", "facts_of", "main", "request_json"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is asked to live through."""

    scenario: Scenario
    source: str
    folder: str


def request_json(scenario: Scenario, source: Path, folder: SessionFolder) -> bytes:
    """Return a request as the child reads it."""
    asked = Request(
        scenario=scenario, source=str(source.resolve()), folder=str(folder.path.resolve())
    )
    return msgspec.json.encode(asked, enc_hook=str)


def facts_of(answer: bytes) -> RunFacts:
    """Return what the child saw."""
    return msgspec.json.decode(answer, type=RunFacts)


def main() -> None:
    """Live through the request; the signal is real and meant for this process."""
    from qtkit.adapters.embedded.target import live_through

    asked = msgspec.json.decode(
        sys.stdin.buffer.read(), type=Request, dec_hook=lambda kind, text: kind(text)
    )
    spec = load_spec(Path(asked.source))
    facts = live_through(asked.scenario, spec, SessionFolder(Path(asked.folder)))
    sys.stdout.buffer.write(msgspec.json.encode(facts))


if __name__ == "__main__":
    main()
