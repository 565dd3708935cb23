"""The Redis provider on a real redis-server: connections, passwords, what a server refuses, and URLs."""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests import redis_corner
from tests.threads import together, until
from wasicloud_lab.errors import Denied, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.keyvalue.redis import RedisStore, open_redis
from wasicloud_lab.services import Service, Services

own = redis_corner.own
raw = redis_corner.raw


# --- connections -------------------------------------------------------------------------------------


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


# --- what a server refuses ---------------------------------------------------------------------------


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


# --- URLs --------------------------------------------------------------------------------------------


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
