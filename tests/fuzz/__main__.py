"""Feed inputs again: ``python -m tests.fuzz BORDER [FIRST [LAST]]``; alone, it lists borders."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from qtkit.core.clock import stopwatch
from tests.fuzz.border import failures, in_memory
from tests.fuzz.catalogue import borders
from tests.fuzz.corpus import Corpus


def main(words: list[str]) -> int:
    """Print the failures of one border's inputs, one of each kind."""
    with TemporaryDirectory(prefix="qtkit-fuzz-", dir=in_memory()) as place:
        found = borders(Corpus(Path(place)))
        if not words:
            print("\n".join(found))  # noqa: T201 - for a person
            return 0
        first = int(words[1]) if len(words) > 1 else 0
        last = int(words[2]) if len(words) > 2 else first
        elapsed = stopwatch()
        wrong = failures(found[words[0]], range(first, last + 1), Path(place))
        print("\n\n".join(map(str, wrong)) or "nothing is wrong")  # noqa: T201
        print(f"{last - first + 1} inputs in {elapsed():.1f} s")  # noqa: T201
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
