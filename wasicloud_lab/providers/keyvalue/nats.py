"""Key-value buckets in NATS JetStream.

A bucket is a bucket of NATS's own key-value store, made at its first set: a guest's `user:ricochet` is
`user--3aricochet` there (`providers/nats_names.py`), and `nats kv get` shows what a guest wrote. What is conditional,
an increment or a compare-and-swap, goes by the key's revision: the server refuses a write whose revision is not the
last, and the step is done anew.

A delete puts the marker that watchers wait for. Markers are taken away some hundred at a time, so that a bucket of
keys that come and go does not grow; one by one, that would slow down whoever reads the bucket meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from ...errors import ProviderError, TooLarge
from ..address import Address
from ..nats import HEADER_ROOM, STREAM_NAME_IN_USE, STREAM_NOT_FOUND, WRONG_REVISION, NatsConnection, NoRoom
from ..nats_login import login_and_prefix
from ..nats_names import bucket_to_nats, key_from_nats, key_to_nats
from ..nats_streams import (
    Listing,
    Message,
    StreamGone,
    bucket_names,
    is_gone,
    last_message,
    message_at,
    page_after,
    stream_info,
)
from ..nats_work import SLICE, Turn, in_slices
from ..page import PAGE, Page, after, ordered_page
from .base import KeyValueProvider, add_to_counter

_REVISION = "Nats-Expected-Last-Subject-Sequence"
_OPERATION = "KV-Operation"

#: Buckets whose streams are remembered, so that a call need not ask for them first.
_REMEMBERED = 10_000

#: Markers of deletion left in the server before they are taken away.
_SWEEP = 256


def open_nats(address: Address) -> NatsStore:
    """The provider for a nats:// URL."""
    return NatsStore(address.text)


class _Bucket(NamedTuple):
    """A bucket's stream, the beginning of its subjects, whether it allows direct gets, and keeps only last values."""

    stream: str
    subjects: str
    direct: bool
    last_only: bool


class NatsStore(KeyValueProvider):
    """Buckets in a NATS server with JetStream.

        store = NatsStore("nats://localhost:4222")
        store.set("user:ricochet", "animal", b"dog")

    Args:
        url: `nats://[user:password@|token@]host[:4222][?timeout=5&prefix=…]`. The timeout is the seconds that one
            request waits for its answer; the prefix begins each name in NATS, to keep them apart from others there.

    Attributes:
        value_limit: the server's `max_payload` less room for headers; None before the first answer (`ping` is one).

    Raises:
        ProviderError: the URL is not understood.
    """

    def __init__(self, url: str = "nats://localhost:4222") -> None:
        login, self._prefix = login_and_prefix(Address.parse(url))
        self._nats = NatsConnection(login)
        self._session = self._nats.session
        self._buckets: dict[str, _Bucket] = {}
        self._listings: dict[str, Listing] = {}
        self._markers: dict[tuple[str, str], int] = {}
        self._epoch = 0
        # One increment of a key at a time in this process: those that lose against each other ask the server again.
        self._turns = [Turn() for _ in range(64)]

    # --- values ------------------------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> bytes | None:
        return self._nats.run(self._value(bucket, key))

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self._nats.run(self._put(bucket, key, value))

    def delete(self, bucket: str, key: str) -> None:
        self._nats.run(self._delete(bucket, key))

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        return self._nats.run(self._increment(bucket, key, delta))

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        return self._nats.run(self._compare_and_swap(bucket, key, expected, value))

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return self._nats.run(in_slices(self._value(bucket, key) for key in keys))

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        left = iter(pairs)
        # A slice at a time, as the pairs may come from a listing that is larger than memory. Within one, the last
        # of two values for a key counts.
        while some := dict(islice(left, SLICE)):
            self._nats.run(in_slices(self._put(bucket, key, value) for key, value in some.items()))

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        self._nats.run(in_slices(self._delete(bucket, key) for key in dict.fromkeys(keys)))

    # --- listings ----------------------------------------------------------------------------------

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return page_after(self._nats.run(self._keys(bucket)), cursor, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return ordered_page(self._nats.run(self._filled(after(cursor), limit + 1)), limit)

    # --- about the provider ------------------------------------------------------------------------

    def ping(self) -> None:
        self._nats.run(self._ping())

    def summary(self) -> str:
        return f"{self._session}, key-value"

    def close(self) -> None:
        self._nats.close()

    # --- on the loop: a bucket and its stream --------------------------------------------------------

    async def _ping(self) -> None:
        await self._session.api("INFO")
        await self._limit()

    async def _limit(self) -> int:
        self.value_limit = limit = await self._session.max_payload() - HEADER_ROOM
        return limit

    async def _bucket(self, name: str, make: bool = False) -> _Bucket | None:
        if self._epoch != self._session.epoch:  # another server, perhaps, with other streams
            self._epoch = self._session.epoch
            self._buckets.clear()
        known = self._buckets.get(name)
        if known is not None:
            return known
        inner, description = bucket_to_nats(name)
        inner = self._prefix + inner
        info = await stream_info(self._session, f"KV_{inner}")
        if info is None:
            if not make:
                return None
            info = await self._make(inner, description)
        config = info["config"]
        bucket = _Bucket(
            f"KV_{inner}", f"$KV.{inner}.", bool(config.get("allow_direct")), config.get("max_msgs_per_subject") == 1
        )
        if len(self._buckets) >= _REMEMBERED:
            self._buckets.clear()
        self._buckets[name] = bucket
        return bucket

    async def _make(self, inner: str, description: str | None) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": f"KV_{inner}",
            "subjects": [f"$KV.{inner}.>"],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_msgs_per_subject": 1,
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "num_replicas": 1,
            "duplicate_window": 120 * 10**9,
            "allow_direct": True,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
        }
        if description is not None:
            config["description"] = description
        made = await self._session.api(f"STREAM.CREATE.KV_{inner}", config, {STREAM_NAME_IN_USE})
        if "error" not in made:
            return made
        info = await stream_info(self._session, f"KV_{inner}")  # somebody else made it at this moment
        if info is None:
            raise ProviderError(f"{self._session}: bucket {inner} comes and goes; try again")
        return info

    def _forget(self, name: str) -> None:
        self._buckets.pop(name, None)

    # --- on the loop: a key and its value ------------------------------------------------------------

    async def _last(self, name: str, key: str) -> tuple[bytes | None, int]:
        """The value, None where there is none, and the revision that a write in its place must name."""
        bucket = await self._bucket(name)
        if bucket is None:
            return None, 0
        try:
            found = await last_message(self._session, bucket.stream, bucket.subjects + key_to_nats(key), bucket.direct)
        except StreamGone:
            self._forget(name)
            return None, 0
        if found is None:
            return None, 0
        return (None if _says_deleted(found.headers) else found.data), found.seq

    async def _value(self, name: str, key: str) -> bytes | None:
        return (await self._last(name, key))[0]

    async def _put(self, name: str, key: str, value: bytes, revision: int | None = None) -> bool:
        """Stores a value; answers False where the key's revision is not the one given."""
        limit = await self._limit()
        if len(value) > limit:
            raise TooLarge(
                f"{self._session} takes values of up to {limit} bytes, this one has {len(value)}; "
                "the server's max_payload sets that, its configuration can raise it"
            )
        headers = None if revision is None else {_REVISION: str(revision)}
        for _ in range(2):
            bucket = await self._bucket(name, make=True)
            assert bucket is not None
            ack = await self._session.store(bucket.subjects + key_to_nats(key), value, headers, WRONG_REVISION)
            if ack is not None:
                return "error" not in ack
            self._forget(name)  # somebody removed it
        raise ProviderError(f"{self._session}: the bucket {name[:40]!r} takes no values; was it removed just now?")

    async def _delete(self, name: str, key: str) -> None:
        bucket = await self._bucket(name)
        if bucket is None:
            return
        subject = bucket.subjects + key_to_nats(key)
        try:
            marker = await self._session.store(subject, b"", {_OPERATION: "DEL"})
        except NoRoom:  # not even for a marker, and a delete must still work
            await self._session.api(f"STREAM.PURGE.{bucket.stream}", {"filter": subject}, {STREAM_NOT_FOUND})
            return
        if marker is None:
            self._forget(name)
            if await is_gone(self._session, bucket.stream):
                return
            raise self._session.late()
        self._markers[bucket.stream, subject] = marker["seq"]
        if len(self._markers) >= _SWEEP:
            markers, self._markers = self._markers, {}
            await in_slices(self._sweep(*where, seq) for where, seq in markers.items())

    async def _sweep(self, stream: str, subject: str, seq: int) -> None:
        # Up to the marker: what somebody stored since stays. The key is deleted even if this is refused.
        with suppress(ProviderError):
            await self._session.api(f"STREAM.PURGE.{stream}", {"filter": subject, "seq": seq + 1}, {STREAM_NOT_FOUND})

    def _turn(self, name: str, key: str) -> Turn:
        return self._turns[hash((name, key)) % len(self._turns)]

    async def _increment(self, name: str, key: str, delta: int) -> int:
        async with self._turn(name, key).taken():
            while True:
                value, revision = await self._last(name, key)
                total = add_to_counter(value, delta)
                if await self._put(name, key, str(total).encode(), revision):
                    return total

    async def _compare_and_swap(self, name: str, key: str, expected: bytes | None, value: bytes) -> bool:
        async with self._turn(name, key).taken():
            while True:
                present, revision = await self._last(name, key)
                if present != expected:
                    return False
                if await self._put(name, key, value, revision):
                    return True

    # --- on the loop: listings -----------------------------------------------------------------------

    async def _keys(self, name: str) -> list[str]:
        """All keys of a bucket, sorted."""
        bucket = await self._bucket(name)
        if bucket is None:
            return []
        listing = self._listings.get(bucket.stream)
        if listing is None:
            if len(self._listings) >= _REMEMBERED:
                self._listings.clear()
            listing = self._listings[bucket.stream] = Listing(f"{bucket.subjects}>", _is_marker, headers_only=True)
        try:
            subjects = await listing.subjects(self._session, bucket.stream)
        except StreamGone:
            self._forget(name)
            return []
        keys = (key_from_nats(subject[len(bucket.subjects) :]) for subject in subjects)
        return sorted(key for key in keys if key is not None)

    async def _filled(self, start: str | None, wanted: int) -> list[str]:
        """So many buckets with keys in them, sorted, those after `start`."""
        names = await bucket_names(self._session, f"KV_{self._prefix}")
        ordered = [name for name in names if start is None or name > start]
        filled: list[str] = []
        for at in range(0, len(ordered), SLICE):
            some = ordered[at : at + SLICE]
            holds = await in_slices((self._holds_keys(name) for name in some), 16)
            filled += [name for name, full in zip(some, holds) if full]
            if len(filled) >= wanted:
                break
        return filled[:wanted]

    async def _holds_keys(self, name: str) -> bool:
        bucket = await self._bucket(name)
        info = bucket and await stream_info(self._session, bucket.stream)
        if not bucket or not info or not info["state"]["messages"]:
            return False
        if bucket.last_only:
            # The first message there is: a value, unless somebody else's program left a marker.
            try:
                found = await message_at(self._session, bucket.stream, info["state"]["first_seq"], bucket.direct)
            except StreamGone:
                return False
            if found is not None and self._is_key(bucket, found):
                return True
        return bool(await self._keys(name))

    def _is_key(self, bucket: _Bucket, found: Message) -> bool:
        key = found.subject[len(bucket.subjects) :]
        return not _says_deleted(found.headers) and key_from_nats(key) is not None


def _says_deleted(headers: dict[str, str]) -> bool:
    # The second is what newer servers leave where a message's time was up.
    return headers.get(_OPERATION) in ("DEL", "PURGE") or "Nats-Marker-Reason" in headers


def _is_marker(message: Msg) -> bool:
    return message.headers is not None and _says_deleted(message.headers)
