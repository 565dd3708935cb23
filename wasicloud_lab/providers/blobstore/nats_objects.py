"""How an object lies in an object store of NATS, and how its bytes come and go.

An object is chunks, stored under a subject made for this one version of it, and a message about them that names
this subject. Writing stores the chunks as they come; the message, stored last and only over the one it was made to
replace, makes them the object in one step, and the chunks of the version before go. So a reader has one version or
sees that it went away.
"""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import hashlib
import json
import secrets
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from ...errors import NotFound, ProviderError, Unavailable
from ..nats import HEADER_ROOM, STREAM_NOT_FOUND, WRONG_REVISION, NatsConnection, Session, all_of
from ..nats_names import object_to_nats
from ..nats_streams import CONSUMER_LIFE, PULL_WAIT, Consumer, StreamGone, is_gone, last_message, sequence, stream_info
from .base import CHUNK, Writer

#: Bytes of a chunk in the store: what NATS's own clients write.
_STORED_CHUNK = 128 * 1024

#: Said in an object's metadata: each chunk but the last is of full size, so that a range can begin in the middle.
_EVEN = ("wasicloud-lab-chunks", "even")


class Place(NamedTuple):
    """A container in NATS.

    Attributes:
        container: its name.
        inner: its name in NATS.
        direct: whether its stream allows direct gets.
    """

    container: str
    inner: str
    direct: bool

    @property
    def stream(self) -> str:
        return f"OBJ_{self.inner}"

    @property
    def metas(self) -> str:
        """The beginning of the subjects of messages about objects."""
        return f"$O.{self.inner}.M."

    def chunks(self, version: str) -> str:
        """The subject of one version's chunks."""
        return f"$O.{self.inner}.C.{version}"


class Stored(NamedTuple):
    """The last message about an object.

    Attributes:
        about: what it says.
        seq: its place in the stream.
        time: when it was stored, as RFC 3339 text.
    """

    about: dict[str, Any]
    seq: int
    time: str

    @property
    def deleted(self) -> bool:
        return bool(self.about.get("deleted"))

    @property
    def size(self) -> int:
        return int(self.about.get("size") or 0)

    @property
    def version(self) -> str:
        return str(self.about.get("nuid") or "")

    @property
    def is_link(self) -> bool:
        return bool((self.about.get("options") or {}).get("link"))


def is_marker(message: Msg) -> bool:
    """Whether a message about an object says that it was deleted."""
    try:
        return bool(json.loads(message.data).get("deleted"))
    except (ValueError, AttributeError):
        return True  # nobody's client reads it as an object


async def stored_object(session: Session, place: Place, name: str) -> Stored | None:
    """What the store says of an object; None if it never heard of it.

    Raises:
        StreamGone: the container is not there.
    """
    found = await last_message(session, place.stream, place.metas + object_to_nats(name)[1], place.direct)
    if found is None:
        return None
    try:
        about = json.loads(found.data)
        if isinstance(about, dict):
            return Stored(about, found.seq, found.time)
    except ValueError:
        pass
    raise ProviderError(f"{session}: what is stored about {name!r} in container {place.container!r} is not an object's")


async def delete_object(session: Session, place: Place, name: str) -> None:
    """Removes an object; one that is not there is no error.

    Raises:
        StreamGone: the container is not there.
    """
    while True:
        found = await stored_object(session, place, name)
        if found is None or found.deleted:
            return
        gone = {**found.about, "deleted": True, "size": 0, "chunks": 0, "digest": "", "mtime": _now()}
        marker = await _replace(session, place, name, gone, found.seq)
        if marker is None:
            continue
        if found.version:
            await purge(session, place, place.chunks(found.version))
        # Those who watch have seen the marker; left there, it would make each listing longer.
        await purge(session, place, place.metas + object_to_nats(name)[1], marker + 1)
        return


async def put_object(session: Session, place: Place, name: str, about: dict[str, Any]) -> None:
    """Makes stored chunks the object, and removes those of the version before.

    Raises:
        StreamGone: the container is not there.
    """
    while True:
        before = await stored_object(session, place, name)
        if await _replace(session, place, name, about, before.seq if before else 0) is None:
            continue
        if before is not None and before.version and not before.deleted:
            # The object is stored whatever comes of this, so a failure here is not one of the writing.
            with suppress(ProviderError):
                await purge(session, place, place.chunks(before.version))
        return


async def _replace(session: Session, place: Place, name: str, about: dict[str, Any], seq: int) -> int | None:
    """Stores a message about an object over the one at `seq`; None if that is not the last any more."""
    headers = {"Nats-Rollup": "sub", "Nats-Expected-Last-Subject-Sequence": str(seq)}
    subject = place.metas + object_to_nats(name)[1]
    ack = await session.store(subject, json.dumps(about).encode(), headers, WRONG_REVISION)
    if ack is None:
        if await is_gone(session, place.stream):
            raise StreamGone
        raise session.late()
    return None if "error" in ack else int(ack["seq"])


async def stored_chunks(session: Session, place: Place, subject: str) -> int | None:
    """How many chunks there are of one version; None where the container is not there."""
    info = await stream_info(session, place.stream, subjects_filter=subject)
    return None if info is None else int((info["state"].get("subjects") or {}).get(subject, 0))


async def purge(session: Session, place: Place, subject: str, before: int | None = None) -> None:
    """Removes all messages of a subject, or those before a place in the stream."""
    which: dict[str, Any] = {"filter": subject}
    if before is not None:
        which["seq"] = before
    await session.api(f"STREAM.PURGE.{place.stream}", which, {STREAM_NOT_FOUND})


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


class ChunkReader:
    """The bytes of one version of an object, from `start` to `end`, about a megabyte at a time.

    Attributes:
        left: bytes still to come.
    """

    def __init__(
        self, session: Session, place: Place, name: str, found: Stored, start: int = 0, end: int | None = None
    ) -> None:
        size = found.size
        start = max(0, start)
        self.left = max(0, (size if end is None else min(end + 1, size)) - start)
        self._session = session
        self._place = place
        self._what = f"object {name!r} in container {place.container!r}"
        self._found = found
        self._subject = place.chunks(found.version)
        self._chunks = int(found.about.get("chunks") or 0)
        chunk = int((found.about.get("options") or {}).get("max_chunk_size") or _STORED_CHUNK)
        self._batch = min(64, max(1, CHUNK // chunk))
        even = (found.about.get("metadata") or {}).get(_EVEN[0]) == _EVEN[1]
        # A range that begins a little way in is sooner reached by reading than by looking for its chunk.
        self._index = start // chunk if even and start >= CHUNK else 0
        self._skip = start - self._index * chunk
        self._seq = 0 if self._index else 1
        self._consumer: Consumer | None = None
        self._epoch = 0
        self._used = 0.0

    async def next(self) -> list[bytes]:
        """The next bytes, in pieces of at most `CHUNK`; none at the end."""
        pieces: list[bytes] = []
        tries = 0
        while self.left and not pieces:
            if self._index >= self._chunks:
                raise self._changed()
            consumer = await self._ready()
            wanted = min(self._batch, self._chunks - self._index)
            messages = await consumer.pull(wanted)
            if len(messages) < wanted and await self._stored_chunks() != self._chunks:
                raise self._changed()
            if not messages:
                tries += 1
                if tries * PULL_WAIT >= self._session.login.timeout:
                    raise self._session.late()
                continue
            self._index += len(messages)
            self._seq = sequence(messages[-1]) + 1
            self._used = asyncio.get_running_loop().time()
            for message in messages:
                data = message.data[self._skip : self._skip + self.left]
                self._skip = max(0, self._skip - len(message.data))
                self.left -= len(data)
                pieces += [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        return pieces

    async def close(self) -> None:
        """Lets go of what the server keeps for this reading."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.delete()

    async def _stored_chunks(self) -> int:
        return await stored_chunks(self._session, self._place, self._subject) or 0

    def _changed(self) -> ProviderError:
        return ProviderError(f"{self._session}: {self._what} changed while it was being read; read it again")

    async def _ready(self) -> Consumer:
        idle = asyncio.get_running_loop().time() - self._used
        # The server lets go of a consumer that is long idle, and one that is gone does not answer.
        if self._consumer is None or self._epoch != self._session.epoch or idle > CONSUMER_LIFE / 2:
            try:
                self._consumer = await (self._make(self._seq) if self._seq else self._seek())
            except StreamGone:
                raise NotFound(f"{self._session} has no container {self._place.container!r} any more") from None
            self._epoch = self._session.epoch
            if self._consumer.pending != self._chunks - self._index:
                raise self._changed()
        return self._consumer

    async def _make(self, seq: int) -> Consumer:
        return await Consumer.make(self._session, self._place.stream, self._subject, seq)

    async def _seek(self) -> Consumer:
        """A consumer that begins with the chunk wanted.

        How many chunks follow a place in the stream tells where it is. Written alone, an object's chunks lie side
        by side right before the message about it; written beside others, the place is looked for by halves.
        """
        wanted = self._chunks - self._index
        low, high = 1, self._found.seq
        at = high - wanted
        while True:
            consumer = await self._make(at)
            if consumer.pending == wanted or low >= high:
                return consumer
            await consumer.delete()
            if consumer.pending > wanted:
                low = at + 1
            else:
                high = at - 1
            at = max(1, (low + high) // 2)


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
        self._chunk = _STORED_CHUNK
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
            "metadata": dict([_EVEN]),
            "bucket": self._place.inner,
            "nuid": self._version,
            "size": self._size,
            "mtime": _now(),
            "chunks": self._chunks,
            "digest": f"SHA-256={digest}",
        }
        try:
            await put_object(self._session, self._place, self._name, about)
        except StreamGone:
            raise self._missing() from None
