"""The embedded Redis by itself: what stores share, and a real socket for whoever wants it there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from tests.threads import together
from wasicloud_lab.errors import ProviderError, Unavailable
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.keyvalue.fake import FakeRedisStore, open_fake
from wasicloud_lab.providers.keyvalue.redis import RedisStore
from wasicloud_lab.providers.page import every


@pytest.fixture(params=["hash", "prefix"])
def store(request: pytest.FixtureRequest) -> Iterator[FakeRedisStore]:
    with closing(FakeRedisStore(layout=request.param)) as made:
        yield made


def cli(port: int | str, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_ten_thousand_keys_in_pages(store: FakeRedisStore) -> None:
    names = {f"key {n}" for n in range(10_000)}
    store.set_many("b", [(name, b"x") for name in names])
    page = store.keys("b", None, 1000)
    assert 900 <= len(page.items) <= 1100
    listed = page.items + list(every(lambda cursor: store.keys("b", cursor or page.cursor, 1000)))
    assert sorted(listed) == sorted(names)


def test_a_name_shares_its_data_and_no_name_shares_none() -> None:
    with closing(FakeRedisStore("a test's")) as one, closing(FakeRedisStore("a test's")) as other:
        one.set("b", "k", b"v")
        assert other.get("b", "k") == b"v"
    with closing(FakeRedisStore("a test's")) as again, closing(FakeRedisStore()) as private:
        assert again.get("b", "k") == b"v"
        assert private.get("b", "k") is None


# --- on a socket -------------------------------------------------------------------------------------


def test_redis_cli_and_the_store_work_on_the_same_data() -> None:
    with closing(FakeRedisStore()) as store:
        assert store.url is None
        url = store.listen()
        assert store.listen() == url == store.url
        port = url.rpartition(":")[2]
        assert cli(port, "HSET", "user:ricochet", "accept-language", "en-US", "animal", "dog").strip() == "2"
        assert store.get("user:ricochet", "animal") == b"dog"
        store.set("user:ricochet", "animal", b"cat")
        assert cli(port, "HGETALL", "user:ricochet").split() == ["accept-language", "en-US", "animal", "cat"]
        assert url.removeprefix("redis://") in store.summary()


def test_large_and_binary_values_go_through_the_socket() -> None:
    with closing(FakeRedisStore()) as store:
        url = store.listen()
        large = bytes(range(256)) * 50_000
        store.set("b", "k", large)
        with closing(RedisStore(url, timeout=30)) as outside:
            assert outside.get("b", "k") == large
            outside.set("b", "back", large[::-1])
        assert store.get("b", "back") == large[::-1]


def test_a_client_from_outside_counts_along(patience: float) -> None:
    with closing(FakeRedisStore()) as store, closing(RedisStore(store.listen(), timeout=patience)) as outside:
        together(8, lambda n: [(store if n % 2 else outside).increment("b", "n") for _ in range(50)])
        assert store.get("b", "n") == b"400"


def test_close_leaves_no_thread_and_frees_the_port(free_port: int) -> None:
    before = set(threading.enumerate())
    for _ in range(2):  # the second time on the port that the first has freed
        store = FakeRedisStore(port=free_port)
        client = redis.Redis(port=free_port)
        client.set("k", "v")  # and stays connected
        assert set(threading.enumerate()) - before
        store.close()
        store.close()
        assert set(threading.enumerate()) == before
        with pytest.raises(redis.ConnectionError):
            redis.Redis(port=free_port, retry=None).ping()
        client.close()
    with pytest.raises(Unavailable, match="closed"):
        store.get("b", "k")
    with pytest.raises(Unavailable, match="closed"):
        store.listen()


def test_stores_of_one_name_share_a_port_until_the_last_is_closed(free_port: int) -> None:
    with closing(FakeRedisStore("a shared port", port=free_port)) as one:
        with closing(FakeRedisStore("a shared port", port=free_port)):
            one.close()
            assert cli(free_port, "PING").strip() == "PONG"
    with pytest.raises(subprocess.CalledProcessError):
        cli(free_port, "PING")


def test_a_port_that_is_taken_is_said(free_port: int) -> None:
    with closing(FakeRedisStore(port=free_port)) as one:
        with pytest.raises(ProviderError, match=rf"can't listen on 127\.0\.0\.1:{free_port}"):
            FakeRedisStore(port=free_port)
        with pytest.raises(ProviderError, match="listens there already"):
            one.listen(free_port + 1)


def test_a_forgotten_store_does_not_keep_the_process(patience: float) -> None:
    program = """
import redis
from wasicloud_lab.providers.keyvalue.fake import FakeRedisStore
store = FakeRedisStore()
client = redis.Redis.from_url(store.listen())
client.ping()
print("done")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=patience, check=True)
    assert done.stdout == "done\n"
    assert done.stderr == ""


def test_what_a_url_may_say(free_port: int) -> None:
    with closing(open_fake(Address.parse(f"fakeredis://?port={free_port}&layout=prefix"))) as store:
        assert store.summary() == f"embedded Redis at 127.0.0.1:{free_port}, keys bucket:key"
    with closing(open_fake(Address.parse("fakeredis://workshop"))) as store:
        assert store.summary() == "embedded Redis 'workshop', hashes"
        store.ping()
    for url, words in (
        ("fakeredis://x:6380", "port="),
        ("fakeredis://x/1", "wanted fakeredis://NAME"),
        ("fakeredis://?port=high", "is no port"),
        ("fakeredis://?layout=list", "no layout 'list'"),
        ("fakeredis://?timeout=3", "does not know"),
    ):
        with pytest.raises(ProviderError, match=words):
            open_fake(Address.parse(url))
