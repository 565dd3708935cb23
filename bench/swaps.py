"""Swapping a provider under sixteen clients: how long requests are held up, and whether any is lost.

The clients are threads that send gopher one `GET /ada` after the other, in this process. The pause of a swap is what
a request spends in `Pins(links)`, the only place where it meets a swap; every request of every client is timed there.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasicloud_lab as wl
import wasicloud_lab.app as lab_app
from wasicloud_lab.links import Link
from wasicloud_lab.plugs import Pins
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Services

from .measure import Run, Sample, quantile
from .report import Group
from .stores import url_of

NAME = "swaps"
TITLE = "Swaps under 16 clients"

CLIENTS = 16
#: Swaps with and without migration; the least that is worth the name.
WITHOUT, WITH = 400, 100
#: Between two swaps without migration: seconds.
BETWEEN = 0.01
#: Keys that a migration moves, beside gopher's own.
KEYS = 10_000
#: Milliseconds that a swap without migration may hold up a request, of 99 in 100; seconds that one with it may take.
PAUSE, WHOLE = 1.0, 2.0
#: Seconds that the clients run before and after a migration.
AROUND = 0.3
#: Buckets and keys that gopher uses here.
ADA = {"user:ada": {"animal": b"dog", "accept-language": b"en-US"}}


@dataclass(frozen=True)
class Traffic:
    """What came back.

    Attributes:
        requests: seconds from request to answer, of each.
        pauses: seconds in `Pins(links)`, of each.
        failures: answers that were not 200, and exceptions, in words.
        seconds: how long it went on.
    """

    requests: Sequence[float]
    pauses: Sequence[float]
    failures: Sequence[str]
    seconds: float


class Clients:
    """Threads that greet Ada, each again as soon as it has its answer, for the length of a `with` block."""

    def __init__(self, app: wl.App) -> None:
        self._app = app
        self._stop = threading.Event()
        self._requests: list[float] = []
        self._failures: list[str] = []
        self._pauses: list[float] = []
        self._timing = contextlib.ExitStack()
        self._threads = [threading.Thread(target=self._run, name=f"client {n}") for n in range(CLIENTS)]

    def _run(self) -> None:
        clock, get, requests = time.perf_counter, self._app.get, self._requests
        while not self._stop.is_set():
            started = clock()
            try:
                response = get("/ada")
            except Exception as error:
                self._failures.append(f"{type(error).__name__}: {error}")
                continue
            requests.append(clock() - started)
            if response.status_code != 200:
                self._failures.append(f"{response.status_code}: {response.text[:200]}")

    def __enter__(self) -> Clients:
        self._timing.enter_context(_pins_timed(self._pauses))
        self._started = time.perf_counter()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._seconds = time.perf_counter() - self._started
        self._timing.close()

    def found(self) -> Traffic:
        """After the block: what came back."""
        return Traffic(self._requests, self._pauses, self._failures, self._seconds)


@contextlib.contextmanager
def _pins_timed(seconds: list[float]) -> Iterator[None]:
    """Every request that starts meanwhile is timed while it pins its providers."""

    class Timed(Pins):
        __slots__ = ()

        def __init__(self, links: Mapping[str, Link]) -> None:
            started = time.perf_counter()
            super().__init__(links)
            seconds.append(time.perf_counter() - started)

    lab_app.Pins = Timed  # type: ignore[misc]
    try:
        yield
    finally:
        lab_app.Pins = Pins  # type: ignore[misc]


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    _without(group, run)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Services() as services:
        redis = url_of(group, "swaps with migration to Redis", services.redis)
        if redis is not None:
            _with(group, redis, run)
        nats = url_of(group, "swaps with migration to NATS", services.nats)
        file = f"sqlite:///{(Path(folder) / 'store.db').as_posix()}"
        prefixed = None if redis is None else f"{redis}?layout=prefix"
        _around(group, [url for url in ("fakeredis://", redis, prefixed, file, nats, "memory://") if url], run)
    return group


# --- without migration -------------------------------------------------------------------------------


def _without(group: Group, run: Run) -> None:
    """Swaps between stores in memory, beside the same traffic without swaps."""
    swaps = run.of(WITHOUT, WITHOUT // 2)
    stores = [MemoryStore(str(n)) for n in range(4)]
    for store in stores:
        _fill(store, ADA)
    took: list[float] = []
    quiet, busy = [], []
    with wl.Lab(keyvalue=stores[0]) as lab:
        gopher = lab.load("gopher", deadline=60)
        with Clients(gopher):
            time.sleep(0.5)  # an instance for each client
        for store in stores:
            store.delete("visits", "ada")
        turns = itertools.cycle(stores)
        for turn in range(4):
            swapping = turn in (1, 2)
            with Clients(gopher) as clients:
                if swapping:
                    for _ in range(swaps // 2):
                        took.append(lab.keyvalue.swap(next(turns)).seconds)
                        time.sleep(BETWEEN)
                else:
                    time.sleep(run.of(4, 2))
            (busy if swapping else quiet).append(clients.found())
        refused = sum(swap.refused is not None for swap in lab.keyvalue.history)
    answered = sum(len(one.requests) for one in quiet + busy)
    failed = [words for one in quiet + busy for words in one.failures]
    counted = sum(int(store.get("visits", "ada") or 0) for store in stores)
    group.add("swap", f"a swap without migration, {swaps} of them", Sample(tuple(took)), "ms", 1e3)
    for key, words, traffic in (("quiet", "no swaps", quiet), ("swapping", "swaps", busy)):
        requests = [value for one in traffic for value in one.requests]
        pauses = [value for one in traffic for value in one.pauses]
        rate = len(requests) / sum(one.seconds for one in traffic)
        note = f"99 of 100 within {quantile(requests, 0.99) * 1e3:.1f} ms, {rate:,.0f} a second"
        group.add(f"request_{key}", f"GET /ada, {words}", Sample(tuple(requests)), "ms", 1e3, note)
        group.add(f"request_{key}_p99", f"  99 of 100, {words}", _each(traffic, "requests"), "ms", 1e3)
        longest = (
            f"99 of 1,000 more than {quantile(pauses, 0.901) * 1e6:.1f} µs, the longest {max(pauses) * 1e3:.2f} ms"
        )
        group.add(
            f"pause_{key}", f"  of which held up by the links, {words}", Sample(tuple(pauses)), "µs", 1e6, longest
        )
        group.add(f"pause_{key}_p99", f"  99 of 100, {words}", _each(traffic, "pauses"), "µs", 1e6)
    pause = quantile([value for one in busy for value in one.pauses], 0.99)
    _counts(group, "without", answered, counted, failed, refused)
    group.target("swaps.pause", "pause of a swap without migration, 99 of 100 requests", pause * 1e3, "<=", PAUSE, "ms")


def _each(traffic: Sequence[Traffic], what: str) -> Sample:
    """The 99th percentile of each stretch of traffic."""
    return Sample(tuple(quantile(getattr(one, what), 0.99) for one in traffic))


# --- with migration ----------------------------------------------------------------------------------


def _with(group: Group, redis: str, run: Run) -> None:
    """Ten thousand keys from memory to a real Redis, while the clients go on."""
    values = {f"key {n:05}": f"the value of key {n:05}".encode() for n in range(KEYS)}
    whole, medians, longest, counts = [], [], [], []
    answered = counted = refused = lost = 0
    failed: list[str] = []
    for _ in range(run.of(5, 2)):
        source = MemoryStore()
        _fill(source, {**ADA, "ten-thousand": values})
        with wl.Lab(keyvalue=source) as lab:
            gopher = lab.load("gopher", deadline=60)
            with Clients(gopher) as clients:
                time.sleep(AROUND)
                started = time.perf_counter()
                swap = lab.keyvalue.swap(redis, migrate=True)
                whole.append(time.perf_counter() - started)
                time.sleep(AROUND)
            found = clients.found()
            answered += len(found.requests)
            failed += found.failures
            waits = swap.waits
            counts.append(float(waits.count))
            medians.append(waits.median)
            longest.append(waits.longest)
            store = lab.keyvalue.provider
            names = list(every(lambda cursor, store=store: store.keys("ten-thousand", cursor)))
            there = dict(zip(values, store.get_many("ten-thousand", list(values))))
            lost += sum(there[key] != value for key, value in values.items()) + len(set(names) ^ set(values))
            counted += int(store.get("visits", "ada") or 0)
            refused += sum(one.refused is not None for one in lab.keyvalue.history)
            for bucket, keys in (("ten-thousand", list(values)), ("visits", ["ada"])):
                store.delete_many(bucket, keys)
    label = f"a swap memory → Redis with {KEYS:,} keys moved"
    figure = group.add("migration", label, Sample(tuple(whole)), "s", note=f"the longest {max(whole):.2f} s")
    group.add("migration_waited", "  requests that waited", Sample(tuple(counts)), "requests")
    group.add("migration_wait", "  how long, the median request", Sample(tuple(medians)), "ms", 1e3)
    group.add("migration_longest", "  how long, the longest", Sample(tuple(longest)), "ms", 1e3)
    _counts(group, "migration", answered, counted, failed, refused)
    group.target("swaps.lost", f"keys lost or changed, of {KEYS:,} each time", lost, "<=", 0, "keys")
    group.target("swaps.migration", f"memory → Redis, {KEYS:,} keys", figure.value, "<=", WHOLE, "s")


def _around(group: Group, urls: Sequence[str], run: Run) -> None:
    """A hundred swaps round all stores; the counter that the clients increment goes along."""
    swaps = run.of(WITH, WITH // 2)
    took, longest = [], []
    with wl.Lab() as lab:
        _fill(lab.keyvalue.provider, ADA)
        gopher = lab.load("gopher", deadline=60)
        with Clients(gopher) as clients:
            for url in itertools.islice(itertools.cycle(urls), swaps):
                swap = lab.keyvalue.swap(url, migrate=True, timeout=60)
                took.append(swap.seconds)
                longest.append(swap.waits.longest)
        found = clients.found()
        counted = int(lab.keyvalue.provider.get("visits", "ada") or 0)
        refused = sum(one.refused is not None for one in lab.keyvalue.history)
    stores = ", ".join(dict.fromkeys(url.partition(":")[0] for url in urls))
    group.add("around", f"a swap with migration, {swaps} round {stores}", Sample(tuple(took)), "ms", 1e3)
    group.add("around_longest", "  the longest wait in each", Sample(tuple(longest)), "ms", 1e3)
    _counts(group, "around", len(found.requests), counted, found.failures, refused)


def _fill(store: Any, buckets: Mapping[str, Mapping[str, bytes]]) -> None:
    for bucket, values in buckets.items():
        store.set_many(bucket, values.items())


def _counts(group: Group, key: str, answered: int, counted: int, failed: Sequence[str], refused: int) -> None:
    """Whether all was answered, and counted once."""
    words = {"without": "without migration", "migration": "memory → Redis", "around": "round all stores"}[key]
    note = f"the counter says {counted:,}"
    group.add(f"{key}_answered", f"  answered {words}", Sample((float(answered),)), "requests", note=note)
    if failed:
        group.notes.append(f"{words}, the first failure: {failed[0]}")
    group.target(f"swaps.{key}_failed", f"{words}: failed requests, refused swaps", len(failed) + refused, "<=", 0, "")
    off = abs(counted - answered)
    group.target(f"swaps.{key}_counter", f"{words}: counter less answers", off, "<=", 0, "")
