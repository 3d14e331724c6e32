"""How a session shows itself: where it stands while it runs, what it came to when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from qtkit.core.render import Table, html_report, mimebundle, text_report
from qtkit.evidence.recorded import RecordedSession
from qtkit.model.events import JsonObject
from qtkit.reports.artifacts import journal_digest
from qtkit.reports.session_figures import metrics_json
from qtkit.reports.session_report import summary_html, summary_text

__all__ = ["DisplayedSession"]


class DisplayedSession(RecordedSession):
    """A session that can be the last expression of a notebook's cell."""

    @cached_property
    def journal_digest(self) -> str:
        """The sha256 of the journal's bytes, hex; of a session that is over."""
        return journal_digest(self.folder)

    def as_json(self) -> JsonObject:
        """Return the session as JSON."""
        if not self._is_over:
            return {"format": 1, "type": "live_session", **self.status()}
        view = self.view
        return {
            "format": 1,
            "type": "session",
            "session_id": self.session_id,
            "folder": str(self.folder.path),
            "journal_digest": self.journal_digest,
            "strategy": view.opening.strategy,
            "account": view.opening.account,
            "open_days": [str(day) for day in view.books.open_days],
            "exit_code": self.exit_code,
            "metrics": metrics_json(view),
        }

    @property
    def _is_over(self) -> bool:
        return self.view.end is not None

    def _standing(self) -> Iterator[Table]:
        status, view = self.status(), self.view
        state = view.state
        yield Table(
            "",
            ("what", "found"),
            (
                ("status", status["status"]),
                ("reason", status["status_reason"]),
                ("engine", str(state.status)),
                ("trading date", str(state.today or "none")),
                ("kill switch", "ON" if state.killed else "off"),
                ("cash", f"{state.ledger.cash:,.2f}"),
                ("open orders", len(state.ledger.orders)),
                ("journal lines", view.last.seq),
            ),
        )
        held = tuple((line.symbol, line.quantity) for line in state.ledger.book().positions)
        if held:
            yield Table("Positions", ("symbol", view.unit), held, "lr")

    def __str__(self) -> str:
        if self._is_over:
            return summary_text(self.view)
        return text_report(f"Session {self.session_id}", *self._standing())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        html = (
            summary_html(self.view)
            if self._is_over
            else html_report(f"Session {self.session_id}", *self._standing())
        )
        return mimebundle(str(self), html, self.as_json())
