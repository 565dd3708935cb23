"""Bytes from one thread to another, in bounded memory: the bodies of requests and responses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import Err
from .io import stream_closed

#: Bytes a pipe holds before its writer must wait.
CAPACITY = 256 * 1024


def _nothing() -> None:
    pass


class Pipe:
    """A `Source` at one end and a `Sink` at the other; one thread each.

    Nothing locks: each end alone writes its own counter and flags, and only looks at the other's.

    Attributes:
        on_readable: called by the writer's thread after it changed something the reader may wait for.
        on_writable: likewise by the reader's thread, for the writer.
        trailers: what `end` was given, once the reader has seen the end.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.on_readable: Callable[[], None] = _nothing
        self.on_writable: Callable[[], None] = _nothing
        self.trailers: Any = None
        self.ended = False
        self.abandoned = False
        self.failure: Err | None = None
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # of the first chunk, read already
        self._written = 0
        self._read = 0

    # --- the writer's end --------------------------------------------------------------------------

    def room(self) -> int:
        """Bytes that may be written now; the reader having gone raises `stream-error::closed`."""
        if self.abandoned or self.ended or self.failure is not None:
            raise stream_closed()
        return max(self.capacity - (self._written - self._read), 0)

    @property
    def full(self) -> bool:
        """Whether a polite writer waits before it writes more."""
        return self._written - self._read >= self.capacity

    def write(self, data: bytes) -> None:
        """Adds bytes. More than `room` is accepted too: the bound is the writer's to keep."""
        if data and not self.abandoned:
            self._chunks.append(data)
            self._written += len(data)
            self.on_readable()

    def flush(self) -> None:
        """Bytes are passed on at once."""

    def flushed(self) -> bool:
        """Nothing is held back; a slow reader is felt in `room`."""
        return True

    def end(self, trailers: Any = None) -> None:
        """No more bytes will come."""
        self.trailers = trailers
        self.ended = True
        self.on_readable()

    def fail(self, error: Err) -> None:
        """No more bytes will come, and what came is not all."""
        if not self.ended and self.failure is None:
            self.failure = error
            self.on_readable()

    # --- the reader's end --------------------------------------------------------------------------

    def readable(self) -> bool:
        """Whether there are bytes, the end or a failure to be read."""
        return bool(self._chunks) or self.ended or self.failure is not None

    @property
    def exhausted(self) -> bool:
        """Whether the end has been reached with nothing left before it."""
        return self.ended and not self._chunks

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes; empty when there are none yet.

        Raises:
            Err: the end (`closed`) or the failure given to `fail`.
        """
        # Looked at first: the writer sets these after its last chunk.
        ended, failure = self.ended, self.failure
        if not self._chunks:
            if failure is not None:
                raise failure
            if ended:
                raise stream_closed()
            return b""
        if not limit:
            return b""
        chunk = self._chunks[0]
        start = self._offset
        piece = chunk[start : start + limit] if start or len(chunk) > limit else chunk
        if start + len(piece) == len(chunk):
            self._chunks.popleft()
            self._offset = 0
        else:
            self._offset = start + len(piece)
        self._read += len(piece)
        self.on_writable()
        return piece

    def close(self) -> None:
        """The reader has gone: the writer is told at its next look."""
        self.abandoned = True
        self._chunks.clear()
        self.on_writable()
