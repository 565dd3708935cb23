"""Providers that stand before another one: what they change, and that they change nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.watched_stores import (
    BLOBSTORE_CALLS,
    BLOBSTORE_CHANGES,
    KEYVALUE_CALLS,
    KEYVALUE_CHANGES,
    blobstore,
    methods,
    watched,
)
from wasicloud_lab.errors import Denied, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore import wrappers as blob
from wasicloud_lab.providers.blobstore.base import CHUNK, BlobstoreProvider, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue import wrappers as kv
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page, every

KEYVALUE_WRAPPERS: list[Callable[[KeyValueProvider], KeyValueProvider]] = [
    lambda inner: kv.Latency(inner, 0),
    lambda inner: kv.Failing(inner, 0),
    lambda inner: kv.Troubled(inner),
    lambda inner: kv.Logged(inner),
    lambda inner: kv.Cached(inner),
    lambda inner: kv.Renamed(inner, {}),
    lambda inner: kv.ReadOnly(inner),
]


BLOBSTORE_WRAPPERS: list[Callable[[BlobstoreProvider], BlobstoreProvider]] = [
    lambda inner: blob.Latency(inner, 0),
    lambda inner: blob.Failing(inner, 0),
    lambda inner: blob.Troubled(inner),
    lambda inner: blob.Logged(inner),
    lambda inner: blob.Cached(inner),
    lambda inner: blob.Renamed(inner, {}),
    lambda inner: blob.ReadOnly(inner),
]


# --- all of them -------------------------------------------------------------------------------------


def test_the_lists_of_calls_name_every_operation_there_is() -> None:
    assert set(KEYVALUE_CALLS) == methods(KeyValueProvider)
    assert set(BLOBSTORE_CALLS) == methods(BlobstoreProvider)


@pytest.mark.parametrize("operation", KEYVALUE_CALLS)
@pytest.mark.parametrize("wrap", KEYVALUE_WRAPPERS)
def test_each_keyvalue_operation_is_the_inner_providers_own(wrap: Callable[[Any], Any], operation: str) -> None:
    inner, plain = watched(MemoryStore()), MemoryStore()
    wrapper, arguments = wrap(inner), KEYVALUE_CALLS[operation]
    assert isinstance(wrapper, KeyValueProvider)
    assert wrapper.inner is inner
    if isinstance(wrapper, kv.ReadOnly) and operation in KEYVALUE_CHANGES:
        with pytest.raises(Denied, match=f"memory is linked read-only: {operation} is refused"):
            getattr(wrapper, operation)(*arguments)
        assert [name for name, _ in inner.calls] == ["summary"]
        return
    answer = getattr(wrapper, operation)(*arguments)
    assert inner.calls == [(operation, arguments)]
    expected = getattr(plain, operation)(*arguments)
    assert answer.startswith(expected) if operation == "summary" else answer == expected


@pytest.mark.parametrize("operation", BLOBSTORE_CALLS)
@pytest.mark.parametrize("wrap", BLOBSTORE_WRAPPERS)
def test_each_blobstore_operation_is_the_inner_providers_own(wrap: Callable[[Any], Any], operation: str) -> None:
    inner, plain = watched(blobstore()), blobstore()
    wrapper, arguments = wrap(inner), BLOBSTORE_CALLS[operation]
    assert isinstance(wrapper, BlobstoreProvider)
    assert wrapper.inner is inner
    if isinstance(wrapper, blob.ReadOnly) and operation in BLOBSTORE_CHANGES:
        with pytest.raises(Denied, match=f"is linked read-only: {operation} is refused"):
            getattr(wrapper, operation)(*arguments)
        assert [name for name, _ in inner.calls] == ["summary"]
        return
    answer = getattr(wrapper, operation)(*arguments)
    assert [name for name, _ in inner.calls] == [operation]
    if operation != "containers" or not isinstance(wrapper, blob.Renamed):  # which has an order of its own to keep
        assert inner.calls == [(operation, arguments)]
    expected = getattr(plain, operation)(*arguments)
    if operation == "read":
        assert b"".join(answer) == b"".join(expected) == b"og"
    elif operation == "write":
        with answer as writer:
            writer.write(b"cats")
        assert fetch(inner.real, "c", "o") == b"cats"
    elif operation == "summary":
        assert answer.startswith(expected)
    elif isinstance(answer, tuple) and not isinstance(answer, Page):
        assert answer._replace(created_at=0) == expected._replace(created_at=0)
    else:
        assert answer == expected


def test_what_the_inner_provider_says_of_itself_holds_also_when_it_changes() -> None:
    store, objects = MemoryStore(), MemoryBlobstore()
    stack = kv.Logged(kv.Renamed(store, {}))
    assert (stack.value_limit, stack.lists_twice) == (None, False)
    store.value_limit, store.lists_twice = 7, True
    assert (stack.value_limit, stack.lists_twice) == (7, True)
    outer = blob.Logged(blob.Cached(objects))
    assert outer.object_limit is None
    objects.object_limit = 9
    assert outer.object_limit == 9


def test_they_stack_and_say_so_in_a_line() -> None:
    store = kv.Latency(kv.Failing(kv.Logged(kv.Cached(MemoryStore(), 2.5)), 0.2), 0.05)
    assert store.summary() == "memory, cached for 2.5 s, logged, 20 % fail, 50 ms slower"
    assert repr(store) == "<memory, cached for 2.5 s, logged, 20 % fail, 50 ms slower>"
    assert kv.Renamed(kv.ReadOnly(MemoryStore()), {"a": "b"}).summary() == "memory, read-only, 1 bucket renamed"
    objects = blob.Renamed(blob.Latency(MemoryBlobstore(), 2), {"a": "b", "c": "d"})
    assert objects.summary().endswith(", 2 s slower, 2 containers renamed")


@pytest.mark.parametrize("wrong", ["redis://localhost", None, MemoryBlobstore])
def test_what_is_no_provider_of_that_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"Logged wraps a key-value provider, not"):
        kv.Logged(wrong)
    with pytest.raises(TypeError, match=r"Latency wraps a blobstore provider, not MemoryStore"):
        blob.Latency(MemoryStore(), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: kv.Latency(inner, -1),
        lambda inner: kv.Latency(inner, float("nan")),
        lambda inner: kv.Latency(inner, 1, jitter=float("inf")),
        lambda inner: kv.Failing(inner, 1.5),
        lambda inner: kv.Failing(inner, float("nan")),
        lambda inner: kv.Troubled(inner, latency=-1),
        lambda inner: kv.Troubled(inner, failure_rate=20),
        lambda inner: kv.Cached(inner, seconds=-1),
        lambda inner: kv.Cached(inner, size=0),
        lambda inner: kv.Renamed(inner, {"a": "x", "b": "x"}),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(make: Callable[[KeyValueProvider], object]) -> None:
    with pytest.raises(ValueError):
        make(MemoryStore())


# --- read-only and renamed ---------------------------------------------------------------------------


def test_renamed_buckets_are_found_under_the_guests_names() -> None:
    inner = MemoryStore()
    for bucket in ("prod-animals", "animals", "users"):
        inner.set(bucket, "k", bucket.encode())
    store = kv.Renamed(inner, {"animals": "prod-animals", "visits": "prod-visits"})
    assert store.get("animals", "k") == b"prod-animals"
    assert store.get("users", "k") == b"users"
    store.set("visits", "k", b"1")
    assert inner.get("prod-visits", "k") == b"1"
    # `animals` of the store can't be reached from here, and is not listed under somebody else's name.
    assert sorted(every(lambda cursor: store.buckets(cursor, 1))) == ["animals", "users", "visits"]
    with pytest.raises(ProviderError, match=r"'prod-animals' of the store is called 'animals' here"):
        store.get("prod-animals", "k")
    with pytest.raises(ProviderError, match="'prod-visits'"):
        store.set("prod-visits", "k", b"2")


def test_two_names_may_change_places() -> None:
    inner = MemoryStore()
    inner.set("a", "k", b"in a")
    store = kv.Renamed(inner, {"a": "b", "b": "a"})
    assert store.get("b", "k") == b"in a"
    assert store.get("a", "k") is None
    assert store.buckets().items == ["b"]


def test_renamed_containers_are_listed_in_the_order_of_their_new_names() -> None:
    inner = MemoryBlobstore()
    for name in ("a", "b", "c", "z"):
        inner.create_container(name)
    store = blob.Renamed(inner, {"y": "a", "b": "q"})
    assert list(every(lambda cursor: store.containers(cursor, 1))) == ["c", "y", "z"]
    assert store.containers(None, 2) == Page(["c", "y"], store.containers(None, 2).cursor)
    put(store, "y", "o", b"dogs")
    assert store.container_info("y").name == "y"
    assert store.create_container("b").name == "b"
    assert inner.container_exists("q")
    info = store.object_info("y", "o")
    assert (info.container, info.name) == ("y", "o")
    store.copy_object("y", "o", "b", "o")
    store.move_object("y", "o", "c", "p")
    assert fetch(inner, "q", "o") == fetch(inner, "c", "p") == b"dogs"
    assert not inner.object_exists("a", "o")
    with pytest.raises(ProviderError, match="the container 'a' of the store is called 'y' here"):
        store.container_exists("a")


def test_a_read_only_blobstore_is_read_as_before() -> None:
    store = blob.ReadOnly(blobstore())
    assert fetch(store, "c", "o") == b"dogs"
    assert store.objects("c").items == ["o"]
    assert store.summary().endswith(", read-only")


# --- the log -----------------------------------------------------------------------------------------


def test_each_operation_is_noted_with_its_bytes_and_its_error() -> None:
    told: list[kv.Record] = []
    store = kv.Logged(kv.Troubled(MemoryStore()), told.append)
    store.set("pets", "ricochet", b"dog")
    store.get("pets", "ricochet")
    store.get_many("pets", ["ricochet", "none"])
    store.set_many("pets", ((name, b"cat") for name in ("a", "b")))
    store.compare_and_swap("pets", "a", b"cat", b"lion")
    store.inner.down = True  # type: ignore[attr-defined]
    with pytest.raises(Unavailable):
        store.get("pets", "ricochet")
    shown = [(each.operation, each.bucket, each.key, each.bytes) for each in store.records]
    assert shown == [
        ("set", "pets", "ricochet", 3),
        ("get", "pets", "ricochet", 3),
        ("get_many", "pets", "2 keys", 3),
        ("set_many", "pets", "2 keys", 6),
        ("compare_and_swap", "pets", "a", 4),
        ("get", "pets", "ricochet", 0),
    ]
    assert [each.error for each in store.records[:5]] == [None] * 5
    assert store.records[5].error == "Unavailable: memory is switched off"
    assert all(each.time > 1.6e9 and each.seconds >= 0 for each in told)
    assert told == store.records


def test_the_last_thousand_are_kept() -> None:
    store = kv.Logged(MemoryStore())
    for n in range(1500):
        store.get("b", str(n))
    assert [each.key for each in store.records] == [str(n) for n in range(500, 1500)]


def test_a_stream_is_one_operation_noted_at_its_end() -> None:
    inner = blobstore()
    put(inner, "c", "big", bytes(2 * CHUNK))
    trouble = blob.Troubled(inner)
    store = blob.Logged(trouble)
    reader, cut, broken, dropped = (store.read("c", "big") for _ in range(4))
    assert store.records == []
    assert sum(map(len, reader)) == 2 * CHUNK
    next(cut)
    cut.close()  # type: ignore[attr-defined]
    next(broken)
    del dropped
    with store.write("c", "new") as writer:
        writer.write(b"dog")
        writer.write(b"cat")
    given_up = store.write("c", "new")
    given_up.write(b"x")
    given_up.abort()
    trouble.down = True
    with pytest.raises(Unavailable):
        next(broken)
    with pytest.raises(Unavailable):
        store.read("c", "big")
    trouble.down = False
    with pytest.raises(Unavailable), store.write("c", "new") as writer:
        trouble.down = True
        writer.write(b"more")
    down = f"Unavailable: {inner.summary()} is switched off"
    assert [(each.operation, each.name, each.bytes, each.error) for each in store.records] == [
        ("read", "big", 2 * CHUNK, None),
        ("read", "big", CHUNK, None),
        ("read", "big", 0, None),
        ("write", "new", 6, None),
        ("write", "new", 1, "aborted"),
        ("read", "big", CHUNK, down),
        ("read", "big", 0, down),
        ("write", "new", 0, down),
    ]
    assert {each.container for each in store.records} == {"c"}


def test_it_draws_itself_as_a_table_whatever_the_names_are() -> None:
    store = kv.Logged(MemoryStore("<i>"))
    store.set("<script>", "a\nb" + "x" * 100, b"a horse")
    with pytest.raises(ProviderError):
        store.increment("<script>", "a\nb" + "x" * 100)
    for n in range(18):
        store.get("later", str(n))
    html, text = store._repr_html_(), str(store)
    assert html.startswith("<table>")
    assert html.count("<tr>") == 21
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    assert "ProviderError: the value" in html
    assert len(text.splitlines()) == 22
    assert text.splitlines()[0] == "memory '<i>', logged"
    assert "<script> / a\N{REPLACEMENT CHARACTER}bxxx" in text
    store.get("newest", "one")
    assert "<script>" in str(store)
    store.get("newest", "two")
    assert "<script>" not in str(store)  # the last ones are shown


def test_a_password_in_another_providers_message_is_not_noted() -> None:
    class Careless(MemoryStore):
        def get(self, bucket: str, key: str) -> bytes | None:
            raise ProviderError("redis://me:hush@localhost does not answer")

    store = kv.Logged(Careless())
    with pytest.raises(ProviderError):
        store.get("b", "k")
    assert store.records[0].error == "ProviderError: redis://me:***@localhost does not answer"
