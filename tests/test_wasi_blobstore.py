"""wasi:blobstore in both its shapes, called by a guest that hands every function through, on stores good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import blob_guests
from tests.blob_guests import DATA, END, Guest
from tests.guests.drafts import component_of
from wasicloud_lab.errors import Denied, GuestTimeout, Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ObjectInfo, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.wasi.blobstore import outgoing

stores = blob_guests.stores
memory = blob_guests.memory
guest = blob_guests.guest


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
