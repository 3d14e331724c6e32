"""What a session is made of beside its settings: strategy code, trading rules, and data."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

from qtkit.core.calendars import Calendar
from qtkit.core.config.secret import masked
from qtkit.core.paths import SessionFolder
from qtkit.core.provenance import package_folder
from qtkit.market.instruments import InstrumentTable, instrument_table
from qtkit.model.events import Digests
from qtkit.projections.session_terms import data_digest, settings_digest
from qtkit.runtime.settings import SessionSettings
from qtkit.runtime.spec import REAL_TIME, SessionSpec
from qtkit.trading.strategy.loader import source_digest
from qtkit.trading.strategy.protocol import StrategySpec

__all__ = ["code_digest", "data_sources", "folder_instruments", "opening_digests"]


def code_digest(spec: StrategySpec, source: Path | None) -> str:
    """Return the sha256 of a strategy's file, hex; "" where it has none of its own.

    Parameters
    ----------
    source
        Its file, if it was loaded from one; else the file that its maker stands in.
    """
    file = source or _file_of(spec)
    return source_digest(file) if file is not None and file.is_file() else ""


def _file_of(spec: StrategySpec) -> Path | None:
    try:
        name = inspect.getsourcefile(inspect.unwrap(spec.make))
    except TypeError:
        return None
    file = Path(name) if name else None
    return None if file is None or file.is_relative_to(package_folder()) else file


def folder_instruments(folder: SessionFolder) -> InstrumentTable:
    """Return the table of instruments that a session was given."""
    own = folder.instruments
    return instrument_table(own if own.is_file() else "")


def data_sources(spec: SessionSpec, calendar: Calendar, bars: str = "") -> dict[str, str]:
    """Return where a session's bars and dates come from, as its first line has it.

    Parameters
    ----------
    bars
        Sha256 of all columns of the bars that are known ahead, if they are.
    """
    kind, address = "recorded", spec.settings.data
    if spec.kind == REAL_TIME:
        kind, address = spec.settings.feed.kind, _address(spec.settings)
    return {
        "kind": spec.kind,
        "feed.kind": kind,
        "feed.address": address,
        "calendar": _calendar(spec.settings, calendar),
        **({"bars": bars} if bars else {}),
    }


def _address(settings: SessionSettings) -> str:
    feed = settings.feed
    if feed.path:
        return str(Path(feed.path).resolve())
    return masked(feed.url)


def _calendar(settings: SessionSettings, calendar: Calendar) -> str:
    """Return the calendar's name, and the digest of what extends it."""
    if not settings.calendar_overlay:
        return calendar.name
    content = Path(settings.calendar_overlay).read_bytes()
    return f"{calendar.name} with {hashlib.sha256(content).hexdigest()[:16]}"


def opening_digests(
    spec: SessionSpec,
    settings: dict[str, object],
    data: dict[str, str],
    instruments: InstrumentTable,
) -> Digests:
    """Return what a session that begins now lives under."""
    return Digests(
        settings=settings_digest(settings),
        code=code_digest(spec.strategy, spec.source),
        instruments=instruments.digest(spec.strategy.symbols),
        data=data_digest(data, []),
    )
