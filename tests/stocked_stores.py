"""A lab with something in its stores, and the panel's data section on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import wasicloud_lab as wl
from tests.shown import settled
from wasicloud_lab.providers.blobstore.base import put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.widgets.data import DataSection


@pytest.fixture
def stores() -> Iterator[wl.Lab]:
    """A lab with something in its stores."""
    keys, blobs = MemoryStore(), MemoryBlobstore()
    keys.set("user:ricochet", "animal", b"dog")
    keys.set("user:ricochet", "accept-language", b"en-US")
    keys.set("visits", "ricochet", b"41")
    blobs.create_container("animals")
    put(blobs, "animals", "dog.txt", b"woof")
    with wl.Lab(keyvalue=keys, blobstore=blobs) as lab:
        yield lab


@pytest.fixture
def data(stores: wl.Lab) -> Iterator[DataSection]:
    section = DataSection(stores)
    settled(section)
    yield section
    section.close()


class Slow(MemoryStore):
    """Answers `get` only after it was let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.asked = threading.Event()

    def get(self, bucket: str, key: str) -> bytes | None:
        self.asked.set()
        assert self.go.wait(60)
        return super().get(bucket, key)
