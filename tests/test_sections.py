"""The panel's sections, without a browser: trouble and traces, and what all of them have in common."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import Any

import ipywidgets as W
import pytest

import wasicloud_lab as wl
from tests import shown
from tests.shown import fields, seen, settled
from tests.threads import until
from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.trouble import CALM, Trouble, give_trouble, trouble_of
from wasicloud_lab.widgets.data import DataSection
from wasicloud_lab.widgets.request import RequestSection
from wasicloud_lab.widgets.trace import TraceSection
from wasicloud_lab.widgets.trouble import TroubleSection

somebody_types = shown.somebody_types


# --- trouble -----------------------------------------------------------------------------------------


def test_trouble_is_put_on_turned_and_taken_off(own_lab: wl.Lab) -> None:
    link = own_lab.keyvalue
    before = link.provider
    section = TroubleSection(own_lab)
    card = section.cards[0]
    card.latency.value = 250
    until(lambda: trouble_of(link) == Trouble(0.25, 0.0, False))
    wrapper = link.provider
    card.failures.value, card.down.value = 50, True
    until(lambda: trouble_of(link) == Trouble(0.25, 0.5, True))
    assert link.provider is wrapper
    assert section.code() == "lab.keyvalue.wrap(wl.Troubled, latency=0.25, failure_rate=0.5, down=True)"
    with pytest.raises(ProviderError, match="switched off"):
        link.provider.get("b", "k")
    card.calm.click()
    until(lambda: link.provider is before)
    assert trouble_of(link) == CALM
    assert (card.latency.value, card.failures.value, card.down.value) == (0, 0, False)
    section.close()


def test_several_panels_and_cells_agree_on_the_trouble(own_lab: wl.Lab) -> None:
    one, two = TroubleSection(own_lab), TroubleSection(own_lab)
    one.cards[1].down.value = True
    until(lambda: trouble_of(own_lab.blobstore).down)
    two.refresh()
    assert two.cards[1].down.value
    own_lab.blobstore.provider.down = False
    own_lab.blobstore.provider.latency = 3.0
    for section in (one, two):
        section.refresh()
        assert not section.cards[1].down.value
        assert section.cards[1].latency.value == 3000
        section.close()


def test_a_wrapper_that_a_cell_has_put_on_is_turned_but_stays(own_lab: wl.Lab) -> None:
    mine = own_lab.keyvalue.wrap(wl.Troubled, latency=0.1)
    own_lab.keyvalue.wrap(wl.Latency, 0.0)
    section = TroubleSection(own_lab)
    assert section.cards[0].latency.value == 100
    section.cards[0].calm.click()
    until(lambda: mine.latency == 0.0)
    assert own_lab.keyvalue.provider.inner is mine
    section.close()


def test_turning_one_control_leaves_what_the_others_can_not_show(own_lab: wl.Lab) -> None:
    give_trouble(own_lab.keyvalue, latency=0.0104, failure_rate=0.125)
    section = TroubleSection(own_lab)
    section.cards[0].down.value = True
    until(lambda: trouble_of(own_lab.keyvalue).down)
    assert trouble_of(own_lab.keyvalue) == Trouble(0.0104, 0.125, True)
    section.close()


def test_trouble_under_another_wrapper_stays_at_zero(own_lab: wl.Lab) -> None:
    give_trouble(own_lab.keyvalue, down=True)
    outer = own_lab.keyvalue.wrap(wl.Logged)
    give_trouble(own_lab.keyvalue)
    assert own_lab.keyvalue.provider is outer
    assert trouble_of(own_lab.keyvalue) == CALM


def test_a_swap_takes_the_trouble_along_and_says_so(own_lab: wl.Lab) -> None:
    section = TroubleSection(own_lab)
    section.cards[0].latency.value = 50
    until(lambda: trouble_of(own_lab.keyvalue).latency == 0.05)
    section.refresh()
    own_lab.keyvalue.swap("memory://")
    section.refresh()
    assert "the trouble went with the old one" in seen(section.view)
    assert section.cards[0].latency.value == 0
    section.cards[0].latency.value = 60
    until(lambda: trouble_of(own_lab.keyvalue).latency == 0.06 and "went with" not in seen(section.view))
    section.refresh()
    own_lab.keyvalue.swap("memory://")
    section.refresh()
    assert "went with" in seen(section.view)
    own_lab.keyvalue.swap("memory://")
    section.refresh()
    assert "went with" not in seen(section.view), "the next swap makes it old news"
    section.close()


def test_trouble_during_a_swap_is_refused_in_words(own_lab: wl.Lab) -> None:
    asked, go = threading.Event(), threading.Event()

    class Hanging(MemoryStore):
        def ping(self) -> None:
            asked.set()
            assert go.wait(60)

    section = TroubleSection(own_lab)
    swap = threading.Thread(target=own_lab.keyvalue.swap, args=(Hanging(),))
    swap.start()
    try:
        assert asked.wait(30)
        section.cards[0].down.value = True
        until(lambda: "being swapped" in seen(section.view))
        assert not section.cards[0].down.value
    finally:
        go.set()
        swap.join()
        section.close()


# --- trace -------------------------------------------------------------------------------------------


def test_the_last_requests_are_listed_newest_first(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    section = TraceSection(own_lab)
    assert "no request yet" in seen(section.view)
    app.get("/first")
    app.get("/second")
    until(lambda: (section.refresh(), len(section.requests.options) == 2)[1])
    assert [" GET /second  404 " in label for label, _ in section.requests.options] == [True, False]
    assert section.trace is app.traces[-1]
    assert "<svg" in seen(section.view)
    section.export.click()
    found = re.search(r'href="data:application/json;base64,([^"]*)"', seen(section.view))
    assert found
    assert json.loads(base64.b64decode(found[1]))["path"] == "/second"
    section.close()


def test_an_exported_trace_stays_while_other_requests_come(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    app.get("/first")
    section = TraceSection(own_lab)
    assert section.follow.value
    section.export.click()
    app.get("/second")
    section._drawn_at = 0.0
    section.refresh()
    assert "Save trace.json" in seen(section.view)
    assert section.trace is app.traces[0]
    section.requests.value = section.requests.options[0][1]
    assert "Save trace.json" in seen(section.view)
    section.follow.value = True
    assert section.trace is app.traces[1]
    assert "Save trace.json" not in seen(section.view)
    section.close()


def test_an_app_with_traffic_only_says_how_to_see_it(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    section = TraceSection(own_lab)
    assert "no request yet" in seen(section.view)
    with own_lab.traffic(app, "/", rate=100) as traffic:
        until(lambda: traffic.answered)
    section._drawn_at = 0.0
    section.refresh()
    assert "only traffic so far" in seen(section.view)
    assert "Tick “Also traffic”" in seen(section.view)
    section.close()


@pytest.mark.parametrize("make", [RequestSection, TraceSection])
def test_an_empty_lab_has_a_word_where_the_apps_are(own_lab: wl.Lab, make: Any) -> None:
    section = make(own_lab)
    assert [label for label, _ in section.app.options] == ["no app yet"]
    app = own_lab.load("tiny")
    section._drawn_at = 0.0
    section.refresh()
    assert (section.app.value, len(section.app.options)) == (app, 1)
    section.close()


def test_a_request_that_was_chosen_stays_while_others_come(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    app.get("/first")
    app.get("/second")
    section = TraceSection(own_lab)
    section.requests.value = app.traces[0]
    assert not section.follow.value
    app.get("/third")
    section.refresh()
    assert section.trace is app.traces[0]
    assert section.code() == "lab.apps['blobby'].traces[-3]"
    section.follow.value = True
    assert section.trace is app.traces[-1]
    assert len(section.requests.options) == 3
    assert section.code() == "lab.apps['blobby'].trace"
    section.close()


def test_traffic_is_traced_when_asked_for(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    section = TraceSection(own_lab)
    section.traffic.value = True
    assert app.tracing == "all"
    assert section.code() == "lab.apps['blobby'].tracing = \"all\"\nlab.apps['blobby'].trace"
    app.tracing = "off"
    section.refresh()
    assert not section.traffic.value
    section.close()


# --- all of them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [DataSection, RequestSection, TroubleSection, TraceSection])
def test_every_field_and_button_has_a_label(own_lab: wl.Lab, make: Any) -> None:
    own_lab.load("blobby")
    section = make(own_lab)
    settled(section)
    found = list(fields(section.view))
    assert found
    for each in found:
        assert each.description or each.tooltip
        assert isinstance(each, (W.Textarea, W.Text)) or each.tooltip or each.description
    section.close()


@pytest.mark.parametrize("make", [DataSection, RequestSection, TroubleSection, TraceSection])
def test_a_section_can_be_closed_and_the_lab_refreshed_after_it(own_lab: wl.Lab, make: Any) -> None:
    section = make(own_lab)
    section.close()
    section.close()
    section.refresh()
    assert section.code()
