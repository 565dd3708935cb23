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


@pytest.mark.parametrize("title", TABS)
def test_nothing_sticks_out_where_it_is_narrow(live: NotebookPage, title: str) -> None:
    live.narrow(480)
    try:
        live.tab(title)
        expect(live.panel.locator(".wl-narrow")).to_be_visible()
        assert live.panel.evaluate(STICKING_OUT) == []
    finally:
        live.narrow(None)
