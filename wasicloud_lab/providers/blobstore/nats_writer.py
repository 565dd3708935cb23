"""How an object's bytes go into an object store of NATS (`nats_objects.py` says how they lie there)."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import secrets
from contextlib import suppress

from ...errors import NotFound, ProviderError, Unavailable
from ..nats import HEADER_ROOM, NatsConnection
from ..nats_names import object_to_nats
from ..nats_streams import StreamGone, is_gone
from ..nats_work import all_of
from .base import CHUNK, Writer
from .nats_objects import EVEN, STORED_CHUNK, Place, now, purge, put_object, stored_chunks


class NatsWriter(Writer):
    """Stores chunks as they come, a megabyte under way while the next is collected."""

    def __init__(self, nats: NatsConnection, place: Place, name: str, max_payload: int) -> None:
        self._nats = nats
        self._session = nats.session
        self._place = place
        self._name = name
        self._known = object_to_nats(name)[0]
        self._version = secrets.token_hex(11)
        self._subject = place.chunks(self._version)
        self._chunk = STORED_CHUNK
        while self._chunk > max(1024, max_payload - HEADER_ROOM):
            self._chunk //= 2  # so that whole chunks make a CHUNK
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0
        self._chunks = 0
        self._sending: concurrent.futures.Future[None] | None = None
        self._ended = False

    def write(self, data: bytes) -> None:
        self._open()
        view = memoryview(data)
        self._digest.update(view)
        self._size += len(view)
        while len(view):
            taken = view[: CHUNK - len(self._buffer)]
            self._buffer += taken
            view = view[len(taken) :]
            if len(self._buffer) == CHUNK:
                self._send()

    def commit(self) -> None:
        self._open()
        try:
            if self._buffer:
                self._send()
            self._sent()
            self._nats.run(self._checked())
        except BaseException:
            self.abort()
            raise
        self._ended = True
        try:
            self._nats.run(self._put())
        except Unavailable:
            raise  # it may have been stored: without its chunks it would be a broken object
        except ProviderError:
            self._purge()
            raise

    def abort(self) -> None:
        if self._ended:
            return
        self._ended = True
        with suppress(ProviderError):
            self._sent()
        self._purge()

    def _open(self) -> None:
        if self._ended:
            raise ProviderError(f"{self._session}: the writing of {self._name!r} has ended; begin another")

    def _send(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        self._sent()
        self._sending = self._nats.submit(self._store(data))

    def _sent(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            self._nats.result(sending)

    def _purge(self) -> None:
        # What was wrong is known already; that the chunks stay behind is the lesser trouble.
        with suppress(ProviderError):
            self._nats.run(purge(self._session, self._place, self._subject))

    def _missing(self) -> NotFound:
        return NotFound(f"{self._session} has no container {self._place.container!r}")

    async def _store(self, data: bytes) -> None:
        pieces = [data[at : at + self._chunk] for at in range(0, len(data), self._chunk)]
        acks = await all_of(self._session.store(self._subject, piece) for piece in pieces)
        places = []
        for ack in acks:
            if ack is None:
                if await is_gone(self._session, self._place.stream):
                    raise self._missing()
                raise self._session.late()
            places.append(ack["seq"])
        if places != sorted(places):
            raise ProviderError(f"{self._session} stored chunks of {self._name!r} out of order; write it again")
        self._chunks += len(pieces)

    async def _checked(self) -> None:
        """Sees that all chunks are there: the container may have been emptied, or made anew, meanwhile."""
        stored = await stored_chunks(self._session, self._place, self._subject)
        if stored is None:
            raise self._missing()
        if stored != self._chunks:
            raise ProviderError(
                f"{self._session}: container {self._place.container!r} was emptied while {self._name!r} was written; "
                "write it again"
            )

    async def _put(self) -> None:
        digest = base64.urlsafe_b64encode(self._digest.digest()).decode()
        about = {
            "name": self._known,
            "options": {"max_chunk_size": self._chunk},
            "metadata": dict([EVEN]),
            "bucket": self._place.inner,
            "nuid": self._version,
            "size": self._size,
            "mtime": now(),
            "chunks": self._chunks,
            "digest": f"SHA-256={digest}",
        }
        try:
            await put_object(self._session, self._place, self._name, about)
        except StreamGone:
            raise self._missing() from None
