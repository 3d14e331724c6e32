"""What a person reads of HTML."""

from __future__ import annotations

import re
from html import unescape


def words_of(html: str) -> list[str]:
    """Return the words between the tags."""
    return unescape(re.sub(r"<[^>]*>", " ", html)).split()
