"""lab.serve: what a client is told when the guest breaks or its own request is bad."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import httpx
import pytest

import wasicloud_lab as wl
from tests import raw_http
from tests.raw_http import MIB, Wire

echo_url = raw_http.echo_url
trouble_url = raw_http.trouble_url


@pytest.fixture(scope="module")
def hurried_url(lab: wl.Lab) -> Iterator[str]:
    """Where echo is served with a deadline that its /slow meets in the middle of the body."""
    with lab.serve(lab.load("echo", name="hurried", deadline=0.5), port=0) as server:
        yield server.url


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
