"""What a session is, written once at its start: session_metadata.json and config.json."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import lru_cache
from pathlib import Path

from qtkit.core.clock import wall_time
from qtkit.core.files import append_line, write_atomic
from qtkit.core.provenance import commit_of, package_folder, toolkit_version
from qtkit.core.render import json_text
from qtkit.market.tables.bar_table import bars_fingerprints
from qtkit.model.events import JsonObject
from qtkit.projections.session_terms import settings_digest
from qtkit.runtime.run import Run
from qtkit.trading.strategy.loader import source_digest

__all__ = ["code_fingerprint", "write_identity"]

_DIRTY = "+dirty"


def code_fingerprint(strategy: Path | None) -> JsonObject:
    """Return the sha256 of the strategy's file and of the toolkit's sources.

    Parameters
    ----------
    strategy
        None where it did not come from a file; its digest is then "".
    """
    return {
        "strategy": source_digest(strategy) if strategy else "",
        "toolkit": _sources_digest(package_folder()),
    }


@lru_cache(maxsize=2)
def _sources_digest(folder: Path) -> str:
    """Return the sha256 over every module of a package, by path."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def write_identity(run: Run, *, by_hand: bool = False) -> None:
    """Write who a session is and what was asked for, each file once.

    A session that is resumed keeps what it started with; when it came back is noted beside that.

    Parameters
    ----------
    by_hand
        Whether an operator moves its time.
    """
    folder = run.folder
    if folder.metadata.exists():
        append_line(folder.returns, json.dumps({"at": wall_time().isoformat()}))
    if not folder.metadata.exists():
        write_atomic(folder.metadata, json_text(_metadata(run)))
    if not folder.config.exists():
        write_atomic(folder.config, json_text(_config(run, by_hand=by_hand)))


def _metadata(run: Run) -> JsonObject:
    """Return who a session is: ids, versions, fingerprints, seed, and the wall time."""
    commit, data = commit_of(package_folder()), run.plan.data
    return {
        "format": 1,
        "session_id": run.folder.session_id,
        "mode": run.spec.settings.mode,
        "account": run.account.name,
        "request_id": None,
        "toolkit_version": toolkit_version(),
        "python_version": platform.python_version(),
        "commit": commit.removesuffix(_DIRTY),
        "dirty": commit.endswith(_DIRTY),
        "config_fingerprint": settings_digest(run.settings),
        "data_fingerprint": bars_fingerprints(data.delivered() if data else {}),
        "code_fingerprint": code_fingerprint(run.spec.source),
        "seed": run.settings["seed"],
        "started_wall_time": wall_time().isoformat(),
    }


def _config(run: Run, *, by_hand: bool) -> JsonObject:
    """Return what was asked for, and the settings that came of it; secrets are masked."""
    spec = run.spec
    return {
        "format": 1,
        "kind": spec.kind,
        "by_hand": by_hand,
        "strategy": spec.strategy.name,
        "strategy_file": spec.source.name if spec.source else None,
        "day": str(spec.day) if spec.day else None,
        "days": spec.days,
        "start": spec.start.isoformat() if spec.start else None,
        "stop": spec.stop.isoformat() if spec.stop else None,
        "account": spec.account,
        "asked_settings": spec.settings.model_dump(mode="json", exclude_unset=True),
        "settings": {**run.settings, "feed": spec.settings.feed.model_dump(mode="json")},
        "commands": [
            {"at": at.isoformat(), "verb": c.verb, "arguments": c.arguments, "by": c.by}
            for at, c in spec.commands
        ],
    }
