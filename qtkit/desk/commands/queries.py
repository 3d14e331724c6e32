"""Commands that look: they read the journal and change nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from qtkit.core.errors import ConfigError
from qtkit.core.paths import SessionFolder
from qtkit.core.render import mark
from qtkit.core.text import nearest
from qtkit.desk import views
from qtkit.desk.report import Part, Report
from qtkit.desk.table_view import Column, TableView, facts
from qtkit.evidence.session import Session
from qtkit.projections.session_terms import settings_digest
from qtkit.projections.session_view import SessionView
from qtkit.runtime.settings import SessionSettings
from qtkit.stages import StageReport, judge, stage_named

__all__ = [
    "artifacts",
    "cash",
    "fills",
    "liveconfig",
    "orders",
    "positions",
    "reasons",
    "report_of",
    "schedule",
    "stage",
    "status",
    "strategies",
    "task",
    "tasks",
    "watch",
]

_DAY = 86_400  # seconds


def report_of(name: str, view: SessionView, *parts: Part) -> Report:
    """Return an answer with its heading: of when it is, in the exchange's zone."""
    return Report(name=name, heading=f"{name} · {views.as_of(view)}", parts=parts)


# --- the day ---------------------------------------------------------------------------------


def status(session: Session) -> Report:
    """Return where the session stands."""
    view = session.view
    return report_of("status", view, views.status(view, alive=session.is_alive))


def schedule(session: Session, *, whole_day: bool = False, rows: int = 0) -> Report:
    """Return what is still to run today.

    Parameters
    ----------
    whole_day
        Also what has run already; then all of it.
    rows
        Only the first so many; 0: all.
    """
    view = session.view
    found = views.schedule(view, whole_day=whole_day)
    shown = replace(found, rows=found.rows[:rows]) if rows and not whole_day else found
    return report_of("schedule", view, shown, *_left_out(found, shown, "more to come"))


def tasks(session: Session, *, standing: str = "", name: str = "", rows: int = 0) -> Report:
    """Return today's tasks that came due, the newest last.

    Parameters
    ----------
    standing, name
        Only tasks that stand so, or are called so.
    rows
        Only the newest so many; 0: all.
    """
    view = session.view
    found = views.tasks(view, standing=standing, name=name)
    shown = replace(found, rows=found.rows[-rows:]) if rows else found
    skipped = views.skips(view)
    left_out = _left_out(found, shown, "before them")
    return report_of("tasks", view, *left_out, shown, *([skipped] if skipped.rows else []))


def _left_out(found: TableView, shown: TableView, where: str) -> list[str]:
    """Return the sentence about rows that are not shown."""
    count = len(found.rows) - len(shown.rows)
    return [f"  … {count} {where}; --rows 0 shows all"] if count else []


def task(session: Session, task_id: str) -> Report:
    """Return one task and its story.

    Raises
    ------
    ConfigError
        If there is no such task.
    """
    view = session.view
    line = view.tasks.stories.get(task_id)
    if line is None:
        raise ConfigError(f"there is no task {task_id!r}{nearest(task_id, view.tasks.stories)}")
    told = views.story(
        view, (e for e in session.entries() if getattr(e.event, "task_id", "") == task_id)
    )
    return report_of("task", view, views.task(view, line), told)


# --- the account -----------------------------------------------------------------------------


def orders(
    session: Session,
    order_id: str = "",
    *,
    doubtful: bool = False,
    rejected: bool = False,
    symbol: str = "",
) -> Report:
    """Return the session's orders and what risk rules refused; with an id, that order's story.

    Raises
    ------
    ConfigError
        If there is no such order.
    """
    view = session.view
    if order_id:
        order = view.state.ledger.order(order_id)
        if order is None:
            raise ConfigError(
                f"there is no order {order_id!r}{nearest(order_id, view.orders.records)}"
            )
        return report_of("orders", view, views.order_story(view, order, session.entries()))
    parts: list[Part] = [views.orders(view, doubtful=doubtful, rejected=rejected, symbol=symbol)]
    if view.orders.refusals and not doubtful:
        parts.append(views.refusals(view))
    return report_of("orders", view, *parts)


def positions(session: Session) -> Report:
    """Return what is held."""
    view = session.view
    return report_of("positions", view, views.positions(view))


def fills(session: Session, *, symbol: str = "") -> Report:
    """Return the executions that were booked, and those that could not be."""
    view = session.view
    found: list[Part] = [views.fills(view, symbol=symbol)]
    if view.orders.unmatched:
        found.append(views.unmatched_fills(view))
    return report_of("fills", view, *found)


def cash(session: Session) -> Report:
    """Return the cash, from the session's opening to now."""
    view = session.view
    return report_of("cash", view, views.cash(view))


def watch(session: Session, symbols: Sequence[str] = ()) -> Report:
    """Return the newest prices of symbols; by default of all that the session trades.

    Raises
    ------
    ConfigError
        If the session has no prices of a symbol.
    """
    view = session.view
    known = view.opening.symbols
    if strange := [symbol for symbol in symbols if symbol not in known]:
        hint = nearest(strange[0], known)
        raise ConfigError(f"the session has no prices of {', '.join(strange)}{hint}")
    return report_of("watch", view, views.prices(view, symbols or known))


# --- the session -----------------------------------------------------------------------------


def _length_of(seconds: int) -> str:
    """Return how long a session's bars are."""
    if seconds % _DAY == 0:
        return "1 day"
    minutes = seconds // 60
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _step_words(minutes: object) -> str:
    """Return how often a strategy is asked."""
    if minutes == 0:
        return "once a day, at the open"
    return f"{'unknown' if minutes is None else minutes} minutes"


def strategies(session: Session) -> Report:
    """Return the strategy, its parameters and its state."""
    view = session.view
    opening = view.opening
    told = facts(
        "strategies",
        ("strategy", opening.strategy),
        ("symbols", ", ".join(opening.symbols)),
        ("bars", _length_of(opening.bar_seconds)),
        ("step", _step_words(opening.settings.get("step_minutes"))),
        ("decisions today", len(view.decisions.today)),
    )
    parameters = opening.settings.get("strategy_parameters") or {}
    state = view.state.strategy_state
    return report_of(
        "strategies",
        view,
        told,
        _pairs("parameters", "Parameters", parameters, "it has no parameters"),
        _pairs("state", "State", state, "it has no state yet"),
    )


def _pairs(name: str, title: str, tree: Mapping[str, object], empty: str) -> TableView:
    columns = (Column(name="name"), Column(name="value"))
    rows = tuple(_flat(tree))
    return TableView(name=name, title=title, columns=columns, rows=rows, empty=empty, is_facts=True)


def _flat(tree: Mapping[str, object], above: str = "") -> Iterable[tuple[str, object]]:
    """Yield nested values under dotted names."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", "none" if value is None else value


def liveconfig(session: Session, key: str = "") -> Report:
    """Return the settings that the session really has, read from its journal.

    Parameters
    ----------
    key
        Only settings whose name has this in it.

    Raises
    ------
    ConfigError
        If no setting's name has `key` in it.
    """
    view = session.view
    real = dict(_flat(view.settings))
    usual = dict(_flat(SessionSettings().model_dump(mode="json")))
    wanted = [name for name in sorted(real) if key in name]
    if not wanted:
        raise ConfigError(f"there is no setting {key!r}{nearest(key, sorted(real))}")
    rows = tuple((name, real[name], _difference(name, real, usual)) for name in wanted)
    columns = (Column(name="setting"), Column(name="value"), Column(name="default"))
    table = TableView(name="settings", columns=columns, rows=rows)
    digest = settings_digest(view.settings)
    return report_of("liveconfig", view, f"digest {digest}", table)


def _difference(name: str, real: Mapping[str, object], usual: Mapping[str, object]) -> str:
    """Return the default where the session has something else."""
    if name not in usual or usual[name] == real[name] or usual[name] == "none":
        return ""
    return f"other than default {usual[name]}"


def artifacts(session: Session) -> Report:
    """Return the session's files: where they are, and whether they can be written."""
    view, folder = session.view, session.folder
    rows = tuple(_file_row(folder, what, path) for what, path in _files(folder))
    columns = (
        Column(name="what"),
        Column(name="file"),
        Column(name="there"),
        Column(name="writable"),
        Column(name="size", unit="bytes"),
    )
    table = TableView(name="artifacts", columns=columns, rows=rows)
    return report_of("artifacts", view, str(folder.path), table)


def _files(folder: SessionFolder) -> tuple[tuple[str, Path], ...]:
    return (
        ("sys_log", folder.sys_log),
        ("trade_log", folder.trade_log),
        ("risk_log", folder.risk_log),
        ("break_point", folder.break_point),
        ("journal", folder.journal),
        ("status", folder.status),
        ("snapshots", folder.snapshots),
        ("reconciliations", folder.reconcile),
    )


def _file_row(folder: SessionFolder, what: str, path: Path) -> tuple[object, ...]:
    inside = path.is_relative_to(folder.path)
    shown = path.relative_to(folder.path).as_posix() if inside else str(path)
    there = path.exists()
    writable = os.access(path if there else path.parent, os.W_OK)
    if path.is_dir():
        return what, f"{shown}/", f"{len(list(path.iterdir()))} files", _yes(writable), ""
    size = f"{path.stat().st_size:,}" if there else ""
    return what, shown, "yes" if there else "not yet", _yes(writable), size


def _yes(good: bool) -> object:  # noqa: FBT001 - one question, one answer
    return mark("ok" if good else "fail")


def reasons(session: Session) -> Report:
    """Return the glossary of skip reasons: what each means and what to do."""
    view = session.view
    return report_of("reasons", view, views.reasons(view))


def stage(session: Session, stage_id: str) -> StageReport:
    """Judge the session by one stage of the checklist; raises ConfigError if there is none."""
    return judge(stage_named(stage_id), session)
