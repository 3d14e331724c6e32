"""Runs test nodes in forks of one warm process: what every run needs is imported once.

One request a line on standard input: a JSON list of nodes. One answer a line on standard output:
pytest's exit code (negative: the signal that ended the run) and what it printed. The package under
test is never imported here, only in the forks, from the working folder.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

_WARM = (
    "hypothesis.strategies", "loguru", "msgspec", "numpy", "pandas", "pyarrow.parquet", "pydantic",
    "exchange_calendars.exchange_calendar_xshg", "filelock", "sqlite3", "pytest",
)  # fmt: skip
_QUIET = ("-q", "-x", "--tb=line", "-p", "no:cacheprovider")
_PATIENCE = 120  # seconds; a run that takes longer is ended by a signal


def run(nodes: list[str]) -> tuple[int, str]:
    """Run test nodes in a fork; return its exit code and what it printed."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _be_the_child(output.fileno(), nodes)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode(errors="replace")


def _be_the_child(output: int, nodes: list[str]) -> None:
    import pytest

    code = 70
    try:
        signal.alarm(_PATIENCE)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = int(pytest.main([*_QUIET, *nodes]))
    except BaseException:  # noqa: BLE001 - told, and the code says that nothing was tried
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    """Answer requests until there are no more."""
    sys.path.insert(0, str(Path.cwd()))
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _WARM:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
