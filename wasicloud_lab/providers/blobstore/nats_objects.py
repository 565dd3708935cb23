"""How an object lies in an object store of NATS, and how its bytes come and go.

An object is chunks, stored under a subject made for this one version of it, and a message about them that names
this subject. Writing stores the chunks as they come; the message, stored last and only over the one it was made to
replace, makes them the object in one step, and the chunks of the version before go. So a reader has one version or
sees that it went away.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from ...errors import NotFound, ProviderError
from ..nats import STREAM_NOT_FOUND, WRONG_REVISION, NoRoom, Session
from ..nats_names import object_to_nats
from ..nats_streams import Consumer, StreamGone, is_gone, last_message, stream_info
from .base import CHUNK

#: Bytes of a chunk in the store: what NATS's own clients write.
STORED_CHUNK = 128 * 1024

#: Said in an object's metadata: each chunk but the last is of full size, so that a range can begin in the middle.
EVEN = ("wasicloud-lab-chunks", "even")


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
        gone = {**found.about, "deleted": True, "size": 0, "chunks": 0, "digest": "", "mtime": now()}
        try:
            marker = await _replace(session, place, name, gone, found.seq)
        except NoRoom:  # not even for a marker, and a delete must still work
            marker = found.seq
        if marker is None:
            continue
        # Those who watch have seen the marker; left there, it would make each listing longer.
        await purge(session, place, place.metas + object_to_nats(name)[1], marker + 1)
        if found.version:
            await purge(session, place, place.chunks(found.version))
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


def now() -> str:
    """The time in RFC 3339, as NATS's own clients write it."""
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
        chunk = int((found.about.get("options") or {}).get("max_chunk_size") or STORED_CHUNK)
        self._batch = min(64, max(1, CHUNK // chunk))
        even = (found.about.get("metadata") or {}).get(EVEN[0]) == EVEN[1]
        # A range that begins a little way in is sooner reached by reading than by looking for its chunk.
        self._index = start // chunk if even and start >= CHUNK else 0
        self._skip = start - self._index * chunk
        self._consumer = None if self._index else self._from(1)

    async def next(self) -> list[bytes]:
        """The next bytes, in pieces of at most `CHUNK`; none at the end."""
        pieces: list[bytes] = []
        clock = asyncio.get_running_loop().time
        patience = clock() + self._session.login.timeout
        while self.left and not pieces:
            if self._index >= self._chunks:
                raise self._changed()
            wanted = min(self._batch, self._chunks - self._index)
            messages = await self._pull(wanted)
            if len(messages) < wanted and await self._stored_chunks() != self._chunks:
                raise self._changed()
            if not messages and clock() > patience:
                raise self._session.late()
            self._index += len(messages)
            for message in messages:
                data = message.data[self._skip : self._skip + self.left]
                self._skip = max(0, self._skip - len(message.data))
                self.left -= len(data)
                pieces += [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        return pieces

    async def close(self) -> None:
        """Lets go of what the server keeps for this reading."""
        if self._consumer is not None:
            await self._consumer.close()

    async def _stored_chunks(self) -> int:
        return await stored_chunks(self._session, self._place, self._subject) or 0

    def _changed(self) -> ProviderError:
        return ProviderError(f"{self._session}: {self._what} changed while it was being read; read it again")

    async def _pull(self, wanted: int) -> list[Msg]:
        try:
            if self._consumer is None:
                self._consumer = await self._seek()
            if await self._consumer.open() and self._consumer.pending != self._chunks - self._index:
                raise self._changed()
            return await self._consumer.pull(wanted)
        except StreamGone:
            raise NotFound(f"{self._session} has no container {self._place.container!r} any more") from None

    def _from(self, place: int) -> Consumer:
        return Consumer(self._session, self._place.stream, self._subject, place)

    async def _seek(self) -> Consumer:
        """A consumer that begins with the chunk wanted.

        How many chunks follow a place in the stream tells where it is. Written alone, an object's chunks lie side
        by side right before the message about it; written beside others, the place is looked for by halves.
        """
        wanted = self._chunks - self._index
        low, high = 1, self._found.seq
        at = high - wanted
        while True:
            consumer = self._from(at)
            await consumer.open()
            if consumer.pending == wanted:
                return consumer
            await consumer.close()
            if low >= high:
                raise self._changed()
            if consumer.pending > wanted:
                low = at + 1
            else:
                high = at - 1
            at = max(1, (low + high) // 2)
