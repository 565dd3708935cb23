"""How the panel is to be used by everyone: names for screen readers, nothing cut off in a narrow window."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .page import NotebookPage

TABS = ("Traffic", "Trace", "Data", "Request", "Trouble")

# What can be used, is to be seen, and has no name that a screen reader could say.
NAMELESS = """panel => [...panel.querySelectorAll(
    "button, input, select, textarea, [role=tab], [role=slider], [role=img], [role=log]"
)].filter(one => one.getClientRects().length).filter(one => {
    const by = (one.getAttribute("aria-labelledby") ?? "").split(" ").map(id => document.getElementById(id));
    const names = [...by, ...(one.labels ?? [])].map(each => each?.textContent);
    names.push(one.getAttribute("aria-label"), one.title);
    if (one.matches("button, [role=tab]")) names.push(one.textContent);
    return !names.some(name => name?.trim());
}).map(one => one.outerHTML.slice(0, 200))"""

# What sticks out of the panel on the right, unless it is in a box that scrolls.
STICKING_OUT = """panel => {
    const edge = panel.getBoundingClientRect().right + 1;
    const scrolls = one =>
        one !== panel && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
    return [...panel.querySelectorAll("*")].filter(one =>
        one.getClientRects().length && one.getBoundingClientRect().right > edge && !scrolls(one.parentElement)
    ).map(one => one.outerHTML.slice(0, 200));
}"""


# Text of which a part can't be read: of tabs, of what is written on the wires, of names.
CUT = """panel => [...panel.querySelectorAll(".lm-TabBar-tabLabel, .wl-package, .wl-passes, .wl-passes span, .wl-name")]
    .filter(one => one.getClientRects().length)
    .filter(one => {
        const around = one.closest(".lm-TabBar-tab, .wl-label, .wl-card").getBoundingClientRect();
        return one.clientWidth < one.scrollWidth || one.getBoundingClientRect().right > around.right + 1;
    })
    .map(one => one.outerHTML.slice(0, 200))"""

#: Many calls, some of which fail, as a wire tells of them.
BUSY = """
lab.keyvalue.meter.on()
lab.keyvalue.wrap(wl.Failing, 0.4)
for _ in range(60):
    gopher.get("/ricochet")
lab.keyvalue.unwrap()
"""


def test_everything_that_can_be_used_has_a_name(live: NotebookPage) -> None:
    for title in TABS:
        live.tab(title)
        assert live.panel.evaluate(NAMELESS) == [], title
    live.row("keyvalue").get_by_label("Provider").select_option(label="other URL …")
    expect(live.row("keyvalue").get_by_label("URL")).to_be_visible()
    assert live.panel.evaluate(NAMELESS) == []


def test_the_picture_says_in_words_what_it_shows(live: NotebookPage) -> None:
    picture = live.panel.get_by_role("img", name="gopher: wasi:keyvalue")
    expect(picture).to_be_attached()
    assert "is wired to memory" in (picture.get_attribute("aria-label") or "")


@pytest.mark.parametrize("width", [380, 480])
@pytest.mark.parametrize("title", TABS)
def test_nothing_sticks_out_where_it_is_narrow(live: NotebookPage, title: str, width: int) -> None:
    live.narrow(width)
    try:
        live.tab(title)
        expect(live.panel.locator(".wl-narrow")).to_be_visible()
        assert live.panel.evaluate(STICKING_OUT) == []
        assert live.panel.evaluate(CUT) == []
    finally:
        live.narrow(None)


@pytest.mark.parametrize("width", [380, 1360])
def test_what_a_wire_tells_can_be_read(live: NotebookPage, width: int) -> None:
    live.narrow(width if width < 1000 else None)
    try:
        expect(live.panel.locator(".wl-narrow")).to_have_count(1 if width < 1000 else 0)
        live.python(BUSY)
        wire = live.panel.locator(".wl-passes").first
        expect(wire).to_contain_text("failed")
        expect(live.panel.locator(".wl-erred")).to_have_count(1)
        # The picture makes room a frame after its words have grown.
        live.page.wait_for_function(f"panel => ({CUT})(panel).length === 0", arg=live.panel.element_handle())
        expect(live.panel.locator(".wl-erred")).to_have_count(0)  # they were some seconds ago
        expect(wire).to_contain_text("failed")
    finally:
        live.narrow(None)


def test_picture_swaps_and_chart_are_on_one_projected_page(live: NotebookPage) -> None:
    live.page.set_viewport_size({"width": 1360, "height": 1000})
    try:
        live.python("lab.traffic(gopher, '/ricochet', rate=50)")
        live.swap("keyvalue", "embedded Redis (fakeredis)")
        live.swap("keyvalue", "start a redis-server")
        live.swap("blobstore", "files, folder blobs")
        live.panel.evaluate("panel => panel.scrollIntoView()")
        expect(live.panel.locator(".wl-app")).to_be_in_viewport(ratio=1)
        expect(live.panel.locator(".legend")).to_be_in_viewport(ratio=1)
    finally:
        live.python("lab.blobstore.swap('memory://'); lab.keyvalue.swap('memory://'); lab.services.redis().stop()")
        live.narrow(None)


def test_many_apps_without_links_take_one_line(live: NotebookPage) -> None:
    live.python("_more = [lab.load(name) for name in ('hello', 'hello-rust', 'tiny')]")
    try:
        line = live.panel.locator(".wl-loose")
        expect(line).to_contain_text("hello-rust")
        assert line.evaluate("line => line.getBoundingClientRect().height") < 60
        assert live.panel.evaluate(CUT) == []
    finally:
        live.python("for _app in _more: lab.unload(_app)")
    expect(line).to_have_count(0)


def test_long_lines_break_between_words_and_dropdowns_have_arrows_in_the_dark(live: NotebookPage) -> None:
    request = live.tab("Request")
    curl = request.get_by_role("button", name="curl")
    curl.click()
    try:
        assert request.locator("pre.wl-copied").evaluate("pre => getComputedStyle(pre).wordBreak") == "normal"
    finally:
        curl.click()
        expect(request.locator("pre.wl-copied")).to_have_count(0)
    try:
        live.theme("Dark")
        arrow = live.panel.locator("select").first.evaluate("one => getComputedStyle(one).backgroundImage")
        assert "%23ddd" in arrow
    finally:
        live.theme("Light")
