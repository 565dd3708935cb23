"""uvicorn's HTTP/1.1 protocol with what this server promises beyond it.

A head that is too large is answered with 431; trailers pass in both directions; any status a guest may set
goes out; a response that broke off cuts its connection without a traceback. A client of HTTP/1.0 gets no chunks,
and no more is read of a pipeline than what waits already.
"""

from __future__ import annotations

from collections.abc import Sized
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .asgi import REQUEST_TRAILERS, WHOLE, BrokenResponse

#: Bytes of request line and headers that are accepted, and of trailers.
HEAD_LIMIT = 64 * 1024


class _StatusLines(dict[int, bytes]):
    """Status lines; one that HTTP has no name for is sent with its number alone."""

    def __missing__(self, status: int) -> bytes:
        return f"HTTP/1.1 {status} \r\n".encode()


# The table is looked up by status and has only those that Python names: a guest's 299 would be a KeyError.
httptools_impl.STATUS_LINE = _StatusLines(httptools_impl.STATUS_LINE)


class LabProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._in_head = True
        self._unfinished = 0  # bytes of a head, or of trailers, that have not ended yet
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._refused:
            return
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > HEAD_LIMIT:  # the parser itself would go on for ever
            self._too_large()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._trailers: list[tuple[bytes, bytes]] = []
        extensions: dict[str, Any] = {"http.response.trailers": {}, REQUEST_TRAILERS: self._trailers}
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)
        else:
            self._trailers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unfinished = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size > HEAD_LIMIT:
            self._too_large()
        elif hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self.send_400_response("A request has one Host header.")
        elif not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()
        self._in_head = True
        self._unfinished = 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, partial(self._run, cycle, app))

    async def _run(self, cycle: RequestResponseCycle, app: Any, scope: Any, receive: Any, send: Any) -> None:
        trailing = _Trailing(cycle, send)
        try:
            await app(scope, receive, trailing.send)
        except BrokenResponse:
            cycle.response_complete = True
            self.transport.abort()

    def _too_large(self) -> None:
        if self._refused:
            return
        self._refused = True
        if self._cut_short():
            return
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        what = "head" if self._in_head or self.cycle is None else "head or trailers"
        body = f"{status.value} the {what} of the request is larger than {HEAD_LIMIT} bytes\n".encode()
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP; nothing more is read from this client."""
        if self._refused:
            return
        self._refused = True
        if not self._cut_short():
            super().send_400_response(msg)

    def _cut_short(self) -> bool:
        """Whether a response was on its way, in whose middle another would be taken for its body: it is cut."""
        under_way = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if under_way:
            self.transport.abort()
        return under_way


class _Flow(FlowControl):
    """Reads on only when no request waits for its turn, so that a client can't pile them up."""

    def __init__(self, transport: Any, pipeline: Sized) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()


class _UntilClose(int):
    """What is left of a body whose end is the connection's: never too little, never too much."""

    def __lt__(self, other: int) -> bool:
        return False

    def __sub__(self, other: int) -> _UntilClose:
        return self


class _Trailing:
    """Sends a response whose last chunk may be followed by trailers."""

    def __init__(self, cycle: RequestResponseCycle, send: Any) -> None:
        self._cycle = cycle
        self._send = send
        self._wanted = False
        self._trailers_follow = False
        self._held: dict[str, Any] | None = None

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._unchunked(message["headers"])
        if message.get(WHOLE):
            self._held = message
            return
        if self._held is not None:
            await self._send_whole(message)
            return
        if kind == "http.response.start":
            self._wanted = bool(message.get("trailers"))
        elif kind == "http.response.body" and self._wanted and not message.get("more_body") and self._holds_trailers():
            # uvicorn would end the chunks here; the trailers come with the next message.
            self._trailers_follow = True
            if message.get("body"):
                await self._send({**message, "more_body": True})
            return
        elif kind == "http.response.trailers":
            if self._trailers_follow:
                await self._finish(message["headers"])
            return
        await self._send(message)

    async def _send_whole(self, body: dict[str, Any]) -> None:
        """Head and body in one packet."""
        start, self._held = self._held, None
        cycle = self._cycle
        gathering = _Gathering(cycle.transport)
        cycle.transport = gathering  # type: ignore[assignment]
        try:
            await self._send(start)
            await self._send(body)
        finally:
            cycle.transport = gathering.transport
            gathering.flush()

    def _unchunked(self, headers: list[tuple[bytes, bytes]]) -> None:
        """HTTP/1.0 knows no chunks: there a body of unknown length ends with the connection."""
        cycle = self._cycle
        if cycle.scope["http_version"] == "1.0" and not any(name == b"content-length" for name, _ in headers):
            cycle.chunked_encoding = False
            cycle.expected_content_length = _UntilClose()

    def _holds_trailers(self) -> bool:
        return bool(self._cycle.chunked_encoding) and self._cycle.scope["method"] != "HEAD"

    async def _finish(self, trailers: list[tuple[bytes, bytes]]) -> None:
        cycle = self._cycle
        if trailers and not cycle.disconnected:
            await cycle.flow.drain() if cycle.flow.write_paused else None
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in trailers)
            original = cycle.transport
            cycle.transport = _Ending(original, lines)  # type: ignore[assignment]
            try:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                cycle.transport = original
        else:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class _Gathering:
    """A transport that keeps what is written to it until it is flushed or closed."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def flush(self) -> None:
        if self._parts:
            self.transport.write(b"".join(self._parts))
            self._parts.clear()

    def close(self) -> None:
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class _Ending:
    """A transport on which the last chunk is written with the trailers in it."""

    def __init__(self, transport: Any, lines: bytes) -> None:
        self._transport = transport
        self._lines = lines

    def write(self, data: bytes) -> None:
        if data.endswith(b"0\r\n\r\n"):
            data = data[:-2] + self._lines + b"\r\n"
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
