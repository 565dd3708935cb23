"""Guests that watch a key-value store are told what changes there, whoever changes it; no writer waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.guests.drafts import component_of
from wasicloud_lab import watching
from wasicloud_lab.errors import GuestTrap, Unavailable
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.wasi.keyvalue.watch import watcher_export
from wasicloud_lab.watching import Watched, Watchers


@pytest.fixture
def watchers() -> Iterator[Watchers]:
    made = Watchers()
    yield made
    made.close()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(memory: MemoryStore, watchers: Watchers) -> Watched:
    return Watched(memory, watchers)


@pytest.fixture
def reader(memory: MemoryStore) -> Iterator[wl.Lab]:
    """A lab for the guests that watch: what they write down goes to the store itself."""
    with wl.Lab(keyvalue=memory) as lab:
        yield lab


class Ear:
    """Stands for an app that watches; what it is told is kept, or handled by a function."""

    def __init__(self, name: str = "ear", does: Callable[[str, str, Any], None] | None = None) -> None:
        self.name = name
        self.component = self
        self.heard: list[tuple[str, Any]] = []
        self._does = does

    def export_name(self, name: str) -> str | None:
        return f"{name}@0.2.0-draft" if name == "wasi:keyvalue/watcher" else None

    def call(self, function: str, bucket: Any, key: str, value: Any = None) -> None:
        self.heard.append((key, value))
        if self._does is not None:
            self._does(bucket.name, key, value)


# --- real guests -------------------------------------------------------------------------------------


def test_a_guest_is_told_what_other_apps_and_python_change(
    reader: wl.Lab, store: Watched, watchers: Watchers, patience: float
) -> None:
    assert watchers.add(reader.load("stores-watch", deadline=patience))
    with wl.Lab(keyvalue=store) as writer:
        app = writer.load("stores")
        app.call("lab:stores/draft#set", "pets", "animal", b"dog")
        app.call("lab:stores/talk#set", "pets", "animal", b"cat")
        writer.keyvalue.provider.delete("pets", "animal")
        app.call("lab:stores/draft2#increment", "visits", "count", 3)
        app.call("lab:stores/draft2#swap", "pets", "swapped", b"new", 0)
        app.call("lab:stores/draft#set-many", "pets", [("one", b"1"), ("two", b"2")])
        app.call("lab:stores/draft#delete-many", "pets", ["one"])
        assert watchers.wait(patience)
    assert store.get_many("heard", ["animal", "count", "swapped", "one", "two"]) == [
        b"dog\ncat\ndeleted\n", b"3\n", b"new\n", b"1\ndeleted\n", b"2\n"
    ]  # fmt: skip


def test_the_older_interface_is_told_as_well(
    reader: wl.Lab, store: Watched, watchers: Watchers, patience: float
) -> None:
    assert watchers.add(reader.load("stores-watch-talk", deadline=patience))
    store.set("pets", "animal", b"a long dog")
    assert watchers.wait(patience)
    assert store.get("heard", "animal") == b"10 bytes, there: true"
    store.delete("pets", "animal")
    assert watchers.wait(patience)
    assert store.get("heard", "animal") == b"deleted, there: false"


def test_a_guest_that_traps_is_logged_and_told_the_next_change(
    reader: wl.Lab, store: Watched, watchers: Watchers, patience: float, caplog: pytest.LogCaptureFixture
) -> None:
    watchers.add(reader.load("stores-watch", deadline=patience))
    store.set("pets", "animal", b"trap")
    store.set("pets", "animal", b"dog")
    assert watchers.wait(patience)
    assert "stores-watch could not be told of the change of 'animal' in the bucket 'pets'" in caplog.text
    assert store.get("heard", "animal") == b"dog\n"


def test_a_guest_that_exports_nothing_to_be_told_at_is_no_watcher(lab: wl.Lab, watchers: Watchers) -> None:
    assert watcher_export(lab.load("stores").component) is None
    assert not watchers.add(lab.load("stores"))
    assert not watchers


@pytest.mark.parametrize(
    ("file", "world", "export"),
    [
        ("wasi-keyvalue-0.1.0.wit", "keyvalue-handle-watch", "wasi:keyvalue/handle-watch@0.1.0"),
        ("wasi-keyvalue-0.2.0-draft.wit", "watch-service", "wasi:keyvalue/watcher@0.2.0-draft"),
        ("wasi-keyvalue-0.2.0-draft2.wit", "watch-service", "wasi:keyvalue/watcher@0.2.0-draft2"),
    ],
)
def test_every_draft_has_its_watchers(own_lab: wl.Lab, tmp_path: Path, file: str, world: str, export: str) -> None:
    assert watcher_export(own_lab.load(component_of(file, world, tmp_path)).component) == export


# --- order, failures, bounds -------------------------------------------------------------------------


def test_what_is_said_last_of_a_key_is_what_it_has(store: Watched, watchers: Watchers, patience: float) -> None:
    ear: Any = Ear()
    watchers.add(ear)
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda n: store.set("pets", f"key {n % 3}", str(n).encode()), range(600)):
            pass
    assert watchers.wait(patience)
    assert len(ear.heard) == 600
    for key, value in dict(ear.heard).items():
        assert store.get("pets", key) == value


def test_a_change_that_failed_is_not_announced(memory: MemoryStore, store: Watched, watchers: Watchers) -> None:
    ear: Any = Ear()
    watchers.add(ear)
    memory.set("pets", "animal", b"dog")
    assert not store.compare_and_swap("pets", "animal", b"cat", b"mouse")
    memory.close()
    for change in (
        lambda: store.set("pets", "a", b"1"),
        lambda: store.delete("pets", "a"),
        lambda: store.increment("pets", "a"),
        lambda: store.set_many("pets", [("a", b"1")]),
        lambda: store.delete_many("pets", ["a"]),
    ):
        with pytest.raises(Unavailable):
            change()
    assert watchers.wait(0)
    assert ear.heard == []


def test_a_writer_waits_for_no_watcher(store: Watched, watchers: Watchers, patience: float) -> None:
    go_on = threading.Event()
    slow: Any = Ear("slow", lambda *_: go_on.wait(patience))
    quick: Any = Ear("quick")
    watchers.add(slow)
    watchers.add(quick)
    for n in range(3):
        store.set("pets", str(n), b"")
    assert not watchers.wait(0.01)
    go_on.set()
    assert watchers.wait(patience)
    assert [key for key, _ in slow.heard] == [key for key, _ in quick.heard] == ["0", "1", "2"]


def test_a_watcher_that_is_too_slow_loses_changes_and_the_log_says_so(
    store: Watched,
    watchers: Watchers,
    patience: float,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watching, "PENDING_LIMIT", 2)
    go_on, begun = threading.Event(), threading.Event()

    def dawdle(*_: Any) -> None:
        begun.set()
        go_on.wait(patience)

    slow: Any = Ear("slow", dawdle)
    watchers.add(slow)
    store.set("pets", "0", b"")
    assert begun.wait(patience)
    for n in range(1, 6):
        store.set("pets", str(n), b"")
    go_on.set()
    assert watchers.wait(patience)
    assert [key for key, _ in slow.heard] == ["0", "1", "2"]
    assert "slow is too slow a watcher" in caplog.text
    assert "slow was not told of 3 changes" in caplog.text


def test_values_that_wait_are_bounded_together(
    store: Watched, watchers: Watchers, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PENDING_BYTES", 100)
    go_on, begun = threading.Event(), threading.Event()

    def dawdle(*_: Any) -> None:
        begun.set()
        go_on.wait(patience)

    slow: Any = Ear("slow", dawdle)
    watchers.add(slow)
    store.set("pets", "first", b"")
    assert begun.wait(patience)
    for key, size in [("a", 80), ("b", 80), ("c", 20)]:
        store.set("pets", key, bytes(size))
    go_on.set()
    assert watchers.wait(patience)
    assert [key for key, _ in slow.heard] == ["first", "a", "c"]


def test_watchers_that_write_do_not_keep_each_other_busy_for_ever(
    store: Watched, watchers: Watchers, patience: float
) -> None:
    def echo(bucket: str, key: str, value: Any) -> None:
        store.set(bucket, key + "'", value)

    one: Any = Ear("one", echo)
    two: Any = Ear("two", echo)
    watchers.add(one)
    watchers.add(two)
    store.set("pets", "a", b"dog")
    assert watchers.wait(patience)
    assert sorted(key for key, _ in one.heard) == sorted(key for key, _ in two.heard) == ["a", "a'"]


def test_who_was_removed_is_told_no_more(store: Watched, watchers: Watchers, patience: float) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def dawdle(*_: Any) -> None:
        begun.set()
        go_on.wait(patience)
        raise GuestTrap("its app is closed")

    ear: Any = Ear("ear", dawdle)
    watchers.add(ear)
    store.set("pets", "a", b"")
    assert begun.wait(patience)
    store.set("pets", "b", b"")
    watchers.remove(ear)
    store.set("pets", "c", b"")
    go_on.set()
    assert watchers.wait(patience)
    assert [key for key, _ in ear.heard] == ["a"]


def test_a_watched_store_is_the_store_in_all_else(memory: MemoryStore, watchers: Watchers) -> None:
    memory.value_limit = 7
    memory.own = "its own"  # type: ignore[attr-defined]
    store = Watched(memory, watchers)
    store.set_many("pets", [("a", b"1"), ("b", b"2")])
    assert store.get("pets", "a") == b"1"
    assert store.exists("pets", "b")
    assert not store.exists("pets", "c")
    assert store.keys("pets", limit=1) == memory.keys("pets", limit=1)
    assert store.buckets() == memory.buckets()
    assert (store.value_limit, store.lists_twice, store.summary()) == (7, False, memory.summary())
    assert store.own == "its own"
    with pytest.raises(AttributeError):
        _ = store.nothing_of_the_kind
    store.ping()
    store.close()
    with pytest.raises(Unavailable):
        memory.get("pets", "a")
