"""Blobstore providers that stand before another one: slower, failing, logged, cached, read-only, renamed.

    store = Troubled(FileStore("blobs"))
    store.down = True                       # readers in the middle of an object fail at their next chunk

Each is a whole provider, has the other one as `.inner`, hands every operation to the inner one's own, and closes
it when it is closed. They stack in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..cache import KEPT_SIZE, Cache
from ..page import PAGE, Page, after, every, ordered_page
from ..recorded import Recorded
from ..trouble import Call, Guarded, Renaming, Steps, Switched, Unlucky, Waiting
from .base import BlobstoreProvider, ContainerInfo, ObjectInfo
from .forwarding import BlobstoreWrapper

_T = TypeVar("_T")


class Latency(Waiting[BlobstoreProvider], BlobstoreWrapper):
    """A store that is farther away: each operation, also `ping`, waits first. Closing ends the waiting.

    A read waits when it begins and before its first chunk, a write when it begins and before its commit: these
    are two ways to the store each. Further chunks come as fast as before.

    Args:
        seconds: how long.
        jitter: seconds that it may be more or less, evenly spread.
    """


class Failing(Unlucky[BlobstoreProvider], BlobstoreWrapper):
    """A store of which that share of operations raises `Unavailable`; never `ping`.

    A read or write that fails does so when it begins, at one of its first two chunks, or, having less, at its end. What
    was there before a failed write is there still.

    Args:
        rate: the share, 0 to 1.
        seed: for the same operations to fail each time.
    """


class Troubled(Switched[BlobstoreProvider], BlobstoreWrapper):
    """Latency, failures and an off switch that are turned while requests flow, from any thread.

    Reads and writes that are under way feel it too: with `down=True`, their next chunk raises `Unavailable`.

    Attributes:
        latency: seconds that each operation waits first; twice for a read or write, as with `Latency`.
        failure_rate: the share of operations that raise `Unavailable`, 0 to 1, as with `Failing`.
        down: whether every operation raises `Unavailable`, also `ping`.
    """


class ReadOnly(Guarded[BlobstoreProvider], BlobstoreWrapper):
    """Reads pass; changes raise `Denied`: a write when it begins, before any byte."""


class Record(NamedTuple):
    """What a `Logged` notes down of an operation; a read or write is one, noted when its stream has ended.

    Attributes:
        time: when it began, in seconds since 1970.
        operation: the method's name.
        container, name: as the caller said them; for several objects, how many.
        bytes: of the object, in or out, as many as went through.
        seconds: how long it took, from its beginning to the end of its stream.
        error: None when it went well; "aborted" for a write that was given up.
    """

    time: float
    operation: str
    container: str
    name: str
    bytes: int
    seconds: float
    error: str | None


class Logged(Recorded[BlobstoreProvider], BlobstoreWrapper):
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


class Cached(BlobstoreWrapper):
    """Answers object_info, object_exists and reads of objects up to 64 KiB from what was read within the last seconds.

    What changes through this provider is seen at once, what changes elsewhere when the time is up. An object's
    bytes are kept when it was read as a whole; parts are then cut from them.

    Args:
        seconds: how long an answer is good.
        size: answers kept; the one not asked for longest makes room.
    """

    def __init__(self, inner: BlobstoreProvider, seconds: float = 5.0, size: int = 1000) -> None:
        super().__init__(inner)
        self._cache = Cache(seconds, size)

    @property
    def hits(self) -> int:
        """Questions answered from here."""
        return self._cache.hits

    @property
    def misses(self) -> int:
        """Questions that the store was asked."""
        return self._cache.misses

    # What is kept of one object is under ("info", container, name) and ("bytes", container, name).

    def object_info(self, container: str, name: str) -> ObjectInfo:
        info = self._cache.ask(("info", container, name), lambda: self.inner.object_info(container, name))
        there, data = self._cache.peek(("bytes", container, name))
        if there and len(data) != info.size:  # somebody else has replaced it in between
            self._cache.forget([("bytes", container, name)])
        return info

    def object_exists(self, container: str, name: str) -> bool:
        there, _ = self._cache.look(("info", container, name))
        return there or self.inner.object_exists(container, name)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        where = ("bytes", container, name)
        there, data = self._cache.look(where)
        if there:
            part = data[start : None if end is None else end + 1]
            return _Rest([part] if part else [], iter(()))
        if start or end is not None:
            return self.inner.read(container, name, start, end)
        ticket = self._cache.enter(where)
        data = None
        try:
            first, chunks = _beginning(self.inner.read(container, name))
            if chunks is None:
                data = b"".join(first)
        finally:
            self._cache.leave(where, ticket, data is not None, data)
        there, info = self._cache.peek(("info", container, name))
        if there and data is not None and len(data) != info.size:
            self._cache.forget([("info", container, name)])
        return _Rest(first, iter(()) if chunks is None else chunks)

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        """A write: reads are not handed on by way of this."""
        return start(), _ForgettingSteps(lambda: self._forget(call.group, call.name))

    def delete_object(self, container: str, name: str) -> None:
        try:
            self.inner.delete_object(container, name)
        finally:  # a change that failed may have been made all the same
            self._forget(container, name)

    def delete_objects(self, container: str, names: list[str]) -> None:
        try:
            self.inner.delete_objects(container, names)
        finally:
            self._forget(container, *names)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        try:
            self.inner.copy_object(container, name, to_container, to_name)
        finally:
            self._forget(to_container, to_name)

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        try:
            self.inner.move_object(container, name, to_container, to_name)
        finally:
            self._forget(container, name)
            self._forget(to_container, to_name)

    def delete_container(self, name: str) -> None:
        try:
            self.inner.delete_container(name)
        finally:
            self._cache.forget_where(lambda where: where[1] == name)

    def clear_container(self, name: str) -> None:
        try:
            self.inner.clear_container(name)
        finally:
            self._cache.forget_where(lambda where: where[1] == name)

    def _forget(self, container: str, *names: str) -> None:
        self._cache.forget((kind, container, name) for name in names for kind in ("info", "bytes"))

    def summary(self) -> str:
        return f"{self.inner.summary()}, cached for {self._cache.seconds:g} s"

    def close(self) -> None:
        self._cache.close()
        super().close()


class _ForgettingSteps(Steps):
    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget

    def over(self, size: int, error: str | None) -> None:
        self._forget()


def _beginning(chunks: Iterator[bytes]) -> tuple[list[bytes], Iterator[bytes] | None]:
    """The first chunks, and those that follow: None when all of it is small enough to be kept."""
    first: list[bytes] = []
    size = 0
    for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        if size > KEPT_SIZE:
            return first, chunks
    return first, None


class _Rest(Iterator[bytes]):
    """Chunks that were read already, then the others; closing it closes where they come from."""

    def __init__(self, first: list[bytes], chunks: Iterator[bytes]) -> None:
        self._first, self._chunks = first, chunks

    def __next__(self) -> bytes:
        return self._first.pop(0) if self._first else next(self._chunks)

    def close(self) -> None:
        self._first.clear()
        close: Any = getattr(self._chunks, "close", None)
        if close is not None:
            close()


class Renamed(Renaming[BlobstoreProvider], BlobstoreWrapper):
    """Containers that are called something else in the store.

        Renamed(store, {"animals": "prod-animals"})

    Names that are not given stay as they are. Here the guest's container `prod-animals` would be the one it
    knows as `animals`, so using that name is a `ProviderError`; and a container `animals` of the store has no name
    that a guest could call it by, so it is not listed.

    Args:
        names: as the guest says them → as they are in the store.

    Raises:
        ValueError: two of them would be the same in the store.
    """

    what = "container"

    def create_container(self, name: str) -> ContainerInfo:
        return super().create_container(name)._replace(name=name)

    def container_info(self, name: str) -> ContainerInfo:
        return super().container_info(name)._replace(name=name)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        return super().object_info(container, name)._replace(container=container)

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        start = after(cursor)
        # Other names are in another order: all of them are needed to tell which come first.
        names = self._said(every(lambda at: self.inner.containers(at)))
        return ordered_page(sorted(name for name in names if start is None or name > start)[: limit + 1], limit)
