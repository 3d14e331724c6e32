"""One notebook on one kernel of this very interpreter, over sockets in a private folder."""

from __future__ import annotations

import asyncio
import os
import site
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger

from qtkit.core.paths import write_atomic
from qtkit.core.provenance import package_folder
from qtkit.core.render import json_text
from qtkit.runs.cell_monitor import KernelRun
from qtkit.stages.sources import SCENARIOS

__all__ = ["run_notebook"]

_ENGINE = "qtkit"
_STARTUP = 60.0  # seconds a kernel may take to answer
_CHATTY = 30  # seconds to wait for the last outputs of a cell
_LONGEST_SOCKET = 100  # bytes of a socket's path that every Unix accepts


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine on our kernel, with our own account of the cells."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,  # noqa: ANN401 - papermill has no types
        kernel_name: str,
        *,
        run: KernelRun,
        **_: object,
    ) -> None:
        """Execute the cells; papermill saves the copy after each."""
        run.executed = nb_man.nb
        with (
            TemporaryDirectory(prefix="qtkit-") as home,
            _own_standard_error(Path(home), run) as err,
        ):
            client = PapermillNotebookClient(
                nb_man,
                km=_manager(Path(home), kernel_name),
                kernel_name=kernel_name,
                log=logger,
                timeout_func=run.watch.time_for,
                startup_timeout=ceil(min(_STARTUP, run.watch.left() or _STARTUP)),
                iopub_timeout=_CHATTY,
                shutdown_kernel="immediate",
                on_cell_execute=run.watch.begun,
                on_cell_executed=run.watch.executed,
                on_cell_error=run.watch.failed,
            )
            client.execute(
                cleanup_kc=True,
                cwd=str(run.folder),
                env=_environment(Path(home), run.scenarios),
                stdout=err,
                stderr=err,
            )


@contextmanager
def _own_standard_error(home: Path, run: KernelRun) -> Iterator[int]:
    """Give the kernel's process a file to complain to, and keep its last words."""
    path = home / "kernel.err"
    with path.open("wb") as file:
        try:
            yield file.fileno()
        finally:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            run.last_words = "\n".join(lines[-20:])


def _manager(home: Path, kernel_name: str) -> AsyncKernelManager:
    """Return the manager of a kernel of this interpreter, whatever kernels are installed."""
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "this interpreter", "language": "python"}
    write_atomic(home / "kernels" / kernel_name / "kernel.json", json_text(spec))
    socket = home / "socket"
    private = len(os.fsencode(socket)) < _LONGEST_SOCKET
    return AsyncKernelManager(
        kernel_name=kernel_name,
        kernel_spec_manager=KernelSpecManager(
            kernel_dirs=[str(home / "kernels")], ensure_native_kernel=False
        ),
        connection_file=str(home / "connection.json"),
        **({"transport": "ipc", "ip": str(socket)} if private else {}),
    )


def _environment(home: Path, scenarios: Path) -> dict[str, str]:
    """Return the kernel's environment: the caller's, made repeatable."""
    inherited = {k: v for k, v in os.environ.items() if k != "JPY_SESSION_NAME"}
    above = str(package_folder().parent)
    paths = [p for p in inherited.get("PYTHONPATH", "").split(os.pathsep) if p]
    if above not in {*paths, *site.getsitepackages()}:
        paths.append(above)
    return {
        **inherited,
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
        "QTKIT_HEADLESS": "1",
        SCENARIOS: str(scenarios.resolve()),
        "TZ": "UTC",
    }


def run_notebook(run: KernelRun) -> None:
    """Execute a notebook in place.

    Whatever papermill, nbclient or the operator raise comes through; `run` tells how far it got.
    """
    papermill_engines.register(_ENGINE, _Engine)
    path = str(run.notebook).replace("{", "{{").replace("}", "}}")  # papermill formats paths

    def work() -> None:
        papermill.execute_notebook(
            path,
            path,
            parameters=run.parameters,
            engine_name=_ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            run=run,
        )

    with _quiet():
        _on_a_loop_of_its_own(work)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill's log off the terminal; the record says it better."""
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _on_a_loop_of_its_own(work: Callable[[], None]) -> None:
    """Run `work` on an event loop that is closed after it, whatever happened.

    Inside a notebook a loop is running already; the Jupyter libraries then use a thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        Context().run(_and_close_the_loop, work)
    else:
        work()


def _and_close_the_loop(work: Callable[[], None]) -> None:
    """Run `work`; cancel what an interruption left pending, so that nothing complains later."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    # a task that an interruption broke is told by the record, and by nobody else
    loop.set_exception_handler(lambda *_: None)
    try:
        work()
    finally:
        loop.run_until_complete(_let_go())
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


async def _let_go() -> None:
    """Cancel everything else on this loop and wait until it is gone."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
