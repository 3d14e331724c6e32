"""Where a running session listens: a Unix socket in a folder of the user's own."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.core.paths import SessionFolder

__all__ = ["LONGEST_PATH", "free_socket", "listening_socket", "socket_path"]

LONGEST_PATH = 100  # bytes of a socket's path that every Unix accepts
_ONLY_OURS = 0o700
_PATIENCE = 1.0  # seconds for somebody who listens already to answer


def socket_path(folder: SessionFolder) -> Path:
    """Return where a session listens; its folder is there, and nobody else may enter it.

    Raises
    ------
    ConfigError
        If there is no such place.
    """
    name = hashlib.sha256(os.fsencode(folder.path.resolve())).hexdigest()[:16] + ".sock"
    refusals = list[str]()
    for place in _places():
        path = place / name
        if len(os.fsencode(path)) >= LONGEST_PATH:
            refusals.append(f"{path} is {LONGEST_PATH} bytes long or more")
            continue
        try:
            _make_private(place)
        except OSError as problem:
            refusals.append(f"{place}: {problem.strerror or problem}")
            continue
        return path
    raise ConfigError(
        f"no place for the session's socket: {'; '.join(refusals)}. Set XDG_RUNTIME_DIR to a short "
        "path of a folder that is yours alone"
    )


def _places() -> Iterator[Path]:
    own = f"qtkit-{os.getuid()}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield Path(runtime) / "qtkit"
    yield Path(tempfile.gettempdir()) / own
    yield Path("/tmp") / own  # noqa: S108 - checked to be ours alone before it is used


def _make_private(place: Path) -> None:
    """Make a folder that only we may enter; one that is there must be ours."""
    try:
        place.mkdir(mode=_ONLY_OURS)
    except FileExistsError:
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(0, "it is no folder of ours") from None
        if stat.S_IMODE(found.st_mode) != _ONLY_OURS:
            place.chmod(_ONLY_OURS)


def listening_socket(path: Path) -> socket.socket:
    """Return a socket that listens at `path`; what a dead process left there is removed.

    Raises
    ------
    ConfigError
        If somebody listens there.
    """
    free_socket(path)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.bind(os.fspath(path))
        path.chmod(0o600)
        line.listen()
        line.setblocking(False)
    except BaseException:
        line.close()
        raise
    return line


def free_socket(path: Path) -> None:
    """Remove a socket that nobody listens to.

    Raises
    ------
    ConfigError
        If somebody does.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink(missing_ok=True)
                return
            reason = "it is no socket"
        except OSError as problem:
            reason = problem.strerror or "it does not answer"
        else:
            reason = "somebody listens there"
    raise ConfigError(
        f"the session's socket {path} is taken: {reason}; end that process, or remove the file"
    )
