"""The second door of the kill switch: a file that anybody can make, seen before every order."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["kill_file_is_there"]


def kill_file_is_there(path: Path | None) -> bool:
    """Whether anything at all exists at the kill file's path; what cannot be told counts as yes.

    An empty file, a folder and a dangling link stop trading as well as a file with a reason in it.

    Parameters
    ----------
    path
        Where the file would be; None for an account without one.
    """
    if path is None:
        return False
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True
