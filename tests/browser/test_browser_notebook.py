"""Notebook 04 in JupyterLab, all of it, as a person runs it, who then goes on with what is there."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from .conftest import LOAD, NOTEBOOK, PANEL
from .jupyter import Jupyter
from .page import NotebookPage


def test_run_all_shows_the_panel_and_no_error(notebook: NotebookPage) -> None:
    notebook.run_all()
    outputs = notebook.outputs()
    assert [output for output in outputs if output["output_type"] == "error"] == []
    printed = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
    answered, counted = re.findall(r"answered ([\d,]+), failed 0, counted ([\d,]+)", printed)[0]
    assert answered == counted
    assert "✗ not yet" in printed, "the tasks are the reader's"
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    assert not notebook.value("any(traffic.running for traffic in lab.traffics)")
    # What a person then clicks on is alive: the panel, and the task's own lab.
    expect(notebook.panel.locator(".wl-wiring")).to_contain_text("gopher")
    assert notebook.value("gopher.get('/ricochet').status_code") == 200
    assert notebook.errors == []


def test_notebook_7_shows_the_panel_too(context: BrowserContext, tmp_path: Path, patience: float) -> None:
    jupyter = Jupyter(tmp_path, patience, "notebook")
    try:
        notebook = NotebookPage(context, jupyter, jupyter.notebook(NOTEBOOK, "seven.ipynb"), patience)
        notebook.errors.clear()  # one of its own, as it starts
        notebook.run(LOAD)
        notebook.run(PANEL)
        expect(notebook.panel.locator(".wl-wiring")).to_contain_text("gopher")
        traffic = notebook.tab("Traffic")
        traffic.get_by_label("Path").fill("/ricochet")
        traffic.get_by_role("button", name="Start").click()
        expect(traffic.locator(".scatterlayer .js-line").first).to_be_visible()
        notebook.swap("keyvalue", "embedded Redis (fakeredis)")
        expect(traffic.locator(".annotation")).to_have_text("→ embedded Redis")
        traffic.get_by_role("button", name="Stop").click()
        notebook.wait_for("not lab.traffics[-1].running")
        counted = notebook.value("int(lab.keyvalue.provider.get('visits', 'ricochet'))")
        assert notebook.value("[lab.traffics[-1].answered, lab.traffics[-1].failed]") == [counted, 0]
        assert notebook.errors == []
        notebook.close()
    finally:
        jupyter.stop()
