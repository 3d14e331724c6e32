"""What an operator may set about a session's logs, and how a folder remembers it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from qtkit.core.errors import ConfigError
from qtkit.core.files import make_folder
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.trading.engine.logs.rotating_file import Rotation

__all__ = ["LogSettings", "keep_logs", "logs_can_be_written", "rotation_of"]

_MEGABYTE = 1_000_000


class LogSettings(BaseModel):
    """Where sys.log, trade.log and risk.log are written, and when they are turned over."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sys_log_file_path: str = Field(
        default="", description="folder of sys.log; empty: the session's own"
    )
    trade_log_file_path: str = Field(
        default="", description="folder of trade.log and risk.log; empty: the session's own"
    )
    rotate_megabytes: float | None = Field(
        default=64, gt=0, description="a log that would grow larger is turned over; none: never"
    )
    rotate_daily: bool = Field(
        default=False, description="turn each log over at the first line of another day"
    )

    @property
    def rotation(self) -> Rotation:
        """When a log is turned over."""
        size = self.rotate_megabytes
        return Rotation(None if size is None else int(size * _MEGABYTE), self.rotate_daily)


def logs_can_be_written(settings: LogSettings) -> None:
    """Make sure that the folders asked for can be written; they are made where they are not there.

    Raises
    ------
    ConfigError
        With every folder that cannot.
    """
    asked = {
        "logs.sys_log_file_path": settings.sys_log_file_path,
        "logs.trade_log_file_path": settings.trade_log_file_path,
    }
    mistakes = [text for key, place in asked.items() if place for text in _trouble(key, place)]
    if mistakes:
        raise ConfigError(
            f"logs cannot be written: {'; '.join(mistakes)}. Name a folder that can be written, or "
            "leave the key out: the logs are then in the session's own folder"
        )


def _trouble(key: str, place: str) -> Iterator[str]:
    folder = Path(place)
    try:
        make_folder(folder)
    except OSError as problem:
        yield f"{key} is {place!r}, and no folder can be there ({problem.strerror})"
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield f"{key} is {place!r}, and nothing may be written into it"


def keep_logs(folder: SessionFolder, settings: LogSettings) -> None:
    """Write down how a new session's logs are kept; one that is resumed keeps its own way."""
    if settings == LogSettings() or folder.log_keeping.exists() or folder.journal.exists():
        return
    asked = {
        "format": 1,
        "sys_log_folder": _absolute(settings.sys_log_file_path),
        "trade_log_folder": _absolute(settings.trade_log_file_path),
        "risk_log_folder": _absolute(settings.trade_log_file_path),
        "max_bytes": settings.rotation.max_bytes,
        "daily": settings.rotation.daily,
    }
    write_atomic(folder.log_keeping, json.dumps(asked, indent=2) + "\n")


def _absolute(place: str) -> str:
    return str(Path(place).resolve()) if place else ""


def rotation_of(folder: SessionFolder) -> Rotation:
    """Return when a session's logs are turned over."""
    kept = folder.how_logs_are_kept()
    if not kept:
        return LogSettings().rotation
    return Rotation(kept["max_bytes"], kept["daily"])
