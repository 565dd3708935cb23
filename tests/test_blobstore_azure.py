"""The Azure provider on a real Azurite: what lands where, streams, listings, access."""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, quote

import psutil
import pytest
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasicloud_lab.errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.blobstore.azure import AzureBlobstore
from wasicloud_lab.providers.blobstore.azure_address import Account
from wasicloud_lab.providers.blobstore.base import CHUNK, BlobstoreProvider, ensure_container, fetch, put
from wasicloud_lab.providers.page import every
from wasicloud_lab.providers.registry import open_blobstore
from wasicloud_lab.services import Service

MIB = 1 << 20
EMULATOR = "devstoreaccount1"

ODD = [
    *("", ".", "..", "a/../b", "../x", "/a", "a/", "a//b", "a.", "a./b", " lead", "trail ", "back\\slash", "~wl/x"),
    *("a\nb", "\x00", "\x7f", "\x85", "\ud7ff", "\ue000", "\uffff", "😀", "😀" * 256, "x" * 1025, "%2e%2e/x"),
    *("a b", "a%20b", "100%", "q?x", "h#x", "a&b", "a+b", "<a>", "]]>&amp;", "a;b=c", "a'b", 'a"b', "ü", "u\u0308"),
    *("日本", "！", "A", "a", "z", "_", "~", "~wl", "a/b/c", "\u2028", "x" * 1024),
]


@pytest.fixture(scope="module")
def store(azurite: Service) -> Iterator[BlobstoreProvider]:
    """One provider for all tests of this module, in a corner of its own."""
    opened = open_blobstore(f"{azurite.url}?prefix=t{uuid.uuid4().hex[:8]}-")
    yield opened
    for name in list(every(opened.containers)):
        opened.delete_container(name)
    opened.close()


@pytest.fixture
def container(store: BlobstoreProvider) -> Iterator[str]:
    """A new container, with a name that Azure would not take."""
    name = f"Test {uuid.uuid4()}"
    store.create_container(name)
    yield name
    if store.container_exists(name):
        store.delete_container(name)


@pytest.fixture(scope="module")
def plain_client(azurite: Service) -> Iterator[BlobServiceClient]:
    """Azure's own client on the same Azurite, as another tool would use it."""
    key = BlobServiceClient.from_connection_string("UseDevelopmentStorage=true").credential.account_key
    with BlobServiceClient(
        f"http://127.0.0.1:{azurite.port}/{EMULATOR}", credential={"account_name": EMULATOR, "account_key": key}
    ) as client:
        yield client


def signature(client: BlobServiceClient, permissions: str) -> str:
    """A shared access signature for the whole account, for an hour."""
    return generate_account_sas(
        EMULATOR,
        client.credential.account_key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions.from_string(permissions),
        datetime.now(timezone.utc) + timedelta(hours=1),
    )


def listed(store: BlobstoreProvider, container: str, limit: int = 1000) -> list[str]:
    return list(every(lambda cursor: store.objects(container, cursor, limit)))


# --- containers --------------------------------------------------------------------------------------


def test_containers_of_any_name_are_apart_and_listed_in_order(store: BlobstoreProvider) -> None:
    names = ["Files", "files", "", "..", "a--b", "wl-x", "t1", "My Files", "ünïcode", "😀" * 256, "\x00", "a/b"]
    for name in names:
        assert store.create_container(name) == store.container_info(name)
        put(store, name, "whose", name.encode())
    assert [fetch(store, name, "whose") for name in names] == [name.encode() for name in names]
    for limit in (1, 5, 1000):
        found = list(every(lambda cursor, limit=limit: store.containers(cursor, limit)))
        assert found == sorted(found)
        assert [name for name in found if name in names] == sorted(names)
    for name in names:
        store.delete_container(name)
        assert not store.container_exists(name)


def test_a_container_knows_when_it_was_made_also_after_it_was_changed(
    store: BlobstoreProvider, container: str, plain_client: BlobServiceClient
) -> None:
    before = time.time()
    store.create_container("young-one")
    made = store.container_info("young-one").created_at
    assert before <= made <= time.time()
    put(store, "young-one", "a", b"1")
    assert store.container_info("young-one").created_at == made
    store.delete_container("young-one")


def test_what_others_made_is_seen_under_its_own_name(azurite: Service, plain_client: BlobServiceClient) -> None:
    name = f"foreign-{uuid.uuid4().hex}"
    theirs = plain_client.create_container(name)
    theirs.upload_blob("animals/dog.txt", b"woof")
    whole = open_blobstore(azurite.url)
    corner = open_blobstore(f"{azurite.url}?prefix=foreign-")
    try:
        assert name in list(every(whole.containers))
        assert whole.container_info(name).created_at == theirs.get_container_properties().last_modified.timestamp()
        assert listed(whole, name) == ["animals/dog.txt"]
        assert fetch(corner, name.removeprefix("foreign-"), "animals/dog.txt") == b"woof"
        assert list(every(corner.containers)) == [name.removeprefix("foreign-")]
    finally:
        whole.delete_container(name)
        whole.close()
        corner.close()


def test_others_see_plain_names_plainly(
    store: BlobstoreProvider, container: str, azurite: Service, plain_client: BlobServiceClient
) -> None:
    whole = open_blobstore(azurite.url)
    name = f"seen-{uuid.uuid4().hex}"
    whole.create_container(name)
    put(whole, name, "a/b.txt", b"1")
    put(whole, name, "😀.txt", b"2")
    blobs = {
        each.name: each.metadata for each in plain_client.get_container_client(name).list_blobs(include="metadata")
    }
    assert blobs["a/b.txt"] == {}
    (mapped,) = set(blobs) - {"a/b.txt"}
    assert mapped.startswith("~wl/name/txt-")
    whole.delete_container(name)
    whole.close()


# --- objects -----------------------------------------------------------------------------------------


def test_objects_of_any_name_are_kept_apart_listed_in_order_copied_and_deleted(
    store: BlobstoreProvider, container: str
) -> None:
    for name in ODD:
        put(store, container, name, name.encode())
    assert [fetch(store, container, name) for name in ODD] == [name.encode() for name in ODD]
    for limit in (1, 3, len(ODD) - 1, len(ODD), 1000):
        assert listed(store, container, limit) == sorted(ODD)
    for name in ODD:
        store.copy_object(container, name, container, f"{name}\\copy")
        store.move_object(container, f"{name}\\copy", container, "moved")
        assert fetch(store, container, "moved") == name.encode()
    store.delete_objects(container, ["moved", *ODD[::2], "never was"])
    assert listed(store, container) == sorted(ODD[1::2])
    store.clear_container(container)
    assert listed(store, container) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(
        st.text(max_size=30).filter(lambda name: name.isprintable())
        | st.text(alphabet="ab./~\\ é\ud7ff\ue000😀", max_size=6),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 7),
)
def test_any_names_are_listed_in_the_order_of_their_code_points(
    store: BlobstoreProvider, container: str, names: set[str], limit: int
) -> None:
    store.clear_container(container)
    for name in names:
        put(store, container, name, b"")
    assert listed(store, container, limit) == sorted(names)


def test_a_listing_goes_on_while_objects_come_and_go(store: BlobstoreProvider, container: str) -> None:
    stable = [f"k{n:03}" for n in range(30)] + [f"😀{n:03}" for n in range(10)]
    for name in stable:
        put(store, container, name, b"")
    cursor, found = None, []
    for turn in range(100):
        page, cursor = store.objects(container, cursor, 3)
        found += page
        put(store, container, f"k0{turn:02}x", b"")
        store.delete_object(container, f"k0{turn - 3:02}x")
        if cursor is None:
            break
    assert found == sorted(set(found))
    assert [name for name in found if name in stable] == stable


@pytest.mark.parametrize("cursor", ["", "nonsense", "azure:", "azure:1", "azure:[1]", "after:x"])
def test_a_cursor_of_another_store_is_refused(store: BlobstoreProvider, container: str, cursor: str) -> None:
    with pytest.raises(ProviderError, match="not of this store"):
        store.objects(container, cursor)


def test_what_is_not_there_is_named(store: BlobstoreProvider, container: str) -> None:
    gone = "no such"
    store.delete_object(container, gone)
    store.delete_objects(container, [gone, gone + "2"])
    assert not store.object_exists(container, gone)
    for ask in (
        lambda: store.read(container, gone),
        lambda: store.read(container, gone, 5, 4),
        lambda: store.object_info(container, gone),
        lambda: store.copy_object(container, gone, container, "x"),
        lambda: store.copy_object(container, gone, container, gone),
        lambda: store.copy_object(container, gone, container, "😀"),
    ):
        with pytest.raises(NotFound, match=r"there is no object 'no such' in container 'Test "):
            ask()
    put(store, container, "a", b"")
    for ask in (
        lambda: store.container_info(gone),
        lambda: store.delete_container(gone),
        lambda: store.clear_container(gone),
        lambda: store.objects(gone),
        lambda: store.read(gone, "a"),
        lambda: store.write(gone, "a"),
        lambda: store.delete_object(gone, "a"),
        lambda: store.delete_objects(gone, ["a", "b"]),
        lambda: store.delete_objects(gone, []),
        lambda: store.object_exists(gone, "a"),
        lambda: store.copy_object(container, "a", gone, "a"),
        lambda: store.copy_object(gone, "a", container, "b"),
    ):
        with pytest.raises(NotFound, match="there is no container 'no such'"):
            ask()
    with pytest.raises(ProviderError, match=r"there is a container 'Test .*already"):
        store.create_container(container)


def test_a_container_that_goes_while_one_writes_is_missed_at_the_commit(
    store: BlobstoreProvider, container: str
) -> None:
    writer = store.write(container, "b")
    store.delete_container(container)
    writer.write(b"2")
    with pytest.raises(NotFound, match="there is no container"):
        writer.commit()


# --- streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, MIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB])
def test_any_size_comes_back_in_chunks(store: BlobstoreProvider, container: str, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    put(store, container, "object", data)
    assert store.object_info(container, "object").size == size
    chunks = list(store.read(container, "object"))
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)
    for start, end in ((0, 0), (size - 1, size - 1), (1, None), (size // 2, size + 99), (4 * MIB - 1, 4 * MIB)):
        if start >= 0:
            wanted = data[start:] if end is None else data[start : end + 1]
            assert b"".join(store.read(container, "object", start, end)) == wanted
    for start, end in ((size, None), (size, size), (size + 10, size + 20), (5, 4)):
        assert list(store.read(container, "object", start, end)) == []


def test_64_mib_go_up_and_down_in_little_memory(store: BlobstoreProvider, container: str) -> None:
    chunk = bytes(range(256)) * (CHUNK // 256)
    process = psutil.Process()

    def up_and_down(chunks: int) -> int:
        resident = 0
        with store.write(container, "large") as writer:
            for _ in range(chunks):
                writer.write(chunk)
                resident = max(resident, process.memory_info().rss)
        came = 0
        for part in store.read(container, "large"):
            assert part == chunk
            came += 1
            resident = max(resident, process.memory_info().rss)
        assert came == chunks
        return resident

    small = up_and_down(8)
    assert up_and_down(64) - small <= 16 * MIB


def test_one_large_write_is_cut_into_blocks(
    store: BlobstoreProvider, azurite: Service, plain_client: BlobServiceClient
) -> None:
    whole = open_blobstore(azurite.url)
    name = f"blocks-{uuid.uuid4().hex}"
    whole.create_container(name)
    put(whole, name, "large", bytes(9 * MIB))
    put(whole, name, "small", bytes(4 * MIB))
    sizes = [
        [block.size for block in plain_client.get_blob_client(name, blob).get_block_list()[0]]
        for blob in ("large", "small")
    ]
    assert sizes == [[4 * MIB, 4 * MIB, MIB], []]
    whole.delete_container(name)
    whole.close()


def test_nothing_is_seen_before_the_commit_and_nothing_after_an_abort(store: BlobstoreProvider, container: str) -> None:
    put(store, container, "old", b"before")
    for name in ("old", "new"):
        writer = store.write(container, name)
        writer.write(bytes(9 * MIB))
        assert fetch(store, container, "old") == b"before"
        assert listed(store, container) == ["old"]
        writer.abort()
        writer.abort()
        for late in (writer.commit, lambda writer=writer: writer.write(b"x")):
            with pytest.raises(ProviderError, match="aborted by this writer already"):
                late()
    with pytest.raises(RuntimeError), store.write(container, "old") as writer:
        writer.write(b"half")
        raise RuntimeError
    assert fetch(store, container, "old") == b"before"
    with store.write(container, "old") as writer:
        writer.write(b"after")
    writer.abort()
    assert fetch(store, container, "old") == b"after"


def test_of_two_writers_of_a_large_object_neither_takes_the_others_blocks(
    store: BlobstoreProvider, container: str
) -> None:
    first, second = store.write(container, "o"), store.write(container, "o")
    for _ in range(5):
        first.write(b"1" * MIB)
        second.write(b"2" * MIB)
    first.commit()
    with pytest.raises(ProviderError, match=r"another writer finished object 'o' .* first"):
        second.commit()
    second.abort()
    assert fetch(store, container, "o") == b"1" * (5 * MIB)


def test_a_read_has_one_version(store: BlobstoreProvider, container: str) -> None:
    for change in (b"2" * (9 * MIB), b"short"):
        put(store, container, "o", b"1" * (9 * MIB))
        chunks = store.read(container, "o")
        assert next(chunks) == b"1" * CHUNK
        put(store, container, "o", change)
        came = 0
        with pytest.raises(ProviderError, match=r"object 'o' .* was changed or deleted while it was being read"):
            for chunk in chunks:
                assert chunk == b"1" * CHUNK
                came += 1
        assert came == 3
    put(store, container, "o", b"1" * (9 * MIB))
    chunks = store.read(container, "o")
    store.delete_object(container, "o")
    with pytest.raises(ProviderError, match=r"there is no object 'o'|object 'o' .* was changed or deleted"):
        list(chunks)


def test_reads_among_writers_are_of_one_version_each(store: BlobstoreProvider, container: str) -> None:
    versions = [bytes([n]) * (5 * MIB) for n in range(4)]
    put(store, container, "o", versions[0])
    done = threading.Event()

    def write() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            put(store, container, "o", versions[turn % 4])

    def read(_: int) -> int:
        whole = 0
        for _ in range(3):
            chunks = store.read(container, "o")
            try:
                assert b"".join(chunks) in versions
                whole += 1
            except ProviderError as error:
                assert "was changed or deleted while it was being read" in str(error)  # noqa: PT017
        return whole

    with ThreadPoolExecutor(5) as threads:
        writing = threads.submit(write)
        try:
            list(threads.map(read, range(4)))
        finally:
            done.set()
        writing.result()


def test_sixteen_threads_share_a_provider(store: BlobstoreProvider, container: str) -> None:
    def work(thread: int) -> None:
        for turn in range(8):
            name = f"{thread}/{turn}"
            data = name.encode() * 1000
            put(store, container, name, data)
            assert fetch(store, container, name) == data
            store.copy_object(container, name, container, f"{name}-copy")
            store.delete_object(container, name)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert listed(store, container) == sorted(f"{thread}/{turn}-copy" for thread in range(16) for turn in range(8))


def test_of_sixteen_threads_one_makes_the_container(store: BlobstoreProvider) -> None:
    def create(_: int) -> bool:
        try:
            store.create_container("Contended")
        except ProviderError as error:
            assert "already" in str(error)  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(create, range(16))) == 1
    store.delete_container("Contended")


def test_an_object_has_a_size_that_azure_can_hold(azurite: Service) -> None:
    own = open_blobstore(f"{azurite.url}?prefix=limit-")
    assert own.object_limit == 4 * MIB * 50_000
    own.object_limit = 10
    ensure_container(own, "small")
    writer = own.write("small", "o")
    writer.write(b"12345")
    with pytest.raises(TooLarge, match="object 'o' in container 'small' would be larger than 10 bytes"):
        writer.write(b"678901")
    writer.write(b"67890")
    writer.commit()
    assert fetch(own, "small", "o") == b"1234567890"
    own.delete_container("small")
    own.close()


def test_a_copy_keeps_what_others_noted_with_the_object(azurite: Service, plain_client: BlobServiceClient) -> None:
    whole = open_blobstore(azurite.url)
    name = f"noted-{uuid.uuid4().hex}"
    plain_client.create_container(name).upload_blob("a", b"1", metadata={"colour": "red"})
    whole.copy_object(name, "a", name, "b")
    whole.copy_object(name, "b", name, "😀")
    whole.copy_object(name, "😀", name, "😀😀")
    assert listed(whole, name) == ["a", "b", "😀", "😀😀"]
    blobs = list(plain_client.get_container_client(name).list_blobs(include="metadata"))
    assert [blob.metadata["colour"] for blob in blobs] == ["red"] * 4
    whole.delete_container(name)
    whole.close()


# --- access ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["sas", "parts", "connection string"])
def test_a_signature_opens_the_account_and_is_never_shown(
    form: str, azurite: Service, plain_client: BlobServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = signature(plain_client, "rwdlacup")
    text = f"BlobEndpoint=http://127.0.0.1:{azurite.port}/{EMULATOR};SharedAccessSignature={token}"
    url = {
        "sas": f"{azurite.url}?sas={quote(token, safe='')}&prefix=s{uuid.uuid4().hex[:8]}-",
        "parts": f"{azurite.url}?{token}&prefix=s{uuid.uuid4().hex[:8]}-",
        "connection string": f"azure://?connection_string={quote(text, safe='')}&prefix=s{uuid.uuid4().hex[:8]}-",
    }[form]
    caplog.set_level(logging.DEBUG)
    store = open_blobstore(url)
    shown = [str(store), repr(store), store.summary()]
    try:
        store.ping()
        store.create_container("Files")
        put(store, "Files", "a", bytes(5 * MIB))
        store.copy_object("Files", "a", "Files", "😀")
        assert fetch(store, "Files", "😀") == bytes(5 * MIB)
        assert list(every(store.containers)) == ["Files"]
        assert listed(store, "Files") == ["a", "😀"]
        store.delete_objects("Files", ["a", "😀"])
        for ask in (lambda: store.read("Files", "no"), lambda: store.create_container("Files")):
            with pytest.raises(ProviderError) as caught:
                ask()
            shown += traceback.format_exception(caught.value)
            assert caught.value.__context__ is None
        store.delete_container("Files")
    finally:
        store.close()
    assert "urllib3" in caplog.text
    secret = parse_qs(token)["sig"][0]
    for written in (secret, quote(secret), quote(secret, safe="")):
        assert written not in caplog.text
        assert written not in "\n".join(shown)


def test_a_signature_that_allows_little_is_denied_the_rest(azurite: Service, plain_client: BlobServiceClient) -> None:
    store = open_blobstore(f"{azurite.url}?{signature(plain_client, 'rl')}")
    try:
        store.containers()
        with pytest.raises(Denied, match="does not let this key or signature in, or not do that"):
            store.create_container("not-mine")
    finally:
        store.close()


def test_a_wrong_key_is_denied_and_never_shown(azurite: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "d3Jvbmcga2V5LCB3cm9uZyBrZXk="
    store = open_blobstore(f"{azurite.url}?account_key={quote(key, safe='')}")
    try:
        for ask in (store.ping, store.containers, lambda: store.read("a", "b"), lambda: store.container_info("a")):
            with pytest.raises(Denied, match=f"Azure Blob account {EMULATOR} at 127.0.0.1") as caught:
                ask()
            assert key not in "".join(traceback.format_exception(caught.value))
            assert caught.value.__context__ is None
    finally:
        store.close()
    assert "azure.core" in caplog.text
    assert key not in caplog.text
    assert f"SharedKey {EMULATOR}:" not in caplog.text


def test_after_close_nothing_is_served(store: BlobstoreProvider, container: str, azurite: Service) -> None:
    own = open_blobstore(azurite.url)
    ensure_container(own, "closing")
    put(own, "closing", "o", bytes(9 * MIB))
    chunks = own.read("closing", "o")
    next(chunks)
    writer = own.write("closing", "p")
    writer.write(bytes(9))
    own.close()
    own.close()
    for ask in (
        own.ping,
        writer.commit,
        lambda: list(chunks),
        lambda: own.containers(),
        lambda: own.objects("closing"),
    ):
        with pytest.raises(Unavailable, match="has been closed"):
            ask()
    again = open_blobstore(azurite.url)
    assert fetch(again, "closing", "o") == bytes(9 * MIB)
    again.delete_container("closing")
    again.close()


def test_it_can_be_made_in_a_cell_without_a_url(azurite: Service, plain_client: BlobServiceClient) -> None:
    key = plain_client.credential.account_key
    endpoint = f"http://127.0.0.1:{azurite.port}/{EMULATOR}"
    for made in (
        AzureBlobstore(Account(EMULATOR, endpoint, key), prefix="cell-"),
        AzureBlobstore.from_connection_string(
            f"AccountName={EMULATOR};AccountKey={key};BlobEndpoint={endpoint}", prefix="cell-", timeout=20
        ),
    ):
        made.ping()
        assert repr(made) == f"<Azure Blob account {EMULATOR} at 127.0.0.1:{azurite.port}, containers cell-*>"
        made.close()
