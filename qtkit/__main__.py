"""``python -m qtkit`` is `qtkit`."""

import os
import signal

__all__ = ["main"]

_ABORTED = 130


def main() -> None:
    """Run the command line; a signal while it is still being imported is one word."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from qtkit.cli import main as command_line

    command_line()


def _leave(*_: object) -> None:
    """End this process at once: nothing has begun yet."""
    try:
        os.write(2, b"aborted\n")
    finally:
        os._exit(_ABORTED)


if __name__ == "__main__":
    main()
