"""Files that are uploaded in the panel's data section: slice by slice, whole or not at all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import stocked_stores
from tests.shown import chosen, seen, settled
from tests.stocked_stores import Page
from tests.threads import until
from wasicloud_lab.providers.blobstore.base import fetch
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.widgets import upload
from wasicloud_lab.widgets.data import DataSection

stores = stocked_stores.stores
data = stocked_stores.data

#: Not a whole number of slices.
LARGE = bytes(range(256)) * 50_000


@pytest.fixture
def blobs(stores: wl.Lab, data: DataSection) -> DataSection:
    """The section on the blob store."""
    data.link.value = stores.blobstore
    settled(data)
    return data


def says(section: DataSection, text: str) -> bool:
    until(lambda: text in settled(section))
    return True


def test_a_file_comes_in_slices_each_asked_for_when_the_one_before_is_stored(
    stores: wl.Lab, blobs: DataSection
) -> None:
    page = Page(blobs.upload)
    page.choose(large_bin=LARGE)
    assert says(blobs, "Uploaded large.bin, 12.2 MiB.")
    assert fetch(stores.blobstore.provider, "animals", "large.bin") == LARGE
    assert page.wanted == [(0, at) for at in range(0, len(LARGE), upload.SLICE)]
    assert page.said[2] == "large.bin: 1 of 12.2 MiB"
    assert page.said[1] == "large.bin: 512 KiB of 12.2 MiB"
    assert blobs.names.value == "large.bin"
    assert page.ended.is_set()


def test_several_files_come_one_after_the_other_and_empty_ones_too(stores: wl.Lab, blobs: DataSection) -> None:
    page = Page(blobs.upload)
    page.choose(a_txt=b"one", empty=b"", b_txt=b"two!")
    assert says(blobs, "Uploaded 3 files, 7 bytes.")
    assert chosen(blobs.names) == ["a.txt", "b.txt", "dog.txt", "empty"]
    assert fetch(stores.blobstore.provider, "animals", "b.txt") == b"two!"
    assert page.said == ["a.txt: 0 of 3 bytes (file 1 of 3)", "b.txt: 0 of 4 bytes (file 3 of 3)"]


def test_what_was_said_of_the_last_file_is_gone_when_the_next_one_begins(blobs: DataSection) -> None:
    Page(blobs.upload).choose(a_txt=b"one")
    assert says(blobs, "Uploaded a.txt")
    page = Page(blobs.upload, stop_at=0)
    page.choose(b_txt=b"two")
    assert "Uploaded" not in seen(blobs.view)
    page.cancel()
    assert says(blobs, "b.txt was not uploaded: it was cancelled.")


def test_a_cancelled_file_leaves_what_was_there(stores: wl.Lab, blobs: DataSection) -> None:
    Page(blobs.upload).choose(a_bin=b"old")
    assert says(blobs, "Uploaded a.bin")
    page = Page(blobs.upload, stop_at=3)
    page.choose(a_bin=LARGE, b_bin=LARGE)
    assert page.silent.wait(30)
    page.cancel()
    assert says(blobs, "a.bin was not uploaded: it was cancelled.")
    assert fetch(stores.blobstore.provider, "animals", "a.bin") == b"old"
    assert not stores.blobstore.provider.object_exists("animals", "b.bin")


def test_a_file_that_can_no_more_be_read_is_said(stores: wl.Lab, blobs: DataSection) -> None:
    page = Page(blobs.upload, stop_at=1)
    page.choose(a_bin=LARGE)
    assert page.silent.wait(30)
    page.cancel(lost=True)
    assert says(blobs, "can't read the file any more; choose it again")
    assert chosen(blobs.names) == ["dog.txt"]


def test_a_page_that_is_gone_leaves_nothing(
    stores: wl.Lab, blobs: DataSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "SILENCE", 0.2)
    monkeypatch.setattr(upload, "_LOOK", 0.05)
    page = Page(blobs.upload, stop_at=1)
    page.choose(a_bin=LARGE)
    assert says(blobs, "a.bin was not uploaded: the page that sent it is gone.")
    assert not stores.blobstore.provider.object_exists("animals", "a.bin")


def test_closing_the_section_ends_it(stores: wl.Lab, blobs: DataSection) -> None:
    page = Page(blobs.upload, stop_at=1)
    page.choose(a_bin=LARGE)
    assert page.silent.wait(30)
    blobs.close()
    assert page.ended.wait(30)
    assert not stores.blobstore.provider.object_exists("animals", "a.bin")


def test_a_swap_meanwhile_ends_it_and_says_so(stores: wl.Lab, blobs: DataSection) -> None:
    old = stores.blobstore.provider
    page = Page(blobs.upload, stop_at=2)
    page.choose(a_bin=LARGE)
    assert page.silent.wait(30)
    stores.blobstore.swap(MemoryBlobstore())
    blobs.refresh()
    settled(blobs)
    blobs.upload.told({"type": "slice", "id": "1", "file": 0, "at": 2 * upload.SLICE}, [bytes(upload.SLICE)])
    assert says(blobs, "a.bin was not uploaded: the provider was swapped in the meantime")
    assert not old.object_exists("animals", "a.bin")
    assert not stores.blobstore.provider.containers().items


def test_what_the_store_says_is_shown_with_what_was_stored_before(
    stores: wl.Lab, blobs: DataSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MemoryBlobstore.write

    def write(self: MemoryBlobstore, container: str, name: str) -> Any:
        if name == "b.txt":
            raise wl.ProviderError("the disk is full")
        return real(self, container, name)

    monkeypatch.setattr(MemoryBlobstore, "write", write)
    Page(blobs.upload).choose(a_txt=b"one", b_txt=b"two", c_txt=b"three")
    assert says(blobs, "Uploaded a.txt, 3 bytes. b.txt was not uploaded: the disk is full.")
    assert chosen(blobs.names) == ["a.txt", "dog.txt"]


def test_a_file_over_the_limit_of_the_store_is_refused_before_anything_is_sent(
    stores: wl.Lab, blobs: DataSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.blobstore.provider, "object_limit", 1 << 20)
    page = Page(blobs.upload)
    page.choose(a_txt=b"one", b_bin=LARGE)
    assert says(blobs, "Nothing was uploaded: 'b.bin' has 12.2 MiB, and an object of this store at most 1 MiB.")
    assert not page.wanted
    assert chosen(blobs.names) == ["dog.txt"]


def test_files_go_where_they_were_chosen_whatever_is_shown_meanwhile(stores: wl.Lab, blobs: DataSection) -> None:
    page = Page(blobs.upload, stop_at=0)
    page.choose(a_txt=b"one")
    assert page.silent.wait(30)
    blobs.link.value = stores.keyvalue
    settled(blobs)
    blobs.upload.told({"type": "slice", "id": "1", "file": 0, "at": 0}, [b"one"])
    assert says(blobs, "Uploaded a.txt, 3 bytes.")
    assert fetch(stores.blobstore.provider, "animals", "a.txt") == b"one"
    assert blobs.group.value == "user:ricochet"


def test_a_store_that_hangs_does_not_hold_up_the_page_nor_what_is_chosen_after_a_cancel(
    stores: wl.Lab, blobs: DataSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, asked = threading.Event(), threading.Event()
    real = MemoryBlobstore.write

    def write(self: MemoryBlobstore, container: str, name: str) -> Any:
        if name == "slow.txt":
            asked.set()
            assert go.wait(60)
        return real(self, container, name)

    monkeypatch.setattr(MemoryBlobstore, "write", write)
    page = Page(blobs.upload)
    page.choose(slow_txt=b"one")
    assert asked.wait(30)
    page.cancel()
    blobs.upload.told({"type": "begin", "id": "2", "files": [["empty", 0]]})
    assert says(blobs, "Uploaded empty, 0 bytes.")
    go.set()
    assert says(blobs, "slow.txt was not uploaded: it was cancelled.")
    assert not stores.blobstore.provider.object_exists("animals", "slow.txt")


@pytest.mark.parametrize(
    "message",
    [None, {}, {"type": "begin", "id": "1"}, {"type": "begin", "id": "1", "files": [["a"]]},
     {"type": "begin", "id": "1", "files": []}, {"type": "slice", "id": "7"}, {"type": "cancel", "id": "7"}],
)  # fmt: skip
def test_messages_that_make_no_sense_do_nothing(stores: wl.Lab, blobs: DataSection, message: Any) -> None:
    blobs.upload.told(message)
    assert "woof" in settled(blobs)


def test_other_bytes_than_were_asked_for_are_not_stored(stores: wl.Lab, blobs: DataSection) -> None:
    page = Page(blobs.upload, stop_at=0)
    page.choose(a_txt=b"one")
    assert page.silent.wait(30)
    blobs.upload.told({"type": "slice", "id": "1", "file": 0, "at": 0}, [b"many more"])
    assert says(blobs, "the page sent other bytes than it was asked for")
    assert not stores.blobstore.provider.object_exists("animals", "a.txt")
