"""The panel without a browser: what it shows, and when it works."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import open_panels
from tests.open_panels import Away, Slow, look_until, row, text
from tests.threads import until
from wasicloud_lab.widgets import panel as panels
from wasicloud_lab.widgets.board import Board, board_of
from wasicloud_lab.widgets.copy import CopyCode
from wasicloud_lab.widgets.panel import Panel, Responsiveness
from wasicloud_lab.widgets.shells import inside
from wasicloud_lab.widgets.wiring import short, trip_text

gopher = open_panels.gopher
opened = open_panels.opened

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
