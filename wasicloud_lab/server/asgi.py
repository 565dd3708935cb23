"""An app as an ASGI application: it can stand behind any ASGI server, and `Server` puts it behind uvicorn.

A guest's fault becomes a status: 502, or 504 for its deadline. Once the head has gone out a fault can only
be shown by breaking the connection, which `BrokenResponse` asks the server to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..errors import Err, GuestError, GuestTimeout, LabError, RequestError
from ..transport import AsyncReader, threadsafe
from ..wasi.http.bodies import BytesSource
from ..wasi.http.fields import FORBIDDEN, request_headers
from ..wasi.http.streamed import StreamedExchange
from ..wasi.io import stream_failed
from ..wasi.pipe import Pipe

if TYPE_CHECKING:
    from ..app import App

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("wasicloud_lab.server")

#: The scope's key for a list that a server fills with the trailers of a request.
REQUEST_TRAILERS = "wasicloud.request.trailers"

#: A key of our own in the message that starts a response: its one body message follows at once.
WHOLE = "wasicloud.whole"

#: Seconds a request may take before the server begins to watch whether its client is still there.
WATCH_AFTER = 0.05


class BrokenResponse(Exception):
    """A response broke off after its head had been sent; the connection must be cut."""


class GuestApplication:
    """The ASGI application of one app."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI: an HTTP request, or the lifespan of the server."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await _Handling(self.app, scope, receive, send).run()


class _Handling:
    """One request."""

    def __init__(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = app
        self.scope = scope
        self.receive = receive
        self.send = send
        self.feeding: asyncio.Task[None] | None = None
        self.started = False

    async def run(self) -> None:
        """Answers it, with the guest's response or with the status of what went wrong."""
        exchange: StreamedExchange | None = None
        timer: asyncio.TimerHandle | None = None
        try:
            exchange = await self._exchange()
            reader = AsyncReader(exchange)
            if self.feeding is None:
                timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._watch, exchange)
            self.app.start(exchange)
            await reader.head()
            await self._respond(exchange, reader)
        except asyncio.CancelledError as stopped:  # the server stops and has waited long enough
            if self.started:
                raise BrokenResponse from stopped
            await self._answer(503, "the server is stopping")
        except Exception as error:
            if exchange is not None and exchange.hung_up:  # what the guest made of that is no news
                log.info("%s %s: the client hung up", self.scope["method"], self.scope["path"])
                raise BrokenResponse from error
            if self.started:
                log.warning("%s %s: the response broke off: %s", self.scope["method"], self.scope["path"], _line(error))
                raise BrokenResponse from error
            await self._refuse(error)
        finally:
            if timer is not None:
                timer.cancel()
            if self.feeding is not None:
                self.feeding.cancel()
            if exchange is not None and not exchange.returned:
                exchange.hang_up()

    async def _exchange(self) -> StreamedExchange:
        scope = self.scope
        raw = scope["headers"]
        authority = next((value.decode("latin-1") for name, value in raw if name == b"host"), None)
        headers = request_headers((name.decode("latin-1"), value) for name, value in raw)
        target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        body: BytesSource | Pipe = BytesSource(b"")
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in raw):
            first = await self.receive()
            if first.get("more_body"):
                body = Pipe()
                body.write(first["body"])
                self.feeding = asyncio.get_running_loop().create_task(self._feed(body))
            else:
                body = BytesSource(first.get("body", b""), self._trailers())
        exchange = StreamedExchange(
            scope["method"], target, headers, authority=authority, scheme=scope["scheme"], body=body,
            limit=self.app.settings.limits.body,
        )  # fmt: skip
        self.exchange = exchange
        return exchange

    def _trailers(self) -> list[tuple[str, bytes]] | None:
        found = self.scope.get("extensions", {}).get(REQUEST_TRAILERS)
        return request_headers((name.decode("latin-1"), value) for name, value in found) if found else None

    async def _feed(self, pipe: Pipe) -> None:
        """Passes the request body on, no faster than the guest reads it."""
        room = asyncio.Event()
        pipe.on_writable = threadsafe(room)
        while True:
            while pipe.full and not pipe.abandoned:
                room.clear()
                if pipe.full and not pipe.abandoned:
                    await room.wait()
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._hang_up(pipe)
                return
            pipe.write(message["body"])
            if not message.get("more_body"):
                pipe.end(self._trailers())
                break
        if (await self.receive())["type"] == "http.disconnect":
            self._hang_up(pipe)

    def _hang_up(self, pipe: Pipe) -> None:
        pipe.fail(stream_failed("the client hung up"))
        self.exchange.hang_up()

    def _watch(self, exchange: StreamedExchange) -> None:
        """A request without a body that takes its time: notice when its client goes."""

        async def watch() -> None:
            while (await self.receive())["type"] != "http.disconnect":
                pass
            exchange.hang_up()

        self.feeding = asyncio.get_running_loop().create_task(watch())

    async def _respond(self, exchange: StreamedExchange, reader: AsyncReader) -> None:
        pipe = exchange.pipe
        if exchange.body_error is not None:  # known to be cut short before anything was sent
            await reader.until(lambda: exchange.returned)
            raise exchange.failure or GuestError("the guest did not give its whole body")
        # Without a reason to hurry, the end is waited for if it is near: one write instead of three.
        with_trailers = bool(exchange.trailers) and "http.response.trailers" in self.scope.get("extensions", {})
        names = {name for name, _ in exchange.response_headers}
        headers = [(name.encode(), value) for name, value in exchange.response_headers if name not in FORBIDDEN]
        body = b""
        whole = False
        if exchange.body_ended and not with_trailers:
            body, whole = _rest(pipe)
            if "content-length" not in names and exchange.method != "HEAD" and exchange.status not in (204, 304):
                headers.append((b"content-length", str(len(body)).encode()))
        self.started = True
        await self.send(
            {
                "type": "http.response.start",
                "status": exchange.status,
                "headers": headers,
                "trailers": True,
                WHOLE: whole,
            }
        )
        if whole:
            await self.send({"type": "http.response.body", "body": body})
            return
        async for chunk in reader.chunks():
            await self.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})
        if "http.response.trailers" in self.scope.get("extensions", {}):
            trailers = [(name.encode(), value) for name, value in exchange.trailers or ()]
            await self.send({"type": "http.response.trailers", "headers": trailers})

    async def _refuse(self, error: BaseException) -> None:
        status, text = fault(self.app.name, error)
        if status >= 500:
            log.warning("%s %s: %d %s", self.scope["method"], self.scope["path"], status, _line(error))
        await self._answer(status, text)

    async def _answer(self, status: int, text: str) -> None:
        body = f"{status} {text}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        if status in (400, 503):
            headers.append((b"connection", b"close"))
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self.scope["method"] == "HEAD" else body})


def _rest(pipe: Pipe) -> tuple[bytes, bool]:
    """All that is in a pipe whose writer has ended."""
    chunks = []
    while True:
        try:
            chunks.append(pipe.read(1 << 30))
        except Err:
            return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), True


def fault(name: str, error: BaseException) -> tuple[int, str]:
    """The HTTP status for what went wrong, and a line for the client that gives nothing away."""
    if isinstance(error, RequestError):
        return 400, str(error)
    if isinstance(error, GuestTimeout):
        return 504, error.message
    if isinstance(error, GuestError):
        return 502, error.message
    if isinstance(error, LabError):
        return 502, _line(error)
    return 500, f"the host failed while {name} ran; its log says how"


def _line(error: BaseException) -> str:
    text = error.message if isinstance(error, GuestError) else f"{error}"
    return text.splitlines()[0] if text else type(error).__name__


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
