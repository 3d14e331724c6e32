"""The session itself: choose, start, attach, pause, resume, stop, and where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtkit.core.errors import ConfigError
from qtkit.desk import views
from qtkit.desk.commands.command_table import DESK_COMMANDS
from qtkit.desk.panels.panel import Panel, command_button
from qtkit.desk.panels.widgets import Button, Choice, Element, Field, Kit
from qtkit.desk.report import Report
from qtkit.desk.table_view import facts
from qtkit.desk.views.health import countdown, health
from qtkit.model.modes import ACCOUNT_MODES
from qtkit.model.status import EngineStatus
from qtkit.runtime.factories import FEEDS
from qtkit.runtime.session_finder import sessions_by_start
from qtkit.runtime.settings import declared_default
from qtkit.sessions.remote import RemoteSession, open_session

__all__ = ["SessionPanel"]

_FRESH = "a fresh one"
_USUAL = declared_default("mode")
_MODES = (_USUAL, *(mode for mode in ACCOUNT_MODES if mode != _USUAL))
_PLACE = {"csv": "path", "parquet": "path", "http": "url"}
_CAN_PAUSE = {EngineStatus.RUNNING, EngineStatus.SLEEPING}


class SessionPanel(Panel):
    """Where the session stands, and its beginning and end."""

    name, title = "session", "Session"

    def subject(self) -> Sequence[Report]:
        """Return clock, next task, health in one line, and the whole status."""
        watch = self.watch
        view, now = watch.view, watch.now
        signs = health(watch.view, watch.signs)
        rows = facts(
            "clock",
            ("session", watch.folder.session_id),
            ("clock", f"{now:%Y-%m-%d %H:%M:%S} {view.zone.key}"),
            ("next task", countdown(view, now)),
            ("health", " · ".join(f"{what} {word}" for what, word, _ in signs.rows)),
        )
        return self.dated(rows), self.section("Status", views.status(view, alive=watch.alive))

    def controls(self, kit: Kit) -> Sequence[Element]:
        """Return the controls: of the session that is there, and to come to another."""
        return (
            kit.row(
                command_button(kit, "pause", lambda: self._command("pause"), style="warning"),
                command_button(kit, "resume", lambda: self._command("resume"), style="success"),
                command_button(kit, "stop", lambda: self._command("stop"), style="danger"),
            ),
            kit.row(
                kit.choice("known", "Session", ()),
                kit.button("attach", "Attach", self._attach, hint="Look at this session"),
                kit.button("reload", "Reload list", self._offer),
            ),
            kit.row(
                kit.field("strategy", "Strategy", hint="a strategy's file"),
                kit.choice("mode", "Mode", _MODES),
                kit.choice("account", "Account", (_FRESH,)),
                kit.field("new_account", "New account", hint="a name; empty: none"),
            ),
            kit.row(
                kit.choice("feed", "Data", FEEDS.names()),
                kit.field("place", "File or address", hint="for csv, parquet and http"),
                kit.field("settings", "Settings", hint="TOML: step_minutes = 5", lines=3),
                kit.button("start", "Start", self._start, style="primary"),
            ),
        )

    def build(self, kit: Kit) -> Element:
        """Make the widgets, and list what there is: what stops is on top, what starts is below."""
        stopping, *starting = self.controls(kit)
        root = kit.column(stopping, kit.text("news"), kit.text("subject"), *starting)
        self._offer()
        return root

    def _offer(self) -> None:
        """Offer the sessions and accounts that are there."""
        root = self.watch.root
        self.part("known", Choice).offer([f.session_id for f in sessions_by_start(root)])
        accounts = [p.name for p in _folders(root.path / "accounts" / "paper")]
        self.part("account", Choice).offer((_FRESH, *sorted(accounts)))

    def answered(self) -> None:
        """List what there is now: a start makes a session, and perhaps an account."""
        if self.is_open:
            self._offer()

    def adjust(self) -> None:
        """Let be asked what the engine could do."""
        watch = self.watch
        state = watch.view.state
        lives = watch.has_session and watch.alive and not state.ended
        self.part("pause", Button).enable(on=lives and state.status in _CAN_PAUSE)
        self.part("resume", Button).enable(on=lives and state.status is EngineStatus.PAUSED)
        self.part("stop", Button).enable(on=lives)

    def _command(self, verb: str) -> None:
        work, by = DESK_COMMANDS[verb], self.watch.by
        self.ask(verb, lambda session: work.run(session, by))

    def _attach(self) -> None:
        chosen = self.part("known", Choice).value
        if not chosen:
            raise ConfigError("there is no session yet; start one")
        self.watch.attach(open_session(chosen, root=self.watch.root))
        self.refresh()

    # --- starting ----------------------------------------------------------------------------

    def _start(self) -> None:
        request = self._asked_for()
        self.fetch(f"start {request['strategy']}", lambda: self._started(request))

    def _asked_for(self) -> dict[str, Any]:
        """Return the arguments of a start.

        Raises
        ------
        ConfigError
            If a field says nothing that can be understood.
        """
        fields = {n: self.part(n, Field).value for n in ("strategy", "new_account", "place")}
        account = self.part("account", Choice).value
        if not fields["strategy"]:
            raise ConfigError("strategy: name a strategy's file")
        return {
            "strategy": fields["strategy"],
            "account": None if account == _FRESH else account,
            "new_account": fields["new_account"] or None,
            "root": self.watch.root.path,
            "settings": self._settings(fields["place"]),
        }

    def _settings(self, place: str) -> Mapping[str, Any]:
        kind, mode = self.part("feed", Choice).value, self.part("mode", Choice).value
        try:
            typed = tomllib.loads(self.part("settings", Field).value)
        except (ValueError, RecursionError) as problem:
            raise ConfigError(f"settings: {problem}; expected lines such as seed = 7") from None
        feed = {"kind": kind, **({_PLACE[kind]: place} if kind in _PLACE else {})}
        given = typed.pop("feed", {})
        return {"mode": mode, **typed, "feed": {**feed, **given}}

    def _started(self, request: Mapping[str, Any]) -> Report:
        """Start a session in a process of its own, and look at it."""
        session = RemoteSession.start(**request)
        self.watch.attach(session)
        rows = facts(
            "start", ("session", session.session_id), ("status", session.status()["status"])
        )
        return Report(name="start", heading=f"started {session.session_id}", parts=(rows,))


def _folders(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
