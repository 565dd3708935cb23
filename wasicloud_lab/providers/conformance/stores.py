"""A store as the checks see it: the provider, and a record of what was made on it, so that just that is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ...errors import NotFound
from ..blobstore.base import BlobstoreProvider, ContainerInfo, ObjectInfo, Writer, put
from ..keyvalue.base import KeyValueProvider
from ..page import PAGE, Page
from .checks import THREADS, Terms, Trial, listed, together


class Keys(KeyValueProvider):
    """A key-value provider that remembers the keys set through it."""

    def __init__(self, provider: KeyValueProvider) -> None:
        self._provider = provider
        self._made: dict[tuple[str, str], None] = {}
        self.value_limit = getattr(provider, "value_limit", None)  # it may be no subclass, but quack
        self.lists_twice = getattr(provider, "lists_twice", False)

    def get(self, bucket: str, key: str) -> bytes | None:
        return self._provider.get(bucket, key)

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self._made[bucket, key] = None
        self._provider.set(bucket, key, value)

    def delete(self, bucket: str, key: str) -> None:
        self._provider.delete(bucket, key)

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._provider.keys(bucket, cursor, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._provider.buckets(cursor, limit)

    def exists(self, bucket: str, key: str) -> bool:
        return self._provider.exists(bucket, key)

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        self._made[bucket, key] = None
        return self._provider.increment(bucket, key, delta)

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        self._made[bucket, key] = None
        return self._provider.compare_and_swap(bucket, key, expected, value)

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return self._provider.get_many(bucket, keys)

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        def noted() -> Iterator[tuple[str, bytes]]:
            for key, value in pairs:
                self._made[bucket, key] = None
                yield key, value

        self._provider.set_many(bucket, noted())

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        self._provider.delete_many(bucket, keys)

    def ping(self) -> None:
        self._provider.ping()

    def summary(self) -> str:
        return self._provider.summary()

    def __repr__(self) -> str:
        return repr(self._provider)

    def remove_all(self) -> None:
        """Removes every key that was set."""
        made: dict[str, list[str]] = {}
        for bucket, key in list(self._made):
            made.setdefault(bucket, []).append(key)
        for bucket, keys in made.items():
            self._provider.delete_many(bucket, keys)


class KeyValueTrial(Trial[KeyValueProvider]):
    """What a key-value check works with.

    Attributes:
        store: the provider under test; what is set through it is removed afterwards.
    """

    def __init__(self, provider: KeyValueProvider, terms: Terms[KeyValueProvider]) -> None:
        super().__init__(provider, terms)
        self.store = Keys(provider)

    def keys(self, bucket: str, limit: int = PAGE) -> list[str]:
        """All keys of a bucket."""
        return listed(lambda cursor: self.store.keys(bucket, cursor, limit))

    def buckets(self, limit: int = PAGE) -> list[str]:
        """All buckets of the store, other people's too."""
        return listed(lambda cursor: self.store.buckets(cursor, limit))

    def clean_up(self) -> None:
        try:
            self.store.remove_all()
        finally:
            super().clean_up()


class Objects(BlobstoreProvider):
    """A blobstore provider that remembers the containers made through it."""

    def __init__(self, provider: BlobstoreProvider, token: str) -> None:
        self._provider = provider
        self._token = token
        self._made: dict[str, None] = {}
        self.object_limit = getattr(provider, "object_limit", None)

    def create_container(self, name: str) -> ContainerInfo:
        # One that was there before is not ours, even when the provider makes it "again" without a word.
        known = name in self._made or self._token in name
        foreign = not known and self._provider.container_exists(name)
        info = self._provider.create_container(name)
        if not foreign:
            self._made[name] = None
        return info

    def container_info(self, name: str) -> ContainerInfo:
        return self._provider.container_info(name)

    def container_exists(self, name: str) -> bool:
        return self._provider.container_exists(name)

    def delete_container(self, name: str) -> None:
        self._provider.delete_container(name)

    def clear_container(self, name: str) -> None:
        self._provider.clear_container(name)

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._provider.containers(cursor, limit)

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._provider.objects(container, cursor, limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        return self._provider.object_info(container, name)

    def object_exists(self, container: str, name: str) -> bool:
        return self._provider.object_exists(container, name)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._provider.read(container, name, start, end)

    def write(self, container: str, name: str) -> Writer:
        return self._provider.write(container, name)

    def delete_object(self, container: str, name: str) -> None:
        self._provider.delete_object(container, name)

    def delete_objects(self, container: str, names: list[str]) -> None:
        self._provider.delete_objects(container, names)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        self._provider.copy_object(container, name, to_container, to_name)

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        self._provider.move_object(container, name, to_container, to_name)

    def ping(self) -> None:
        self._provider.ping()

    def summary(self) -> str:
        return self._provider.summary()

    def __repr__(self) -> str:
        return repr(self._provider)

    def remove_all(self) -> None:
        """Removes every container that was made."""
        for name in list(self._made):
            with suppress(NotFound):
                self._provider.delete_container(name)


class BlobstoreTrial(Trial[BlobstoreProvider]):
    """What a blobstore check works with.

    Attributes:
        store: the provider under test; containers made through it are removed afterwards.
    """

    def __init__(self, provider: BlobstoreProvider, terms: Terms[BlobstoreProvider]) -> None:
        super().__init__(provider, terms)
        self.store = Objects(provider, self.token)

    def container(self, label: str = "") -> str:
        """A new container's name."""
        name = self.name(label)
        self.store.create_container(name)
        return name

    def fill(self, container: str, wanted: Sequence[str]) -> None:
        """Writes small objects, from many threads."""

        def some(thread: int) -> None:
            for name in wanted[thread::THREADS]:
                put(self.store, container, name, name.encode())

        together(some)

    def objects(self, container: str, limit: int = PAGE) -> list[str]:
        """The names of all objects in a container."""
        return listed(lambda cursor: self.store.objects(container, cursor, limit))

    def containers(self, limit: int = PAGE) -> list[str]:
        """The names of all containers of the store, other people's too."""
        return listed(lambda cursor: self.store.containers(cursor, limit))

    def clean_up(self) -> None:
        try:
            self.store.remove_all()
        finally:
            super().clean_up()
