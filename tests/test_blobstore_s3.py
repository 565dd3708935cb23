"""The blobstore on S3, against a server on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from obstore.store import S3Store as Client

from tests.blob_model import (
    ODD_NAMES,
    check_history,
    check_odd_names,
    check_ranges,
    check_versions_do_not_mix,
    histories,
    names,
)
from tests.s3_server import S3Server, s3_server  # noqa: F401
from wasicloud_lab.errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.address import masked
from wasicloud_lab.providers.blobstore import s3_names, s3_streams
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.s3 import S3Store
from wasicloud_lab.providers.registry import open_blobstore

MANY = 6 * CHUNK  # bytes: more than one part of an upload

_numbers = count()


def _store(server: S3Server, prefix: str | None = None) -> S3Store:
    """A store with nothing in it: in a part of the bucket that no other test uses."""
    return S3Store(
        server.bucket,
        f"test-{next(_numbers)}" if prefix is None else prefix,
        endpoint=server.endpoint,
        access_key="someone",
        secret_key="hush",
        timeout=30,
    )


def _another_tool(server: S3Server) -> Client:
    """What knows nothing of the lab."""
    login = {"access_key_id": "someone", "secret_access_key": "hush"}
    return Client(server.bucket, endpoint=server.endpoint, client_options={"allow_http": True}, **login)


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[S3Store]:  # noqa: F811
    made = _store(s3_server)
    yield made
    made.close()


# --- names -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(names, names)
@example("a/b", "a%2Fb")
@example("", "-")
@example("~x/2f", "/")
def test_keys_stand_for_one_name_each_in_their_order(one: str, other: str) -> None:
    for name in (one, other):
        container, key = s3_names.container_key(name), s3_names.object_key(name)
        whole = f"{'p' * s3_names.PREFIX_LIMIT}/{container}/{key}"
        assert len(whole.encode()) <= s3_names.KEY_LIMIT
        assert not set(whole) & set(map(chr, [*range(32), 127]))
        assert not {"", ".", ".."} & set(whole.split("/"))
        assert "/" not in container
        assert s3_names.container_name(container) in (name, None)
        assert (s3_names.container_name(container) is None) == s3_names.is_hashed_container(container)
        assert s3_names.object_name(key) in (name, None)
        assert (s3_names.object_name(key) is None) == (s3_names.name_key(key) is not None)
    if one != other:
        first, second = sorted((one, other))
        first_key, second_key = map(s3_names.object_key, (first, second))
        assert s3_names.container_key(one) != s3_names.container_key(other)
        assert first_key != second_key
        if "~h/" not in (first_key[:3], second_key[:3]) and first_key.startswith("~x/") == second_key.startswith("~x/"):
            assert first_key.encode() < second_key.encode()
        # A listing that goes on after the first must not leave out the second.
        if second_key == second:
            assert s3_names.offset(first).encode() < second.encode()
        if second_key.startswith("~x/"):
            assert s3_names.hexadecimal_offset(first) < second_key


def test_plain_names_are_plain_keys() -> None:
    for name in ("dog.txt", "wild/fox.txt", "100%.txt", "Ätna 😀", "a..b", ".hidden", "C:\\x"):
        assert s3_names.object_key(name) == name


# --- as any blobstore --------------------------------------------------------------------------------


def test_any_names(store: S3Store) -> None:
    check_odd_names(store, ODD_NAMES[::4])


@settings(deadline=None, max_examples=8)
@given(history=histories)
def test_it_does_what_a_dict_of_dicts_would(s3_server: S3Server, history: list[tuple]) -> None:  # type: ignore[type-arg]  # noqa: F811
    check_history(_store(s3_server), history)


def test_ranges(store: S3Store) -> None:
    check_ranges(store)


def test_threads_see_whole_versions(store: S3Store) -> None:
    check_versions_do_not_mix(store, MANY, 3)


def test_one_of_many_makes_a_container(store: S3Store) -> None:
    def make(_: int) -> bool:
        try:
            store.create_container("c")
        except ProviderError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 1


def test_an_object_of_many_parts(store: S3Store) -> None:
    store.create_container("c")
    data = bytes(range(256)) * (4 * MANY // 256)
    with store.write("c", "o") as writer:
        for at in range(0, len(data), 300_000):
            writer.write(data[at : at + 300_000])
    chunks = list(store.read("c", "o"))
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)
    store.copy_object("c", "o", "c", "copy")
    assert store.object_info("c", "copy").size == len(data)


def test_an_object_of_more_parts_than_s3_takes_is_refused(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_streams, "PARTS", 2)
    store.create_container("c")
    put(store, "c", "o", b"x" * (2 * s3_streams.PART))
    with pytest.raises(TooLarge, match="longer than the 10,485,760 bytes"):
        put(store, "c", "o", b"y" * (2 * s3_streams.PART + 1))
    assert set(fetch(store, "c", "o")) == set(b"x")


def test_a_reader_keeps_its_version(store: S3Store) -> None:
    store.create_container("c")
    put(store, "c", "o", b"a" * MANY)
    reader = store.read("c", "o")
    first = next(reader)
    put(store, "c", "o", b"b")
    assert first + b"".join(reader) == b"a" * MANY
    early = store.read("c", "o")
    early.close()  # type: ignore[attr-defined]
    assert list(early) == []


@pytest.mark.parametrize("size", [10, MANY])
def test_nothing_is_seen_or_left_of_what_is_not_committed(store: S3Store, s3_server: S3Server, size: int) -> None:  # noqa: F811
    store.create_container("c")
    put(store, "c", "o", b"old")
    writer = store.write("c", "o")
    writer.write(b"x" * size)
    writer.write(b"x" * size)
    assert fetch(store, "c", "o") == b"old"
    writer.abort()
    writer.abort()
    for operation in (writer.commit, lambda: writer.write(b"more")):
        with pytest.raises(ProviderError, match="already"):
            operation()
    store.write("c", "forgotten").write(b"x" * size)
    with pytest.raises(RuntimeError), store.write("c", "new") as another:
        another.write(b"x" * size)
        raise RuntimeError
    assert store.objects("c").items == ["o"]
    assert fetch(store, "c", "o") == b"old"
    assert b"<Upload>" not in s3_server.request("GET", f"/{s3_server.bucket}?uploads")


def test_a_commit_into_a_deleted_container_is_refused(store: S3Store) -> None:
    store.create_container("c")
    writer = store.write("c", "o")
    writer.write(b"x" * MANY)
    store.delete_container("c")
    with pytest.raises(NotFound, match="no container 'c'"):
        writer.commit()
    assert store.containers().items == []


def test_containers_with_a_beginning_in_common_are_apart(store: S3Store) -> None:
    for name in ("a", "ab", "a-b"):
        store.create_container(name)
        put(store, name, "o", name.encode())
    store.clear_container("a")
    store.delete_container("a")
    assert store.containers().items == ["a-b", "ab"]
    assert fetch(store, "ab", "o") == b"ab"


def test_prefixes_are_apart_and_data_stays_when_it_is_opened_again(s3_server: S3Server) -> None:  # noqa: F811
    one, other = _store(s3_server, "deep/one"), _store(s3_server, "deep/other")
    made = one.create_container("c")
    put(one, "c", "x" * 1000, b"bytes")
    assert other.containers().items == []
    one.close()
    again = _store(s3_server, "/deep/one/")
    assert again.container_info("c") == made
    assert again.objects("c").items == ["x" * 1000]
    assert fetch(again, "c", "x" * 1000) == b"bytes"


# --- what other S3 tools wrote and read ----------------------------------------------------------------


def test_keys_that_are_there_are_containers_and_objects(s3_server: S3Server) -> None:  # noqa: F811
    store = _store(s3_server, "theirs")
    for key in ("animals/dog.txt", "animals/wild/fox.txt", "animals/100%.txt", "README.txt"):
        s3_server.request("PUT", f"/{s3_server.bucket}/theirs/{quote(key)}", key.encode())
    assert store.containers().items == ["animals"]
    assert store.container_info("animals").created_at > 0
    assert store.objects("animals").items == ["100%.txt", "dog.txt", "wild/fox.txt"]
    assert fetch(store, "animals", "wild/fox.txt") == b"animals/wild/fox.txt"
    with pytest.raises(ProviderError, match="already"):
        store.create_container("animals")
    put(store, "animals", "cat.txt", b"miau")
    assert bytes(_another_tool(s3_server).get("theirs/animals/cat.txt").bytes()) == b"miau"
    store.delete_container("animals")
    assert not store.container_exists("animals")


# --- when the server says no, or nothing -----------------------------------------------------------------


def test_a_wrong_key_is_denied_and_not_shown() -> None:
    with S3Server() as server:
        server.request("POST", "/moto-api/reset-auth", b"0", **{"Content-Type": "text/plain"})
        store = open_blobstore(server.url.replace("hush", "s3cret"))
        for operation in (store.ping, lambda: store.create_container("c"), lambda: store.object_info("c", "o")):
            with pytest.raises(Denied, match="check the access and secret key") as caught:
                operation()
            assert "s3cret" not in str(caught.value)
            assert caught.value.__cause__ is None


def test_a_missing_bucket_is_named_with_the_way_to_make_it(s3_server: S3Server) -> None:  # noqa: F811
    store = open_blobstore(s3_server.url.replace("s3://lab", "s3://nowhere"))
    for operation in (store.ping, store.containers, lambda: store.create_container("c"), lambda: store.read("c", "o")):
        with pytest.raises(NotFound, match="aws s3 mb s3://nowhere --endpoint-url http://"):
            operation()


def test_a_server_that_goes_away_is_unavailable_until_it_is_back() -> None:
    with S3Server() as server:
        store = open_blobstore(server.url)
        store.create_container("c")
        put(store, "c", "o", b"x" * MANY)
        small, large = store.write("c", "small"), store.write("c", "large")
        large.write(b"x" * (MANY + CHUNK))
    with pytest.raises(Unavailable, match=r"does not answer \(connection refused\); is it running"):
        store.ping()
    for operation in (store.containers, lambda: store.object_exists("c", "o"), lambda: fetch(store, "c", "o")):
        with pytest.raises(Unavailable):
            operation()
    for writer in (small, large):
        with pytest.raises(Unavailable):
            writer.commit()
        writer.abort()
    with pytest.raises(Unavailable), store.write("c", "o"):
        pass
    with S3Server(server.port):
        store.create_container("d")
        assert store.containers().items == ["d"]


def test_an_upload_that_breaks_off_is_an_error_for_who_writes_on() -> None:
    with S3Server() as server:
        store = open_blobstore(server.url)
        store.create_container("c")
        writer = store.write("c", "o")
        writer.write(b"x" * MANY)
    with pytest.raises(Unavailable):
        for _ in range(100):
            writer.write(b"x" * CHUNK)
    writer.abort()


def test_a_silent_server_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = S3Store(
            "lab",
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            access_key="someone",
            secret_key="hush",
            timeout=0.2,
        )
        for operation in (store.ping, lambda: store.write("c", "o"), lambda: store.create_container("c")):
            with pytest.raises(Unavailable, match="not in time"):
                operation()


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    date = b"Last-Modified: Tue, 24 Nov 2026 10:00:00 GMT"
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\nETag: "1"\r\n' + date + b"\r\n\r\n"

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head + b"x" * 2_000_000)
        server.close()

    server = socket.create_server(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    thread = threading.Thread(target=answer)
    thread.start()
    store = S3Store("lab", endpoint=endpoint, access_key="someone", secret_key="hush", timeout=1)
    reader = store.read("c", "o")
    with pytest.raises(Unavailable, match="does not answer"):
        list(reader)
    thread.join()


def test_half_a_surrogate_pair_is_no_name(store: S3Store) -> None:
    store.create_container("c")
    for operation in (lambda: store.create_container("\ud800"), lambda: store.write("c", "a\udfff")):
        with pytest.raises(ProviderError, match="is no text"):
            operation()


def test_after_close_it_says_so(store: S3Store) -> None:
    store.create_container("c")
    store.close()
    store.close()
    for operation in (
        store.ping,
        store.containers,
        lambda: store.object_exists("c", "o"),
        lambda: store.write("c", "o"),
    ):
        with pytest.raises(Unavailable, match="closed"):
            operation()


# --- addresses -----------------------------------------------------------------------------------------


def test_what_the_url_does_not_say_comes_from_the_environment(
    s3_server: S3Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    store = open_blobstore("s3://lab/from-env")
    store.create_container("c")
    assert repr(store) == f"<S3 bucket lab/from-env at 127.0.0.1:{s3_server.port}>"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert open_blobstore(f"s3://lab/from-env?endpoint={s3_server.endpoint}").containers().items == ["c"]
    with pytest.raises(Unavailable):
        open_blobstore("s3://lab/from-env").ping()


def test_a_session_token_of_the_environment_does_not_go_with_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def listen() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Denied):
            S3Store("lab", endpoint=endpoint, access_key="someone", secret_key="hush").ping()
        thread.join()
    assert b"Credential=someone/" in heard[0]
    assert b"of-somebody-else" not in heard[0]


def test_secrets_in_a_url_are_masked() -> None:
    url = "s3://lab/x?endpoint=http://h:1&region=eu&access_key=AKIA1&secret_key=s3cr%2Bt&session_token=t0k"
    for secret in ("AKIA1", "s3cr", "t0k"):
        assert secret not in masked(url)
        assert secret not in repr(open_blobstore(url))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("s3://", "is no bucket's name"),
        ("s3:///bucket", "is no bucket's name"),
        ("s3://key:s3cret@host:9000/bucket", "does not name a bucket; wanted s3://bucket/prefix"),
        ("s3://lab?access_key=a", "go together"),
        ("s3://lab?access_key=a&secret_key=s3+cret", "write its '\\+' as %2B"),
        ("s3://lab?timeout=0", "not a number of seconds"),
        ("s3://lab?endpoint=127.0.0.1:9000", "is a URL such as"),
        ("s3://lab?endpoint=http://u:s3cret@h", "without a user"),
        ("s3://lab?bucket=x", "does not know; it knows endpoint"),
        ("s3://lab/a//b", "can't be a prefix"),
        ("s3://lab/" + "x" * 200, "can't be a prefix"),
    ],
)
def test_addresses_that_are_refused(wrong: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as caught:
        open_blobstore(wrong)
    assert "s3cret" not in str(caught.value)
    assert "s3+cret" not in str(caught.value)
