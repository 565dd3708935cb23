"""The Azure provider when Azure is away, slow, broken or busy: a real Azurite behind a bad line, and a stand-in for
what Azurite does not do."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from wasicloud_lab.errors import NotFound, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ensure_container, fetch, put
from wasicloud_lab.providers.registry import open_blobstore
from wasicloud_lab.services import Service, Services

MIB = 1 << 20
ACCOUNT = "azure://devstoreaccount1@127.0.0.1"


class Line:
    """A TCP line to a port of this machine, which can be cut or go dead.

    Attributes:
        cuts: after how many bytes from the server the line is cut, for the next connections' answers.
        dead: nothing passes any more.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts: list[int] = []
        self.dead = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            for pump in (self._up, self._down):
                thread = threading.Thread(target=pump, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(client, server, lambda: None)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(server, client, lambda: self.cuts[0] if self.cuts else None)

    def _pump(self, source: socket.socket, sink: socket.socket, limit: Callable[[], int | None]) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                while self.dead.is_set() and source.fileno() >= 0 and self._listener.fileno() >= 0:
                    self.dead.wait(0.01)
                    threading.Event().wait(0.01)
                allowed = limit()
                passed = passed + len(data) if allowed is not None else 0
                if allowed is not None and passed > allowed:
                    self.cuts.pop(0)
                    break
                sink.sendall(data)
        except OSError:
            pass
        finally:
            _end(source, sink)

    def close(self) -> None:
        """Ends all connections and threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.dead.clear()
        self._threads[0].join()
        _end(*self._sockets)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(azurite: Service) -> Iterator[Line]:
    """A line to the real Azurite."""
    made = Line(azurite.port)
    yield made
    made.close()


@pytest.fixture
def store(line: Line) -> Iterator[BlobstoreProvider]:
    """A provider at the end of the line, with a large object to read."""
    opened = open_blobstore(f"{ACCOUNT}:{line.port}?prefix=line-&timeout=20")
    ensure_container(opened, "faults")
    put(opened, "faults", "large", LARGE)
    yield opened
    line.cuts.clear()
    line.dead.clear()
    opened.close()


LARGE = bytes(range(256)) * (9 * MIB // 256)


# --- a bad line --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [10, 100_000, 3 * MIB])
def test_a_read_goes_on_after_the_line_was_cut(store: BlobstoreProvider, line: Line, cut: int) -> None:
    chunks = store.read("faults", "large")
    came = next(chunks)
    line.cuts.append(cut)
    assert came + b"".join(chunks) == LARGE
    assert line.cuts == []


def test_a_read_from_the_start_survives_a_cut_too(store: BlobstoreProvider, line: Line) -> None:
    line.cuts.append(MIB)
    assert fetch(store, "faults", "large") == LARGE
    assert line.cuts == []


def test_a_line_that_is_always_cut_is_given_up(store: BlobstoreProvider, line: Line) -> None:
    line.cuts += [50_000] * 1000
    with pytest.raises(Unavailable, match="does not answer") as caught:
        fetch(store, "faults", "large")
    assert caught.value.__context__ is None
    assert len(line.cuts) > 900
    line.cuts.clear()
    assert fetch(store, "faults", "large") == LARGE


def test_a_write_survives_a_cut(store: BlobstoreProvider, line: Line) -> None:
    line.cuts.append(10)
    put(store, "faults", "written", LARGE)
    line.cuts.append(10)
    put(store, "faults", "small", b"small")
    assert line.cuts == []
    assert fetch(store, "faults", "written") == LARGE
    assert fetch(store, "faults", "small") == b"small"


def test_a_line_that_went_dead_ends_every_operation_and_comes_back(store: BlobstoreProvider, line: Line) -> None:
    own = open_blobstore(f"{ACCOUNT}:{line.port}?prefix=line-&timeout=0.4")
    try:
        chunks = own.read("faults", "large")
        next(chunks)
        writer = own.write("faults", "never")
        writer.write(bytes(MIB))
        line.dead.set()
        for ask in (
            own.ping,
            own.containers,
            lambda: list(chunks),
            writer.commit,
            lambda: own.create_container("new"),
            lambda: own.delete_objects("faults", ["a", "b"]),
            lambda: own.copy_object("faults", "large", "faults", "other"),
        ):
            with pytest.raises(Unavailable, match=r"does not answer \(no answer within 0.4 s\); is it running\?"):
                ask()
        line.dead.clear()
        assert own.object_info("faults", "large").size == len(LARGE)
    finally:
        own.close()


# --- a server that goes and comes --------------------------------------------------------------------


def test_a_server_that_dies_is_unavailable_and_serves_again_when_it_is_back(
    services: Services, azurite: Service, tmp_path: Path
) -> None:
    server = services.azurite(folder=tmp_path, new=True)
    store = open_blobstore(server.url)
    try:
        store.create_container("kept")
        put(store, "kept", "large", LARGE)
        chunks = store.read("kept", "large")
        next(chunks)
        writer = store.write("kept", "half")
        writer.write(bytes(5 * MIB))
        server.stop()
        for ask in (store.ping, lambda: list(chunks), writer.commit, lambda: store.write("unheard of", "x")):
            with pytest.raises(Unavailable, match=f"at 127.0.0.1:{server.port} does not answer .*; is it running"):
                ask()
        server = services.azurite(port=server.port, folder=tmp_path, new=True)
        assert fetch(store, "kept", "large") == LARGE
        put(store, "kept", "after", b"1")
        with pytest.raises(NotFound):
            store.object_info("kept", "half")
    finally:
        store.close()
        server.stop()


def test_a_server_that_never_was_is_unavailable_and_its_secret_stays_one(free_port: int) -> None:
    secret = "c2VjcmV0L3NpZ25hdHVyZQ=="
    for url in (
        f"{ACCOUNT}:{free_port}?sas={quote(f'sv=1&sig={quote(secret)}', safe='')}",
        f"{ACCOUNT}:{free_port}?account_key={quote(secret, safe='')}",
    ):
        store = open_blobstore(url)
        with pytest.raises(Unavailable, match=r"does not answer \(connection refused\); is it running\?") as caught:
            store.ping()
        text = "".join(traceback.format_exception(caught.value))
        assert secret not in text
        assert quote(secret) not in text
        assert caught.value.__context__ is None
        store.close()


def test_an_account_that_does_not_exist_is_unavailable() -> None:
    store = open_blobstore("azure://nosuchaccount?account_key=AAAA&endpoint_suffix=invalid&timeout=20")
    with pytest.raises(Unavailable, match="are the account's name and the network right"):
        store.ping()
    store.close()


# --- a stand-in for what Azurite does not do ---------------------------------------------------------

Answer = tuple[int, Mapping[str, str]]


class StandIn:
    """Answers each request with what a function says.

    Attributes:
        seen: method and path with query of each request.
        headers: of each request.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str, str], Answer | None] = lambda method, path: (500, {})
        self.seen: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.connections: list[socket.socket] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                stand_in.connections.append(self.request)
                super().setup()

            def _handle(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                stand_in.seen.append((self.command, self.path))
                stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
                answer = stand_in.answer(self.command, self.path)
                if answer is None:  # the answer is lost on its way
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                for name, value in {"Content-Length": "0", **DATES, **answer[1]}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_PUT = do_HEAD = do_DELETE = _handle

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.port = self.server.server_address[1]


DATES = {"ETag": '"0x1"', "Last-Modified": "Tue, 24 Nov 2026 11:00:00 GMT"}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A server that is told what to answer."""
    made = StandIn()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    _end(*made.connections)
    made.server.server_close()


@pytest.fixture
def told(stand_in: StandIn) -> Iterator[BlobstoreProvider]:
    """A provider on it."""
    store = open_blobstore(f"{ACCOUNT}:{stand_in.port}?timeout=1.2")
    yield store
    store.close()


def refused(status: int, code: str) -> Answer:
    return status, {"x-ms-error-code": code}


def test_a_container_is_made_as_soon_as_its_forerunner_is_gone(told: BlobstoreProvider, stand_in: StandIn) -> None:
    answers = iter([refused(409, "ContainerBeingDeleted"), refused(409, "ContainerBeingDeleted"), (201, {})])
    stand_in.answer = lambda method, path: next(answers)
    assert told.create_container("photos").name == "photos"
    assert len(stand_in.seen) == 3


def test_a_container_whose_forerunner_stays_too_long_is_refused_with_the_reason(
    told: BlobstoreProvider, stand_in: StandIn
) -> None:
    stand_in.answer = lambda method, path: refused(409, "ContainerBeingDeleted")
    with pytest.raises(ProviderError, match="still deleting the container 'photos' that was there before"):
        told.create_container("photos")
    assert len(stand_in.seen) > 1
    with pytest.raises(NotFound, match="there is no container 'photos'; it is being deleted"):
        told.delete_object("photos", "a")


@pytest.mark.parametrize("ours", [True, False])
def test_a_creation_whose_answer_was_lost_is_recognised(told: BlobstoreProvider, stand_in: StandIn, ours: bool) -> None:
    def answer(method: str, path: str) -> Answer | None:
        if method == "PUT":
            return None if len(stand_in.seen) == 1 else refused(409, "ContainerAlreadyExists")
        sent = {name: value for name, value in stand_in.headers[0].items() if name.startswith("x-ms-meta-")}
        return 200, sent if ours else {"x-ms-meta-wlcreation": "another"}

    stand_in.answer = answer
    if ours:
        assert told.create_container("photos").name == "photos"
    else:
        with pytest.raises(ProviderError, match="there is a container 'photos' already"):
            told.create_container("photos")


def copying(*states: str, progress: Callable[[int], str] = lambda turn: f"{turn}/100") -> Callable[[str, str], Answer]:
    """Answers to a copy that goes through these states, the last for ever."""
    left = list(states)
    turns = iter(range(1000))

    def answer(method: str, path: str) -> Answer:
        if "comp=copy" in path:
            return 204, {}
        state = left.pop(0) if len(left) > 1 else left[0]
        headers = {"x-ms-copy-id": "7", "x-ms-copy-status": state, "x-ms-copy-progress": progress(next(turns))}
        return (202 if method == "PUT" else 200), headers

    return answer


def test_a_copy_that_azure_takes_time_for_is_waited_for(told: BlobstoreProvider, stand_in: StandIn) -> None:
    stand_in.answer = copying("pending", "pending", "success")
    told.copy_object("photos", "a", "photos", "b")
    assert [method for method, _ in stand_in.seen] == ["PUT", "HEAD", "HEAD"]
    source = stand_in.headers[0]["x-ms-copy-source"]
    assert source == f"http://127.0.0.1:{stand_in.port}/devstoreaccount1/photos/a"


def test_a_copy_that_fails_says_so(told: BlobstoreProvider, stand_in: StandIn) -> None:
    stand_in.answer = copying("pending", "failed")
    with pytest.raises(ProviderError, match="could not copy to object 'b' in container 'photos': it was failed"):
        told.copy_object("photos", "a", "photos", "b")


def test_a_copy_that_does_not_get_on_is_called_off(told: BlobstoreProvider, stand_in: StandIn) -> None:
    stand_in.answer = copying("pending", progress=lambda turn: "1/100")
    with pytest.raises(Unavailable, match="does not get on with copying"):
        told.copy_object("photos", "a", "photos", "b")
    assert "comp=copy" in stand_in.seen[-1][1]


def test_a_busy_server_is_asked_again_and_then_unavailable(told: BlobstoreProvider, stand_in: StandIn) -> None:
    answers = iter([refused(503, "ServerBusy"), refused(500, "OperationTimedOut"), (200, {"Content-Length": "5"})])
    stand_in.answer = lambda method, path: next(answers)
    assert told.object_info("photos", "a").size == 5
    stand_in.answer = lambda method, path: refused(503, "ServerBusy")
    with pytest.raises(Unavailable, match="can't serve object 'a' in container 'photos' just now"):
        told.object_info("photos", "a")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused(409, "BlobArchived"), "archive tier"),
        (refused(400, "InvalidBlobOrBlock"), "unfinished upload"),
        (refused(412, "LeaseIdMissing"), r"refuses what was asked about object 'a' .*\(LeaseIdMissing\)"),
        (refused(413, "RequestBodyTooLarge"), "larger than Azure takes"),
        ((418, {}), r"refuses what was asked about object 'a' in container 'photos' \(418\)"),
    ],
)
def test_whatever_azure_refuses_is_told(told: BlobstoreProvider, stand_in: StandIn, answer: Answer, said: str) -> None:
    stand_in.answer = lambda method, path: answer
    with pytest.raises(ProviderError, match=said) as caught:
        told.delete_object("photos", "a")
    assert caught.value.__context__ is None


def test_a_server_that_is_no_blob_service_is_an_error(told: BlobstoreProvider, stand_in: StandIn) -> None:
    stand_in.answer = lambda method, path: (200, {})
    with pytest.raises(ProviderError, match="what no blob service says"):
        told.containers()
