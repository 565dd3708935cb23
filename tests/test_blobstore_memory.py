"""The blobstore in memory."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.blob_model import (
    check_closed,
    check_history,
    check_odd_names,
    check_ranges,
    check_versions_do_not_mix,
    histories,
)
from wasicloud_lab.errors import NotFound, ProviderError
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.page import every
from wasicloud_lab.providers.registry import open_blobstore


@pytest.fixture
def store() -> MemoryBlobstore:
    return MemoryBlobstore()


@settings(deadline=None)
@given(histories)
def test_it_does_what_a_dict_of_dicts_would(history: list[tuple]) -> None:  # type: ignore[type-arg]
    check_history(MemoryBlobstore(), history)


def test_any_names(store: MemoryBlobstore) -> None:
    check_odd_names(store)


def test_ranges(store: MemoryBlobstore) -> None:
    check_ranges(store)


def test_threads_see_whole_versions(store: MemoryBlobstore) -> None:
    check_versions_do_not_mix(store, 4 * CHUNK, 20)


@settings(deadline=None)
@given(
    pieces=st.lists(st.integers(0, 3).flatmap(lambda power: st.integers(0, 100 * 40**power)), max_size=6),
    start=st.integers(0, 10_000_000),
    length=st.integers(0, 10_000_000),
)
def test_any_range_of_pieces_of_any_size(pieces: list[int], start: int, length: int) -> None:
    store = MemoryBlobstore()
    store.create_container("c")
    data = bytearray()
    with store.write("c", "o") as writer:
        for at, size in enumerate(pieces):
            piece = bytes([at + 1]) * size
            data += piece
            writer.write(piece)
    start = start % (len(data) + 2)
    chunks = list(store.read("c", "o", start, start + length))
    assert b"".join(chunks) == data[start : start + length + 1]
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)


def test_what_a_caller_does_with_its_buffer_later_changes_nothing(store: MemoryBlobstore) -> None:
    store.create_container("c")
    buffer = bytearray(b"x" * 100_000)
    with store.write("c", "o") as writer:
        writer.write(buffer)
        buffer[:] = b"y" * 100_000
        small = bytearray(b"z")
        writer.write(small)
        small[:] = b"!"
    assert fetch(store, "c", "o") == b"x" * 100_000 + b"z"


def test_a_reader_keeps_its_version_through_overwriting_deletion_and_close(store: MemoryBlobstore) -> None:
    store.create_container("c")
    put(store, "c", "o", b"a" * (3 * CHUNK))
    first, second, third = (store.read("c", "o") for _ in range(3))
    put(store, "c", "o", b"b")
    assert b"".join(first) == b"a" * (3 * CHUNK)
    store.delete_container("c")
    assert b"".join(second) == b"a" * (3 * CHUNK)
    store.close()
    assert b"".join(third) == b"a" * (3 * CHUNK)


def test_nothing_is_seen_before_the_commit(store: MemoryBlobstore) -> None:
    store.create_container("c")
    writer = store.write("c", "o")
    writer.write(b"new")
    assert not store.object_exists("c", "o")
    writer.commit()
    assert fetch(store, "c", "o") == b"new"
    for again in (writer.commit, lambda: writer.write(b"more")):
        with pytest.raises(ProviderError, match=r"already|nothing can be added"):
            again()
    writer.abort()
    assert fetch(store, "c", "o") == b"new"


def test_a_container_deleted_meanwhile_does_not_come_back_with_a_commit(store: MemoryBlobstore) -> None:
    store.create_container("c")
    writer = store.write("c", "o")
    store.delete_container("c")
    with pytest.raises(NotFound, match="no container 'c'"):
        writer.commit()
    assert store.containers().items == []


def test_paging_goes_on_while_others_write(store: MemoryBlobstore) -> None:
    store.create_container("c")
    for number in range(100):
        put(store, "c", f"stays {number:03}", b"")
    seen = []
    for name in every(lambda cursor: store.objects("c", cursor, 7)):
        seen.append(name)
        put(store, "c", f"comes {len(seen)}", b"")
        store.delete_object("c", f"comes {len(seen) - 1}")
    stays = [name for name in seen if name.startswith("stays")]
    assert stays == [f"stays {number:03}" for number in range(100)]
    assert seen == sorted(set(seen))


def test_times_are_when_it_was_made(store: MemoryBlobstore) -> None:
    before = time.time()
    made = store.create_container("c")
    put(store, "c", "o", b"abc")
    info = store.object_info("c", "o")
    assert (info.name, info.container, info.size) == ("o", "c", 3)
    assert before <= made.created_at <= info.created_at <= time.time()
    assert store.container_info("c") == made


def test_addresses() -> None:
    named, other = open_blobstore("memory://pictures"), open_blobstore("memory://pictures")
    named.create_container("c")
    assert not other.container_exists("c")
    assert repr(named) == "<memory 'pictures'>"
    assert repr(open_blobstore("memory://")) == "<memory>"
    for wrong in ("memory://a/b", "memory://a:1", "memory://user@a", "memory://?size=1"):
        with pytest.raises(ProviderError, match="memory"):
            open_blobstore(wrong)


def test_after_close_it_says_so(store: MemoryBlobstore) -> None:
    store.create_container("written")
    writer = store.write("written", "o")
    check_closed(store)
    writer.abort()


def test_a_cursor_of_another_store_is_refused(store: MemoryBlobstore) -> None:
    with pytest.raises(ProviderError, match="start the listing again"):
        store.containers("17")
