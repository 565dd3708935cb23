"""wasi:blobstore in both its shapes, called by a guest that hands every function through, on stores good and bad."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import wasicloud_lab as wl
from tests.guests import current_store, error_of
from tests.guests.drafts import component_of
from wasicloud_lab.errors import Denied, GuestTimeout, GuestTrap, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ObjectInfo, Writer, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.wasi.blobstore import incoming, outgoing
from wasicloud_lab.wasi.blobstore.plugged import SLOT

MIB = 1024 * 1024
END = 2**64 - 1
ORDERS = ["before", "after", "both"]
DATA = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def stores(lab: wl.Lab) -> wl.App:
    """The guest that hands every function through, and calls `finish`."""
    return lab.load("stores", deadline=120)


@pytest.fixture(scope="module")
def older(lab: wl.Lab) -> wl.App:
    """A guest that knows no `finish`."""
    return lab.load("stores-unfinished", deadline=120)


@pytest.fixture
def memory(lab: wl.Lab) -> Iterator[MemoryBlobstore]:
    """What both are linked to, new for each test, with a container `box`."""
    store = MemoryBlobstore()
    store.create_container("box")
    lab.blobstore.swap(store)
    yield store
    lab.blobstore.swap(MemoryBlobstore())


class Guest:
    """An exported interface: `guest.get("box", "name", 0, 9)`."""

    def __init__(self, app: wl.App, interface: str) -> None:
        self.app = app
        self.interface = interface

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.app.call(f"lab:stores/{self.interface}#{name.replace('_', '-')}", *arguments)


@pytest.fixture
def guest(stores: wl.App, memory: MemoryBlobstore) -> Guest:
    return Guest(stores, "blobs")


@pytest.fixture
def unfinished(older: wl.App, memory: MemoryBlobstore) -> Guest:
    return Guest(older, "unfinished")


# --- containers and objects --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "t1", "My Files", "ünïcode", "a/../b", "🦊", "x" * 1024])
def test_a_container_is_made_known_and_removed(guest: Guest, memory: MemoryBlobstore, name: str) -> None:
    assert guest.container_exists(name) is False
    guest.create_container(name)
    assert guest.container_exists(name) is True
    assert guest.get_container(name) == name
    made = guest.container_info(name)
    assert made == (name, int(memory.container_info(name).created_at))
    guest.delete_container(name)
    assert guest.container_exists(name) is False


def test_a_container_that_is_there_can_not_be_made_again(guest: Guest) -> None:
    with pytest.raises(wl.Err, match="there is a container 'box'"):
        guest.create_container("box")


def test_a_container_that_is_not_there_is_an_error(guest: Guest) -> None:
    for call in (guest.get_container, guest.delete_container):
        with pytest.raises(wl.Err, match="no container 'nowhere'"):
            call("nowhere")


@pytest.mark.parametrize("name", ["", "a/b", "..", "ünï code", "🦊", "x" * 1024])
def test_an_object_is_known_by_any_name(guest: Guest, memory: MemoryBlobstore, name: str) -> None:
    guest.put("box", name, DATA, "after", True)
    assert guest.has_object("box", name) is True
    assert guest.object_info("box", name) == (name, "box", int(memory.object_info("box", name).created_at), len(DATA))
    assert guest.get("box", name, 0, END) == DATA == fetch(memory, "box", name)
    guest.delete_object("box", name)
    guest.delete_object("box", name)
    assert guest.has_object("box", name) is False


def test_an_object_that_is_not_there_is_an_error(guest: Guest) -> None:
    with pytest.raises(wl.Err, match="no object 'gone'"):
        guest.get("box", "gone", 0, END)
    with pytest.raises(wl.Err, match="no object 'gone'"):
        guest.object_info("box", "gone")


def test_objects_are_copied_moved_and_removed(guest: Guest, memory: MemoryBlobstore) -> None:
    memory.create_container("other")
    put(memory, "box", "a", b"dog")
    guest.copy_object("box", "a", "other", "b")
    guest.move_object("box", "a", "box", "c")
    assert fetch(memory, "other", "b") == fetch(memory, "box", "c") == b"dog"
    assert memory.objects("box").items == ["c"]
    with pytest.raises(wl.Err, match="no container 'nowhere'"):
        guest.copy_object("box", "c", "nowhere", "c")
    for name in "def":
        put(memory, "box", name, b"")
    guest.delete_objects("box", ["c", "e", "not there"])
    assert memory.objects("box").items == ["d", "f"]
    guest.clear("box")
    assert memory.objects("box").items == []


def test_without_a_link_the_error_says_so(own_lab: wl.Lab) -> None:
    app = own_lab.load("stores")
    app.links.clear()
    with pytest.raises(wl.LinkError, match="wasi:blobstore, which is linked to no store"):
        app.call("lab:stores/blobs#container-exists", "box")


# --- listings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_a_time", [7, 1000, END], ids=["7", "a page", "all"])
def test_a_listing_is_read_some_names_at_a_time(guest: Guest, memory: MemoryBlobstore, at_a_time: int) -> None:
    names = [f"object {n:04}" for n in range(2_400)]
    for name in names:
        put(memory, "box", name, b"")
    parts = guest.list_objects("box", at_a_time)
    assert [name for part in parts for name in part] == names
    assert [len(part) for part in parts[:-1]] == [at_a_time] * (len(parts) - 1)


def test_an_empty_container_lists_nothing(guest: Guest) -> None:
    assert guest.list_objects("box", 10) == [[]]


def test_a_listing_of_a_container_that_is_not_there_is_an_error(guest: Guest) -> None:
    with pytest.raises(wl.Err, match="no container 'nowhere'"):
        guest.list_objects("nowhere", 10)


@pytest.mark.parametrize(
    ("skip", "read", "answer"),
    [
        (0, 0, (0, False, [], False)),
        (1, 2, (1, False, ["b", "c"], False)),
        (2, 2, (2, False, ["c", "d"], True)),
        (4, 1, (4, True, [], True)),
        (END, END, (4, True, [], True)),
    ],
)
def test_names_are_skipped(guest: Guest, memory: MemoryBlobstore, skip: int, read: int, answer: object) -> None:
    for name in "abcd":
        put(memory, "box", name, b"")
    assert guest.skip_then_read("box", skip, read) == answer


class Halting(MemoryBlobstore):
    """A store whose listing fails after its first page."""

    def objects(self, container: str, cursor: str | None = None, limit: int = 1000) -> Any:
        if cursor is not None:
            raise Unavailable("the store went away")
        return ["a", "b"], "more"


def test_a_listing_that_fails_half_way_gives_what_it_has_first(lab: wl.Lab, guest: Guest) -> None:
    store = Halting()
    store.create_container("box")
    lab.blobstore.swap(store)
    with pytest.raises(wl.Err, match="the store went away"):
        guest.list_objects("box", 10)
    assert guest.skip_then_read("box", 0, 10) == (0, False, ["a", "b"], False)


# --- reading -----------------------------------------------------------------------------------------


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


# --- writing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("data", [b"", b"x", DATA, bytes(MIB + 70_000)], ids=len)
def test_the_body_may_be_written_before_and_after_write_data(
    guest: Guest, memory: MemoryBlobstore, order: str, data: bytes
) -> None:
    put(memory, "box", "a", b"old")
    guest.put("box", "a", data, order, True)
    assert fetch(memory, "box", "a") == data


@pytest.mark.parametrize("order", ORDERS)
def test_without_finish_the_old_object_stays(guest: Guest, memory: MemoryBlobstore, order: str) -> None:
    put(memory, "box", "a", b"old")
    guest.put("box", "a", DATA, order, False)
    guest.put("box", "new", DATA, order, False)
    assert fetch(memory, "box", "a") == b"old"
    assert memory.objects("box").items == ["a"]


@pytest.mark.parametrize("order", ORDERS)
def test_after_a_trap_the_old_object_stays(
    guest: Guest, unfinished: Guest, memory: MemoryBlobstore, order: str
) -> None:
    put(memory, "box", "a", b"old")
    for each in (guest, unfinished):
        with pytest.raises(GuestTrap):
            each.put_and_trap("box", "a", DATA, order)
        assert fetch(memory, "box", "a") == b"old"


def test_what_an_older_guest_never_drops_is_stored_when_its_instance_ends_well(
    lab: wl.Lab, memory: MemoryBlobstore
) -> None:
    app = lab.load("stores-unfinished", name="leaky", isolation="request")
    app.call("lab:stores/unfinished#put-and-leak", "box", "a", DATA)
    assert fetch(memory, "box", "a") == DATA


def test_a_value_without_a_body_is_an_empty_object(guest: Guest, unfinished: Guest, memory: MemoryBlobstore) -> None:
    guest.put_nothing("box", "a")
    unfinished.put_nothing("box", "b")
    assert fetch(memory, "box", "a") == fetch(memory, "box", "b") == b""


def test_a_value_has_one_body_and_one_object(guest: Guest, memory: MemoryBlobstore) -> None:
    assert guest.second_stream() is False
    with pytest.raises(wl.Err, match="goes to 'a' already; make one for each object"):
        guest.put_twice("box", "a", "b", DATA)
    assert memory.objects("box").items == ["a"]
    assert fetch(memory, "box", "a") == DATA


@pytest.mark.parametrize("drop_first", [True, False], ids=["stream dropped first", "stream dropped after"])
@pytest.mark.parametrize("order", ORDERS)
def test_an_older_guest_ends_the_body_by_dropping_its_stream(
    unfinished: Guest, memory: MemoryBlobstore, order: str, drop_first: bool
) -> None:
    put(memory, "box", "a", b"old")
    if drop_first and order != "before":
        drop_first = False  # there is more to be written
    unfinished.put("box", "a", DATA, order, drop_first)
    assert fetch(memory, "box", "a") == DATA
    assert unfinished.get("box", "a") == DATA


class Recording(Writer):
    """A writer that says what is done with it, and fails where it should."""

    def __init__(self, fails: str = "", error: Exception | None = None) -> None:
        self.done: list[str] = []
        self._fails = fails
        self._error = error

    def _do(self, step: str) -> None:
        self.done.append(step)
        if self._error is not None and step == self._fails:
            raise self._error

    def write(self, data: bytes) -> None:
        self._do("write")

    def commit(self) -> None:
        self._do("commit")

    def abort(self) -> None:
        self._do("abort")


class Writing(BlobstoreProvider):
    """A store that hands out one writer."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def write(self, container: str, name: str) -> Writer:
        return self.writer

    def container_info(self, name: str) -> Any:
        return ObjectInfo(name, name, 0.0, 0)


@pytest.mark.parametrize("error", [ProviderError("disk full"), ZeroDivisionError("disk full")], ids=["known", "other"])
@pytest.mark.parametrize("fails", ["write", "commit"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_write_that_fails_is_an_error_and_nothing_is_left(
    lab: wl.Lab, guest: Guest, order: str, fails: str, error: Exception
) -> None:
    writer = Recording(fails, error)
    lab.blobstore.swap(Writing(writer))
    with pytest.raises(wl.Err, match="disk full"):
        guest.put("box", "a", DATA, order, True)
    assert writer.done.count("abort") == 1
    assert writer.done.count("commit") == (1 if fails == "commit" else 0)


def test_finish_repeats_what_the_stream_said() -> None:
    with current_store() as state:
        writer = Recording("write", Unavailable("the store went away"))
        state.plugs = {SLOT: Writing(writer)}
        value = outgoing.OutgoingValue.new_outgoing_value()
        value.write_to("box", "a")
        stream = value.outgoing_value_write_body()
        assert error_of(stream.write, b"x").value.to_debug_string() == "the store went away"
        assert error_of(stream.check_write).value.to_debug_string() == "the store went away"
        assert error_of(stream.flush).value.to_debug_string() == "the store went away"
        stream.drop()
        assert error_of(outgoing.OutgoingValue.finish, value) == "the store went away"
        assert writer.done == ["write", "abort"]


def test_a_refused_object_leaves_the_value_as_it_was() -> None:
    with current_store() as state:
        memory = MemoryBlobstore()
        state.plugs = {SLOT: memory}
        value = outgoing.OutgoingValue()
        stream = value.outgoing_value_write_body()
        stream.write(b"dog")
        stream.drop()
        assert "no container 'box'" in error_of(value.write_to, "box", "a")
        memory.create_container("box")
        value.write_to("box", "a")
        outgoing.OutgoingValue.finish(value)
        assert fetch(memory, "box", "a") == b"dog"


def test_what_is_finished_without_an_object_is_an_error() -> None:
    with current_store():
        value = outgoing.OutgoingValue()
        stream = value.outgoing_value_write_body()
        stream.write(b"dog")
        assert "before container.write-data" in error_of(outgoing.OutgoingValue.finish, value)
        assert error_of(stream.check_write).tag == "closed"


def test_an_older_guests_last_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with current_store() as state:
        writer = Recording("commit", Unavailable("azure://:hunter2@a went away"))
        state.plugs = {SLOT: Writing(writer)}
        value = outgoing.UnfinishedValue()
        stream = value.outgoing_value_write_body()
        value.write_to("box", "a")
        with caplog.at_level(logging.WARNING):
            stream.drop()
            value.drop()
    assert "the object 'a' was not stored: azure://:***@a went away" in caplog.text
    assert writer.done == ["commit", "abort"]


def test_a_body_with_nowhere_to_go_is_bounded(
    guest: Guest, memory: MemoryBlobstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SPOOL_LIMIT", 100)
    guest.put("box", "a", b"x" * 100, "before", True)
    guest.put("box", "b", b"x" * 101, "after", True)
    with pytest.raises(wl.Err, match="more than 100 bytes were written before"):
        guest.put("box", "c", b"x" * 101, "before", True)
    assert memory.objects("box").items == ["a", "b"]


# --- long objects ------------------------------------------------------------------------------------


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


# --- a store that fails ------------------------------------------------------------------------------


class Broken(BlobstoreProvider):
    """A store of which every operation raises one exception, once a container has been got."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def container_info(self, name: str) -> Any:
        if name == "box":
            return ObjectInfo(name, name, 0.0, 0)
        raise self.error

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise self.error

    create_container = container_exists = delete_container = clear_container = _fail  # type: ignore[assignment]
    objects = object_info = object_exists = read = write = _fail  # type: ignore[assignment]
    delete_object = delete_objects = copy_object = move_object = _fail  # type: ignore[assignment]


OPERATIONS: list[tuple[Any, ...]] = [
    ("create-container", "b"), ("get-container", "b"), ("container-info", "b"), ("delete-container", "b"),
    ("container-exists", "b"), ("clear", "box"), ("put", "box", "a", b"x", "before", True),
    ("put", "box", "a", b"x", "after", True), ("put-nothing", "box", "a"), ("get", "box", "a", 0, 9),
    ("get-streamed", "box", "a", 0, 9), ("list-objects", "box", 5), ("skip-then-read", "box", 5, 5),
    ("delete-object", "box", "a"), ("delete-objects", "box", ["a"]), ("has-object", "box", "a"),
    ("object-info", "box", "a"), ("copy-object", "b", "a", "c", "a"), ("move-object", "b", "a", "c", "a"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("s3://key:hunter2@s3 does not answer"), "s3://key:***@s3 does not answer"),
        (Denied("not for you"), "not for you"),
        (KeyError("pw"), "Broken failed with KeyError: 'pw'"),
        (OSError("token=hunter2"), "Broken failed with OSError: token=***"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_the_error_of_the_interface(lab: wl.Lab, guest: Guest, error: Exception, said: str) -> None:
    lab.blobstore.swap(Broken(error))
    for operation, *arguments in OPERATIONS:
        with pytest.raises(wl.Err) as caught:
            guest.app.call(f"lab:stores/blobs#{operation}", *arguments)
        assert caught.value.value == said, operation


@pytest.mark.parametrize("error", [GuestTimeout("its time is over"), KeyboardInterrupt()], ids=repr)
def test_what_must_end_the_guest_ends_it(lab: wl.Lab, guest: Guest, error: BaseException) -> None:
    lab.blobstore.swap(Broken(error))
    for operation, *arguments in OPERATIONS:
        with pytest.raises(type(error)):
            guest.app.call(f"lab:stores/blobs#{operation}", *arguments)


def test_a_time_before_1970_is_the_first_second_of_it(lab: wl.Lab, guest: Guest) -> None:
    lab.blobstore.swap(Reading(0, []))
    assert guest.container_info("box") == ("box", 0)


# --- the shapes that the draft has had ---------------------------------------------------------------

FINISH = "    finish: static func(this: outgoing-value) -> result<_, error>;\n"
METHODS = [
    ("incoming-value-consume-sync: static func(this: incoming-value)", "incoming-value-consume-sync: func()"),
    ("incoming-value-consume-async: static func(this: incoming-value)", "incoming-value-consume-async: func()"),
]


@pytest.mark.parametrize(
    ("changes", "value"),
    [([], outgoing.OutgoingValue), ([(FINISH, "")], outgoing.UnfinishedValue), (METHODS, outgoing.OutgoingValue)],
    ids=["with finish", "without finish", "values consumed by methods"],
)
def test_a_guest_that_imports_all_of_the_draft_is_wired(
    own_lab: wl.Lab, tmp_path: Path, changes: list[tuple[str, str]], value: type
) -> None:
    app = own_lab.load(component_of("wasi-blobstore-0.2.0-draft.wit", "imports", tmp_path, changes))
    provided = app.pool.linker.provided
    assert [name for name in app.world.imports if provided[name] is None] == []
    assert provided["wasi:blobstore/types@0.2.0-draft"].OutgoingValue is value
