"""The Redis provider on a real redis-server, in both layouts, through the faults that a server can have."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasicloud_lab.errors import Denied, LabError, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.keyvalue.redis import RedisStore, open_redis
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service, Services

ODD = [":", "%", "%3A", "a:b", "a*", "[ab]", "a\\", "^-?", "\0", "é🐕", "x" * 1000]
NAMES = st.text(max_size=12) | st.sampled_from(ODD)


@pytest.fixture
def own() -> Iterator[Services]:
    """Servers for one test."""
    with Services() as made:
        yield made


@pytest.fixture
def raw(redis_server: Service) -> Iterator[redis.Redis]:
    """The database of these tests as another program sees it."""
    with redis.Redis.from_url(f"{redis_server.url}/1") as client:
        client.flushdb()
        yield client


@pytest.fixture(params=["hash", "prefix"])
def store(request: pytest.FixtureRequest, redis_server: Service, raw: redis.Redis) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{redis_server.url}/1?layout={request.param}")) as made:
        yield made


@pytest.fixture
def hashes(redis_server: Service, raw: redis.Redis) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{redis_server.url}/1")) as made:
        yield made


@pytest.fixture
def prefixed(redis_server: Service, raw: redis.Redis) -> Iterator[RedisStore]:
    with closing(RedisStore(f"{redis_server.url}/1", layout="prefix")) as made:
        yield made


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(work, range(count)))


def until(true: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


# --- what lands in Redis ----------------------------------------------------------------------------


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


def test_counters_are_decimal_text(store: RedisStore) -> None:
    assert store.increment("b", "n") == 1
    assert store.increment("b", "n", -12) == -11
    assert store.get("b", "n") == b"-11"


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=40), max_size=8),
    st.lists(st.tuples(NAMES, NAMES), max_size=4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_names_and_values_come_back(
    store: RedisStore, raw: redis.Redis, data: dict[tuple[str, str], bytes], others: list[tuple[str, str]]
) -> None:
    raw.flushdb()
    for (bucket, key), value in data.items():
        store.set(bucket, key, value)
    for bucket, key in [*data, *others]:
        assert store.get(bucket, key) == data.get((bucket, key))
        assert store.exists(bucket, key) == ((bucket, key) in data)
        assert store.get_many(bucket, [key, key]) == [data.get((bucket, key))] * 2
    assert set(every(store.buckets)) == {bucket for bucket, _ in data}
    for bucket in {bucket for bucket, _ in [*data, *others]}:
        expected = {key for owner, key in data if owner == bucket}
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
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_increment_is_exact_or_says_what_is_wrong(store: RedisStore, present: bytes | None, delta: int) -> None:
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


def test_many_at_once(store: RedisStore) -> None:
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


# --- listings ---------------------------------------------------------------------------------------


def test_every_key_is_listed_while_others_come_and_go(store: RedisStore) -> None:
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


def test_many_buckets_are_listed_and_a_page_shows_each_once(store: RedisStore) -> None:
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
def test_a_cursor_of_another_store_is_refused(store: RedisStore, cursor: str) -> None:
    for listing in (lambda: store.keys("b", cursor), lambda: store.buckets(cursor)):
        with pytest.raises(ProviderError, match="not of this store"):
            listing()


# --- many at the same time --------------------------------------------------------------------------


def test_increments_of_sixteen_threads_add_up(store: RedisStore) -> None:
    together(16, lambda _: [store.increment("b", "n", 3) for _ in range(100)])
    assert store.get("b", "n") == b"4800"


def test_a_compare_and_swap_race_has_one_winner(store: RedisStore) -> None:
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


def test_a_swap_succeeds_although_others_write_to_the_same_bucket(store: RedisStore) -> None:
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


def test_connections_are_pooled(redis_server: Service, raw: redis.Redis) -> None:
    with closing(RedisStore(f"{redis_server.url}/1")) as store:
        before = raw.info("stats")["total_connections_received"]
        for n in range(200):
            store.set("b", "k", b"%d" % n)
        assert raw.info("stats")["total_connections_received"] - before == 1
        together(64, lambda _: [store.get("b", "k") for _ in range(20)])
        assert raw.info("stats")["total_connections_received"] - before <= 32


def test_after_close_no_connection_is_left_and_every_call_says_so(
    redis_server: Service, raw: redis.Redis, patience: float
) -> None:
    before = {client["id"] for client in raw.client_list()}
    store = RedisStore(f"{redis_server.url}/1")
    together(4, lambda _: store.ping())
    assert {client["id"] for client in raw.client_list()} - before
    store.close()
    store.close()
    for call in (
        store.ping,
        store.buckets,
        lambda: store.get("b", "k"),
        lambda: store.set("b", "k", b""),
        lambda: store.increment("b", "k"),
        lambda: store.compare_and_swap("b", "k", b"", b""),
        lambda: store.get_many("b", ["k"]),
    ):
        with pytest.raises(Unavailable, match="closed"):
            call()
    until(lambda: not {client["id"] for client in raw.client_list()} - before, patience)


def test_close_lets_a_request_that_is_under_way_end(own: Services, patience: float) -> None:
    server = own.redis()
    store = RedisStore(server.url, timeout=patience)
    store.set("b", "k", b"v")
    with redis.Redis.from_url(server.url) as watcher, ThreadPoolExecutor(1) as threads:
        watcher.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
        asked = threads.submit(store.increment, "b", "n")
        until(lambda: any(client["flags"] == "b" for client in watcher.client_list()), patience)
        store.close()
        watcher.execute_command("CLIENT", "UNPAUSE")
        assert asked.result(patience) == 1
        until(lambda: len(watcher.client_list()) == 1, patience)
    with pytest.raises(Unavailable, match="closed"):
        store.get("b", "k")


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


# --- what a server refuses --------------------------------------------------------------------------


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


def test_wrong_and_missing_passwords_are_denied_and_never_shown(own: Services) -> None:
    server = own.redis(requirepass="right-one")
    bare = f"127.0.0.1:{server.port}"
    with closing(RedisStore(server.url)) as good:
        good.set("b", "k", b"v")
        assert good.get("b", "k") == b"v"
        for url, words in (
            (f"redis://:hunter2@{bare}", "does not accept this password"),
            (f"redis://nobody:hunter2@{bare}", "does not accept this password"),
            (f"redis://{bare}", "wants a password"),
        ):
            with closing(RedisStore(url)) as store:
                for call in (store.ping, lambda store=store: store.compare_and_swap("b", "k", b"v", b"w")):
                    with pytest.raises(Denied, match=words) as caught:
                        call()
                    assert "hunter2" not in f"{caught.value!s} {caught.value!r} {store!r} {store.summary()}"
                    assert caught.value.__cause__ is None
                    assert caught.value.__suppress_context__
        assert "right-one" not in repr(good) + good.summary()


def test_a_user_may_do_only_what_the_server_allows(own: Services) -> None:
    server = own.redis()
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "reader", "on", ">p:ä/s", "~*", "+@read", "+@connection")
    with closing(RedisStore(f"redis://reader:p%3A%C3%A4%2Fs@127.0.0.1:{server.port}")) as store:
        assert store.get("b", "k") is None
        with pytest.raises(Denied, match="does not let this user do that"):
            store.set("b", "k", b"")
        with pytest.raises(Denied):
            store.compare_and_swap("b", "k", b"x", b"")


def test_a_password_that_the_server_does_not_want(redis_server: Service) -> None:
    with closing(RedisStore(f"redis://:hunter2@127.0.0.1:{redis_server.port}")) as store:
        with pytest.raises(Denied, match="knows no password"):
            store.ping()


def test_a_replica_takes_no_changes(own: Services, redis_server: Service) -> None:
    replica = own.redis()
    with redis.Redis.from_url(replica.url) as admin:
        admin.replicaof("127.0.0.1", redis_server.port)
    with closing(RedisStore(replica.url)) as store:
        with pytest.raises(Denied, match="read-only replica"):
            store.set("b", "k", b"")


def test_a_full_server_says_that_it_is_full(own: Services) -> None:
    server = own.redis(maxmemory="8mb")
    with closing(RedisStore(server.url)) as store:
        store.set("b", "small", b"x")
        with pytest.raises(ProviderError, match=r"is full \(its maxmemory\)"):
            for n in range(20):
                store.set("b", f"k{n}", b"x" * 1_000_000)
        assert store.get("b", "small") == b"x"
        with pytest.raises(ProviderError, match="full"):
            store.compare_and_swap("b", "small", b"x", b"y" * 9_000_000)
        store.delete_many("b", [f"k{n}" for n in range(20)])
        store.set("b", "small", b"again")


def test_too_large_values_are_refused(own: Services, redis_server: Service) -> None:
    with closing(RedisStore(redis_server.url)) as store, mmap.mmap(-1, store.value_limit + 1) as huge:
        with memoryview(huge) as value:
            for call in (
                lambda: store.set("b", "k", value),
                lambda: store.set_many("b", [("k", value)]),
                lambda: store.compare_and_swap("b", "k", None, value),
            ):
                with pytest.raises(TooLarge, match="512 MiB"):
                    call()
    server = own.redis(proto_max_bulk_len="1mb")
    with closing(RedisStore(server.url)) as store:
        with pytest.raises(ProviderError):
            store.set("b", "k", b"x" * 2_000_000)
        assert store.get("b", "k") is None


def test_a_server_that_wants_replicas_first(own: Services) -> None:
    server = own.redis(min_replicas_to_write=1)
    with closing(RedisStore(server.url)) as store:
        with pytest.raises(Unavailable, match=r"can't serve now: NOREPLICAS"):
            store.set("b", "k", b"")


def test_a_database_that_is_not_there(redis_server: Service) -> None:
    with closing(RedisStore(f"{redis_server.url}/9999")) as store:
        with pytest.raises(ProviderError, match="DB index is out of range"):
            store.ping()


# --- what servers do that are ill, or none -----------------------------------------------------------


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """Something on a port that answers anything with `reply`, or accepts and never says a word."""
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(65536):
                    if reply is not None:
                        connection.sendall(reply * max(1, said.count(b"*")))
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def test_a_server_that_never_answers_is_given_up(patience: float) -> None:
    with answering(None) as port, closing(RedisStore(f"redis://127.0.0.1:{port}?timeout=0.2")) as store:
        for call in (store.ping, lambda: store.increment("b", "k"), lambda: store.compare_and_swap("b", "k", b"", b"")):
            with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} does not answer within 0\.2 s"):
                call()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", Unavailable, "still loading"),
        (b"-BUSY Redis is busy running a script.\r\n", Unavailable, "can't serve now: BUSY"),
        (b"-CLUSTERDOWN Hash slot not served\r\n", Unavailable, "can't serve now"),
        (b"-MISCONF Redis is configured to save RDB snapshots, but can't\r\n", ProviderError, "MISCONF"),
        (b"-MOVED 3999 10.0.0.1:6381\r\n", ProviderError, "one node of a cluster"),
        (b"-ERR max number of clients reached\r\n", Unavailable, "max number of clients"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Unavailable, "not as a Redis does"),
    ],
)
def test_what_other_states_of_a_server_are_called(reply: bytes, kind: type[LabError], words: str) -> None:
    with answering(reply) as port, closing(RedisStore(f"redis://127.0.0.1:{port}")) as store:
        with pytest.raises(ProviderError, match=words) as caught:
            store.get("b", "k")
        assert type(caught.value) is kind


def test_a_server_that_quotes_the_password_is_not_quoted() -> None:
    reply = b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n"
    with answering(reply) as port, closing(RedisStore(f"redis://:hunter2@127.0.0.1:{port}")) as store:
        with pytest.raises(ProviderError, match=r"unknown command 'AUTH'.*\*\*\*") as caught:
            store.ping()
        assert "hunter2" not in str(caught.value)


def test_a_server_that_is_not_there(free_port: int) -> None:
    with closing(RedisStore(f"redis://127.0.0.1:{free_port}")) as store:
        with pytest.raises(
            Unavailable, match=rf"Redis at 127\.0\.0\.1:{free_port} does not answer \(connection refused\)"
        ):
            store.ping()
    with closing(RedisStore("redis://nowhere.invalid")) as store:
        with pytest.raises(Unavailable, match="no host of that name"):
            store.ping()


def test_a_server_that_hangs_and_wakes_up(own: Services, patience: float) -> None:
    server = own.redis()
    with closing(RedisStore(server.url, timeout=0.3)) as store:
        store.set("b", "k", b"v")
        process = psutil.Process(server.pid)
        process.suspend()
        try:
            with pytest.raises(Unavailable, match="within"):
                store.get("b", "k")
        finally:
            process.resume()
        assert store.get("b", "k") == b"v"


def test_a_server_that_dies_in_the_middle_and_comes_back(own: Services, tmp_path: Path, patience: float) -> None:
    server = own.redis(folder=tmp_path)
    with closing(RedisStore(server.url, timeout=patience)) as store:
        together(4, lambda n: store.set("b", f"k{n}", b"v"))
        process = psutil.Process(server.pid)
        process.suspend()  # so that the request is under way when it dies
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(store.get, "b", "k0")
            process.kill()
            with pytest.raises(Unavailable, match="does not answer"):
                asked.result(patience)
        server.stop()
        with pytest.raises(Unavailable, match="connection refused"):
            store.set("b", "k9", b"")
        own.redis(folder=tmp_path, port=server.port)
        assert together(4, lambda n: store.get("b", f"k{n}")) == [b"v"] * 4


def test_a_restart_between_two_requests_goes_unnoticed(own: Services, tmp_path: Path) -> None:
    server = own.redis(folder=tmp_path)
    with closing(RedisStore(server.url)) as store:
        assert store.increment("b", "n") == 1
        assert store.compare_and_swap("b", "k", None, b"1")
        server.stop()
        own.redis(folder=tmp_path, port=server.port)
        assert store.increment("b", "n") == 2
        assert store.compare_and_swap("b", "k", b"1", b"2")


def test_an_increment_whose_answer_is_lost_is_not_sent_again(redis_server: Service, raw: redis.Redis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def lossy() -> None:
            """Passes everything on, but hangs up instead of answering HINCRBY and EXEC."""
            for _ in range(2):
                client, _ = listener.accept()
                with client, socket.create_connection(("127.0.0.1", redis_server.port)) as server:
                    while said := client.recv(65536):
                        server.sendall(said)
                        answer = server.recv(65536)
                        if b"HINCRBY" in said or b"EXEC" in said:
                            break
                        client.sendall(answer)

        thread = threading.Thread(target=lossy)
        thread.start()
        with closing(RedisStore(f"redis://127.0.0.1:{listener.getsockname()[1]}/1")) as store:
            with pytest.raises(Unavailable):
                store.increment("b", "n")
            raw.hset("b", "k", "old")
            # Stored or not is not known: a false or a true would be a guess.
            with pytest.raises(Unavailable):
                store.compare_and_swap("b", "k", b"old", b"new")
        thread.join()
    assert raw.hget("b", "n") == b"1"
    assert raw.hget("b", "k") == b"new"


# --- TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of its own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_tls_with_a_checked_certificate(own: Services, certificate: tuple[Path, Path], free_port: int) -> None:
    cert, key = certificate
    own.redis(
        tls_port=free_port, tls_cert_file=str(cert), tls_key_file=str(key), tls_ca_cert_file=str(cert),
        tls_auth_clients="no",
    )  # fmt: skip
    with closing(RedisStore(f"rediss://localhost:{free_port}?ca={cert}")) as store:
        store.set("b", "k", b"x" * 1_000_000)
        assert store.get("b", "k") == b"x" * 1_000_000
        assert together(8, lambda n: store.increment("b", "n"))
        assert "TLS" in store.summary()
    for url, words in (
        (f"rediss://localhost:{free_port}", "its certificate is not trusted: self.signed"),
        (f"rediss://127.0.0.1:{free_port}?ca={cert}", "its certificate is not trusted: .*mismatch"),
        (f"redis://localhost:{free_port}", "Redis at localhost"),
    ):
        with closing(RedisStore(url, timeout=3)) as store:
            with pytest.raises(Unavailable, match=words):
                store.ping()


def test_tls_to_a_server_without_it() -> None:
    with answering(b"-ERR what?\r\n") as port, closing(RedisStore(f"rediss://127.0.0.1:{port}")) as store:
        with pytest.raises(Unavailable, match="no TLS there"):
            store.ping()


# --- URLs -------------------------------------------------------------------------------------------


def test_what_a_url_may_say(tmp_path: Path) -> None:
    for url, words in (
        ("redis://localhost", "Redis at localhost:6379, hashes"),
        ("redis://:secret@example.com:1/3?layout=prefix&timeout=0.5", "Redis at example.com:1/3, keys bucket:key"),
        ("redis://[::1]:7", r"Redis at [::1]:7, hashes"),
        ("rediss://example.com", "Redis at example.com:6379 (TLS), hashes"),
    ):
        with closing(open_redis(Address.parse(url))) as store:
            assert store.summary() == words
            assert repr(store) == f"<{words}>"
    with closing(RedisStore("redis://localhost?layout=hash", layout="prefix")) as store:
        assert "bucket:key" in store.summary()
    (tmp_path / "no.pem").write_text("nothing")
    for url, words in (
        ("redis://:hunter2@localhost?layout=list", "no layout 'list'; there are hash and prefix"),
        ("redis://:hunter2@localhost?timeout=soon", "not a number of seconds"),
        ("redis://:hunter2@localhost?db=3", "does not know"),
        ("redis://:hunter2@localhost?ca=x.pem", "does not know"),
        ("redis://:hunter2@localhost/first", "the number of a database"),
        (f"rediss://:hunter2@localhost?ca={tmp_path / 'nothing.pem'}", "no file of PEM certificates"),
        (f"rediss://:hunter2@localhost?ca={tmp_path / 'no.pem'}", "no file of PEM certificates"),
        ("http://u:hunter2@localhost", "is not Redis's"),
    ):
        with pytest.raises(ProviderError, match=words) as caught:
            RedisStore(url)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ProviderError, match="above 0"):
        RedisStore("redis://localhost", timeout=0)
    with pytest.raises(ProviderError, match="rediss"):
        RedisStore("redis://localhost", ca="x.pem")
