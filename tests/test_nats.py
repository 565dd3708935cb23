"""The NATS providers on a real nats-server: names, races, listings, streams of bytes, and the faults a server has."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any
from uuid import uuid4

import nats
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError

from wasicloud_lab.errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.nats import NatsBlobstore
from wasicloud_lab.providers.blobstore.nats import open_nats as open_blobs
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.providers.keyvalue.nats import open_nats as open_keys
from wasicloud_lab.providers.nats_names import (
    bucket_from_nats,
    bucket_to_nats,
    key_from_nats,
    key_to_nats,
    object_from_nats,
    object_to_nats,
)
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service, Services

MIB = 1 << 20
ODD = ["", ".", "..", "../../etc", "a/b", "a.b", ".a.", "a..b", "*", ">", "a b", "é🐕", "\0", "\0\0", "-", "a--"]
ODD += ["=20", "=_", "--3a", "--_", "user:ricochet", "x" * 1000, "é" * 512]
NAMES = st.text(max_size=12) | st.text(alphabet="-=_.:a3AF\0", max_size=8) | st.sampled_from(ODD)


@pytest.fixture
def own() -> Iterator[Services]:
    """Servers for one test."""
    with Services() as made:
        yield made


@pytest.fixture
def url(nats_server: Service) -> str:
    """A corner of the shared server that nobody else looks into."""
    return f"{nats_server.url}?prefix=t{uuid4().hex[:8]}-"


@pytest.fixture
def store(url: str) -> Iterator[NatsStore]:
    with closing(NatsStore(url)) as made:
        yield made


@pytest.fixture
def blobs(url: str) -> Iterator[NatsBlobstore]:
    with closing(NatsBlobstore(url)) as made:
        made.create_container("c")
        yield made


def as_others_do(url: str, work: Callable[[JetStreamContext], Awaitable[Any]]) -> Any:
    """What a program that knows only NATS's own client sees or does."""

    async def connected() -> Any:
        client = await nats.connect(url.partition("?")[0])
        try:
            return await work(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(connected())


@contextmanager
def stopped(server: Service) -> Iterator[psutil.Process]:
    """The server as if it hung: its process stands still, connections stay."""
    process = psutil.Process(server.pid)
    process.suspend()
    while any(psutil.Process(thread.id).status() != psutil.STATUS_STOPPED for thread in process.threads()):
        time.sleep(0.005)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


# --- names ---------------------------------------------------------------------------------------------


@given(NAMES, NAMES)
@settings(deadline=None)
def test_names_come_back_and_no_two_are_one(first: str, second: str) -> None:
    for there, back in [
        (key_to_nats, key_from_nats),
        (lambda name: object_to_nats(name)[1], object_from_nats),
    ]:
        assert back(there(first)) == first
        assert (there(first) == there(second)) == (first == second)
    assert bucket_from_nats(*bucket_to_nats(first)) == first
    assert (bucket_to_nats(first)[0] == bucket_to_nats(second)[0]) == (first == second)


@pytest.mark.parametrize("plain", ["animal", "a-b_C9", "my--bucket"])
def test_a_plain_name_stays_as_it_is(plain: str) -> None:
    assert bucket_to_nats(plain) == (plain, None)
    assert key_to_nats(f"{plain}/a.b=c") == f"{plain}/a.b=c"


def test_a_name_that_cannot_be_kept_is_refused(store: NatsStore) -> None:
    with pytest.raises(ProviderError, match="at most 3500 characters"):
        store.set("b", "k" * 3501, b"")
    with pytest.raises(ProviderError, match="at most 4096 bytes"):
        store.get("b" * 4097, "k")
    with pytest.raises(ProviderError, match="no UTF-8"):
        store.get("\ud800", "k")


def test_odd_names_of_buckets_and_keys_do_not_meet(store: NatsStore) -> None:
    for bucket in ODD:
        store.set_many(bucket, [(key, f"{bucket}|{key}".encode()) for key in ODD])
    for bucket in ODD:
        assert store.get_many(bucket, ODD) == [f"{bucket}|{key}".encode() for key in ODD]
        assert store.keys(bucket).items == sorted(ODD)
    assert store.buckets().items == sorted(ODD)
    assert list(every(lambda cursor: store.buckets(cursor, 5))) == sorted(ODD)


def test_odd_names_of_containers_and_objects_do_not_meet(blobs: NatsBlobstore) -> None:
    containers = ["", "..", "My Files", "é" * 400]
    for container in containers:
        blobs.create_container(container)
        for name in ODD:
            put(blobs, container, name, f"{container}|{name}".encode())
    for container in containers:
        assert all(fetch(blobs, container, name) == f"{container}|{name}".encode() for name in ODD)
        assert list(every(lambda cursor, c=container: blobs.objects(c, cursor, 7))) == sorted(ODD)
    assert list(every(lambda cursor: blobs.containers(cursor, 2))) == sorted([*containers, "c"])


# --- key-value -----------------------------------------------------------------------------------------


def test_it_does_what_a_dict_would(url: str) -> None:
    keys = st.sampled_from(["a", "b c", ""])
    values = st.binary(max_size=5) | st.sampled_from([b"7", b"-1"])
    step = (
        st.tuples(st.just("set"), keys, values)
        | st.tuples(st.just("delete"), keys, st.none())
        | st.tuples(st.just("increment"), keys, st.integers(-3, 3))
        | st.tuples(st.just("swap"), keys, st.tuples(st.none() | values, values))
    )

    with closing(NatsStore(url)) as store:

        @given(st.lists(step, max_size=12))
        @settings(deadline=None, max_examples=25)
        def holds(steps: list[tuple[str, str, Any]]) -> None:
            bucket = f"b{uuid4().hex}"
            model: dict[str, bytes] = {}
            for what, key, value in steps:
                if what == "set":
                    store.set(bucket, key, value)
                    model[key] = value
                elif what == "delete":
                    store.delete(bucket, key)
                    model.pop(key, None)
                elif what == "swap":
                    fits = model.get(key) == value[0]
                    assert store.compare_and_swap(bucket, key, *value) == fits
                    model |= {key: value[1]} if fits else {}
                else:
                    with suppress(ProviderError):
                        model[key] = str(store.increment(bucket, key, value)).encode()
                assert store.get(bucket, key) == model.get(key)
                assert store.exists(bucket, key) == (key in model)
            assert store.keys(bucket).items == sorted(model)
            assert (bucket in store.buckets().items) == bool(model)

        holds()


def test_increments_of_sixteen_threads_and_two_connections_add_up(store: NatsStore, url: str) -> None:
    with closing(NatsStore(url)) as other, ThreadPoolExecutor(16) as pool:
        sums = list(pool.map(lambda at: (store, other)[at % 2].increment("c", "n"), range(320)))
    assert sorted(sums) == list(range(1, 321))
    assert store.get("c", "n") == b"320"


def test_of_many_swaps_of_one_value_one_wins(store: NatsStore) -> None:
    for round_, expected in enumerate([None, b"0", b"1"]):
        value = str(round_).encode()
        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(lambda _: store.compare_and_swap("b", "k", expected, value), range(16)))  # noqa: B023
        assert won.count(True) == 1
    store.delete("b", "k")
    assert store.compare_and_swap("b", "k", None, b"again")


def test_a_listing_of_ten_thousand_keys_is_whole_while_others_write_and_delete(store: NatsStore, url: str) -> None:
    names = [f"k{at:05}" for at in range(10_000)]
    store.set_many("b", ((name, b"v") for name in names))
    stop = threading.Event()

    def disturb() -> None:
        with closing(NatsStore(url)) as other:
            at = 0
            while not stop.is_set():
                other.set("b", names[at % 10_000], b"w")
                other.set("b", f"z{at}", b"w")
                other.delete("b", f"z{at}")
                at += 7

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(disturb)
        listed = list(every(lambda cursor: store.keys("b", cursor)))
        stop.set()
        writer.result()
    assert listed == sorted(set(listed))
    assert [name for name in listed if name.startswith("k")] == names


def test_deletes_leave_no_long_trail(store: NatsStore, url: str) -> None:
    store.set_many("b", ((f"k{at}", b"v") for at in range(2000)))
    store.delete_many("b", [f"k{at}" for at in range(2000)])
    prefix = url.partition("prefix=")[2]

    async def messages(stream: JetStreamContext) -> int:
        return (await stream.stream_info(f"KV_{prefix}b")).state.messages

    assert store.keys("b").items == []
    assert store.buckets().items == []
    assert as_others_do(url, messages) < 300


def test_natss_own_client_and_a_guest_see_the_same_bucket(nats_server: Service) -> None:
    bucket = f"shared-{uuid4().hex}"

    async def theirs(stream: JetStreamContext) -> None:
        kv = await stream.create_key_value(bucket=bucket, history=5)
        await kv.put("animal", b"cat")
        await kv.put("animal", b"dog")
        await kv.put("gone", b"1")
        await kv.delete("gone")
        await kv.purge("gone")

    async def seen(stream: JetStreamContext) -> tuple[bytes | None, bytes | str | None]:
        kv = await stream.key_value(bucket)
        try:
            return (await kv.get("count")).value, (await kv.get("animal")).value
        except KeyNotFoundError as error:
            return (await kv.get("count")).value, error.op

    as_others_do(nats_server.url, theirs)
    with closing(NatsStore(nats_server.url)) as store:
        assert store.get("shared", "animal") is None
        assert store.get(bucket, "animal") == b"dog"
        assert store.keys(bucket).items == ["animal"]
        assert store.get(bucket, "gone") is None
        assert store.compare_and_swap(bucket, "gone", None, b"back")
        assert store.increment(bucket, "count", 41) == 41
        assert as_others_do(nats_server.url, seen) == (b"41", b"dog")
        store.delete(bucket, "animal")
        assert as_others_do(nats_server.url, seen) == (b"41", "DEL")
        assert store.keys(bucket).items == ["count", "gone"]


def test_a_bucket_that_allows_no_direct_gets_is_read_too(nats_server: Service) -> None:
    bucket = f"plain-{uuid4().hex}"

    async def make(stream: JetStreamContext) -> None:
        await stream.create_key_value(bucket=bucket, direct=False)

    as_others_do(nats_server.url, make)
    with closing(NatsStore(nats_server.url)) as store:
        store.set(bucket, "k", b"\0v")
        store.set(bucket, "empty", b"")
        store.delete(bucket, "never")
        assert store.get_many(bucket, ["k", "empty", "never"]) == [b"\0v", b"", None]
        assert store.increment(bucket, "n") == 1
        assert bucket in store.buckets(limit=10_000).items


def test_a_bucket_that_others_remove_is_made_again(store: NatsStore, url: str) -> None:
    store.set("b", "k", b"1")
    prefix = url.partition("prefix=")[2]
    as_others_do(url, lambda stream: stream.delete_stream(f"KV_{prefix}b"))
    assert store.get("b", "k") is None
    as_others_do(url, lambda stream: stream.add_stream(name=f"{prefix}other", subjects=[f"{prefix}.>"]))
    store.set("b", "k", b"2")
    as_others_do(url, lambda stream: stream.delete_stream(f"KV_{prefix}b"))
    store.set("b", "k", b"3")
    assert store.get("b", "k") == b"3"
    assert store.keys("b").items == ["k"]


def test_sixteen_mebibytes_fit_and_what_is_over_the_servers_limit_is_too_large(store: NatsStore) -> None:
    store.ping()
    limit = store.value_limit
    assert limit is not None
    assert limit >= 16 * MIB
    for key, size in [("k", 16 * MIB), (" " * 1160, limit)]:
        value = os.urandom(MIB) * (size // MIB) + bytes(size % MIB)
        store.set("b" * 128, key, value)
        assert store.get("b" * 128, key) == value
    with pytest.raises(TooLarge, match=f"up to {limit} bytes"):
        store.set("b", "k", bytes(limit + 1))


# --- blobstore -----------------------------------------------------------------------------------------


def test_a_container_is_made_once_also_by_many_at_a_time(blobs: NatsBlobstore) -> None:
    def make(_: int) -> bool:
        try:
            return bool(blobs.create_container("mine").created_at)
        except ProviderError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(8))).count(True) == 1
    blobs.delete_container("mine")
    for missing in [
        lambda: blobs.delete_container("mine"),
        lambda: blobs.container_info("mine"),
        lambda: blobs.objects("mine"),
        lambda: blobs.read("mine", "o"),
        lambda: blobs.write("mine", "o"),
        lambda: blobs.delete_object("mine", "o"),
        lambda: blobs.object_exists("mine", "o"),
    ]:
        with pytest.raises(NotFound, match="no container 'mine'"):
            missing()
    assert not blobs.object_exists("c", "o")
    with pytest.raises(NotFound, match="no object 'o' in container 'c'"):
        blobs.read("c", "o")


def test_ranges_are_inclusive_also_in_objects_written_side_by_side(blobs: NatsBlobstore) -> None:
    data = [os.urandom(5 * MIB + 3), os.urandom(5 * MIB + 3)]
    with blobs.write("c", "a") as one, blobs.write("c", "b") as two:
        for at in range(0, len(data[0]), 700_000):
            one.write(data[0][at : at + 700_000])
            two.write(data[1][at : at + 700_000])
    last = len(data[0]) - 1
    starts = [0, 1, 131_071, 131_072, CHUNK - 1, CHUNK, 3 * MIB + 5, last, last + 1, last + 100]
    for name, whole in zip("ab", data):
        assert blobs.object_info("c", name).size == len(whole)
        for start in starts:
            for end in [None, start - 1, start, start + 200_000, last, last + 9]:
                pieces = list(blobs.read("c", name, start, end))
                assert all(0 < len(piece) <= CHUNK for piece in pieces)
                assert b"".join(pieces) == whole[start : None if end is None else max(0, end + 1)]


def test_an_object_is_seen_when_it_is_whole_and_an_abort_leaves_the_one_before(blobs: NatsBlobstore, url: str) -> None:
    prefix = url.partition("prefix=")[2]

    async def messages(stream: JetStreamContext) -> int:
        return (await stream.stream_info(f"OBJ_{prefix}c")).state.messages

    put(blobs, "c", "o", b"before")
    with pytest.raises(KeyError), blobs.write("c", "o") as writer:
        writer.write(bytes(3 * MIB))
        raise KeyError
    assert fetch(blobs, "c", "o") == b"before"
    writer = blobs.write("c", "o")
    writer.write(bytes(3 * MIB))
    assert fetch(blobs, "c", "o") == b"before"
    writer.commit()
    writer.abort()
    with pytest.raises(ProviderError, match="has ended"):
        writer.write(b"more")
    assert blobs.object_info("c", "o").size == 3 * MIB
    put(blobs, "c", "o", b"")
    assert fetch(blobs, "c", "o") == b""
    assert as_others_do(url, messages) == 1  # nothing but what says that it is empty
    blobs.delete_objects("c", ["o", "never"])
    assert blobs.objects("c").items == []
    assert as_others_do(url, messages) == 0


def test_of_writers_at_once_one_wins_whole(blobs: NatsBlobstore) -> None:
    versions = [bytes([at]) * (MIB + at) for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: put(blobs, "c", "o", data), versions))
    assert fetch(blobs, "c", "o") in versions


def test_a_reader_is_told_when_the_object_changes_under_it(blobs: NatsBlobstore) -> None:
    put(blobs, "c", "o", os.urandom(8 * MIB))
    reading = blobs.read("c", "o")
    next(reading)
    put(blobs, "c", "o", os.urandom(8 * MIB))
    with pytest.raises(ProviderError, match="changed while it was being read"):
        list(reading)


def test_a_container_emptied_under_a_writer_gets_no_broken_object(blobs: NatsBlobstore, url: str) -> None:
    writer = blobs.write("c", "o")
    writer.write(bytes(4 * MIB))
    as_others_do(url, lambda stream: stream.purge_stream(f"OBJ_{url.partition('prefix=')[2]}c"))
    with pytest.raises(ProviderError, match="was emptied while 'o' was written"):
        writer.commit()
    assert blobs.objects("c").items == []


def test_a_large_object_passes_through_little_memory(blobs: NatsBlobstore) -> None:
    piece = os.urandom(MIB)
    put(blobs, "c", "warm", piece * 4)
    fetch(blobs, "c", "warm")
    process, peak = psutil.Process(), 0
    before = process.memory_info().rss
    with blobs.write("c", "big") as writer:
        for _ in range(64):
            writer.write(piece)
            peak = max(peak, process.memory_info().rss)
    size = 0
    for chunk in blobs.read("c", "big"):
        size += len(chunk)
        peak = max(peak, process.memory_info().rss)
    assert size == 64 * MIB
    assert peak - before <= 16 * MIB


def test_natss_own_client_and_a_guest_read_each_others_objects(nats_server: Service) -> None:
    name, data = f"shared-{uuid4().hex}", os.urandom(2 * MIB + 1)

    async def theirs(stream: JetStreamContext) -> bytes:
        objects = await stream.object_store(name)
        await objects.put("ünï/theirs", data)
        await objects.put("gone", b"1")
        await objects.delete("gone")
        buffer = io.BytesIO()
        await objects.get("ünï/ours", buffer)  # checks the digest
        return buffer.getvalue()

    with closing(NatsBlobstore(nats_server.url)) as blobs:
        blobs.create_container(name)
        put(blobs, name, "ünï/ours", data)
        assert as_others_do(nats_server.url, theirs) == data
        assert fetch(blobs, name, "ünï/theirs") == data
        assert b"".join(blobs.read(name, "ünï/theirs", 2 * MIB - 1)) == data[-2:]
        assert blobs.objects(name).items == ["ünï/ours", "ünï/theirs"]
        assert not blobs.object_exists(name, "gone")
        blobs.move_object(name, "ünï/theirs", name, "moved")
        assert blobs.objects(name).items == ["moved", "ünï/ours"]
        blobs.clear_container(name)
        assert blobs.objects(name).items == []


def test_small_messages_make_small_chunks_and_what_does_not_fit_the_value_limit(own: Services) -> None:
    server = own.nats(max_payload=64 * 1024)
    data = os.urandom(300_001)
    with closing(NatsBlobstore(server.url)) as blobs, closing(NatsStore(server.url)) as store:
        blobs.create_container("c")
        put(blobs, "c", "o", data)
        assert fetch(blobs, "c", "o") == data
        with pytest.raises(TooLarge, match="max_payload"):
            store.set("b", "k", data)


# --- the server and its faults -------------------------------------------------------------------------


def test_nobody_there_is_unavailable_and_says_how_to_start_one(free_port: int) -> None:
    for made in (NatsStore(f"nats://127.0.0.1:{free_port}"), NatsBlobstore(f"nats://127.0.0.1:{free_port}")):
        with closing(made), pytest.raises(Unavailable, match=r"connection refused.*nats-server -js"):
            made.ping()


def test_a_server_that_says_nothing_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with closing(NatsStore(f"nats://127.0.0.1:{port}?timeout=0.3")) as store, ThreadPoolExecutor(8) as pool:
            for call in [pool.submit(store.get, "b", "k") for _ in range(8)]:
                with pytest.raises(Unavailable, match=r"nothing within 0\.3 s"):
                    call.result()


@pytest.mark.parametrize(
    ("login", "settings_"),
    [
        ("ricochet:hunter2-wrong@", {"user": "ricochet", "password": "right"}),
        ("hunter2-wrong@", {"token": "right"}),
        ("", {"token": "right"}),
    ],
)
def test_a_wrong_login_is_denied_and_not_shown(own: Services, login: str, settings_: dict[str, str]) -> None:
    server = own.nats(authorization=settings_)
    with closing(NatsStore(server.url.replace("//", f"//{login}"))) as store:
        with pytest.raises(Denied, match="does not let this user in") as caught:
            store.ping()
        assert "hunter2" not in f"{caught.value} {caught.value.__cause__} {store!r} {store.summary()}"


def test_a_right_login_is_let_in(own: Services) -> None:
    server = own.nats(authorization={"user": "r", "password": "p/1"})
    with closing(NatsStore(server.url.replace("//", "//r:p%2F1@"))) as store:
        store.set("b", "k", b"v")
    server = own.nats(authorization={"token": "right"}, new=True)
    with closing(NatsStore(server.url.replace("//", "//right@"))) as store:
        store.set("b", "k", b"v")


def test_what_the_user_may_not_do_is_denied_at_once(own: Services) -> None:
    rights = {"publish": {"deny": ["$KV.b.secret", "$JS.API.STREAM.DELETE.>"]}}
    server = own.nats(authorization={"users": [{"user": "r", "password": "p", "permissions": rights}]})
    url = server.url.replace("//", "//r:p@") + "?timeout=60"
    with closing(NatsStore(url)) as store, closing(NatsBlobstore(url)) as blobs:
        store.set("b", "open", b"v")
        with pytest.raises(Denied, match="does not let this user publish"):
            store.set("b", "secret", b"v")
        blobs.create_container("c")
        with pytest.raises(Denied):
            blobs.delete_container("c")
        assert store.get("b", "open") == b"v"


def test_a_server_without_jetstream_says_how_to_get_it(own: Services) -> None:
    server = own.nats(jetstream=False)
    with closing(NatsStore(server.url)) as store, closing(NatsBlobstore(server.url)) as blobs:
        for call in (store.ping, lambda: store.set("b", "k", b""), blobs.ping, lambda: blobs.create_container("c")):
            with pytest.raises(ProviderError, match="nats-server -js"):
                call()


def test_a_full_server_says_so_and_what_it_has_can_be_read_and_deleted(own: Services, tmp_path: Any) -> None:
    server = own.nats(jetstream={"store_dir": str(tmp_path), "max_file_store": 4 * MIB})
    with closing(NatsStore(server.url)) as store, closing(NatsBlobstore(server.url)) as blobs:
        blobs.create_container("c")
        put(blobs, "c", "small", b"1")
        with pytest.raises(ProviderError, match="is full"):
            put(blobs, "c", "big", bytes(8 * MIB))
        assert blobs.objects("c").items == ["small"]
        assert fetch(blobs, "c", "small") == b"1"
        with pytest.raises(ProviderError, match="is full"):
            store.set("b", "k", bytes(MIB))
        store.delete("b", "k")  # its marker finds no room, and it is no error for that
        assert store.get("b", "k") is None


def test_a_server_that_dies_is_unavailable_and_works_again_when_it_is_back(own: Services, tmp_path: Any) -> None:
    server = own.nats(folder=tmp_path)
    port = Address.parse(server.url).port
    with ExitStack() as stack:
        store = stack.enter_context(closing(NatsStore(server.url)))
        blobs = stack.enter_context(closing(NatsBlobstore(server.url)))
        store.set("b", "k", b"v")
        blobs.create_container("c")
        put(blobs, "c", "o", bytes(4 * MIB))
        writer = blobs.write("c", "new")
        writer.write(bytes(MIB))
        server.stop()
        for call in (lambda: store.get("b", "k"), lambda: store.set("b", "k", b""), writer.commit, blobs.ping):
            with pytest.raises(Unavailable):
                call()
        stack.enter_context(own.nats(folder=tmp_path, port=port, new=True))
        assert store.get("b", "k") == b"v"
        assert fetch(blobs, "c", "o") == bytes(4 * MIB)
        assert blobs.objects("c").items == ["o"]


def test_a_server_that_shuts_down_does_not_say_that_its_data_is_gone(own: Services) -> None:
    server = own.nats()
    with closing(NatsStore(server.url)) as store, closing(NatsBlobstore(server.url)) as blobs:
        store.set("b", "k", b"v")
        blobs.create_container("c")
        put(blobs, "c", "o", b"v")

        def until_unavailable(read: Callable[[], object]) -> set[object]:
            answers = set()
            with suppress(Unavailable):
                while True:
                    answers.add(read())
            return answers

        reads = [lambda: store.get("b", "k"), lambda: fetch(blobs, "c", "o"), lambda: len(store.keys("b").items)]
        with ThreadPoolExecutor(3) as pool:
            reading = [pool.submit(until_unavailable, read) for read in reads]
            time.sleep(0.2)
            server.stop()
            assert [each.result() for each in reading] == [{b"v"}, {b"v"}, {1}]


def test_a_server_that_dies_during_a_request_is_unavailable_at_once(own: Services) -> None:
    server = own.nats()
    with closing(NatsStore(f"{server.url}?timeout=60")) as store, ThreadPoolExecutor(4) as pool:
        store.set("b", "k", b"v")
        with stopped(server) as process:
            calls = [pool.submit(store.set, "b", "k", b"w") for _ in range(4)]
            process.kill()
        for call in calls:
            with pytest.raises(Unavailable):
                call.result()


def test_a_server_that_hangs_is_unavailable_and_works_again_when_it_goes_on(own: Services) -> None:
    server = own.nats()
    with closing(NatsStore(f"{server.url}?timeout=0.5")) as store:
        store.set("b", "k", b"v")
        with stopped(server):
            for call in (lambda: store.get("b", "k"), lambda: store.set("b", "k", b"w"), lambda: store.keys("b")):
                with pytest.raises(Unavailable, match=r"within 0\.5 s|away|nothing"):
                    call()
        store.set("b", "k", b"x")
        assert store.get("b", "k") == b"x"


def test_an_interrupt_ends_the_wait_and_the_connection_goes_on(own: Services) -> None:
    server = own.nats()
    with closing(NatsStore(f"{server.url}?timeout=60")) as store:
        store.set("b", "k", b"v")
        interrupt = threading.Timer(0.2, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
        with stopped(server), pytest.raises(KeyboardInterrupt):
            interrupt.start()
            store.get("b", "k")
        interrupt.join()
        assert store.get("b", "k") == b"v"


def test_close_ends_the_thread_and_what_comes_after_is_unavailable(own: Services) -> None:
    server = own.nats()
    before = set(threading.enumerate())
    store, blobs = NatsStore(f"{server.url}?timeout=60"), NatsBlobstore(server.url)
    store.set("b", "k", b"v")
    blobs.create_container("c")
    put(blobs, "c", "o", bytes(8 * MIB))
    reading, writer = blobs.read("c", "o"), blobs.write("c", "p")
    next(reading)
    writer.write(bytes(MIB))
    with stopped(server), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.get, "b", "k")
        store.close()
        with pytest.raises(Unavailable):
            waiting.result()
    for provider in (store, blobs):
        provider.close()
        provider.close()
    for call in (lambda: store.get("b", "k"), blobs.containers, store.ping, writer.commit, lambda: list(reading)):
        with pytest.raises(Unavailable, match="has been closed"):
            call()
    writer.abort()
    assert set(threading.enumerate()) == before


def test_a_provider_that_is_dropped_leaves_no_thread(url: str) -> None:
    before = set(threading.enumerate())
    NatsStore(url).set("b", "k", b"v")
    assert set(threading.enumerate()) == before


def test_a_url_says_all_there_is_to_say() -> None:
    with closing(open_keys(Address.parse("nats://[::1]:1?timeout=1"))) as store:
        assert store.summary() == "NATS at [::1]:1, key-value"
    with closing(open_blobs(Address.parse("nats://user:secret@example.org"))) as blobs:
        assert repr(blobs) == "<NATS at example.org:4222, object stores>"
    for wrong in ("nats://h?x=1", "nats://h?timeout=0", "nats://h/bucket", "nats://h?prefix=a.b", "redis://h"):
        with pytest.raises(ProviderError):
            NatsStore(wrong)


def test_an_object_that_is_not_one_is_said_to_be_none(blobs: NatsBlobstore, url: str) -> None:
    prefix, name = url.partition("prefix=")[2], base64.urlsafe_b64encode(b"o").decode()
    as_others_do(url, lambda stream: stream.publish(f"$O.{prefix}c.M.{name}", b"not JSON"))
    with pytest.raises(ProviderError, match="is not an object's"):
        blobs.read("c", "o")
    assert blobs.objects("c").items == []
