"""The Redis provider in both layouts, on a real server and embedded: names, listings, counters, swaps."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import redis_corner
from tests.threads import together
from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.keyvalue.fake import FakeRedisStore
from wasicloud_lab.providers.keyvalue.redis import RedisCommands, RedisStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service

raw = redis_corner.raw

ODD = [":", "%", "%3A", "a:b", "a*", "[ab]", "a\\", "^-?", "\0", "é🐕", "x" * 1000]
NAMES = st.text(max_size=12) | st.sampled_from(ODD)


@pytest.fixture(params=["server", "embedded"])
def where(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["hash", "prefix"])
def store(request: pytest.FixtureRequest, where: str, redis_server: Service) -> Iterator[RedisCommands]:
    """Each layout on a real server, and in this process, where the same must come of the same."""
    if where == "embedded":
        made: RedisCommands = FakeRedisStore(layout=request.param)
    else:
        request.getfixturevalue("raw")
        made = RedisStore(f"{redis_server.url}/1?layout={request.param}")
    with closing(made):
        yield made


@pytest.fixture
def hashes(redis_server: Service, raw: redis.Redis) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{redis_server.url}/1")) as made:
        yield made


@pytest.fixture
def prefixed(redis_server: Service, raw: redis.Redis) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{redis_server.url}/1", layout="prefix")) as made:
        yield made


def empty(store: RedisCommands) -> None:
    for bucket in every(store.buckets):
        store.delete_many(bucket, list(every(lambda cursor, bucket=bucket: store.keys(bucket, cursor))))


# --- what lands in Redis -----------------------------------------------------------------------------


def test_the_two_lines_of_the_talk_typed_into_redis_cli(hashes: RedisStore, redis_server: Service) -> None:
    for line in (
        "HSET user:ricochet accept-language en-US animal dog",
        "HSET user:mossaka accept-language zh animal cat",
    ):
        subprocess.run(["redis-cli", "-p", str(redis_server.port), "-n", "1", *line.split()], check=True)
    assert hashes.get("user:ricochet", "animal") == b"dog"
    assert hashes.get_many("user:mossaka", ["animal", "name", "accept-language"]) == [b"cat", None, b"zh"]
    assert sorted(hashes.buckets().items) == ["user:mossaka", "user:ricochet"]
    assert sorted(hashes.keys("user:ricochet").items) == ["accept-language", "animal"]


def test_prefixed_keys_are_those_of_wasmcloud(prefixed: RedisStore, raw: redis.Redis) -> None:
    prefixed.set("user:ricochet", "animal", b"dog")
    prefixed.set("b", "50%:50", b"even")
    assert raw.get("user:ricochet:animal") == b"dog"
    assert raw.get("b:50%25%3A50") == b"even"
    raw.set("b:plain", "yes")
    assert sorted(prefixed.keys("b").items) == ["50%:50", "plain"]
    assert sorted(prefixed.buckets().items) == ["b", "user:ricochet"]


def test_counters_are_decimal_text(store: RedisCommands) -> None:
    assert store.increment("b", "n") == 1
    assert store.increment("b", "n", -12) == -11
    assert store.get("b", "n") == b"-11"


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=40), max_size=8),
    st.lists(st.tuples(NAMES, NAMES), max_size=4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_names_and_values_come_back(
    store: RedisCommands, data: dict[tuple[str, str], bytes], others: list[tuple[str, str]]
) -> None:
    empty(store)
    for (bucket, key), value in data.items():
        store.set(bucket, key, value)
    for bucket, key in [*data, *others]:
        assert store.get(bucket, key) == data.get((bucket, key))
        assert store.exists(bucket, key) == ((bucket, key) in data)
        assert store.get_many(bucket, [key, key]) == [data.get((bucket, key))] * 2
    assert set(every(store.buckets)) == {bucket for bucket, _ in data}
    for bucket in {bucket for bucket, _ in [*data, *others]}:
        expected = {key for owner, key in data if owner == bucket}
        assert sorted(every(lambda cursor, bucket=bucket: store.keys(bucket, cursor))) == sorted(expected)
        assert set(every(lambda cursor, bucket=bucket: store.keys(bucket, cursor, 3))) == expected
    for bucket, key in [*data, *others]:
        store.delete(bucket, key)
        assert not store.exists(bucket, key)
    assert store.buckets().items == []


@given(
    present=st.none() | st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n) | st.binary(max_size=4)
    | st.sampled_from([b"", b"-0", b"01", b"+1", b" 1", b"1\n", b"9223372036854775808", b"-9223372036854775809"]),
    delta=st.integers(-(2**64), 2**64),
)  # fmt: skip
@example(present=b"", delta=1)
@example(present=b"dog", delta=1)
@example(present=b"01", delta=1)
@example(present=b"-0", delta=1)
@example(present=b"+1", delta=1)
@example(present=b" 1", delta=1)
@example(present=b"9223372036854775808", delta=1)
@example(present=b"%d" % (2**63 - 1), delta=1)
@example(present=b"%d" % (2**63 - 1), delta=-(2**64) + 1)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_increment_is_exact_or_says_what_is_wrong(store: RedisCommands, present: bytes | None, delta: int) -> None:
    store.delete("b", "n") if present is None else store.set("b", "n", present)
    try:
        before = int(present or b"0") if present != b"" else None
        counter = before is not None and (present is None or present == b"%d" % before) and -(2**63) <= before < 2**63
    except ValueError:
        counter = False
    if not counter:
        with pytest.raises(ProviderError, match="is not a counter"):
            store.increment("b", "n", delta)
        assert store.get("b", "n") == present
    elif not -(2**63) <= before + delta < 2**63:
        with pytest.raises(ProviderError, match="would overflow the counter"):
            store.increment("b", "n", delta)
        assert store.get("b", "n") == present
    else:
        assert store.increment("b", "n", delta) == before + delta
        assert store.get("b", "n") == b"%d" % (before + delta)


def test_many_at_once(store: RedisCommands) -> None:
    pairs = [(f"k{n}", b"%d" % n) for n in range(2500)]
    store.set_many("b", [*pairs, ("k0", b"last"), ("big", b"x" * 9_000_000), ("big2", b"y" * 9_000_000)])
    assert store.get_many("b", ["k0", "nothing", *(key for key, _ in pairs[1:])]) == [
        b"last", None, *(value for _, value in pairs[1:])
    ]  # fmt: skip
    assert store.get("b", "big2") == b"y" * 9_000_000
    store.delete_many("b", [*(key for key, _ in pairs), "nothing", "big"])
    assert store.keys("b").items == ["big2"]
    store.set_many("b", [])
    store.delete_many("b", [])
    assert store.get_many("b", []) == []


def test_a_name_that_holds_something_else_is_explained(
    hashes: RedisStore, prefixed: RedisStore, raw: redis.Redis
) -> None:
    raw.set("taken", "a string")
    raw.lpush("b:taken", "a list")
    for call in (
        lambda: hashes.get("taken", "k"),
        lambda: hashes.set("taken", "k", b""),
        lambda: hashes.increment("taken", "k"),
        lambda: hashes.keys("taken"),
        lambda: hashes.compare_and_swap("taken", "k", b"x", b"y"),
        lambda: hashes.set_many("taken", [("k", b"")]),
    ):
        with pytest.raises(ProviderError, match=r"bucket 'taken' is not a hash \(WRONGTYPE.*layout=prefix"):
            call()
    for call in (lambda: prefixed.get("b", "taken"), lambda: prefixed.increment("b", "taken")):
        with pytest.raises(ProviderError, match=r"bucket 'b' is not a string \(WRONGTYPE.*layout=hash"):
            call()
    assert hashes.get("other", "k") is None
    assert raw.get("taken") == b"a string"


# --- listings ----------------------------------------------------------------------------------------


def test_every_key_is_listed_while_others_come_and_go(store: RedisCommands) -> None:
    there = {f"key {n}" for n in range(10_000)}
    store.set_many("b", [(key, b"") for key in there])
    store.set_many("b2", [(key, b"") for key in list(there)[:500]])
    done = threading.Event()

    def churn(me: int) -> None:
        n = 0
        while not done.is_set():
            store.set("b", f"other {me} {n}", b"x" * 100)
            if n % 3:
                store.delete("b", f"other {me} {n}")
            n += 1

    writers = [threading.Thread(target=churn, args=(n,)) for n in range(2)]
    for writer in writers:
        writer.start()
    try:
        pages = []
        cursor = None
        while True:
            page = store.keys("b", cursor, 1000)
            pages.append(page.items)
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert there <= {key for page in pages for key in page}
    assert len(pages) > 4
    assert all(len(page) == len(set(page)) and len(page) < 2000 for page in pages)
    assert set(every(lambda cursor: store.keys("b2", cursor))) == set(list(there)[:500])


def test_large_values_are_no_obstacle_to_listing(hashes: RedisStore) -> None:
    hashes.set_many("b", [(f"k{n}", b"x" * 300_000) for n in range(200)])
    assert set(every(lambda cursor: hashes.keys("b", cursor))) == {f"k{n}" for n in range(200)}


def test_many_buckets_are_listed_and_a_page_shows_each_once(store: RedisCommands) -> None:
    for bucket in range(300):
        store.set_many(f"b{bucket}", [(f"k{n}", b"") for n in range(5)])
    pages = []
    cursor = None
    while True:
        page = store.buckets(cursor, 50)
        assert len(page.items) == len(set(page.items))
        pages.append(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert {bucket for page in pages for bucket in page} == {f"b{n}" for n in range(300)}


def test_names_that_are_not_text_or_not_ours_are_left_out(
    hashes: RedisStore, prefixed: RedisStore, raw: redis.Redis
) -> None:
    raw.hset("h", mapping={b"\xff\xfe": "x", "good": "y"})
    raw.hset(b"\xff", "k", "v")
    raw.set(b"p:\xff", "x")
    raw.set("p:good", "x")
    raw.set("p:100%", "x")  # as this layout it would be read back as p:100%25
    raw.set("nocolon", "x")
    raw.lpush("p:list", "x")
    assert hashes.keys("h").items == ["good"]
    assert hashes.buckets().items == ["h"]
    assert prefixed.keys("p").items == ["good"]
    assert prefixed.buckets().items == ["p"]


@pytest.mark.parametrize(
    "cursor", ["after:k", "scan:", "scan:0", "scan:-1", "scan:x", "scan:99999999999999999999", "1", ""]
)
def test_a_cursor_of_another_store_is_refused(store: RedisCommands, cursor: str) -> None:
    for listing in (lambda: store.keys("b", cursor), lambda: store.buckets(cursor)):
        with pytest.raises(ProviderError, match="not of this store"):
            listing()


# --- many at the same time ---------------------------------------------------------------------------


def test_increments_of_sixteen_threads_add_up(store: RedisCommands) -> None:
    together(16, lambda _: [store.increment("b", "n", 3) for _ in range(100)])
    assert store.get("b", "n") == b"4800"


def test_a_compare_and_swap_race_has_one_winner(store: RedisCommands) -> None:
    for expected in (None, b"old"):
        for round_ in range(10):
            key = f"{expected!r} {round_}"
            if expected is not None:
                store.set("b", key, expected)
            barrier = threading.Barrier(16)

            def race(me: int, key: str = key, expected: bytes | None = expected, at: Any = barrier) -> bool:
                at.wait()
                return store.compare_and_swap("b", key, expected, b"%d" % me)

            won = together(16, race)
            assert won.count(True) == 1
            assert store.get("b", key) == b"%d" % won.index(True)


def test_a_swap_succeeds_although_others_write_to_the_same_bucket(store: RedisCommands) -> None:
    store.set("b", "mine", b"0")
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            store.increment("b", "other")

    other = threading.Thread(target=disturb)
    other.start()
    try:
        for n in range(50):
            assert store.compare_and_swap("b", "mine", b"%d" % n, b"%d" % (n + 1))
            assert not store.compare_and_swap("b", "mine", b"%d" % n, b"never")
    finally:
        done.set()
        other.join()
    assert store.get("b", "mine") == b"50"


if hasattr(os, "fork"):

    def test_a_fork_has_connections_of_its_own(hashes: RedisStore) -> None:
        hashes.set("b", "k", b"parent")
        child = os.fork()
        if child == 0:
            try:
                answers = [hashes.get("b", "k") for _ in range(50)]
                hashes.close()
                os._exit(0 if set(answers) == {b"parent"} else 1)
            finally:
                os._exit(2)
        answers = [hashes.get("b", "k") for _ in range(50)]
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert set(answers) == {b"parent"}
