"""Trailers of outgoing requests and their answers, which httpx has no place for.

Its connections are httpcore's, and httpcore takes a network backend. This one lets every byte through, but for
two things: where the thread's `Trailers` has some to send, they go into the last chunk of the request; and the
answer is read along by h11, the parser that httpcore uses too, which hands out what came after its last chunk.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import h11
import httpcore
import httpx

from .fields import FORBIDDEN, Header

#: What ends a chunked body without trailers, as h11 writes it: alone, as no chunk of data can be written.
_LAST_CHUNK = b"0\r\n\r\n"

_local = threading.local()


class Trailers:
    """Those of one exchange, which one thread sends and receives from beginning to end.

    Args:
        method: the request's.
        to_send: asked for the request's trailers when its body has ended.

    Attributes:
        received: the answer's, once its body has been read.
    """

    def __init__(self, method: str, to_send: Callable[[], list[Header] | None]) -> None:
        self.to_send = to_send
        self.received: list[Header] = []
        self._parser: h11.Connection | None = h11.Connection(h11.CLIENT)
        self._parser.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        self._parser.send(h11.EndOfMessage())

    @contextlib.contextmanager
    def carried(self) -> Iterator[None]:
        """What this thread sends and receives inside belongs to this exchange."""
        _local.trailers = self
        try:
            yield
        finally:
            del _local.trailers

    def last_chunk(self) -> bytes:
        """The end of the request's body, with its trailers."""
        lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in self.to_send() or ())
        return b"0\r\n" + lines + b"\r\n"

    def read_along(self, data: bytes) -> None:
        """Bytes of the answer as they came."""
        parser = self._parser
        if parser is None:
            return
        try:
            parser.receive_data(data)
            event = parser.next_event()
            while event is not h11.NEED_DATA and event is not h11.PAUSED:
                if isinstance(event, h11.Response) and not _chunked(event.headers):
                    self._parser = None  # only a chunked body has trailers
                    return
                if isinstance(event, h11.EndOfMessage):
                    named = ((name.decode("latin-1"), value) for name, value in event.headers)
                    self.received += [(name, value) for name, value in named if name not in FORBIDDEN]
                    self._parser = None
                    return
                event = parser.next_event()
        except h11.RemoteProtocolError:  # httpcore meets it as well, and says so
            self._parser = None


def _chunked(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" and b"chunked" in value.lower() for name, value in headers)


class _Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, timeout)
        trailers: Trailers | None = getattr(_local, "trailers", None)
        if trailers is not None and data:
            trailers.read_along(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        trailers: Trailers | None = getattr(_local, "trailers", None)
        if trailers is not None and buffer == _LAST_CHUNK:
            buffer = trailers.last_chunk()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Makes the connections."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*arguments, **options))


class TrailerTransport(httpx.HTTPTransport):
    """`httpx.HTTPTransport` on connections that know trailers.

    Args:
        verify: what TLS checks.
        limits: how many connections, and for how long.
    """

    def __init__(self, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=verify, trust_env=False, limits=limits)
        # httpx takes no backend of its own to pass on; the pool is the same it has just made, but for that.
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )
