"""Lab and App: what a notebook types."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import wasicloud_lab as wl

BUNDLED = ["echo", "hello", "hello-rust", "shapes", "tiny", "trouble"]
HELLO = "Hello, world, from a Go component!\n"


# --- loading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_name_loads(own_lab: wl.Lab, name: str) -> None:
    app = own_lab.load(name)
    assert app.name == name
    assert own_lab.apps == {name: app}


@pytest.mark.parametrize("kind", [str, Path], ids=["str", "Path"])
def test_a_path_loads(own_lab: wl.Lab, dist: Path, kind: Callable[[Path], str | Path]) -> None:
    app = own_lab.load(kind(dist / "tiny.wasm"))
    assert (app.name, app.get("/").text) == ("tiny", "hello\n")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=["bytes", "bytearray", "memoryview"])
def test_bytes_load(own_lab: wl.Lab, dist: Path, kind: Callable[[bytes], bytes]) -> None:
    app = own_lab.load(kind((dist / "tiny.wasm").read_bytes()), name="mine")
    assert (app.name, app.get("/").text) == ("mine", "hello\n")


@pytest.fixture
def files(dist: Path) -> Iterator[str]:
    """The URL of a server of the built components."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(dist))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_loads(own_lab: wl.Lab, files: str) -> None:
    app = own_lab.load(f"{files}/tiny.wasm?version=1")
    assert (app.name, app.get("/").text) == ("tiny", "hello\n")


def test_a_url_that_is_not_there_is_a_component_error(own_lab: wl.Lab, files: str) -> None:
    with pytest.raises(wl.ComponentError, match=r"nothing\.wasm can't be fetched: .*404"):
        own_lab.load(f"{files}/nothing.wasm")


@pytest.mark.parametrize("start", ["", "\n  ", ";; adds up\n"], ids=["plain", "indented", "comment"])
def test_webassembly_text_is_assembled(own_lab: wl.Lab, start: str) -> None:
    text = """(component
      (core module $m (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
      (core instance $i (instantiate $m))
      (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add"))))"""
    assert own_lab.load((start + text).encode()).call("add", 20, 22) == 42


def test_a_wat_file_loads(own_lab: wl.Lab, tmp_path: Path) -> None:
    file = tmp_path / "empty.wat"
    file.write_text("(component)")
    assert own_lab.load(file).name == "empty"


def test_a_second_load_under_a_name_replaces_the_first(own_lab: wl.Lab) -> None:
    first = own_lab.load("tiny")
    second = own_lab.load("hello", name="tiny")
    assert own_lab.apps == {"tiny": second}
    with pytest.raises(wl.LinkError, match="tiny has been closed"):
        first.get("/")


def test_a_loaded_component_loads_again_without_its_source(own_lab: wl.Lab) -> None:
    first = own_lab.load("tiny")
    second = own_lab.load(first.component, name="again", isolation="request")
    assert second.get("/").text == "hello\n"
    assert second.digest == first.digest


def test_the_second_load_comes_from_the_compile_cache(
    own_lab: wl.Lab, dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASICLOUD_LAB_CACHE", str(tmp_path / "cache"))
    assert [own_lab.load("tiny").component.cached for _ in range(2)] == [False, True]


def test_a_damaged_cache_file_is_compiled_anew(
    own_lab: wl.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASICLOUD_LAB_CACHE", str(tmp_path))
    own_lab.load("tiny")
    (kept,) = tmp_path.rglob("*.cwasm")
    kept.write_bytes(kept.read_bytes()[:100])
    app = own_lab.load("tiny")
    assert not app.component.cached
    assert app.get("/").text == "hello\n"
    assert own_lab.load("tiny").component.cached


def test_a_cache_that_cannot_be_written_is_only_slower(
    own_lab: wl.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("WASICLOUD_LAB_CACHE", str(blocked))
    assert own_lab.load("tiny").get("/").text == "hello\n"


# --- requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [("hello", HELLO), ("hello-rust", "Hello, world, from a Rust component!\n"), ("tiny", "hello\n")],
)
def test_get_answers(lab: wl.Lab, name: str, text: str) -> None:
    response = lab.load(name).get("/")
    assert (response.status_code, response.text) == (200, text)


def test_the_path_is_the_root_unless_given(hello: wl.App) -> None:
    assert hello.get().text == HELLO


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_method_of_the_app_is_the_method_of_the_request(echo: wl.App, method: str) -> None:
    assert f"method: {method.upper()}\n" in getattr(echo, method)("/headers").text


@pytest.mark.parametrize("method", ["PATCH", "options", "PURGE"])
def test_request_takes_any_method_in_any_case(echo: wl.App, method: str) -> None:
    assert f"method: {method.upper()}\n" in echo.request(method, "/headers").text


def test_head_answers_without_a_body(hello: wl.App) -> None:
    response = hello.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(HELLO))


def shown(response: httpx.Response) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What echo's /headers says: the request line's parts, and the headers."""
    line, _, headers = response.text.partition("\n\n")
    parts = dict(one.split(": ", 1) for one in line.splitlines())
    return parts, [(name, value) for name, _, value in (one.partition(": ") for one in headers.splitlines())]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-One": "1", "x-two": b"2"},
        [("X-One", "1"), ("x-two", b"2")],
        (pair for pair in [("X-One", "1"), ("x-two", "2")]),
        httpx.Headers({"X-One": "1", "x-two": "2"}),
    ],
    ids=["mapping", "pairs", "generator", "httpx"],
)
def test_headers_come_in_any_form(echo: wl.App, headers: object) -> None:
    assert shown(echo.get("/headers", headers=headers))[1] == [("x-one", "1"), ("x-two", "2")]


def test_a_repeated_header_stays_repeated(echo: wl.App) -> None:
    headers = [("accept", "a"), ("accept", "b")]
    assert shown(echo.get("/headers", headers=headers))[1] == headers


def test_a_header_beyond_latin_1_goes_as_utf_8(echo: wl.App) -> None:
    assert shown(echo.get("/headers", headers={"x-name": "日本"}))[1] == [("x-name", "日本")]


def test_params_are_added_to_the_query(echo: wl.App) -> None:
    parts, _ = shown(echo.get("/headers?a=1", params={"b": "x y", "c": [1, 2]}))
    assert parts["path-with-query"] == "/headers?a=1&b=x+y&c=1&c=2"


def test_a_fragment_is_not_sent(echo: wl.App) -> None:
    assert shown(echo.get("/headers#part", params={"a": 1}))[0]["path-with-query"] == "/headers?a=1"


def test_json_is_sent_as_json(echo: wl.App) -> None:
    response = echo.post("/", json={"name": "Zoë", "n": [1, None]})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"name": "Zoë", "n": [1, None]}


def test_data_is_sent_as_a_form(echo: wl.App) -> None:
    response = echo.post("/", data={"a": "1 2", "b": ["x", "y"]})
    assert response.headers["content-type"] == "application/x-www-form-urlencoded"
    assert response.text == "a=1+2&b=x&b=y"


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        ("täxt", "täxt".encode()),
        ([b"one ", b"", b"two"], b"one two"),
        ((part for part in [b"a", b"b"]), b"ab"),
        (None, b""),
    ],
    ids=["bytes", "bytearray", "text", "list", "generator", "nothing"],
)
def test_content_is_the_body(echo: wl.App, content: object, body: bytes) -> None:
    assert echo.post("/", content=content).content == body


def test_a_body_of_known_length_has_a_content_length(echo: wl.App) -> None:
    assert ("content-length", "5") in shown(echo.post("/headers", content="hello"))[1]


def test_a_content_type_that_is_given_stays(echo: wl.App) -> None:
    response = echo.post("/", json=[1], headers={"Content-Type": "application/problem+json"})
    assert response.headers.get_list("content-type") == ["application/problem+json"]


def test_an_exception_in_the_body_s_iterator_reaches_the_caller(echo: wl.App) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise LookupError("the source of the body is gone")

    with pytest.raises(LookupError, match="the source of the body is gone"):
        echo.post("/", content=broken())
    assert echo.post("/", content=b"next").content == b"next"


def test_a_url_gives_scheme_and_authority(echo: wl.App) -> None:
    parts, _ = shown(echo.get("https://user:secret@example.com:8443/headers?q=1"))
    assert parts == {
        "method": "GET",
        "path-with-query": "/headers?q=1",
        "scheme": "https",
        "authority": "example.com:8443",
    }


def test_a_response_is_an_httpx_response(hello: wl.App) -> None:
    response = hello.get("/Ada?x=1")
    assert isinstance(response, httpx.Response)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.elapsed.total_seconds() > 0
    assert (response.request.method, str(response.request.url)) == ("GET", "http://localhost/Ada?x=1")
    assert response.url == response.request.url


def test_the_url_of_a_response_is_the_one_asked_for(echo: wl.App) -> None:
    assert str(echo.get("https://example.com:8443/headers?q=1").url) == "https://example.com:8443/headers?q=1"


def test_raise_for_status_is_httpx_s(lab: wl.Lab, hello: wl.App) -> None:
    assert hello.get("/").raise_for_status().text == HELLO
    with pytest.raises(httpx.HTTPStatusError, match="405") as caught:
        hello.post("/").raise_for_status()
    assert caught.value.response.headers["allow"] == "GET, HEAD"


def test_a_deadline_can_be_given_for_one_request(lab: wl.Lab, trouble: wl.App) -> None:
    with pytest.raises(wl.GuestTimeout):
        trouble.get("/loop", deadline=0.1)
    assert trouble.get("/count", deadline=None).status_code == 200


# --- httpx clients -----------------------------------------------------------------------------------


def test_a_client_is_a_whole_httpx_client(echo: wl.App) -> None:
    with echo.client(headers={"x-mine": "yes"}, params={"q": "1"}) as client:
        assert isinstance(client, httpx.Client)
        parts, headers = shown(client.get("/headers"))
    assert parts["path-with-query"] == "/headers?q=1"
    assert parts["authority"] == "echo.localhost"
    assert ("x-mine", "yes") in headers


def test_the_lab_makes_clients_too(lab: wl.Lab, hello: wl.App) -> None:
    with lab.client(hello, base_url="http://elsewhere") as client:
        assert client.get("/").text == HELLO


def test_a_client_streams_both_ways_while_the_guest_runs(echo: wl.App, patience: float) -> None:
    first_came = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        assert first_came.wait(patience), "the first chunk did not come back while the body was still open"
        yield b"second"

    with echo.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        first_came.set()
        assert b"".join(chunks) == b"second"


def test_closing_a_stream_early_ends_the_guest(lab: wl.Lab, patience: float) -> None:
    app = lab.load("echo", name="one worker", workers=1, deadline=patience)
    with app.client() as client:
        with client.stream("GET", "/slow?chunks=1000000&ms=1") as response:
            next(response.iter_raw())
        # The only worker is free again.
        assert client.get("/headers").status_code == 200


def test_a_client_raises_the_guest_s_fault(trouble: wl.App) -> None:
    with trouble.client() as client:
        with pytest.raises(wl.GuestTrap):
            client.get("/trap")
        with pytest.raises(wl.GuestTrap), client.stream("GET", "/late-trap") as response:
            assert b"".join(response.iter_raw()) == b"partial\n"
        assert client.get("/").status_code == 200


@pytest.mark.anyio
async def test_an_async_client_streams_both_ways(echo: wl.App) -> None:
    import anyio

    first_came = anyio.Event()

    async def body():  # type: ignore[no-untyped-def]
        yield b"first"
        await first_came.wait()
        yield b"second"

    with anyio.fail_after(60):
        async with echo.aclient() as client, client.stream("POST", "/", content=body()) as response:
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"first"
            first_came.set()
            assert b"".join([chunk async for chunk in chunks]) == b"second"


@pytest.mark.anyio
async def test_the_event_loop_is_free_while_a_guest_runs(trouble: wl.App) -> None:
    import anyio

    answers: list[int] = []
    async with trouble.aclient() as client:

        async def ask() -> None:
            answers.append((await client.get("/sleep?ms=300")).status_code)

        # If one request held the loop, the others would not even have begun when it ended.
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(ask)
            await anyio.sleep(0)
            assert answers == []
    assert answers == [200] * 4


@pytest.mark.anyio
async def test_an_async_client_raises_the_guest_s_fault(trouble: wl.App) -> None:
    async with trouble.aclient() as client:
        with pytest.raises(wl.GuestNoResponse):
            await client.get("/silent")
        assert (await client.get("/")).status_code == 200


@pytest.mark.anyio
async def test_a_cancelled_request_ends_its_guest(lab: wl.Lab) -> None:
    import anyio

    app = lab.load("echo", name="one worker", workers=1, deadline=None)
    async with app.aclient(timeout=None) as client:
        with anyio.move_on_after(0.2) as gave_up:
            await client.get("/slow?before=600000")
        assert gave_up.cancelled_caught
        with anyio.fail_after(60):  # the only worker is free again
            assert (await client.get("/headers")).status_code == 200


@pytest.mark.anyio
async def test_an_async_body_is_let_go_when_the_guest_fails(trouble: wl.App) -> None:
    import anyio

    closed = anyio.Event()

    async def body():  # type: ignore[no-untyped-def]
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            closed.set()

    async with trouble.aclient() as client:
        with pytest.raises(wl.GuestTrap):
            await client.post("/trap", content=body())
    with anyio.fail_after(60):
        await closed.wait()


# --- plain functions and guest resources -------------------------------------------------------------


def test_call_calls_a_plain_export(shapes: wl.App) -> None:
    assert shapes.call("add", 20, 22) == 42
    assert shapes.call("greet", "Zoë 🐹") == "Hello, Zoë 🐹!"
    assert shapes.call("noop") is None


def test_the_err_of_a_result_is_raised(shapes: wl.App) -> None:
    with pytest.raises(wl.Err) as caught:
        shapes.call("fail", "not today")
    assert caught.value.value == "not today"


@pytest.mark.parametrize("name", ["lab:shapes/roundtrip#id-string", "lab:shapes/roundtrip#id_string"])
def test_an_interface_names_a_function_that_others_have_too(shapes: wl.App, name: str) -> None:
    assert shapes.call(name, "x") == "x"


def test_a_function_that_several_interfaces_have_needs_one_named(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"several functions 'id-string'.*lab:shapes/through-host#id-string"):
        shapes.call("id-string", "x")


def test_an_unknown_function_lists_what_there_is(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"exports no function 'substract'; it exports .*add"):
        shapes.call("substract", 1, 2)


@pytest.mark.parametrize("arguments", [(1,), (1, 2, 3), ("1", 2), (-1, 2), (1.5, 2), (2**32, 0)])
def test_arguments_that_do_not_fit_are_a_type_error(shapes: wl.App, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        shapes.call("add", *arguments)
    assert shapes.call("add", 1, 1) == 2


def test_a_trap_in_a_call_carries_its_reason(shapes: wl.App) -> None:
    with pytest.raises(wl.GuestTrap, match="shapes trapped"):
        shapes.call("divide", 1, 0)
    assert shapes.call("divide", 7, 2) == 3


def test_a_component_without_a_handler_says_so_for_a_request(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"exports no wasi:http/incoming-handler.*lab:shapes/roundtrip"):
        shapes.get("/")


def test_an_instance_keeps_guest_resources(shapes: wl.App) -> None:
    with shapes.instance() as i:
        counter = i.call("[constructor]counter", 5)
        assert i.call("[method]counter.increment", counter) == 6
        assert i.call("[method]counter.value", counter) == 6
        other = i.call("[constructor]counter", 10)
        assert i.call("total", [counter, other]) == 16


def test_a_guest_resource_given_away_is_gone(shapes: wl.App) -> None:
    with shapes.instance() as i:
        one, two = i.call("[constructor]counter", 1), i.call("[constructor]counter", 2)
        merged = i.call("[static]counter.merge", one, two)
        assert i.call("[method]counter.value", merged) == 3
        with pytest.raises(ValueError, match="already been dropped or given away"):
            i.call("[method]counter.value", one)


def test_a_dropped_guest_resource_is_gone(shapes: wl.App) -> None:
    with shapes.instance() as i:
        counter = i.call("[constructor]counter", 1)
        counter.drop()
        counter.drop()
        with pytest.raises(ValueError, match="already been dropped or given away"):
            i.call("[method]counter.value", counter)
        assert "dropped" in repr(counter)


def test_a_resource_of_another_instance_is_refused(shapes: wl.App) -> None:
    with shapes.instance() as one, shapes.instance() as two:
        counter = one.call("[constructor]counter", 1)
        with pytest.raises(ValueError, match="belongs to another instance"):
            two.call("[method]counter.value", counter)
        assert one.call("[method]counter.value", counter) == 1


# --- looking at it -----------------------------------------------------------------------------------


def test_the_repr_is_one_line(hello: wl.App, own_lab: wl.Lab) -> None:
    assert repr(hello).startswith("<App hello: ")
    assert "\n" not in repr(hello)
    assert repr(own_lab) == "<Lab: nothing loaded yet>"


def test_the_text_shows_each_import_and_what_it_is_plugged_into(trouble: wl.App) -> None:
    lines = str(trouble).splitlines()
    assert [line for line in lines if "lab:missing/nowhere" in line and "traps when called" in line]
    assert [line for line in lines if "wasi:http/types" in line and "←" in line and "traps" not in line]
    assert [line for line in lines if "wasi:http/incoming-handler" in line and "←" not in line]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_notebook_gets_text_and_a_picture(lab: wl.Lab, name: str) -> None:
    app = lab.load(name)
    bundle = app._repr_mimebundle_()
    assert bundle["text/plain"] == str(app)
    picture = ET.fromstring(bundle["text/html"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(picture.itertext())
    assert all(item[:30] in words for item in (*app.world.imports, *app.world.exports))


def test_a_name_with_markup_does_not_break_the_picture(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny", name='<b>"&')
    assert '<b>"&' in " ".join(ET.fromstring(app._repr_mimebundle_()["text/html"]).itertext())


@pytest.mark.parametrize("name", BUNDLED)
def test_the_wit_text_is_accepted_by_wasm_tools(
    lab: wl.Lab, tmp_path: Path, tool: Callable[[str], str], name: str
) -> None:
    file = tmp_path / "world.wit"
    file.write_text(lab.load(name).wit)
    done = subprocess.run([tool("wasm-tools"), "component", "wit", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_world_is_data(shapes: wl.App) -> None:
    assert set(shapes.world.imports) >= {"lab:shapes/host-side", "lab:shapes/ticketing"}
    assert {"add", "lab:shapes/counting"} <= set(shapes.world.exports)


def test_digest_and_size_are_those_of_the_file(hello: wl.App, dist: Path) -> None:
    data = (dist / "hello.wasm").read_bytes()
    assert (hello.digest, hello.size) == (hashlib.sha256(data).hexdigest(), len(data))


# --- the end -----------------------------------------------------------------------------------------


def test_a_closed_app_refuses_requests(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    app.close()
    app.close()
    with pytest.raises(wl.LinkError, match="tiny has been closed; load it again"):
        app.get("/")


def test_a_client_of_a_closed_app_says_so(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    with app.client() as client:
        assert client.get("/").text == "hello\n"
        app.close()
        with pytest.raises(wl.LinkError, match="tiny has been closed"):
            client.get("/")


def test_leaving_the_lab_closes_its_apps_and_servers() -> None:
    with wl.Lab() as lab:
        app = lab.load("tiny")
        url = lab.serve(app, port=0).url
        assert httpx.get(url).text == "hello\n"
    assert lab.apps == {}
    with pytest.raises(wl.LinkError, match="closed"):
        app.get("/")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
