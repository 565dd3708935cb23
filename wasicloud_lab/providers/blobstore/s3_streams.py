"""Reading and writing one S3 object."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from obstore.store import S3Store as Client

from ...errors import ProviderError, TooLarge
from .base import CHUNK, Writer

#: Bytes of an upload's part, the least that S3 takes. What is shorter goes up in one request.
PART = 5 << 20
#: Parts that an upload may have.
PARTS = 10_000

_WAITING = 2  # chunks that wait for the uploading thread
_AT_ONCE = 2  # parts in flight


class S3Reader(Iterator[bytes]):
    """The bytes of one answer, in chunks.

    Args:
        stream: the answer, in pieces of any size.
        plainly: turns the client's errors into the lab's.
    """

    def __init__(self, stream: Iterator[object], plainly: Callable[[], AbstractContextManager[None]]) -> None:
        self._stream: Iterator[object] | None = stream
        self._plainly = plainly
        self._piece = memoryview(b"")

    def __next__(self) -> bytes:
        while not self._piece:
            if self._stream is None:
                raise StopIteration
            with self._plainly():
                piece = next(self._stream, None)
            if piece is None:
                self.close()
                raise StopIteration
            self._piece = memoryview(piece)  # type: ignore[arg-type]
        chunk, self._piece = bytes(self._piece[:CHUNK]), self._piece[CHUNK:]
        return chunk

    def close(self) -> None:
        """Lets go of the connection. A second call does nothing."""
        self._stream = None
        self._piece = memoryview(b"")


class S3Writer(Writer):
    """Collects what fits one request; more is sent in parts, from a thread of its own, while it is written.

    Args:
        client: of the bucket.
        key: where the bytes go.
        what: for messages.
        plainly: turns the client's errors into the lab's.
        prepare: called before the object appears; raises if it may not.
    """

    _upload: _Upload | None = None

    def __init__(
        self,
        client: Client,
        key: str,
        what: str,
        plainly: Callable[[], AbstractContextManager[None]],
        prepare: Callable[[], None],
    ) -> None:
        self._client, self._key, self._what = client, key, what
        self._plainly, self._prepare = plainly, prepare
        self._buffer = bytearray()
        self._size = 0
        self._done = False

    def write(self, data: bytes) -> None:
        self._check()
        self._size += len(data)
        if self._size > PART * PARTS:
            self.abort()
            raise TooLarge(f"the {self._what} is longer than the {PART * PARTS:,} bytes that go up in {PARTS:,} parts")
        self._buffer += data
        if self._upload is None and len(self._buffer) > PART:
            self._upload = _Upload(self._client, self._key)
        if self._upload is not None and len(self._buffer) >= CHUNK:
            pieces, self._buffer = self._buffer, bytearray()
            with self._plainly():
                self._upload.send(bytes(pieces))

    def commit(self) -> None:
        self._check()
        try:
            self._prepare()
            with self._plainly():
                if self._upload is None:
                    self._client.put(self._key, bytes(self._buffer), use_multipart=False)
                else:
                    self._upload.send(bytes(self._buffer))
                    self._upload.finish()
        except BaseException:
            self.abort()
            raise
        self._let_go()

    def abort(self) -> None:
        if self._upload is not None:
            self._upload.give_up()
        self._let_go()

    def _check(self) -> None:
        if self._done:
            raise ProviderError(f"the {self._what} has been written or given up already")

    def _let_go(self) -> None:
        self._done = True
        self._upload = None
        self._buffer = bytearray()

    def __del__(self) -> None:
        self.abort()


class _GivenUp(Exception):
    """Makes the client take back the parts that it has sent."""


class _Upload:
    """An upload in parts, in a thread: the client wants an iterator, a writer is written to."""

    def __init__(self, client: Client, key: str) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._given_up = False
        self._thread = threading.Thread(target=self._run, args=(client, key), name=f"upload {key[:40]}", daemon=True)
        self._thread.start()

    def send(self, chunk: bytes | None) -> None:
        """Waits for room. Raises what went wrong so far."""
        if self._error is not None:
            raise self._error
        if not self._ended.is_set() and chunk != b"":
            self._chunks.put(chunk)

    def finish(self) -> None:
        """Waits until the object is there. Raises what went wrong."""
        self.send(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def give_up(self) -> None:
        """Waits until the parts are gone, as far as the server can be reached."""
        self._given_up = True
        if not self._ended.is_set():
            self._chunks.put(None)
        self._thread.join()

    def _run(self, client: Client, key: str) -> None:
        try:
            client.put(key, self._arriving(), use_multipart=True, chunk_size=PART, max_concurrency=_AT_ONCE)
        except BaseException as error:
            self._error = error
        self._ended.set()
        while True:  # nobody waits for room any more
            try:
                self._chunks.get_nowait()
            except queue.Empty:
                return

    def _arriving(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            if self._given_up:
                break
            yield chunk
        if self._given_up:
            raise _GivenUp
