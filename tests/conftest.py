"""What holds for every test, however the tests were started."""

from __future__ import annotations

import signal

_HEARD = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}


def pytest_configure() -> None:
    """Listen to signals: what a shell begins in the background is deaf, and so are its children."""
    for number, heard in _HEARD.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heard)
