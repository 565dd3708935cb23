"""wasi:http/types: bodies, streamed in both directions, and the trailers after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...errors import Err, GuestOutOfMemory
from ...host.interface import resource
from ...host.state import current
from ...host.values import Ok, Variant
from ..io import InputStream, OutputStream, Pollable, Source, always_ready, stream_closed, stream_failed  # fmt: skip
from ..pipe import Pipe
from .fields import Fields, Header

#: Bytes that the host holds at once for one call, in all bodies that go nowhere yet.
HELD_AT_ONCE = 64 * 1024 * 1024

#: What `OutgoingBody` hands its end to: None when whole, else the `error-code` that says what is wrong.
OnEnd = Callable[["OutgoingBody", "Variant | None"], None]


class BytesSource:
    """A body that is all there."""

    __slots__ = ("_at", "_data", "trailers")

    def __init__(self, data: bytes, trailers: list[Header] | None = None) -> None:
        self._data = data
        self._at = 0
        self.trailers = trailers

    def readable(self) -> bool:
        return True

    def read(self, limit: int) -> bytes:
        if self._at >= len(self._data):
            raise stream_closed()
        piece = self._data[self._at : self._at + limit]
        self._at += len(piece)
        return piece


class IteratorSource:
    """A body that a Python iterator yields; the guest's read asks it for the next chunk."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.trailers: list[Header] | None = None

    def readable(self) -> bool:
        return True

    def read(self, limit: int) -> bytes:
        while not self._rest:
            pause = current().on_pause
            if pause is not None:  # the iterator may take its time: pass on what the guest has written
                pause()
            chunk = next(self._chunks, None)
            if chunk is None:
                raise stream_closed()
            self._rest = bytes(chunk)
        piece, self._rest = self._rest[:limit], self._rest[limit:]
        return piece

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


BodySource = BytesSource | IteratorSource | Pipe


@resource
class IncomingBody:
    """wasi:http/types `incoming-body`.

    Args:
        source: the bytes; its `trailers` are there once it is exhausted.
    """

    def __init__(self, source: BodySource) -> None:
        self.source = source
        self._streamed = False

    def stream(self) -> InputStream:
        if self._streamed:
            raise Err()
        self._streamed = True
        return InputStream(_Kept(self.source))

    @staticmethod
    def finish(this: IncomingBody) -> FutureTrailers:
        return FutureTrailers(this.source)


class _Kept:
    """A source whose stream may be dropped without ending it: the trailers come after."""

    __slots__ = ("read", "readable")

    def __init__(self, source: Source) -> None:
        self.read = source.read
        self.readable = source.readable


@resource
class FutureTrailers:
    """wasi:http/types `future-trailers`: known when the whole body has been read or thrown away."""

    def __init__(self, source: BodySource) -> None:
        self._source = source
        self._taken = False

    def subscribe(self) -> Pollable:
        return Pollable(self._arrived)

    def _arrived(self) -> bool:
        # What the guest left unread stands before the trailers.
        source = self._source
        if not isinstance(source, Pipe):
            return True
        while source.readable() and not source.exhausted:
            try:
                source.read(1 << 20)
            except Err:
                return True
        return source.exhausted

    def get(self) -> Any:
        if not self._arrived():
            return None
        if self._taken:
            return Err()
        self._taken = True
        failure = getattr(self._source, "failure", None)
        if failure is not None:
            return Ok(Err(Variant("connection-terminated")))
        trailers = self._source.trailers
        return Ok(Ok(Fields(list(trailers), immutable=True) if trailers else None))


@resource
class OutgoingBody:
    """wasi:http/types `outgoing-body`: what the guest writes, counted against `content-length`.

    Until the embedder attaches a sink (the guest may write before it sends the head) bytes are held here.

    Args:
        expected: bytes that `content-length` promised, or None.
        size_error: the case of `error-code` for a body of another size.
        limit: bytes that may be held before there is a sink.
    """

    def __init__(self, expected: int | None, size_error: str, limit: int) -> None:
        self.expected = expected
        self.written = 0
        self.ended = False
        self._size_error = size_error
        self._limit = limit
        self._held: list[bytes] = []
        self._sink: Any = None
        self._on_end: OnEnd | None = None
        self._end: tuple[Variant | None, list[Header] | None] | None = None
        self._stream: OutputStream | None = None
        self.trailers: list[Header] | None = None

    # --- what the guest calls ----------------------------------------------------------------------

    def write(self) -> OutputStream:
        if self._stream is not None:
            raise Err()
        self._stream = OutputStream(_BodySink(self))
        return self._stream

    @staticmethod
    def finish(this: OutgoingBody, trailers: Fields | None) -> None:
        if this.expected is not None and this.written != this.expected:
            error = Variant(this._size_error, this.written)
            this._finish(error, None)
            raise Err(error)
        this._finish(None, trailers.copy_all() if trailers else None)

    def drop(self) -> None:
        """Dropped without `finish`: the body is not whole."""
        if not self.ended:
            self._finish(Variant("internal-error", "the body was dropped before outgoing-body.finish"), None)

    # --- what the embedder calls -------------------------------------------------------------------

    def attach(self, sink: Any, on_end: OnEnd) -> None:
        """Gives the body somewhere to go, and passes on what was held."""
        self._sink, self._on_end = sink, on_end
        for chunk in self._held:
            current().held -= len(chunk)
            sink.write(chunk)
        self._held.clear()
        if self._end is not None:
            on_end(self, self._end[0])

    # --- within ------------------------------------------------------------------------------------

    def room(self) -> int:
        if self.ended:
            raise stream_closed()
        if self._sink is not None:
            return int(self._sink.room())
        return max(self._limit - self.written, 0)

    def take(self, data: bytes) -> None:
        self.written += len(data)
        if self.expected is not None and self.written > self.expected:
            error = Variant(self._size_error, self.written)
            self._finish(error, None)
            raise stream_failed(f"the body is longer than its content-length of {self.expected}", error)
        if self._sink is not None:
            self._sink.write(data)
            return
        state = current()
        state.held += len(data)
        if state.held > HELD_AT_ONCE:
            raise GuestOutOfMemory(
                f"the guest keeps more than {HELD_AT_ONCE} bytes in bodies that it has not sent; the host holds no more"
            )
        if self.written > self._limit:
            raise GuestOutOfMemory(
                f"the guest wrote {self.written} bytes of a body before sending its head; "
                f"the host holds at most {self._limit} of them"
            )
        self._held.append(data)

    def _finish(self, error: Variant | None, trailers: list[Header] | None) -> None:
        if self.ended:
            return
        self.ended = True
        self.trailers = trailers
        self._end = (error, trailers)
        if self._on_end is not None:
            self._on_end(self, error)


class _BodySink:
    """The sink under the stream of an outgoing body."""

    __slots__ = ("_body", "room", "write")

    def __init__(self, body: OutgoingBody) -> None:
        self._body = body
        self.room = body.room
        self.write = body.take

    def flush(self) -> None:
        if self._body._sink is not None:
            self._body._sink.flush()

    def flushed(self) -> bool:
        return True if self._body._sink is None else bool(self._body._sink.flushed())


__all__ = [
    "BodySource",
    "BytesSource",
    "FutureTrailers",
    "IncomingBody",
    "IteratorSource",
    "OutgoingBody",
    "always_ready",
]
