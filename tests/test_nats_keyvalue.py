"""Key-value buckets on a real nats-server: races, listings, and what others see of them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import nats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError

from tests import nats_corner
from tests.nats_corner import MIB, ODD, as_others_do
from wasicloud_lab.errors import ProviderError, TooLarge
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.providers.nats import Session
from wasicloud_lab.providers.nats_login import Login
from wasicloud_lab.providers.nats_streams import Listing
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service

url = nats_corner.url
store = nats_corner.store


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


def test_a_delete_between_the_steps_of_a_listing_is_not_forgotten(nats_server: Service) -> None:
    bucket = f"race-{uuid4().hex}"

    class Interrupted(Session):
        """One in whose listings something happens as soon as the subjects are known."""

        async def api(self, verb: str, *args: Any, **options: Any) -> dict[str, Any]:
            answer = await super().api(verb, *args, **options)
            if verb.startswith("STREAM.INFO"):
                await meanwhile.pop()()
            return answer

    async def nothing() -> None:
        pass

    async def listings() -> list[list[str]]:
        client = await nats.connect(nats_server.url)
        session = Interrupted(Login("127.0.0.1", Address.parse(nats_server.url).port or 0))
        listing = Listing(f"$KV.{bucket}.>", lambda message: "KV-Operation" in (message.headers or {}), True)
        try:
            kv = await client.jetstream().create_key_value(bucket=bucket)
            await kv.put("stays", b"v")

            async def comes_and_goes() -> None:
                await kv.put("passing", b"v")
                await kv.delete("passing")

            meanwhile.extend([nothing, nothing, comes_and_goes])
            return [sorted(await listing.subjects(session, f"KV_{bucket}")) for _ in range(3)]
        finally:
            await session.close()
            await client.close()

    meanwhile: list[Callable[[], Awaitable[None]]] = []
    assert asyncio.run(listings()) == [[f"$KV.{bucket}.stays"]] * 3
