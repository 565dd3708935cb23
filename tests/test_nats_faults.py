"""The faults that a NATS server has, and how the providers come through them."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
from nats.js import JetStreamContext

from tests import nats_corner
from tests.conftest import PATIENCE
from tests.nats_corner import MIB, as_others_do, stopped
from wasicloud_lab.errors import Denied, ProviderError, Unavailable
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.blobstore.base import fetch, put
from wasicloud_lab.providers.blobstore.nats import NatsBlobstore
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.providers.nats import NatsConnection
from wasicloud_lab.providers.nats_login import Login
from wasicloud_lab.services import Service, Services

own = nats_corner.own
url = nats_corner.url
store = nats_corner.store


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
        with pytest.raises(ProviderError, match=r"max_file_store.*until they are started again"):
            put(blobs, "c", "big", bytes(8 * MIB))
        assert blobs.objects("c").items == ["small"]
        assert fetch(blobs, "c", "small") == b"1"
        with pytest.raises(ProviderError, match="is full"):
            store.set("b", "k", bytes(MIB))
        store.delete("b", "k")  # the markers find no room, and it is no error for that
        assert store.get("b", "k") is None
        blobs.delete_objects("c", ["small", "never"])
        assert blobs.objects("c").items == []


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


def test_those_who_wait_for_their_turn_on_a_server_that_hangs_do_not_wait_one_after_the_other(own: Services) -> None:
    server = own.nats()
    with closing(NatsStore(f"{server.url}?timeout=1")) as store, ThreadPoolExecutor(80) as pool:
        store.increment("b", "n")
        with stopped(server):
            calls = [pool.submit(store.increment, "b", "n") for _ in range(40)]
            calls += [pool.submit(store.keys, "b") for _ in range(40)]  # type: ignore[arg-type]
            done, waiting = wait(calls, PATIENCE / 3)
            assert not waiting
        assert all(isinstance(call.exception(), Unavailable) for call in done)
        assert store.keys("b").items == ["n"]


def test_a_server_that_shuts_down_says_of_no_bucket_that_it_was_never_there(own: Services) -> None:
    server = own.nats()
    names = [f"b{at}" for at in range(150)]
    with ExitStack() as stack:
        first = stack.enter_context(closing(NatsStore(server.url)))
        for name in names:
            first.set(name, "k", b"v")
        under_way = threading.Barrier(5)

        def look(seen: Callable[[NatsStore, str], object]) -> set[object]:
            with closing(NatsStore(server.url)) as store:
                answers = {seen(store, names[0])}
            under_way.wait(PATIENCE)
            with suppress(Unavailable):
                while True:
                    with closing(NatsStore(server.url)) as store:  # one that has not heard of any bucket yet
                        for name in names:
                            answers.add(seen(store, name))
            return answers

        with ThreadPoolExecutor(4) as pool:
            reading = [pool.submit(look, lambda store, name: store.get(name, "k")) for _ in range(2)]
            reading += [pool.submit(look, lambda store, name: len(store.keys(name).items))]
            reading += [pool.submit(look, lambda store, name: len(store.buckets().items))]
            under_way.wait(PATIENCE)
            server.stop()
            assert [each.result() for each in reading] == [{b"v"}, {b"v"}, {1}, {150}]


def test_a_dropped_provider_that_the_collector_finds_in_its_own_thread_ends() -> None:
    before = set(threading.enumerate())
    dropped = threading.Event()

    async def collect() -> None:
        while not dropped.is_set():
            await asyncio.sleep(0.005)
        gc.collect()

    gc.disable()
    try:
        cycle: list[Any] = [NatsConnection(Login())]
        cycle.append(cycle)
        cycle[0].submit(collect())
        del cycle
        dropped.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(PATIENCE)
        assert set(threading.enumerate()) == before
    finally:
        gc.enable()


def test_an_answer_that_breaks_off_in_silence_leaves_no_gap_in_a_listing(nats_server: Service, url: str) -> None:
    prefix = url.partition("prefix=")[2]
    names = [f"k{at:03}" for at in range(300)]

    async def theirs(stream: JetStreamContext) -> None:
        kv = await stream.create_key_value(bucket=f"{prefix}b")
        for name in names:
            await kv.put(name, b"v")
        for name in names[::2]:
            await kv.delete(name)

    as_others_do(url, theirs)
    with breaking_off(nats_server, after=100) as port:
        with closing(NatsStore(f"nats://127.0.0.1:{port}?prefix={prefix}")) as store:
            assert store.keys("b").items == names[1::2]


@contextmanager
def breaking_off(server: Service, after: int) -> Iterator[int]:
    """The port of a relay that loses what follows so many of a consumer's messages, the word of its end too.

    A busy server of 2.9 does so: it drops a pull whose time is up just when a message for it was found. Once another
    consumer is made, all comes through.
    """
    target = Address.parse(server.url)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made, passed = 0, 0

        def ask(client: socket.socket, far: socket.socket) -> None:
            nonlocal made
            with suppress(OSError):
                while data := client.recv(65536):
                    made += data.count(b"CONSUMER.CREATE")
                    far.sendall(data)
            with suppress(OSError):
                far.shutdown(socket.SHUT_WR)

        def relay() -> None:
            nonlocal passed
            client, _ = listener.accept()
            with (
                client,
                socket.create_connection((target.host or "", target.port or 0)) as far,
                far.makefile("rb") as lines,
            ):
                asking = threading.Thread(target=ask, args=(client, far))
                asking.start()
                with suppress(OSError):
                    for line in lines:
                        words = line.split()
                        body = lines.read(int(words[-1]) + 2) if words[0] in (b"MSG", b"HMSG") else b""
                        delivered = len(words) > 4 and words[3].startswith(b"$JS.ACK.")
                        passed += delivered
                        lost = made < 2 and passed >= after and (delivered or body.startswith(b"NATS/1.0 408"))
                        if not lost:
                            client.sendall(line + body)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
                asking.join()

        relaying = threading.Thread(target=relay)
        relaying.start()
        stack.callback(relaying.join)
        yield listener.getsockname()[1]
        assert passed > after
