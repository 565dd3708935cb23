"""A lab with something in its stores, and the panel's data section on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.shown import settled
from wasicloud_lab.providers.blobstore.base import put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.widgets.data import DataSection
from wasicloud_lab.widgets.upload import Upload


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


class Page:
    """A page with files, which answers an upload's questions as `upload.js` does.

    Attributes:
        wanted: what it was asked for: which file, and from where.
        said: how far it was said to be.
        silent: whether it answers no more.
        ended: set when no more is wanted.
    """

    def __init__(self, upload: Upload, stop_at: int | None = None) -> None:
        """
        Args:
            stop_at: how many slices it sends before it falls silent.
        """
        self._upload = upload
        self._stop_at = stop_at
        self._files: list[bytes] = []
        self.wanted: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.silent = threading.Event()
        self.ended = threading.Event()
        upload.send = self._heard  # type: ignore[method-assign]

    def choose(self, **files: bytes) -> None:
        """Somebody chooses files, by their names with _ for the dot."""
        self._files = list(files.values())
        named = [[name.replace("_", "."), len(data)] for name, data in files.items()]
        self._upload.told({"type": "begin", "id": "1", "files": named})

    def cancel(self, lost: bool = False) -> None:
        """Somebody presses Cancel; or a file can't be read."""
        self._upload.told({"type": "cancel", "id": "1", "lost": lost})

    def _heard(self, message: Any, buffers: Any = None) -> None:
        if message["type"] == "end":
            self.ended.set()
            return
        number, at = message["file"], message["at"]
        self.wanted.append((number, at))
        self.said.append(message["said"])
        if self._stop_at is not None and len(self.wanted) > self._stop_at:
            self.silent.set()
            return
        piece = memoryview(self._files[number])[at : at + message["size"]]
        self._upload.told({"type": "slice", "id": "1", "file": number, "at": at}, [piece])
