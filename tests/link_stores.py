"""What the tests of links share: gopher in a lab of its own, and stores that stand still when they are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.threads import Gate
from wasicloud_lab.providers.keyvalue.memory import MemoryStore


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    return own_lab.load("gopher", deadline=60)


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Any]]:
    with ThreadPoolExecutor(16) as threads:
        yield threads.submit


def user(store: Any, name: str, animal: str) -> None:
    store.set(f"user:{name}", "animal", animal.encode())


class Held(MemoryStore):
    """Answers a get only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.let_go = threading.Event()
        self.closed = threading.Event()

    def get(self, bucket: str, key: str) -> bytes | None:
        self.asked.set()
        assert self.let_go.wait(60)
        return super().get(bucket, key)

    def close(self) -> None:
        self.closed.set()
        super().close()


class SlowToFill(MemoryStore):
    """Takes what is moved into it only when its gate is opened; or is gone by then, with `vanishes`."""

    def __init__(self, vanishes: bool = False) -> None:
        super().__init__()
        self.vanishes = vanishes
        self.gate = Gate()

    def set_many(self, bucket: str, pairs: Any) -> None:
        self.gate.hold()
        if self.vanishes:
            raise wl.Unavailable("gone")
        super().set_many(bucket, pairs)
