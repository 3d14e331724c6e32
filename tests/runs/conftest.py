"""Tiny notebooks, written by hand, and the reports they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtkit.core.paths import OutputRoot, SessionFolder
from qtkit.core.render import REPORT_MIME
from qtkit.model.intents import Intent
from qtkit.sessions.simulation import simulate
from qtkit.testing.strategies import scripted_spec


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    """Return a session that traded once on one day; tests that change it take a copy."""
    buy = Intent(symbol="600036.SH", quantity=Decimal(100), because="the script says so")
    spec = scripted_spec({"09:35": [buy]}, ["600036.SH"])
    return simulate(spec, day="2026-03-04", root=tmp_path_factory.mktemp("lived")).folder


@pytest.fixture
def root(tmp_path: Path) -> OutputRoot:
    return OutputRoot(tmp_path / "outputs")


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook from sources; a pair carries the cell's tags."""

    def write(name: str, *cells: str | tuple[str, list[str]]) -> Path:
        path = tmp_path / f"{name}.ipynb"
        shown: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {"tags": cell[1] if isinstance(cell, tuple) else []},
                "source": cell[0] if isinstance(cell, tuple) else cell,
                "execution_count": None,
                "outputs": [],
            }
            for n, cell in enumerate(cells)
        ]
        path.write_text(
            json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": shown})
        )
        return path

    return write


@pytest.fixture
def showing() -> Callable[[dict[str, Any]], str]:
    """Return the source of a cell that shows a report."""

    def cell(payload: dict[str, Any]) -> str:
        bundle = {"text/plain": "report", REPORT_MIME: payload}
        return f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"

    return cell


@pytest.fixture
def stage_payload() -> Callable[..., dict[str, Any]]:
    """Return the payload of a stage report with one verdict."""

    def payload(
        status: str, conclusion: str, *, rule: str = "2.1", summary: str = "104 tasks"
    ) -> dict[str, Any]:
        verdict = {
            "rule": rule, "status": status, "summary": summary,
            "fix": "", "proof": {"lines": [3, 4], "count": 2}, "known_defect": "",
        }  # fmt: skip
        return {
            "format": 2, "type": "stage_report", "stage": rule.partition(".")[0], "title": "tasks",
            "source": "day", "conclusion": conclusion, "verdicts": [verdict],
        }  # fmt: skip

    return payload
