"""One scenario in a process of its own, stopped by a real signal to that process.

Run as ``python -m qtkit.adapters.embedded.signal_child``: reads a request from standard input and
prints the facts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from qtkit.adapters.embedded.signal_request import Request
from qtkit.adapters.embedded.target import live_through
from qtkit.core.paths import SessionFolder
from qtkit.trading.strategy.loader import load_spec

__all__ = ["main"]


def main() -> None:
    """Live through the request; the signal is real and meant for this process."""
    request = msgspec.json.decode(
        sys.stdin.buffer.read(), type=Request, dec_hook=lambda kind, text: kind(text)
    )
    spec = load_spec(Path(request.source))
    facts = live_through(request.scenario, spec, SessionFolder(Path(request.folder)))
    sys.stdout.buffer.write(msgspec.json.encode(facts))


if __name__ == "__main__":
    main()
