"""An account's files, and how each can be damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from qtkit.core.paths import AccountFolder, SessionFolder

FILES: dict[str, Callable[[AccountFolder, SessionFolder], Path]] = {
    "journal": lambda _, s: s.journal,
    "chain": lambda a, _: a.chain,
    "broker_book": lambda a, _: a.broker_book,
    "status": lambda _, s: s.status,
    "folder": lambda _, s: s.path,
    "account": lambda a, _: a.record,
    "metadata": lambda _, s: s.metadata,
    "config": lambda _, s: s.config,
    "break_point": lambda _, s: s.break_point,
}


def _emptied(path: Path, _: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        path.mkdir()
    else:
        path.write_bytes(b"")


def _removed(path: Path, _: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _cut(path: Path, lines: int) -> None:
    content = path.read_bytes()
    if path.suffix == ".sqlite":
        path.write_bytes(content[: -4096 * lines])
    else:
        path.write_bytes(b"".join(content.splitlines(keepends=True)[:-lines]))


def _one_line_less(path: Path, _: Path) -> None:
    _cut(path, 1)


def _last_lines_less(path: Path, _: Path) -> None:
    """Cut off the last three lines; of a journal everything since the last order was asked for."""
    lines = 3
    if path.suffix == ".jsonl" and path.name == "journal.jsonl":
        kinds = [json.loads(line)["event"]["kind"] for line in path.read_bytes().splitlines()]
        lines = kinds[::-1].index("order_requested") + 1
    _cut(path, lines)


def _older(path: Path, earlier: Path) -> None:
    if path.name == "account.json":
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "opening_cash": "50000"}, indent=2) + "\n")
    elif path.name in {"session_metadata.json", "config.json"}:
        first = min(path.parents[1].iterdir())
        shutil.copy(first / path.name, path)
    elif path.is_dir():
        shutil.rmtree(path)
        shutil.copytree(earlier, path)
    else:
        shutil.copy(earlier, path)


def _flipped(path: Path, _: Path) -> None:
    content = bytearray(path.read_bytes())
    where = content.find(b"q000005") + 6 if path.suffix == ".sqlite" else len(content) // 2
    content[where] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "emptied": _emptied,
    "removed": _removed,
    "one_line_less": _one_line_less,
    "last_lines_less": _last_lines_less,
    "older": _older,
    "flipped": _flipped,
}
