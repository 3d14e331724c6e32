"""What a deliberate bug is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHECKS", "Bug", "engine_test", "planted"]

# the product's own checks, on a day in which nearly everything happens
CHECKS = "tests/crash/test_clean_day.py::test_the_clean_day_passes_every_check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A change of the source, and where it must show.

    Attributes
    ----------
    name
        What somebody would have got wrong.
    file
        Where, from the repository's root.
    old, new
        Text that is there exactly once, and what stands there instead.
    caught_by
        Test nodes of which at least one must fail.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]


def planted(name: str, file: str, old: str, new: str, *caught_by: str) -> Bug:
    """Return a bug."""
    return Bug(name=name, file=file, old=old, new=new, caught_by=caught_by)


def engine_test(file: str, test: str) -> str:
    """Return a test node of the engine's tests."""
    return f"tests/trading/engine/test_engine_{file}.py::{test}"
