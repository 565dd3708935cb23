"""A blobstore in this process's memory: nothing to start, gone with the kernel.

    store = MemoryBlobstore()
    open_blobstore("memory://")           # another, with nothing in it
    open_blobstore("memory://pictures")   # one that says in its summary which it is

An object is a tuple of byte strings that nobody changes any more: a reader holds the version it began with,
whatever is written meanwhile, and a write costs no copy beyond the pieces that it was handed.
"""

from __future__ import annotations

import heapq
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from ...errors import NotFound, ProviderError, Unavailable
from ..address import Address
from ..page import PAGE, Page, after, ordered_page
from .base import CHUNK, BlobstoreProvider, ContainerInfo, ObjectInfo, Writer

#: Pieces shorter than this are joined as they come, so that a million small writes are not a million objects.
_SMALL = 64 * 1024


class _Object(NamedTuple):
    pieces: tuple[bytes, ...]
    ends: tuple[int, ...]  # where each piece ends, in bytes from the start
    created_at: float

    @property
    def size(self) -> int:
        return self.ends[-1] if self.ends else 0


class _Container(NamedTuple):
    created_at: float
    objects: dict[str, _Object]


class _Contents:
    """What a store holds. Readers and writers keep it, not the store, which lets go of it when it is closed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.containers: dict[str, _Container] = {}

    def container(self, name: str) -> _Container:
        """Called with the lock held."""
        try:
            return self.containers[name]
        except KeyError:
            raise NotFound(f"there is no container {name!r} in memory") from None

    def object(self, container: str, name: str) -> _Object:
        """Called with the lock held."""
        try:
            return self.container(container).objects[name]
        except KeyError:
            raise NotFound(f"there is no object {name!r} in the container {container!r} in memory") from None


def open_memory(address: Address) -> MemoryBlobstore:
    """`memory://`, or `memory://name` for a name in its summary; each is a store of its own.

    Raises:
        ProviderError: the URL says more than a name.
    """
    address.take()
    if address.path.strip("/") or address.port is not None or address.user is not None or address.password is not None:
        raise ProviderError(f"{address} says more than memory:// takes; wanted memory:// or memory://name")
    return MemoryBlobstore(address.host)


class MemoryBlobstore(BlobstoreProvider):
    """Containers of objects in this process's memory.

    Args:
        name: shown in its summary, to tell two of them apart. Stores of one name share nothing.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._closed = False
        self._kept = _Contents()

    def create_container(self, name: str) -> ContainerInfo:
        contents = self._contents()
        with contents.lock:
            if name in contents.containers:
                raise ProviderError(f"there is a container {name!r} in memory already")
            made = contents.containers[name] = _Container(time.time(), {})
        return ContainerInfo(name, made.created_at)

    def container_info(self, name: str) -> ContainerInfo:
        contents = self._contents()
        with contents.lock:
            return ContainerInfo(name, contents.container(name).created_at)

    def delete_container(self, name: str) -> None:
        contents = self._contents()
        with contents.lock:
            contents.container(name)
            del contents.containers[name]

    def clear_container(self, name: str) -> None:
        contents = self._contents()
        with contents.lock:
            contents.container(name).objects.clear()

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        contents = self._contents()
        with contents.lock:
            return _page(contents.containers, cursor, limit)

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        contents = self._contents()
        with contents.lock:
            return _page(contents.container(container).objects, cursor, limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        contents = self._contents()
        with contents.lock:
            found = contents.object(container, name)
        return ObjectInfo(name, container, found.created_at, found.size)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        contents = self._contents()
        with contents.lock:
            found = contents.object(container, name)
        return _chunks(found, start, found.size if end is None else min(end + 1, found.size))

    def write(self, container: str, name: str) -> Writer:
        contents = self._contents()
        with contents.lock:
            contents.container(container)
        return _MemoryWriter(contents, container, name)

    def delete_objects(self, container: str, names: list[str]) -> None:
        contents = self._contents()
        with contents.lock:
            objects = contents.container(container).objects
            for name in names:
                objects.pop(name, None)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        contents = self._contents()
        with contents.lock:
            found = contents.object(container, name)
            target = contents.container(to_container).objects
            if (container, name) != (to_container, to_name):
                target[to_name] = found._replace(created_at=time.time())

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        contents = self._contents()
        with contents.lock:
            found = contents.object(container, name)
            target = contents.container(to_container).objects
            if (container, name) != (to_container, to_name):
                target[to_name] = found._replace(created_at=time.time())
                del contents.container(container).objects[name]

    def ping(self) -> None:
        self._contents()

    def summary(self) -> str:
        return f"memory {self._name!r}" if self._name else "memory"

    def close(self) -> None:
        self._closed = True
        self._kept = _Contents()  # the bytes go now, though something may hold the provider

    def _contents(self) -> _Contents:
        contents = self._kept  # before the look at the flag: closing sets the flag first
        if self._closed:
            raise Unavailable(f"{self.summary()} has been closed")
        return contents


class _MemoryWriter(Writer):
    def __init__(self, contents: _Contents, container: str, name: str) -> None:
        self._contents = contents
        self._target = (container, name)
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._done = False

    def write(self, data: bytes) -> None:
        if self._done:
            raise ProviderError("this object has been written or given up; nothing can be added to it")
        if len(data) < _SMALL:
            self._small += data
            if len(self._small) >= _SMALL:
                self._flush()
        else:
            self._flush()
            self._pieces.append(bytes(data))

    def commit(self) -> None:
        if self._done:
            raise ProviderError("this object has been written or given up already")
        self._flush()
        container, name = self._target
        made = _Object(tuple(self._pieces), tuple(accumulate(map(len, self._pieces))), time.time())
        self.abort()
        with self._contents.lock:
            self._contents.container(container).objects[name] = made

    def abort(self) -> None:
        self._done = True
        self._pieces = []
        self._small = bytearray()

    def _flush(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()


def _chunks(found: _Object, start: int, stop: int) -> Iterator[bytes]:
    at = bisect_right(found.ends, start)
    while start < stop:
        piece, end = found.pieces[at], found.ends[at]
        upto = min(stop, end, start + CHUNK)
        first = end - len(piece)
        # A whole piece is handed over as it is; a part of one is the only copy there is.
        yield piece if upto - start == len(piece) else piece[start - first : upto - first]
        start = upto
        at += start == end


def _page(names: dict[str, _Object] | dict[str, _Container], cursor: str | None, limit: int) -> Page[str]:
    last = after(cursor)
    return ordered_page(heapq.nsmallest(limit + 1, (name for name in names if last is None or name > last)), limit)
