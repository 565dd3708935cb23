"""The Traffic section without a browser: it shows what the lab has, starts and stops it, and says it as code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasicloud_lab as wl
from wasicloud_lab.tally import Slot
from wasicloud_lab.widgets.latency_chart import LatencyChart
from wasicloud_lab.widgets.traffic import TrafficSection


@pytest.fixture
def lab() -> Iterator[wl.Lab]:
    with wl.Lab() as lab:
        yield lab


@pytest.fixture
def section(lab: wl.Lab) -> Iterator[TrafficSection]:
    lab.load("tiny")
    section = TrafficSection(lab)
    yield section
    section.close()


@pytest.fixture
def until(patience: float) -> Callable[..., None]:
    """Refreshes sections, as a panel does, until something is so."""

    def wait(so: Callable[[], Any], *sections: TrafficSection) -> None:
        end = time.monotonic() + patience
        while not so():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.05)
            for section in sections:
                section.refresh()

    return wait


def test_start_and_stop_do_what_they_say(lab: wl.Lab, section: TrafficSection, until: Any) -> None:
    assert section.stop.disabled
    section.rate.value, section.clients.value, section.path.value = 300, 3, "/there"
    section.start.click()
    (traffic,) = lab.traffics
    assert (traffic.running, traffic.rate, traffic.clients, traffic.path) == (True, 300, 3, "/there")
    assert section.start.disabled
    until(lambda: section.chart is not None and len(section.chart.figure.data[0].x or ()) > 3, section)
    section.stop.click()
    assert not traffic.running
    assert section.stop.disabled
    assert not section.start.disabled


def test_the_rate_is_changed_while_it_runs_and_everything_else_by_a_restart(
    lab: wl.Lab, section: TrafficSection
) -> None:
    section.start.click()
    (traffic,) = lab.traffics
    section.rate.value = 77
    assert traffic.rate == 77
    section.unlimited.value = True
    assert traffic.rate is None
    section.path.value = "/other"
    assert (section.start.description, section.start.disabled) == ("Restart", False)
    section.start.click()
    assert not traffic.running
    assert (lab.traffics[-1].path, lab.traffics[-1].running) == ("/other", True)


def test_two_sections_on_one_lab_agree(lab: wl.Lab, section: TrafficSection, until: Any) -> None:
    other = TrafficSection(lab)
    traffic = lab.traffic("tiny", "/line", rate=40, clients=2, method="POST")
    for each in (section, other):
        until(lambda each=each: each.path.value == "/line", each)
        assert (each.rate.value, each.clients.value, each.method.value) == (40, 2, "POST")
        assert each.start.disabled
    other.rate.value = 50
    until(lambda: section.rate.value == 50, section)
    section.stop.click()
    until(lambda: other.stop.disabled, other)
    assert not traffic.running
    other.close()


def test_what_can_not_be_sent_is_said_in_place(lab: wl.Lab, section: TrafficSection) -> None:
    section.path.value = "no slash"
    section.start.click()
    assert lab.traffics == []
    assert "does not start with" in shown(section.view)


def test_nothing_loaded_is_said_and_a_loaded_app_is_offered(until: Any) -> None:
    with wl.Lab() as lab:
        section = TrafficSection(lab)
        assert section.start.disabled
        assert "lab.load(" in shown(section.view)
        lab.load("shapes")  # answers no requests
        app = lab.load("tiny")
        until(lambda: section.app.value is app, section)
        assert [name for name, _ in section.app.options] == ["tiny"]
        assert not section.start.disabled
        section.close()


def test_nothing_is_drawn_while_nothing_changes(lab: wl.Lab, section: TrafficSection, until: Any) -> None:
    section.start.click()
    until(lambda: section.chart is not None and section.chart.figure.data[0].x, section)
    section.stop.click()
    lab.traffics[0].stop()
    time.sleep(0.3)
    section.refresh()
    assert section.chart is not None
    before = section.chart.figure.layout.xaxis.range
    time.sleep(0.3)
    section.refresh()
    assert section.chart.figure.layout.xaxis.range == before


def test_the_code_does_the_same_without_secrets(lab: wl.Lab, section: TrafficSection) -> None:
    section.path.value, section.method.value, section.rate.value = '/a"b', "POST", 120
    code = section.code()
    eval(code, {"lab": lab})
    (traffic,) = lab.traffics
    assert (traffic.path, traffic.method, traffic.rate, traffic.clients) == ('/a"b', "POST", 120, 16)
    section.unlimited.value = True
    assert "rate=None" in section.code()
    section.path.value = "/?token=sesame"
    assert "sesame" not in section.code()


def test_closing_a_section_leaves_the_traffic(lab: wl.Lab, section: TrafficSection, until: Any) -> None:
    section.start.click()
    until(lambda: section.chart is not None, section)
    section.close()
    section.refresh()
    assert lab.traffics[0].running


def test_the_chart_marks_swaps_and_breaks_the_line_where_nothing_was_answered() -> None:
    with wl.Lab() as lab:
        lab.keyvalue.swap("memory://<b>")
        lab.keyvalue.swap("memory://", migrate=True)
        now = time.time()
        counts = [5] * 10 + [0] * 20 + [5] * 10
        slots = [
            Slot(now - 8 + 0.2 * n, count, count // 5, 0.001 if count else None, 0.02 if count else None)
            for n, count in enumerate(counts)
        ]
        chart = LatencyChart()
        chart.draw(slots, now, 25.0, lab.links.history)
        p99, p50, failed = chart.figure.data
        assert list(p50.y) == [1.0] * 10 + [None] + [1.0] * 10
        assert list(p99.y) == [20.0] * 10 + [None] + [20.0] * 10
        assert sum(failed.y) == 20
        labels = [mark.text for mark in chart.figure.layout.annotations]
        assert labels == ["keyvalue → memory '&lt;b&gt;'", "keyvalue → memory"]
        chart.draw(slots, now + 3600, 25.0, lab.links.history)
        assert chart.figure.layout.annotations == ()
        chart.close()


def shown(widget: Any) -> str:
    """All the HTML in a widget that is not hidden."""
    if widget.layout.display == "none":
        return ""
    own = getattr(widget, "value", "") if type(widget).__name__ == "HTML" else ""
    return own + "".join(shown(child) for child in getattr(widget, "children", ()))
