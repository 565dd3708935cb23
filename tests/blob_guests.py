"""Guests that hand each function of wasi:blobstore through, new and old, on a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasicloud_lab as wl
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore

MIB = 1024 * 1024
END = 2**64 - 1
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
