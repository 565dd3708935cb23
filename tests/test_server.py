"""lab.serve: HTTP/1.1 over real sockets, as curl and a raw client see it."""

from __future__ import annotations

import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import wasicloud_lab as wl
from tests import raw_http
from tests.raw_http import GET, MIB, Wire

echo_url = raw_http.echo_url
trouble_url = raw_http.trouble_url
hello_url = raw_http.hello_url


# --- answering ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hello", "hello-rust", "tiny"])
def test_a_served_app_answers_as_in_process(lab: wl.Lab, name: str) -> None:
    app = lab.load(name, name=f"{name} here")
    with lab.serve(app, port=0) as server:
        there, here = httpx.get(server.url), app.get("/")
    assert (there.status_code, there.content) == (here.status_code, here.content)


def test_a_response_of_known_length_has_a_content_length(hello_url: str) -> None:
    response = httpx.get(hello_url)
    assert response.headers["content-length"] == str(len(response.content))
    assert "transfer-encoding" not in response.headers


def test_host_becomes_the_authority_and_connection_headers_stay_behind(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("GET /headers?q=%C3%BC HTTP/1.1\nHost: example.com:99\nConnection: keep-alive\nX-Mine:  yes \n\n")
        _, _, body = wire.response()
    assert body.decode() == (
        "method: GET\npath-with-query: /headers?q=%C3%BC\nscheme: http\nauthority: example.com:99\n\nx-mine: yes\n"
    )


@pytest.mark.parametrize("size", [0, 1, 65536, MIB, 5 * MIB])
def test_a_body_comes_back_whole(echo_url: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert httpx.post(echo_url, content=body, timeout=None).content == body


def test_head_has_the_headers_of_get_and_no_body(hello_url: str) -> None:
    with Wire(hello_url) as wire:
        wire.send("HEAD / HTTP/1.1\nHost: x\n\n" + GET)
        status, headers = wire.head()
        assert (status, headers["content-length"]) == (200, "35")
        assert wire.response()[2] == b"Hello, world, from a Go component!\n"


def test_a_body_written_for_head_is_not_sent(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("HEAD /headers HTTP/1.1\nHost: x\n\nGET /headers HTTP/1.1\nHost: y\n\n")
        assert int(wire.head()[1]["content-length"]) > 0
        assert b"authority: y" in wire.response()[2]


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_keeps_the_connection(trouble_url: str, code: int) -> None:
    with Wire(trouble_url) as wire:
        for _ in range(2):
            wire.send(f"GET /status?code={code} HTTP/1.1\nHost: x\n\n")
            status, headers = wire.head()
            assert status == code
            assert not {"content-length", "transfer-encoding"} & set(headers)


@pytest.mark.parametrize("code", [200, 299, 404, 599, 999])
def test_any_final_status_goes_out(trouble_url: str, code: int) -> None:
    with Wire(trouble_url) as wire:
        wire.send(f"GET /status?code={code} HTTP/1.1\nHost: x\n\n")
        status, _, body = wire.response()
    assert (status, body) == (code, f"status {code}\n".encode())


# --- connections -------------------------------------------------------------------------------------


def test_a_connection_is_kept_for_the_next_request(hello_url: str) -> None:
    with Wire(hello_url) as wire:
        for name in ("Ada", "Grace"):
            wire.send(f"GET /{name} HTTP/1.1\nHost: x\n\n")
            assert wire.response()[2].startswith(f"Hello, {name},".encode())


def test_a_connection_is_kept_after_a_fault(trouble_url: str) -> None:
    with Wire(trouble_url) as wire:
        wire.send("GET /trap HTTP/1.1\nHost: x\n\n")
        assert wire.response()[0] == 502
        wire.send(GET)
        assert wire.response()[0] == 200


def test_a_connection_is_closed_when_the_client_asks_for_it(hello_url: str) -> None:
    with Wire(hello_url) as wire:
        wire.send("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")
        assert wire.rest().endswith(b"\r\n\r\nHello, world, from a Go component!\n")


def test_http_1_0_is_answered_and_closed(hello_url: str) -> None:
    with Wire(hello_url) as wire:
        wire.send("GET / HTTP/1.0\n\n")
        assert wire.rest().endswith(b"Hello, world, from a Go component!\n")


def test_pipelined_requests_are_answered_in_order(hello_url: str) -> None:
    with Wire(hello_url) as wire:
        wire.send("".join(f"GET /n{n} HTTP/1.1\nHost: x\n\n" for n in range(20)))
        for n in range(20):
            assert wire.response()[2].startswith(f"Hello, n{n},".encode())


def test_many_connections_at_once_get_their_own_answers(echo_url: str) -> None:
    def ask(n: int) -> bool:
        with httpx.Client(base_url=echo_url, timeout=None) as client:
            return all(client.post("/", content=b"%d-%d" % (n, m)).content == b"%d-%d" % (n, m) for m in range(25))

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(16)))


# --- streaming ---------------------------------------------------------------------------------------


def test_bodies_stream_both_ways_while_the_guest_runs(echo_url: str) -> None:
    """Each chunk is sent only after the one before has come back."""
    with Wire(echo_url) as wire:
        wire.send("POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n")
        wire.send("5\nfirst\n")
        assert wire.head()[1]["transfer-encoding"] == "chunked"
        assert wire.chunk() == b"first"
        wire.send("6\nsecond\n")
        assert wire.chunk() == b"second"
        wire.send("0\n\n")
        assert wire.chunk() == b""


def test_a_body_of_known_length_streams_in(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("POST / HTTP/1.1\nHost: x\nContent-Length: 11\n\nfirst")
        wire.head()
        assert wire.chunk() == b"first"
        wire.send("second")
        assert wire.chunk() == b"second"
        assert wire.chunk() == b""


def test_a_slow_response_comes_in_its_pieces(echo_url: str) -> None:
    with httpx.stream("GET", f"{echo_url}/slow?chunks=3&ms=100") as response:
        assert list(response.iter_raw()) == [b"chunk 1\n", b"chunk 2\n", b"chunk 3\n"]


def test_a_reader_that_stops_does_not_stop_the_others(echo_url: str) -> None:
    """32 MiB towards a client that does not read: more than all the buffers between hold."""
    sent = threading.Event()

    def pour(wire: Wire) -> None:
        wire.send(f"POST / HTTP/1.1\nHost: x\nContent-Length: {32 * MIB}\n\n")
        for _ in range(32):
            wire.send(bytes(MIB))
        sent.set()

    with Wire(echo_url) as wire:
        pouring = threading.Thread(target=pour, args=[wire])
        pouring.start()
        for _ in range(3):
            assert httpx.get(f"{echo_url}/headers").status_code == 200
        assert not sent.wait(0.5)
        wire.head()
        read = 0
        while chunk := wire.chunk():
            read += len(chunk)
        pouring.join()
    assert (sent.is_set(), read) == (True, 32 * MIB)


def test_100_continue_is_sent_when_the_guest_wants_the_body(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("POST / HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n")
        assert wire.head()[0] == 100
        wire.send("hello")
        assert wire.response()[2] == b"hello"


def test_trailers_pass_both_ways(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send(
            "POST /trailers HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nTE: trailers\nTrailer: X-Mine\n\n"
            "3\nabc\n0\nX-Mine: yes\n\n"
        )
        _, headers = wire.head()
        assert headers["trailer"]
        assert b"".join(iter(wire.chunk, b"")) == b"abc"
        assert wire.trailers() == [b"x-mine: yes", b"x-checksum: %08x" % zlib.adler32(b"abc")]
        wire.send("GET /headers HTTP/1.1\nHost: x\n\n")
        assert wire.response()[0] == 200


def test_trailers_come_after_a_body_of_known_length_too(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("POST /trailers HTTP/1.1\nHost: x\nContent-Length: 3\nTE: trailers\n\nabc")
        wire.head()
        assert b"".join(iter(wire.chunk, b"")) == b"abc"
        assert wire.trailers() == [b"x-checksum: %08x" % zlib.adler32(b"abc")]
