"""Links whose data moves along with a swap: what arrives, who waits for it, and what is left when it fails."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import link_stores
from tests.link_stores import Held, SlowToFill, user
from tests.threads import until
from wasicloud_lab.history import Swap
from wasicloud_lab.providers.blobstore.base import ensure_container, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service

gopher = link_stores.gopher
in_thread = link_stores.in_thread


class Dying(MemoryStore):
    """Takes so many batches and fails at the next; `for_good` fails at the clean-up too."""

    def __init__(self, batches: int, for_good: bool = False) -> None:
        super().__init__()
        self.batches = batches
        self.for_good = for_good
        self.dead = False

    def set_many(self, bucket: str, pairs: Any) -> None:
        if self.batches == 0 and (self.for_good or not self.dead):
            self.dead = True
            raise wl.Unavailable("the power is gone")
        self.batches = max(self.batches - 1, 0)
        super().set_many(bucket, pairs)

    def delete_many(self, bucket: str, keys: Any) -> None:
        if self.dead and self.for_good:
            raise wl.Unavailable("the power is gone")
        super().delete_many(bucket, keys)


def contents(store: Any) -> dict[str, dict[str, bytes | None]]:
    return {
        bucket: {key: store.get(bucket, key) for key in every(lambda cursor, b=bucket: store.keys(b, cursor))}
        for bucket in every(store.buckets)
    }


def test_data_moves_along_and_what_the_target_has_stays(own_lab: wl.Lab) -> None:
    source, target = own_lab.keyvalue.provider, MemoryStore()
    for bucket, key in itertools.product(["a", "b/ü", ""], ["1", "2", "…", ""]):
        source.set(bucket, key, f"{bucket}{key}".encode())
    source.set("a", "large", bytes(3_000_000))
    target.set("a", "1", b"other")
    target.set("mine", "k", b"stays")
    before = contents(source)
    told: list[Any] = []
    swap = own_lab.keyvalue.swap(target, migrate=True, progress=told.append)
    assert contents(target) == {**before, "mine": {"k": b"stays"}}
    assert swap.moved is not None
    assert (swap.moved.buckets, swap.moved.items, swap.moved.unit) == (3, 13, "keys")
    assert swap.moved.size == sum(len(value or b"") for keys in before.values() for value in keys.values())
    assert told[-1] == swap.moved
    assert own_lab.keyvalue.moved is None
    assert "13 keys, 2.9 MiB moved" in str(swap)


def test_ten_thousand_keys_reach_a_real_redis(own_lab: wl.Lab, redis_server: Service) -> None:
    source = own_lab.keyvalue.provider
    source.set_many("ten-thousand", [(f"key {n}", str(n).encode()) for n in range(10_000)])
    swap = own_lab.keyvalue.swap(redis_server.url, migrate=True)
    assert swap.moved is not None
    assert swap.moved.items == 10_000
    redis = own_lab.keyvalue.provider
    assert len(set(every(lambda cursor: redis.keys("ten-thousand", cursor)))) == 10_000
    assert redis.get_many("ten-thousand", ["key 0", "key 9999"]) == [b"0", b"9999"]
    redis.delete_many("ten-thousand", [f"key {n}" for n in range(10_000)])


def test_requests_wait_for_a_migration_and_are_counted(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    user(own_lab.keyvalue.provider, "ada", "dog")
    slow = SlowToFill()
    swap = in_thread(own_lab.keyvalue.swap, slow, migrate=True)
    assert slow.gate.reached.wait(60)
    answers = [in_thread(gopher.get, "/ada") for _ in range(3)]
    until(lambda: own_lab.keyvalue.waiting == 3)
    assert not any(answer.done() for answer in answers)
    slow.gate.opened.set()
    done: Swap = swap.result(60)
    assert [answer.result(60).status_code for answer in answers] == [200] * 3
    assert done.waits.count == 3
    assert 0 < done.waits.median <= done.waits.longest <= done.seconds
    assert "3 requests waited" in str(done)
    assert own_lab.keyvalue.provider.get("visits", "ada") == b"3"


def test_a_migration_waits_for_requests_under_way(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    held = Held()
    user(held, "ada", "dog")
    own_lab.keyvalue.swap(held)
    answer = in_thread(gopher.get, "/ada")
    assert held.asked.wait(60)
    target = MemoryStore()
    with pytest.raises(wl.SwapRefused, match=r"1 request\(s\) under way did not end within 0.2 s"):
        own_lab.keyvalue.swap(target, migrate=True, timeout=0.2)
    assert own_lab.keyvalue.provider is held
    swap = in_thread(own_lab.keyvalue.swap, target, migrate=True)
    time.sleep(0.1)
    assert not swap.done()
    held.let_go.set()
    assert swap.result(60).moved is not None
    assert answer.result(60).status_code == 200
    assert target.get("visits", "ada") == b"1"


def test_a_target_that_dies_half_way_is_left_as_it_was(own_lab: wl.Lab) -> None:
    source, target = own_lab.keyvalue.provider, Dying(batches=2)
    source.set_many("b", [(f"{n:03}", str(n).encode()) for n in range(200)])
    target.set("b", "000", b"was here")
    target.set("other", "k", b"v")
    before = contents(source)
    with pytest.raises(wl.SwapRefused) as caught:
        own_lab.keyvalue.swap(target, migrate=True)
    assert "the power is gone" in str(caught.value)
    assert "was taken back" in str(caught.value)
    assert contents(target) == {"b": {"000": b"was here"}, "other": {"k": b"v"}}
    assert own_lab.keyvalue.provider is source
    assert contents(source) == before


def test_what_can_not_be_taken_back_is_named(own_lab: wl.Lab) -> None:
    own_lab.keyvalue.provider.set_many("b", [(f"{n:03}", b"x") for n in range(200)])
    with pytest.raises(wl.SwapRefused, match=r"copied keys are left in its bucket 'b'"):
        own_lab.keyvalue.swap(Dying(batches=1, for_good=True), migrate=True)


def test_a_value_that_the_target_can_not_hold_is_refused_before_the_flip(own_lab: wl.Lab) -> None:
    class Small(MemoryStore):
        value_limit = 65_536

    source, target = own_lab.keyvalue.provider, Small()
    source.set("a", "fits", bytes(65_536))
    source.set("b", "too large", bytes(65_537))
    with pytest.raises(wl.SwapRefused) as caught:
        own_lab.keyvalue.swap(target, migrate=True)
    assert "'too large' in bucket 'b'" in str(caught.value)
    assert "64 KiB" in str(caught.value)
    assert contents(target) == {}
    assert own_lab.keyvalue.provider is source


def test_a_migration_can_be_cancelled(own_lab: wl.Lab) -> None:
    source, target = own_lab.keyvalue.provider, MemoryStore()
    source.set_many("b", [(f"{n:03}", b"x") for n in range(200)])
    with pytest.raises(wl.SwapRefused, match="cancelled"):
        own_lab.keyvalue.swap(target, migrate=True, progress=lambda moved: own_lab.keyvalue.cancel())
    assert contents(target) == {}
    assert own_lab.keyvalue.provider is source


def test_objects_move_along(own_lab: wl.Lab, tmp_path: Path) -> None:
    source = own_lab.blobstore.provider
    for container, name in itertools.product(["animals", "My Files", "ünïcode"], ["dog.txt", "a/b", "../x"]):
        ensure_container(source, container)
        put(source, container, name, f"{container}{name}".encode())
    ensure_container(source, "empty")
    put(source, "animals", "large", bytes(3_000_000))
    swap = own_lab.blobstore.swap(f"file://{tmp_path.as_posix()}", migrate=True)
    assert swap.moved is not None
    assert (swap.moved.buckets, swap.moved.items) == (4, 10)
    target = own_lab.blobstore.provider
    assert list(every(target.containers)) == ["My Files", "animals", "empty", "ünïcode"]
    assert fetch(target, "ünïcode", "../x") == "ünïcode../x".encode()
    assert (tmp_path / "animals" / "dog.txt").read_bytes() == b"animalsdog.txt"


def test_a_blobstore_that_dies_half_way_is_cleaned_and_what_was_replaced_is_named(own_lab: wl.Lab) -> None:
    class Dying(MemoryBlobstore):
        def write(self, container: str, name: str) -> Any:
            if name == "3":
                raise wl.ProviderError("the disk is full")
            return super().write(container, name)

    source, target = own_lab.blobstore.provider, Dying()
    for container in ("new", "old"):
        ensure_container(source, container)
        for n in range(5):
            put(source, container, str(n), b"source's")
    ensure_container(target, "old")
    put(target, "old", "0", b"target's")
    with pytest.raises(wl.SwapRefused) as caught:
        own_lab.blobstore.swap(target, migrate=True)
    assert "the disk is full" in str(caught.value)
    assert list(every(target.containers)) == ["old"]
    assert list(every(lambda cursor: target.objects("old", cursor))) == ["0"]
    assert own_lab.blobstore.provider is source
    assert fetch(source, "new", "4") == b"source's"

    source.delete_container("new")
    with pytest.raises(wl.SwapRefused, match="may have been replaced: old/0"):
        own_lab.blobstore.swap(target, migrate=True)


class Stranger:
    """A store that has the methods of a provider, and no base class."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        for name, method in vars(wl.KeyValueProvider).items():
            if callable(method) and not name.startswith("_"):
                setattr(self, name, getattr(self._store, name))


def test_a_store_without_the_base_class_can_be_moved_to_and_from(own_lab: wl.Lab) -> None:
    own_lab.keyvalue.provider.set("b", "k", b"v")
    stranger: Any = Stranger()
    own_lab.keyvalue.swap(stranger, migrate=True)
    assert stranger.get("b", "k") == b"v"
    own_lab.keyvalue.swap("memory://", migrate=True)
    assert own_lab.keyvalue.provider.get("b", "k") == b"v"


def test_what_a_strangers_store_says_while_data_moves_is_masked(own_lab: wl.Lab) -> None:
    class Strange(MemoryStore):
        def set_many(self, bucket: str, pairs: Any) -> None:
            raise ConnectionError("no way to redis://:s3cret@h")

    own_lab.keyvalue.provider.set("b", "k", b"v")
    with pytest.raises(wl.SwapRefused, match=r"ConnectionError: no way to redis://:\*\*\*@h") as caught:
        own_lab.keyvalue.swap(Strange(), migrate=True)
    assert "s3cret" not in str(caught.value) + repr(own_lab.links)


def test_a_step_of_a_move_stays_small_when_large_values_follow_small_ones(own_lab: wl.Lab) -> None:
    steps: list[int] = []

    class Measured(MemoryStore):
        def set_many(self, bucket: str, pairs: Any) -> None:
            pairs = list(pairs)
            steps.append(sum(len(value) for _, value in pairs))
            super().set_many(bucket, pairs)

    source = own_lab.keyvalue.provider
    source.set_many("b", [(f"a{n:04}", b"x") for n in range(3000)])
    source.set_many("b", [(f"b{n:04}", bytes(300_000)) for n in range(400)])
    swap = own_lab.keyvalue.swap(Measured(), migrate=True)
    assert swap.moved is not None
    assert swap.moved.items == 3400
    assert max(steps) <= 100 * 300_000  # what may be read before it is known how large it is
    assert sorted(steps)[-3] <= 8_000_000
    assert len(steps) < 100


def test_data_moves_to_a_store_that_is_read_only_from_then_on(own_lab: wl.Lab) -> None:
    own_lab.keyvalue.provider.set("b", "k", b"v")
    own_lab.keyvalue.swap("memory://", migrate=True, read_only=True)
    assert own_lab.keyvalue.provider.get("b", "k") == b"v"
    with pytest.raises(wl.Denied):
        own_lab.keyvalue.provider.set("b", "k", b"w")
