"""The Traffic section without a browser: it shows what the lab has, starts and stops it, and says it as code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasicloud_lab as wl
from wasicloud_lab.history import Swap
from wasicloud_lab.tally import Slot
from wasicloud_lab.widgets.latency_chart import LatencyChart
from wasicloud_lab.widgets.traffic import TrafficSection, _trouble


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
    until(lambda: section.chart is not None and section.chart.data and len(section.chart.data[0]["x"]) > 3, section)
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
    until(lambda: section.chart is not None and section.chart.data and section.chart.data[0]["x"], section)
    section.stop.click()
    lab.traffics[0].stop()
    time.sleep(0.3)
    section.refresh()
    assert section.chart is not None
    before = section.chart.layout["xaxis"]["range"]
    time.sleep(0.3)
    section.refresh()
    assert section.chart.layout["xaxis"]["range"] == before


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
        p99, p50, failed = chart.data
        assert p50["y"] == [1.0] * 10 + [None] + [1.0] * 10
        assert p99["y"] == [20.0] * 10 + [None] + [20.0] * 10
        assert sum(failed["y"]) == 20
        newest, oldest = chart.layout["annotations"]
        assert (newest["text"], oldest["text"]) == ("→ memory", "→ memory")
        assert "memory → memory '&lt;b&gt;'" in oldest["hovertext"]
        chart.draw(slots, now + 3600, 25.0, lab.links.history)
        assert chart.layout["annotations"] == []
        chart.close()


SUMMARIES = (
    "Redis at 127.0.0.1:56099, hashes", "NATS at 127.0.0.1:34071, key-value", "SQLite file keyvalue.db",
    "folder /tmp/at/file, here", "embedded Redis at 127.0.0.1:1, hashes", "memory 'pets', 200 ms slower",
    "S3 bucket pets/x at localhost", "MyStore",
)  # fmt: skip


def marks(*ago: float, width: int = 900, links: tuple[str, ...] = ("keyvalue",)) -> list[Any]:
    """The marks of swaps so many seconds ago, the newest first."""
    now = time.time()
    swaps = [
        (links[n % len(links)], Swap(now - each, "before", SUMMARIES[n % len(SUMMARIES)], 0.01))
        for n, each in enumerate(ago)
    ]
    chart = LatencyChart()
    chart._told(None, {"type": "width", "width": width}, None)
    chart.draw([], now, 25.0, swaps)
    found = chart.layout["annotations"]
    chart.close()
    return found


def test_a_mark_says_in_few_words_what_the_link_was_swapped_to() -> None:
    assert [mark["text"] for mark in marks(56, 50, 43, 36, 28, 21, 14, 7)][::-1] == [
        "→ Redis", "→ NATS", "→ SQLite", "→ folder", "→ embedded Redis", "→ memory", "→ S3", "→ MyStore",
    ]  # fmt: skip
    assert [mark["text"] for mark in marks(30, 10, links=("keyvalue", "blobstore"))] == [
        "blobstore → NATS", "keyvalue → Redis",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [420, 700, 1200])
@pytest.mark.parametrize("ago", [(57, 40, 32, 28, 22, 1), (3, 2.6, 2, 1.5, 1, 0.2), tuple(range(59, 0, -1))])
def test_labels_of_many_swaps_neither_overlap_nor_are_cut(width: int, ago: tuple[float, ...]) -> None:
    room = width - 100
    boxes = []
    for mark, each in zip(marks(*ago, width=width, links=("keyvalue", "blobstore")), reversed(ago)):
        assert mark["hovertext"]
        if mark["text"] == "▾":
            continue
        x = room * (1 - each / 60)
        start = x if mark["xanchor"] == "left" else x - 6 * len(mark["text"])
        boxes.append((mark["y"], start, start + 6 * len(mark["text"])))
        assert -64 <= boxes[-1][1] <= boxes[-1][2] <= room + 36
    assert boxes
    for n, (row, start, end) in enumerate(boxes):
        assert all(row != other or end <= left or right <= start for other, left, right in boxes[n + 1 :])


def test_where_it_is_narrow_marks_have_no_label_and_the_time_axis_few() -> None:
    assert [mark["text"] for mark in marks(40, 20, width=300)] == ["▾", "▾"]
    chart = LatencyChart()
    for width, ticks in ((230, 2), (900, 7)):
        chart._told(None, {"type": "width", "width": width}, None)
        chart.draw([], time.time(), None, [])
        assert chart.layout["xaxis"]["nticks"] == ticks
    chart.close()


def test_the_page_gets_the_library_when_it_asks_and_only_then() -> None:
    chart = LatencyChart()
    sent: list[Any] = []
    chart.view.send = lambda *message: sent.append(message)
    chart._told(chart.view, {"type": "width", "width": 500}, [])
    assert sent == []
    chart._told(chart.view, {"type": "library"}, [])
    ((content, (library,)),) = sent
    assert content == {"type": "library"}
    assert b"plotly.js v" in library[:300]
    assert not {name for name in chart.view.get_state() if len(str(chart.view.get_state(name))) > 100_000}
    chart.close()


def test_a_closed_section_draws_no_more(lab: wl.Lab, section: TrafficSection, until: Any) -> None:
    section.start.click()
    until(lambda: section.chart is not None and section.chart.data and section.chart.data[0]["x"], section)
    with section._drawing:  # it waits for its turn while the section is closed
        late = threading.Thread(target=section.refresh)
        section._drawn_at = 0.0
        late.start()
        time.sleep(0.1)
        section.close()
        assert section.chart is not None
        section.chart.draw = lambda *_: pytest.fail("drawn after it was closed")  # type: ignore[method-assign]
        section._drawn = None
    late.join()


def test_old_trouble_is_told_quietly_with_its_time_and_then_forgotten() -> None:
    now = time.time()

    class Failed:
        errors = ("503: memory is switched off",)
        ended = None
        fine = 0.0

        def window(self, since: float = 0.0) -> list[Slot]:
            return [Slot(now - self.fine, 5, 2, 0.1, 0.1), Slot(now, 5, 0, 0.1, 0.1)]

    traffic: Any = Failed()
    assert "Failed: 503" in _trouble(traffic)
    traffic.fine = 20.0
    said = _trouble(traffic)
    assert f"at {time.strftime('%H:%M:%S', time.localtime(now - 20))}: 503: memory is switched off" in said
    assert "role=" not in said
    traffic.fine = 61.0
    assert _trouble(traffic) == ""


def test_an_empty_lab_has_a_word_where_the_apps_are() -> None:
    with wl.Lab() as lab:
        section = TrafficSection(lab)
        assert [label for label, _ in section.app.options] == ["no app yet"]
        assert section.app.layout.min_width == "11em"
        assert section.start.disabled
        section.close()


def shown(widget: Any) -> str:
    """All the HTML in a widget that is not hidden."""
    if widget.layout.display == "none":
        return ""
    own = getattr(widget, "value", "") if type(widget).__name__ == "HTML" else ""
    return own + "".join(shown(child) for child in getattr(widget, "children", ()))
