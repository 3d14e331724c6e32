"""Judge one session by every check, in a fresh process: prints CPU seconds, MB and entries."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measured import peak_megabytes
from qtkit import stages
from qtkit.core.clock import cpu_seconds
from qtkit.core.paths import SessionFolder
from qtkit.evidence import Evidence


def main(folder: Path) -> None:
    """Gather the evidence once, and judge every stage on it."""
    before = cpu_seconds()
    evidence = Evidence.of_folder(SessionFolder(folder))
    for stage in stages.all_stages():
        stages.judge(stage, evidence)
    print(cpu_seconds() - before, peak_megabytes(), evidence.whole.entries)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
