"""Two stores in memory that do everything right, and as plainly as can be: what the broken ones are made from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wasicloud_lab.errors import NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.blobstore.base import CHUNK, BlobstoreProvider, ContainerInfo, ObjectInfo, Writer
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider, add_to_counter
from wasicloud_lab.providers.page import PAGE, Page, after, ordered_page

LIMIT = 10 << 20


class Shelf(dict[str, dict[str, Any]]):
    """What a store holds: it outlives the provider, and several providers may share it."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()


class Keys(KeyValueProvider):
    """A key-value provider. A broken one puts another step in the place of one of its own."""

    value_limit = LIMIT

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = Shelf() if shelf is None else shelf
        self.closed = False

    # Steps for a broken provider to get wrong.

    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key

    def stored(self, value: bytes) -> bytes:
        return bytes(value)

    def open(self) -> None:
        if self.closed:
            raise Unavailable("the shelf is closed")

    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        last = after(cursor)
        ordered = sorted(name for name in names if last is None or name > last)
        return ordered_page(ordered[: limit + 1], limit)

    # The protocol.

    def get(self, bucket: str, key: str) -> bytes | None:
        self.open()
        bucket, key = self.place(bucket, key)
        with self.shelf.lock:
            return self.shelf.get(bucket, {}).get(key)

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self.open()
        if self.value_limit is not None and len(value) > self.value_limit:
            raise TooLarge(f"{len(value):,} bytes are too many for the shelf")
        bucket, key = self.place(bucket, key)
        with self.shelf.lock:
            self.shelf.setdefault(bucket, {})[key] = self.stored(value)

    def delete(self, bucket: str, key: str) -> None:
        self.open()
        bucket, key = self.place(bucket, key)
        with self.shelf.lock:
            self.shelf.get(bucket, {}).pop(key, None)
            if not self.shelf.get(bucket, {"": b""}):
                del self.shelf[bucket]

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        self.open()
        bucket = self.place(bucket, "")[0]
        with self.shelf.lock:
            return self.page(list(self.shelf.get(bucket, {})), cursor, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        self.open()
        with self.shelf.lock:
            return self.page(list(self.shelf), cursor, limit)

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock:
            total = add_to_counter(self.get(bucket, key), delta)
            self.set(bucket, key, str(total).encode())
            return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with self.shelf.lock:
            if self.get(bucket, key) != expected:
                return False
            self.set(bucket, key, value)
            return True

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        self.open()
        return [self.get(bucket, key) for key in keys]

    def ping(self) -> None:
        self.open()

    def summary(self) -> str:
        return "a shelf of keys"

    def close(self) -> None:
        self.closed = True


class Objects(BlobstoreProvider):
    """A blobstore provider: a container is a dict of name → (bytes, time), its own time under a key of its own."""

    object_limit = LIMIT

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = Shelf() if shelf is None else shelf
        self.times: dict[str, float] = self.shelf.setdefault("times", {})
        self.content: dict[str, dict[str, tuple[bytes, float]]] = self.shelf.setdefault("content", {})
        self.closed = False

    # Steps for a broken provider to get wrong.

    def box(self, container: str) -> str:
        return container

    def label(self, name: str) -> str:
        return name

    def open(self) -> None:
        if self.closed:
            raise Unavailable("the shelf is closed")

    def inside(self, container: str) -> dict[str, tuple[bytes, float]]:
        self.open()
        try:
            return self.content[self.box(container)]
        except KeyError:
            raise NotFound(f"there is no container {container!r} on the shelf") from None

    def found(self, container: str, name: str) -> tuple[bytes, float]:
        try:
            return self.inside(container)[self.label(name)]
        except KeyError:
            raise NotFound(f"there is no object {name!r} in {container!r}") from None

    def put(self, container: str, name: str, data: bytes) -> None:
        with self.shelf.lock:
            self.inside(container)[self.label(name)] = data, time.time()

    def order(self, name: str) -> Any:
        return name

    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        last = after(cursor)
        ordered = sorted(
            (name for name in names if last is None or self.order(name) > self.order(last)), key=self.order
        )
        return ordered_page(ordered[: limit + 1], limit)

    # The protocol.

    def create_container(self, name: str) -> ContainerInfo:
        self.open()
        with self.shelf.lock:
            if self.box(name) in self.content:
                raise ProviderError(f"there is a container {name!r} already")
            self.content[self.box(name)] = {}
            self.times[self.box(name)] = time.time()
            return ContainerInfo(name, self.times[self.box(name)])

    def container_info(self, name: str) -> ContainerInfo:
        with self.shelf.lock:
            self.inside(name)
            return ContainerInfo(name, self.times[self.box(name)])

    def delete_container(self, name: str) -> None:
        with self.shelf.lock:
            self.inside(name)
            del self.content[self.box(name)], self.times[self.box(name)]

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        self.open()
        with self.shelf.lock:
            return self.page(list(self.content), cursor, limit)

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        with self.shelf.lock:
            return self.page(list(self.inside(container)), cursor, limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        data, created = self.found(container, name)
        return ObjectInfo(name, container, created, len(data))

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self.chunks(self.found(container, name)[0], start, end)

    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        stop = len(data) if end is None else min(len(data), end + 1)
        for at in range(start, stop, CHUNK):
            yield data[at : min(at + CHUNK, stop)]

    def write(self, container: str, name: str) -> Writer:
        self.inside(container)
        return Pen(lambda data: self.put(container, name, data), self.object_limit)

    def delete_objects(self, container: str, names: list[str]) -> None:
        with self.shelf.lock:
            inside = self.inside(container)
            for name in names:
                inside.pop(self.label(name), None)

    def ping(self) -> None:
        self.open()

    def summary(self) -> str:
        return "a shelf of objects"

    def close(self) -> None:
        self.closed = True


class Pen(Writer):
    """Collects what is written and puts it in its place on commit."""

    def __init__(self, put: Callable[[bytes], None], limit: int | None = None) -> None:
        self.put = put
        self.limit = limit
        self.data = bytearray()
        self.ended = False

    def write(self, data: bytes) -> None:
        if self.ended:
            raise ProviderError("this writer has ended")
        self.data += data
        if self.limit is not None and len(self.data) > self.limit:
            raise TooLarge(f"{len(self.data):,} bytes are too many for the shelf")

    def commit(self) -> None:
        if self.ended:
            raise ProviderError("this writer has ended")
        self.ended = True
        self.put(bytes(self.data))

    def abort(self) -> None:
        self.ended = True
