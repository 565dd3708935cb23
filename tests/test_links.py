"""Links: what a request keeps, when a swap is refused, and that nothing is lost under traffic."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import link_stores
from tests.link_stores import Held, user
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page
from wasicloud_lab.services import Service

gopher = link_stores.gopher
in_thread = link_stores.in_thread


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
