"""Power cuts without pretending: the disk as it stood at every moment of a day, put back elsewhere.

The day is lived through once. After each journal write and after each step that the broker keeps
everything under the root is remembered. A cut is that disk, restored in another place, and a new
process's worth of objects coming back to it: nothing of the first life is left but its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from qtkit.adapters.embedded.misreporting_broker import MisreportingBroker
from qtkit.core.paths import OutputRoot
from qtkit.journal import read_journal
from qtkit.model.events import CommandReceived, Entry
from qtkit.runtime.build import build
from qtkit.runtime.run import Run
from qtkit.runtime.spec import SessionSpec
from qtkit.trading.brokers.protocol import Ack, Order
from qtkit.trading.brokers.sim.broker import SimBroker

ACCOUNT = "main"
_VOLATILE = "-shm"  # SQLite's shared memory: gone with the machine


class Way(StrEnum):
    """The four ways in which power goes."""

    AFTER_WRITE = "after a journal write"
    BEFORE_ANSWER = "after a broker commit, before its answer"
    TORN = "in the middle of a journal line"
    UNSYNCED = "with everything since the last fsync"


@dataclass(frozen=True, slots=True)
class Disk:
    """Every file at one moment; the journal by its length alone, since it only grows."""

    files: dict[Path, bytes]
    written: int  # bytes of the journal
    synced: int  # of them, on disk for sure


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One moment at which the power can go."""

    way: Way
    number: int  # of the write, or of the commit
    at: datetime
    disk: Disk
    sent: tuple[str, ...]  # order ids that reached the broker's door so far

    def __str__(self) -> str:
        return f"{self.way}, number {self.number}, {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def journal_bytes(self) -> int:
        """How much of the journal survives."""
        return self.disk.synced if self.way is Way.UNSYNCED else self.disk.written


@dataclass(slots=True)
class Recording:
    """A whole day, and every cut it offers."""

    plan: SessionSpec
    root: Path
    journal: Path  # relative to the root
    cuts: dict[Way, list[Cut]] = field(default_factory=lambda: {way: [] for way in Way})
    sent: list[str] = field(default_factory=list)
    story: bytes = b""  # the whole journal
    heard: int = 0  # commands in the journal before this life

    def part(self, way: Way, part: int, of: int) -> Sequence[Cut]:
        """Return one of `of` parts of the cuts of a way."""
        return self.cuts[way][part::of]


class CountingBroker(MisreportingBroker):
    """A simulated broker that notes each order id at its door; it reports all as it is."""

    def __init__(self, broker: SimBroker, sent: list[str]) -> None:
        super().__init__(broker, told=[])
        self._sent = sent

    def submit(self, order: Order) -> Ack:
        self._sent.append(order.order_id)
        return super().submit(order)


class _Camera:
    """Remembers the disk, reading again only what has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = dict[Path, tuple[tuple[int, int, int], bytes]]()

    def disk(self, journal: Path, written: int, synced: int) -> Disk:
        files = {}
        for path in self._root.rglob("*"):
            if path.is_dir() or path == journal or path.name.endswith(_VOLATILE):
                continue
            files[path.relative_to(self._root)] = self._content(path)
        return Disk(files, written, synced)

    def _content(self, path: Path) -> bytes:
        facts = path.stat()
        key = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        known = self._seen.get(path)
        if known is None or known[0] != key:
            known = self._seen[path] = (key, path.read_bytes())
        return known[1]


def record(
    plan: SessionSpec,
    root: Path,
    *,
    prelude: SessionSpec | None = None,
    sent: Sequence[str] = (),
    heard: int = 0,
) -> Recording:
    """Live through a day once, on an account that may have lived through another before.

    Parameters
    ----------
    plan
        The life to be recorded; it says when it starts. A session that was cut before is resumed.
    root
        Where everything is written.
    prelude
        An earlier day of the account.
    sent, heard
        Order ids that were sent before, and how many commands the journal had.
    """
    if prelude is not None:
        build(replace(prelude, account=ACCOUNT), OutputRoot(root)).run()
    recording = Recording(plan, root, Path(), sent=list(sent), heard=heard)
    photographer = _Photographer(recording)
    watched = replace(
        plan,
        journal_observer=photographer.journal_moved,
        broker_observer=photographer.broker_kept,
        wrap_broker=lambda broker: CountingBroker(broker, recording.sent),
    )
    run = build(replace(watched, account=ACCOUNT), OutputRoot(root))
    photographer.meet(run)
    run.run()
    recording.journal = run.folder.journal.relative_to(root)
    recording.story = run.folder.journal.read_bytes()
    return recording


class _Photographer:
    """Takes a picture of the disk whenever something was written."""

    def __init__(self, recording: Recording) -> None:
        self._recording, self._camera = recording, _Camera(recording.root)
        self._run: Run | None = None
        self._written = self._synced = self._commits = 0

    def meet(self, run: Run) -> None:
        """Get to know the run; what its journal has so far is on disk for sure."""
        self._run = run
        self._written = self._synced = run.folder.journal.stat().st_size

    def journal_moved(self, what: str, entry: Entry) -> None:
        assert self._run is not None
        self._written = self._run.folder.journal.stat().st_size
        if what == "synced":
            self._synced = self._written
            return
        disk = self._picture()
        for way in (Way.AFTER_WRITE, Way.TORN, Way.UNSYNCED):
            self._cut(way, entry.seq, disk)

    def broker_kept(self) -> None:
        self._commits += 1
        disk = self._picture()
        self._cut(Way.BEFORE_ANSWER, self._commits, disk)
        self._cut(Way.UNSYNCED, -self._commits, disk)  # the same moment, its journal not synced

    def _picture(self) -> Disk:
        journal = self._run.folder.journal if self._run else self._recording.root / "none"
        return self._camera.disk(journal, self._written, self._synced)

    def _cut(self, way: Way, number: int, disk: Disk) -> None:
        recording = self._recording
        at = self._run.clock.now() if self._run else recording.plan.start
        assert at is not None, "a recorded plan says when it starts"
        sent = tuple(recording.sent)
        recording.cuts[way].append(Cut(way=way, number=number, at=at, disk=disk, sent=sent))


def restored(recording: Recording, cut: Cut, place: Path) -> OutputRoot:
    """Put the disk of a cut back in another place."""
    for path, content in cut.disk.files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    kept = recording.story[: cut.journal_bytes]
    if cut.way is Way.TORN:
        kept = _torn(kept)
    if kept or cut.journal_bytes:
        (place / recording.journal).write_bytes(kept)
    return OutputRoot(place)


def _torn(journal: bytes) -> bytes:
    """Return a journal whose last line stops in its middle."""
    start = journal.rstrip(b"\n").rfind(b"\n") + 1
    return journal[: (start + len(journal)) // 2]


def return_plan(recording: Recording, cut: Cut, place: Path) -> SessionSpec:
    """Return how life goes on after a cut, on the disk that was restored in `place`.

    The operator repeats what the engine has not heard, as soon as it is back.
    """
    back = cut.at + downtime(cut)
    heard = commands_in(place / recording.journal)
    asked = [(max(at, back), command) for at, command in recording.plan.commands]
    return replace(recording.plan, start=back, commands=tuple(asked[heard - recording.heard :]))


def come_back(recording: Recording, cut: Cut, place: Path, sent: list[str]) -> Run:
    """Start again on the disk of a cut, live the day to its end, and return what was run."""
    root = restored(recording, cut, place)
    plan = replace(
        return_plan(recording, cut, place),
        wrap_broker=lambda broker: CountingBroker(broker, sent),
    )
    run = build(replace(plan, account=ACCOUNT), root)
    run.run()
    return run


def commands_in(journal: Path) -> int:
    """Return how many commands a journal has, a torn one not counted."""
    if not journal.exists():
        return 0
    return sum(isinstance(e.event, CommandReceived) for e in read_journal(journal))


_DOWN = (0.0, 20.0, 75.0)  # seconds: back at once, within the minute, past the next pulse


def downtime(cut: Cut) -> timedelta:
    """Return how long the machine stays dark after a cut: a function of the cut's number."""
    return timedelta(seconds=_DOWN[cut.number % len(_DOWN)])
