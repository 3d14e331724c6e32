"""A live session in a process of its own, which outlives the one that started it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from qtkit.core.clock import stopwatch
from qtkit.core.errors import (
    ConfigError,
    DataError,
    InvariantBroken,
    QtkitError,
    SessionUnreachable,
    StrategyError,
)
from qtkit.core.files import open_file
from qtkit.core.paths import SessionFolder
from qtkit.core.provenance import package_folder

__all__ = ["announce", "launched"]

_SIGN = "qtkit-session "
_ERRORS: Sequence[type[QtkitError]] = (ConfigError, DataError, StrategyError)
_LAST_WORDS = 4000  # letters
_ENDING = 2.0  # seconds that a process which said its last word may take to end
_ONE_READ = 65_536


def announce(folder: SessionFolder) -> None:
    """Tell whoever launched this process where it writes; from here on it prints into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    starter = os.dup(1)
    file = open_file(folder.console, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)
    try:
        os.write(starter, f"{_SIGN}{folder.path.resolve()}\n".encode())
    except BrokenPipeError:
        return  # the starter is gone; the session is not
    finally:
        os.close(starter)


def launched(words: Sequence[str], settings: Mapping[str, Any], timeout: float) -> SessionFolder:
    """Start ``qtkit live`` apart from this process, and return its folder once it trades.

    Parameters
    ----------
    words
        Arguments of the verb.
    settings
        What differs from the defaults; it travels through a pipe, so that nobody else reads it.
    timeout
        Seconds until the engine must run.

    Raises
    ------
    ConfigError, DataError, StrategyError
        What the process says it refused to start for.
    SessionUnreachable
        If it does not come to life in time; it was ended.
    """
    process = subprocess.Popen(  # noqa: S603 - our own command line, in this interpreter
        [sys.executable, "-m", "qtkit", "live", *words, "--detached", "--settings", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=_environment(),
    )
    Thread(target=process.wait, name=f"qtkit-child-{process.pid}", daemon=True).start()
    asked = json.dumps(dict(settings), default=_plain).encode()
    said = _talk(process, asked, timeout)
    folder = next((line for line in said.splitlines() if line.startswith(_SIGN)), None)
    if folder is not None:
        return SessionFolder(Path(folder.removeprefix(_SIGN)))
    raise _refusal(process, said, timeout)


def _plain(value: object) -> object:
    """Return what JSON has no form for as the text that settings are read from; secrets as such."""
    secret = getattr(value, "get_secret_value", None)
    return secret() if secret is not None else str(value)


def _environment() -> dict[str, str]:
    """Return this process's environment, so that the child finds the same package."""
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    above = str(package_folder().parent)
    if above not in {*paths, *site.getsitepackages()}:
        paths.append(above)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _talk(process: subprocess.Popen[bytes], asked: bytes, timeout: float) -> str:
    """Hand the request over, and return what the process says until it trades or ends."""
    if process.stdin is None or process.stdout is None:
        raise InvariantBroken("a session's process was started without pipes")
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(asked)  # where it refused to start already, what it says comes next
    with process.stdout as pipe:
        return _listen(pipe.fileno(), timeout)


def _listen(line: int, timeout: float) -> str:
    """Return what comes through a pipe up to the sign of life, its end, or the time limit."""
    elapsed, said = stopwatch(), bytearray()
    sign = _SIGN.encode()
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        while (left := timeout - elapsed()) > 0:
            if not selector.select(left):
                break
            data = os.read(line, _ONE_READ)
            said += data
            if not data or (sign in said and said.rfind(b"\n") > said.rfind(sign)):
                break
    return said.decode(errors="replace")


def _refusal(process: subprocess.Popen[bytes], said: str, timeout: float) -> QtkitError:
    """Return why there is no session; a process that hangs is ended."""
    try:
        code = process.wait(_ENDING)
    except subprocess.TimeoutExpired:
        process.terminate()
        return SessionUnreachable(
            f"the session's process {process.pid} did not trade within {timeout:g} s and was asked "
            f"to end; it said: {said[-_LAST_WORDS:].strip() or 'nothing'}"
        )
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing")
    kind = next((kind for kind in _ERRORS if kind.exit_code == code), SessionUnreachable)
    if kind is SessionUnreachable:
        return kind(f"the session's process ended with code {code} and said: {said[-_LAST_WORDS:]}")
    return kind(last.partition(": ")[2] or last)
