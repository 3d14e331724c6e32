"""Journals, account folders and session folders: what a session leaves for the next one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from qtkit.core.paths import AccountFolder, OutputRoot, SessionFolder
from qtkit.journal import read_journal, summarise
from qtkit.journal.codec import START, digest
from qtkit.model.events import Entry
from qtkit.runtime.build import build
from tests.fuzz.border import Border, command_line, outcome_of
from tests.fuzz.corpus import ACCOUNT, DAYS, Corpus, Standing, standing_of
from tests.fuzz.mutations import BYTES, JSON, Dice, change_json, json_text, mutated

_LINES = 150  # of a journal: enough for every kind of damage
_BETTER = {"pass", "warn"}


def session_borders(corpus: Corpus) -> Iterator[Border]:
    """Yield them."""

    @cache
    def sound(name: str) -> Standing:
        """Return what a start on the sound account finds."""
        source: OutputRoot = getattr(corpus, name)
        copy = source.path.with_name(f"{name}-started")
        shutil.copytree(source.path, copy)
        return _started(corpus, OutputRoot(copy), DAYS[2] if name == "finished" else DAYS[1])

    @cache
    def sound_check() -> str:
        """Return what the checklist says of the sound session."""
        words = ("check", "--json", "--session", str(corpus.session.path))
        return command_line(*words, "--root", str(corpus.finished.path)).out

    def journal(dice: Dice, folder: Path) -> None:
        """A journal that can be read tells what it was written with, or the beginning of it."""
        path = folder / "journal.jsonl"
        path.write_bytes(mutated(_beginning(corpus), dice, JSON))
        found = outcome_of(lambda: (tuple(read_journal(path)), summarise(path)), names=path.name)
        if found.refusal is None:
            entries, summary = found.value
            _is_beginning(entries, corpus.entries)
            assert summary.entries == len(entries)

    def account(dice: Dice, folder: Path) -> None:
        """A start on a damaged account finds what was there, or is refused and writes nothing."""
        name = dice.pick(("finished", "finished", "cut"))
        source, day = getattr(corpus, name), DAYS[2] if name == "finished" else DAYS[1]
        expected = sound(name)
        root = OutputRoot(Path(shutil.copytree(source.path, folder / "outputs")))
        _damage_account(root, dice)
        before = _listing(root.path)
        found = outcome_of(lambda: _started(corpus, root, day))
        if found.refusal is None:
            assert found.value == expected, f"it starts with {found.value}, not {expected}"
        else:
            assert _listing(root.path) == before, "refused, and something was written"

    def session(dice: Dice, folder: Path) -> None:
        """A reader of a damaged folder tells what is wrong; no verdict becomes better by damage."""
        root = OutputRoot(Path(shutil.copytree(corpus.finished.path, folder / "outputs")))
        place = SessionFolder(root.path / "paper_sessions" / corpus.session.session_id)
        _damage(dice.pick(_files(place.path)), dice)
        words = [word.format(session=place.path) for word in dice.pick(_READERS)]
        printed = command_line(*words, "--root", str(root.path)) if words[0] != "journal" else (
            command_line(*words)
        )  # fmt: skip
        if words[0] == "check" and printed.code in {0, 1, 5}:
            _no_better(json.loads(printed.out), json.loads(sound_check()))

    yield Border("journal", journal)
    yield Border("account", account)
    yield Border("session", session)


# --- journals ------------------------------------------------------------------------------------


def _is_beginning(found: Sequence[Entry], sound: Sequence[Entry]) -> None:
    """Demand the first of the sound entries; nothing vouches for a last line by itself."""
    assert len(found) <= len(sound), "more entries than were written"
    certain = found[:-1]
    assert _canonical(certain) == _canonical(sound[: len(certain)]), "an entry was changed unseen"


def _beginning(corpus: Corpus) -> bytes:
    """Return the first lines of the session's journal."""
    return b"".join(corpus.session.journal.read_bytes().splitlines(keepends=True)[:_LINES])


def _canonical(entries: Sequence[Entry]) -> bytes:
    return msgspec.json.encode(entries)


def rechained(lines: Sequence[bytes]) -> bytes:
    """Return journal lines with numbers and links that fit: what somebody could forge."""
    link, made = START, list[bytes]()
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        row["seq"], row["prev"] = number, link
        made.append(json_text(row).replace(b": ", b":").replace(b", ", b",") + b"\n")
        link = digest(made[-1])
    return b"".join(made)


# --- accounts ------------------------------------------------------------------------------------


def _started(corpus: Corpus, root: OutputRoot, day: Any) -> Standing:  # noqa: ANN401 - a date
    run = build(replace(corpus.plan(day, first=47), account=ACCOUNT), root)
    try:
        run.engine.start()
        return standing_of(run)
    finally:
        run.close()


def _listing(root: Path) -> dict[str, bytes | None]:
    """Return all that is there; locks and what SQLite keeps beside a book do not count."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if not path.name.endswith((".lock", "-wal", "-shm"))
    }


def _damage_account(root: OutputRoot, dice: Dice) -> None:
    """Damage what a start reads: the account's folder, or a journal of its chain."""
    place = root.account("paper", ACCOUNT)
    journals = [SessionFolder(p).journal for p in sorted(root.sessions("paper").iterdir())]
    choices = (place.record, place.chain, place.chain, place.broker_book, *journals, journals[-1])
    target = dice.pick(choices)
    match dice.below(10):
        case 0 if target in journals:
            _forge(target, dice)
        case 1:
            _exchange(place, journals, dice)
        case _:
            _damage(target, dice)


def _forge(journal: Path, dice: Dice) -> None:
    """Alter a journal so that its own chain holds."""
    lines = journal.read_bytes().splitlines()
    at = dice.below(len(lines))
    match dice.below(3):
        case 0:
            lines = lines[: at + 1]
        case 1:
            del lines[at]
        case _:
            lines[at] = json_text(change_json(json.loads(lines[at]), dice))
    try:
        journal.write_bytes(rechained(lines))
    except (ValueError, TypeError, KeyError, RecursionError):
        journal.write_bytes(b"\n".join(lines))


def _exchange(place: AccountFolder, journals: Sequence[Path], dice: Dice) -> None:
    """Put one file in the place of another, or take a folder away."""
    match dice.below(4):
        case 0:
            shutil.copy(journals[0], journals[-1])
        case 1:
            shutil.rmtree(dice.pick(journals).parents[1])
        case 2:
            shutil.rmtree(dice.pick(journals).parent)
        case _:
            place.chain.write_bytes(b"".join(place.chain.read_bytes().splitlines(True)[:1]))


def _damage(target: Path, dice: Dice) -> None:
    """Damage a file: its bytes, or that it is one."""
    kind = dice.below(60)
    if kind < 5:
        target.write_bytes(b"")
    elif kind < 20:
        target.unlink()
        _HINDRANCES[kind % 5 if kind == 19 else kind % 3](target)
    else:
        kinds = BYTES if target.suffix in {".sqlite", ".parquet"} else JSON
        target.write_bytes(mutated(target.read_bytes(), dice, kinds))


def _nothing(_: Path) -> None:
    """Leave the file away."""


_HINDRANCES = (
    _nothing,
    Path.mkdir,
    lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to(path.name),
    os.mkfifo,
)


# --- folders -------------------------------------------------------------------------------------

_READERS = (
    ("check", "--json", "--session", "{session}"),
    ("check", "--json", "--session", "{session}"),
    ("check", "--json"),
    ("sheet", "{session}"),
    ("attach", "{session}", "-c", "status"),
    ("attach", "{session}", "-c", "orders"),
    ("attach", "{session}", "-c", "health"),
    ("rotatelogs", "--days", "0", "--dry-run"),
    ("journal", "verify", "{session}"),
    ("journal", "tail", "{session}"),
)


def _files(folder: Path) -> list[Path]:
    """Return a session's files, the small ones that programs read more often than the rest."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    return found + [path for path in found if path.suffix == ".json"] * 2


def _no_better(found: Any, sound: Any) -> None:  # noqa: ANN401 - JSON of reports
    """Demand that what is good now was good before the damage."""
    good, before = _good(found), _good(sound)
    assert good <= before, f"better by damage: {sorted(good - before)}"


def _good(reports: Any) -> set[str]:  # noqa: ANN401 - JSON of reports
    found, waiting = set[str](), [reports]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("status") in _BETTER and "rule" in one:
                found.add(str(one["rule"]))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found
