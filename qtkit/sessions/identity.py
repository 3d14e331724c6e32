"""What a session is, written once at its start: session_metadata.json and config.json."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from qtkit.core.clock import wall_time
from qtkit.core.files import append_line, write_atomic
from qtkit.core.paths import SessionFolder
from qtkit.core.provenance import commit_of, package_folder, toolkit_version
from qtkit.core.render import json_text
from qtkit.market.tables.bar_table import bars_fingerprint
from qtkit.model.bars import Bars
from qtkit.model.events import JsonObject
from qtkit.runtime.settings import settings_digest
from qtkit.trading.strategy.loader import source_digest

__all__ = ["code_fingerprint", "data_fingerprint", "metadata_of", "write_identity"]

_DIRTY = "+dirty"


def data_fingerprint(bars: Mapping[str, Bars]) -> JsonObject:
    """Return the sha256 of the bars that a session may see, per symbol and in total.

    A symbol's is the one that ``qtkit data fingerprint`` prints for the same bars in a table.
    """
    symbols = {symbol: bars_fingerprint(bars[symbol]) for symbol in sorted(bars)}
    lines = "".join(f"{symbol} {digest}\n" for symbol, digest in symbols.items())
    return {"total": hashlib.sha256(lines.encode()).hexdigest(), "symbols": symbols}


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


def metadata_of(
    folder: SessionFolder,
    *,
    mode: str,
    account: str,
    settings: dict[str, Any],
    bars: Mapping[str, Bars],
    strategy: Path | None,
) -> JsonObject:
    """Return who a session is: ids, versions, fingerprints, seed, and the wall time.

    Parameters
    ----------
    settings
        As the journal's first line has them.
    bars
        Those that the session may see.
    strategy
        The strategy's file, if it has one.
    """
    commit = commit_of(package_folder())
    return {
        "format": 1,
        "session_id": folder.session_id,
        "mode": mode,
        "account": account,
        "request_id": None,
        "toolkit_version": toolkit_version(),
        "python_version": platform.python_version(),
        "commit": commit.removesuffix(_DIRTY),
        "dirty": commit.endswith(_DIRTY),
        "config_fingerprint": settings_digest(settings),
        "data_fingerprint": data_fingerprint(bars),
        "code_fingerprint": code_fingerprint(strategy),
        "seed": settings["seed"],
        "started_wall_time": wall_time().isoformat(),
    }


def write_identity(folder: SessionFolder, metadata: JsonObject, config: JsonObject) -> None:
    """Write both files, each once: a session that is resumed keeps what it started with.

    When it came back is noted beside them.
    """
    if folder.metadata.exists():
        append_line(folder.returns, json.dumps({"at": wall_time().isoformat()}))
    for path, content in ((folder.metadata, metadata), (folder.config, config)):
        if not path.exists():
            write_atomic(path, json_text(content))
