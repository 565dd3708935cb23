"""Swapping a provider under sixteen clients: how long requests are held up, and whether any is lost.

The clients are threads that send gopher one `GET /ada` after the other, in this process. The pause of a swap is what
a request spends in `Pins(links)`, the only place where it meets a swap; every request of every client is timed there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import wasicloud_lab as wl
from wasicloud_lab.plugs import Pins
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Services

from .measure import Run, Sample, fresh_process, quantile
from .report import Group
from .stores import url_of

NAME = "swaps"
TITLE = "Swaps under 16 clients"

CLIENTS = 16
#: Swaps without and with migration; a quick run makes half of them.
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

#: In a fresh process: what a first swap to Redis loads is then loaded under traffic, as in a notebook.
_MIGRATIONS = "import sys; from bench.swaps import migrations; migrations(sys.argv[1])"


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
        """After the block: what came back.

        Raises:
            RuntimeError: no answer at all.
        """
        if not self._requests:
            raise RuntimeError(f"no request was answered: {(self._failures or ['there was none'])[0]}")
        return Traffic(self._requests, self._pauses, self._failures, self._seconds)


@contextlib.contextmanager
def _pins_timed(seconds: list[float]) -> Iterator[None]:
    """Every request that starts meanwhile is timed while it pins its providers."""

    class Timed(Pins):
        __slots__ = ()

        def __init__(self, *arguments: Any) -> None:
            started = time.perf_counter()
            super().__init__(*arguments)
            seconds.append(time.perf_counter() - started)

    with mock.patch("wasicloud_lab.app.Pins", Timed):
        yield


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
    quiet: list[Traffic] = []
    busy: list[Traffic] = []
    with wl.Lab(keyvalue=stores[0]) as lab:
        gopher = lab.load("gopher", deadline=60)
        with Clients(gopher):
            time.sleep(0.5)  # an instance for each client
        for store in stores:
            store.delete("visits", "ada")
        turns = itertools.cycle([*stores[1:], stores[0]])
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
        refused = _refused(lab)
    answered = sum(len(one.requests) for one in quiet + busy)
    failed = [words for one in quiet + busy for words in one.failures]
    counted = sum(int(store.get("visits", "ada") or 0) for store in stores)
    group.add("swap", f"a swap without migration, of {swaps}", Sample(tuple(took)), "ms", 1e3)
    p99 = {}
    for key, words, traffic in (("quiet", "no swaps", quiet), ("swapping", "a swap every 10 ms", busy)):
        requests = Sample(tuple(value for one in traffic for value in one.requests))
        pauses = Sample(tuple(value for one in traffic for value in one.pauses))
        rate = len(requests.values) / sum(one.seconds for one in traffic)
        group.add(f"request_{key}", f"GET /ada, {words}", requests, "ms", 1e3, f"{rate:,.0f} a second")
        p99[key] = _p99([one.requests for one in traffic])
        group.add(f"request_{key}_p99", "  99 of 100 within", p99[key], "ms", 1e3)
        group.add(f"pause_{key}", "  of which held up by the links", pauses, "µs", 1e6)
        note = f"the longest {max(pauses.values) * 1e3:.2f} ms"
        group.add(f"pause_{key}_p99", "  99 of 100 within", _p99([one.pauses for one in traffic]), "µs", 1e6, note)
    more = Sample(tuple(a - b for a, b in zip(p99["swapping"].values, p99["quiet"].values)))
    group.add("request_more", "99 of 100, with swaps less without", more, "ms", 1e3)
    pause = quantile([value for one in busy for value in one.pauses], 0.99)
    _counts(group, "without", answered, counted, failed, refused)
    group.target("swaps.pause", "pause of a swap without migration, 99 of 100 requests", pause * 1e3, "<=", PAUSE, "ms")


def _p99(stretches: Sequence[Sequence[float]]) -> Sample:
    """The 99th percentile of each stretch of traffic."""
    return Sample(tuple(quantile(values, 0.99) for values in stretches))


# --- with migration ----------------------------------------------------------------------------------


def _with(group: Group, redis: str, run: Run) -> None:
    """Ten thousand keys from memory to a real Redis, while the clients go on; each time in a fresh process."""
    both = [json.loads(fresh_process(_MIGRATIONS, redis, timeout=120)) for _ in range(run.of(5, 2))]
    slowest = 0.0
    for turn, key, words in ((0, "first", "the first loads the Redis client too; "), (1, "again", "")):
        found = [each[turn] for each in both]
        whole = Sample(tuple(one["seconds"] for one in found))
        note = f"{words}the longest {max(whole.values):.2f} s"
        group.add(f"migration_{key}", f"memory → Redis, {KEYS:,} keys, {key}", whole, "s", note=note)
        slowest = max(slowest, whole.median)
        waited = Sample(tuple(float(one["waited"]) for one in found))
        group.add(f"migration_{key}_waited", "  requests that waited", waited, "requests")
        for part, label in (("median", "the median of them"), ("longest", "the longest of them")):
            waits = Sample(tuple(one[part] for one in found))
            group.add(f"migration_{key}_{part}", f"  {label}", waits, "ms", 1e3)
    every_one = [one for each in both for one in each]
    answered, counted, refused, lost = (
        sum(one[what] for one in every_one) for what in ("answered", "counted", "refused", "lost")
    )
    _counts(group, "migration", answered, counted, [words for one in every_one for words in one["failures"]], refused)
    group.target("swaps.lost", f"keys lost or changed, of {KEYS:,} each time", lost, "<=", 0, "keys")
    words = f"memory → Redis, {KEYS:,} keys, the first or a later swap"
    group.target("swaps.migration", words, slowest, "<=", WHOLE, "s")


def migrations(redis: str) -> None:
    """Moves the keys to Redis twice, under traffic, in a process of its own; prints what was found, as JSON."""
    values = {f"key {n:05}": f"the value of key {n:05}".encode() for n in range(KEYS)}
    print(json.dumps([_migration(redis, values) for _ in range(2)]))


def _migration(redis: str, values: dict[str, bytes]) -> dict[str, Any]:
    """One of them, on stores that are empty again afterwards."""
    source = MemoryStore()
    _fill(source, {**ADA, "ten-thousand": values})
    with wl.Lab(keyvalue=source) as lab:
        gopher = lab.load("gopher", deadline=60)
        with Clients(gopher) as clients:
            time.sleep(AROUND)
            started = time.perf_counter()
            swap = lab.keyvalue.swap(redis, migrate=True)
            seconds = time.perf_counter() - started
            time.sleep(AROUND)
        traffic = clients.found()
        store = lab.keyvalue.provider
        names = set(every(lambda cursor: store.keys("ten-thousand", cursor)))
        there = store.get_many("ten-thousand", list(values))
        lost = sum(1 for one, value in zip(there, values.values()) if one != value) + len(names ^ set(values))
        counted = int(store.get("visits", "ada") or 0)
        for bucket, keys in (("ten-thousand", list(values)), ("visits", ["ada"]), ("user:ada", list(ADA["user:ada"]))):
            store.delete_many(bucket, keys)
        return {
            "seconds": seconds, "waited": swap.waits.count, "median": swap.waits.median, "longest": swap.waits.longest,
            "answered": len(traffic.requests), "counted": counted, "failures": list(traffic.failures), "lost": lost,
            "refused": _refused(lab),
        }  # fmt: skip


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
        refused = _refused(lab)
    stores = ", ".join(dict.fromkeys(url.partition(":")[0] for url in urls))
    group.add("around", f"a swap with migration, of {swaps}", Sample(tuple(took)), "ms", 1e3, f"round {stores}")
    group.add("around_longest", "  the longest wait in each", Sample(tuple(longest)), "ms", 1e3)
    _counts(group, "around", len(found.requests), counted, found.failures, refused)


def _fill(store: Any, buckets: Mapping[str, Mapping[str, bytes]]) -> None:
    for bucket, values in buckets.items():
        store.set_many(bucket, values.items())


def _refused(lab: wl.Lab) -> int:
    return len([swap for swap in lab.keyvalue.history if swap.refused is not None])


def _counts(group: Group, key: str, answered: int, counted: int, failed: Sequence[str], refused: int) -> None:
    """Whether all was answered, and counted once."""
    words = {"without": "without migration", "migration": "memory → Redis", "around": "round all stores"}[key]
    note = f"the counter says {counted:,}"
    group.add(f"{key}_answered", f"answered {words}", Sample((float(answered),)), "requests", note=note)
    if failed:
        group.notes.append(f"{words}, the first failure: {failed[0]}")
    group.target(f"swaps.{key}_failed", f"{words}: requests failed, swaps refused", len(failed) + refused, "<=", 0, "")
    off = abs(counted - answered)
    group.target(f"swaps.{key}_counter", f"{words}: answers that the counter is off by", off, "<=", 0, "")
