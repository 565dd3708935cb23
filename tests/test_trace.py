"""Traces: what a request leaves behind, that no secret and no object stays in it, and how it draws itself."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import wasicloud_lab as wl
from tests.test_portable import PORTABLE
from wasicloud_lab.host.interface import resource
from wasicloud_lab.host.types import Function, Prim, ResultOf
from wasicloud_lab.host.values import Ok, Variant
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.trace import CALLS_KEPT, HostCall, Recorder, Trace
from wasicloud_lab.words import error_words, keep, words

ROOT = Path(__file__).resolve().parent.parent
GET = Function((("key", Prim("string")),), ResultOf(Prim("string"), None))


@pytest.fixture(autouse=True)
def somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: single requests leave a trace."""
    monkeypatch.setattr("wasicloud_lab.app.interactive", lambda: True)
    monkeypatch.setattr("wasicloud_lab.trace.interactive", lambda: True)


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    own_lab.keyvalue.provider.set("user:ricochet", "animal", b"dog")
    return own_lab.load("gopher", deadline=60)


def call(app: wl.App, function: str) -> HostCall:
    """The first call of that function in an app's last trace."""
    return next(each for each in app.trace.calls if each.function == function)


def recorded(times: int, fails: int | None = None) -> Trace:
    """A trace of `times` gets and twice as many other calls, made without a guest."""
    recorder = Recorder("maker", "GET", "/many", None)

    def get(key: str) -> str:
        if key == str(fails):
            raise wl.Err("it is gone")
        return "x"

    recorder.enter()
    for n in range(times):
        recorder.call("wasi:io/streams@0.2.0#[method]output-stream.check-write", GET, get, ["stream"])
        try:
            recorder.call("acme:kv/store@0.1.0#get", GET, get, [str(n)])
        except wl.Err:
            assert n == fails
    recorder.leave()
    return recorder.finish(200, 0, None)


# --- what is recorded ----------------------------------------------------------------------------------


def test_a_request_leaves_its_host_calls_with_arguments_results_and_times(gopher: wl.App) -> None:
    assert gopher.get("/ricochet").status_code == 200
    trace = gopher.trace
    assert (trace.app, trace.method, trace.path, trace.status, trace.error) == ("gopher", "GET", "/ricochet", 200, None)
    assert trace.response_bytes == len(gopher.get("/ricochet").content)
    opened = call(gopher, "open")
    assert opened.interface.startswith("wasi:keyvalue/store@")
    assert (opened.arguments, opened.result) == (("'user:ricochet'",), "bucket 'user:ricochet'")
    animal = next(each for each in trace.calls if each.arguments[1:] == ("'animal'",))
    assert str(animal) == "bucket 'user:ricochet'.get('animal') → b'dog'"
    starts = [each.start for each in trace.calls]
    assert starts == sorted(starts)
    assert all(each.start >= 0 and each.start + each.seconds <= trace.seconds for each in trace.calls)
    assert sum(each.seconds for each in trace.calls) == pytest.approx(trace.host_seconds)
    assert trace.guest_seconds + trace.host_seconds <= trace.seconds


def test_an_err_payload_is_the_calls_error_and_the_request_goes_on(gopher: wl.App) -> None:
    gopher.get("/ricochet")
    failed = call(gopher, "get-container")
    assert failed.error == "there is no container 'animals' in memory"
    assert failed.result is None
    assert gopher.trace.status == 200


def test_a_trap_is_in_the_call_and_in_the_trace(own_lab: wl.Lab) -> None:
    app = own_lab.load("trouble", deadline=60)
    with pytest.raises(wl.GuestTrap):
        app.get("/missing")
    assert "which nothing provides here" in str(app.trace.error)
    assert "which nothing provides here" in str(call(app, "lost").error)
    assert app.trace.status is None
    assert "failed: the guest called lab:missing/nowhere" in str(app.trace)


def test_a_trace_of_a_request_with_a_body_tells_both_lengths(own_lab: wl.Lab) -> None:
    app = own_lab.load("echo", deadline=60)
    app.post("/", content=b"x" * 1234)
    assert (app.trace.request_bytes, app.trace.response_bytes) == (1234, 1234)


def test_what_a_component_that_is_passed_the_request_does_is_one_deeper(own_lab: wl.Lab, gopher: wl.App) -> None:
    echo = own_lab.load("echo", deadline=60)
    own_lab.link(gopher, "wasi:http/incoming-handler", echo)
    gopher.get("/files/headers")
    trace = gopher.trace
    handle = call(gopher, "handle")
    inner = [each for each in trace.calls if each.depth == 1]
    assert inner
    assert {each.app for each in inner} == {"echo"}
    assert {each.app for each in trace.calls if each.depth == 0} == {"gopher"}
    for each in inner:
        assert handle.start <= each.start
        assert each.start + each.seconds <= handle.start + handle.seconds
    assert echo.traces == []
    assert sum(each.seconds for each in trace.calls if each.depth == 0) == pytest.approx(trace.host_seconds)


def test_only_the_last_fifty_are_kept_the_newest_last(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    for n in range(60):
        app.get(f"/{n}")
    assert [trace.path for trace in app.traces] == [f"/{n}" for n in range(10, 60)]
    assert app.trace is app.traces[-1]


def test_tracing_says_which_requests_leave_a_trace(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    assert app.tracing == "calls"
    with app.client() as client:
        client.get("/streamed")
        assert not app.trace
        app.tracing = "all"
        client.get("/streamed")
    assert [trace.path for trace in app.traces] == ["/streamed"]
    assert app.trace.calls
    app.tracing = "off"
    app.get("/unseen")
    assert len(app.traces) == 1
    with pytest.raises(ValueError, match="tracing is one of 'calls', 'all', 'off'; got 'some'"):
        app.tracing = "some"  # type: ignore[assignment]


def test_without_a_request_the_trace_says_so(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    assert not app.trace
    assert (repr(app.trace), list(app.trace.calls)) == ("tiny: no request yet", [])
    assert "no request yet" in app.trace._repr_html_()
    app.tracing = "off"
    assert 'app.tracing = "calls"' in repr(app.trace)


def test_an_instance_forgets_the_trace_of_the_request_before(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    app.get("/")
    count = len(app.trace.calls)
    first = app.trace
    app.tracing = "off"
    app.get("/")
    assert len(first.calls) == count


def test_the_public_api_is_traced_alike(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    app.get("/")
    code = (
        "import wasicloud_lab as wl; app = wl.Lab().load('tiny'); app.tracing = 'all'; app.get('/'); "
        "print([*map(str, app.trace.calls)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=PORTABLE, capture_output=True, text=True)
    assert done.stdout.strip() == str([*map(str, app.trace.calls)]), done.stderr


# --- what is kept of values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ricochet", "'ricochet'"),
        (b"dog", "b'dog'"),
        (b"", "b''"),
        (b"\xff\xfe", r"b'\xff\xfe'"),
        (b"\0" * 1_234_567, "1.2 MiB"),
        (b"\x89PNG" * 100, "400 bytes"),
        ("dog ü".encode() * 100, "b'dog üdog üdog üdog üdog '… 600 bytes"),
        (bytearray(b"dog"), "b'dog'"),
        (memoryview(b"dog"), "b'dog'"),
        (b"The quick brown fox jumps over the lazy dog", "b'The quick brown fox jump'… 43 bytes"),
        ("x" * 1000, f"{'x' * 64!r}… 1,000 characters"),
        (None, "None"),
        (True, "True"),
        (7, "7"),
        (Variant("get"), "get"),
        (Variant("other", "no disk"), "other('no disk')"),
        (Ok([1, 2]), "ok([1, 2])"),
        (list(range(1000)), "[0, 1, 2, 3, … 996 more]"),
        ([[[[["deep"]]]]], "[[[[…]]]]"),
        (("vary", b"accept"), "('vary', b'accept')"),
        (("Authorization", b"Bearer abc"), "('Authorization', ***)"),
        ("redis://:hunter2@localhost", "'redis://:***@localhost'"),
        (b"https://a.blob/c?sig=hunter2", "b'https://a.blob/c?sig=***'"),
        ("redis://me:" + "hunter2" * 100 + "@localhost", "'redis://me:***'… 721 characters"),
        (frozenset(("read", "write")), "{read, write}"),
        ("two\nlines", r"'two\nlines'"),
    ],
)
def test_a_value_is_told_in_a_few_words(value: Any, said: str) -> None:
    assert words(keep(value)) == said


def test_a_trace_holds_no_resource_and_nothing_that_changes_later() -> None:
    @resource
    class Basket:
        def __init__(self, name: str) -> None:
            self.name = name

    basket = Basket("fruit")
    there = weakref.ref(basket)
    things: list[Any] = [basket, ["apple"]]
    kept = [keep(thing) for thing in things]
    things[1].append("pear")
    things.clear()
    del basket
    gc.collect()
    assert there() is None
    assert [words(each) for each in kept] == ["basket 'fruit'", "['apple']"]


def test_a_value_that_can_not_be_told_does_no_harm() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert words(keep(Odd())) == "odd"
    assert error_words(Mute()) == "Mute"


def test_a_secret_header_is_not_in_the_trace_and_neither_is_one_in_the_path(own_lab: wl.Lab) -> None:
    app = own_lab.load("echo", deadline=60)
    app.get("/headers?token=hunter2", headers={"authorization": "Bearer hunter2"})
    recorder = Recorder("a", "GET", "/", None)
    recorder.call("wasi:http/types@0.2.0#[method]fields.get", GET, lambda *_: [b"hunter2"], ["fields", "Cookie"])
    recorder.call("a:b/c#set", GET, lambda *_: "x", ["cookie", [b"hunter2"]])
    for trace in (app.trace, recorder.finish(200, 0, None)):
        # What the guest writes into a body is shown: here it echoes the header.
        calls = [each for each in json.loads(trace.to_json())["calls"] if "stream" not in each["function"]]
        assert "hunter2" not in trace.path + json.dumps(calls)


# --- very many calls -----------------------------------------------------------------------------------


def test_of_very_many_calls_the_first_and_the_last_are_kept() -> None:
    trace = recorded(5 * CALLS_KEPT)
    assert len(trace.calls) == 2 * CALLS_KEPT
    assert trace.not_kept == 8 * CALLS_KEPT
    assert trace.calls[1].arguments == ("'0'",)
    assert trace.calls[-1].arguments == (f"'{5 * CALLS_KEPT - 1}'",)
    assert trace.guest_seconds + trace.host_seconds <= trace.seconds
    assert f"… {8 * CALLS_KEPT:,} host calls more that were not kept" in str(trace)
    assert f"{10 * CALLS_KEPT:,} host calls" in str(trace)


def test_repetitions_are_folded_and_a_call_that_failed_is_not() -> None:
    drawn = str(recorded(200, fails=100))
    assert "… 100 × (output-stream.check-write, store.get)" in drawn
    assert "store.get('100') ✗ it is gone" in drawn
    assert len(drawn.splitlines()) < 12
    assert "×" not in str(recorded(10))


# --- how it draws itself -------------------------------------------------------------------------------


def test_it_draws_itself_as_svg_that_is_well_formed_and_escaped() -> None:
    recorder = Recorder("<b>app", "GET", "/<script>alert(1)</script>", None)
    recorder.call("a:b/c#f", GET, lambda text: text, ["<script>&\x1b"])
    html = recorder.finish(200, 3, None)._repr_html_()
    assert "<script" not in html
    tree = ElementTree.fromstring(html)
    text = "".join(tree.itertext())
    assert "c.f('<script>&" in text
    assert "GET /<script>alert(1)</script> → 200 · 3 bytes out" in text


def test_a_failed_call_tells_its_whole_error_on_lines_of_its_own() -> None:
    words = "memory is switched off; " * 8
    recorder = Recorder("app", "GET", "/", None)

    def get(*_: str) -> str:
        raise wl.Err(words)

    recorder.enter()
    with pytest.raises(wl.Err):
        recorder.call("acme:kv/store@0.1.0#get", GET, get, ["accept-language" * 4])
    recorder.call("acme:kv/store@0.1.0#get", GET, lambda *_: "x", ["after"])
    recorder.leave()
    trace = recorder.finish(503, 0, None)
    tree = ElementTree.fromstring(trace._repr_html_())
    svg = tree.find("{http://www.w3.org/2000/svg}svg")
    assert svg is not None
    wrong = [each for each in svg.iter() if each.get("class") == "wrong"]
    assert len(wrong) == 2
    said = " ".join(" ".join(str(each.text) for each in wrong).split())
    assert said == f"✗ {trace.calls[0].error}".strip()
    labels = [each for each in svg.iter("{http://www.w3.org/2000/svg}text") if each.get("class") in (None, "wrong")]
    places = [float(each.get("y", 0)) for each in labels]
    assert places == [36, 56, 76, 96, 116], "the guest's own code, a call, its error in two lines, a call"
    assert float(str(svg.get("viewBox")).split()[3]) > max(places)
    assert f"✗ {trace.calls[0].error}" in str(trace)


def test_it_exports_as_json(gopher: wl.App) -> None:
    gopher.get("/ricochet")
    data = json.loads(gopher.trace.to_json(indent=2))
    assert (data["app"], data["method"], data["path"], data["status"]) == ("gopher", "GET", "/ricochet", 200)
    assert [each["function"] for each in data["calls"]] == [each.function for each in gopher.trace.calls]
    assert data["guest_seconds"] == gopher.trace.guest_seconds


def test_a_request_that_waited_says_so(own_lab: wl.Lab) -> None:
    recorder = Recorder("late", "GET", "/", None)
    recorder.entered = recorder.started + 1.0
    recorder.left = recorder.ended = recorder.started + 1.1
    trace = Trace(recorder)
    assert "before it ran 1 s" in str(trace)
    assert "before the guest ran: 1 s" in trace._repr_html_()


def test_a_migrations_wait_is_in_the_trace_of_the_request_that_waited(gopher: wl.App, own_lab: wl.Lab) -> None:
    own_lab.keyvalue.swap(MemoryStore(), migrate=True)
    gopher.get("/ricochet")
    assert 0 <= gopher.trace.wait_seconds <= gopher.trace.seconds
    assert gopher.trace.guest_span[0] == gopher.trace.wait_seconds


def test_a_script_pays_for_no_trace_unless_it_asks(own_lab: wl.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasicloud_lab.app.interactive", lambda: False)
    monkeypatch.setattr("wasicloud_lab.trace.interactive", lambda: False)
    app = own_lab.load("tiny")
    app.get("/")
    assert not app.trace
    assert 'app.tracing = "all"' in repr(app.trace)
    app.tracing = "all"
    app.get("/")
    assert len(app.trace.calls) == 7
