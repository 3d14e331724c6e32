"""What holds for every test, however the tests were started."""

from __future__ import annotations

import signal

from hypothesis import settings


def pytest_configure() -> None:
    """Listen to signals, and let no example fail for how long it took.

    What a shell begins in the background is deaf, and so are its children.
    """
    settings.register_profile("qtkit", deadline=None)
    settings.load_profile("qtkit")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
