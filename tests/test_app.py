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
from tests.answers import HELLO, shown

BUNDLED = ["echo", "hello", "hello-rust", "shapes", "tiny", "trouble"]


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
