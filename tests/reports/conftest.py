"""The session over a holiday, which the tests of sessions look at too."""

from tests.sessions.conftest import grid_file, over_a_holiday

__all__ = ["grid_file", "over_a_holiday"]
