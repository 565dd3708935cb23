"""Notebook 04 in JupyterLab, all of it, as a person runs it, who then goes on with what is there."""

from __future__ import annotations

import re

from playwright.sync_api import expect

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
