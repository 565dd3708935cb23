"""The ways from business logic to one store. Each opens once, and then gets a key as often as it is asked."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httptools

from ...errors import Unavailable
from ...host.interface import interface
from ...lab import Lab
from ...providers.registry import open_keyvalue
from . import guests
from .processes import GET_GRPC, Processes
from .programs.bare_hop import REQUEST

#: Seconds that a sidecar may take for one answer.
TIMEOUT = 5.0


@dataclass(frozen=True)
class Way:
    """A way to the store.

    Attributes:
        key: for JSON: "import", "http", …
        name, detail: for people; the detail tells ways of one name apart.
        includes: what its time is made of.
        kind: "store" (no boundary but the store's own), "component", "sidecar", or "floor" (the bare socket).
    """

    key: str
    name: str
    detail: str
    includes: str
    kind: str

    @property
    def words(self) -> str:
        """Name and detail in a line."""
        return f"{self.name}, {self.detail}"


WAYS = (
    Way(
        "provider", "The store itself", "the lab's provider",
        "called from Python: the part that components and sidecars have in common", "store",
    ),
    Way("client", "Raw client", "redis-py", "its own hget, from Python: what coupled code would call", "store"),
    Way(
        "import", "Component's import", "wasi:keyvalue",
        "a guest's bucket.get: out of the guest, to the provider in this process, the value copied back in",
        "component",
    ),
    Way(
        "composed", "Component → component", "composed in one file",
        "a guest calls another's get, and that one bucket.get; wasmtime alone makes the call between them", "component",
    ),
    Way(
        "linked", "Component → component", "linked by the lab",
        "the same two guests in two files; the lab, in Python, hands each call and its value from one to the other",
        "component",
    ),
    Way(
        "http", "HTTP sidecar", "standard library's client",
        "a GET by http.client on a connection kept open, to another process, which parses in C; there the provider",
        "sidecar",
    ),
    Way(
        "http-lean", "HTTP sidecar", "leanest client by hand",
        "the same GET with no library but the C parser: one write, one read, nothing checked", "sidecar",
    ),
    Way(
        "grpc", "gRPC sidecar", "grpcio",
        "a unary call on a channel kept open, bare bytes without protobuf, to another process; there the provider",
        "sidecar",
    ),
    Way(
        "hop", "A bare socket", "no store behind",
        "as many bytes from another process over TCP, asked for with four: the least that any sidecar adds",
        "floor",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A way that is open.

    Attributes:
        get: the value of a key, or None for a way that reads no store.
        gets: gets a key that many times; answers how many bytes came in all.
    """

    get: Callable[[str], bytes] | None
    gets: Callable[[str, int], int]


def opened(stack: contextlib.ExitStack, processes: Processes) -> tuple[dict[str, Opened], dict[str, str]]:
    """Opens every way; the stack closes them.

    Returns:
        the ways by key, and for those that can't be had here, why.
    """
    url = processes.store.url
    ways = {
        "provider": stack.enter_context(_provider(url)),
        "client": stack.enter_context(_client(url)),
        **stack.enter_context(_components(url)),
        "http": stack.enter_context(_http(processes.http.port)),
        "http-lean": stack.enter_context(_http_lean(processes.http.port)),
        "hop": stack.enter_context(_hop(processes.hop.port)),
    }
    missing = {}
    if processes.grpc is None:
        missing["grpc"] = GET_GRPC
    else:
        ways["grpc"] = stack.enter_context(_grpc(processes.grpc.port))
    return {way.key: ways[way.key] for way in WAYS if way.key in ways}, missing


def _in_a_loop(get: Callable[[str], bytes]) -> Opened:
    def gets(key: str, count: int) -> int:
        size = 0
        for _ in range(count):
            size += len(get(key))
        return size

    return Opened(get, gets)


@contextlib.contextmanager
def _provider(url: str) -> Iterator[Opened]:
    with contextlib.closing(open_keyvalue(url)) as provider:

        def get(key: str) -> bytes:
            return provider.get(guests.BUCKET, key) or b""

        yield _in_a_loop(get)


@contextlib.contextmanager
def _client(url: str) -> Iterator[Opened]:
    from redis import Redis

    with Redis.from_url(url, socket_timeout=TIMEOUT) as client:

        def get(key: str) -> bytes:
            value: Any = client.hget(guests.BUCKET, key)
            return value or b""

        yield _in_a_loop(get)


@contextlib.contextmanager
def _components(url: str) -> Iterator[dict[str, Opened]]:
    with Lab(keyvalue=url) as lab:
        reader = lab.load(guests.READER, name="reader")
        get = f"{guests.SHELF}#get"

        @interface(guests.SHELF)
        class Shelf:
            def get(self, key: str) -> bytes:
                value: bytes = reader.call(get, key)
                return value

        composed = lab.load(guests.COMPOSED, name="composed")
        caller = lab.load(guests.CALLER, name="caller", providers=[Shelf()])
        yield {
            "import": Opened(lambda key: reader.call(get, key), lambda key, count: reader.call("gets", key, count)),
            "composed": Opened(lambda key: composed.call("get", key), lambda key, n: composed.call("gets", key, n)),
            "linked": Opened(lambda key: caller.call("get", key), lambda key, count: caller.call("gets", key, count)),
        }


@contextlib.contextmanager
def _http(port: int) -> Iterator[Opened]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as client:

        def get(key: str) -> bytes:
            client.request("GET", f"/{guests.BUCKET}/{key}")
            answer = client.getresponse()
            return _body(answer.status, answer.read())

        yield _in_a_loop(get)


@contextlib.contextmanager
def _http_lean(port: int) -> Iterator[Opened]:
    with contextlib.closing(_LeanClient(port)) as client:
        yield _in_a_loop(lambda key: client.get(f"/{guests.BUCKET}/{key}"))


def _body(status: int, body: bytes) -> bytes:
    if status != 200:
        raise Unavailable(f"the HTTP sidecar answers {status}: {body.decode('utf-8', 'replace')[:200]}")
    return body


class _LeanClient:
    """As little HTTP as it takes, and the parser's callbacks: the sidecar is not to be blamed for its client."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpResponseParser(self)
        self._host = f"127.0.0.1:{port}"
        self._parts: list[bytes] = []
        self._complete = False

    def get(self, path: str) -> bytes:
        """The body of the answer to a GET."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode())
        self._parts, self._complete = [], False
        while not self._complete:
            data = self._socket.recv(262144)
            if not data:
                raise ConnectionResetError("it hung up")
            self._parser.feed_data(data)
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return _body(self._parser.get_status_code(), body)

    def on_body(self, part: bytes) -> None:
        """The parser has a piece of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The parser has the whole answer."""
        self._complete = True

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


@contextlib.contextmanager
def _grpc(port: int) -> Iterator[Opened]:
    import grpc

    # A proxy that the environment names is for the outside, not for loopback.
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        call = channel.unary_unary("/lab.Store/Get")

        def get(key: str) -> bytes:
            try:
                value: bytes = call(f"{guests.BUCKET}/{key}".encode(), timeout=TIMEOUT)
                return value
            except grpc.RpcError as error:
                raise Unavailable(f"the gRPC sidecar answers {error.code().name}: {error.details()}") from None

        yield _in_a_loop(get)


@contextlib.contextmanager
def _hop(port: int) -> Iterator[Opened]:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def gets(key: str, count: int) -> int:
            size, request, total = int(key), REQUEST.pack(int(key)), 0
            for _ in range(count):
                connection.sendall(request)
                rest = size
                while rest:
                    got = len(connection.recv(rest))
                    if not got:
                        raise ConnectionResetError("it hung up")
                    rest -= got
                total += size
            return total

        yield Opened(None, gets)
