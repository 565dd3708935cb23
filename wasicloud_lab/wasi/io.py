"""wasi:io 0.2: errors, pollables and byte streams.

Streams are thin skins over a `Source` or a `Sink`, which is where bytes really come from and go to. A
guest waits in one place only, `wait_for`: whatever may end its wait sets the store's waker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import Err, GuestTrap
from ..host.interface import interface, resource
from ..host.state import current
from ..host.values import Variant

#: The most one `read` hands over, whatever the guest asks for: what is asked for may be 2^64 - 1.
READ_LIMIT = 1 << 20
#: The most `check-write` permits at a time.
WRITE_LIMIT = 1 << 20

CLOSED = Variant("closed")


@resource
class IoError:
    """wasi:io/error `error`: why a stream failed, for people.

    Args:
        message: what `to-debug-string` answers.
        payload: what an interface's own function (`http-error-code`, `filesystem-error-code`) finds in it.
    """

    def __init__(self, message: str, payload: Any = None) -> None:
        self.message = message
        self.payload = payload

    def to_debug_string(self) -> str:
        return self.message


def stream_failed(message: str, payload: Any = None) -> Err:
    """The `stream-error` for an operation that failed for good."""
    return Err(Variant("last-operation-failed", IoError(message, payload)))


def stream_closed() -> Err:
    """The `stream-error` for the regular end of a stream."""
    return Err(CLOSED)


@resource
class Pollable:
    """wasi:io/poll `pollable`: something that is ready, or will be.

    Args:
        is_ready: asked whenever the guest looks; cheap, and stays true once true until the guest acts.
        due: `time.monotonic()` at which it becomes ready without anybody setting the waker.
    """

    def __init__(self, is_ready: Callable[[], bool], due: float | None = None) -> None:
        self._is_ready = is_ready
        self.due = due

    def ready(self) -> bool:
        return self._is_ready()

    def block(self) -> None:
        wait_for([self])


def always_ready() -> Pollable:
    """A pollable for what never has to be waited for."""
    return Pollable(lambda: True)


def at(due: float) -> Pollable:
    """A pollable that is ready from `due` (`time.monotonic()`) on."""
    return Pollable(lambda: time.monotonic() >= due, due)


def wait_for(pollables: Sequence[Pollable]) -> list[int]:
    """Waits until at least one is ready; answers the indices of all that are.

    Raises:
        GuestTimeout, GuestCancelled: the call must end first.
    """
    state = current()
    while True:
        state.waker.clear()  # before looking: what happens from here on wakes us
        ready = [n for n, pollable in enumerate(pollables) if pollable.ready()]
        if ready:
            return ready
        dues = [pollable.due for pollable in pollables if pollable.due is not None]
        state.wait(min(dues) - time.monotonic() if dues else None)


class Source(Protocol):
    """Where an input stream's bytes come from."""

    def readable(self) -> bool:
        """Whether `read` has something to say: bytes, the end, or a failure."""

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes without waiting; empty when there are none yet.

        Raises:
            Err: `stream_closed()` at the end, `stream_failed(…)` on a failure.
        """


class Sink(Protocol):
    """Where an output stream's bytes go to."""

    def room(self) -> int:
        """Bytes that may be written now.

        Raises:
            Err: `stream_closed()` when nobody reads any more, `stream_failed(…)`.
        """

    def write(self, data: bytes) -> None:
        """Takes bytes, no more than `room` said."""

    def flush(self) -> None:
        """Asks for what was written to be passed on."""

    def flushed(self) -> bool:
        """Whether it has been."""


@resource
class InputStream:
    """wasi:io/streams `input-stream`."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def read(self, length: int) -> bytes:
        return self.source.read(min(length, READ_LIMIT))

    def blocking_read(self, length: int) -> bytes:
        source = self.source
        if not length:
            return b""
        while True:
            data = source.read(min(length, READ_LIMIT))
            if data:
                return data
            if not source.readable():
                wait_for((Pollable(source.readable),))

    def skip(self, length: int) -> int:
        return len(self.read(length))

    def blocking_skip(self, length: int) -> int:
        return len(self.blocking_read(length))

    def subscribe(self) -> Pollable:
        return Pollable(self.source.readable)

    def drop(self) -> None:
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


@resource
class OutputStream:
    """wasi:io/streams `output-stream`."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def check_write(self) -> int:
        return min(self.sink.room(), WRITE_LIMIT)

    def write(self, contents: bytes) -> None:
        if len(contents) > self.sink.room():
            raise GuestTrap("the guest wrote more to a stream than check-write had permitted")
        self.sink.write(contents)

    def blocking_write_and_flush(self, contents: bytes) -> None:
        # The specification stops at 4096 bytes here; a longer write is simply made in pieces.
        sink = self.sink
        if len(contents) <= sink.room():
            sink.write(contents)
        else:
            self._write_in_pieces(contents)
        self.blocking_flush()

    def _write_in_pieces(self, contents: bytes) -> None:
        view = memoryview(contents)
        while view:
            room = min(self.sink.room(), WRITE_LIMIT)
            if not room:
                wait_for((self.subscribe(),))
                continue
            self.sink.write(bytes(view[:room]))
            view = view[room:]

    def flush(self) -> None:
        self.sink.flush()

    def blocking_flush(self) -> None:
        sink = self.sink
        sink.flush()
        if not sink.flushed():
            wait_for((Pollable(sink.flushed),))

    def subscribe(self) -> Pollable:
        return Pollable(self._writable)

    def _writable(self) -> bool:
        try:
            return self.sink.room() > 0
        except Err:
            return True

    def write_zeroes(self, length: int) -> None:
        if length > WRITE_LIMIT:
            raise GuestTrap("the guest wrote more to a stream than check-write had permitted")
        self.write(bytes(length))

    def blocking_write_zeroes_and_flush(self, length: int) -> None:
        state = current()
        while length:
            state.go_on()  # a sink that always has room never waits
            piece = min(length, 1 << 16)
            self._write_in_pieces(bytes(piece))
            length -= piece
        self.blocking_flush()

    def splice(self, src: InputStream, length: int) -> int:
        room = min(length, self.sink.room(), WRITE_LIMIT)
        if not room:
            return 0
        data = src.read(room)
        self.sink.write(data)
        return len(data)

    def blocking_splice(self, src: InputStream, length: int) -> int:
        wait_for((self.subscribe(),))
        wait_for((src.subscribe(),))
        return self.splice(src, length)


@interface("wasi:io/error@0.2.0")
class Errors:
    """The interface wasi:io/error."""

    Error = IoError


@interface("wasi:io/poll@0.2.0")
class Poll:
    """The interface wasi:io/poll."""

    Pollable = Pollable

    def poll(self, pollables: list) -> list:  # type: ignore[type-arg]
        if not pollables:
            raise GuestTrap("the guest polled an empty list, which could never become ready")
        return wait_for(pollables)


@interface("wasi:io/streams@0.2.0")
class Streams:
    """The interface wasi:io/streams."""

    InputStream = InputStream
    OutputStream = OutputStream
