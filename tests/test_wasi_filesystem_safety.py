"""wasi:filesystem: that a guest can do nothing outside of its folders, nor more inside than it may."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from tests.guests import current_store, error_of
from tests.guests.folders import BOTH, CREATE, FOLDER, FOLLOW, NONE, NOW, READ, WRITE, content, names, opened, preopened
from wasicloud_lab.errors import Err, GuestTrap
from wasicloud_lab.wasi.filesystem import OPEN_LIMIT, Filesystem, Preopen, errors, paths
from wasicloud_lab.wasi.filesystem.descriptor import Descriptor
from wasicloud_lab.wasi.io import IoError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


# --- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["hello", "./hello", "sub/../hello", "sub//..//.//hello", "sub/deep/../../hello", "sub/deep/./../../hello"]
)
def test_paths_inside(top: Descriptor, path: str) -> None:
    assert content(top, path) == b"hello"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("..", "not-permitted"),
        ("../outside/secret", "not-permitted"),
        ("sub/../../outside/secret", "not-permitted"),
        ("../data/hello", "not-permitted"),
        ("sub/deep/../../..", "not-permitted"),
        ("/", "not-permitted"),
        ("/hello", "not-permitted"),
        ("//hello", "not-permitted"),
        ("", "no-entry"),
        ("hel\0lo", "invalid"),
        ("none", "no-entry"),
        ("none/x", "no-entry"),
        ("hello/x", "not-directory"),
        ("hello/", "not-directory"),
        ("hello/..", "not-directory"),
        ("x" * 5000, "name-too-long"),
        ("x" * 300, "name-too-long"),
    ],
)
def test_paths_that_lead_nowhere(top: Descriptor, path: str, code: str) -> None:
    assert error_of(opened, top, path) == code
    assert error_of(top.stat_at, FOLLOW, path) == code


def test_the_depth_of_a_path_is_bounded(top: Descriptor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "DEPTH_LIMIT", 2)
    assert error_of(top.stat_at, NONE, "sub/deep/x/y") == "name-too-long"
    assert top.stat_at(NONE, "sub/../sub/../sub/deep").type == "directory"


@posix
@pytest.mark.parametrize(
    ("link", "target", "path", "code"),
    [
        ("link", "../outside/secret", "link", "not-permitted"),
        ("link", "../outside", "link/secret", "not-permitted"),
        ("link", "..", "link/outside/secret", "not-permitted"),
        ("link", "/", "link/etc/passwd", "not-permitted"),
        ("link", "/etc/passwd", "link", "not-permitted"),
        ("sub/link", "../../outside/secret", "sub/link", "not-permitted"),
        ("sub/deep/link", "../../../outside", "sub/deep/link/secret", "not-permitted"),
        ("link", "sub/deep/../../../outside/secret", "link", "not-permitted"),
        ("link", "link", "link", "loop"),
        ("link", "sub/../link", "link/x", "loop"),
        ("link", "none", "link", "no-entry"),
    ],
)
def test_links_that_lead_out(data: Path, top: Descriptor, link: str, target: str, path: str, code: str) -> None:
    (data / link).symlink_to(target)
    assert error_of(opened, top, path) == code
    assert error_of(top.stat_at, FOLLOW, path) == code
    assert error_of(top.metadata_hash_at, FOLLOW, path) == code
    assert error_of(top.set_times_at, FOLLOW, path, NOW, NOW) == code
    assert error_of(top.link_at, FOLLOW, path, top, "stolen") == code
    if code != "no-entry":
        assert error_of(opened, top, path, CREATE, BOTH) == code


@posix
def test_a_link_out_cannot_be_worked_through(data: Path, top: Descriptor) -> None:
    (data / "out").symlink_to("../outside")
    for call in (
        lambda: top.create_directory_at("out/x"),
        lambda: top.unlink_file_at("out/secret"),
        lambda: top.remove_directory_at("out/x"),
        lambda: top.rename_at("out/secret", top, "x"),
        lambda: top.rename_at("hello", top, "out/x"),
        lambda: top.link_at(NONE, "out/secret", top, "x"),
        lambda: top.link_at(NONE, "hello", top, "out/x"),
        lambda: top.symlink_at("x", "out/x"),
        lambda: top.readlink_at("out/x"),
        lambda: opened(top, "out/new", CREATE, WRITE),
        lambda: opened(top, "out", FOLDER),
    ):
        assert error_of(call) == "not-permitted"
    assert [entry.name for entry in (data.parent / "outside").iterdir()] == ["secret"]


@posix
def test_links_inside(data: Path, top: Descriptor) -> None:
    (data / "a").symlink_to("sub/deep/../world")
    (data / "sub" / "b").symlink_to("../a")
    (data / "folder").symlink_to("sub/deep/")
    (data / "sub" / "deep" / "file").write_text("deep")
    assert content(top, "a") == content(top, "sub/b") == b"world"
    assert content(top, "folder/file") == b"deep"
    assert content(top, "folder/../world") == b"world"  # `..` of where the link led, not of where it is
    assert error_of(top.open_at, NONE, "a", NONE, READ) == "loop"
    assert top.stat_at(NONE, "a").type == "symbolic-link"
    assert top.stat_at(NONE, "folder").type == "symbolic-link"
    assert top.stat_at(NONE, "folder/").type == "directory"  # a slash after a link asks for what it leads to
    opened(top, "new", CREATE, WRITE).drop()
    (data / "dangling").symlink_to("sub/made")
    opened(top, "dangling", CREATE, WRITE).drop()
    assert (data / "sub" / "made").exists()
    assert error_of(opened, top, "a", CREATE | {"exclusive"}, WRITE) == "exist"


@posix
def test_a_descriptor_is_a_border_of_its_own(data: Path, top: Descriptor) -> None:
    (data / "sub" / "up").symlink_to("../hello")
    assert content(top, "sub/up") == b"hello"
    sub = opened(top, "sub", FOLDER)
    assert error_of(opened, sub, "up") == "not-permitted"
    assert error_of(opened, sub, "../hello") == "not-permitted"
    assert content(sub, "world") == b"world"


@posix
def test_a_folder_replaced_by_a_link_during_the_walk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race: what was no link when it was looked at is one when it is entered."""
    monkeypatch.setattr(paths, "RELATIVE", True)
    top = preopened(data)
    (data / "out").symlink_to("../outside")
    (data / "file").symlink_to("../outside/secret")
    monkeypatch.setattr(paths.Directory, "link", lambda self, name: None)
    assert error_of(opened, top, "out/secret") == "not-directory"
    assert error_of(opened, top, "file") == "loop"
    assert error_of(opened, top, "file", NONE, BOTH) == "loop"
    assert top.stat_at(FOLLOW, "file").type == "symbolic-link"
    assert error_of(top.create_directory_at, "out/x") == "not-directory"
    top.drop()


@posix
def test_a_folder_moved_elsewhere_stays_the_border(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RELATIVE", True)
    top = preopened(data)
    data.rename(data.parent / "outside" / "moved")
    assert content(top, "hello") == b"hello"
    assert error_of(opened, top, "../secret") == "not-permitted"
    top.drop()


@pytest.mark.parametrize(
    ("part", "plain"),
    [
        ("file.txt", True),
        ("..", True),
        (".hidden", True),
        ("con-fig", True),
        ("com10", True),
        ("nul_", True),
        ("größe", True),
        ("a\\b", False),
        ("C:", False),
        ("C:x", False),
        ("file:stream", False),
        ("nul", False),
        ("NUL.txt", False),
        ("Con", False),
        ("com1", False),
        ("LPT9.log", False),
        ("com¹", False),
        ("aux .x", False),
        ("dot.", False),
        ("space ", False),
        (".. ", False),
        ("...", False),
        ("a*", False),
        ('"', False),
        ("conin$", False),
    ],
)
def test_what_windows_would_read_otherwise(part: str, plain: bool) -> None:
    assert paths.is_plain_on_windows(part) is plain


# --- refusals --------------------------------------------------------------------------------------


def test_a_folder_given_for_reading_refuses_every_change(data: Path) -> None:
    top = preopened(data, writable=False)
    sub = opened(top, "sub", FOLDER)
    file = opened(top, "hello")
    for call in (
        lambda: opened(top, "hello", NONE, WRITE),
        lambda: opened(top, "hello", NONE, BOTH),
        lambda: opened(top, "new", CREATE, READ),
        lambda: opened(top, "hello", frozenset({"truncate"})),
        lambda: opened(top, "sub", FOLDER, READ | {"mutate-directory"}),
        lambda: file.write(b"x", 0),
        lambda: file.set_size(0),
        lambda: file.set_times(NOW, NOW),
        lambda: file.write_via_stream(0),
        file.append_via_stream,
        lambda: top.set_times(NOW, NOW),
        lambda: top.set_times_at(NONE, "hello", NOW, NOW),
        lambda: top.create_directory_at("x"),
        lambda: top.remove_directory_at("sub/deep"),
        lambda: top.unlink_file_at("hello"),
        lambda: top.rename_at("hello", top, "x"),
        lambda: top.link_at(NONE, "hello", top, "x"),
        lambda: top.symlink_at("hello", "x"),
        lambda: sub.unlink_file_at("world"),
        lambda: sub.create_directory_at("x"),
    ):
        assert error_of(call) == "read-only"
    assert top.get_flags() == READ
    assert content(top, "hello") == b"hello"
    assert names(sub) == [("deep", "directory"), ("world", "regular-file")]
    file.sync()
    top.sync()


def test_nothing_moves_between_a_writable_and_another_folder(data: Path) -> None:
    readable, writable = preopened(data / "sub", writable=False), preopened(data)
    for one, other, path in ((readable, writable, "world"), (writable, readable, "hello")):
        assert error_of(one.rename_at, path, other, "x") == "read-only"
        assert error_of(one.link_at, NONE, path, other, "x") == "read-only"


@pytest.mark.parametrize("code", errors.CODES)
def test_every_error_code(code: str) -> None:
    for name in errors.CODES[code].split():
        number = getattr(errno, name, None)
        if number is not None and not (code == "would-block" and name == "EWOULDBLOCK" and sys.platform == "win32"):
            assert errors.error_code(OSError(number, os.strerror(number))) == code
            failure = errors.stream_error(OSError(number, os.strerror(number))).value.value
            assert Filesystem().filesystem_error_code(failure) == code


def test_errors_of_no_name_are_io() -> None:
    assert errors.error_code(OSError()) == errors.error_code(OSError(99999, "?")) == "io"
    for number, code in ((1314, "not-permitted"), (267, "not-directory"), (32, "busy")):
        error = OSError(22, "from Windows")
        error.winerror = number  # type: ignore[attr-defined]
        assert errors.error_code(error) == code
    assert Filesystem().filesystem_error_code(IoError("of another kind", "io")) is None
    assert Filesystem().filesystem_error_code(IoError("of another kind")) is None


def test_what_was_let_go_of_is_gone(top: Descriptor) -> None:
    sub, file = opened(top, "sub", FOLDER), opened(top, "hello", NONE, BOTH)
    sub.drop()
    file.drop()
    assert (
        error_of(sub.stat) == error_of(sub.read_directory) == error_of(sub.stat_at, NONE, "world") == "bad-descriptor"
    )
    assert error_of(opened, sub, "world") == error_of(sub.create_directory_at, "x") == "bad-descriptor"
    assert error_of(file.read, 1, 0) == error_of(file.write, b"x", 0) == error_of(file.stat) == "bad-descriptor"
    assert not file.is_same_object(top)


# --- configuration and limits ----------------------------------------------------------------------


def test_the_number_of_open_files_is_bounded(data: Path) -> None:
    (top, _), = Filesystem([Preopen(data, "/", True)]).get_directories()  # fmt: skip
    held = [opened(top, "hello") for _ in range(OPEN_LIMIT - 1)]
    assert error_of(opened, top, "hello") == error_of(opened, top, "sub") == "insufficient-memory"
    held.pop().drop()
    assert error_of(opened, top, "none") == "no-entry"
    held.append(opened(top, "sub", FOLDER))
    assert error_of(opened, top, "hello") == "insufficient-memory"
    for descriptor in held:
        descriptor.drop()
    top.drop()


@posix
def test_no_file_stays_open(data: Path) -> None:
    (data / "out").symlink_to("../outside")
    with current_store():
        before = len(os.listdir("/dev/fd"))
        top = preopened(data)
        for path in ("hello", "sub", "none", "sub/deep/../world", "out/secret", "sub/deep/../../..", "hello/x"):
            for flags in (READ, BOTH):
                try:
                    file = opened(top, path, NONE, flags)
                except Err:
                    continue
                if path != "sub":
                    file.read_via_stream(0).drop()
                    if "write" in flags:
                        file.append_via_stream().drop()
                else:
                    names(file)
                file.drop()
        top.rename_at("hello", top, "sub/deep/hello")
        top.drop()
        assert len(os.listdir("/dev/fd")) == before


def test_preopens_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Filesystem({"/data": tmp_path / "none"})
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="does not exist"):
        Filesystem({"/data": tmp_path / "file"})
    with pytest.raises(ValueError, match="a name of its own"):
        Filesystem([Preopen(tmp_path, "/x"), Preopen(tmp_path, "/x")])
    given = Filesystem({"/a": str(tmp_path), "/b": Preopen(tmp_path, writable=True)}).preopens
    assert given == (Preopen(tmp_path, "/a"), Preopen(tmp_path, "/b", True))
    assert Filesystem().get_directories() == []


def test_a_folder_that_has_gone_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    filesystem = Filesystem({"/keep": tmp_path, "/x": tmp_path / "x"})
    (tmp_path / "x").rmdir()
    if paths.RELATIVE:
        with pytest.raises(GuestTrap, match="can't be opened"):
            filesystem.get_directories()
