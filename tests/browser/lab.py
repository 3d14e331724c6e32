"""JupyterLab on loopback, and a browser that sits at it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from qtkit.core.clock import stopwatch

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

REPOSITORY = Path(__file__).parents[2]
_T = TypeVar("_T")
_KEY = "0f1e2d3c4b5a"  # of a server that lives as long as the tests
_START = 60.0  # seconds
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_HOMES = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
    "QTKIT_OUTPUTS": "outputs",
}


def chromium() -> str | None:
    """Return the browser of the machine, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def wait_for(
    found: Callable[[], _T], what: str, page: Page | None = None, seconds: float = 60.0
) -> _T:
    """Return what `found` returns as soon as it is something; meanwhile `page` is looked after."""
    elapsed = stopwatch()
    while not (answer := found()):
        assert elapsed() < seconds, f"{what} did not come within {seconds:g} s"
        if page is None:
            Event().wait(0.1)
        else:
            page.wait_for_timeout(100)
    return answer


@dataclass(frozen=True)
class Lab:
    """A running server; `work` holds copies of the notebooks and the examples."""

    url: str
    token: str
    work: Path

    @property
    def outputs(self) -> Path:
        return self.work / "outputs"

    def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the answer of the server's own interface."""
        wanted = Request(  # noqa: S310 - loopback
            f"{self.url}/{path}", headers={"Authorization": f"token {self.token}"}
        )
        with urlopen(wanted, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def kernel_of(self, notebook: str) -> Mapping[str, Any] | None:
        """Return the kernel of an open notebook."""
        found = [s["kernel"] for s in self.ask("api/sessions") if s["name"] == notebook]
        return found[0] if found else None

    def copy(self, name: str, to: str, **parameters: object) -> None:
        """Copy a notebook of the repository, without outputs and with other parameters."""
        import nbformat

        notebook = nbformat.read(  # type: ignore[no-untyped-call]
            REPOSITORY / "notebooks" / name, as_version=4
        )
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                given = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
                cell.source = f"{cell.source}\n{given}"
        place = self.work / "notebooks" / to
        place.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, place)  # type: ignore[no-untyped-call]


@contextmanager
def jupyter_lab(work: Path) -> Iterator[Lab]:
    """Serve JupyterLab on loopback with a token, everything of it in a folder of its own."""
    shutil.copytree(REPOSITORY / "examples", work / "examples")
    no_news = work / "settings" / "@jupyterlab" / "apputils-extension"
    no_news.mkdir(parents=True)
    (no_news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    homes = {name: str(work / place) for name, place in _HOMES.items()}
    environment = {**os.environ, **homes, "PYTHONPATH": str(REPOSITORY)}
    environment.pop("QTKIT_HEADLESS", None)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0",
        "--allow-root", f"--IdentityProvider.token={_KEY}", f"--ServerApp.root_dir={work}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with (work / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        told = wait_for(lambda: _address(work / "runtime"), "the server", seconds=_START)
        yield Lab(told.rstrip("/"), _KEY, work)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _address(runtime: Path) -> str:
    """Return where the server listens, once it says so."""
    for file in runtime.glob("jpserver-*.json"):
        try:
            return str(json.loads(file.read_text())["url"])
        except ValueError:
            continue
    return ""


@contextmanager
def browser_page(lab: Lab) -> Iterator[Page]:
    """Open a browser that sees loopback alone."""
    from playwright.sync_api import sync_playwright

    strange = list[str]()

    def only_loopback(route: Route) -> None:
        if urlsplit(route.request.url).hostname in {"127.0.0.1", "localhost", None}:
            route.continue_()
        else:
            strange.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), headless=True, args=list(_FLAGS)
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.route("**/*", only_loopback)
        page.set_default_timeout(60_000)
        try:
            yield page
        finally:
            browser.close()
    assert strange == []


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook and wait until its kernel is there: what is run before that is dropped."""
    page.goto(f"{lab.url}/lab/tree/notebooks/{name}?reset&token={lab.token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    wait_for(lambda: _is_ready(lab.kernel_of(name)), f"the kernel of {name}", page)


def _is_ready(kernel: Mapping[str, Any] | None) -> bool:
    return bool(kernel and kernel["execution_state"] == "idle" and kernel["connections"])


def run_all(page: Page) -> None:
    """Run every cell of the notebook in front."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def use_theme(page: Page, name: str) -> None:
    """Switch JupyterLab to a theme."""
    page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name
    )
    page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")


def process_of(kernel_id: str) -> int:
    """Return the process of a kernel, found by its command line."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                words = (place / "cmdline").read_bytes()
            except OSError:
                continue
            if kernel_id.encode() in words and b"ipykernel" in words:
                return int(place.name)
    raise AssertionError(f"no process runs kernel {kernel_id}")
