"""The panel's links without a browser: swaps, refusals, choices, and what is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import open_panels
from tests.open_panels import Slow, choose, row, text, type_url
from tests.threads import until
from wasicloud_lab.widgets.board import board_of
from wasicloud_lab.widgets.panel import Panel
from wasicloud_lab.widgets.shells import inside

gopher = open_panels.gopher
opened = open_panels.opened


def test_swap_moves_the_data_and_says_so_in_every_panel(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    first, second = opened(), opened()
    line = row(first, "keyvalue")
    choose(line, "embedded Redis")
    line.swap.click()
    until(lambda: own_lab.keyvalue.url == "fakeredis://" and board_of(own_lab).job(own_lab.keyvalue) is None)
    assert own_lab.keyvalue.provider.get("default", "x") == b"1"
    for panel in (first, second):
        panel.refresh()
        assert "✓ swapped: 1 key moved, no request waited<" in text(row(panel, "keyvalue"))
        assert "embedded Redis</b>" in text(row(panel, "keyvalue"))
        assert "keyvalue: memory → embedded Redis, hashes, 1 key, 1 byte moved in" in text(panel.links.view)
        assert panel.wiring.state["providers"][0]["summary"].startswith("embedded Redis")


def test_an_outcome_is_shown_until_a_cell_swaps(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    line = row(panel, "keyvalue")
    choose(line, "embedded Redis")
    line.swap.click()
    until(lambda: board_of(own_lab).outcome(own_lab.keyvalue))
    panel.refresh()
    assert "✓ swapped" in text(line)
    own_lab.keyvalue.swap("memory://")
    panel.refresh()
    assert "✓" not in text(line)
    assert "now on" in text(line)
    assert ">memory</b>" in text(line)


def test_a_swap_without_the_data_says_how_long_it_took(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    line = row(panel, "keyvalue")
    choose(line, "embedded Redis")
    line.move.value = False
    line.swap.click()
    until(lambda: board_of(own_lab).outcome(own_lab.keyvalue))
    panel.refresh()
    assert "✓ swapped in " in text(line)


def test_what_is_plugged_in_already_is_not_swapped_to(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    own_lab.keyvalue.swap("fakeredis://")
    panel = opened()
    line = row(panel, "keyvalue")
    for choice, typed in (("embedded Redis", ""), ("other URL", "fakeredis://")):
        choose(line, choice)
        type_url(line, typed)
        assert "wl-off" in line.swap._dom_classes
        assert line.swap.tooltip == "keyvalue is on embedded Redis already; choose another provider"
        line.swap.click()
        assert "keyvalue is on embedded Redis already" in text(line)
    assert len(own_lab.keyvalue.history) == 1
    choose(line, "memory, a new one")
    assert "wl-off" not in line.swap._dom_classes
    line.swap.click()
    until(lambda: own_lab.keyvalue.url == "memory://" and board_of(own_lab).job(own_lab.keyvalue) is None)
    panel.refresh()
    assert "wl-off" not in line.swap._dom_classes, "the next memory is another one"


def test_swap_leaves_the_data_where_that_is_wanted(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    line = row(opened(), "keyvalue")
    choose(line, "embedded Redis")
    line.move.value = False
    line.swap.click()
    until(lambda: own_lab.keyvalue.url == "fakeredis://")
    assert own_lab.keyvalue.provider.get("default", "x") is None


def test_a_refused_swap_says_why_in_place(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    line = row(panel, "keyvalue")
    choose(line, "other URL")
    type_url(line, "redis://:hunter2@127.0.0.1:1?timeout=1")
    line.swap.click()
    until(lambda: own_lab.keyvalue.history)
    until(lambda: board_of(own_lab).job(own_lab.keyvalue) is None)
    panel.refresh()
    words = text(line)
    assert 'role="alert"' in words
    assert "keyvalue stays on memory" in words
    assert "does not answer" in words
    assert own_lab.keyvalue.url == "memory://"
    assert 'class="wl-refused"' in text(panel.links.view)
    line.swap.click()  # the URL is still known
    until(lambda: len(own_lab.keyvalue.history) == 2)


def test_a_url_that_is_not_one_is_said_at_once(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    line = row(opened(), "keyvalue")
    choose(line, "other URL")
    type_url(line, "nonsense")
    assert "is not a provider" in text(line)
    assert 'role="alert"' in text(line)
    line.swap.click()
    assert board_of(own_lab).job(own_lab.keyvalue) is None
    type_url(line, "memory://")
    assert "is not a provider" not in text(line)
    type_url(line, "")
    line.swap.click()
    assert "type the provider" in text(line)
    assert own_lab.keyvalue.history == []


def test_enter_in_the_url_swaps(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    line = row(opened(), "keyvalue")
    choose(line, "other URL")
    type_url(line, "fakeredis://", "enter")
    until(lambda: own_lab.keyvalue.url == "fakeredis://")


def test_a_secret_is_in_no_widget_state(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    service = own_lab.services.redis(new=True, requirepass="hunter2")
    assert "hunter2" in service.url
    line = row(panel, "keyvalue")
    choose(line, "other URL")
    for _ in range(2):
        type_url(line, service.url)
        assert_no_secret(panel)
        line.swap.click()
        until(lambda: board_of(own_lab).job(own_lab.keyvalue) is None)
        panel.refresh()
        assert_no_secret(panel)
        assert line.url.shown == service.url.replace("hunter2", "***")
        assert "hunter2" not in panel.links.code()
    assert own_lab.keyvalue.history[0].refused is None
    # What the field shows now is not taken for a new URL.
    type_url(line, line.url.shown)
    assert line.url.url == service.url


def assert_no_secret(panel: Panel) -> None:
    for widget in inside(panel):
        assert "hunter2" not in json.dumps(widget.get_state(), default=repr), type(widget)


def test_a_swap_to_what_hangs_can_be_cancelled(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    store = Slow()
    board = board_of(own_lab)
    line = row(panel, "keyvalue")

    class Hanging:
        label, url, service = "hangs", None, None

        def target(self, _lab: wl.Lab) -> Slow:
            return store

    try:
        assert board.swap(own_lab.keyvalue, Hanging(), False)  # type: ignore[arg-type]
        assert not board.swap(own_lab.keyvalue, Hanging(), False)  # type: ignore[arg-type]
        assert store.asked.wait(60)
        panel.refresh()
        assert "sign of life" in text(line)
        assert line.swap.tooltip == "keyvalue is being swapped"
        assert "wl-off" in line.swap._dom_classes
        assert not line.swap.disabled, "a button that is disabled loses the focus"
        line.swap.click()
        assert line.cancel.layout.display is None
        line.cancel.click()
        until(lambda: (panel.refresh(), board.job(own_lab.keyvalue) is None)[1])
    finally:
        store.let_go.set()
    panel.refresh()
    assert "the swap was cancelled" in text(line)
    assert "wl-off" not in line.swap._dom_classes
    assert len(own_lab.keyvalue.history) == 1
    assert line.cancel.layout.display == "none"


def test_a_migration_from_a_cell_shows_its_progress_and_can_be_cancelled(
    own_lab: wl.Lab, opened: Callable[[], Panel]
) -> None:
    panel = opened()
    line = row(panel, "keyvalue")
    seen: list[str] = []

    def progress(_moved: Any) -> None:
        panel.refresh()
        seen.append(text(line) + str(panel.wiring.state["apps"][0]["wires"][0]["moving"]))
        line.cancel.click()

    with pytest.raises(wl.SwapRefused, match="cancelled"):
        for n in range(100):
            own_lab.keyvalue.provider.set("default", f"k{n}", b"x")
        own_lab.keyvalue.swap("fakeredis://", migrate=True, progress=progress)
    assert "moving the data: 16 keys, 16 bytes" in seen[0]
    assert seen[0].endswith("16 keys, 16 bytes")


def test_rows_come_and_go_with_the_links(own_lab: wl.Lab, gopher: wl.App, opened: Callable[[], Panel]) -> None:
    panel = opened()
    own_lab.link(gopher, "wasi:keyvalue", "fakeredis://")
    panel.refresh()
    assert "embedded Redis</b>" in text(row(panel, "gopher keyvalue"))
    assert "lab.links['gopher keyvalue'].swap(" in panel.links.code()
    own_lab.unlink(gopher, "wasi:keyvalue")
    panel.refresh()
    assert "gopher keyvalue" not in text(panel.links.view)
    own_lab.unload(gopher)
    panel.refresh()
    assert "No loaded app imports" in text(panel.links.view)


def test_a_handler_is_swapped_for_another_app(own_lab: wl.Lab, gopher: wl.App, opened: Callable[[], Panel]) -> None:
    blobby, hello = own_lab.load("blobby", config={"mount": "/files"}), own_lab.load("hello")
    link = own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    panel = opened()
    line = row(panel, "gopher handler")
    assert line.move.layout.display == "none"
    choose(line, "hello")
    assert "lab.links['gopher handler'].swap(lab.apps['hello'])" in panel.links.code()
    line.swap.click()
    until(lambda: link.provider is hello and board_of(own_lab).job(link) is None)
    panel.refresh()
    assert line.swap.tooltip == "gopher handler is on hello already; choose another provider"


def test_what_was_chosen_stays_chosen_when_there_is_more_to_choose(
    own_lab: wl.Lab, opened: Callable[[], Panel]
) -> None:
    panel = opened()
    line = row(panel, "keyvalue")
    choose(line, "SQLite")
    board_of(own_lab).choices.remember("keyvalue", "redis://elsewhere")
    panel.refresh()
    dropdown = line.provider
    assert dropdown.label.startswith("SQLite")
    assert "redis://elsewhere (used before)" in [label for label, _ in dropdown.options]


def test_a_server_is_started_and_swapped_to_and_then_it_is_what_is_chosen(
    own_lab: wl.Lab, opened: Callable[[], Panel]
) -> None:
    board_of(own_lab).choices.look()
    panel = opened()
    line = row(panel, "keyvalue")
    choose(line, "start a redis-server")
    assert line.code() == "lab.keyvalue.swap(lab.services.redis().url, migrate=True)"
    line.swap.click()
    until(lambda: board_of(own_lab).job(own_lab.keyvalue) is None)
    panel.refresh()
    assert own_lab.keyvalue.url == own_lab.services.redis().url
    assert own_lab.keyvalue.provider.get("default", "x") == b"1"
    assert line.provider.label.endswith("started here")


def test_the_code_does_what_the_button_does(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    panel = opened()
    choose(row(panel, "keyvalue"), "embedded Redis")
    code = panel.links.code().splitlines()[0]
    assert code == "lab.keyvalue.swap('fakeredis://', migrate=True)"
    exec(code, {"lab": own_lab})
    assert own_lab.keyvalue.url == "fakeredis://"


def test_new_choices_do_not_hide_the_field_in_which_a_url_is_typed(own_lab: wl.Lab) -> None:
    own_lab.load("gopher")
    panel = own_lab.panel()
    row = panel.links.rows[own_lab.keyvalue]
    row.provider.index = [label for label, _ in row.provider.options].index("other URL …")
    hidden: list[Any] = []
    row.url.layout.observe(lambda change: hidden.append(change["new"]), "display")
    own_lab.services.redis(new=True)
    panel.refresh()
    assert any("started here" in label for label, _ in row.provider.options)
    assert row.provider.label == "other URL …"
    assert hidden == []
    panel.close()
