"""httpx transports that call a component in this process: one method wide, streaming both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import httpx

from .errors import Err
from .wasi.http.bodies import BodySource, BytesSource, IteratorSource
from .wasi.http.fields import Header, request_headers
from .wasi.http.streamed import BlockingReader, StreamedExchange, broken
from .wasi.io import stream_failed
from .wasi.pipe import Pipe

if TYPE_CHECKING:
    from .app import App


def _exchange(app: App, request: httpx.Request, body: BodySource) -> StreamedExchange:
    target = request.url.raw_path.decode("ascii")
    return StreamedExchange(
        request.method,
        target,
        request_headers((name.decode("latin-1"), value) for name, value in request.headers.raw),
        authority=request.url.netloc.decode("ascii"),
        scheme=request.url.scheme,
        body=body,
        limit=app.settings.limits.body,
    )


def _response(exchange: StreamedExchange, stream: _Stream | _AsyncStream) -> httpx.Response:
    assert exchange.status is not None
    return httpx.Response(
        exchange.status,
        headers=[(name.encode(), value) for name, value in exchange.response_headers],
        stream=stream,
        # The list of trailers is filled when the body has been read.
        extensions={"trailers": stream.trailers, "informational": exchange.informational},
    )


class ComponentTransport(httpx.BaseTransport):
    """Hands an `httpx.Client`'s requests to an app. The response streams while the guest runs."""

    def __init__(self, app: App) -> None:
        self.app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Starts the guest, waits for the head of its response.

        Raises:
            GuestError, LinkError, RequestError: as `App.request`.
        """
        stream = request.stream
        assert isinstance(stream, httpx.SyncByteStream)
        whole = isinstance(stream, httpx.ByteStream)
        body = BytesSource(b"".join(stream)) if whole else IteratorSource(iter(stream))
        exchange = _exchange(self.app, request, body)
        reader = BlockingReader(exchange)
        self.app.start(exchange)
        try:
            reader.head()
        except BaseException:  # Ctrl-C among them: nobody waits for the guest any more
            exchange.hang_up()
            raise
        return _response(exchange, _Stream(exchange, reader))


class _Stream(httpx.SyncByteStream):
    def __init__(self, exchange: StreamedExchange, reader: BlockingReader) -> None:
        self._exchange = exchange
        self._reader = reader
        self.trailers: list[Header] = []

    def __iter__(self) -> Iterator[bytes]:
        yield from self._reader.chunks()
        self.trailers += self._exchange.trailers or ()

    def close(self) -> None:
        if not self._exchange.returned:
            self._exchange.hang_up()


def threadsafe(event: asyncio.Event) -> Callable[[], None]:
    """A function that sets an event of the running loop, for another thread to call."""
    loop = asyncio.get_running_loop()

    def set_it() -> None:
        loop.call_soon_threadsafe(event.set)

    return set_it


class AsyncReader:
    """Reads a `StreamedExchange` from an event loop."""

    def __init__(self, exchange: StreamedExchange) -> None:
        self.exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._told = False
        exchange.on_change = self._tell

    def _tell(self) -> None:
        """In the guest's thread: one wake-up for any number of changes until the loop gets to it."""
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._told = False
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for the exchange to get somewhere."""
        while not condition():
            self._changed.clear()
            if not condition():
                await self._changed.wait()

    async def head(self) -> None:
        """Waits for status and headers.

        Raises:
            GuestError: there will be none.
        """
        exchange = self.exchange
        await self.until(lambda: exchange.headed)
        if exchange.status is None:
            await self.until(lambda: exchange.returned)
            raise broken(exchange)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, as the guest writes it.

        Raises:
            GuestError: it broke off.
        """
        pipe = self.exchange.pipe
        while True:
            await self.until(pipe.readable)
            try:
                data = pipe.read(1 << 20)
            except Err:
                break
            yield data
        if not pipe.ended:
            await self.until(lambda: self.exchange.returned)
            raise broken(self.exchange)


class AsyncComponentTransport(httpx.AsyncBaseTransport):
    """The async twin: the event loop stays free while the guest runs in its thread."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Starts the guest, waits for the head of its response.

        Raises:
            GuestError, LinkError, RequestError: as `App.request`.
        """
        pipe = Pipe()
        exchange = _exchange(self.app, request, pipe)
        reader = AsyncReader(exchange)
        room = asyncio.Event()
        loop = asyncio.get_running_loop()
        pipe.on_writable = threadsafe(room)

        async def feed() -> None:
            stream = request.stream
            assert isinstance(stream, httpx.AsyncByteStream)
            try:
                async for chunk in stream:
                    pipe.write(chunk)
                    while not pipe.abandoned and pipe.full:
                        room.clear()
                        if pipe.full:
                            await room.wait()
                pipe.end()
            except Exception as error:
                pipe.fail(stream_failed(f"the client's body broke off: {error}"))

        self.app.start(exchange)
        feeding = loop.create_task(feed())
        try:
            await reader.head()
        except BaseException:
            feeding.cancel()
            exchange.hang_up()
            raise
        return _response(exchange, _AsyncStream(exchange, reader, feeding))


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, exchange: StreamedExchange, reader: AsyncReader, feeding: asyncio.Task[None]) -> None:
        self._exchange = exchange
        self._reader = reader
        self._feeding = feeding
        self.trailers: list[Header] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._reader.chunks():
            yield chunk
        self.trailers += self._exchange.trailers or ()

    async def aclose(self) -> None:
        if not self._exchange.returned:
            self._exchange.hang_up()
        self._feeding.cancel()
