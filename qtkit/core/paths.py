"""The one place that spells file names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError
from qtkit.core.file_reader import read_object
from qtkit.core.files import append_line, make_folder, new_folder, on_disk, write_atomic
from qtkit.core.input_text import quoted

__all__ = [
    "AccountFolder",
    "OutputRoot",
    "RunFolder",
    "SessionFolder",
    "TableFolder",
    "append_line",
    "has_lines",
    "lock_of",
    "log_part",
    "log_parts",
    "next_log_part",
    "on_disk",
    "session_id_of",
    "write_atomic",
]

_LOGS_ELSEWHERE = (
    "It alone knows where the logs of this session are; write it anew from what config.json asked "
    "for"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def log_part(log: Path, day: str, number: int) -> Path:
    """Return the file that a log was turned over into.

    Examples
    --------
    >>> log_part(Path("risk.log"), "2026-03-04", 1).name
    'risk.log.20260304.1'
    """
    return log.with_name(f"{log.name}.{day.replace('-', '')}.{number}")


def log_parts(log: Path) -> tuple[Path, ...]:
    """Return the files of a log that are there, oldest first; the one still written is the last."""
    parts = sorted(_numbered_parts(log))
    return (*(path for _, _, path in parts), *((log,) if log.exists() else ()))


def next_log_part(log: Path, day: str) -> Path:
    """Return the file that a log is turned over into next."""
    taken = [number for of, number, _ in _numbered_parts(log) if of == day.replace("-", "")]
    return log_part(log, day, max(taken, default=0) + 1)


def _numbered_parts(log: Path) -> list[tuple[str, int, Path]]:
    pattern = re.compile(re.escape(log.name) + r"\.(\d{8})\.([1-9]\d*)")
    found = (pattern.fullmatch(name) for name in _names_in(log.parent))
    return [(m[1], int(m[2]), log.with_name(m[0])) for m in found if m]


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def safe_name(name: str, what: str) -> str:
    """Return a name that is safe as a folder name.

    Raises
    ------
    ConfigError
        If it is not letters, digits, ``_``, ``.`` and ``-``, at most 64 of them.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{what} {quoted(name)} cannot be a folder name: use letters, digits, '_', '.' and "
            "'-', at most 64, starting with a letter or digit"
        )
    return name


def has_lines(folder: SessionFolder) -> bool:
    """Whether a session's journal is there and has begun."""
    try:
        return folder.journal.stat().st_size > 0
    except OSError:
        return False


def session_id_of(started: datetime, mode: str, settings_digest: str) -> str:
    """Return ``YYYYMMDD_HHMMSS_<mode>_<hash7>``.

    Examples
    --------
    >>> session_id_of(datetime(2026, 3, 4, 1, 10, tzinfo=UTC), "paper", "ab12cd34")
    '20260304_011000_paper_ab12cd3'
    """
    return f"{started.astimezone(UTC):%Y%m%d_%H%M%S}_{mode}_{settings_digest[:7]}"


def lock_of(path: Path) -> Path:
    """Return the lock that a file's one writer holds.

    Examples
    --------
    >>> lock_of(Path("artifacts/journal.jsonl")).name
    'journal.jsonl.lock'
    """
    return path.with_name(f"{path.name}.lock")


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """One session's files."""

    path: Path

    @property
    def session_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def metadata(self) -> Path:
        """Identity, written once."""
        return self.path / "session_metadata.json"

    @property
    def returns(self) -> Path:
        """When the session came back after a crash, one line each, by the machine's time."""
        return self.path / "session_returns.jsonl"

    @property
    def status(self) -> Path:
        """Lifecycle, rewritten from the journal."""
        return self.path / "session_status.json"

    @property
    def config(self) -> Path:
        """What was asked for."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """Numbers, all from the ledger."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """Canonical result."""
        return self.path / "report.json"

    @property
    def run_report(self) -> Path:
        """The result for people."""
        return self.path / "run_report.md"

    @property
    def trades(self) -> Path:
        """Fills, one row each."""
        return self.path / "trades.csv"

    @property
    def artifacts(self) -> Path:
        """What the session left for people and checks."""
        return self.path / "artifacts"

    @property
    def journal(self) -> Path:
        """What happened: the truth."""
        return self.artifacts / "journal.jsonl"

    @property
    def feed(self) -> Path:
        """What the feed delivered, of a session that has ended."""
        return self.artifacts / "feed.parquet"

    @property
    def instruments(self) -> Path:
        """The file of instruments that the session was given, where there was one."""
        return self.artifacts / "instruments.toml"

    @property
    def feed_polls(self) -> Path:
        """What the feed delivered, poll by poll, of a session that has not ended."""
        return self.artifacts / "feed.polls"

    @property
    def log_keeping(self) -> Path:
        """How the session's logs are kept, where that is not as usual."""
        return self.artifacts / "logs.json"

    @property
    def log_removals(self) -> Path:
        """Which logs an operator had removed, and when."""
        return self.artifacts / "removed_logs.jsonl"

    @property
    def sys_log(self) -> Path:
        """What the engine said as it happened."""
        return self._log("sys")

    @property
    def console(self) -> Path:
        """What a process without a terminal printed."""
        return self.artifacts / "console.log"

    @property
    def trade_log(self) -> Path:
        """One line for each booked change."""
        return self._log("trade")

    @property
    def risk_log(self) -> Path:
        """One line for each risk refusal."""
        return self._log("risk")

    def _log(self, kind: str) -> Path:
        """Return a log's file; it may be elsewhere, and is named after the session then."""
        folder = self.how_logs_are_kept().get(f"{kind}_log_folder")
        if not folder:
            return self.artifacts / f"{kind}.log"
        return Path(folder) / f"{self.session_id}.{kind}.log"

    def how_logs_are_kept(self) -> Mapping[str, Any]:
        """Return what was written when the session began; {} where all is as usual.

        Raises
        ------
        DataError
            If that file is damaged.
        """
        try:
            return read_object(self.log_keeping, "an object", _LOGS_ELSEWHERE)
        except FileNotFoundError:
            return {}

    @property
    def break_point(self) -> Path:
        """Strategy state and book at the stop."""
        return self.artifacts / "break_point.json"

    @property
    def reconcile(self) -> Path:
        """Reconciliations by time."""
        return self.artifacts / "reconcile"

    @property
    def snapshots(self) -> Path:
        """What each step was prepared with, by date and step."""
        return self.artifacts / "snapshots"

    @property
    def tables(self) -> Path:
        """The session's own copy of what it refilled."""
        return self.artifacts / "tables"

    @property
    def stages(self) -> Path:
        """Stage reports."""
        return self.artifacts / "stages"

    @property
    def run_facts(self) -> Path:
        """What whoever ran a scenario saw beside its journal."""
        return self.artifacts / "run_facts.json"

    @property
    def sheet(self) -> Path:
        """What operators wrote on the days' sheets."""
        return self.artifacts / "sheet.json"

    def day_record(self, day: date) -> Path:
        """Return the record of one of the session's days."""
        return self.artifacts / f"record-{day.isoformat()}.json"


@dataclass(frozen=True, slots=True)
class AccountFolder:
    """What outlives a session."""

    path: Path

    @property
    def name(self) -> str:
        """The account's name."""
        return self.path.name

    @property
    def lock(self) -> Path:
        """Held by the one engine of this account; says who."""
        return self.path / "account.lock"

    @property
    def broker_book(self) -> Path:
        """The simulated broker's own durable book."""
        return self.path / "broker.sqlite"

    @property
    def kill_file(self) -> Path:
        """The second door of the kill switch: while it exists, nothing but reductions leaves."""
        return self.path / "KILL"

    @property
    def lift_request(self) -> Path:
        """Asks the next start to lift the kill switch; see `qtkit.runtime.kill_switch`."""
        return self.path / "LIFT.json"

    @property
    def chain(self) -> Path:
        """The account's sessions, one line each: id, last link, next order number."""
        return self.path / "sessions.jsonl"

    @property
    def record(self) -> Path:
        """What the account was opened with."""
        return self.path / "account.json"

    @property
    def put_away(self) -> Path:
        """Sessions and files that an operator put away on purpose: one a line, by hand."""
        return self.path / "put_away.txt"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One headless notebook run's files."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def notebook(self) -> Path:
        """The executed copy."""
        return self.path / "notebook.ipynb"

    @property
    def record(self) -> Path:
        """What was run, and how it came out."""
        return self.path / "record.json"

    @property
    def report(self) -> Path:
        """The record for people."""
        return self.path / "report.html"

    @property
    def scenarios(self) -> Path:
        """Scenarios that the notebook ran; only those that a finding points to are kept."""
        return self.path / "scenarios"


@dataclass(frozen=True, slots=True)
class TableFolder:
    """One local bar table: a file for each symbol."""

    path: Path

    @classmethod
    def named(cls, root: Path, name: str) -> TableFolder:
        """Return the folder of a table below the folder of all tables."""
        return cls(root / safe_name(name, "table"))

    def file(self, symbol: str) -> Path:
        """Return the file of a symbol's bars."""
        return self.path / f"{safe_name(symbol, 'symbol')}.parquet"

    def lock(self, symbol: str) -> Path:
        """Return the lock that is held while a symbol's file is read, merged and written."""
        return self.path / f".{safe_name(symbol, 'symbol')}.lock"

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have a file, in order."""
        found = (file.stem for file in self.path.glob("*.parquet"))
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


@dataclass(frozen=True, slots=True)
class OutputRoot:
    """The folder everything is written under, ``outputs/`` by default."""

    path: Path

    @classmethod
    def default(cls) -> OutputRoot:
        """Return ``outputs/`` in the working folder."""
        return cls(Path("outputs"))

    def account(self, mode: str, name: str) -> AccountFolder:
        """Return the folder of an account."""
        return AccountFolder(self.path / "accounts" / mode / safe_name(name, "account"))

    def sessions(self, mode: str) -> Path:
        """Return the folder of a mode's sessions."""
        return self.path / f"{mode}_sessions"

    def new_session(self, mode: str, session_id: str) -> SessionFolder:
        """Create and return a session's folder; a number is appended when the id is taken."""
        parent = self.sessions(mode)
        folder = SessionFolder(new_folder(parent, session_id))
        make_folder(folder.artifacts)
        return folder

    @property
    def shell_history(self) -> Path:
        """What was typed in the operator's shell."""
        return self.path / ".shell_history"

    @property
    def run_records(self) -> Path:
        """Headless notebook runs."""
        return self.path / "run_records"

    def new_run(self, run_id: str) -> RunFolder:
        """Create and return a run's folder; a number is appended when the id is taken."""
        return RunFolder(new_folder(self.run_records, run_id))

    @property
    def research_runs(self) -> Path:
        """Research runs (backtests)."""
        return self.path / "runs"

    @property
    def tables(self) -> Path:
        """Local bar tables."""
        return self.path / "tables"

    @property
    def actions(self) -> Path:
        """Local corporate actions: splits and dividends."""
        return self.path / "actions"

    @property
    def series(self) -> Path:
        """Local series of values that are no prices."""
        return self.path / "series"
