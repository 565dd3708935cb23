"""The panel without a browser: what it shows, what its controls do, and when it works."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest

import wasicloud_lab as wl
from tests.threads import until
from wasicloud_lab.errors import Unavailable
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.widgets import panel as panels
from wasicloud_lab.widgets.board import Board, board_of
from wasicloud_lab.widgets.copy import CopyCode
from wasicloud_lab.widgets.links import LinkRow
from wasicloud_lab.widgets.panel import Panel, Responsiveness
from wasicloud_lab.widgets.shells import inside
from wasicloud_lab.widgets.wiring import short, trip_text


class Slow(MemoryStore):
    """Gives no sign of life until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def ping(self) -> None:
        self.asked.set()
        self.let_go.wait(60)


class Away(MemoryStore):
    """Can be taken away; tells a secret when it is."""

    away = False

    def ping(self) -> None:
        if self.away:
            raise Unavailable("redis://:hunter2@localhost does not answer")


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    app = own_lab.load("gopher")
    own_lab.keyvalue.provider.set("default", "x", b"1")
    return app


@pytest.fixture
def opened(own_lab: wl.Lab, gopher: wl.App) -> Iterator[Callable[[], Panel]]:
    """Opens panels on the lab with gopher; all are closed at the end."""
    made: list[Panel] = []

    def open_one() -> Panel:
        made.append(own_lab.panel())
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def look_until(panel: Panel, holds: Callable[[], Any]) -> Any:
    """As a front end that shows the panel while it waits."""

    def looked() -> Any:
        panel.looked_at()
        return holds()

    return until(looked)


def row(panel: Panel, name: str) -> LinkRow:
    """The row of one link."""
    return next(row for link, row in panel.links.rows.items() if link.name == name)


def text(shown: Any) -> str:
    """All that the HTML in a widget or row says."""
    widget = getattr(shown, "view", shown)
    return "\n".join(each.value for each in inside(widget) if isinstance(each, ipywidgets.HTML))


def choose(line: LinkRow, beginning: str) -> None:
    dropdown = line.provider
    dropdown.index = next(n for n, (label, _) in enumerate(dropdown.options) if label.startswith(beginning))


def type_url(line: LinkRow, url: str, kind: str = "url") -> None:
    line.url.told({"type": kind, "url": url})


# --- the picture -----------------------------------------------------------------------------------


def test_the_picture_has_the_apps_the_providers_and_a_wire_for_each_import(
    own_lab: wl.Lab, opened: Callable[[], Panel]
) -> None:
    state = opened().wiring.state
    (app,) = state["apps"]
    assert app["name"] == "gopher"
    assert app["digest"] == own_lab.apps["gopher"].digest[:12]
    assert [name.partition("@")[0] for name in app["exports"]] == ["wasi:http/incoming-handler"]
    assert [(wire["label"], wire["provider"]) for wire in app["wires"]] == [
        ("wasi:keyvalue", "keyvalue"),
        ("wasi:blobstore", "blobstore"),
    ]
    assert [(each["key"], each["summary"]) for each in state["providers"]] == [
        ("keyvalue", "memory"),
        ("blobstore", "memory"),
    ]
    json.dumps(state)


def test_an_app_that_passes_requests_on_stands_before_the_other(own_lab: wl.Lab) -> None:
    blobby, gopher = own_lab.load("blobby", config={"mount": "/files"}), own_lab.load("gopher")
    own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    panel = own_lab.panel()
    assert [app["name"] for app in panel.wiring.state["apps"]] == ["gopher", "blobby"]
    wire = panel.wiring.state["apps"][0]["wires"][-1]
    assert (wire["label"], wire["app"]) == ("wasi:http/incoming-handler", "blobby")
    panel.close()


def test_apps_that_pass_requests_to_each_other_are_drawn_too(own_lab: wl.Lab) -> None:
    one, two = own_lab.load("gopher", name="one"), own_lab.load("gopher", name="two")
    own_lab.link(one, "wasi:http/incoming-handler", two)
    own_lab.link(two, "wasi:http/incoming-handler", one)
    panel = own_lab.panel()
    assert sorted(app["name"] for app in panel.wiring.state["apps"]) == ["one", "two"]
    panel.close()


def test_an_empty_lab_has_a_panel_too(own_lab: wl.Lab) -> None:
    panel = own_lab.panel()
    assert panel.wiring.state["apps"] == []
    assert panel.wiring.state["words"] == "No app is loaded."
    own_lab.load("hello")
    panel.refresh()
    assert "hello imports nothing that is linked." in panel.wiring.state["words"]
    panel.close()


def test_calls_are_counted_while_somebody_looks(own_lab: wl.Lab, gopher: wl.App, opened: Callable[[], Panel]) -> None:
    panel = opened()
    gopher.get("/ricochet")
    panel.looked_at()
    until(lambda: own_lab.keyvalue.meter.running)
    gopher.get("/ricochet")
    wire = look_until(panel, lambda: next((w for w in panel.wiring.state["apps"][0]["wires"] if w["calls"]), None))
    assert wire["calls"] == own_lab.keyvalue.meter.counts("gopher").calls
    assert f"{wire['calls']:,} calls" in panel.wiring.state["words"]


def test_the_picture_is_not_sent_again_while_nothing_changes(opened: Callable[[], Panel]) -> None:
    panel = opened()
    panel.refresh()
    changes: list[Any] = []
    panel.wiring.observe(changes.append, "state")
    for _ in range(5):
        panel.refresh()
    assert changes == []


def test_round_trips_are_told_apart_as_far_as_anyone_cares() -> None:
    assert [trip_text(each) for each in (None, 0.0, 0.00002, 0.0123, 1.5)] == [
        "",
        "< 0.1 ms",
        "< 0.1 ms",
        "12 ms",
        "1.50 s",
    ]


@pytest.mark.parametrize(
    ("summary", "parts"),
    [
        ("memory", ("memory", "")),
        ("embedded Redis, hashes", ("embedded Redis", "hashes")),
        ("memory, switched off, 50 ms slower", ("memory", "switched off, 50 ms slower")),
        ("folder /tmp/some/where/blobs", ("folder blobs", "")),
        ("SQLite file /tmp/my data/keyvalue.db, read-only", ("SQLite file keyvalue.db", "read-only")),
        (r"folder C:\Users\me\blobs", ("folder blobs", "")),
        ("SQLite file keyvalue.db", ("SQLite file keyvalue.db", "")),
        ("S3 bucket b/prefix at https://host/path", ("S3 bucket b/prefix at https://host/path", "")),
    ],
)
def test_a_provider_is_named_in_short(summary: str, parts: tuple[str, str]) -> None:
    assert short(summary) == parts


def test_a_folder_is_shown_by_its_last_part_and_whole_as_title(
    own_lab: wl.Lab, opened: Callable[[], Panel], tmp_path: Any
) -> None:
    own_lab.blobstore.swap(f"file://{tmp_path}/blobs")
    panel = opened()
    provider = panel.wiring.state["providers"][1]
    assert (provider["name"], provider["rest"]) == ("folder blobs", "")
    assert provider["summary"].startswith("folder /")
    assert f'<b title="{provider["summary"]}">folder blobs</b>' in text(row(panel, "blobstore"))


def test_failures_are_told_as_recent_for_some_seconds_only(
    own_lab: wl.Lab, gopher: wl.App, opened: Callable[[], Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_lab.keyvalue.meter.on()
    own_lab.keyvalue.wrap(wl.Failing, 1.0)
    assert gopher.get("/ricochet").status_code == 503
    panel = opened()

    def wire() -> Any:
        panel.refresh()
        return panel.wiring.state["apps"][0]["wires"][0]

    assert wire()["errors"] > 0
    assert not wire()["failing"], "when they failed is not known"
    gopher.get("/ricochet")
    assert wire()["failing"]
    monkeypatch.setattr("wasicloud_lab.widgets.wiring.RECENT", 0.01)
    time.sleep(0.02)
    assert wire()["errors"] > 0
    assert not wire()["failing"]
    own_lab.keyvalue.meter.off()


# --- health ----------------------------------------------------------------------------------------


def test_a_provider_that_does_not_answer_is_shown_as_failed_and_comes_back(
    own_lab: wl.Lab, opened: Callable[[], Panel]
) -> None:
    store = Away()
    own_lab.keyvalue.swap(store)
    panel = opened()

    def health() -> Any:
        return panel.wiring.state["providers"][0]

    look_until(panel, lambda: health()["health"] == "ok" and health()["trip"])
    store.away = True
    board_of(own_lab).hurry()
    look_until(panel, lambda: health()["health"] == "failed")
    assert health()["words"] == "redis://:***@localhost does not answer"
    assert "which does not answer" in panel.wiring.state["words"]
    store.away = False
    board_of(own_lab).hurry()
    look_until(panel, lambda: health()["health"] == "ok")


def test_a_provider_that_hangs_is_asked_once_and_holds_nobody_up(
    own_lab: wl.Lab, gopher: wl.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasicloud_lab.widgets.board.PATIENCE", 0.2)
    store = Slow()
    store.let_go.set()
    own_lab.keyvalue.swap(store)
    store.let_go.clear()
    board = Board(own_lab)
    board.join(store)
    try:
        until(lambda: board.health(own_lab.keyvalue).state == "failed")
        assert board.health(own_lab.keyvalue).words.startswith("no answer for")
        until(lambda: board.health(own_lab.blobstore).state == "ok")
        assert len([each for each in threading.enumerate() if each.name == "keyvalue health"]) == 1
        store.let_go.set()
        until(lambda: board.health(own_lab.keyvalue).state == "ok")
    finally:
        store.let_go.set()
        board.leave(store)


def test_a_provider_that_hangs_is_not_waited_for_once_it_is_swapped(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = Slow()
    store.let_go.set()
    own_lab.keyvalue.swap(store)
    store.let_go.clear()
    store.asked.clear()
    board = Board(own_lab)
    board.join(store)
    try:
        assert store.asked.wait(60)
        own_lab.keyvalue.swap("memory://")
        board.hurry()
        until(lambda: board.health(own_lab.keyvalue).state == "ok")
    finally:
        store.let_go.set()
        board.leave(store)


def test_a_board_does_not_keep_its_lab() -> None:
    lab = wl.Lab()
    lab.load("gopher")
    board, gone = board_of(lab), weakref.ref(lab)
    assert board_of(lab) is board
    lab.close()
    del lab
    gc.collect()
    assert gone() is None


# --- swaps -----------------------------------------------------------------------------------------


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


# --- when it works ---------------------------------------------------------------------------------


def test_it_works_while_somebody_looks_and_rests_when_nobody_does(
    own_lab: wl.Lab, opened: Callable[[], Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "UNSEEN", 0.3)
    panel = opened()
    assert not panel.running
    for _ in range(2):
        panel.looked_at()
        assert panel.running
        until(lambda: own_lab.keyvalue.meter.running)
        until(lambda: not panel.running)
        assert not own_lab.keyvalue.meter.running
        until(lambda: not [each for each in threading.enumerate() if each.name in ("panel", "panel health")])


def test_closing_one_panel_leaves_the_other_at_work(own_lab: wl.Lab, opened: Callable[[], Panel]) -> None:
    first, second = opened(), opened()
    for panel in (first, second):
        panel.looked_at()
    until(lambda: own_lab.keyvalue.meter.running)
    first.close()
    first.close()
    first.looked_at()
    assert not first.running
    assert second.running
    until(lambda: own_lab.keyvalue.meter.running)
    assert [each.name for each in threading.enumerate()].count("panel") == 1


def test_closing_takes_every_widget_off_the_page(opened: Callable[[], Panel]) -> None:
    panel = opened()
    widgets = list(inside(panel))
    panel.close()
    assert [widget for widget in widgets if widget.comm is not None] == []


def test_a_section_in_trouble_does_not_stop_the_picture(
    own_lab: wl.Lab, opened: Callable[[], Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = opened()

    def broken() -> None:
        raise RuntimeError("redis://:hunter2@x is in trouble")

    monkeypatch.setattr(panel.links, "refresh", broken)
    own_lab.load("hello")
    panel.refresh()
    assert "hello" in panel.wiring.state["words"]
    assert "redis://:***@x is in trouble" in text(panel)
    monkeypatch.undo()
    panel.refresh()
    assert "is in trouble" not in text(panel)


def test_a_kernel_that_is_held_up_is_told_from_one_that_is_not() -> None:
    async def main() -> tuple[float, float]:
        kernel = Responsiveness()
        free = []
        for _ in range(30):
            free.append(kernel.held_up())
            await asyncio.sleep(0.02)
        for _ in range(30):
            held = kernel.held_up()
            time.sleep(0.02)  # as a cell does
        return max(free), held

    free, held = asyncio.run(main())
    assert free < held
    assert Responsiveness().held_up() == 0.0


def test_every_section_of_the_panel_is_there(opened: Callable[[], Panel]) -> None:
    panel = opened()
    assert list(panel.sections) == ["Traffic", "Trace", "Data", "Request", "Trouble"]
    for section in panel.sections.values():
        assert isinstance(section.code(), str)


def test_copied_code_has_no_secret() -> None:
    button = CopyCode(lambda: "lab.keyvalue.swap('redis://:hunter2@localhost')", "swap")
    assert button.code() == "lab.keyvalue.swap('redis://:***@localhost')"
    button.close()


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
