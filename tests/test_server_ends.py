"""lab.serve: clients that go, ports that are taken, and servers that stop and start again."""

from __future__ import annotations

import socket
import threading
from typing import Any

import httpx
import pytest

import wasicloud_lab as wl
from tests.raw_http import GET, Wire

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
