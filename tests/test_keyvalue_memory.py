"""The key-value store in memory, and what it has in common with the others that are built in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasicloud_lab.errors import ProviderError, Unavailable
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider, add_to_counter
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.keyvalue.sqlite import SqliteStore
from wasicloud_lab.providers.keyvalue.wrappers import Cached
from wasicloud_lab.providers.page import every
from wasicloud_lab.providers.registry import open_keyvalue

NAMES = st.sampled_from(["", "\0", "a", "a\0", "a\0b", "ab", "a/b", "..", "../x", "é", "\uffff", "🐕", "after:a", "%"])
VALUES = st.one_of(st.sampled_from([b"", b"0", b"7", b"-1", b"9223372036854775807", b"dog\0"]), st.binary(max_size=20))
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
# Few buckets, so that operations meet in one.
BUCKETS = st.sampled_from(["", "a\0b", "🐕/.."])
OPERATIONS = st.one_of(
    st.tuples(st.just("get"), BUCKETS, NAMES),
    st.tuples(st.just("exists"), BUCKETS, NAMES),
    st.tuples(st.just("set"), BUCKETS, NAMES, VALUES),
    st.tuples(st.just("delete"), BUCKETS, NAMES),
    st.tuples(st.just("increment"), BUCKETS, NAMES, st.integers(-3, 3)),
    st.tuples(st.just("compare_and_swap"), BUCKETS, NAMES, st.none() | VALUES, VALUES),
    st.tuples(st.just("get_many"), BUCKETS, st.lists(NAMES, max_size=4)),
    st.tuples(st.just("set_many"), BUCKETS, PAIRS),
    st.tuples(st.just("delete_many"), BUCKETS, st.lists(NAMES, max_size=4)),
    st.tuples(st.just("keys"), BUCKETS, st.integers(1, 4)),
    st.tuples(st.just("buckets"), st.integers(1, 4)),
)


class Model:
    """What a store should do, on one dict."""

    def __init__(self) -> None:
        self.data: dict[tuple[str, str], bytes] = {}

    def get(self, bucket: str, key: str) -> bytes | None:
        return self.data.get((bucket, key))

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.data

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self.data[bucket, key] = value

    def delete(self, bucket: str, key: str) -> None:
        self.data.pop((bucket, key), None)

    def increment(self, bucket: str, key: str, delta: int) -> int:
        total = add_to_counter(self.get(bucket, key), delta)
        self.data[bucket, key] = b"%d" % total
        return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        same = self.get(bucket, key) == expected
        if same:
            self.data[bucket, key] = value
        return same

    def get_many(self, bucket: str, keys: list[str]) -> list[bytes | None]:
        return [self.get(bucket, key) for key in keys]

    def set_many(self, bucket: str, pairs: list[tuple[str, bytes]]) -> None:
        self.data.update({(bucket, key): value for key, value in pairs})

    def delete_many(self, bucket: str, keys: list[str]) -> None:
        for key in keys:
            self.delete(bucket, key)

    def keys(self, bucket: str, limit: int) -> list[str]:
        return sorted(key for where, key in self.data if where == bucket)

    def buckets(self, limit: int) -> list[str]:
        return sorted({bucket for bucket, _ in self.data})


def outcome(store: Any, name: str, arguments: list[Any]) -> Any:
    """What an operation answers; an error by its kind."""
    if name in ("keys", "buckets") and isinstance(store, KeyValueProvider):
        *bucket, limit = arguments
        return list(every(lambda cursor: getattr(store, name)(*bucket, cursor, limit)))
    try:
        return getattr(store, name)(*arguments)
    except ProviderError as error:
        return type(error)


def follow(store: KeyValueProvider, operations: list[tuple[Any, ...]]) -> None:
    model = Model()
    with closing(store):
        for name, *arguments in operations:
            assert outcome(store, name, arguments) == outcome(model, name, arguments), (name, arguments)


@settings(deadline=None)
@given(st.lists(OPERATIONS, max_size=40))
def test_any_operations_do_in_memory_what_they_do_on_a_dict(operations: list[tuple[Any, ...]]) -> None:
    follow(MemoryStore(), operations)


@settings(deadline=None)
@given(st.lists(OPERATIONS, max_size=40))
def test_any_operations_do_behind_a_cache_what_they_do_on_a_dict(operations: list[tuple[Any, ...]]) -> None:
    follow(Cached(MemoryStore(), seconds=1000, size=5), operations)


@settings(max_examples=50, deadline=None)
@given(st.lists(OPERATIONS, max_size=40))
def test_any_operations_do_in_sqlite_what_they_do_on_a_dict(operations: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        follow(SqliteStore(Path(folder) / "model.db"), operations)


def test_two_stores_share_nothing_also_when_they_have_one_name() -> None:
    one, two = open_keyvalue("memory://pets"), open_keyvalue("memory://pets")
    one.set("b", "k", b"v")
    assert two.get("b", "k") is None
    assert one.summary() == "memory 'pets'"
    assert open_keyvalue("memory://").summary() == "memory"


@pytest.mark.parametrize("url", ["memory://a/b", "memory://me@x", "memory://x:1", "memory://?size=3"])
def test_a_url_that_says_more_is_refused(url: str) -> None:
    with pytest.raises(ProviderError, match="memory"):
        open_keyvalue(url)


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_a_value_is_kept_as_it_was_when_it_was_set(make: Callable[[bytes], Any]) -> None:
    store = MemoryStore()
    mine = bytearray(b"dog")
    store.set("b", "set", make(mine))
    store.set_many("b", [("many", make(mine))])
    assert store.compare_and_swap("b", "swap", None, make(mine))
    mine[:] = b"cat"
    assert store.get_many("b", ["set", "many", "swap"]) == [b"dog"] * 3
    assert {type(value) for value in store.get_many("b", ["set", "many", "swap"])} == {bytes}


def test_what_is_no_bytes_is_not_stored() -> None:
    store = MemoryStore()
    for wrong in ("text", 5, None):
        with pytest.raises(TypeError, match="bytes-like"):
            store.set("b", "k", wrong)  # type: ignore[arg-type]
    assert store.get("b", "k") is None


def test_a_bucket_is_there_as_long_as_it_has_keys() -> None:
    store = MemoryStore()
    store.set_many("b", [("1", b""), ("2", b"")])
    store.increment("c", "n")
    assert store.buckets().items == ["b", "c"]
    store.delete("c", "n")
    store.delete_many("b", ["2", "1"])
    assert store.buckets().items == []


def test_a_key_that_came_after_a_listing_is_in_the_next() -> None:
    store = MemoryStore()
    store.set("b", "2", b"")
    assert store.keys("b").items == ["2"]
    store.set("b", "1", b"")
    assert store.keys("b").items == ["1", "2"]
    store.increment("b", "3")
    assert store.keys("b").items == ["1", "2", "3"]
    store.delete("b", "2")
    assert store.keys("b").items == ["1", "3"]


def test_a_listing_shows_each_key_that_stays_once_while_others_come_and_go() -> None:
    store = MemoryStore()
    stay = [f"stay {n:05}" for n in range(10_000)]
    store.set_many("b", [(name, b"") for name in stay])
    ended = threading.Event()

    def disturb(number: int) -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            store.set("b", f"stay {turn * 7919 % 10_000:05} {number}", b"")
            store.delete("b", f"stay {(turn - 5) * 7919 % 10_000:05} {number}")

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(disturb, number) for number in range(3)]
        try:
            for _ in range(3):
                seen = list(every(lambda cursor: store.keys("b", cursor, 1000)))
                assert [name for name in seen if len(name) == 10] == stay
                assert seen == sorted(set(seen))
        finally:
            ended.set()
        for writer in writers:
            writer.result()


def test_a_cursor_of_another_kind_of_store_is_refused() -> None:
    store = MemoryStore()
    for listing in (lambda: store.keys("b", "42"), lambda: store.buckets("42")):
        with pytest.raises(ProviderError, match="start the listing again"):
            listing()


def test_sixteen_threads_count_to_the_exact_sum() -> None:
    store = MemoryStore()
    with ThreadPoolExecutor(16) as pool:
        for work in [pool.submit(lambda: [store.increment("b", "n") for _ in range(500)]) for _ in range(16)]:
            work.result()
    assert store.get("b", "n") == b"8000"


def test_of_sixteen_swaps_of_one_value_one_wins() -> None:
    store = MemoryStore()
    with ThreadPoolExecutor(16) as pool:
        for turn in range(50):
            swaps = [pool.submit(store.compare_and_swap, "b", str(turn), None, b"%d" % n) for n in range(16)]
            assert sum(swap.result() for swap in swaps) == 1


CALLS: list[Callable[[KeyValueProvider], object]] = [
    lambda store: store.get("b", "k"),
    lambda store: store.set("b", "k", b"v"),
    lambda store: store.delete("b", "k"),
    lambda store: store.exists("b", "k"),
    lambda store: store.keys("b"),
    lambda store: store.buckets(),
    lambda store: store.increment("b", "n"),
    lambda store: store.compare_and_swap("b", "k", None, b"v"),
    lambda store: store.get_many("b", ["k"]),
    lambda store: store.set_many("b", [("k", b"v")]),
    lambda store: store.delete_many("b", ["k"]),
    lambda store: store.ping(),
]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "cached"])
def test_a_closed_store_is_unavailable(kind: str, tmp_path: Path) -> None:
    store: KeyValueProvider = SqliteStore(tmp_path / "x.db") if kind == "sqlite" else MemoryStore("pets")
    if kind == "cached":
        store = Cached(store, seconds=1000)
    store.set("b", "k", b"v")
    store.get("b", "k")
    store.keys("b")
    store.close()
    store.close()
    for call in CALLS:
        with pytest.raises(Unavailable, match="has been closed"):
            call(store)
