"""The panel's life in JupyterLab: its cell run again, several of it, a kernel restarted, much traffic."""

from __future__ import annotations

import psutil
from playwright.sync_api import expect

from .conftest import LOAD, PANEL
from .jupyter import Jupyter
from .page import NotebookPage


def test_a_cell_run_again_shows_a_new_panel_and_the_old_one_rests(live: NotebookPage) -> None:
    live.wait_for("panel.running")
    live.python("_before = panel")
    live.run(PANEL)
    expect(live.panel).to_have_count(1)
    live.wait_for("panel is not _before and panel.running and not _before.running")
    live.python("_before.close(); del _before")
    expect(live.row("keyvalue").locator(".wl-now")).to_contain_text("now on memory")


def test_two_panels_on_one_lab_agree(live: NotebookPage) -> None:
    live.append("_second = lab.panel(); _second")
    first, second = live.panel.nth(0), live.panel.nth(1)
    row = second.locator(".wl-row").first
    row.get_by_label("Provider").select_option(label="embedded Redis (fakeredis)")
    row.get_by_role("button", name="Swap", exact=True).click()
    for panel in (first, second):
        expect(panel.locator(".wl-now").first).to_contain_text("now on embedded Redis")
        expect(panel.get_by_role("log")).to_contain_text("memory → embedded Redis")
        expect(panel.locator(".wl-done")).to_be_visible()
    live.python("_second.close()")
    expect(live.panel).to_have_count(1)
    assert not live.value("_second.running")


def test_a_thousand_requests_a_second_leave_the_page_its_clicks(live: NotebookPage) -> None:
    live.python("lab.traffic(gopher, '/ricochet', rate=1000)")
    expect(live.tab("Traffic").locator(".scatterlayer .js-line").first).to_be_visible()
    frames, seconds, updates = live.frames(5.0)
    sent: dict[str, list[float]] = {}
    for name, at in updates:
        sent.setdefault(name, []).append(at)
    assert sent
    for moments in sent.values():
        assert len(moments) - 1 <= 10 * (max(moments) - min(moments)) + 1, "ten updates a second at most"
    assert frames >= 3 * seconds, "the page still draws"
    live.tab("Trouble")
    expect(live.panel.get_by_label("Latency, ms").first).to_be_visible()
    traffic = live.tab("Traffic")
    traffic.get_by_role("button", name="Stop").click()
    live.wait_for("not lab.traffics[-1].running")
    assert live.value("lab.traffics[-1].failed") == 0
    assert live.errors == []


def test_a_page_loaded_again_goes_on_where_the_lab_is(notebook: NotebookPage) -> None:
    notebook.run(LOAD)
    notebook.run(PANEL)
    notebook.panel.wait_for()
    notebook.python("lab.traffic(gopher, '/ricochet', rate=200)")
    notebook.swap("keyvalue", "embedded Redis (fakeredis)")
    expect(notebook.tab("Traffic").locator(".scatterlayer .js-line").first).to_be_visible()

    notebook.reload()
    answered = notebook.value("lab.traffics[-1].answered")
    expect(notebook.row("keyvalue").locator(".wl-now")).to_contain_text("now on embedded Redis")
    traffic = notebook.tab("Traffic")
    expect(traffic.locator(".scatterlayer .js-line").first).to_be_visible()
    expect(traffic.locator(".annotation")).to_have_text("→ embedded Redis")
    traffic.get_by_role("button", name="Stop").click()
    notebook.wait_for("not lab.traffics[-1].running")
    assert notebook.value("lab.traffics[-1].answered") > answered
    assert notebook.value("lab.traffics[-1].failed") == 0
    assert notebook.errors == []


def test_a_kernel_restarted_under_traffic_leaves_nothing_behind(notebook: NotebookPage, jupyter: Jupyter) -> None:
    notebook.run(LOAD)
    before = jupyter.offspring()
    notebook.run(PANEL)
    notebook.panel.wait_for()
    notebook.python("_server = lab.services.redis(); lab.keyvalue.swap(_server.url, migrate=True)")
    notebook.python("lab.traffic(gopher, '/ricochet', rate=200)")
    notebook.wait_for("lab.traffics[-1].answered > 20")
    started = jupyter.offspring() - before
    assert any("redis-server" in process.name() for process in started)

    notebook.restart()
    gone, left = psutil.wait_procs(started, timeout=30)
    assert len(gone) == len(started), [process.cmdline() for process in left]
    expect(notebook.panel.locator(".wl-notice")).to_contain_text("No kernel is behind this panel any more")
    expect(notebook.panel.locator(".wl-rate").first).to_be_hidden()

    notebook.run(LOAD)
    notebook.run(PANEL)
    expect(notebook.panel.locator(".wl-notice")).to_be_hidden()
    expect(notebook.row("keyvalue").locator(".wl-now")).to_contain_text("now on memory")
