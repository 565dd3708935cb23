"""Meters: what goes through a link is counted while somebody looks, and reaches the provider unchanged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import wasicloud_lab as wl
from wasicloud_lab.meter import Counts, Meter
from wasicloud_lab.providers.blobstore.base import ensure_container, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    own_lab.keyvalue.provider.set("user:ricochet", "animal", b"dog")
    return own_lab.load("gopher", deadline=60)


class Breaking(MemoryBlobstore):
    """Reads break off after the first chunk, commits fail."""

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield b"some"
        raise wl.Unavailable("redis://:hunter2@host is gone")


def test_calls_of_an_app_are_counted_and_timed_while_somebody_looks(own_lab: wl.Lab, gopher: wl.App) -> None:
    meter = own_lab.keyvalue.meter
    gopher.get("/ricochet")
    assert (meter.running, meter.total, meter.last) == (False, Counts(), None)
    with meter:
        gopher.get("/ricochet")
    counts = meter.counts("gopher")
    assert (counts.calls, counts.errors) == (3, 0)
    assert counts.seconds > 0
    assert meter.last is not None
    assert (meter.last.app, meter.last.operation, meter.last.error) == ("gopher", "increment", None)
    gopher.get("/ricochet")
    assert meter.counts("gopher") == counts == meter.total
    assert (meter.apps, meter.counts("nobody")) == (["gopher"], Counts())


def test_it_runs_until_the_last_one_has_looked_away() -> None:
    meter = Meter("keyvalue")
    meter.on()
    meter.on()
    meter.off()
    assert meter.running
    meter.off()
    meter.off()  # one too many
    assert not meter.running
    meter.on()
    assert meter.running


def test_what_python_code_does_through_the_link_is_not_counted(own_lab: wl.Lab) -> None:
    with own_lab.keyvalue.meter as meter:
        own_lab.keyvalue.provider.set("a", "b", b"c")
    assert meter.total == Counts()


def test_errors_are_counted_and_told_without_secrets(own_lab: wl.Lab, gopher: wl.App) -> None:
    class Down(MemoryStore):
        def increment(self, bucket: str, key: str, delta: int = 1) -> int:
            raise wl.Unavailable("redis://:hunter2@localhost does not answer")

    own_lab.keyvalue.swap(Down(), migrate=True)
    with own_lab.keyvalue.meter as meter:
        gopher.get("/ricochet")
    assert meter.counts("gopher").errors == 1
    assert meter.last is not None
    assert meter.last.error == "Unavailable: redis://:***@localhost does not answer"


def test_it_goes_on_counting_after_a_swap(own_lab: wl.Lab, gopher: wl.App) -> None:
    with own_lab.keyvalue.meter as meter:
        gopher.get("/ricochet")
        own_lab.keyvalue.swap(MemoryStore(), migrate=True)
        gopher.get("/ricochet")
    assert meter.counts("gopher").calls == 6
    assert own_lab.keyvalue.provider.get("visits", "ricochet") == b"2"


def test_requests_passed_on_to_another_app_are_counted(own_lab: wl.Lab, gopher: wl.App) -> None:
    link = own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("echo", deadline=60))
    with link.meter as meter:
        before = gopher.get("/files/headers")
    assert before.content == gopher.get("/files/headers").content
    assert (meter.counts("gopher").calls, meter.counts("gopher").errors) == (1, 0)
    assert meter.last is not None
    assert meter.last.operation == "handle"


def test_a_stream_is_one_call_with_the_time_of_all_its_chunks() -> None:
    store, meter = MemoryBlobstore(), Meter("blobstore")
    seen = meter.before(store, "app")
    ensure_container(store, "c")
    put(seen, "c", "big", b"x" * 3_000_000)
    written = meter.counts("app")
    assert written.calls == 1
    assert fetch(seen, "c", "big") == b"x" * 3_000_000 == fetch(store, "c", "big")
    assert meter.counts("app").calls == 2
    assert meter.counts("app").seconds > written.seconds > 0


def test_a_stream_that_breaks_off_is_one_error_and_a_missing_object_none() -> None:
    store, meter = Breaking(), Meter("blobstore")
    seen = meter.before(store, "app")
    ensure_container(store, "c")
    with pytest.raises(wl.Unavailable):
        fetch(seen, "c", "o")
    assert meter.counts("app")[:2] == (1, 1)
    assert meter.last is not None
    assert "hunter2" not in str(meter.last)
    with pytest.raises(wl.NotFound):
        seen.object_info("c", "nothing")
    assert meter.counts("app")[:2] == (2, 1)


def test_a_write_that_is_given_up_leaves_what_was_there() -> None:
    store, meter = MemoryBlobstore(), Meter("blobstore")
    seen = meter.before(store, "app")
    ensure_container(store, "c")
    put(store, "c", "o", b"old")
    writer = seen.write("c", "o")
    writer.write(b"new")
    writer.abort()
    assert fetch(store, "c", "o") == b"old"
    assert meter.counts("app")[:2] == (1, 0)


def test_a_provider_of_a_class_of_its_own_keeps_what_it_has_beyond() -> None:
    class Own:
        extra = "here"
        value_limit = 7

        def get(self, bucket: str, key: str) -> bytes:
            return f"{bucket}/{key}".encode()

    seen = Meter("keyvalue").before(Own(), "app")
    assert (seen.get("a", "b"), seen.extra, seen.value_limit) == (b"a/b", "here", 7)


def test_nothing_is_lost_when_many_threads_count() -> None:
    store, meter = MemoryStore(), Meter("keyvalue")

    def work(name: str) -> None:
        seen: Any = meter.before(store, name)
        for _ in range(500):
            seen.increment("b", "k")

    threads = [threading.Thread(target=work, args=(f"app {n % 2}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.total.calls == 4000
    assert meter.counts("app 0").calls == 2000
    assert store.get("b", "k") == b"4000"
