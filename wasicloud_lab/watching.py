"""Changes in a key-value store, brought to the guests that want to hear of them.

`Watched` stands before a provider and says what changes; `Watchers` brings it to each guest on a thread of that
guest's own, in the order in which it happened to a key. A writer waits for no watcher, and none breaks it: a guest
that fails is a line in the log.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from .providers.address import masked
from .providers.keyvalue.base import KeyValueProvider
from .providers.page import PAGE, Page
from .wasi.keyvalue.watch import notify, watcher_export

if TYPE_CHECKING:
    from .app import App

_log = logging.getLogger(__name__)

#: What may wait for one guest: that many changes, …
PENDING_LIMIT = 10_000
#: … with that many bytes of values. A guest that is slower loses changes, and the log says so.
PENDING_BYTES = 64 * 1024 * 1024

#: Changes of one key are kept in order by a lock that it shares with about one key in so many.
_LOCKS = 64

_local = threading.local()


class Change(NamedTuple):
    """One key that has changed.

    Attributes:
        value: None where it was deleted.
        trail: the guests that were told of the changes which led to this one: they are not told again, so that
            no guest can keep itself, or two each other, busy for ever.
    """

    bucket: str
    key: str
    value: bytes | None
    trail: tuple[App, ...]


class Watchers:
    """The guests that watch one link. Used from any thread."""

    def __init__(self) -> None:
        self._watchers: dict[App, _Watcher] = {}
        self._pending = 0
        self._changed = threading.Condition()
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def add(self, app: App) -> bool:
        """From now on an app is told of changes; False for one that exports nothing to be told at."""
        export = watcher_export(app.component)
        if export is None:
            return False
        with self._changed:
            if app not in self._watchers:
                self._watchers = {**self._watchers, app: _Watcher(app, export, self)}
        return True

    def remove(self, app: App) -> None:
        """An app is told no more; what waits for it is dropped. A call under way ends by itself."""
        with self._changed:
            watcher = self._watchers.get(app)
            self._watchers = {other: each for other, each in self._watchers.items() if other is not app}
        if watcher is not None:
            watcher.stop()

    def announce(self, changes: Iterable[tuple[str, str, bytes | None]]) -> None:
        """Says that keys have changed: bucket, key, and the value, None where it was deleted."""
        trail: tuple[App, ...] = getattr(_local, "trail", ())
        for bucket, key, value in changes:
            kept = None if value is None else bytes(value)
            for app, watcher in self._watchers.items():
                if app not in trail:
                    watcher.put(Change(bucket, key, kept, (*trail, app)))

    @contextmanager
    def ordered(self, bucket: str, keys: Iterable[str]) -> Iterator[None]:
        """While inside, nobody else changes these keys through this link: what is said of them is in order."""
        numbers = {zlib.crc32(f"{bucket}\0{key}".encode("utf-8", "surrogatepass")) % _LOCKS for key in keys}
        with ExitStack() as held:
            for number in sorted(numbers):
                held.enter_context(self._locks[number])
            yield

    def wait(self, timeout: float | None = None) -> bool:
        """Until every guest has been told everything; False when `timeout` seconds were not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, timeout)

    def close(self) -> None:
        """Nobody is told any more. Calls under way end by themselves."""
        for app in list(self._watchers):
            self.remove(app)

    def count(self, difference: int) -> None:
        """Changes that wait or are being told have become more, or fewer."""
        with self._changed:
            self._pending += difference
            if not self._pending:
                self._changed.notify_all()


class _Watcher:
    """One guest's queue, and the thread that empties it."""

    def __init__(self, app: App, export: str, watchers: Watchers) -> None:
        self._app = app
        self._export = export
        self._watchers = watchers
        self._queue: deque[Change] = deque()
        self._bytes = 0
        self._lost = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def put(self, change: Change) -> None:
        size = len(change.value or b"")
        with self._changed:
            if self._stopped:
                return
            if len(self._queue) >= PENDING_LIMIT or (self._queue and self._bytes + size > PENDING_BYTES):
                if not self._lost:
                    _log.warning("%s is too slow a watcher: changes are lost for it", self._app.name)
                self._lost += 1
                return
            self._queue.append(change)
            self._bytes += size
            self._watchers.count(1)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"{self._app.name} watcher", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._watchers.count(-len(self._queue))
            self._queue.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    return
                change = self._queue.popleft()
                self._bytes -= len(change.value or b"")
                lost, self._lost = (self._lost, 0) if not self._queue else (0, self._lost)
            if lost:
                _log.warning("%s was not told of %d changes", self._app.name, lost)
            try:
                self._tell(change)
            finally:
                self._watchers.count(-1)

    def _tell(self, change: Change) -> None:
        _local.trail = change.trail
        try:
            notify(self._app, self._export, change.bucket, change.key, change.value)
        except Exception as error:
            if not self._stopped:
                _log.warning(
                    "%s could not be told of the change of %r in the bucket %r: %s",
                    self._app.name, change.key, change.bucket, masked(str(error)),
                )  # fmt: skip
        finally:
            _local.trail = ()


class Watched(KeyValueProvider):
    """A provider whose changes are announced, those of increments, swaps and batches among them.

    A delete is announced also where there was no such key; a batch that fails is not announced.

    Args:
        inner: the provider. What it has beyond a `KeyValueProvider` is found here as well.
        watchers: who is told.
    """

    def __init__(self, inner: KeyValueProvider, watchers: Watchers) -> None:
        self.inner = inner
        self.watchers = watchers

    @property
    def value_limit(self) -> int | None:  # type: ignore[override]  # asked anew: a store may learn its limit late
        """The inner provider's."""
        return self.inner.value_limit

    @property
    def lists_twice(self) -> bool:  # type: ignore[override]
        """The inner provider's."""
        return self.inner.lists_twice

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not yet: it is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)

    # --- what changes nothing ----------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> bytes | None:
        return self.inner.get(bucket, key)

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self.inner.keys(bucket, cursor, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self.inner.buckets(cursor, limit)

    def exists(self, bucket: str, key: str) -> bool:
        return self.inner.exists(bucket, key)

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return self.inner.get_many(bucket, keys)

    def ping(self) -> None:
        self.inner.ping()

    def summary(self) -> str:
        return self.inner.summary()

    def close(self) -> None:
        self.inner.close()

    # --- what is announced -------------------------------------------------------------------------

    def set(self, bucket: str, key: str, value: bytes) -> None:
        with self.watchers.ordered(bucket, (key,)):
            self.inner.set(bucket, key, value)
            self.watchers.announce([(bucket, key, value)])

    def delete(self, bucket: str, key: str) -> None:
        with self.watchers.ordered(bucket, (key,)):
            self.inner.delete(bucket, key)
            self.watchers.announce([(bucket, key, None)])

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.watchers.ordered(bucket, (key,)):
            count = self.inner.increment(bucket, key, delta)
            self.watchers.announce([(bucket, key, str(count).encode())])
            return count

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with self.watchers.ordered(bucket, (key,)):
            swapped = self.inner.compare_and_swap(bucket, key, expected, value)
            if swapped:
                self.watchers.announce([(bucket, key, value)])
            return swapped

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        pairs = list(pairs)
        with self.watchers.ordered(bucket, (key for key, _ in pairs)):
            self.inner.set_many(bucket, pairs)
            self.watchers.announce((bucket, key, value) for key, value in pairs)

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        with self.watchers.ordered(bucket, keys):
            self.inner.delete_many(bucket, keys)
            self.watchers.announce((bucket, key, None) for key in keys)
