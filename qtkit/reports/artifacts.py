"""Everything in a session's folder that is rebuilt from its journal.

``session_metadata.json``, ``config.json`` and the journal are inputs, and nothing here writes them.
``sys.log`` was written as things happened, the feed's export and the tables as they were delivered;
so were ``trade.log`` and ``risk.log``, which can be made again like the rest, byte for byte.
"""

from __future__ import annotations

import hashlib

from qtkit.core.calendars import exchange_calendar
from qtkit.core.file_reader import read_object
from qtkit.core.paths import SessionFolder, write_atomic
from qtkit.core.render import json_text
from qtkit.journal import read_journal
from qtkit.model.events import JsonObject
from qtkit.projections.session_view import SessionView
from qtkit.reports.session_figures import metrics_json, report_json
from qtkit.reports.session_report import run_report
from qtkit.reports.trades import risk_lines, trade_lines, trades_csv
from qtkit.runtime.session_status import write_status
from qtkit.trading.engine.logs.rotating_file import rewrite_log
from qtkit.trading.engine.logs.settings import rotation_of
from qtkit.trading.engine.logs.trade_logs import TRADE_HEAD

_NOT_AFFECTED = (
    "The journal is not affected; move the file away and rebuild, the report then names no versions"
)

__all__ = [
    "journal_digest",
    "read_metadata",
    "rebuild",
    "session_view",
    "write_reports",
]


def rebuild(folder: SessionFolder) -> SessionView:
    """Make every artifact anew, trade.log and risk.log too; raises as `write_reports`."""
    view = write_reports(folder)
    zone, rotation = exchange_calendar(view.opening.exchange).zone, rotation_of(folder)
    rewrite_log(folder.trade_log, trade_lines(view, zone), rotation, TRADE_HEAD)
    rewrite_log(folder.risk_log, risk_lines(view, folder.session_id, zone), rotation)
    return view


def write_reports(folder: SessionFolder) -> SessionView:
    """Write what a session came to, from journal and metadata, and return what was read.

    Raises
    ------
    DataError
        If there is no journal, it is empty, or the metadata are damaged.
    JournalCorrupt
        If the journal cannot be trusted; nothing was written.
    """
    view = session_view(folder)
    metadata = read_metadata(folder)
    zone = exchange_calendar(view.opening.exchange).zone
    source: JsonObject = {
        "journal": folder.journal.relative_to(folder.path).as_posix(),
        "digest": journal_digest(folder),
        "entries": view.last.seq,
    }
    metrics = {"format": 1, "rebuilt_from": source, **metrics_json(view)}
    written = {
        folder.metrics: json_text(metrics),
        folder.report: json_text(report_json(view, metadata, source)),
        folder.run_report: run_report(view, metadata),
        folder.trades: trades_csv(view, zone),
    }
    for path, text in written.items():
        write_atomic(path, text)
    write_status(folder, view.status)
    return view


def session_view(folder: SessionFolder) -> SessionView:
    """Return what a session's journal adds up to; raises as `rebuild`."""
    return SessionView.of(read_journal(folder.journal))


def journal_digest(folder: SessionFolder) -> str:
    """Return the sha256 of the journal's bytes, hex: what ``sha256sum`` prints."""
    with folder.journal.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(folder: SessionFolder) -> JsonObject:
    """Return `session_metadata.json`; ``{}`` where a session was started without one.

    Raises
    ------
    DataError
        If it is no JSON object.
    """
    try:
        return read_object(folder.metadata, "an object", _NOT_AFFECTED)
    except FileNotFoundError:
        return {}
