"""wasi:blobstore, writing: when an object is stored, and that nothing is left of one that could not be."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import blob_guests
from tests.blob_guests import DATA, MIB, Guest
from tests.guests import current_store, error_of
from wasicloud_lab.errors import GuestTrap, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ObjectInfo, Writer, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.wasi.blobstore import outgoing
from wasicloud_lab.wasi.blobstore.plugged import SLOT

stores = blob_guests.stores
older = blob_guests.older
memory = blob_guests.memory
guest = blob_guests.guest
unfinished = blob_guests.unfinished

ORDERS = ["before", "after", "both"]


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
