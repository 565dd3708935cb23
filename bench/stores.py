"""What the lab adds to a key-value store: a guest's `bucket.get`, beside the same get by the store's own client.

A guest written here calls `bucket.get` of wasi:keyvalue/store in a loop inside one call; the time of the loop over
its length is the time of a get. gopher is measured as well: by what one more user costs it, and in whole requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wasicloud_lab as wl
from wasicloud_lab.errors import LabError
from wasicloud_lab.providers.blobstore.base import ensure_container, put
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.registry import open_keyvalue
from wasicloud_lab.services import Service, Services

from .measure import Run, Sample, each_timed, interleaved, quantile, timed
from .report import Gap, Group

NAME = "stores"
TITLE = "Key-value stores: a 20-byte get by a guest, by the provider alone, by the store's own client"

BUCKET, KEY, VALUE = "pets", "ricochet", b"twenty bytes of value"[:20]
#: Microseconds that the lab may add to a get.
LIMIT = 40.0
#: Users more that gopher lists in one of two requests.
USERS = 200

#: Opens a bucket, gets one key `n` times, and answers how many bytes it got in all.
GUEST = f"""
(component
  (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
    (type $cases (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $cases)))
    (export "bucket" (type $bucket (sub resource)))
    (type $opened (result (own $bucket) (error $error)))
    (export "open" (func (param "identifier" string) (result $opened)))
    (type $got (result (option (list u8)) (error $error)))
    (export "[method]bucket.get" (func (param "self" (borrow $bucket)) (param "key" string) (result $got)))))
  (alias export $store "bucket" (type $bucket))
  (core module $memory
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096))
  (core instance $memory (instantiate $memory))
  (core func $open (canon lower (func $store "open")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $get (canon lower (func $store "[method]bucket.get")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $drop (canon resource.drop $bucket))
  (core module $loop
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (import "memory" "memory" (memory 2))
    (data (i32.const 0) "{BUCKET}")
    (data (i32.const 16) "{KEY}")
    (func (export "gets") (param $n i32) (result i32)
      (local $bucket i32) (local $bytes i32)
      (call $open (i32.const 0) (i32.const {len(BUCKET)}) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (local.set $bucket (i32.load (i32.const 68)))
      (loop $again
        (call $get (local.get $bucket) (i32.const 16) (i32.const {len(KEY)}) (i32.const 80))
        (if (i32.load8_u (i32.const 80)) (then unreachable))
        (if (i32.load8_u (i32.const 84))
          (then (local.set $bytes (i32.add (local.get $bytes) (i32.load (i32.const 92))))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (call $drop (local.get $bucket))
      (local.get $bytes)))
  (core instance $guest (instantiate $loop
    (with "host" (instance (export "open" (func $open)) (export "get" (func $get)) (export "drop" (func $drop))))
    (with "memory" (instance $memory))))
  (func (export "gets") (param "n" u32) (result u32) (canon lift (core func $guest "gets"))))
"""


@dataclass(frozen=True)
class Store:
    """A store to measure.

    Attributes:
        key: for JSON.
        url: for the lab.
        client: what its own client is called.
        direct: from the open provider, which has stored the value, to a function that gets it that many times by
            the store's own client; a context manager, which lets go of the client.
        count: gets in a loop: about a tenth of a second.
    """

    key: str
    url: str
    client: str
    direct: Callable[[Any], contextlib.AbstractContextManager[Callable[[int], Any]]] = field(repr=False)
    count: int


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Services() as services:
        stores = _stores(group, services, Path(folder))
        share = Sample((float("inf"),))
        for store in stores:
            added = _gets(group, store, run)
            if store.key == "memory":
                share = added
        one_more = _one_more_user(group, run)
        _requests(group, stores, run)
    words = "a get on memory, all but the store's own time"
    group.target("stores.get", words, share.median * 1e6, "<=", LIMIT, "µs")
    words = "the same through gopher, with what it does itself for one more user"
    group.target("stores.gopher", words, one_more.median * 1e6, "<=", LIMIT, "µs")
    return group


def url_of(
    group: Group, what: str, start: Callable[[], Service], opener: Callable[[str], Any] = open_keyvalue
) -> str | None:
    """The URL of a server that is started. Without the server, or the package that speaks to it, None, and a line
    in the group that says how to get it."""
    try:
        url = start().url
        opener(url).close()
        return url
    except LabError as error:
        group.gaps.append(Gap(what, str(error).partition("\n")[0]))
        return None


def _stores(group: Group, services: Services, folder: Path) -> list[Store]:
    found = [
        Store("memory", "memory://", "a dict", _dict, 20_000),
        Store("fakeredis", "fakeredis://bench", "fakeredis", _fakeredis, 500),
        Store(
            "sqlite", f"sqlite:///{(folder / 'store.db').as_posix()}", "sqlite3", _sqlite(folder / "store.db"), 5_000
        ),
    ]
    redis = url_of(group, "Redis", services.redis)
    if redis is not None:
        found.append(Store("redis", redis, "redis-py", _redis(redis), 1_000))
    nats = url_of(group, "NATS", services.nats)
    if nats is not None:
        found.append(Store("nats", nats, "nats-py", _nats(nats), 300))
    return found


# --- one get -----------------------------------------------------------------------------------------


def _gets(group: Group, store: Store, run: Run) -> Sample:
    """A guest's get, the provider's, the client's, in turn; answers what the guest's has on top of the provider's."""
    count = store.count // run.of(1, 4)
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(wl.Lab(keyvalue=store.url))
        app = lab.load(GUEST.encode(), name="gets", deadline=None)
        provider = lab.keyvalue.provider
        provider.set(BUCKET, KEY, VALUE)
        client = stack.enter_context(store.direct(provider))

        def guest() -> None:
            if app.call("gets", count) != count * len(VALUE):
                raise AssertionError(f"the guest got something else from {provider.summary()}")

        def alone() -> None:
            for _ in range(count):
                provider.get(BUCKET, KEY)

        if provider.get(BUCKET, KEY) != VALUE or client(1) != VALUE:
            raise AssertionError(f"{provider.summary()} gives back something else")
        actions = {
            "guest": lambda: timed(guest) / count,
            "provider": lambda: timed(alone) / count,
            "client": lambda: timed(lambda: client(count)) / count,
        }
        interleaved(actions, 1)
        found = interleaved(actions, run.of(15, 5))
    group.add(f"{store.key}_guest", f"{store.key}: a guest's get", found["guest"], "µs", 1e6)
    group.add(f"{store.key}_provider", "  of which the provider", found["provider"], "µs", 1e6)
    group.add(f"{store.key}_client", f"  the same by {store.client}", found["client"], "µs", 1e6)
    added = _less(found["guest"], found["provider"])
    group.add(f"{store.key}_added", "  the lab's share: guest less provider", added, "µs", 1e6)
    group.add(f"{store.key}_over", "  guest less client", _less(found["guest"], found["client"]), "µs", 1e6)
    return added


def _less(more: Sample, less: Sample) -> Sample:
    """Round by round, one less the other."""
    return Sample(tuple(a - b for a, b in zip(more.values, less.values)))


@contextlib.contextmanager
def _dict(provider: Any) -> Iterator[Callable[[int], Any]]:
    """No client is needed for memory: what it comes down to."""
    buckets = {BUCKET: {KEY: provider.get(BUCKET, KEY)}}

    def gets(count: int) -> Any:
        value = None
        for _ in range(count):
            value = buckets[BUCKET].get(KEY)
        return value

    yield gets


@contextlib.contextmanager
def _fakeredis(provider: Any) -> Iterator[Callable[[int], Any]]:
    from fakeredis import FakeStrictRedis

    with FakeStrictRedis() as client:
        client.hset(BUCKET, KEY, provider.get(BUCKET, KEY))
        yield _hget(client)


def _redis(url: str) -> Callable[[Any], contextlib.AbstractContextManager[Callable[[int], Any]]]:
    @contextlib.contextmanager
    def direct(_provider: Any) -> Iterator[Callable[[int], Any]]:
        from redis import Redis

        with Redis.from_url(url) as client:
            yield _hget(client)

    return direct


def _hget(client: Any) -> Callable[[int], Any]:
    def gets(count: int) -> Any:
        value = None
        for _ in range(count):
            value = client.hget(BUCKET, KEY)
        return value

    return gets


def _sqlite(file: Path) -> Callable[[Any], contextlib.AbstractContextManager[Callable[[int], Any]]]:
    @contextlib.contextmanager
    def direct(_provider: Any) -> Iterator[Callable[[int], Any]]:
        sql = "SELECT value FROM entries WHERE bucket = ? AND key = ?"
        with contextlib.closing(sqlite3.connect(file)) as client:

            def gets(count: int) -> Any:
                row = (None,)
                for _ in range(count):
                    row = client.execute(sql, (BUCKET, KEY)).fetchone()
                return row[0]

            yield gets

    return direct


def _nats(url: str) -> Callable[[Any], contextlib.AbstractContextManager[Callable[[int], Any]]]:
    @contextlib.contextmanager
    def direct(_provider: Any) -> Iterator[Callable[[int], Any]]:
        import nats

        # `asyncio.run` for each loop would count connecting; the client stays on one event loop.
        loop = asyncio.new_event_loop()
        try:
            client = loop.run_until_complete(nats.connect(url))
            bucket = loop.run_until_complete(client.jetstream().key_value(BUCKET))

            async def several(count: int) -> Any:
                value = None
                for _ in range(count):
                    value = (await bucket.get(KEY)).value
                return value

            yield lambda count: loop.run_until_complete(several(count))
            loop.run_until_complete(client.close())
        finally:
            loop.close()

    return direct


# --- gopher ------------------------------------------------------------------------------------------


def _one_more_user(group: Group, run: Run) -> Sample:
    """What gopher's `GET /` takes longer for one more user, less the store's own time: a get, a key in a listing,
    and a line of the greeting."""
    with wl.Lab() as lab:
        apps = {}
        for users in (1, 1 + USERS):
            store = MemoryStore()
            store.set_many("visits", [(f"user {n:04}", b"1") for n in range(users)])
            apps[users] = lab.load("gopher", name=f"gopher {users}")
            lab.link(apps[users], "wasi:keyvalue", store)
            text = apps[users].get("/").text
            if f"user {users - 1:04}" not in text:
                raise AssertionError(f"gopher does not list its users: {text[:200]!r}")
        times = run.of(20, 8)
        actions: dict[str, Callable[[], float]] = {
            "few": lambda: timed(lambda: apps[1].get("/"), times),
            "many": lambda: timed(lambda: apps[1 + USERS].get("/"), times),
            "store": lambda: timed(lambda: store.get("visits", "user 0000"), 2_000),
        }
        interleaved(actions, 1)
        found = interleaved(actions, run.of(15, 5))
    few, many = found["few"].values, found["many"].values
    more = Sample(tuple((b - a) / USERS - own for a, b, own in zip(few, many, found["store"].values)))
    group.add("gopher_one", "gopher: GET / with 1 user", found["few"], "µs", 1e6)
    group.add("gopher_many", f"gopher: GET / with {1 + USERS} users", found["many"], "µs", 1e6)
    note = "a get, a key in the listing, a line of the greeting; without the store's own get"
    group.add("gopher_more", "  for each user more", more, "µs", 1e6, note)
    return more


def _requests(group: Group, stores: list[Store], run: Run) -> None:
    """gopher greets a user: three buckets opened, two gets, an increment, a picture; on each store."""
    with wl.Lab() as lab, contextlib.ExitStack() as stack:
        ensure_container(lab.blobstore.provider, "animals")
        put(lab.blobstore.provider, "animals", "dog.txt", b"woof")
        apps = {}
        for store in stores:
            provider = stack.enter_context(contextlib.closing(open_keyvalue(store.url)))
            provider.set_many("user:ada", [("animal", b"dog"), ("accept-language", b"en-US")])
            apps[store.key] = lab.load("gopher", name=f"gopher on {store.key}")
            lab.link(apps[store.key], "wasi:keyvalue", provider)
        actions = {key: lambda app=app: app.get("/ada").raise_for_status() for key, app in apps.items()}
        each_timed(actions, 1, 30)
        found = each_timed(actions, run.of(15, 4), 40)
    for key, sample in found.items():
        note = f"99 of 100 within {quantile(sample.values, 0.99) * 1e6:.0f} µs"
        group.add(f"request_{key}", f"gopher: GET /ada on {key}", sample, "µs", 1e6, note)
