"""Containers of objects in NATS JetStream's object stores.

A container is an object store of NATS (`providers/nats_names.py` says under which name), so that `nats object get`
reads what a guest wrote and a guest reads what `nats object put` wrote. How an object lies in there, and how its
bytes come and go, is in `nats_objects.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from ...errors import NotFound, ProviderError
from ..address import Address
from ..nats import STREAM_NAME_IN_USE, STREAM_NOT_FOUND, NatsConnection
from ..nats_login import login_and_prefix
from ..nats_names import bucket_to_nats, object_from_nats
from ..nats_streams import Listing, StreamGone, bucket_names, page_after, stream_info
from ..nats_work import in_slices
from ..page import PAGE, Page
from .base import BlobstoreProvider, ContainerInfo, ObjectInfo, Writer
from .nats_objects import ChunkReader, Place, Stored, delete_object, is_marker, stored_object
from .nats_writer import NatsWriter

#: Containers whose markers of deletion are remembered.
_REMEMBERED = 10_000


def open_nats(address: Address) -> NatsBlobstore:
    """The provider for a nats:// URL."""
    return NatsBlobstore(address.text)


class NatsBlobstore(BlobstoreProvider):
    """Object stores in a NATS server with JetStream.

        store = NatsBlobstore("nats://localhost:4222")
        store.create_container("t1")

    Args:
        url: `nats://[user:password@|token@]host[:4222][?timeout=5&prefix=…]`. The timeout is the seconds that one
            request waits for its answer; the prefix begins each name in NATS, to keep them apart from others there.

    Raises:
        ProviderError: the URL is not understood.
    """

    def __init__(self, url: str = "nats://localhost:4222") -> None:
        login, self._prefix = login_and_prefix(Address.parse(url))
        self._nats = NatsConnection(login)
        self._session = self._nats.session
        self._listings: dict[str, Listing] = {}

    # --- containers --------------------------------------------------------------------------------

    def create_container(self, name: str) -> ContainerInfo:
        return self._nats.run(self._create(name))

    def container_info(self, name: str) -> ContainerInfo:
        return self._nats.run(self._container_info(name))

    def delete_container(self, name: str) -> None:
        self._nats.run(self._delete_container(name))

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        names = self._nats.run(bucket_names(self._session, f"OBJ_{self._prefix}"))
        return page_after(names, cursor, limit)

    # --- objects -----------------------------------------------------------------------------------

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return page_after(self._nats.run(self._objects(container)), cursor, limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        _, found = self._nats.run(self._found(container, name))
        return ObjectInfo(name, container, _since_1970(found.time), found.size)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        place, found = self._nats.run(self._found(container, name))
        if found.is_link:
            raise ProviderError(f"{self._session}: {name!r} in {container!r} is a link, and links are not followed")
        return self._pieces(ChunkReader(self._session, place, name, found, start, end))

    def write(self, container: str, name: str) -> Writer:
        place, payload = self._nats.run(self._place_and_payload(container))
        return NatsWriter(self._nats, place, name, payload)

    def delete_objects(self, container: str, names: list[str]) -> None:
        self._nats.run(self._delete_objects(container, names))

    # --- about the provider ------------------------------------------------------------------------

    def ping(self) -> None:
        self._nats.run(self._session.api("INFO"))

    def summary(self) -> str:
        return f"{self._session}, object stores"

    def close(self) -> None:
        self._nats.close()

    # --- reading, in the caller's thread -------------------------------------------------------------

    def _pieces(self, reader: ChunkReader) -> Iterator[bytes]:
        coming = self._nats.submit(reader.next()) if reader.left else None
        try:
            while coming is not None:
                pieces = self._nats.result(coming)
                # The next ones come while the caller is busy with these.
                coming = self._nats.submit(reader.next()) if reader.left else None
                yield from pieces
        finally:
            if coming is not None:
                coming.cancel()
            with suppress(ProviderError):
                self._nats.submit(reader.close())

    # --- on the loop ---------------------------------------------------------------------------------

    def _missing(self, container: str, name: str | None = None) -> NotFound:
        if name is None:
            return NotFound(f"{self._session} has no container {container!r}")
        return NotFound(f"{self._session} has no object {name!r} in container {container!r}")

    async def _info(self, container: str) -> tuple[str, dict[str, Any]]:
        inner = self._prefix + bucket_to_nats(container)[0]
        info = await stream_info(self._session, f"OBJ_{inner}")
        if info is None:
            raise self._missing(container)
        return inner, info

    async def _place(self, container: str) -> Place:
        inner, info = await self._info(container)
        return Place(container, inner, bool(info["config"].get("allow_direct")))

    async def _place_and_payload(self, container: str) -> tuple[Place, int]:
        return await self._place(container), await self._session.max_payload()

    async def _found(self, container: str, name: str) -> tuple[Place, Stored]:
        place = await self._place(container)
        try:
            found = await stored_object(self._session, place, name)
        except StreamGone:
            raise self._missing(container) from None
        if found is None or found.deleted:
            raise self._missing(container, name)
        return place, found

    async def _create(self, name: str) -> ContainerInfo:
        inner, description = bucket_to_nats(name)
        inner = self._prefix + inner
        config: dict[str, Any] = {
            "name": f"OBJ_{inner}",
            "subjects": [f"$O.{inner}.C.>", f"$O.{inner}.M.>"],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_consumers": -1,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "num_replicas": 1,
            "allow_direct": True,
            "allow_rollup_hdrs": True,
            # Two minutes, and what makes this configuration unlike all others: asked for the very same stream a
            # second time, the server answers as if it had made it.
            "duplicate_window": 120 * 10**9 + secrets.randbelow(10**9),
        }
        if description is not None:
            config["description"] = description
        made = await self._session.api(f"STREAM.CREATE.OBJ_{inner}", config, {STREAM_NAME_IN_USE})
        if "error" in made:
            raise ProviderError(f"{self._session} has a container {name!r} already")
        return ContainerInfo(name, _since_1970(made["created"]))

    async def _container_info(self, name: str) -> ContainerInfo:
        _, info = await self._info(name)
        return ContainerInfo(name, _since_1970(info["created"]))

    async def _delete_container(self, name: str) -> None:
        inner = self._prefix + bucket_to_nats(name)[0]
        if "error" in await self._session.api(f"STREAM.DELETE.OBJ_{inner}", expect={STREAM_NOT_FOUND}):
            raise self._missing(name)

    async def _objects(self, container: str) -> list[str]:
        place = await self._place(container)
        listing = self._listings.get(place.stream)
        if listing is None:
            if len(self._listings) >= _REMEMBERED:
                self._listings.clear()
            listing = self._listings[place.stream] = Listing(f"{place.metas}>", is_marker, headers_only=False)
        try:
            subjects = await listing.subjects(self._session, place.stream)
        except StreamGone:
            raise self._missing(container) from None
        names = (object_from_nats(subject[len(place.metas) :]) for subject in subjects)
        return sorted(name for name in names if name is not None)

    async def _delete_objects(self, container: str, names: list[str]) -> None:
        place = await self._place(container)
        try:
            await in_slices(delete_object(self._session, place, name) for name in dict.fromkeys(names))
        except StreamGone:
            raise self._missing(container) from None


def _since_1970(time: str) -> float:
    """Of a time in RFC 3339, which has up to nine digits behind the second, more than `datetime` reads."""
    whole, _, part = time.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp() + float(f"0.{part or 0}")
