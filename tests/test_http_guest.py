"""wasi:http from a guest's side: streams, trailers, header rules, statuses, bounds."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Iterator

import httpx
import pytest

import wasicloud_lab as wl

MIB = 1024 * 1024


# --- streaming ---------------------------------------------------------------------------------------


def test_a_guest_reads_a_body_chunk_by_chunk_as_it_comes(echo: wl.App) -> None:
    """In-process the guest itself pulls the iterator: it never runs ahead of what the guest has answered."""
    pulled: list[int] = []

    def body() -> Iterator[bytes]:
        for n in range(5):
            pulled.append(n)
            yield b"%d" % n

    assert echo.post("/", content=body()).content == b"01234"
    assert pulled == [0, 1, 2, 3, 4]


def test_the_head_comes_before_the_body_is_there(echo: wl.App, patience: float) -> None:
    headed = threading.Event()

    def body() -> Iterator[bytes]:
        assert headed.wait(patience), "the head waited for the end of the request"
        yield b"late"

    with echo.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        assert response.status_code == 200
        headed.set()
        assert response.read() == b"late"


def test_what_was_written_comes_while_the_guest_waits(echo: wl.App, patience: float) -> None:
    """Each chunk is sent only after the one before has come back."""
    came = [threading.Event() for _ in range(4)]

    def body() -> Iterator[bytes]:
        for n, event in enumerate(came):
            yield b"chunk %d;" % n
            assert event.wait(patience), f"chunk {n} did not come back"

    with echo.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        seen = b""
        for chunk in response.iter_raw():
            seen += chunk
            for event in came[: seen.count(b";")]:
                event.set()
    assert seen == b"chunk 0;chunk 1;chunk 2;chunk 3;"


def test_a_slow_reader_bounds_what_the_guest_has_written(echo: wl.App, patience: float) -> None:
    chunk, total = bytes(64 * 1024), 96
    pulled = 0
    ended = threading.Event()

    def body() -> Iterator[bytes]:
        nonlocal pulled
        for _ in range(total):
            pulled += 1
            yield chunk
        ended.set()

    with echo.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        chunks = response.iter_raw()
        read = len(next(chunks))
        assert not ended.wait(0.5), "6 MiB went through a reader that had taken one chunk"
        assert pulled * len(chunk) <= 2 * MIB
        read += sum(len(part) for part in chunks)
    assert ended.wait(patience)
    assert read == total * len(chunk)


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 65536, MIB, 3 * MIB + 1])
def test_a_body_comes_back_whole(echo: wl.App, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert echo.post("/", content=body).content == body


def test_a_body_is_read_to_its_end(echo: wl.App) -> None:
    body = [b"part %d " % n for n in range(1000)]
    whole = b"".join(body)
    assert echo.post("/upload", content=body).text == f"bytes: {len(whole)}\nadler32: {zlib.adler32(whole):08x}\n"


def test_a_guest_need_not_read_the_body(echo: wl.App) -> None:
    assert echo.post("/headers", content=bytes(MIB)).status_code == 200
    assert echo.post("/", content=b"next").content == b"next"


def test_a_guest_waits_on_clocks_while_it_streams(echo: wl.App) -> None:
    with echo.client() as client, client.stream("GET", "/slow?chunks=3&ms=20&before=20") as response:
        chunks = list(response.iter_raw())
    assert chunks == [b"chunk 1\n", b"chunk 2\n", b"chunk 3\n"]


def test_a_buffered_request_waits_for_all_of_it(echo: wl.App) -> None:
    assert echo.get("/slow?chunks=2&ms=10").text == "chunk 1\nchunk 2\n"


def test_the_first_of_two_pollables_decides(lab: wl.Lab) -> None:
    """The guest polls a clock and an answer that never comes: the clock wins."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        app = lab.load("echo", name="waiting", allow_http=[place])
        response = app.get(f"/proxy?url=http://{place}/&ms=50")
    assert (response.status_code, response.text) == (504, "no answer in time\n")


# --- bounds ------------------------------------------------------------------------------------------


def test_a_response_past_the_body_limit_is_out_of_memory(lab: wl.Lab) -> None:
    app = lab.load("echo", name="small", body=100_000)
    assert len(app.post("/", content=bytes(100_000)).content) == 100_000
    with pytest.raises(wl.GuestOutOfMemory, match=r"passed 100000 bytes.*body="):
        app.post("/", content=bytes(100_001))
    assert app.get("/").status_code == 200


def test_a_streamed_response_has_no_such_limit(lab: wl.Lab) -> None:
    app = lab.load("echo", name="small", body=100_000)
    with app.client() as client, client.stream("POST", "/", content=bytes(MIB)) as response:
        assert sum(len(chunk) for chunk in response.iter_raw()) == MIB


# --- trailers ----------------------------------------------------------------------------------------


def checksum(body: bytes) -> bytes:
    """What echo's /trailers adds."""
    return b"%08x" % zlib.adler32(body)


def test_trailers_pass_in_both_directions(echo: wl.App) -> None:
    response = echo.post("/trailers", content=b"hello", trailers={"X-Mine": "yes"})
    assert response.content == b"hello"
    assert response.extensions["trailers"] == [("x-mine", b"yes"), ("x-checksum", checksum(b"hello"))]


def test_trailers_come_after_a_body_from_an_iterator(echo: wl.App) -> None:
    response = echo.post("/trailers", content=[b"a", b"b"], trailers=[("x-mine", b"1"), ("x-mine", b"2")])
    assert response.extensions["trailers"] == [("x-mine", b"1"), ("x-mine", b"2"), ("x-checksum", checksum(b"ab"))]


def test_a_streamed_response_has_its_trailers_at_the_end(echo: wl.App) -> None:
    with echo.client() as client, client.stream("POST", "/trailers", content=b"hello") as response:
        assert response.read() == b"hello"
        assert response.extensions["trailers"] == [("x-checksum", checksum(b"hello"))]


def test_a_response_without_trailers_has_none(echo: wl.App) -> None:
    assert "trailers" not in echo.get("/").extensions


# --- header rules ------------------------------------------------------------------------------------

REFUSALS = """\
append x-fine: ok
append connection: forbidden
append Transfer-Encoding: forbidden
append host: forbidden
append empty name: invalid-syntax
append name with space: invalid-syntax
append name with colon: invalid-syntax
append value with line end: invalid-syntax
append value with zero byte: invalid-syntax
set connection: forbidden
delete what is not there: ok
delete bad name: invalid-syntax
get bad name: 0 values
from-list x-fine: ok
from-list upgrade: forbidden
from-list bad name: invalid-syntax
append to request headers: immutable
set in request headers: immutable
delete from request headers: immutable
append to a clone of them: ok
append to response headers: immutable
status 99: error
status 1000: error
body: ok
body again: error
write: ok
write again: error
consume: ok
consume again: error
stream: ok
stream again: error
bad method: error
bad scheme: error
bad authority: error
bad path: error
connect timeout: ok
"""


def test_what_a_guest_may_not_do_is_refused_with_the_right_error(trouble: wl.App) -> None:
    assert trouble.post("/headers", content=b"x").text == REFUSALS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-bad", "a\r\nx-injected: b"),
        ("x-bad", "a\nb"),
        ("x-bad", "a\rb"),
        ("x-bad", "a\0b"),
        ("x-bad", b"\x7f"),
        ("x bad", "a"),
        ("x-bad\r\n", "a"),
        ("x:bad", "a"),
        ("", "a"),
        ("naïve", "a"),
    ],
)
@pytest.mark.parametrize("where", ["headers", "trailers"])
def test_a_header_that_http_does_not_allow_is_a_request_error(
    echo: wl.App, where: str, name: str, value: str | bytes
) -> None:
    with pytest.raises(wl.RequestError):
        echo.post("/", content=b"x", **{where: {name: value}})
    assert issubclass(wl.RequestError, ValueError)


def test_headers_of_the_connection_are_kept_from_the_guest(echo: wl.App) -> None:
    headers = {"Connection": "close", "Host": "elsewhere", "Transfer-Encoding": "chunked", "Keep-Alive": "5", "x": "1"}
    assert echo.get("/headers", headers=headers).text.endswith("\n\nx: 1\n")


def test_spaces_around_a_value_are_not_part_of_it(echo: wl.App) -> None:
    assert echo.get("/headers", headers={"x": " \t a b \t"}).text.endswith("\nx: a b\n")


# --- methods, paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "GET\0", "GÉT"])
def test_a_method_that_is_none_is_a_request_error(echo: wl.App, method: str) -> None:
    with pytest.raises(wl.RequestError, match="not an HTTP method"):
        echo.request(method, "/")


@pytest.mark.parametrize("path", ["/a\0b", "/\r\nHost: x", "/a\nb", "/\x7f", "/a\tb", "/\u2028", "/\ud800"])
def test_a_path_with_control_characters_is_a_request_error(echo: wl.App, path: str) -> None:
    with pytest.raises(wl.RequestError, match=r"percent-encode it \(%00"):
        echo.get(path)


@pytest.mark.parametrize("path", ["", "headers", "?q", "ftp://localhost/x", "http:///x"])
def test_what_is_neither_path_nor_url_is_a_request_error(echo: wl.App, path: str) -> None:
    with pytest.raises(wl.RequestError):
        echo.get(path)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/headers?q=%00%0A", "/headers?q=%00%0A"),
        ("/headers?q=J%C3%BCrgen", "/headers?q=J%C3%BCrgen"),
        ("/headers?q=Jürgen Ω", "/headers?q=J%C3%BCrgen%20%CE%A9"),
        ("/headers?q=a b", "/headers?q=a%20b"),
        ("/headers?q=50%&r='[x]'", "/headers?q=50%&r='[x]'"),
    ],
)
def test_a_path_is_encoded_where_it_must_be(echo: wl.App, path: str, sent: str) -> None:
    assert f"path-with-query: {sent}\n" in echo.get(path).text


@pytest.mark.parametrize("app_name", ["hello", "hello-rust"])
@pytest.mark.parametrize(("path", "name"), [("/Jürgen", "Jürgen"), ("/Ada L", "Ada L"), ("/%F0%9F%90%B9", "🐹")])
def test_the_greeters_decode_their_path(lab: wl.Lab, app_name: str, path: str, name: str) -> None:
    assert lab.load(app_name).get(path).text.startswith(f"Hello, {name}, ")


def test_a_path_that_is_not_utf_8_reaches_the_guest(hello: wl.App) -> None:
    assert hello.get("/%FF").status_code == 400


# --- statuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 201, 299, 301, 404, 418, 500, 599, 999])
def test_any_final_status_passes(trouble: wl.App, code: int) -> None:
    response = trouble.get(f"/status?code={code}")
    assert (response.status_code, response.text) == (code, f"status {code}\n")


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(trouble: wl.App, code: int) -> None:
    response = trouble.get(f"/status?code={code}")
    assert (response.status_code, response.content) == (code, b"")


@pytest.mark.parametrize("code", [0, 99, 1000, 65535])
def test_a_status_out_of_range_is_refused(trouble: wl.App, code: int) -> None:
    response = trouble.get(f"/status?code={code}")
    assert response.status_code == 500
    assert response.text.startswith("The host refuses status")


@pytest.mark.parametrize("code", [100, 103, 199])
def test_an_informational_status_on_a_response_is_a_trap(trouble: wl.App, code: int) -> None:
    with pytest.raises(wl.GuestTrap, match=f"status {code} on its response; 1xx is informational"):
        trouble.get(f"/status?code={code}")
    assert trouble.get("/").status_code == 200


@pytest.mark.parametrize("app_name", ["hello", "hello-rust", "echo"])
def test_head_tells_the_length_that_get_would_bring(lab: wl.Lab, app_name: str) -> None:
    app = lab.load(app_name)
    path = "/headers" if app_name == "echo" else "/"
    head = app.head(path)  # echo writes a body all the same
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


#: A guest for `wasi:http@0.2.4`, where early hints came in: it sends one, then an empty 200.
EARLY_HINTS = """
(component
  (import "wasi:http/types@0.2.4" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "incoming-request" (type $request (sub resource)))
    (export "response-outparam" (type $outparam (sub resource)))
    (export "outgoing-response" (type $response (sub resource)))
    (type $code' (variant (case "internal-error" (option string))))
    (export "error-code" (type $code (eq $code')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[constructor]outgoing-response" (func (param "headers" (own $fields)) (result (own $response))))
    (export "[method]response-outparam.send-informational" (func
      (param "self" (borrow $outparam)) (param "status" u16) (param "headers" (own $fields))
      (result (result (error $code)))))
    (export "[static]response-outparam.set" (func
      (param "param" (own $outparam)) (param "response" (result (own $response) (error $code)))))
  ))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $outparam))
  (core module $memory (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (alias core export $m "realloc" (core func $realloc))
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $response (canon lower (func $types "[constructor]outgoing-response")))
  (core func $hint (canon lower (func $types "[method]response-outparam.send-informational")
    (memory $mem) (realloc $realloc)))
  (core func $set (canon lower (func $types "[static]response-outparam.set") (memory $mem) (realloc $realloc)))
  (core func $drop (canon resource.drop $request))
  (core module $guest
    (import "h" "fields" (func $fields (result i32)))
    (import "h" "response" (func $response (param i32) (result i32)))
    (import "h" "hint" (func $hint (param i32 i32 i32 i32)))
    (import "h" "set" (func $set (param i32 i32 i32 i32 i32 i32)))
    (import "h" "drop" (func $drop (param i32)))
    (func (export "handle") (param $request i32) (param $out i32)
      (call $drop (local.get $request))
      (call $hint (local.get $out) (i32.const STATUS) (call $fields) (i32.const 0))
      (call $set (local.get $out) (i32.const 0) (call $response (call $fields))
        (i32.const 0) (i32.const 0) (i32.const 0))))
  (core instance $g (instantiate $guest (with "h" (instance
    (export "fields" (func $fields)) (export "response" (func $response)) (export "hint" (func $hint))
    (export "set" (func $set)) (export "drop" (func $drop))))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
    (canon lift (core func $g "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.4" (instance $handler)))
"""


def test_an_informational_response_goes_before_the_response(own_lab: wl.Lab) -> None:
    response = own_lab.load(EARLY_HINTS.replace("STATUS", "103").encode(), name="hints").get("/")
    assert response.status_code == 200
    assert response.extensions["informational"] == [(103, [])]


def test_a_final_status_is_no_informational_one(own_lab: wl.Lab) -> None:
    response = own_lab.load(EARLY_HINTS.replace("STATUS", "200").encode(), name="hints").get("/")
    assert response.status_code == 200
    assert "informational" not in response.extensions


def test_a_guest_of_a_later_wasi_version_is_served(own_lab: wl.Lab) -> None:
    app = own_lab.load(EARLY_HINTS.replace("STATUS", "103").encode(), name="hints")
    with own_lab.serve(app, port=0) as server:
        assert httpx.get(server.url).status_code == 200


#: A guest that makes `count` clock pollables, `ns` away each, and answers the first index that poll gives.
POLLER = """
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $p))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $p (type $own))
    (export "pollable" (type (eq $own)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $own))))))
  (core module $memory (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (alias core export $m "realloc" (core func $realloc))
  (core func $poll (canon lower (func $poll "poll") (memory $mem) (realloc $realloc)))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $drop (canon resource.drop $p))
  (core module $guest
    (import "h" "poll" (func $poll (param i32 i32 i32)))
    (import "h" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "h" "drop" (func $drop (param i32)))
    (import "h" "memory" (memory 1))
    (func (export "first") (param $count i32) (param $ns i64) (result i32)
      (local $i i32)
      (loop $next
        (i32.store (i32.mul (local.get $i) (i32.const 4)) (call $subscribe (local.get $ns)))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
      (call $poll (i32.const 0) (local.get $count) (i32.const 512))
      (local.set $i (i32.const 0))
      (loop $next
        (call $drop (i32.load (i32.mul (local.get $i) (i32.const 4))))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
      (i32.load (i32.load (i32.const 512)))))
  (core instance $g (instantiate $guest (with "h" (instance
    (export "poll" (func $poll)) (export "subscribe" (func $subscribe)) (export "drop" (func $drop))
    (export "memory" (memory $mem))))))
  (func (export "first") (param "count" u32) (param "ns" u64) (result u32) (canon lift (core func $g "first"))))
"""


@pytest.mark.parametrize("ns", [0, 5_000_000], ids=["ready", "not yet"])
@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_a_guest_polls_several_things_at_once(own_lab: wl.Lab, count: int, ns: int) -> None:
    poller = own_lab.load(POLLER.encode(), name="poller")
    assert [poller.call("first", count, ns) for _ in range(3)] == [0, 0, 0]
