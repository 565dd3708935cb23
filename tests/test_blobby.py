"""blobby: files over HTTP, from and to a blob store, streamed."""

from __future__ import annotations

import hashlib
import socket
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wasicloud_lab as wl
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ObjectInfo, Writer, ensure_container, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.blobstore.wrappers import Troubled
from wasicloud_lab.wasi.io import stream_failed

JSON = {"accept": "application/json"}
MIB = 1 << 20


@pytest.fixture
def blobby(own_lab: wl.Lab) -> wl.App:
    """blobby on an empty store in memory."""
    return own_lab.load("blobby")


@pytest.fixture
def store(own_lab: wl.Lab, blobby: wl.App) -> BlobstoreProvider:
    """That store."""
    made: BlobstoreProvider = own_lab.blobstore.provider
    return made


@pytest.fixture
def troubled(own_lab: wl.Lab, blobby: wl.App) -> Troubled:
    """A store with an off switch in its place, and the object `a` in it."""
    made = Troubled(MemoryBlobstore())
    ensure_container(made, "default")
    put(made, "default", "a", b"old")
    own_lab.blobstore.swap(made)
    return made


# --- create, read, update, delete ------------------------------------------------------------------------


def test_a_walk(blobby: wl.App, store: BlobstoreProvider) -> None:
    assert blobby.get("/notes.txt").status_code == 404
    created = blobby.put("/notes.txt", content=b"one")
    assert (created.status_code, created.headers["location"], created.content) == (201, "/notes.txt", b"")
    assert blobby.get("/notes.txt").text == "one"
    updated = blobby.post("/notes.txt", content=b"two and more")
    assert (updated.status_code, "location" in updated.headers) == (200, False)
    assert blobby.get("/notes.txt").text == "two and more"
    assert fetch(store, "default", "notes.txt") == b"two and more"
    assert [blobby.delete("/notes.txt").status_code for _ in range(2)] == [204, 404]
    assert blobby.get("/notes.txt").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_both_methods_store(blobby: wl.App, store: BlobstoreProvider, method: str) -> None:
    assert [blobby.request(method, "/x", content=b"y").status_code for _ in range(2)] == [201, 200]
    assert fetch(store, "default", "x") == b"y"


def test_a_head_is_the_get_without_its_body(blobby: wl.App) -> None:
    blobby.put("/x.json", content=b"[1]")
    head = blobby.head("/x.json")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == blobby.get("/x.json").headers
    assert blobby.head("/nothing").status_code == 404


def test_an_empty_object(blobby: wl.App) -> None:
    assert blobby.put("/empty", content=b"").status_code == 201
    response = blobby.get("/empty")
    assert (response.status_code, response.headers["content-length"], response.content) == (200, "0", b"")


@pytest.mark.parametrize("size", [1, 4095, 65536, MIB, MIB + 1, 3 * MIB + 7])
def test_bytes_come_back_as_they_went(blobby: wl.App, size: int) -> None:
    data = hashlib.shake_128(b"blobby").digest(size)
    blobby.put("/data", content=data)
    response = blobby.get("/data")
    assert (response.headers["content-length"], response.content == data) == (str(size), True)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a%20b", "a b"),
        ("/a+b", "a+b"),
        ("/dir/file.txt", "dir/file.txt"),
        ("/dir%2Ffile", "dir/file"),
        ("//double", "/double"),
        ("/%2e%2e/%2e%2e/etc/passwd", "../../etc/passwd"),
        ("/%C3%BC%F0%9F%90%B9", "ü🐹"),
        ("/100%25", "100%"),
        ("/new%0Aline%00", "new\nline\0"),
        ("/what%3F", "what?"),
        ("/ends/", "ends/"),
    ],
)
def test_the_name_is_the_path_decoded(blobby: wl.App, store: BlobstoreProvider, path: str, name: str) -> None:
    assert blobby.put(path, content=b"here").status_code == 201
    assert list(store.objects("default").items) == [name]
    assert blobby.get(path).content == b"here"


@pytest.mark.parametrize("path", ["/%", "/%4", "/%zz", "/%ff", "/a%c3", "/x?container=%ff", "/x?container="])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_is_no_encoded_text_is_refused(blobby: wl.App, method: str, path: str) -> None:
    assert blobby.request(method, path).status_code == 400


@settings(max_examples=200, deadline=None)
@given(
    path=st.text(st.sampled_from("%/?&=+.aF0c3~"), max_size=30),
    query=st.text(st.sampled_from("%&=+aF0c3"), max_size=12),
)
def test_no_path_is_a_trap(shared: wl.App, path: str, query: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        response = shared.request(method, f"/{path}?container={query}")
        assert response.status_code in (200, 201, 204, 400, 404, 405)


@pytest.fixture(scope="module")
def shared(lab: wl.Lab) -> wl.App:
    """blobby on a store that fills up."""
    return lab.load("blobby", name="shared")


# --- containers and listings --------------------------------------------------------------------------------


def test_containers_keep_apart(blobby: wl.App, store: BlobstoreProvider) -> None:
    assert blobby.put("/x?container=My+Files%21", content=b"mine").status_code == 201
    assert fetch(store, "My Files!", "x") == b"mine"
    assert blobby.get("/x").status_code == 404
    assert blobby.get("/x?other=1&container=My%20Files!").content == b"mine"


def test_reading_makes_no_container(blobby: wl.App, store: BlobstoreProvider) -> None:
    for path in ("/", "/x", "/?container=c", "/x?container=c"):
        blobby.get(path)
        blobby.head(path)
    blobby.delete("/x?container=c")
    assert list(store.containers().items) == []


def test_a_missing_container_is_not_found_and_the_default_one_is_empty(blobby: wl.App) -> None:
    assert (blobby.get("/").status_code, blobby.get("/").text) == (200, "")
    assert blobby.get("/", headers=JSON).json() == {"container": "default", "objects": []}
    missing = blobby.get("/?container=c")
    assert (missing.status_code, missing.text) == (404, "There is no container c.\n")


def test_a_listing_is_one_name_a_line(blobby: wl.App) -> None:
    for path in ("/b", "/a%20c", "/l%0Aine"):
        blobby.put(path)
    response = blobby.get("/")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == "a c\nb\nl%0Aine\n"
    assert blobby.head("/").content == b""


def test_a_listing_in_json(blobby: wl.App) -> None:
    for path in ("/b%22%5C", "/%00%0A", "/%C3%BC"):
        blobby.put(path + "?container=c%22")
    response = blobby.get("/?container=c%22", headers=JSON)
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"container": 'c"', "objects": ["\0\n", 'b"\\', "ü"]}


def test_a_long_listing_comes_in_pages(blobby: wl.App, store: BlobstoreProvider) -> None:
    names = [f"object {n:05}" for n in range(3500)]
    ensure_container(store, "many")
    for name in names:
        put(store, "many", name, b"")
    assert blobby.get("/?container=many").text.splitlines() == names
    assert blobby.get("/?container=many", headers=JSON).json()["objects"] == names


# --- headers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.tar.gz", "application/gzip"),
        ("a.wasm", "application/wasm"),
        ("a.svg", "image/svg+xml"),
        ("txt", "application/octet-stream"),
        ("a.b/c", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_the_type_is_by_the_name_s_ending(blobby: wl.App, name: str, kind: str) -> None:
    blobby.put(f"/{name}")
    headers = blobby.get(f"/{name}").headers
    assert (headers["content-type"], headers["x-content-type-options"]) == (kind, "nosniff")


def test_last_modified_is_when_the_bytes_were_written(blobby: wl.App, store: BlobstoreProvider) -> None:
    blobby.put("/x")
    wanted = int(store.object_info("default", "x").created_at)
    assert parsedate_to_datetime(blobby.get("/x").headers["last-modified"]).timestamp() == wanted


@settings(max_examples=300, deadline=None)
@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(timezone.utc)))
def test_any_moment_is_written_as_http_writes_it(moment: datetime, dated: tuple[wl.App, list[float]]) -> None:
    app, when = dated
    moment = moment.replace(microsecond=0)
    when[:] = [moment.timestamp()]
    assert app.head("/x").headers["last-modified"] == format_datetime(moment, usegmt=True)


@pytest.fixture(scope="module")
def dated(lab: wl.Lab) -> tuple[wl.App, list[float]]:
    """blobby on a store whose objects were made when the list says."""
    when = [0.0]

    class Dated(MemoryBlobstore):
        def object_info(self, container: str, name: str) -> ObjectInfo:
            return super().object_info(container, name)._replace(created_at=when[0])

    app = lab.load("blobby", name="dated")
    lab.link(app, "wasi:blobstore", Dated())
    app.put("/x")
    return app, when


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "BREW"])
def test_another_method_is_refused(blobby: wl.App, method: str) -> None:
    response = blobby.request(method, "/x")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, PUT, POST, DELETE")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_a_container_is_only_listed(blobby: wl.App, store: BlobstoreProvider, method: str) -> None:
    response = blobby.request(method, "/")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert list(store.containers().items) == []


# --- ranges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=2-5", 2, 5),
        ("bytes=7-", 7, 9),
        ("bytes=-3", 7, 9),
        ("bytes=0-99", 0, 9),
        ("bytes=-99", 0, 9),
        ("Bytes = 9-9", 9, 9),
        ("bytes=3-99999999999999999999999", 3, 9),
        ("bytes=-18446744073709551616", 0, 9),
    ],
)
def test_a_range_of_bytes(blobby: wl.App, wanted: str, start: int, end: int) -> None:
    blobby.put("/x", content=b"0123456789")
    response = blobby.get("/x", headers={"range": wanted})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {start}-{end}/10"
    assert response.content == b"0123456789"[start : end + 1]
    assert response.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-10", "bytes=-0", "bytes=99999999999999999999-"])
def test_a_range_that_is_not_there(blobby: wl.App, wanted: str) -> None:
    blobby.put("/x", content=b"0123456789")
    response = blobby.get("/x", headers={"range": wanted})
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_an_empty_object_has_no_ranges(blobby: wl.App, wanted: str) -> None:
    blobby.put("/x", content=b"")
    response = blobby.get("/x", headers={"range": wanted})
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */0")


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes", "bytes=-", "bytes=+1-2", ""])
def test_what_is_no_single_range_gets_the_whole(blobby: wl.App, wanted: str) -> None:
    blobby.put("/x", content=b"0123456789")
    response = blobby.get("/x", headers={"range": wanted})
    assert (response.status_code, response.content) == (200, b"0123456789")


def test_a_range_is_for_the_version_it_names(blobby: wl.App) -> None:
    blobby.put("/x", content=b"0123456789")
    version = blobby.get("/x").headers["last-modified"]
    for named, status in ((version, 206), ("Thu, 01 Jan 1970 00:00:00 GMT", 200), ('"etag"', 200)):
        assert blobby.get("/x", headers={"range": "bytes=0-0", "if-range": named}).status_code == status


def test_a_head_has_no_ranges(blobby: wl.App) -> None:
    blobby.put("/x", content=b"0123456789")
    response = blobby.head("/x", headers={"range": "bytes=0-0"})
    assert (response.status_code, response.headers["content-length"]) == (200, "10")


# --- uploads that go wrong -----------------------------------------------------------------------------------


def test_part_of_an_object_is_not_taken_for_a_whole(blobby: wl.App, troubled: Troubled) -> None:
    assert blobby.put("/a", content=b"x", headers={"content-range": "bytes 0-0/3"}).status_code == 400
    assert fetch(troubled, "default", "a") == b"old"


def test_a_body_that_breaks_off_changes_nothing(blobby: wl.App, store: BlobstoreProvider) -> None:
    def body() -> Iterator[bytes]:
        yield b"new" * MIB
        raise stream_failed("the line went dead")

    blobby.put("/a", content=b"old")
    response = blobby.put("/a", content=body())
    assert (response.status_code, response.text) == (400, "The body broke off: the line went dead\n")
    assert blobby.put("/b", content=body()).status_code == 400
    assert (fetch(store, "default", "a"), list(store.objects("default").items)) == (b"old", ["a"])


def test_a_client_that_hangs_up_changes_nothing(own_lab: wl.Lab, blobby: wl.App, store: BlobstoreProvider) -> None:
    blobby.put("/a", content=b"old")
    with own_lab.serve(blobby, port=0) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"new" * 1000)
    assert fetch(store, "default", "a") == b"old"  # the server has ended, and every request in it


def test_an_object_is_seen_when_it_is_whole(blobby: wl.App, store: BlobstoreProvider) -> None:
    seen: list[bytes] = []

    def body() -> Iterator[bytes]:
        yield b"one"
        seen.append(fetch(store, "default", "a"))
        yield b"two"

    blobby.put("/a", content=b"old")
    assert blobby.put("/a", content=body()).status_code == 200
    assert (seen, fetch(store, "default", "a")) == ([b"old"], b"onetwo")


def test_the_store_gets_the_bytes_as_they_come(own_lab: wl.Lab, blobby: wl.App) -> None:
    counted: list[int] = []

    class Counting(MemoryBlobstore):
        def write(self, container: str, name: str) -> Writer:
            writer = super().write(container, name)

            class Counted(Writer):
                def write(self, data: bytes) -> None:
                    counted.append(len(data))
                    writer.write(data)

                commit, abort = staticmethod(writer.commit), staticmethod(writer.abort)

            return Counted()

    before: list[int] = []

    def body() -> Iterator[bytes]:
        for _ in range(4):
            before.append(sum(counted))
            yield b"x" * 1000

    own_lab.blobstore.swap(Counting())
    assert blobby.put("/a", content=body()).status_code == 201
    assert before == [0, 1000, 2000, 3000]


# --- a store that goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/a", "/a?container=other"])
def test_a_store_that_is_down_is_a_502_in_its_own_words(
    blobby: wl.App, troubled: Troubled, method: str, path: str
) -> None:
    troubled.down = True
    response = blobby.request(method, path)
    assert response.status_code == 502
    assert method == "HEAD" or "is switched off" in response.text
    troubled.down = False
    assert blobby.get("/a").content == b"old"


def test_a_store_that_is_down_can_t_be_listed(blobby: wl.App, troubled: Troubled) -> None:
    troubled.down = True
    for path in ("/", "/?container=c"):
        assert blobby.get(path).status_code == 502


def test_a_store_that_fails_during_an_upload_is_a_502(blobby: wl.App, troubled: Troubled) -> None:
    def body() -> Iterator[bytes]:
        yield b"new"
        troubled.down = True
        yield b"er" * MIB

    response = blobby.put("/a", content=body())
    assert (response.status_code, "is switched off" in response.text) == (502, True)
    troubled.down = False
    assert blobby.get("/a").content == b"old"


def test_a_store_that_fails_at_the_very_end_of_an_upload_is_a_502(blobby: wl.App, troubled: Troubled) -> None:
    def body() -> Iterator[bytes]:
        yield b"new"
        troubled.down = True

    assert blobby.put("/a", content=body()).status_code == 502
    troubled.down = False
    assert blobby.get("/a").content == b"old"


def test_a_store_that_fails_during_a_download_breaks_the_body_off(blobby: wl.App, troubled: Troubled) -> None:
    put(troubled, "default", "big", bytes(8 * MIB))
    received = 0
    with blobby.client() as client, client.stream("GET", "/big") as response:
        assert (response.status_code, response.headers["content-length"]) == (200, str(8 * MIB))
        with pytest.raises(wl.GuestNoResponse, match="whole body"):
            for chunk in response.iter_raw():
                received += len(chunk)
                troubled.down = True
    assert received < 8 * MIB


def test_readers_see_one_version_while_writers_replace_it(blobby: wl.App, store: BlobstoreProvider) -> None:
    """Between asking for the size and for the bytes, each answer finds another version in place."""
    versions = [b"a" * 10, b"b" * 100_000, b"c" * 1000]

    class Changing(MemoryBlobstore):
        turns = 0

        def object_info(self, container: str, name: str) -> ObjectInfo:
            info = super().object_info(container, name)
            if Changing.turns:
                Changing.turns -= 1
                put(self, container, name, versions[Changing.turns % 3])
            return info

    changing = Changing()
    ensure_container(changing, "default")
    lab = wl.Lab(blobstore=changing)
    with lab:
        app = lab.load("blobby")
        for turns in range(8):
            put(changing, "default", "x", b"d" * 50)
            Changing.turns = turns
            response = app.get("/x")
            assert response.status_code == 200
            assert response.content in (*versions, b"d" * 50)


# --- large objects --------------------------------------------------------------------------------------------


def test_a_large_object_passes_through_without_being_held(own_lab: wl.Lab, tmp_path: Path) -> None:
    """Neither by the host, whose bytes are counted, nor by the guest, which has no room for it."""
    own_lab.blobstore.swap(f"file://{tmp_path.as_posix()}")
    app = own_lab.load("blobby", memory=4 * MIB, deadline=None)
    piece = hashlib.shake_128(b"large").digest(MIB)
    sent, received = hashlib.sha256(), hashlib.sha256()

    def body() -> Iterator[bytes]:
        for _ in range(64):
            sent.update(piece)
            yield piece

    app.put("/warm", content=b"up")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        assert app.put("/big", content=body()).status_code == 201
        with app.client() as client, client.stream("GET", "/big") as response:
            assert response.headers["content-length"] == str(64 * MIB)
            for chunk in response.iter_raw():
                received.update(chunk)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert received.digest() == sent.digest()
    assert peak < 16 * MIB


# --- mounted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mount", ["/files", "files", "/files/"])
def test_mounted_it_answers_below_its_mount(own_lab: wl.Lab, mount: str) -> None:
    app = own_lab.load("blobby", config={"mount": mount})
    created = app.put("/files/a%20b", content=b"x")
    assert (created.status_code, created.headers["location"]) == (201, "/files/a%20b")
    assert app.put("/files/files/c", content=b"y").status_code == 201
    for path in ("/files", "/files/"):
        assert app.get(path).text == "a b\nfiles/c\n"
    for path in ("/", "/a%20b", "/filesystem", "/Files/a%20b"):
        assert app.get(path).status_code == 404


@pytest.mark.parametrize("mount", ["", "/"])
def test_mounted_at_the_top_is_not_mounted(own_lab: wl.Lab, mount: str) -> None:
    app = own_lab.load("blobby", config={"mount": mount})
    assert app.put("/a").status_code == 201


# --- on other stores ------------------------------------------------------------------------------------------


@pytest.fixture(params=["file", "azure"])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a real store."""
    if request.param == "file":
        return f"file://{tmp_path.as_posix()}"
    url: str = request.getfixturevalue("azurite").url
    return url


def test_the_walk_on_real_stores(own_lab: wl.Lab, somewhere: str) -> None:
    own_lab.blobstore.swap(somewhere)
    app = own_lab.load("blobby")
    place = "/d%20ir/%C3%BC.txt?container=blobby+Walk"
    assert app.get(place).status_code == 404
    assert [app.put(place, content=b"0123456789" * n).status_code for n in (1, 1000)] == [201, 200]
    assert app.get(place).content == b"0123456789" * 1000
    assert app.get(place, headers={"range": "bytes=9995-"}).content == b"56789"
    assert app.get("/?container=blobby+Walk").text == "d ir/ü.txt\n"
    assert [app.delete(place).status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("file", ["wadm.yaml", "wadm-old.yaml", "wadm-azure.yaml", "wadm-azure-old.yaml"])
def test_its_manifests_deploy(
    own_lab: wl.Lab, tmp_path: Path, free_port: int, request: pytest.FixtureRequest, file: str
) -> None:
    source = Path(__file__).resolve().parent.parent / "components" / "blobby" / file
    moved = source.read_text("utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{free_port}")
    moved = moved.replace("file://../dist", f"file://{source.parent.parent.as_posix()}/dist")
    moved = moved.replace("/tmp/blobby", (tmp_path / "objects").as_posix())
    (tmp_path / file).write_text(moved, "utf-8")
    azure = {"blobstore": request.getfixturevalue("azurite").url} if "azure" in file else None
    with own_lab.deploy(tmp_path / file, providers=azure) as deployment:
        app = deployment.apps["blobby"]
        assert app.put("/x?container=deployed", content=file.encode()).status_code in (200, 201)
        assert app.get("/x?container=deployed").text == file
