"""The panel's tabs in JupyterLab: what is done in one is seen in another, and by gopher."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .page import NotebookPage


def send(live: NotebookPage, path: str) -> Locator:
    """Sends a request in the panel; answers the tab."""
    tab = live.tab("Request")
    tab.get_by_label("Path").fill(path)
    tab.get_by_role("button", name="Send").click()
    return tab


def test_a_value_changed_in_data_changes_what_gopher_answers(live: NotebookPage) -> None:
    answer = send(live, "/ricochet")
    expect(answer.locator(".wl-badge")).to_have_text("200 OK")
    expect(answer.locator("pre")).to_contain_text("dog")

    data = live.tab("Data")
    data.get_by_label("Bucket").first.select_option(label="user:ricochet")
    data.get_by_label("Keys").select_option(label="animal")
    expect(data.locator("pre")).to_have_text("dog")
    data.get_by_role("button", name="Change").click()
    expect(data.get_by_label("Value")).to_have_value("dog")
    data.get_by_label("Value").fill("fox")
    data.get_by_role("button", name="Save").click()
    expect(data.get_by_role("status").filter(has_text="Stored animal, 3 bytes")).to_be_visible()

    answer = send(live, "/ricochet")
    expect(answer.locator("pre")).to_contain_text("fox")
    trace = live.tab("Trace")
    expect(trace.get_by_label("Requests").locator("option").first).to_contain_text("GET /ricochet  200")
    expect(trace.locator("svg").first).to_contain_text("bucket.get")
    assert live.errors == []


def test_a_provider_taken_down_is_a_503_and_a_red_card_until_it_is_back(live: NotebookPage) -> None:
    card = live.panel.locator(".wl-provider.wl-keyvalue")
    expect(card).to_have_class("wl-card wl-provider wl-keyvalue wl-ok")
    down = live.tab("Trouble").get_by_label("Down").first
    down.check()
    expect(card).to_have_class("wl-card wl-provider wl-keyvalue wl-failed")
    answer = send(live, "/ricochet")
    expect(answer.locator(".wl-badge")).to_have_text("503 Service Unavailable")

    live.tab("Trouble").get_by_label("Down").first.uncheck()
    expect(card).to_have_class("wl-card wl-provider wl-keyvalue wl-ok")
    live.wait_for("not getattr(lab.keyvalue.provider, 'down', False)")
    answer = send(live, "/ricochet")
    expect(answer.locator(".wl-badge")).to_have_text("200 OK")
    assert live.errors == []


def test_a_huge_value_is_cut_and_says_its_size(live: NotebookPage) -> None:
    live.python("lab.keyvalue.provider.set('user:ricochet', 'film', b'frame ' * 1_000_000)")
    data = live.tab("Data")
    data.get_by_label("Bucket").first.select_option(label="user:ricochet")
    data.get_by_label("Keys").select_option(label="film")
    shown = data.locator("pre")
    expect(shown).to_contain_text("frame frame")
    assert len(shown.inner_text()) < 100_000
    expect(data).to_contain_text("5.7 MiB")
    assert live.errors == []
