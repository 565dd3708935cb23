"""wasi:filesystem: what a guest can do in its folders."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.guests import current_store, error_of, python_guest
from tests.guests.folders import (
    BOTH,
    CREATE,
    FOLDER,
    FOLLOW,
    HUGE,
    KEEP,
    NONE,
    NOW,
    READ,
    WRITE,
    content,
    names,
    opened,
    preopened,
)
from wasicloud_lab.errors import Err
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.filesystem import Filesystem, Preopen, paths
from wasicloud_lab.wasi.filesystem.descriptor import Descriptor

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


# --- a guest ---------------------------------------------------------------------------------------


def test_a_guest_works_with_files(data: Path) -> None:
    with python_guest(dirs={"/rw": Preopen(data, writable=True), "/ro": data / "sub"}) as run:
        assert run("read", "/rw/hello") == "hello"
        assert run("write", "/rw/new", "größer\n" * 10_000) == "70000"
        assert run("append", "/rw/new", "the end") == "7"
        assert (data / "new").read_text(encoding="utf-8") == "größer\n" * 10_000 + "the end"
        assert run("copy", "/rw/new", "/rw/sub/copy") == "90007"
        assert json.loads(run("tree", "/rw")) == [
            "/rw/sub/",
            "/rw/hello",
            "/rw/new",
            "/rw/sub/deep/",
            "/rw/sub/copy",
            "/rw/sub/world",
        ]
        assert json.loads(run("tree", "/ro")) == ["/ro/deep/", "/ro/copy", "/ro/world"]
        source = """
os.mkdir("/rw/x"); os.rename("/rw/new", "/rw/x/moved"); os.truncate("/rw/x/moved", 3)
os.utime("/rw/x/moved", ns=(1_000_000_001, 2_000_000_002))
found = os.stat("/rw/x/moved")
with open("/rw/x/moved", "r+b") as file: file.seek(0, 2); file.write(b"!"); file.seek(1); rest = file.read()
os.remove("/rw/x/moved"); os.rmdir("/rw/x"); shutil.rmtree("/rw/sub/deep")
same = os.path.samefile("/rw/sub/copy", "/ro/copy"), os.path.samefile("/rw/hello", "/ro/copy")
answer = found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode), rest, *same
"""
        assert run("python", source) == "(3, 2000000002, True, b'r\\xc3!', True, False)"
        assert sorted(entry.name for entry in data.iterdir()) == ["hello", "sub"]


@pytest.mark.parametrize(
    "path", ["/ro/../outside/secret", "../outside/secret", "/etc/passwd", "/ro/sub/../../outside/secret"]
)
def test_a_guest_gets_nowhere_else(data: Path, path: str) -> None:
    with python_guest(dirs={"/ro": data}) as run:
        assert error_of(run, "read", path).partition(":")[0] in ("EPERM", "ENOENT")


@posix
def test_a_guest_can_follow_links_inside_only(data: Path) -> None:
    (data / "in").symlink_to("sub/world")
    (data / "out").symlink_to("../outside/secret")
    (data / "abs").symlink_to(data / "hello")
    with python_guest(dirs={"/ro": data}) as run:
        assert run("read", "/ro/in") == "world"
        assert run("python", "answer = os.readlink('/ro/in'), os.path.islink('/ro/out')") == "('sub/world', True)"
        for name in ("out", "abs"):
            assert error_of(run, "read", f"/ro/{name}").startswith("EPERM")


def test_a_guest_can_change_nothing_in_a_folder_given_for_reading(data: Path) -> None:
    with python_guest(dirs={"/ro": data}) as run:
        for source in (
            "open('/ro/hello', 'w')",
            "open('/ro/hello', 'r+')",
            "open('/ro/new', 'x')",
            "os.mkdir('/ro/x')",
            "os.remove('/ro/hello')",
            "os.rmdir('/ro/sub/deep')",
            "os.rename('/ro/hello', '/ro/x')",
            "os.utime('/ro/hello')",
            "os.truncate('/ro/hello', 0)",
        ):
            assert error_of(run, "python", source).startswith("EROFS"), source
    assert (data / "hello").read_text() == "hello"


def test_a_guest_without_folders_has_none(data: Path) -> None:
    with python_guest() as run:
        assert run("python", "answer = preopens.get_directories()") == "[]"
        assert error_of(run, "python", "os.listdir('/')").startswith("ENOENT")


@posix
def test_every_function_of_a_descriptor_from_a_guest(tmp_path: Path) -> None:
    source = """
P, O, D = types.PathFlags, types.OpenFlags, types.DescriptorFlags
(top, name), = preopens.get_directories()
file = top.open_at(P.SYMLINK_FOLLOW, "file", O.CREATE | O.EXCLUSIVE, D.READ | D.WRITE)
assert file.write(b"0123456789", 0) == 10
assert file.read(4, 8) == (b"89", False) and file.read(4, 10) == (b"", True)
with file.write_via_stream(5) as stream: stream.blocking_write_and_flush(b"xyz")
with file.append_via_stream() as stream: stream.blocking_write_and_flush(b"!!")
with file.read_via_stream(4) as stream: assert stream.blocking_read(100) == b"4xyz89!!"
for advice in types.Advice: file.advise(0, 0, advice)
file.sync_data(); file.sync(); top.sync(); top.sync_data()
assert file.get_flags() == D.READ | D.WRITE and top.get_flags() == D.READ | D.MUTATE_DIRECTORY
assert file.get_type() == types.DescriptorType.REGULAR_FILE and top.get_type() == types.DescriptorType.DIRECTORY
file.set_size(4)
moment = types.NewTimestamp_Timestamp(wall_clock.Datetime(5, 6))
file.set_times(moment, types.NewTimestamp_NoChange())
assert file.stat().size == 4 and file.stat().data_access_timestamp == wall_clock.Datetime(5, 6)
top.create_directory_at("dir")
top.symlink_at("../file", "dir/link")
assert top.readlink_at("dir/link") == "../file"
assert top.stat_at(P(0), "dir/link").type == types.DescriptorType.SYMBOLIC_LINK
assert top.stat_at(P.SYMLINK_FOLLOW, "dir/link").size == 4
top.set_times_at(P.SYMLINK_FOLLOW, "dir/link", types.NewTimestamp_Now(), moment)
assert file.stat().data_modification_timestamp == wall_clock.Datetime(5, 6)
top.link_at(P(0), "file", top, "dir/hard")
assert file.stat().link_count == 2
assert top.metadata_hash_at(P(0), "dir/hard") == file.metadata_hash() != top.metadata_hash()
with top.open_at(P(0), "dir", O.DIRECTORY, D.READ) as folder:
    with folder.read_directory() as listing:
        assert sorted(entry.name for entry in iter(listing.read_directory_entry, None)) == ["hard", "link"]
    with folder.open_at(P(0), "hard", O(0), D.READ) as other:
        assert file.is_same_object(other) and not file.is_same_object(top)
    folder.rename_at("hard", top, "back")
top.unlink_file_at("back"); top.unlink_file_at("dir/link"); top.remove_directory_at("dir")
with file.read_via_stream(0) as stream:
    pass
with top.open_at(P(0), "file", O(0), D.READ) as reading, reading.write_via_stream(0) as stream:
    try: stream.blocking_write_and_flush(b"x")
    except Err as error: code = types.filesystem_error_code(error.value.value)
answer = name, code
"""
    with python_guest(dirs={"/data": Preopen(tmp_path, writable=True)}) as run:
        assert run("python", source) == "('/data', <ErrorCode.BAD_DESCRIPTOR: 3>)"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


# --- files -----------------------------------------------------------------------------------------


def test_reading_and_writing(data: Path, top: Descriptor) -> None:
    file = opened(top, "hello", NONE, BOTH)
    assert file.read(3, 1) == (b"ell", False)
    assert file.read(HUGE, 0) == (b"hello", False)
    assert file.read(10, 5) == (b"", True)
    assert file.read(0, 0) == (b"", False)
    assert file.write(b"J", 0) == 1
    assert file.write(b"!", 7) == 1
    assert (data / "hello").read_bytes() == b"Jello\0\0!"
    file.set_size(2)
    assert (data / "hello").read_bytes() == b"Je"
    assert file.get_flags() == BOTH
    file.drop()


def test_huge_numbers(top: Descriptor) -> None:
    file = opened(top, "hello", NONE, BOTH)
    assert error_of(file.read, 1, HUGE) == "overflow"
    assert error_of(file.write, b"x", HUGE) == "overflow"
    assert error_of(file.set_size, HUGE) == "file-too-large"
    file.advise(0, HUGE, "normal")
    for moment, code in (((HUGE, 0), "overflow"), ((0, 10**9), "invalid")):
        stamp = Variant("timestamp", SimpleNamespace(seconds=moment[0], nanoseconds=moment[1]))
        assert error_of(file.set_times, stamp, NOW) == code
    assert error_of(file.read_via_stream(HUGE).read, 1).tag == "last-operation-failed"
    stream = file.write_via_stream(HUGE)
    failure = error_of(stream.write, b"x").value
    assert Filesystem().filesystem_error_code(failure) == "overflow"
    assert error_of(stream.check_write).tag == "closed"
    file.drop()


def test_opening(data: Path, top: Descriptor) -> None:
    assert error_of(opened, top, "none") == "no-entry"
    assert error_of(opened, top, "hello", CREATE | {"exclusive"}, WRITE) == "exist"
    assert error_of(opened, top, "hello", FOLDER) == "not-directory"
    assert error_of(opened, top, "sub", NONE, WRITE) == "is-directory"
    assert error_of(opened, top, "sub", CREATE, BOTH) == "is-directory"
    assert error_of(opened, top, "new/", CREATE, WRITE) == "is-directory"
    assert error_of(opened, top, "sub", FOLDER | CREATE) == "invalid"
    assert not (data / "new").exists()
    opened(top, "hello", frozenset({"truncate"}), WRITE).drop()
    assert (data / "hello").read_bytes() == b""
    for flag in ("file-integrity-sync", "data-integrity-sync", "requested-write-sync"):
        file = opened(top, "hello", NONE, WRITE | {flag})
        assert file.write(b"x", 0) == 1
        file.drop()


def test_a_file_opened_for_one_thing_does_not_do_the_other(top: Descriptor) -> None:
    reading, writing = opened(top, "hello"), opened(top, "hello", NONE, WRITE)
    assert error_of(reading.write, b"x", 0) == "bad-descriptor"
    assert error_of(writing.read, 1, 0) == "bad-descriptor"
    assert error_of(reading.set_size, 0) in ("invalid", "bad-descriptor")
    failure = error_of(reading.append_via_stream().write, b"x").value
    assert Filesystem().filesystem_error_code(failure) == "bad-descriptor"
    reading.drop()
    writing.drop()


def test_files_are_no_folders_and_the_other_way_round(top: Descriptor) -> None:
    file = opened(top, "hello")
    assert error_of(file.read_directory) == error_of(file.open_at, NONE, "x", NONE, READ) == "not-directory"
    assert error_of(file.stat_at, NONE, "x") == error_of(file.unlink_file_at, "x") == "not-directory"
    assert (
        error_of(top.read, 1, 0)
        == error_of(top.write, b"", 0)
        == error_of(top.advise, 0, 0, "normal")
        == "bad-descriptor"
    )
    assert (
        error_of(top.write_via_stream, 0)
        == error_of(top.append_via_stream)
        == error_of(top.set_size, 0)
        == "bad-descriptor"
    )
    assert error_of(top.read_via_stream, 0) == "is-directory"
    file.drop()


def test_streams(data: Path, top: Descriptor) -> None:
    file = opened(top, "hello", NONE, BOTH)
    reading, writing, appending = file.read_via_stream(1), file.write_via_stream(3), file.append_via_stream()
    file.drop()  # streams go on without it
    assert reading.read(0) == b""
    assert reading.read(2) == b"el"
    writing.blocking_write_and_flush(b"XYZ")
    appending.blocking_write_and_flush(b"!")
    assert reading.read(HUGE) == b"XYZ!"
    assert error_of(reading.read, 1).tag == "closed"
    assert writing.check_write() > 0
    assert all(stream.subscribe().ready() for stream in (reading, writing))
    for stream in (reading, writing, appending):
        stream.drop()
    assert (data / "hello").read_bytes() == b"helXYZ!"


def test_instances_that_append_do_not_overwrite_each_other(data: Path) -> None:
    filesystem = Filesystem([Preopen(data, "/", True)])

    def append(letter: bytes) -> None:
        with current_store():
            (top, _), = filesystem.get_directories()  # fmt: skip
            stream = opened(top, "log", CREATE, WRITE).append_via_stream()
            for _ in range(200):
                stream.write(letter * 50)

    threads = [threading.Thread(target=append, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((data / "log").read_bytes()) == sorted(b"abc" * 10_000)


@posix
def test_a_fifo_does_not_hold_the_guest_up(data: Path, top: Descriptor) -> None:
    os.mkfifo(data / "fifo")
    assert top.stat_at(NONE, "fifo").type == "fifo"
    assert ("fifo", "fifo") in names(top)
    assert error_of(opened, top, "fifo", NONE, WRITE) == "no-such-device"
    fifo = opened(top, "fifo")
    assert error_of(fifo.read, 1, 0) == "invalid-seek"
    fifo.drop()


# --- folders ---------------------------------------------------------------------------------------


def test_listing(data: Path, top: Descriptor) -> None:
    assert names(top) == [("hello", "regular-file"), ("sub", "directory")]
    sub = opened(top, "sub", FOLDER)
    first = sub.read_directory()
    (data / "sub" / "later").touch()
    assert sorted(entry.name for entry in iter(first.read_directory_entry, None)) == ["deep", "world"]  # type: ignore[union-attr]
    assert [name for name, _ in names(sub)] == ["deep", "later", "world"]
    sub.drop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_a_name_that_is_no_text(data: Path, top: Descriptor) -> None:
    (data / os.fsdecode(b"\xff")).symlink_to(os.fsdecode(b"\xfe"))
    stream = top.read_directory()
    answers: list[Any] = []
    for _ in range(3):
        try:
            answers.append(stream.read_directory_entry().name)  # type: ignore[union-attr]
        except Err as error:
            answers.append(error.value)
    assert sorted(answers) == ["hello", "illegal-byte-sequence", "sub"]
    assert stream.read_directory_entry() is None
    (data / "link").symlink_to(os.fsdecode(b"\xfe"))
    assert error_of(top.readlink_at, "link") == "illegal-byte-sequence"


def test_making_and_removing(data: Path, top: Descriptor) -> None:
    top.create_directory_at("new/")
    assert error_of(top.create_directory_at, "new") == error_of(top.create_directory_at, ".") == "exist"
    assert error_of(top.remove_directory_at, "sub") == "not-empty"
    assert error_of(top.remove_directory_at, "hello") == "not-directory"
    assert error_of(top.remove_directory_at, ".") == error_of(top.remove_directory_at, "sub/..") == "invalid"
    assert error_of(top.unlink_file_at, "sub") == error_of(top.unlink_file_at, "sub/") == "is-directory"
    assert error_of(top.unlink_file_at, "hello/") == "not-directory"
    assert error_of(top.unlink_file_at, "none") == "no-entry"
    top.remove_directory_at("new")
    top.unlink_file_at("hello")
    assert [entry.name for entry in data.iterdir()] == ["sub"]


def test_renaming(data: Path, top: Descriptor) -> None:
    sub = opened(top, "sub", FOLDER)
    top.rename_at("hello", sub, "world")  # replaces
    assert (data / "sub" / "world").read_text() == "hello"
    sub.rename_at("deep", top, "deep/")
    assert (data / "deep").is_dir()
    assert error_of(top.rename_at, "none", top, "x") == "no-entry"
    assert error_of(sub.rename_at, "world", top, "x/") == error_of(sub.rename_at, "world/", top, "x") == "not-directory"
    assert error_of(top.rename_at, ".", top, "x") == error_of(top.rename_at, "sub", sub, ".") == "busy"
    assert error_of(top.rename_at, "sub", top, "../x") == "not-permitted"
    sub.drop()


@posix
def test_links_that_a_guest_makes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RELATIVE", True)
    top = preopened(data)
    top.symlink_at("sub/world", "link")
    assert top.readlink_at("link") == "sub/world"
    assert content(top, "link") == b"world"
    assert error_of(top.symlink_at, "/etc", "x") == "not-permitted"
    assert error_of(top.symlink_at, "", "x") == "no-entry"
    assert error_of(top.symlink_at, "a", "link") == "exist"
    assert error_of(top.symlink_at, "a", "x/") == "no-entry"
    assert error_of(top.readlink_at, "hello") == "invalid"
    assert error_of(top.readlink_at, "none") == "no-entry"
    (data / "abs").symlink_to("/etc/passwd")
    assert error_of(top.readlink_at, "abs") == "not-permitted"
    top.link_at(NONE, "link", top, "hard-link")
    assert (data / "hard-link").is_symlink()
    top.link_at(FOLLOW, "link", top, "hard-file")
    assert not (data / "hard-file").is_symlink()
    assert error_of(top.link_at, NONE, "sub", top, "x") == "not-permitted"
    assert error_of(top.link_at, NONE, "hello", top, "link") == "exist"
    assert error_of(top.link_at, NONE, "hello", top, "x/") == "no-entry"
    top.drop()


# --- attributes ------------------------------------------------------------------------------------


def test_attributes(data: Path, top: Descriptor) -> None:
    file = opened(top, "hello", NONE, BOTH)
    moment = Variant("timestamp", SimpleNamespace(seconds=1, nanoseconds=100))
    file.set_times(moment, moment)
    assert file.stat() == top.stat_at(NONE, "hello")
    assert file.stat()[:5] == ("regular-file", 1, 5, (1, 100), (1, 100))
    top.set_times_at(NONE, "hello", KEEP, Variant("timestamp", SimpleNamespace(seconds=2, nanoseconds=0)))
    assert file.stat()[3:5] == ((1, 100), (2, 0))
    file.set_times(NOW, KEEP)
    assert file.stat()[3] > (1_000_000, 0)
    top.set_times(moment, KEEP)
    assert top.stat().data_access_timestamp == (1, 100)
    assert top.stat().type == top.get_type() == "directory"
    assert top.get_flags() == {"read", "mutate-directory"}
    os.utime(data / "hello", (-10, -10))
    assert file.stat().data_modification_timestamp is None
    file.drop()


def test_identity(data: Path, top: Descriptor) -> None:
    file, same, other = opened(top, "hello"), opened(top, "sub/../hello"), opened(top, "sub/world")
    assert file.is_same_object(same)
    assert not file.is_same_object(other)
    before = file.metadata_hash()
    assert before == same.metadata_hash() == top.metadata_hash_at(NONE, "hello") != other.metadata_hash()
    (data / "hello").write_text("something else")
    assert file.metadata_hash() == before  # guests take it for the inode
    assert all(0 <= half < 2**64 for half in before)
    for descriptor in (file, same, other):
        descriptor.drop()
