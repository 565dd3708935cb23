"""lab.serve: HTTP/1.1 over real sockets, as curl and a raw client see it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import httpx
import pytest

import wasicloud_lab as wl

MIB = 1024 * 1024


class Wire:
    """A raw connection to a server."""

    def __init__(self, url: str, patience: float = 60) -> None:
        host, port = url.removeprefix("http://").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=patience)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        """Sends bytes; a text's line ends become CR LF."""
        self.socket.sendall(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode("latin-1"))

    def head(self) -> tuple[int, dict[str, str]]:
        """Reads a status line and headers."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def chunk(self) -> bytes:
        """Reads one chunk of a chunked body; empty at the end, with the trailers still to come."""
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        if size:
            assert self.file.readline() == b"\r\n"
        return data

    def trailers(self) -> list[bytes]:
        """Reads what follows the last chunk."""
        lines = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            lines.append(line.rstrip())
        return lines

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """Reads a whole response."""
        status, headers = self.head()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
            self.trailers()
        else:
            body = self.file.read(int(headers.get("content-length", 0)))
        return status, headers, body

    def rest(self) -> bytes:
        """Reads until the other side closes; a reset counts as the end."""
        data = b""
        try:
            while got := self.socket.recv(65536):
                data += got
        except ConnectionResetError:
            pass
        return data

    def close(self) -> None:
        """Hangs up."""
        self.file.close()
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


GET = "GET / HTTP/1.1\nHost: x\n\n"


@pytest.fixture(scope="module")
def echo_url(lab: wl.Lab, echo: wl.App) -> Iterator[str]:
    """Where echo is served."""
    with lab.serve(echo, port=0) as server:
        yield server.url


@pytest.fixture(scope="module")
def trouble_url(lab: wl.Lab) -> Iterator[str]:
    """Where trouble is served, with a short deadline."""
    with lab.serve(lab.load("trouble", name="served trouble", deadline=1.0), port=0) as server:
        yield server.url


@pytest.fixture(scope="module")
def hello_url(lab: wl.Lab, hello: wl.App) -> Iterator[str]:
    """Where hello is served."""
    with lab.serve(hello, port=0) as server:
        yield server.url


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


# --- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/trap", 502, "served trouble trapped: wasm `unreachable` instruction executed"),
        ("/panic", 502, "served trouble trapped"),
        ("/stack", 502, "call stack exhausted"),
        ("/silent", 502, "without setting a response"),
        ("/error", 502, "the guest says no"),
        ("/short", 502, "did not give the whole body"),
        ("/missing", 502, "lab:missing/nowhere@0.1.0#lost, which nothing provides"),
        ("/loop", 504, "ran past its deadline of 1 s"),
        ("/sleep?ms=600000", 504, "ran past its deadline of 1 s"),
    ],
)
def test_a_guest_s_fault_is_a_status_with_one_line(trouble_url: str, path: str, status: int, said: str) -> None:
    response = httpx.get(trouble_url + path, timeout=None)
    assert response.status_code == status
    assert response.text.startswith(f"{status} ")
    assert said in response.text
    assert len(response.text.splitlines()) == 1
    assert httpx.get(trouble_url).status_code == 200


def test_a_fault_is_logged_with_what_happened(trouble_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wasicloud_lab.server"):
        httpx.get(f"{trouble_url}/trap")
    assert "GET /trap: 502 served trouble trapped" in caplog.text


def test_an_exception_of_the_host_gives_nothing_away(own_lab: wl.Lab) -> None:
    @wl.interface("lab:missing/nowhere@0.1.0")
    class Nowhere:
        def lost(self, s: str) -> int:
            raise RuntimeError("password=hunter2")

    app = own_lab.load("trouble", providers=[Nowhere()])
    with own_lab.serve(app, port=0) as server:
        response = httpx.get(f"{server.url}/missing")
    assert (response.status_code, "hunter2" in response.text) == (500, False)


@pytest.mark.parametrize("path", ["/late-trap", "/unfinished"])
def test_a_fault_after_the_head_never_has_a_clean_end(trouble_url: str, path: str) -> None:
    """A head that had not gone out becomes a 502; one that had is followed by a cut connection."""
    with Wire(trouble_url) as wire:
        wire.send(f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")
        data = wire.rest()
    assert data.startswith(b"HTTP/1.1 502 ") or not data.endswith(b"0\r\n\r\n")
    assert httpx.get(trouble_url).status_code == 200


def test_a_fault_while_the_body_streams_cuts_the_connection(hurried_url: str) -> None:
    with Wire(hurried_url) as wire:
        wire.send("GET /slow?chunks=100000&ms=20 HTTP/1.1\nHost: x\n\n")
        assert wire.head()[0] == 200
        assert wire.chunk() == b"chunk 1\n"
        assert not wire.file.read().endswith(b"0\r\n\r\n")
    assert httpx.get(f"{hurried_url}/headers").status_code == 200


def test_a_cut_connection_is_an_error_for_httpx(hurried_url: str) -> None:
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("GET", f"{hurried_url}/slow?chunks=100000&ms=20") as response,
    ):
        assert response.status_code == 200
        response.read()


@pytest.fixture(scope="module")
def hurried_url(lab: wl.Lab) -> Iterator[str]:
    """Where echo is served with a deadline that its /slow meets in the middle of the body."""
    with lab.serve(lab.load("echo", name="hurried", deadline=0.5), port=0) as server:
        yield server.url


# --- bad requests ------------------------------------------------------------------------------------


def test_a_head_of_one_mib_is_431(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("GET / HTTP/1.1\nHost: x\nX-Long: ")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all had gone out
            wire.send(b"a" * MIB + b"\r\n\r\n")
        assert wire.rest().startswith(b"HTTP/1.1 431 ")
    assert httpx.get(echo_url).status_code == 200


def test_httpx_sees_the_431_too(echo_url: str) -> None:
    assert httpx.get(echo_url, headers={"x-long": "a" * 100_000}).status_code == 431


def test_a_head_of_many_headers_is_431(echo_url: str) -> None:
    assert httpx.get(echo_url, headers=[(f"x-{n}", "a" * 1000) for n in range(100)]).status_code == 431


def test_a_large_head_on_a_kept_connection_is_431(echo_url: str) -> None:
    with Wire(echo_url) as wire:
        wire.send("POST / HTTP/1.1\nHost: x\nContent-Length: 70000\n\n")
        wire.send(bytes(70_000))
        assert len(wire.response()[2]) == 70_000
        wire.send("GET / HTTP/1.1\nHost: x\nX-Long: " + "a" * 100_000 + "\n\n")
        assert wire.rest().startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_head_that_ends_between_two_packets_is_fine(echo_url: str, at: int) -> None:
    """And the body that comes with its end is not taken for a part of it."""
    end = b"\r\n\r\n"
    with Wire(echo_url) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000" + end[:at])
        wire.send(end[at:] + bytes(200_000))
        assert len(wire.response()[2]) == 200_000


def test_a_head_of_60_kb_is_fine(echo_url: str) -> None:
    assert httpx.get(f"{echo_url}/headers", headers={"x-long": "a" * 60_000}).status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX y: a\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a\x7fb HTTP/1.1\r\nHost: x\r\n\r\n",
        b"hello\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n",
    ],
    ids=["CR", "NUL", "control", "name", "NUL in path", "DEL in path", "no request", "length", "both", "chunk"],
)
def test_a_malformed_request_is_400_and_the_connection_ends(echo_url: str, request_bytes: bytes) -> None:
    with Wire(echo_url) as wire:
        wire.send(request_bytes)
        assert wire.rest().startswith(b"HTTP/1.1 400 ")
    assert httpx.get(echo_url).status_code == 200


# --- clients that go ---------------------------------------------------------------------------------


def alone(lab: wl.Lab, name: str) -> wl.App:
    """echo with a single worker: while one request runs, no other can."""
    return lab.load("echo", name=name, workers=1, deadline=None)


def test_a_client_that_goes_half_way_of_its_request_ends_the_guest(lab: wl.Lab) -> None:
    with lab.serve(alone(lab, "half a request"), port=0) as server:
        with Wire(server.url) as wire:
            wire.send("POST / HTTP/1.1\nHost: x\nContent-Length: 1000\n\nfirst")
            wire.head()
            assert wire.chunk() == b"first"
        assert httpx.get(f"{server.url}/headers", timeout=60).status_code == 200


def test_a_client_that_goes_half_way_of_the_response_ends_the_guest(lab: wl.Lab) -> None:
    with lab.serve(alone(lab, "half a response"), port=0) as server:
        with Wire(server.url) as wire:
            wire.send("GET /slow?chunks=1000000&ms=5 HTTP/1.1\nHost: x\n\n")
            wire.head()
            assert wire.chunk() == b"chunk 1\n"
        assert httpx.get(f"{server.url}/headers", timeout=60).status_code == 200


def test_a_client_that_goes_before_the_response_ends_the_guest(lab: wl.Lab) -> None:
    with lab.serve(alone(lab, "no response"), port=0) as server:
        with Wire(server.url) as wire:
            wire.send("GET /slow?before=600000 HTTP/1.1\nHost: x\n\n")
        assert httpx.get(f"{server.url}/headers", timeout=60).status_code == 200


def test_a_client_that_goes_ends_even_an_endless_loop(lab: wl.Lab) -> None:
    app = lab.load("trouble", name="endless", workers=1, deadline=None)
    with lab.serve(app, port=0) as server:
        with Wire(server.url) as wire:
            wire.send("GET /loop HTTP/1.1\nHost: x\n\n")
        assert httpx.get(server.url, timeout=60).status_code == 200


def test_a_client_that_goes_while_it_queues_never_runs(lab: wl.Lab) -> None:
    app = lab.load("trouble", name="queueing", workers=1, deadline=None)
    with lab.serve(app, port=0) as server, Wire(server.url) as first:
        first.send("GET /sleep?ms=500 HTTP/1.1\nHost: x\n\n")
        with Wire(server.url) as second:
            second.send("GET /loop HTTP/1.1\nHost: x\n\n")
        assert first.response()[0] == 200
        assert httpx.get(server.url, timeout=60).status_code == 200


# --- starting and stopping ---------------------------------------------------------------------------


def test_port_0_takes_a_free_port_on_loopback(own_lab: wl.Lab) -> None:
    with own_lab.serve(own_lab.load("tiny"), port=0) as server:
        assert server.host == "127.0.0.1"
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.port != 0


def test_loopback_is_not_reached_from_outside(own_lab: wl.Lab) -> None:
    """Another address of this machine, as another machine would use it; 127.0.0.2 is one on Linux."""
    with own_lab.serve(own_lab.load("tiny"), port=0) as server, pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.port), timeout=60)


def test_another_address_is_served_when_asked_for(own_lab: wl.Lab) -> None:
    with own_lab.serve(own_lab.load("tiny"), host="0.0.0.0", port=0) as server:
        assert httpx.get(f"http://127.0.0.2:{server.port}").text == "hello\n"


def test_a_busy_port_is_a_serve_error(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(wl.ServeError, match=rf"127\.0\.0\.1:{port} can't be served on: .*port=0 takes a free one"):
            own_lab.serve(app, port=port)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("203.0.113.1", 0), ("127.0.0.1", 70000)])
def test_an_address_that_can_t_be_had_is_a_serve_error(own_lab: wl.Lab, host: str, port: int) -> None:
    with pytest.raises(wl.ServeError, match=f"{host}:{port}"):
        own_lab.serve(own_lab.load("tiny"), host=host, port=port)


def test_two_servers_run_at_once(own_lab: wl.Lab) -> None:
    tiny, hello = own_lab.load("tiny"), own_lab.load("hello")
    with own_lab.serve(tiny, port=0) as one, own_lab.serve(hello, port=0) as two, own_lab.serve(tiny, port=0) as three:
        texts = [httpx.get(server.url).text for server in (one, two, three)]
    assert texts == ["hello\n", "Hello, world, from a Go component!\n", "hello\n"]


def serving() -> set[threading.Thread]:
    """The threads of servers."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("serve ")}


def test_stop_closes_the_port_and_ends_the_thread(own_lab: wl.Lab) -> None:
    before = serving()
    server = own_lab.serve(own_lab.load("tiny"), port=0)
    with Wire(server.url) as wire:  # a connection that is kept must not hold it up
        wire.send(GET)
        assert wire.response()[2] == b"hello\n"
        assert len(serving() - before) == 1
        server.stop()
        assert serving() == before
        assert wire.rest() == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=60)
    server.stop()


def test_a_port_is_free_again_after_stop(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    port = 0
    for _ in range(3):
        with own_lab.serve(app, port=port) as server:
            assert httpx.get(server.url).text == "hello\n"
            port = server.port


def test_stop_lets_a_request_under_way_finish(own_lab: wl.Lab) -> None:
    server = own_lab.serve(own_lab.load("echo"), port=0)
    with Wire(server.url) as wire:
        wire.send("GET /slow?chunks=3&ms=100 HTTP/1.1\nHost: x\n\n")
        wire.head()
        assert wire.chunk() == b"chunk 1\n"
        server.stop()
        assert [wire.chunk() for _ in range(3)] == [b"chunk 2\n", b"chunk 3\n", b""]


def test_a_stopped_server_starts_again(own_lab: wl.Lab) -> None:
    server: Any = own_lab.serve(own_lab.load("tiny"), port=0)
    server.stop()
    with server.start():
        assert httpx.get(server.url).text == "hello\n"


def test_closing_an_app_answers_its_server_s_clients_with_502(own_lab: wl.Lab) -> None:
    app = own_lab.load("tiny")
    with own_lab.serve(app, port=0) as server:
        app.close()
        response = httpx.get(server.url)
    assert (response.status_code, "has been closed" in response.text) == (502, True)


def test_an_app_without_a_handler_is_refused_at_once(own_lab: wl.Lab) -> None:
    app = own_lab.load("shapes")
    with pytest.raises(wl.LabError, match="exports no wasi:http/incoming-handler"):
        own_lab.serve(app, port=0)
