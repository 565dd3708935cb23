"""The blobstore on S3, against a server on this machine: as any other, and beside other tools."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from obstore.store import S3Store as Client

from tests.blob_model import (
    ODD_NAMES,
    check_closed,
    check_history,
    check_names_that_are_no_text,
    check_odd_names,
    check_ranges,
    check_versions_do_not_mix,
    histories,
    names,
)
from tests.s3_server import MANY, S3Server, new_store
from wasicloud_lab.errors import NotFound, ProviderError, TooLarge
from wasicloud_lab.providers.blobstore import s3_names, s3_streams
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.s3 import S3Store


def _another_tool(server: S3Server) -> Client:
    """What knows nothing of the lab."""
    login = {"access_key_id": "someone", "secret_access_key": "hush"}
    return Client(server.bucket, endpoint=server.endpoint, client_options={"allow_http": True}, **login)


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[S3Store]:
    made = new_store(s3_server)
    yield made
    made.close()


# --- names -------------------------------------------------------------------------------------------


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


def test_half_a_surrogate_pair_is_no_name(store: S3Store) -> None:
    check_names_that_are_no_text(store)


# --- as any blobstore --------------------------------------------------------------------------------


def test_any_names(store: S3Store) -> None:
    check_odd_names(store, ODD_NAMES[::4])


@settings(deadline=None, max_examples=8)
@given(history=histories)
def test_it_does_what_a_dict_of_dicts_would(s3_server: S3Server, history: list[tuple]) -> None:  # type: ignore[type-arg]
    check_history(new_store(s3_server), history)


def test_ranges(store: S3Store) -> None:
    check_ranges(store)


def test_threads_see_whole_versions(store: S3Store) -> None:
    check_versions_do_not_mix(store, MANY, 3)


def test_after_close_it_says_so(store: S3Store) -> None:
    check_closed(store)


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
def test_nothing_is_seen_or_left_of_what_is_not_committed(store: S3Store, s3_server: S3Server, size: int) -> None:
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


def test_prefixes_are_apart_and_data_stays_when_it_is_opened_again(s3_server: S3Server) -> None:
    one, other = new_store(s3_server, "deep/one"), new_store(s3_server, "deep/other")
    made = one.create_container("c")
    put(one, "c", "x" * 1000, b"bytes")
    assert other.containers().items == []
    one.close()
    again = new_store(s3_server, "/deep/one/")
    assert again.container_info("c") == made
    assert again.objects("c").items == ["x" * 1000]
    assert fetch(again, "c", "x" * 1000) == b"bytes"


# --- what other S3 tools wrote and read --------------------------------------------------------------


def test_keys_that_are_there_are_containers_and_objects(s3_server: S3Server) -> None:
    store = new_store(s3_server, "theirs")
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
