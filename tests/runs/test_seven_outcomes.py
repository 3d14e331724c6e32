"""Every way a run can end, tried for real on a real kernel."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellTimeoutError

from qtkit.core.clock import stopwatch
from qtkit.core.paths import OutputRoot, RunFolder, SessionFolder
from qtkit.core.verdict import Conclusion
from qtkit.runs.cell_monitor import Silent, Watch
from qtkit.runs.execute import _ending, execute
from qtkit.runs.record import RunRecord, RunStatus
from qtkit.runs.run_store import list_runs, read_record
from qtkit.runs.source import read_source
from tests.golden.names import names_in

Write = Callable[..., Path]
Show = Callable[[dict[str, Any]], str]

_COMMAND = "import sys; from qtkit.cli.run import run; run(sys.argv[1:])"


def saved(root: OutputRoot) -> tuple[RunRecord, dict[str, Any]]:
    """Return the record and the executed copy on disk; there must be exactly one run."""
    (run,) = list_runs(root)
    assert sorted(p.name for p in run.folder.path.iterdir()) == [
        "notebook.ipynb", "record.json", "report.html",
    ]  # fmt: skip
    copy = json.loads(run.folder.notebook.read_text())
    for cell in copy["cells"]:
        cell["source"] = "".join(cell["source"])
    return read_record(run.folder), copy


def papermill_statuses(copy: dict[str, Any]) -> list[str]:
    return [cell["metadata"]["papermill"]["status"] for cell in copy["cells"]]


def test_all_cells_run_and_good_verdicts_pass(
    notebook: Write, lived: SessionFolder, root: OutputRoot
) -> None:
    judging = (
        "from qtkit import stages\nfrom qtkit.sessions.remote import open_session\n"
        f"stages.phase_2(open_session({str(lived.path)!r}))"
    )
    path = notebook("good", ("seed = 1", ["parameters"]), judging)

    record = execute(path, {"seed": 7}, root=root)

    on_disk, copy = saved(root)
    assert record == on_disk
    assert (record.status, record.conclusion) == (RunStatus.PASSED, Conclusion.PASSED)
    assert (record.cells, record.cells_run, record.error) == (2, 2, None)
    assert [t.cell for t in record.timings] == [0, 1]
    assert record.parameters == {"seed": 7}
    assert record.ticks == {"2": "headless"}
    assert copy["cells"][1]["source"] == "# Parameters\nseed = 7\n"


def test_a_fail_verdict_blocks_though_every_cell_ran(
    notebook: Write, showing: Show, stage_payload: Callable[..., dict[str, Any]], root: OutputRoot
) -> None:
    path = notebook("bad", showing(stage_payload("fail", "blocked")))

    record = execute(path, root=root)

    assert (record.status, record.conclusion) == (RunStatus.BLOCKED, Conclusion.BLOCKED)
    assert (record.cells_run, record.status.exit_code) == (1, 1)


def test_a_pending_verdict_leaves_the_run_pending(
    notebook: Write, showing: Show, stage_payload: Callable[..., dict[str, Any]], root: OutputRoot
) -> None:
    path = notebook("soon", showing(stage_payload("pending", "pending")))

    record = execute(path, root=root)

    assert (record.status, record.status.exit_code) == (RunStatus.PENDING, 5)


def test_a_report_that_contradicts_itself_never_passes(
    notebook: Write, showing: Show, stage_payload: Callable[..., dict[str, Any]], root: OutputRoot
) -> None:
    path = notebook("liar", showing(stage_payload("fail", "passed")))

    record = execute(path, root=root)

    assert record.status is RunStatus.INCOMPLETE
    assert record.error is not None
    assert "stage 2 says passed, but" in record.error.evalue


def test_a_cell_that_raises_is_named_by_its_place_in_the_source(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("raise", ("n = 0", ["parameters"]), "# divide\n1 / n", "print('never')")

    record = execute(path, {"n": 0}, root=root)

    _, copy = saved(root)
    assert record.status is RunStatus.FAILED_CELL
    assert record.error is not None
    assert record.error.model_dump() == {
        "ename": "ZeroDivisionError", "evalue": "division by zero", "cell": 1, "source": "1 / n",
    }  # fmt: skip
    assert (record.cells, record.cells_run, record.status.exit_code) == (3, 1, 1)
    cell = next(c for c in copy["cells"] if c["source"] == "# divide\n1 / n")
    assert cell["outputs"][0]["ename"] == "ZeroDivisionError"


def test_sys_exit_zero_is_incomplete_and_not_success(notebook: Write, root: OutputRoot) -> None:
    path = notebook("leave", "x = 1", "import sys\nsys.exit(0)", "x")

    record = execute(path, root=root)

    _, copy = saved(root)
    assert (record.status, record.status.exit_code) == (RunStatus.INCOMPLETE, 5)
    assert (record.cells, record.cells_run) == (3, 1)
    assert record.error is not None
    assert record.error.cell == 1
    assert papermill_statuses(copy) == ["completed", "failed", "pending"]


def test_sys_exit_with_a_code_is_a_failed_cell(notebook: Write, root: OutputRoot) -> None:
    record = execute(notebook("leave3", "import sys\nsys.exit(3)"), root=root)

    assert record.status is RunStatus.FAILED_CELL


def test_a_dead_kernel_is_told_and_no_cell_claims_to_be_completed(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("die", "x = 1", "import os\nos.write(2, b'out of luck')\nos._exit(9)", "x")

    record = execute(path, root=root)

    _, copy = saved(root)
    assert (record.status, record.status.exit_code) == (RunStatus.KERNEL_DIED, 6)
    assert record.error is not None
    assert record.error.cell == 1
    assert "out of luck" in record.error.evalue
    assert papermill_statuses(copy) == ["completed", "failed", "pending"]
    assert copy["metadata"]["papermill"]["exception"] is True


def test_a_cell_that_takes_too_long_is_timed_out(notebook: Write, root: OutputRoot) -> None:
    path = notebook("slow", "import time\ntime.sleep(60)", "x = 1")

    record = execute(path, root=root, timeout=0.5)

    _, copy = saved(root)
    assert (record.status, record.status.exit_code) == (RunStatus.TIMED_OUT, 6)
    assert record.error is not None
    assert names_in(record.error.evalue) == ["0.5"]
    assert papermill_statuses(copy) == ["failed", "pending"]


def test_the_whole_run_has_a_limit_of_its_own(notebook: Write, root: OutputRoot) -> None:
    path = notebook("long", "import time\ntime.sleep(0.1)", "time.sleep(60)")

    record = execute(path, root=root, timeout=50, time_limit=3)

    assert record.status is RunStatus.TIMED_OUT
    assert record.error is not None
    assert names_in(record.error.evalue) == ["3"]


def test_a_cell_that_is_allowed_to_raise_stands_in_the_record_and_is_not_good(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("meant", ("1 / 0", ["raises-exception"]), "x = 1")

    record = execute(path, root=root)

    _, copy = saved(root)
    assert (record.status, record.status.exit_code) == (RunStatus.FAILED_CELL, 1)
    assert (record.cells, record.cells_run) == (2, 1)
    (marked,) = record.marked
    assert (marked.cell, marked.tag) == (0, "raises-exception")
    assert "ZeroDivisionError" in marked.outcome
    assert record.error is not None
    assert (record.error.cell, record.error.ename) == (0, "ZeroDivisionError")
    ours = [c["metadata"]["papermill"] for c in copy["cells"] if "papermill" in c["metadata"]]
    assert [c["status"] for c in ours] == ["failed", "completed"]


def test_a_cell_that_is_allowed_to_raise_and_does_not_is_good(
    notebook: Write, root: OutputRoot
) -> None:
    record = execute(notebook("may", ("x = 1", ["raises-exception"])), root=root)

    assert (record.status, record.cells_run) == (RunStatus.PASSED, 1)
    assert [m.tag for m in record.marked] == ["raises-exception"]


def test_sys_exit_in_a_cell_that_is_allowed_to_raise_never_passes(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("leave", ("import sys\nsys.exit(0)", ["raises-exception"]), "x = 1")

    record = execute(path, root=root)

    assert (record.status, record.status.exit_code) == (RunStatus.INCOMPLETE, 5)


def test_a_cell_that_is_never_run_stands_in_the_record_and_the_run_is_incomplete(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("left", "x = 1", ("# check\nassert False", ["skip-execution"]), "x")

    record = execute(path, root=root)

    assert (record.status, record.status.exit_code) == (RunStatus.INCOMPLETE, 5)
    assert (record.cells, record.cells_run) == (3, 2)
    (marked,) = record.marked
    assert (marked.cell, marked.tag, marked.source) == (1, "skip-execution", "assert False")


def test_a_cell_that_takes_the_standard_output_away_changes_nothing(
    notebook: Write, root: OutputRoot
) -> None:
    path = notebook("mute", "import io, sys\nsys.stdout = sys.stderr = io.StringIO()", "x = 1")

    assert execute(path, root=root, time_limit=30).status is RunStatus.PASSED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_leaves_a_record_and_exits_with_130(
    number: signal.Signals, notebook: Write, root: OutputRoot, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    path = notebook("stop", "x = 1", f"import time\nopen({str(begun)!r}, 'w')\ntime.sleep(60)", "x")
    with subprocess.Popen(
        [sys.executable, "-c", _COMMAND, str(path), "--root", str(root.path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_for(tmp_path, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    record, copy = saved(root)
    assert process.returncode == 130, err
    assert "! interrupted" in out
    assert "Traceback" not in err
    assert "Task" not in err
    assert (record.status, record.cells_run) == (RunStatus.INTERRUPTED, 1)
    assert record.error is not None
    assert (record.error.cell, record.error.source) == (1, "import time")
    assert papermill_statuses(copy) == ["completed", "failed", "pending"]


def test_a_stop_before_the_kernel_is_there_leaves_record_and_copy(
    notebook: Write, root: OutputRoot, tmp_path: Path
) -> None:
    path = notebook("early", "x = 1", "import time; time.sleep(60)")
    command = [sys.executable, "-c", _COMMAND, str(path), "--root", str(root.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(root.run_records, process, "*/record.json")
        process.terminate()
        process.communicate(timeout=60)

    record, copy = saved(root)
    assert process.returncode == 130
    assert record.status is RunStatus.INTERRUPTED
    assert [cell["source"] for cell in copy["cells"]] == ["x = 1", "import time; time.sleep(60)"]


def test_the_copy_starts_without_the_outputs_of_the_source(notebook: Write) -> None:
    path = notebook("old", "x", ("seed = 9", ["injected-parameters"]))
    source = json.loads(path.read_text())
    source["cells"][0].update(
        execution_count=3,
        outputs=[{"output_type": "stream", "name": "stdout", "text": ["old"]}],
    )
    path.write_text(json.dumps(source))

    kept = json.loads(read_source(path).copy())["cells"]

    assert (kept[0]["outputs"], kept[0]["execution_count"]) == ([], None)
    assert read_source(path).cells == (0,)


def test_a_run_without_parameters_uses_the_defaults_and_not_those_of_an_earlier_run(
    notebook: Write, root: OutputRoot
) -> None:
    """An executed copy is run again: its injected cell says what the record does not."""
    path = notebook(
        "again", ("seed = 1", ["parameters"]), ("seed = 9", ["injected-parameters"]),
        "assert seed == 1",
    )  # fmt: skip

    record = execute(path, root=root)

    assert (record.status, record.parameters) == (RunStatus.PASSED, {})


def test_a_killed_runner_leaves_a_record_that_says_its_runner_is_gone(
    notebook: Write, root: OutputRoot, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    path = notebook("kill", f"import time\nopen({str(begun)!r}, 'w')\ntime.sleep(60)")
    command = [sys.executable, "-c", _COMMAND, str(path), "--root", str(root.path), "--json"]
    surroundings = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody tidies up after a SIGKILL
    with subprocess.Popen(command, start_new_session=True, env=surroundings) as process:
        wait_for(tmp_path, process)
        alive = listing(root)
        process.kill()

    (run,) = list_runs(root)
    assert run.record is not None
    assert run.record.status is RunStatus.RUNNING
    assert "its runner is gone" not in alive
    assert "its runner is gone" in listing(root)
    assert RunFolder(run.folder.path).notebook.is_file()


def test_a_run_can_be_started_where_a_loop_already_runs(notebook: Write, root: OutputRoot) -> None:
    """A notebook cell is such a place."""

    async def cell() -> RunRecord:
        return execute(notebook("inner", "x = 1"), root=root)

    assert asyncio.run(cell()).status is RunStatus.PASSED


def listing(root: OutputRoot) -> str:
    from qtkit.core.render import text_table
    from qtkit.runs.run_store import runs_table

    return text_table(runs_table(list_runs(root)))


def wait_for(folder: Path, process: subprocess.Popen[Any], pattern: str = "begun") -> None:
    """Wait until a file is there; a cell writes one when it runs."""
    passed = stopwatch()
    while not list(folder.glob(pattern)):
        assert process.poll() is None, "the runner ended too early"
        assert passed() < 30, f"{pattern} did not appear"
        threading.Event().wait(0.02)


def test_the_kernel_is_this_interpreter_with_a_repeatable_environment(
    notebook: Write, root: OutputRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's own python3 kernel that would run something else is not asked."""
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "python"}
    kernels = tmp_path / "share" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    said = tmp_path / "said.json"
    path = notebook(
        "where",
        "import os, sys, json, qtkit.core",
        "names = ['QTKIT_HEADLESS', 'PYTHONHASHSEED', 'TZ']",
        f"told = [sys.executable, os.getcwd(), [os.environ[n] for n in names]]\n"
        f"_ = open({str(said)!r}, 'w').write(json.dumps(told))",
    )

    record = execute(path, root=root)

    assert record.error is None
    assert json.loads(said.read_text()) == [
        sys.executable, os.fspath(tmp_path), ["1", "0", "UTC"],
    ]  # fmt: skip


def test_a_kernel_that_cannot_start_is_told_with_its_last_words(
    notebook: Write, root: OutputRoot, tmp_path: Path
) -> None:
    """A module of the same name beside the notebook takes the launcher's place."""
    (tmp_path / "ipykernel_launcher.py").write_text("raise ImportError('the wrong launcher')\n")

    record = execute(notebook("never", "x = 1"), root=root)

    saved(root)
    assert record.status is RunStatus.KERNEL_DIED
    assert record.error is not None
    assert record.error.evalue.endswith("ImportError: the wrong launcher")
    assert (record.error.cell, record.cells_run) == (None, 0)


@pytest.mark.parametrize(
    ("mistake", "time_limit", "status", "evalue"),
    [
        (OSError("disk full"), None, RunStatus.INCOMPLETE, "disk full"),
        (None, None, RunStatus.INCOMPLETE, "were not run: 0"),
        (RuntimeError("no answer"), None, RunStatus.KERNEL_DIED, "no answer"),
        (
            RuntimeError("no answer"), 0.0, RunStatus.TIMED_OUT,
            "time limit of 0 s",
        ),
        (CellTimeoutError("IOPub output"), None, RunStatus.TIMED_OUT,
         "IOPub output"),
        (KeyboardInterrupt(), None, RunStatus.INTERRUPTED, "stopped by the operator"),
    ],
)  # fmt: skip
def test_no_ending_without_all_cells_can_pass(
    mistake: BaseException | None, time_limit: float | None, status: RunStatus, evalue: str
) -> None:
    ending = _ending(Watch([0], Silent(), time_limit=time_limit), "", mistake, interrupted=False)

    assert ending.status is status
    assert ending.error is not None
    assert evalue in ending.error.evalue
