"""wasi:blobstore, reading: ranges, objects that change half way, and long ones that pass in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psutil
import pytest

import wasicloud_lab as wl
from tests import blob_guests
from tests.blob_guests import END, MIB, Guest
from tests.guests import current_store, error_of
from wasicloud_lab.errors import Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ObjectInfo, Writer, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.wasi.blobstore import incoming
from wasicloud_lab.wasi.blobstore.plugged import SLOT

stores = blob_guests.stores
memory = blob_guests.memory
guest = blob_guests.guest


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (0, END, b"0123456789"),
        (0, 9, b"0123456789"),
        (0, 0, b"0"),
        (3, 5, b"345"),
        (9, 9, b"9"),
        (5, 10_000, b"56789"),
        (10, END, b""),
        (END, END, b""),
        (6, 5, b""),
    ],
)
def test_both_ends_of_a_range_are_part_of_it(
    guest: Guest, memory: MemoryBlobstore, start: int, end: int, wanted: bytes
) -> None:
    put(memory, "box", "digits", b"0123456789")
    assert guest.get("box", "digits", start, end) == wanted
    assert guest.get_streamed("box", "digits", start, end) == (len(wanted), wanted)


def test_an_empty_object_is_read_as_nothing(guest: Guest, memory: MemoryBlobstore) -> None:
    put(memory, "box", "empty", b"")
    assert guest.get("box", "empty", 0, END) == b""
    assert guest.get_streamed("box", "empty", 0, END) == (0, b"")


def test_what_is_taken_at_once_is_bounded(
    guest: Guest, memory: MemoryBlobstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "AT_ONCE", 10)
    put(memory, "box", "a", b"x" * 11)
    assert guest.get("box", "a", 1, END) == b"x" * 10
    with pytest.raises(wl.Err, match="11 bytes are more than the 10 that can be had at once; read them from the str"):
        guest.get("box", "a", 0, END)


class Reading(BlobstoreProvider):
    """A store of one object whose chunks are given, and which counts how often its reader was closed."""

    def __init__(self, size: int, chunks: list[Any]) -> None:
        self.size = size
        self.chunks = chunks
        self.closed = 0

    def object_info(self, container: str, name: str) -> ObjectInfo:
        return ObjectInfo(name, container, 0.0, self.size)

    def container_info(self, name: str) -> Any:
        return ObjectInfo(name, name, -1.5, 0)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        try:
            for chunk in self.chunks:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield chunk
        finally:
            self.closed += 1


@pytest.mark.parametrize("chunks", [[b"abc"], [b"abc", b"def"], [b"", b"abcd", b""], [b"abcd", b"", b"e"]], ids=repr)
@pytest.mark.parametrize("how", ["get", "get_streamed"])
def test_an_object_changed_while_it_is_read_is_an_error(
    lab: wl.Lab, guest: Guest, chunks: list[bytes], how: str
) -> None:
    size = 5
    lab.blobstore.swap(Reading(size, chunks))
    call = getattr(guest, how)
    if sum(map(len, chunks)) == size:
        assert call("box", "a", 0, END) in (b"".join(chunks), (size, b"".join(chunks)))
    else:
        with pytest.raises(wl.Err, match="another size now"):
            call("box", "a", 0, END)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("azure://:hunter2@a does not answer"), r"azure://:\*\*\*@a does not answer"),
        (KeyError("x"), "Reading failed with KeyError"),
        ("word", "Reading failed with TypeError"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("how", ["get", "get_streamed"])
def test_a_read_that_fails_half_way_is_an_error(lab: wl.Lab, guest: Guest, error: object, said: str, how: str) -> None:
    store = Reading(8, [b"abcd", error])
    lab.blobstore.swap(store)
    with pytest.raises(wl.Err, match=said):
        getattr(guest, how)("box", "a", 0, END)
    assert store.closed == 1


def test_a_reader_is_closed_when_the_guest_lets_go() -> None:
    with current_store() as state:
        store = Reading(4, [b"ab", b"cd"])
        state.plugs = {SLOT: store}
        for stop in ("at once", "half way", "the stream"):
            value = incoming.IncomingValue.from_object("box", "a", 0, END)
            if stop == "the stream":
                stream = value.incoming_value_consume_async()
                assert "read already" in error_of(value.incoming_value_consume_sync)
                value.drop()  # a stream that was taken lives on
                assert stream.read(1) + stream.read(9) + stream.blocking_read(9) == b"abcd"
                stream.drop()
            elif stop == "half way":
                stream = value.incoming_value_consume_async()
                assert stream.read(1) == b"a"
                stream.drop()
            else:
                value.drop()
        assert store.closed == 2  # what was never begun need not be closed


def test_a_time_before_1970_is_the_first_second_of_it(lab: wl.Lab, guest: Guest) -> None:
    lab.blobstore.swap(Reading(0, []))
    assert guest.container_info("box") == ("box", 0)


# --- long objects, read and written ------------------------------------------------------------------


def test_an_object_is_spliced_by_the_host(guest: Guest, memory: MemoryBlobstore) -> None:
    with memory.write("box", "a") as writer:
        for n in range(64):
            writer.write(bytes([n]) * MIB)
    assert guest.splice("box", "a", "b") == 64 * MIB
    assert fetch(memory, "box", "b") == fetch(memory, "box", "a")


class Endless(BlobstoreProvider):
    """A store of one long object, which it makes up, and of writers that check the same bytes; it keeps none.

    Attributes:
        most: bytes that the process grew by since the store was made, at most, seen at each chunk.
        good: bytes written that were as they should be.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.good = 0
        self.at = 0
        # Byte n is n * 31 + n / 256: the same again after 64 KiB.
        self.period = bytes((n * 31 + n // 256) % 256 for n in range(65536))
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, self._process.memory_info().rss - self._before)

    def container_info(self, name: str) -> Any:
        return ObjectInfo(name, name, 0.0, 0)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        return ObjectInfo(name, container, 0.0, self.size)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for _ in range(self.size // MIB):
            self.look()
            yield self.period * (MIB // 65536)

    def write(self, container: str, name: str) -> Writer:
        return Checking(self)


class Checking(Writer):
    def __init__(self, store: Endless) -> None:
        self._store = store
        self._at = 0

    def write(self, data: bytes) -> None:
        start = self._at % 65536
        self._at += len(data)
        wanted = (self._store.period * (len(data) // 65536 + 2))[start : start + len(data)]
        self._store.good += len(data) if data == wanted else 0
        self._store.look()

    def commit(self) -> None:
        self._store.at = self._at

    def abort(self) -> None:
        pass


@pytest.mark.parametrize(("order", "size"), [("after", 32 * MIB), ("before", 24 * MIB)], ids=["after", "before"])
def test_a_long_body_passes_through_in_bounded_memory(lab: wl.Lab, guest: Guest, order: str, size: int) -> None:
    guest.app.call("lab:stores/blobs#put-nothing", "box", "warm")
    store = Endless(0)
    lab.blobstore.swap(store)
    guest.put_long("box", "a", size, order)
    assert store.at == store.good == size
    assert store.most <= 16 * MIB


def test_a_long_object_is_read_in_bounded_memory(lab: wl.Lab, guest: Guest) -> None:
    store = Endless(32 * MIB)
    lab.blobstore.swap(store)
    assert guest.check_long("box", "a") == 32 * MIB
    assert store.most <= 16 * MIB


def test_a_long_object_is_spliced_in_bounded_memory(lab: wl.Lab, guest: Guest) -> None:
    store = Endless(64 * MIB)
    lab.blobstore.swap(store)
    assert guest.splice("box", "a", "b") == 64 * MIB == store.good
    assert store.most <= 16 * MIB
