"""`memory://`: buckets are dicts in this process. Nothing is written anywhere, and all is gone at the end.

A bucket is a dict of key → bytes in a dict of name → bucket. Reading takes no lock: one look into a dict is a
single step. Changes take one, so that nothing comes between the halves of an increment.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ...errors import ProviderError, Unavailable
from ..address import Address
from ..page import PAGE, Page, after, ordered_page
from .base import KeyValueProvider, add_to_counter


class MemoryStore(KeyValueProvider):
    """A key-value store in memory, for one process.

        store = MemoryStore()
        store.set("pets", "ricochet", b"dog")

    Args:
        name: shown in its summary, to tell two of them apart. Stores of one name share nothing.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._buckets: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()
        # Names in order: of a bucket's keys, and under None of the buckets. Kept until a name comes or goes.
        self._sorted: dict[str | None, list[str]] = {}

    def get(self, bucket: str, key: str) -> bytes | None:
        try:
            return self._buckets[bucket].get(key)
        except KeyError:
            return None

    def set(self, bucket: str, key: str, value: bytes) -> None:
        if type(value) is not bytes:
            value = bytes(memoryview(value))
        with self._lock:
            self._put(bucket, key, value)

    def delete(self, bucket: str, key: str) -> None:
        with self._lock:
            self._drop(bucket, key)

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        start = after(cursor)
        with self._lock:
            try:
                names = self._sorted.get(bucket) or self._sort(bucket, self._buckets[bucket])
            except KeyError:
                names = []
        return _page(names, start, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        start = after(cursor)
        with self._lock:
            self._check_open()
            names = self._sorted.get(None) or self._sort(None, self._buckets)
        return _page(names, start, limit)

    def exists(self, bucket: str, key: str) -> bool:
        try:
            return key in self._buckets[bucket]
        except KeyError:
            return False

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self._lock:
            total = add_to_counter(self._look(bucket, key), delta)
            self._put(bucket, key, str(total).encode())
            return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        value = bytes(memoryview(value))
        with self._lock:
            if self._look(bucket, key) != expected:
                return False
            self._put(bucket, key, value)
            return True

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            return [self._look(bucket, key) for key in keys]

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        copied = [(key, bytes(memoryview(value))) for key, value in pairs]
        with self._lock:
            for key, value in copied:
                self._put(bucket, key, value)

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._drop(bucket, key)

    def ping(self) -> None:
        self._check_open()

    def summary(self) -> str:
        return f"memory {self.name!r}" if self.name else "memory"

    def close(self) -> None:
        """Forgets everything. Other calls then raise `Unavailable`."""
        with self._lock:
            self._buckets = _Closed(self.summary())
            self._sorted.clear()

    def _check_open(self) -> None:
        if isinstance(self._buckets, _Closed):
            raise self._buckets.error()

    # --- all of these with the lock held ---------------------------------------------------------------

    def _look(self, bucket: str, key: str) -> bytes | None:
        try:
            return self._buckets[bucket].get(key)
        except KeyError:
            return None

    def _put(self, bucket: str, key: str, value: bytes) -> None:
        try:
            keys = self._buckets[bucket]
        except KeyError:
            keys = self._buckets[bucket] = {}
            self._sorted.pop(None, None)
        if key not in keys:
            self._sorted.pop(bucket, None)
        keys[key] = value

    def _drop(self, bucket: str, key: str) -> None:
        try:
            keys = self._buckets[bucket]
        except KeyError:
            return
        if keys.pop(key, None) is not None:
            self._sorted.pop(bucket, None)
            if not keys:
                del self._buckets[bucket]
                self._sorted.pop(None, None)

    def _sort(self, which: str | None, names: Iterable[str]) -> list[str]:
        # A list is replaced, never changed: a page is cut from it after the lock is let go.
        ordered = self._sorted[which] = sorted(names)
        return ordered


class _Closed(dict[str, dict[str, bytes]]):
    """What a closed store has for its buckets, so that an open one need not ask whether it is closed."""

    def __init__(self, summary: str) -> None:
        self._summary = summary

    def error(self) -> Unavailable:
        return Unavailable(f"{self._summary} has been closed; open another one")

    def __missing__(self, bucket: str) -> dict[str, bytes]:
        raise self.error()


def _page(names: list[str], start: str | None, limit: int) -> Page[str]:
    begin = 0 if start is None else bisect_right(names, start)
    limit = max(limit, 1)
    return ordered_page(names[begin : begin + limit + 1], limit)


def open_memory(address: Address) -> MemoryStore:
    """`memory://`, or `memory://name` for a name in its summary; each is a store of its own.

    Raises:
        ProviderError: the URL says more than that.
    """
    address.take()
    if address.user or address.password or address.port or address.path not in ("", "/"):
        raise ProviderError(f"{address}: wanted memory:// or memory://name; there is nothing else to say")
    return MemoryStore(address.host)
