"""A real JupyterLab in headless Chromium. Skipped where there is no Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
NEWS = ("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")

READY = """() => {
    if (document.querySelector(".jp-Dialog .jp-mod-accept")) return "choice"; // of a kernel
    const app = window.jupyterapp, session = app?.shell.currentWidget?.sessionContext;
    return app?.commands.isEnabled("notebook:run-all-cells") && session?.isReady
        && session.session?.kernel?.connectionStatus === "connected" && session.session.kernel.status === "idle";
}"""
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
PATIENCE_MS = 90_000  # for anything that the page is to do: machines are slow and shared


class Lab:
    """JupyterLab on a free port, and a page that looks at it."""

    def __init__(self, url: str, folder: Path, page: Any) -> None:
        self.url, self.folder, self.page = url, folder, page
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, name: str, cells: list[str]) -> None:
        """Open a new notebook with these code cells, its kernel running."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        nbformat.write(book, self.folder / name)
        self.page.goto(f"{self.url}/doc/tree/{name}?reset", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        while self.page.wait_for_function(READY, timeout=90_000).json_value() == "choice":
            self.page.click(".jp-Dialog .jp-mod-accept")
            self.page.wait_for_timeout(500)

    def start(self) -> None:
        """Run all cells, without waiting for them."""
        self.page.evaluate(
            """() => {
                window.ran = false;
                const done = () => { window.ran = true };
                window.jupyterapp.commands.execute("notebook:run-all-cells").then(done, done);
            }"""
        )

    def finish(self) -> None:
        """Wait until no cell runs any more."""
        self.page.wait_for_function("() => window.ran", timeout=60_000)

    def run(self) -> None:
        """Run all cells to their end."""
        self.start()
        self.finish()

    def hear_keys_first(self) -> None:
        """Let the notebook hear each key before what has the focus does, as Notebook 7 has it."""
        self.page.evaluate(
            """() => document.addEventListener(
                "keydown", (event) => window.jupyterapp.commands.processKeydownEvent(event), true)"""
        )

    def theme(self, name: str) -> None:
        """ "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate(
            f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {json.dumps(name)}}})"
        )
        self.page.wait_for_timeout(1500)


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    root = tmp_path_factory.mktemp("lab")
    home = root / "home"
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings", "IPYTHONDIR": "ipython"}
    places["JUPYTERLAB_WORKSPACES_DIR"] = "workspaces"
    env = {**os.environ, **{name: str(root / place) for name, place in places.items()}}
    options = [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password="]
    options += ["--no-browser", "--allow-root", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={home}"]
    with (root / "log").open("w") as log:
        lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, *NEWS], stdout=log, stderr=log, env=env)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/api/status", timeout=1)
                    break
                time.sleep(0.25)
            yield url, home
        finally:
            lab.terminate()
            try:
                lab.wait(10)
            except subprocess.TimeoutExpired:
                lab.kill()


@pytest.fixture(scope="module")
def _browser() -> Iterator[Any]:
    """One browser a module: while it is open, its own event loop runs in this thread, and no other can."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def lab(_browser: Any, _server: tuple[str, Path]) -> Iterator[Lab]:
    page = _browser.new_page(viewport={"width": 1000, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    yield Lab(*_server, page)
    page.close()
