"""Stores for wrappers to stand before: each call of theirs is noted, and here is one call of each that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider

KEYVALUE_CALLS: dict[str, tuple[Any, ...]] = {
    "get": ("b", "k"),
    "set": ("b", "k", b"v"),
    "delete": ("b", "k"),
    "keys": ("b", None, 7),
    "buckets": (None, 7),
    "exists": ("b", "k"),
    "increment": ("b", "n", 2),
    "compare_and_swap": ("b", "k", None, b"v"),
    "get_many": ("b", ["k"]),
    "set_many": ("b", [("k", b"v")]),
    "delete_many": ("b", ["k"]),
    "ping": (),
    "summary": (),
    "close": (),
}
KEYVALUE_CHANGES = "set delete increment compare_and_swap set_many delete_many".split()
BLOBSTORE_CALLS: dict[str, tuple[Any, ...]] = {
    "create_container": ("new",),
    "container_info": ("c",),
    "container_exists": ("c",),
    "delete_container": ("c",),
    "clear_container": ("c",),
    "containers": (None, 7),
    "objects": ("c", None, 7),
    "object_info": ("c", "o"),
    "object_exists": ("c", "o"),
    "read": ("c", "o", 1, 2),
    "write": ("c", "o"),
    "delete_object": ("c", "o"),
    "delete_objects": ("c", ["o"]),
    "copy_object": ("c", "o", "c", "p"),
    "move_object": ("c", "o", "c", "p"),
    "ping": (),
    "summary": (),
    "close": (),
}
BLOBSTORE_CHANGES = (
    "create_container delete_container clear_container write delete_object delete_objects copy_object move_object"
).split()


def methods(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")}


class Seen:
    """Passes calls on to a provider and remembers them: an inner provider to look over the shoulder of."""

    def __init__(self, inner: Any) -> None:
        self.real, self.calls = inner, list[tuple[str, tuple[Any, ...]]]()

    def passed_on(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return getattr(self.real, name)(*arguments)

        return call


def watched(real: KeyValueProvider | BlobstoreProvider) -> Any:
    """The provider with each call noted in `.calls`; of its own kind, as wrappers want it."""
    base = KeyValueProvider if isinstance(real, KeyValueProvider) else BlobstoreProvider

    def __getattribute__(self: Any, name: str) -> Any:
        if name in methods(base):
            return Seen.passed_on(self, name)
        return object.__getattribute__(self, name)

    return type("Watched", (Seen, base), {"__getattribute__": __getattribute__})(real)


def blobstore() -> MemoryBlobstore:
    store = MemoryBlobstore()
    store.create_container("c")
    put(store, "c", "o", b"dogs")
    return store
