"""Swapping a provider in the panel, in JupyterLab: by mouse and by keys, under traffic, refused, with a secret."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .page import NotebookPage

EMBEDDED = "embedded Redis (fakeredis)"


def test_swaps_under_traffic_are_marked_in_the_chart_and_lose_no_visit(live: NotebookPage) -> None:
    swaps = live.value("len(lab.links.history)")
    traffic = live.tab("Traffic")
    traffic.get_by_label("Path").fill("/ricochet")
    traffic.get_by_role("button", name="Start").click()
    live.wait_for("lab.traffics and lab.traffics[-1].answered > 50")

    live.swap("keyvalue", EMBEDDED)
    after_first = live.value("lab.traffics[-1].answered")
    live.swap("keyvalue", "start a redis-server")
    after_second = live.value("lab.traffics[-1].answered")
    live.wait_for(f"lab.traffics[-1].answered > {after_second} + 50")

    # In full when one points at it: over the chart there may be no room, so soon after the swaps of other tests.
    expect(traffic.locator(".annotation").nth(1)).to_be_visible()
    for words in ("→ embedded Redis", "→ Redis at"):
        marks = "panel.sections['Traffic'].chart.layout['annotations']"
        live.wait_for(f"any({words!r} in mark['hovertext'] for mark in {marks})")
    expect(traffic.locator(".scatterlayer .js-line").first).to_be_visible()
    history = live.panel.get_by_role("log").locator("li")
    expect(history.nth(0)).to_contain_text(re.compile(r"embedded Redis.* → Redis at .* keys, .* moved"))
    expect(history.nth(1)).to_contain_text(re.compile(r"memory → embedded Redis.* keys, .* moved"))

    traffic.get_by_role("button", name="Stop").click()
    live.wait_for("not lab.traffics[-1].running")
    answered, failed, counted, made = live.value(
        "(lab.traffics[-1].answered, lab.traffics[-1].failed, "
        "int(lab.keyvalue.provider.get('visits', 'ricochet')), len(lab.links.history))"
    )
    assert answered > after_second > after_first > 50
    assert (failed, counted, made) == (0, answered, swaps + 2)
    expect(traffic.locator(".wl-numbers")).to_contain_text(f"{answered:,}")
    assert live.errors == []


def test_a_refused_swap_says_why_in_its_row_and_changes_nothing(live: NotebookPage, free_port: int) -> None:
    row = live.row("keyvalue")
    row.get_by_label("Provider").select_option(label="other URL …")
    row.get_by_label("URL").fill(f"redis://127.0.0.1:{free_port}")
    row.get_by_role("button", name="Swap", exact=True).click()
    refused = row.get_by_role("alert")
    expect(refused).to_contain_text(f"Redis at 127.0.0.1:{free_port} does not answer")
    expect(refused).to_be_in_viewport()
    expect(row.locator(".wl-now")).to_contain_text("now on memory")
    assert live.python("print(gopher.get('/ricochet').status_code)").strip() == "200"


def test_what_is_no_url_is_told_while_it_is_typed(live: NotebookPage) -> None:
    row = live.row("keyvalue")
    row.get_by_label("Provider").select_option(label="other URL …")
    row.get_by_label("URL").fill("rediss:/nowhere")
    expect(row.get_by_role("alert")).to_be_visible()
    row.get_by_label("URL").fill("redis://127.0.0.1:1")
    expect(row.get_by_role("alert")).to_have_count(0)


def test_a_server_found_while_a_url_is_typed_is_offered_and_the_typing_goes_on(live: NotebookPage) -> None:
    row = live.row("keyvalue")
    row.get_by_label("Provider").select_option(label="other URL …")
    row.get_by_label("URL").fill("")
    row.get_by_label("URL").press_sequentially("redis://127.0")
    live.python("_found = lab.services.redis(new=True)")
    port = live.value("_found.port")
    expect(row.locator("option", has_text=f"Redis at 127.0.0.1:{port}, started here")).to_have_count(1)
    live.page.keyboard.type(".0.1")
    expect(row.get_by_label("URL")).to_have_value("redis://127.0.0.1")
    expect(row.get_by_label("URL")).to_be_focused()
    live.python("_found.stop()")
    expect(row.locator("option", has_text=f"127.0.0.1:{port}")).to_have_count(0)
    assert live.errors == []


def test_copy_as_code_puts_the_line_into_the_clipboard(live: NotebookPage) -> None:
    row = live.row("keyvalue")
    row.get_by_label("Provider").select_option(label=EMBEDDED)
    row.get_by_role("button", name="copy as code: swap keyvalue").click()
    expect(row.get_by_role("status").filter(has_text="copied")).to_be_visible()
    line = live.page.evaluate("() => navigator.clipboard.readText()")
    assert line == "lab.keyvalue.swap('fakeredis://', migrate=True)"
    expect(row.get_by_label("the code")).to_have_value(line)
    live.python(line)  # and it does what the button would have done
    expect(row.locator(".wl-now")).to_contain_text("now on embedded Redis")


def test_a_secret_in_a_url_is_neither_in_the_page_nor_in_the_saved_notebook(live: NotebookPage) -> None:
    secret = "open-sesame-4711"
    live.python(f"_guarded = lab.services.redis(new=True, requirepass={secret!r})")
    port = live.value("_guarded.port")
    live.listen_for(secret)
    row = live.row("keyvalue")
    started = row.locator("option", has_text=f"Redis at 127.0.0.1:{port}, started here")
    expect(started).to_have_count(1)
    row.get_by_label("Provider").select_option(label="other URL …")
    row.get_by_label("URL").fill("")
    row.get_by_label("URL").press_sequentially(f"redis://:{secret}@127.0.0.1:{port}")
    row.get_by_role("button", name="Swap", exact=True).click()
    expect(row.locator(".wl-done")).to_contain_text("swapped: ")
    expect(row.locator(".wl-now")).to_contain_text(f"now on Redis at 127.0.0.1:{port}")
    row.get_by_role("button", name=re.compile("copy as code")).click()
    expect(row.get_by_label("the code")).to_have_value(re.compile(r"lab\.keyvalue\.swap\('redis://"))

    fields = live.page.evaluate("() => [...document.querySelectorAll('input, textarea')].map(field => field.value)")
    assert [field for field in fields if secret in field] == []
    assert secret not in live.page.content()
    file = live.saved()
    assert "application/vnd.jupyter.widget-state+json" in file, "the widgets' state is saved here too"
    assert secret not in file
    assert live.heard() == 0
    live.python("lab.keyvalue.swap('memory://'); _guarded.stop()")


def test_the_keyboard_alone_swaps(live: NotebookPage) -> None:
    row = live.row("keyvalue")
    provider = row.get_by_label("Provider")
    provider.select_option(label="memory, a new one")
    live.panel.get_by_role("tab", name="Traffic").focus()
    for _ in range(40):  # backwards, from the tabs to the first row
        if provider.evaluate("field => field === document.activeElement"):
            break
        live.page.keyboard.press("Shift+Tab")
    else:
        raise AssertionError("the dropdown is not reached by Tab")
    live.page.keyboard.type("embedded")  # in which "dd" would delete the cell, were it the notebook's to hear
    expect(provider).to_have_value(EMBEDDED)
    swap = row.get_by_role("button", name="Swap", exact=True)
    for _ in range(5):
        live.page.keyboard.press("Tab")
        if swap.evaluate("button => button === document.activeElement"):
            break
    else:
        raise AssertionError("Swap is not reached by Tab")
    live.page.keyboard.press("Enter")
    expect(row.locator(".wl-now")).to_contain_text("now on embedded Redis")
    expect(row.locator(".wl-done")).to_be_visible()
    expect(swap).to_be_focused()
    expect(swap).to_have_attribute("aria-disabled", "true")  # the store is on it now
    assert live.value("lab.keyvalue.history[-1].moved is not None")


#: A swap from a cell that goes on until `_go` is set.
SLOW = """
import threading
_go = threading.Event()
_swap = threading.Thread(target=lambda: lab.keyvalue.swap("memory://", migrate=True, progress=lambda _: _go.wait(60)))
_swap.start()
"""


def test_the_focus_stays_in_the_row_while_it_is_swapped(live: NotebookPage) -> None:
    row = live.row("keyvalue")
    row.get_by_label("Provider").select_option(label=EMBEDDED)
    swap, cancel = (row.get_by_role("button", name=name, exact=True) for name in ("Swap", "Cancel"))
    expect(swap).to_have_attribute("aria-disabled", "false")
    swap.focus()
    live.python(SLOW)
    expect(cancel).to_be_visible()
    expect(swap).to_have_attribute("aria-disabled", "true")
    expect(swap).to_be_focused()
    live.page.keyboard.press("Tab")
    expect(cancel).to_be_focused()
    live.python("_go.set(); _swap.join()")
    expect(cancel).to_be_hidden()
    expect(swap).to_be_focused()
