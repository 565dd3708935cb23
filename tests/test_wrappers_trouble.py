"""Wrappers that make a store slow, failing or switched off: when they do, and what is left of a stream then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.threads import elsewhere
from tests.watched_stores import blobstore, watched
from wasicloud_lab.errors import Unavailable
from wasicloud_lab.providers.blobstore import wrappers as blob
from wasicloud_lab.providers.blobstore.base import CHUNK, Writer, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue import wrappers as kv
from wasicloud_lab.providers.keyvalue.memory import MemoryStore

AN_HOUR = 3600.0


# --- latency -----------------------------------------------------------------------------------------


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


# --- failures ----------------------------------------------------------------------------------------


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
        with pytest.raises(Unavailable, match=r"^memory 'pets' is switched off$"):
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
