"""Providers that stand before another one: what they change, and that they change nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest

from wasicloud_lab.errors import Denied, NotFound, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore import wrappers as blob
from wasicloud_lab.providers.blobstore.base import CHUNK, BlobstoreProvider, ObjectInfo, Writer, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue import wrappers as kv
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page, every

AN_HOUR = 3600.0

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


@contextmanager
def elsewhere(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Something that goes on in another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


class Gate:
    """Where a store's operation stands still until the test has done something else."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def hold(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)


# --- all of them -------------------------------------------------------------------------------------------


def test_the_lists_above_name_every_operation_there_is() -> None:
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


# --- latency -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda inner: kv.Latency(inner, AN_HOUR), lambda inner: kv.Troubled(inner, AN_HOUR)])
def test_an_operation_waits_first_and_closing_ends_the_waiting(wrap: Callable[[Any], Any]) -> None:
    inner = watched(MemoryStore())
    store = wrap(inner)
    with elsewhere(lambda: store.set("b", "k", b"v")) as waiting:
        store.close()
        with pytest.raises(Unavailable, match="was closed"):
            waiting.result(30)
    assert [name for name, _ in inner.calls if name != "summary"] == ["close"]


def test_a_short_latency_ends_by_itself() -> None:
    store = kv.Latency(MemoryStore(), 0.001, jitter=0.001)
    store.set("b", "k", b"v")
    assert store.get("b", "k") == b"v"


@pytest.mark.parametrize("wrap", [lambda inner: blob.Latency(inner, 0), blob.Troubled])
def test_a_read_waits_again_for_its_first_chunk_and_a_write_for_its_commit(wrap: Callable[[Any], Any]) -> None:
    def slow(store: Any) -> None:
        setattr(store, "seconds" if isinstance(store, blob.Latency) else "latency", AN_HOUR)

    def stuck(store: Any, work: Callable[[], object]) -> None:
        with elsewhere(work) as waiting:
            store.close()
            with pytest.raises(Unavailable, match="was closed"):
                waiting.result(30)

    inner = blobstore()
    put(inner, "c", "big", bytes(2 * CHUNK))
    store = wrap(inner)
    chunks, under_way = store.read("c", "big"), store.read("c", "big")
    size = len(next(under_way))
    slow(store)
    assert size + sum(map(len, under_way)) == 2 * CHUNK  # further chunks come at once
    stuck(store, lambda: next(chunks))

    inner = blobstore()
    store = wrap(inner)
    writer = store.write("c", "o")
    slow(store)
    writer.write(b"cats")
    stuck(store, writer.commit)


# --- failures ----------------------------------------------------------------------------------------------


def fails(work: Callable[[], object]) -> bool:
    try:
        work()
    except Unavailable:
        return True
    return False


def test_that_share_of_operations_fails_and_with_a_seed_the_same_ones() -> None:
    def thousand(seed: int) -> list[bool]:
        store = kv.Failing(MemoryStore(), 0.2, seed)
        failed = [fails(lambda: store.increment("b", "n")) for _ in range(1000)]
        assert store.inner.get("b", "n") == b"%d" % failed.count(False)  # who fails has done nothing
        return failed

    assert thousand(1) == thousand(1) != thousand(2)
    assert 150 < sum(thousand(1)) < 250


def test_a_failure_names_the_store_and_says_that_it_is_meant() -> None:
    store = kv.Failing(MemoryStore("pets"), 1)
    with pytest.raises(Unavailable, match=r"^memory 'pets' fails on purpose \(Failing, 100 %\)$"):
        store.get("b", "k")
    store.ping()
    troubled = kv.Troubled(MemoryStore("pets"), failure_rate=1)
    with pytest.raises(Unavailable, match=r"^memory 'pets' fails on purpose \(failure_rate, 100 %\)$"):
        troubled.get("b", "k")
    troubled.ping()


@pytest.mark.parametrize(
    "wrap", [lambda inner: blob.Failing(inner, 1), lambda inner: blob.Troubled(inner, failure_rate=1)]
)
@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_a_stream_that_fails_does_so_at_its_beginning_or_on_its_way(wrap: Callable[[Any], Any], chunks: int) -> None:
    inner = blobstore()
    put(inner, "c", "big", bytes(CHUNK) * chunks)
    store = wrap(inner)
    read, written = set(), set()
    for _ in range(100):
        came = went = -1
        with pytest.raises(Unavailable, match="on purpose"):
            reader = store.read("c", "big")
            came = 0
            for _ in reader:
                came += 1
        with pytest.raises(Unavailable, match="on purpose"), store.write("c", "o") as writer:
            went = 0
            for _ in range(chunks):
                writer.write(b"cats")
                went += 1
        read.add(came)
        written.add(went)
    places = {0: {-1, 0}, 1: {-1, 0, 1}, 3: {-1, 0, 1}}[chunks]
    assert read == written == places
    assert fetch(inner, "c", "o") == b"dogs"  # what was there before a failed write is there still


def test_the_share_of_failing_streams_is_that_of_the_rate() -> None:
    store = blob.Failing(blobstore(), 0.2, seed=3)
    assert 150 < sum(fails(lambda: fetch(store, "c", "o")) for _ in range(1000)) < 250


def test_a_store_is_switched_off_and_on_while_it_is_used() -> None:
    store = kv.Troubled(MemoryStore("pets"))
    store.set("b", "k", b"v")
    store.down = True
    for call in (lambda: store.get("b", "k"), lambda: store.set("b", "k", b"w"), store.ping):
        with pytest.raises(Unavailable, match=r"^memory 'pets' is switched off \(down=True\)$"):
            call()
    assert store.summary() == "memory 'pets', switched off"
    store.down = False
    assert store.get("b", "k") == b"v"
    store.latency, store.failure_rate = 0.05, 0.1
    assert store.summary() == "memory 'pets', 50 ms slower, 10 % fail"
    with pytest.raises(ValueError, match="failure_rate"):
        store.failure_rate = 2
    assert store.failure_rate == 0.1


def test_switched_off_in_the_middle_of_an_object_the_next_chunk_fails() -> None:
    inner = blobstore()
    put(inner, "c", "big", bytes(3 * CHUNK))
    store = blob.Troubled(inner)
    reader, writer = store.read("c", "big"), store.write("c", "o")
    next(reader)
    writer.write(b"cats")
    late = store.write("c", "o")
    store.down = True
    for step in (lambda: next(reader), lambda: writer.write(b"more"), late.commit):
        with pytest.raises(Unavailable, match="switched off"):
            step()
    writer.abort()
    store.down = False
    assert list(reader) == []  # a reader that has failed has no more
    assert fetch(store, "c", "o") == b"dogs"


# --- the log -----------------------------------------------------------------------------------------------


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
    assert store.records[5].error == "Unavailable: memory is switched off (down=True)"
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
    down = f"Unavailable: {inner.summary()} is switched off (down=True)"
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


# --- read-only and renamed -----------------------------------------------------------------------------------


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


# --- the cache ---------------------------------------------------------------------------------------------


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


def test_a_writer_whose_commit_fails_is_aborted() -> None:
    ended: list[str] = []

    class Watched(Writer):
        def write(self, data: bytes) -> None:
            pass

        def commit(self) -> None:
            ended.append("commit")

        def abort(self) -> None:
            ended.append("abort")

    class Opening(MemoryBlobstore):
        def write(self, container: str, name: str) -> Writer:
            return Watched()

    store = blob.Troubled(Opening())
    with pytest.raises(Unavailable), store.write("c", "o"):
        store.down = True
    assert ended == ["abort"]
