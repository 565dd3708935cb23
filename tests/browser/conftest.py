"""One JupyterLab and one browser for all tests here; a notebook with a panel for all that leave it as it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from .jupyter import Jupyter
from .page import NotebookPage

NOTEBOOK = "04-swap-live.ipynb"
#: Cells of that notebook: one loads the component, the next shows the panel.
LOAD, PANEL = 2, 3
#: Nothing that looks for updates, syncs or calls home.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
#: As the notebook's own cells fill the store.
FRESH = """
for _traffic in lab.traffics:
    _traffic.stop()
while any(hasattr(lab.keyvalue.provider, knob) for knob in ("latency", "inner")):
    lab.keyvalue.unwrap()
lab.keyvalue.swap("memory://")
for _name, _language, _animal in [("ricochet", b"en-US", b"dog"), ("mossaka", b"zh-CN", b"cat")]:
    lab.keyvalue.provider.set(f"user:{_name}", "accept-language", _language)
    lab.keyvalue.provider.set(f"user:{_name}", "animal", _animal)
"""


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory, compile_cache: Path, patience: float) -> Iterator[Jupyter]:
    """A running JupyterLab."""
    made = Jupyter(tmp_path_factory.mktemp("jupyterlab"), patience)
    yield made
    made.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not on the path; `make test` installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="package")
def context(browser: Browser, jupyter: Jupyter, patience: float) -> Iterator[BrowserContext]:
    """What a person's browser is: cookies, a window, a clipboard that may be used."""
    expect.set_options(timeout=1000 * patience)
    made = browser.new_context(viewport={"width": 1360, "height": 1500})
    made.set_default_timeout(1000 * patience)
    made.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    made.close()


@pytest.fixture
def notebook(
    context: BrowserContext, jupyter: Jupyter, request: pytest.FixtureRequest, patience: float
) -> Iterator[NotebookPage]:
    """The notebook, opened for one test alone; nothing has run yet."""
    name = f"{request.node.name.replace('_', '-')}.ipynb"
    made = NotebookPage(context, jupyter, jupyter.notebook(NOTEBOOK, name), patience)
    yield made
    made.close()


@pytest.fixture(scope="package")
def shared(context: BrowserContext, jupyter: Jupyter, patience: float) -> Iterator[NotebookPage]:
    """The notebook with its panel shown, for all tests that ask for `live`."""
    made = NotebookPage(context, jupyter, jupyter.notebook(NOTEBOOK, "shared.ipynb"), patience)
    made.run(LOAD)
    made.run(PANEL)
    made.panel.wait_for()
    yield made
    made.close()


@pytest.fixture
def live(shared: NotebookPage) -> NotebookPage:
    """The panel in front, gopher loaded, the store in memory with two visitors, no traffic, no trouble."""
    shared.page.bring_to_front()
    shared.python(FRESH)
    shared.errors.clear()
    shared.panel.evaluate("panel => panel.scrollIntoView()")
    shared.tab("Traffic")
    expect(shared.row("keyvalue").locator(".wl-now")).to_contain_text("now on memory")
    return shared
