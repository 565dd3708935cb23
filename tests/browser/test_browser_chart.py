"""The chart of the Traffic tab in JupyterLab: marks that can be read, and a console without errors."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .conftest import PANEL
from .page import NotebookPage

#: Seconds in which an old panel that nobody shows still draws.
OLD = 7.0

# Labels over the chart that are cut off, or print over each other or over the axis.
UNREADABLE = """chart => {
    const edge = chart.getBoundingClientRect();
    const boxes = [...chart.querySelectorAll(".annotation-text, .xtick text")]
        .filter(one => one.textContent !== "▾").map(one => one.getBoundingClientRect());
    return boxes.filter((one, n) => one.left < edge.left || one.right > edge.right || boxes.some((other, m) =>
        n !== m && one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom
    )).length;
}"""


def readable(chart: Locator) -> None:
    """Waits until every label can be read: the chart moves, and after a change of its width is drawn once more."""
    chart.page.wait_for_function(f"chart => ({UNREADABLE})(chart) === 0", arg=chart.element_handle())


def drawn(panel: Locator) -> Locator:
    """The chart of a panel, once it shows something."""
    panel.evaluate("panel => panel.scrollIntoView()")  # one that is out of sight rests
    chart = panel.locator(".wl-latency")
    expect(chart.locator(".scatterlayer .js-line").first).to_be_attached()
    return chart


def test_a_panel_run_again_or_closed_under_traffic_leaves_the_console_clean(live: NotebookPage) -> None:
    live.append("_second = lab.panel(); _second")
    live.python("lab.traffic(gopher, '/ricochet', rate=200)")
    for number in (0, 1):
        drawn(live.panel.nth(number))
    live.run(PANEL)
    drawn(live.panel.first)
    live.page.wait_for_timeout(1000 * OLD)
    assert live.errors == []
    live.python("_second.close()")
    expect(live.panel).to_have_count(1)
    live.page.wait_for_timeout(1000 * OLD)
    assert live.errors == []


def test_marks_of_many_swaps_can_be_read_wide_and_narrow(live: NotebookPage) -> None:
    live.python("lab.traffic(gopher, '/ricochet', rate=50)")
    traffic = live.tab("Traffic")
    chart = drawn(live.panel)
    expect(traffic.get_by_text("The chart is coming")).to_be_hidden()
    for url in ("fakeredis://", "memory://", "sqlite:///marks.db", "fakeredis://", "memory://"):
        live.python(f"lab.keyvalue.swap({url!r}, migrate=True)")
        live.page.wait_for_timeout(500)
    expect(chart.locator(".annotation").nth(4)).to_be_attached()
    expect(chart.locator(".annotation-text", has_text="→ memory").first).to_be_visible()
    readable(chart)
    live.narrow(480)
    try:
        expect(chart.locator(".annotation-text", has_text="→")).to_have_count(0)
        readable(chart)
    finally:
        live.narrow(None)
    assert live.errors == []
