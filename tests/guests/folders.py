"""A folder to give to a guest, beside one that it must not reach, and how to look into it."""

from __future__ import annotations

from pathlib import Path

from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.filesystem import Filesystem, Preopen
from wasicloud_lab.wasi.filesystem.descriptor import Descriptor

NONE: frozenset[str] = frozenset()
FOLLOW = frozenset({"symlink-follow"})
READ = frozenset({"read"})
WRITE = frozenset({"write"})
BOTH = READ | WRITE
CREATE = frozenset({"create"})
FOLDER = frozenset({"directory"})
HUGE = 2**64 - 1
KEEP, NOW = Variant("no-change"), Variant("now")


def make(where: Path) -> Path:
    """The folder, with two files and two folders in it."""
    (where / "outside").mkdir()
    (where / "outside" / "secret").write_text("secret")
    folder = where / "data"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "hello").write_text("hello")
    (folder / "sub" / "world").write_text("world")
    return folder


def preopened(folder: Path, writable: bool = True) -> Descriptor:
    (descriptor, name), = Filesystem([Preopen(folder, "/data", writable)]).get_directories()  # fmt: skip
    assert name == "/data"
    return descriptor


def opened(top: Descriptor, path: str, open_flags: frozenset[str] = NONE, flags: frozenset[str] = READ) -> Descriptor:
    return top.open_at(FOLLOW, path, open_flags, flags)


def content(top: Descriptor, path: str) -> bytes:
    file = opened(top, path)
    try:
        return file.read(1000, 0)[0]
    finally:
        file.drop()


def names(folder: Descriptor) -> list[tuple[str, str]]:
    stream = folder.read_directory()
    entries = iter(stream.read_directory_entry, None)
    return sorted((entry.name, entry.type) for entry in entries)  # type: ignore[union-attr]
