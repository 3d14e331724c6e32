"""The connection to the broker and what it says of open orders."""

from __future__ import annotations

from typing import ClassVar

from qtkit.model.events.base import Event, Topic

__all__ = ["BrokerConnected", "BrokerDisconnected", "BrokerEvent", "PendingDiagnosed"]


class BrokerEvent(Event, frozen=True, kw_only=True, gc=False):
    """Base of the events of this topic."""

    topic: ClassVar[Topic] = Topic.BROKER


class BrokerConnected(BrokerEvent, frozen=True, kw_only=True, gc=False):
    """The broker answers."""

    broker_name: str


class BrokerDisconnected(BrokerEvent, frozen=True, kw_only=True, gc=False):
    """The broker does not answer."""

    broker_name: str
    error: str


class PendingDiagnosed(BrokerEvent, frozen=True, kw_only=True, gc=False):
    """Open orders were held against the broker's own list."""

    local_pending_count: int
    remote_pending_count: int
    local_pending_without_broker_order_id: tuple[str, ...]
    local_pending_missing_remote: tuple[str, ...]
    remote_pending_not_in_local: tuple[str, ...]
    failures: tuple[str, ...]  # what could not be read, and why
    is_ok: bool
