"""A cache before a store: what it answers by itself, and that no change is hidden by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.threads import Gate, elsewhere
from tests.watched_stores import KEYVALUE_CALLS, KEYVALUE_CHANGES, blobstore, watched
from wasicloud_lab.errors import NotFound, Unavailable
from wasicloud_lab.providers.blobstore import wrappers as blob
from wasicloud_lab.providers.blobstore.base import CHUNK, BlobstoreProvider, ObjectInfo, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue import wrappers as kv
from wasicloud_lab.providers.keyvalue.memory import MemoryStore

# --- keys --------------------------------------------------------------------------------------------


def test_what_was_read_is_answered_without_asking_again() -> None:
    inner = watched(MemoryStore())
    inner.real.set("b", "k", b"v")
    store = kv.Cached(inner, seconds=1000)
    assert [store.get("b", "k") for _ in range(3)] == [b"v"] * 3
    assert [store.get("b", "none") for _ in range(3)] == [None] * 3
    assert store.exists("b", "k")
    assert not store.exists("b", "none")
    assert store.get_many("b", ["k", "other", "k", "none"]) == [b"v", None, b"v", None]
    assert store.get("b", "other") is None
    assert inner.calls == [("get", ("b", "k")), ("get", ("b", "none")), ("get_many", ("b", ["other"]))]
    assert (store.hits, store.misses) == (9, 3)


def test_an_answer_is_good_for_its_time_only() -> None:
    inner = MemoryStore()
    now, never = kv.Cached(inner, seconds=1000), kv.Cached(inner, seconds=0)
    for store in (now, never):
        assert store.get("b", "k") is None
    inner.set("b", "k", b"v")
    assert now.get("b", "k") is None
    assert never.get("b", "k") == b"v"


def test_so_many_answers_are_kept_and_none_that_is_big() -> None:
    inner = watched(MemoryStore())
    store = kv.Cached(inner, seconds=1000, size=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        store.get("x", key)
    assert [arguments[1] for _, arguments in inner.calls] == ["a", "b", "c", "b"]
    inner.real.set("x", "big", bytes(64 * 1024 + 1))
    inner.real.set("x", "fits", bytes(64 * 1024))
    inner.calls.clear()
    for key in ("big", "big", "fits", "fits"):
        store.get("x", key)
    assert [arguments[1] for _, arguments in inner.calls] == ["big", "big", "fits"]


@pytest.mark.parametrize("operation", KEYVALUE_CHANGES)
def test_a_change_is_seen_at_once(operation: str) -> None:
    plain = MemoryStore()
    store = kv.Cached(MemoryStore(), seconds=1000)
    for each in (plain, store):
        each.set("b", "n", b"5")
        each.get("b", "n")
        each.get("b", "k")
        each.compare_and_swap("b", "k", None, b"old") if operation.startswith("delete") else None
        each.get("b", "k")
        getattr(each, operation)(*KEYVALUE_CALLS[operation])
    assert store.get_many("b", ["k", "n"]) == plain.get_many("b", ["k", "n"])


def test_a_change_that_failed_half_way_is_seen_too() -> None:
    class HalfWay(MemoryStore):
        def set(self, bucket: str, key: str, value: bytes) -> None:
            super().set(bucket, key, value)
            raise Unavailable("no answer")

    store = kv.Cached(HalfWay(), seconds=1000)
    assert store.get("b", "k") is None
    with pytest.raises(Unavailable):
        store.set("b", "k", b"v")
    assert store.get("b", "k") == b"v"


@pytest.mark.parametrize("read", ["get", "get_many"])
def test_an_old_value_that_arrives_after_a_change_is_not_kept(read: str) -> None:
    class Slow(MemoryStore):
        def get(self, bucket: str, key: str) -> bytes | None:
            value = super().get(bucket, key)
            if not gate.opened.is_set():
                gate.hold()
            return value

        def get_many(self, bucket: str, keys: Any) -> list[bytes | None]:
            return [self.get(bucket, key) for key in keys]

    gate = Gate()
    store = kv.Cached(Slow(), seconds=1000)
    store.set("b", "k", b"old")
    with elsewhere(lambda: store.get("b", "k") if read == "get" else store.get_many("b", ["k"])[0]) as reading:
        assert gate.reached.wait(30)
        store.set("b", "k", b"new")
        gate.opened.set()
        assert reading.result(30) == b"old"
    assert store.get("b", "k") == b"new"


def test_a_counter_behind_a_cache_never_goes_back_for_who_has_seen_it() -> None:
    store = kv.Cached(MemoryStore(), seconds=1000)

    def work() -> None:
        for _ in range(300):
            mine = store.increment("b", "n")
            seen = int(store.get("b", "n") or b"0")
            assert seen >= mine

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    assert store.get("b", "n") == b"2400"


# --- objects -----------------------------------------------------------------------------------------


def test_small_objects_are_answered_without_asking_again_parts_too() -> None:
    inner = watched(blobstore())
    put(inner.real, "c", "empty", b"")
    put(inner.real, "c", "big", bytes(64 * 1024 + 1))
    put(inner.real, "c", "fits", bytes(64 * 1024))
    store = blob.Cached(inner, seconds=1000)
    for _ in range(2):
        assert fetch(store, "c", "o") == b"dogs"
        assert fetch(store, "c", "empty") == b""
        assert len(fetch(store, "c", "big")) == 64 * 1024 + 1
        assert len(fetch(store, "c", "fits")) == 64 * 1024
        assert store.object_info("c", "o").size == 4
        assert store.object_exists("c", "o")
    for start, end in ((0, 0), (1, 2), (2, None), (3, 100), (4, None), (9, 12)):
        assert b"".join(store.read("c", "o", start, end)) == b"dogs"[start : None if end is None else end + 1]
    asked = [(name, arguments[1]) for name, arguments in inner.calls]
    reads = [("read", name) for name in ("o", "empty", "big", "fits")]
    assert asked == [*reads, ("object_info", "o"), ("read", "big")]
    assert (store.hits, store.misses) == (3 + 6 + 1 + 2, 6)


def test_what_is_not_there_is_asked_for_each_time() -> None:
    store = blob.Cached(blobstore(), seconds=1000)
    for call in (lambda: store.object_info("c", "none"), lambda: store.read("c", "none")):
        with pytest.raises(NotFound):
            call()
    assert not store.object_exists("c", "none")
    put(store.inner, "c", "none", b"here")
    assert store.object_info("c", "none").size == 4
    assert fetch(store, "c", "none") == b"here"


CHANGES_OF_O: dict[str, Callable[[BlobstoreProvider], object]] = {
    "write": lambda store: put(store, "c", "o", b"a cat"),
    "delete": lambda store: store.delete_object("c", "o"),
    "delete several": lambda store: store.delete_objects("c", ["other", "o"]),
    "copy over it": lambda store: store.copy_object("c", "other", "c", "o"),
    "move over it": lambda store: store.move_object("c", "other", "c", "o"),
    "move away": lambda store: store.move_object("c", "o", "c", "new"),
    "clear": lambda store: store.clear_container("c"),
    "delete all": lambda store: store.delete_container("c"),
}


@pytest.mark.parametrize("change", CHANGES_OF_O)
def test_a_change_of_an_object_is_seen_at_once(change: str) -> None:
    def look(store: BlobstoreProvider) -> object:
        try:
            return store.object_info("c", "o").size, fetch(store, "c", "o")
        except NotFound:
            return None

    inner = blobstore()
    put(inner, "c", "other", b"a horse")
    store = blob.Cached(inner, seconds=1000)
    before = look(store)
    fetch(store, "c", "other")
    CHANGES_OF_O[change](store)
    assert look(store) == look(inner) != before
    assert store.inner.objects("c").items == inner.objects("c").items if change != "delete all" else True


def test_an_old_object_that_arrives_after_a_change_is_not_kept() -> None:
    class Slow(MemoryBlobstore):
        def object_info(self, container: str, name: str) -> ObjectInfo:
            info = super().object_info(container, name)
            if not gate.opened.is_set():
                gate.hold()
            return info

    gate = Gate()
    store = blob.Cached(Slow(), seconds=1000)
    store.create_container("c")
    put(store, "c", "o", b"dogs")
    with elsewhere(lambda: store.object_info("c", "o")) as reading:
        assert gate.reached.wait(30)
        put(store, "c", "o", b"a horse")
        gate.opened.set()
        assert reading.result(30).size == 4
    assert store.object_info("c", "o").size == 7


@pytest.mark.parametrize("first", ["info", "bytes"])
def test_size_and_bytes_are_never_of_two_versions(first: str) -> None:
    store = blob.Cached(blobstore(), seconds=1000)
    looks: list[Callable[[], int]] = [
        lambda: store.object_info("c", "o").size,
        lambda: len(fetch(store, "c", "o")),
    ]
    if first == "bytes":
        looks.reverse()
    assert looks[0]() == 4
    put(store.inner, "c", "o", b"a horse")  # by somebody else
    assert looks[1]() == 7
    assert looks[0]() == 7


def test_a_reader_of_a_big_object_behind_a_cache_lets_go_when_closed() -> None:
    closed: list[bool] = []

    class Holding(MemoryBlobstore):
        def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            def chunks() -> Iterator[bytes]:
                try:
                    for _ in range(3):
                        yield bytes(CHUNK)
                finally:
                    closed.append(True)

            return chunks()

    store = blob.Logged(blob.Cached(Holding()))
    reader = store.read("c", "o")
    next(reader)
    assert not closed
    with closing(reader):  # type: ignore[type-var]
        pass
    assert closed == [True]
