"""What a refill hands over, looked at before the engine takes it in."""

from __future__ import annotations

import msgspec

from qtkit.core.errors import DataError
from qtkit.core.text import sentence_of, shown
from qtkit.model.events import TablesRefilled

__all__ = ["refilled"]


def refilled(answer: object) -> TablesRefilled:
    """Return what a refill returned; raises `DataError` if it cannot be written down."""
    if not isinstance(answer, TablesRefilled):
        raise DataError(f"the refill returned {shown(answer)}; expected TablesRefilled")
    try:
        return msgspec.json.decode(msgspec.json.encode(answer), type=TablesRefilled)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as problem:
        raise DataError(f"the refill returned {shown(answer)}: {sentence_of(problem)}") from None
