"""Containers and objects on a real nats-server: streams of bytes, writers at once, and what others see."""

from __future__ import annotations

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psutil
import pytest
from nats.js import JetStreamContext

from tests import nats_corner
from tests.nats_corner import MIB, ODD, as_others_do
from wasicloud_lab.errors import NotFound, ProviderError, TooLarge
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.nats import NatsBlobstore
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.services import Service, Services

own = nats_corner.own
url = nats_corner.url
blobs = nats_corner.blobs


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


def test_an_object_that_is_not_one_is_said_to_be_none(blobs: NatsBlobstore, url: str) -> None:
    prefix, name = url.partition("prefix=")[2], base64.urlsafe_b64encode(b"o").decode()
    as_others_do(url, lambda stream: stream.publish(f"$O.{prefix}c.M.{name}", b"not JSON"))
    with pytest.raises(ProviderError, match="is not an object's"):
        blobs.read("c", "o")
    assert blobs.objects("c").items == []
