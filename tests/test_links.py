"""Links: what a request keeps, when a swap is refused, how data moves, and that nothing is lost under traffic."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from wasicloud_lab.history import Swap
from wasicloud_lab.migration import bytes_text
from wasicloud_lab.providers.blobstore.base import ensure_container, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page, every
from wasicloud_lab.services import Service


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


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    return own_lab.load("gopher", deadline=60)


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Any]]:
    with ThreadPoolExecutor(16) as threads:
        yield threads.submit


def until(condition: Callable[[], Any]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited for a minute")


def test_a_request_in_flight_ends_on_the_provider_it_started_with(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    old, new = Held(), MemoryStore()
    user(old, "ada", "dog")
    user(new, "ada", "cat")
    own_lab.keyvalue.swap(old)
    answer = in_thread(gopher.get, "/ada")
    assert old.asked.wait(60)
    own_lab.keyvalue.swap(new)
    assert "cat" in gopher.get("/ada").text
    assert not answer.done()
    old.let_go.set()
    assert "dog" in answer.result(60).text
    assert (old.get("visits", "ada"), new.get("visits", "ada")) == (b"1", b"1")


def test_a_provider_that_the_link_opened_is_closed_when_its_last_request_has_ended(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    held = Held()
    user(held, "ada", "dog")
    monkeypatch.setattr(memory, "open_memory", lambda address: held)
    own_lab.keyvalue.swap("memory://held")
    answer = in_thread(gopher.get, "/ada")
    assert held.asked.wait(60)
    own_lab.keyvalue.swap(MemoryStore())
    assert not held.closed.is_set()
    held.let_go.set()
    assert answer.result(60).status_code == 200
    assert held.closed.wait(60)


def test_a_provider_given_as_an_object_is_left_open(own_lab: wl.Lab) -> None:
    mine = MemoryStore()
    own_lab.keyvalue.swap(mine)
    own_lab.keyvalue.swap("memory://")
    mine.set("b", "k", b"v")
    assert mine.get("b", "k") == b"v"


def test_a_swap_to_the_present_provider_or_around_it_leaves_it_open(own_lab: wl.Lab) -> None:
    from wasicloud_lab.providers.keyvalue.wrappers import Cached

    store = own_lab.keyvalue.provider
    own_lab.keyvalue.swap(store)
    own_lab.keyvalue.swap(Cached(store))
    own_lab.keyvalue.provider.set("b", "k", b"v")
    assert store.get("b", "k") == b"v"
    own_lab.keyvalue.swap("memory://")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_a_swap_to_what_does_not_answer_is_refused(own_lab: wl.Lab, gopher: wl.App, free_port: int) -> None:
    user(own_lab.keyvalue.provider, "ada", "dog")
    with pytest.raises(wl.SwapRefused) as caught:
        own_lab.keyvalue.swap(f"redis://:s3cret@127.0.0.1:{free_port}")
    assert "keyvalue stays on memory" in str(caught.value)
    assert "does not answer" in str(caught.value)
    assert "dog" in gopher.get("/ada").text
    (refused,) = own_lab.keyvalue.history
    assert refused.refused is not None
    for text in (str(caught.value), str(refused), repr(own_lab.links), own_lab.links._repr_html_()):
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nonsense", "is not a provider's URL"),
        ("gopher://x", "no keyvalue provider for gopher://"),
        ("file:///tmp", "it is a blobstore provider's"),
        (MemoryStore, "not the class"),
        (object(), "it has no get, set"),
        (42, "can't be a keyvalue provider"),
    ],
    ids=["no URL", "unknown scheme", "another kind", "a class", "an object", "a number"],
)
def test_what_is_no_provider_is_refused_with_what_would_be_one(own_lab: wl.Lab, target: Any, words: str) -> None:
    with pytest.raises(wl.SwapRefused, match="keyvalue stays on memory") as caught:
        own_lab.keyvalue.swap(target)
    assert words in str(caught.value)


def test_a_class_written_in_a_cell_is_a_provider(own_lab: wl.Lab, gopher: wl.App) -> None:
    class Everybody(wl.KeyValueProvider):
        """Knows every user and keeps nothing but visits."""

        visits: dict[tuple[str, str], bytes] = {}  # noqa: RUF012

        def get(self, bucket: str, key: str) -> bytes | None:
            return b"fox" if bucket.startswith("user:") else self.visits.get((bucket, key))

        def set(self, bucket: str, key: str, value: bytes) -> None:
            self.visits[bucket, key] = value

        def delete(self, bucket: str, key: str) -> None:
            self.visits.pop((bucket, key), None)

        def keys(self, bucket: str, cursor: str | None = None, limit: int = 1000) -> Page[str]:
            return Page(sorted(key for name, key in self.visits if name == bucket), None)

    own_lab.keyvalue.swap(Everybody())
    assert "fox" in gopher.get("/anybody").text
    assert "visit number 2" in gopher.get("/anybody").text
    assert gopher.wiring["wasi:keyvalue/store@0.2.0-draft"] == "Everybody"
    with pytest.raises(wl.SwapRefused, match="can't list its buckets"):
        own_lab.keyvalue.swap("memory://", migrate=True)


def test_a_provider_that_hangs_is_not_waited_for(own_lab: wl.Lab, in_thread: Callable[..., Any]) -> None:
    release = threading.Event()

    class Hanging(MemoryStore):
        def ping(self) -> None:
            release.wait(60)

    swap = in_thread(own_lab.keyvalue.swap, Hanging())
    time.sleep(0.1)
    with pytest.raises(wl.SwapRefused, match="being swapped at this moment"):
        own_lab.keyvalue.swap("memory://")
    own_lab.keyvalue.cancel()
    with pytest.raises(wl.SwapRefused, match="was cancelled"):
        swap.result(60)
    release.set()
    own_lab.keyvalue.swap("memory://")


def test_a_failing_provider_of_a_stranger_is_refused_by_its_own_words(own_lab: wl.Lab) -> None:
    class Strange(MemoryStore):
        def ping(self) -> None:
            raise KeyError("moon phase")

    with pytest.raises(wl.SwapRefused, match="KeyError: 'moon phase'"):
        own_lab.keyvalue.swap(Strange())


# --- migration ---------------------------------------------------------------------------------------


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
    assert "13 keys, 3 MB moved" in str(swap)


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
    reached, go_on = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def set_many(self, bucket: str, pairs: Any) -> None:
            reached.set()
            assert go_on.wait(60)
            super().set_many(bucket, pairs)

    swap = in_thread(own_lab.keyvalue.swap, Slow(), migrate=True)
    assert reached.wait(60)
    answers = [in_thread(gopher.get, "/ada") for _ in range(3)]
    until(lambda: own_lab.keyvalue.waiting == 3)
    assert not any(answer.done() for answer in answers)
    go_on.set()
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
    assert "65.5 kB" in str(caught.value)
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


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (999_400, "999 kB"), (999_600, "1 MB"),
        (999_600_000, "1.0 GB"), (2_000_000_000_000, "2,000.0 GB"),
    ],
)  # fmt: skip
def test_sizes_are_said_for_people(count: int, words: str) -> None:
    assert bytes_text(count) == words


# --- under traffic -----------------------------------------------------------------------------------


class Traffic:
    """Sixteen clients that increment one counter through a guest, and what they were answered."""

    def __init__(self, app: wl.App, path: str) -> None:
        self.answered = 0
        self.failures: list[Any] = []
        self._app, self._path = app, path
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, name=f"client {n}") for n in range(16)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                response = self._app.get(self._path)
            except Exception as error:
                self.failures.append(error)
                return
            with self._lock:
                self.answered += 1
            if response.status_code != 200:
                self.failures.append(response.text)

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_hundred_swaps_round_all_stores_lose_nothing(
    own_lab: wl.Lab, gopher: wl.App, redis_server: Service, nats_server: Service, tmp_path: Path
) -> None:
    user(own_lab.keyvalue.provider, "ada", "dog")
    round_trip = itertools.cycle(
        [
            "fakeredis://",
            redis_server.url,
            f"{redis_server.url}?layout=prefix",
            f"sqlite:///{(tmp_path / 'store.db').as_posix()}",
            nats_server.url,
            "memory://",
        ]
    )
    with Traffic(gopher, "/ada") as traffic:
        for url in itertools.islice(round_trip, 100):
            own_lab.keyvalue.swap(url, migrate=True, timeout=60)
    assert traffic.failures == []
    assert traffic.answered > 100
    assert own_lab.keyvalue.provider.get("visits", "ada") == str(traffic.answered).encode()
    assert len(own_lab.keyvalue.history) == 100
    for store in (redis_server.url, nats_server.url):
        with_data = wl.Lab(keyvalue=store)
        for bucket in ("visits", "user:ada"):
            with_data.keyvalue.provider.delete_many(bucket, ["ada", "animal"])
        with_data.close()


def test_swaps_without_migration_fail_no_request(own_lab: wl.Lab, gopher: wl.App) -> None:
    stores = [MemoryStore() for _ in range(4)]
    for store in stores:
        user(store, "ada", "dog")
    own_lab.keyvalue.swap(stores[0])
    with Traffic(gopher, "/ada") as traffic:
        for store in itertools.islice(itertools.cycle(stores), 300):
            own_lab.keyvalue.swap(store)
    assert traffic.failures == []
    assert sum(int(store.get("visits", "ada") or 0) for store in stores) == traffic.answered


# --- links of one app --------------------------------------------------------------------------------


def test_one_app_has_a_provider_of_its_own(own_lab: wl.Lab, gopher: wl.App) -> None:
    other = own_lab.load("gopher", name="other")
    mine = MemoryStore()
    user(mine, "ada", "cat")
    user(own_lab.keyvalue.provider, "ada", "dog")
    link = own_lab.link("other", "wasi:keyvalue/store", mine)
    assert "cat" in other.get("/ada").text
    assert "dog" in gopher.get("/ada").text
    assert link.name == "other keyvalue"
    assert [each.name for each in own_lab.links] == ["keyvalue", "blobstore", "other keyvalue"]
    assert own_lab.links["other keyvalue"] is link

    again = MemoryStore()
    user(again, "ada", "fox")
    assert own_lab.link(other, "wasi:keyvalue/atomics@0.2.0-draft", again) is link
    assert "fox" in other.get("/ada").text
    assert len(link.history) == 1

    own_lab.unlink(other, "wasi:keyvalue")
    assert "dog" in other.get("/ada").text
    with pytest.raises(wl.LinkError, match="no link of its own"):
        own_lab.unlink(other, "wasi:keyvalue")


def test_a_link_goes_with_its_app(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:keyvalue", "memory://")
    own_lab.load("gopher")
    assert len(own_lab.links) == 2
    own_lab.link("gopher", "wasi:keyvalue", "memory://")
    own_lab.unload("gopher")
    assert len(own_lab.links) == 2
    assert own_lab.apps == {}


def test_what_can_not_be_linked_is_refused(own_lab: wl.Lab, gopher: wl.App, free_port: int) -> None:
    hello = own_lab.load("hello")
    with pytest.raises(wl.LinkError, match="hello does not import wasi:keyvalue"):
        own_lab.link(hello, "wasi:keyvalue/store", "memory://")
    with pytest.raises(wl.LinkError, match=r"can't be linked; links are for wasi:keyvalue.*lab.provide"):
        own_lab.link(gopher, "wasi:random/random", "memory://")
    with pytest.raises(wl.LinkError, match="no app 'nobody' is loaded; there are gopher, hello"):
        own_lab.link("nobody", "wasi:keyvalue", "memory://")
    with pytest.raises(wl.SwapRefused, match="can't be linked to Redis"):
        own_lab.link(gopher, "wasi:keyvalue", f"redis://127.0.0.1:{free_port}")
    assert gopher.links["wasi:keyvalue"] is own_lab.keyvalue


def test_a_read_only_link_lets_nothing_change(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = MemoryStore()
    user(store, "ada", "dog")
    own_lab.link(gopher, "wasi:keyvalue", store, read_only=True)
    answer = gopher.get("/ada")
    assert answer.status_code == 503
    assert "denied" in answer.text
    assert store.get("visits", "ada") is None
    own_lab.keyvalue.swap(store, read_only=True)
    with pytest.raises(wl.Denied, match="read-only"):
        own_lab.keyvalue.provider.set("b", "k", b"v")


def test_buckets_have_other_names_behind_a_link(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = MemoryStore()
    user(store, "ada", "dog")
    own_lab.link(gopher, "wasi:keyvalue", store, bucket_map={"visits": "gopher-visits"})
    assert gopher.get("/ada").status_code == 200
    assert store.get("gopher-visits", "ada") == b"1"
    assert store.get("visits", "ada") is None


def test_wrappers_go_on_and_come_off_while_the_store_stays_open(own_lab: wl.Lab, gopher: wl.App) -> None:
    from wasicloud_lab.providers.keyvalue.wrappers import Troubled

    user(own_lab.keyvalue.provider, "ada", "dog")
    trouble = own_lab.keyvalue.wrap(Troubled)
    assert gopher.get("/ada").status_code == 200
    trouble.down = True
    answer = gopher.get("/ada")
    assert answer.status_code == 503
    assert "switched off" in answer.text
    trouble.down = False
    assert "visit number 2" in gopher.get("/ada").text
    assert own_lab.keyvalue.unwrap() is trouble
    assert "visit number 3" in gopher.get("/ada").text
    with pytest.raises(wl.LinkError, match="wraps nothing"):
        own_lab.keyvalue.unwrap()


# --- component to component --------------------------------------------------------------------------


def test_a_component_answers_for_another(own_lab: wl.Lab, gopher: wl.App) -> None:
    blobby = own_lab.load("blobby", config={"mount": "/files"})
    assert gopher.wiring["wasi:http/incoming-handler@0.2.0"] is None
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/dog.txt")
    link = own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    assert gopher.wiring["wasi:http/incoming-handler@0.2.0"] == "blobby"
    assert gopher.put("/files/dog.txt", content=b"woof").status_code == 201
    assert gopher.get("/files/dog.txt").content == b"woof"
    assert fetch(own_lab.blobstore.provider, "default", "dog.txt") == b"woof"
    assert gopher.get("/").status_code == 200

    link.swap(own_lab.load("hello"))
    assert gopher.get("/files/dog.txt").text.startswith("Hello")
    with pytest.raises(wl.SwapRefused, match="no data to move"):
        link.swap(blobby, migrate=True)
    with pytest.raises(wl.SwapRefused, match="another app"):
        link.swap("redis://localhost")
    own_lab.unlink(gopher, "wasi:http/incoming-handler")
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/dog.txt")


def test_a_component_that_is_loaded_again_is_linked_again(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.load("blobby", config={"mount": "/files"})
    own_lab.link(gopher, "wasi:http/incoming-handler", "blobby")
    assert gopher.get("/files/x").status_code == 404
    own_lab.load("hello", name="blobby")
    assert gopher.get("/files/x").text.startswith("Hello")


def test_large_bodies_stream_through_both_components(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("blobby", config={"mount": "/files"}, deadline=60))
    chunk = bytes(range(256)) * 1024
    with own_lab.client(gopher) as client:
        assert client.put("/files/large", content=(chunk for _ in range(32))).status_code == 201
        with client.stream("GET", "/files/large") as response:
            assert sum(map(len, response.iter_bytes())) == 32 * len(chunk)


def test_what_the_second_component_does_wrong_is_told(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("gopher", name="second"))
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/x")
    assert gopher.get("/").status_code == 200
    with pytest.raises(wl.SwapRefused, match="shapes exports no wasi:http/incoming-handler"):
        own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("shapes"))
    with pytest.raises(wl.LinkError, match="no app 'nobody'"):
        own_lab.link(gopher, "wasi:http/incoming-handler", "nobody")
    with pytest.raises(wl.SwapRefused, match=r"another app.*'redis://:\*\*\*@h'"):
        gopher.links["wasi:http/incoming-handler"].swap("redis://:s3cret@h")


def test_a_component_linked_to_itself_ends_with_an_error(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", gopher)
    with pytest.raises(wl.LinkError, match="already run inside each other"):
        gopher.get("/files/x")
    assert gopher.get("/").status_code == 200


def test_a_migration_does_not_wait_for_a_request_that_waits_for_it(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    """A request inside another one keeps what the outer one has pinned."""
    old, new = MemoryBlobstore(), MemoryBlobstore()
    ensure_container(old, "default")
    put(old, "default", "x", b"x")
    own_lab.blobstore.swap(old)
    blobby = own_lab.load("blobby", config={"mount": "/files"}, deadline=60)
    own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    passed_on, go_on = threading.Event(), threading.Event()

    def held() -> None:
        passed_on.set()
        assert go_on.wait(60)

    blobby.check_handler = held  # type: ignore[method-assign]
    answer = in_thread(gopher.get, "/files/x")
    assert passed_on.wait(60)
    swap = in_thread(own_lab.blobstore.swap, new, migrate=True)
    until(lambda: own_lab.blobstore.moved is not None)
    go_on.set()
    assert answer.result(60).content == b"x"
    assert swap.result(60).moved is not None
    assert fetch(new, "default", "x") == b"x"


# --- who closes what ---------------------------------------------------------------------------------


def test_a_provider_is_closed_when_the_last_link_lets_go_of_it(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = own_lab.keyvalue.provider
    own_lab.keyvalue.wrap(wl.Cached)
    own_lab.keyvalue.swap(store)  # what was inside of the wrapper
    own_lab.keyvalue.swap(store, read_only=True)
    own_lab.keyvalue.swap(own_lab.keyvalue.provider.inner)
    store.set("b", "k", b"v")

    link = own_lab.link(gopher, "wasi:keyvalue", own_lab.keyvalue.provider, read_only=True)
    own_lab.keyvalue.swap("memory://")
    assert link.provider.get("b", "k") == b"v"
    own_lab.unlink(gopher, "wasi:keyvalue")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_a_link_that_is_closed_while_it_is_swapped_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    lab, made = wl.Lab(), MemoryStore()
    monkeypatch.setattr(memory, "open_memory", lambda address: made)
    old = lab.keyvalue.provider
    monkeypatch.setattr(made, "summary", lambda: lab.close() or "memory")  # asked just before the flip
    monkeypatch.setattr(made, "ping", lambda: None)
    with pytest.raises(wl.SwapRefused):
        lab.keyvalue.swap("memory://")
    for store in (old, made):
        with pytest.raises(wl.Unavailable):
            store.get("b", "k")


def test_an_interrupt_after_the_flip_leaves_the_new_provider_open(
    own_lab: wl.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(MemoryStore):
        def close(self) -> None:
            raise KeyboardInterrupt

    from wasicloud_lab.providers.keyvalue import memory

    with monkeypatch.context() as patched:
        patched.setattr(memory, "open_memory", lambda address: Stuck())
        own_lab.keyvalue.swap("memory://")
    with pytest.raises(KeyboardInterrupt):
        own_lab.keyvalue.swap("memory://")
    own_lab.keyvalue.provider.set("b", "k", b"v")


def test_a_lab_that_can_not_be_made_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    store = MemoryStore()
    monkeypatch.setattr(memory, "open_memory", lambda address: store)
    with pytest.raises(wl.ProviderError, match="is not a provider's URL"):
        wl.Lab(keyvalue="memory://", blobstore="nonsense")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_links_come_and_go_while_a_request_waits(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def set_many(self, bucket: str, pairs: Any) -> None:
            reached.set()
            assert go_on.wait(60)
            super().set_many(bucket, pairs)

    user(own_lab.keyvalue.provider, "ada", "dog")
    own_lab.link(gopher, "wasi:blobstore", "memory://")
    hello = own_lab.load("hello")
    swap = in_thread(own_lab.keyvalue.swap, Slow(), migrate=True)
    assert reached.wait(60)
    answer = in_thread(gopher.get, "/ada")
    until(lambda: own_lab.keyvalue.waiting == 1)
    own_lab.unlink(gopher, "wasi:blobstore")
    own_lab.link(gopher, "wasi:http/incoming-handler", hello)
    go_on.set()
    assert swap.result(60).moved is not None
    assert answer.result(60).status_code == 200


def test_a_request_that_waits_on_a_link_taken_away_gets_what_is_wired_instead(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def set_many(self, bucket: str, pairs: Any) -> None:
            reached.set()
            assert go_on.wait(60)
            raise wl.Unavailable("gone")

    user(own_lab.keyvalue.provider, "ada", "cat")
    link = own_lab.link(gopher, "wasi:keyvalue", "memory://")
    user(link.provider, "ada", "dog")
    swap = in_thread(link.swap, Slow(), migrate=True)
    assert reached.wait(60)
    answer = in_thread(gopher.get, "/ada")
    until(lambda: link.waiting == 1)
    own_lab.unlink(gopher, "wasi:keyvalue")
    go_on.set()
    with pytest.raises(wl.SwapRefused):
        swap.result(60)
    assert "cat" in answer.result(60).text


def test_data_moves_to_a_store_that_is_read_only_from_then_on(own_lab: wl.Lab) -> None:
    own_lab.keyvalue.provider.set("b", "k", b"v")
    own_lab.keyvalue.swap("memory://", migrate=True, read_only=True)
    assert own_lab.keyvalue.provider.get("b", "k") == b"v"
    with pytest.raises(wl.Denied):
        own_lab.keyvalue.provider.set("b", "k", b"w")


def test_what_a_strangers_store_says_is_masked_and_refuses_a_link(own_lab: wl.Lab, gopher: wl.App) -> None:
    class Strange(MemoryStore):
        def ping(self) -> None:
            raise ConnectionError("no way to redis://:s3cret@h")

    for attempt in (
        lambda: own_lab.keyvalue.swap(Strange()),
        lambda: own_lab.link(gopher, "wasi:keyvalue", Strange()),
        lambda: own_lab.link(gopher, "wasi:http/incoming-handler", "redis://:s3cret@h"),
    ):
        with pytest.raises((wl.SwapRefused, wl.LinkError), match=r"redis://:\*\*\*@h") as caught:
            attempt()
        assert "s3cret" not in str(caught.value) + repr(own_lab.links)


def test_a_watched_store_inside_another_is_heard_once(own_lab: wl.Lab, in_thread: Callable[..., Any]) -> None:
    watcher = own_lab.load("stores-watch")
    heard: list[Any] = []
    watcher.call = lambda *arguments, **_: heard.append(arguments[2:])  # type: ignore[method-assign]
    own_lab.keyvalue.swap(wl.Cached(own_lab.keyvalue.provider))
    own_lab.keyvalue.swap(own_lab.keyvalue.provider)
    in_thread(own_lab.keyvalue.provider.set, "b", "k", b"1").result(60)
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard == [("k", b"1")]


# --- how links show themselves -----------------------------------------------------------------------


def test_links_draw_themselves_with_their_history(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.keyvalue.swap(MemoryStore(), migrate=True)
    text, html = repr(own_lab.links), own_lab.links._repr_html_()
    assert "keyvalue   → memory  (gopher)" in text
    assert "0 keys, 0 bytes moved" in text
    assert "<td>gopher</td>" in html
    assert "wasi:keyvalue" in html
    assert repr(own_lab.keyvalue) == "<Link keyvalue → memory, swapped once>"
    assert [name for name, _ in own_lab.links.history] == ["keyvalue"]
    with pytest.raises(KeyError, match="no link 'x'; there are keyvalue, blobstore"):
        own_lab.links["x"]


@pytest.mark.anyio
async def test_the_async_twin_leaves_the_loop_free(own_lab: wl.Lab) -> None:
    swap = await own_lab.keyvalue.aswap("memory://", migrate=True)
    assert swap.refused is None


def test_a_closed_lab_has_closed_what_it_opened() -> None:
    lab = wl.Lab()
    store = lab.keyvalue.provider
    lab.close()
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")
    with pytest.raises(wl.SwapRefused, match="closed"):
        lab.keyvalue.swap("memory://")


# --- guests that watch -------------------------------------------------------------------------------


def test_a_guest_that_exports_a_watcher_is_told_whatever_link_it_has(own_lab: wl.Lab, tmp_path: Path) -> None:
    watcher = own_lab.load("stores-watch")
    heard: list[Any] = []
    watcher.call = lambda *arguments, **_: heard.append(arguments[2:])  # type: ignore[method-assign]
    assert own_lab.keyvalue.watchers
    own_lab.keyvalue.provider.set("b", "k", b"1")
    own_lab.keyvalue.swap(f"sqlite:///{(tmp_path / 's.db').as_posix()}", migrate=True)
    own_lab.load("gopher").get("/")
    own_lab.keyvalue.provider.delete("b", "k")
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard == [("k", b"1"), ("k",)]

    link = own_lab.link(watcher, "wasi:keyvalue", MemoryStore())
    own_lab.keyvalue.provider.set("b", "elsewhere", b"2")
    link.provider.set("b", "mine", b"3")
    assert link.watchers.wait(60)
    assert heard[2:] == [("mine", b"3")]
    own_lab.unlink(watcher, "wasi:keyvalue")
    own_lab.keyvalue.provider.set("b", "again", b"4")
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard[3:] == [("again", b"4")]
    own_lab.unload(watcher)
    assert not own_lab.keyvalue.watchers
