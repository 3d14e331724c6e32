"""A moment: a time with its zone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

__all__ = ["Moment"]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # a time without its zone is none
