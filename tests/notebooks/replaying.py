"""How nbval replays our notebooks: privately, and without what differs from machine to machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.notebooks.tidying import stable

__all__ = ["comparing_reports"]


def comparing_reports(sanitize: Callable[[str], str]) -> Callable[[object], object]:
    """Return how a value of an output is made comparable: reports too, which nbval leaves alone."""
    return partial(_comparable, sanitize)


def _comparable(sanitize: Callable[[str], str], value: Any) -> object:  # noqa: ANN401 - any output
    if isinstance(value, Mapping):
        return sanitize(json.dumps(stable(value), indent=1, sort_keys=True, ensure_ascii=False))
    return sanitize(value)
