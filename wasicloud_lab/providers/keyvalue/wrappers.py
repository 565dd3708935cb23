"""Key-value providers that stand before another one: slower, failing, logged, cached, read-only, renamed.

    store = Logged(Latency(RedisStore("localhost"), 0.05))

Each is a whole provider, has the other one as `.inner`, hands every operation to the inner one's own, and closes
it when it is closed. They stack in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from ..cache import KEPT_SIZE, Cache
from ..page import PAGE, Page
from ..recorded import Recorded
from ..trouble import Guarded, Renaming, Switched, Unlucky, Waiting
from .base import KeyValueProvider
from .forwarding import KeyValueWrapper

_T = TypeVar("_T")


class Latency(Waiting[KeyValueProvider], KeyValueWrapper):
    """A store that is farther away: each operation, also `ping`, waits first. Closing ends the waiting.

    Args:
        seconds: how long.
        jitter: seconds that it may be more or less, evenly spread.
    """


class Failing(Unlucky[KeyValueProvider], KeyValueWrapper):
    """A store of which that share of operations raises `Unavailable`, before anything was done; never `ping`.

    Args:
        rate: the share, 0 to 1.
        seed: for the same operations to fail each time.
    """


class Troubled(Switched[KeyValueProvider], KeyValueWrapper):
    """Latency, failures and an off switch that are turned while requests flow, from any thread.

    Attributes:
        latency: seconds that each operation waits first.
        failure_rate: the share of operations that raise `Unavailable`, 0 to 1; never `ping`.
        down: whether every operation raises `Unavailable`, also `ping`.
    """


class ReadOnly(Guarded[KeyValueProvider], KeyValueWrapper):
    """Reads pass; changes raise `Denied`, increments and compare-and-swap among them."""


class Record(NamedTuple):
    """What a `Logged` notes down of an operation.

    Attributes:
        time: when it began, in seconds since 1970.
        operation: the method's name.
        bucket, key: as the caller said them; for several keys, how many.
        bytes: of the values, in and out.
        seconds: how long it took.
        error: None when it went well.
    """

    time: float
    operation: str
    bucket: str
    key: str
    bytes: int
    seconds: float
    error: str | None


class Logged(Recorded[KeyValueProvider], KeyValueWrapper):
    """Notes down each operation, and draws the last ones as a table.

    Args:
        log: called with each `Record` when its operation has ended, on the operation's thread; what it raises,
            the operation raises.
    """

    _record = Record

    @property
    def records(self) -> list[Record]:
        """The last 1000, oldest first."""
        return self._noted()


class Cached(KeyValueWrapper):
    """Answers get, exists and get_many from what was read within the last seconds; also that a key is not there.

    What changes through this provider is seen at once, what changes elsewhere when the time is up. Values over
    64 KiB are not kept.

    Args:
        seconds: how long an answer is good.
        size: answers kept; the one not asked for longest makes room.
    """

    def __init__(self, inner: KeyValueProvider, seconds: float = 5.0, size: int = 1000) -> None:
        super().__init__(inner)
        self._cache = Cache(seconds, size)

    @property
    def hits(self) -> int:
        """Keys answered from here."""
        return self._cache.hits

    @property
    def misses(self) -> int:
        """Keys that the store was asked for."""
        return self._cache.misses

    def get(self, bucket: str, key: str) -> bytes | None:
        return self._cache.ask((bucket, key), lambda: self.inner.get(bucket, key), _small)

    def exists(self, bucket: str, key: str) -> bool:
        there, value = self._cache.look((bucket, key))
        return value is not None if there else self.inner.exists(bucket, key)

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes | None] = {}
        tickets: dict[str, object] = {}
        for key in dict.fromkeys(keys):
            there, value = self._cache.look((bucket, key))
            if there:
                found[key] = value
            else:
                tickets[key] = self._cache.enter((bucket, key))
        if tickets:
            read: dict[str, bytes | None] = {}
            try:
                read = dict(zip(tickets, self.inner.get_many(bucket, list(tickets))))
            finally:
                for key, ticket in tickets.items():
                    self._cache.leave((bucket, key), ticket, key in read and _small(read[key]), read.get(key))
            found.update(read)
        return [found[key] for key in keys]

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self._change(bucket, [key], lambda: self.inner.set(bucket, key, value))

    def delete(self, bucket: str, key: str) -> None:
        self._change(bucket, [key], lambda: self.inner.delete(bucket, key))

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        return self._change(bucket, [key], lambda: self.inner.increment(bucket, key, delta))

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        return self._change(bucket, [key], lambda: self.inner.compare_and_swap(bucket, key, expected, value))

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        pairs = list(pairs)
        self._change(bucket, [key for key, _ in pairs], lambda: self.inner.set_many(bucket, pairs))

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        self._change(bucket, keys, lambda: self.inner.delete_many(bucket, keys))

    def _change(self, bucket: str, keys: Iterable[str], run: Callable[[], _T]) -> _T:
        try:
            return run()
        finally:  # a change that failed may have been made all the same
            self._cache.forget((bucket, key) for key in keys)

    def summary(self) -> str:
        return f"{self.inner.summary()}, cached for {self._cache.seconds:g} s"

    def close(self) -> None:
        self._cache.close()
        super().close()


def _small(value: bytes | None) -> bool:
    return value is None or len(value) <= KEPT_SIZE


class Renamed(Renaming[KeyValueProvider], KeyValueWrapper):
    """Buckets that are called something else in the store.

        Renamed(store, {"animals": "prod-animals"})

    Names that are not given stay as they are. Here the guest's bucket `prod-animals` would be the one it
    knows as `animals`, so using that name is a `ProviderError`; and a bucket `animals` of the store has no name
    that a guest could call it by, so it is not listed.

    Args:
        names: as the guest says them → as they are in the store.

    Raises:
        ValueError: two of them would be the same in the store.
    """

    what = "bucket"

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        items, cursor = self.inner.buckets(cursor, limit)
        return Page(self._said(items), cursor)
