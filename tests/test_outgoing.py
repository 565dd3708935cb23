"""Requests a guest sends: only to what is allowed, and with the right error when there is no answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import wasicloud_lab as wl
from tests.guests import current_store
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.http.bodies import IncomingBody, OutgoingBody
from wasicloud_lab.wasi.http.fields import Fields
from wasicloud_lab.wasi.http.outgoing import OutgoingHandler
from wasicloud_lab.wasi.http.types import OutgoingRequest

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def upstream(lab: wl.Lab) -> Iterator[str]:
    """host:port of a real server: echo, served."""
    with lab.serve(lab.load("echo", name="upstream", deadline=60), port=0) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
def allowed(own_lab: wl.Lab) -> Callable[..., wl.App]:
    """Loads echo with an allow-list."""
    return lambda *entries: own_lab.load("echo", allow_http=entries, deadline=60)


def proxied(app: wl.App, url: str, **options: Any) -> httpx.Response:
    """What echo's /proxy answers for a URL."""
    return app.get("/proxy", params={"url": url}, **options)


class Upstream:
    """A server of raw bytes: `answer` is called with each connection."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._answer = answer
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data and (got := connection.recv(65536)):
                    data += got
                self.requests.append(data)
                self._answer(connection)

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def saying(data: bytes) -> Upstream:
    """A server that says this and closes."""
    return Upstream(lambda connection: connection.sendall(data))


OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nyes"


# --- what is allowed ---------------------------------------------------------------------------------


def test_nothing_is_allowed_by_default(own_lab: wl.Lab, upstream: str) -> None:
    response = proxied(own_lab.load("echo"), f"http://{upstream}/headers")
    assert (response.status_code, response.text) == (502, "ErrorCode::HttpRequestDenied\n")


def test_an_allowed_address_is_reached(allowed: Callable[..., wl.App], upstream: str) -> None:
    response = proxied(allowed(upstream), f"http://{upstream}/headers?q=1")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert f"path-with-query: /headers?q=1\nscheme: http\nauthority: {upstream}\n" in response.text


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:*", "127.0.0.0/8", "127.0.0.0/8:*", "0.0.0.0/0"])
def test_an_entry_without_a_port_allows_every_port(allowed: Callable[..., wl.App], upstream: str, entry: str) -> None:
    assert proxied(allowed(entry), f"http://{upstream}/headers").status_code == 200


@pytest.mark.parametrize("entry", ["127.0.0.1:1", "127.0.0.2", "10.0.0.0/8", "[::1]", "example.com", "localhost:1"])
def test_another_entry_does_not_allow_it(allowed: Callable[..., wl.App], upstream: str, entry: str) -> None:
    assert proxied(allowed(entry), f"http://{upstream}/headers").text == "ErrorCode::HttpRequestDenied\n"


@pytest.mark.parametrize("entry", ["localhost", "LOCALHOST", "localhost."])
def test_localhost_names_this_machine(allowed: Callable[..., wl.App], upstream: str, entry: str) -> None:
    port = upstream.rpartition(":")[2]
    assert proxied(allowed(entry), f"http://localhost:{port}/headers").status_code == 200
    assert proxied(allowed(entry), f"http://LocalHost.:{port}/headers").status_code == 200


def test_localhost_allows_the_name_and_not_the_address(allowed: Callable[..., wl.App], upstream: str) -> None:
    assert proxied(allowed("localhost"), f"http://{upstream}/headers").text == "ErrorCode::HttpRequestDenied\n"


def test_an_allowed_name_that_leads_to_loopback_is_refused(
    allowed: Callable[..., wl.App], upstream: str, resolver: dict[str, str]
) -> None:
    resolver["rebound.example"] = "127.0.0.1"
    port = upstream.rpartition(":")[2]
    response = proxied(allowed("rebound.example"), f"http://rebound.example:{port}/headers")
    assert (response.status_code, response.text) == (502, "ErrorCode::DestinationIpProhibited\n")


def test_a_name_and_its_address_allowed_reach_it_under_the_name(
    allowed: Callable[..., wl.App], upstream: str, resolver: dict[str, str]
) -> None:
    resolver["inside.example"] = "127.0.0.1"
    port = upstream.rpartition(":")[2]
    response = proxied(allowed("inside.example", "127.0.0.0/8"), f"http://inside.example:{port}/headers")
    assert f"authority: inside.example:{port}\n" in response.text


def test_an_allowed_address_does_not_allow_a_name(
    allowed: Callable[..., wl.App], upstream: str, resolver: dict[str, str]
) -> None:
    resolver["inside.example"] = "127.0.0.1"
    port = upstream.rpartition(":")[2]
    response = proxied(allowed("127.0.0.1"), f"http://inside.example:{port}/")
    assert response.text == "ErrorCode::HttpRequestDenied\n"


def test_a_name_that_does_not_resolve_is_a_dns_error(allowed: Callable[..., wl.App]) -> None:
    response = proxied(allowed("no.such.host.invalid"), "http://no.such.host.invalid/")
    assert response.status_code == 502
    assert response.text.startswith("ErrorCode::DnsError")


# --- what is sent ------------------------------------------------------------------------------------


def test_only_what_the_guest_said_is_sent(allowed: Callable[..., wl.App]) -> None:
    with saying(OK) as server:
        assert proxied(allowed(server.place), f"http://{server.place}/a%20b?c=d").text == "yes"
    (sent,) = server.requests
    line, *headers = sent.decode().rstrip().split("\r\n")
    assert line == "GET /a%20b?c=d HTTP/1.1"
    names = {header.partition(":")[0].lower() for header in headers}
    assert f"host: {server.place}" in [header.lower() for header in headers]
    assert names <= {"host", "connection"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "PURGE"])
def test_a_forwarded_request_keeps_method_type_and_body(
    allowed: Callable[..., wl.App], upstream: str, method: str
) -> None:
    app = allowed(upstream)
    response = app.request(method, "/forward", params={"url": f"http://{upstream}/headers"}, json={"a": 1})
    assert f"method: {method}\n" in response.text
    assert "content-type: application/json\n" in response.text


@pytest.mark.parametrize("size", [0, 1, 65536, MIB])
def test_a_forwarded_body_comes_back_whole(allowed: Callable[..., wl.App], upstream: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert allowed(upstream).post("/forward", params={"url": f"http://{upstream}/"}, content=body).content == body


def test_proxies_of_the_environment_are_not_used(
    allowed: Callable[..., wl.App], upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert proxied(allowed(upstream), f"http://{upstream}/headers").status_code == 200


def test_a_redirect_is_the_guest_s_to_follow(allowed: Callable[..., wl.App]) -> None:
    with saying(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n") as server:
        assert proxied(allowed(server.place), f"http://{server.place}/").status_code == 302
        assert len(server.requests) == 1


def test_cookies_are_not_kept(allowed: Callable[..., wl.App]) -> None:
    with saying(OK.replace(b"\r\n\r\n", b"\r\nset-cookie: a=b\r\n\r\n")) as server:
        app = allowed(server.place)
        for _ in range(2):
            assert proxied(app, f"http://{server.place}/").text == "yes"
    assert b"cookie" not in server.requests[1].lower()


# --- what comes back ---------------------------------------------------------------------------------


def test_an_answer_streams_through(own_lab: wl.Lab, upstream: str, patience: float) -> None:
    """Upstream sends its second piece only after the first has come out at this end."""
    first_came = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nfirst")
        if first_came.wait(patience):
            connection.sendall(b"second")

    with Upstream(answer) as server:
        app = own_lab.load("echo", allow_http=[server.place], deadline=patience)
        with app.client() as client, client.stream("GET", "/proxy", params={"url": f"http://{server.place}/"}) as got:
            chunks = got.iter_raw()
            assert next(chunks) == b"first"
            first_came.set()
            assert b"".join(chunks) == b"second"


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 599])
def test_any_status_is_passed_on(allowed: Callable[..., wl.App], status: int) -> None:
    with saying(f"HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n".encode()) as server:
        assert proxied(allowed(server.place), f"http://{server.place}/").status_code == status


def test_a_compressed_answer_is_passed_on_as_it_is(allowed: Callable[..., wl.App]) -> None:
    with saying(OK.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")) as server:
        assert proxied(allowed(server.place), f"http://{server.place}/").content == b"yes"


def test_nobody_there_is_connection_refused(allowed: Callable[..., wl.App]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = f"127.0.0.1:{gone.getsockname()[1]}"
    response = proxied(allowed(place), f"http://{place}/")
    assert (response.status_code, response.text) == (502, "ErrorCode::ConnectionRefused\n")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "ConnectionTerminated"),
        (b"HTTP/1.1 200 OK\r\nx: y", "ConnectionTerminated"),
        (b"hello there\r\n\r\n", "HttpProtocolError"),
        (b"HTTP/1.1 abc\r\n\r\n", "HttpProtocolError"),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "HttpProtocolError"),
    ],
    ids=["nothing", "half a head", "no http", "no status", "no header"],
)
def test_a_broken_answer_is_an_error_code(allowed: Callable[..., wl.App], said: bytes, code: str) -> None:
    with saying(said) as server:
        response = proxied(allowed(server.place), f"http://{server.place}/")
    assert (response.status_code, response.text) == (502, f"ErrorCode::{code}\n")


def test_an_answer_that_breaks_off_is_no_whole_response(allowed: Callable[..., wl.App]) -> None:
    """echo leaves its own response unfinished then, so that its client sees it too."""
    with saying(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart") as server, pytest.raises(wl.GuestNoResponse):
        proxied(allowed(server.place), f"http://{server.place}/")


def test_no_answer_in_time_is_the_guest_s_to_notice(allowed: Callable[..., wl.App]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        response = allowed(place).get("/proxy", params={"url": f"http://{place}/", "ms": 50})
    assert (response.status_code, response.text) == (504, "no answer in time\n")


def test_the_deadline_ends_a_guest_that_waits_for_an_answer(own_lab: wl.Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        app = own_lab.load("echo", allow_http=[place])
        with pytest.raises(wl.GuestTimeout):
            proxied(app, f"http://{place}/", deadline=0.2)
        assert app.get("/headers").status_code == 200


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"])
def test_a_url_that_is_none_is_refused(allowed: Callable[..., wl.App], url: str) -> None:
    assert proxied(allowed("127.0.0.1"), url).status_code in (400, 502)


def test_two_guests_may_ask_each_other(own_lab: wl.Lab, upstream: str) -> None:
    """A chain: this guest asks a served one, which asks the upstream."""
    middle = own_lab.load("echo", name="middle", allow_http=[upstream], deadline=60)
    with own_lab.serve(middle, port=0) as server:
        place = f"127.0.0.1:{server.port}"
        first = own_lab.load("echo", name="first", allow_http=[place], deadline=60)
        inner = httpx.URL(f"http://{place}/proxy", params={"url": f"http://{upstream}/headers"})
        assert f"authority: {upstream}\n" in proxied(first, str(inner)).text


def test_trailers_go_out_and_come_back(upstream: str) -> None:
    with current_store():
        request = OutgoingRequest(Fields.from_list([("te", b"trailers"), ("trailer", b"x-mine")]))
        request.set_method(Variant("post"))
        request.set_scheme(Variant("HTTP"))
        request.set_authority(upstream)
        request.set_path_with_query("/trailers")
        body = request.body()
        future = OutgoingHandler([upstream]).handle(request, None)
        body.write().blocking_write_and_flush(b"hello")
        OutgoingBody.finish(body, Fields.from_list([("x-mine", b"yes")]))
        future.subscribe().block()
        content = future.get().value.value.consume()
        stream = content.stream()
        assert stream.blocking_read(100) == b"hello"
        with pytest.raises(wl.Err):
            stream.blocking_read(100)
        trailers = IncomingBody.finish(content)
        trailers.subscribe().block()
        received = trailers.get().value.value
        assert received.get("x-mine") == [b"yes"]
        assert received.get("x-checksum") == [b"062c0215"]


def test_connections_are_kept_after_trailers_and_without_them(upstream: str) -> None:
    handler = OutgoingHandler([upstream])
    for sent in (b"one", b"two", b"three"):
        with current_store():
            request = OutgoingRequest(Fields())
            request.set_method(Variant("post"))
            request.set_scheme(Variant("HTTP"))
            request.set_authority(upstream)
            request.set_path_with_query("/trailers")
            body = request.body()
            future = handler.handle(request, None)
            body.write().blocking_write_and_flush(sent)
            OutgoingBody.finish(body, None)
            future.subscribe().block()
            content = future.get().value.value.consume()
            assert content.stream().blocking_read(100) == sent
            trailers = IncomingBody.finish(content)
            trailers.subscribe().block()
            assert [name for name, _ in trailers.get().value.value.entries()] == ["x-checksum"]
