"""wasi:blobstore/types `incoming-value`: an object's bytes, or some of them, on their way to the guest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from ...errors import Err, ProviderError
from ...host.interface import resource
from ...host.state import current
from ..io import InputStream, stream_closed, stream_failed
from ..plugged import in_words
from .plugged import failed, store

#: Bytes that a guest may take at once; on their way there each takes 32.
AT_ONCE = 16 * 1024 * 1024


class Chunks:
    """A `Source` over a provider's chunks. They must add up to what was announced.

    Args:
        chunks: the provider's; closed when the guest lets go of them.
        size: bytes that they have together.
        of: the provider, for messages.
    """

    def __init__(self, chunks: Iterator[bytes], size: int, of: object) -> None:
        self.of = of
        self._chunks = chunks
        self._left = size
        self._chunk = b""
        self._at = 0  # in that chunk
        self._failure: str | None = None

    def readable(self) -> bool:
        return True  # a read waits for the store

    def read(self, limit: int) -> bytes:
        if not limit:
            return b""
        while self._at >= len(self._chunk):
            if self._failure is not None:
                raise stream_failed(self._failure)
            try:
                chunk = self.next_chunk()
            except Exception as error:
                self._failure = in_words(error, self.of)
                continue
            if chunk is None:
                raise stream_closed()
            self._chunk, self._at = chunk, 0
        start, self._at = self._at, self._at + limit
        return self._chunk[start : self._at] if start or len(self._chunk) > limit else self._chunk

    def next_chunk(self) -> bytes | None:
        """What comes next; None at the end.

        Raises:
            Exception: the provider's; it is a `ProviderError` where the bytes are not as many as announced.
        """
        pause = current().on_pause
        if pause is not None:  # the store may take its time: pass on what the guest has written
            pause()
        chunk = next(self._chunks, None)
        self._left -= 0 if chunk is None else len(chunk)
        if self._left < 0 or (chunk is None and self._left):
            raise ProviderError("the object has another size now than when it was opened; read it again")
        return None if chunk is None else bytes(chunk)

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            with suppress(Exception):  # what was read is read
                close()


@resource
class IncomingValue:
    """wasi:blobstore/types `incoming-value`.

    Args:
        chunks: the bytes.
        length: how many they are.
        of: the provider, for messages.
    """

    def __init__(self, chunks: Iterator[bytes], length: int, of: object) -> None:
        self._source = Chunks(chunks, length, of)
        self._length = length
        self._taken = False

    @classmethod
    def from_object(cls, container: str, name: str, start: int, end: int) -> IncomingValue:
        """The bytes of an object from one offset to another, both inclusive.

        Raises:
            Exception: the provider's.
        """
        provider = store()
        end = min(end, provider.object_info(container, name).size - 1)
        if start > end:
            return cls(iter(()), 0, provider)
        return cls(iter(provider.read(container, name, start, end)), end - start + 1, provider)

    # Some guests call these as methods, others as static functions that use the value up.

    def incoming_value_consume_sync(self) -> bytes:
        if self._length > AT_ONCE:
            raise Err(
                f"{self._length} bytes are more than the {AT_ONCE} that can be had at once; "
                "read them from the stream of incoming-value-consume-async"
            )
        source = self._take()
        try:
            return b"".join(iter(source.next_chunk, None))
        except Exception as error:
            raise failed(error, source.of) from None
        finally:
            source.close()

    def incoming_value_consume_async(self) -> InputStream:
        return InputStream(self._take())

    def size(self) -> int:
        return self._length

    def drop(self) -> None:
        """The guest has let go of it; of the bytes too, unless a stream has them."""
        if not self._taken:
            self._source.close()

    def _take(self) -> Chunks:
        if self._taken:
            raise Err("this incoming-value has been read already; get the data again")
        self._taken = True
        return self._source
