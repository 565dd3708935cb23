"""The resources of wasi:filesystem: descriptors and the listings of folders."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable
from typing import Any

from ...host.interface import resource
from ...host.values import Variant
from ..io import InputStream
from .attributes import (
    DescriptorStat,
    DirectoryEntry,
    MetadataHash,
    descriptor_stat,
    descriptor_type,
    entry_type,
    metadata_hash,
    new_times,
)
from .errors import answers, failure
from .files import FileOutputStream, FileSink, FileSource, OpenFile
from .paths import Directory, Place, components, is_absolute, place

#: Never through a link, never waiting for a fifo's other end, never taking a terminal, text never translated.
_SAFE = 0
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _SAFE |= getattr(os, _name, 0)
_SYNC = {"file-integrity-sync": "O_SYNC", "data-integrity-sync": "O_DSYNC", "requested-write-sync": "O_RSYNC"}
_ADVICE = {
    "normal": "POSIX_FADV_NORMAL",
    "sequential": "POSIX_FADV_SEQUENTIAL",
    "random": "POSIX_FADV_RANDOM",
    "will-need": "POSIX_FADV_WILLNEED",
    "dont-need": "POSIX_FADV_DONTNEED",
    "no-reuse": "POSIX_FADV_NOREUSE",
}


@resource
class DirectoryEntryStream:
    """wasi:filesystem/types `directory-entry-stream`: what was in a folder when it was asked."""

    def __init__(self, entries: list[tuple[str, str]]) -> None:
        self._entries = iter(entries)

    def read_directory_entry(self) -> DirectoryEntry | None:
        for kind, name in self._entries:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise failure("illegal-byte-sequence") from None
            return DirectoryEntry(kind, name)
        return None


def take_slot(slots: threading.BoundedSemaphore) -> None:
    """Takes the slot that an open file or folder holds until it is closed."""
    if not slots.acquire(blocking=False):
        raise failure("insufficient-memory")  # there is no code for "too many open files"


@resource
class Descriptor:
    """wasi:filesystem/types `descriptor`: an open file or folder.

    Args:
        opened: the folder, or the file.
        writable: whether the folder the guest was given, where this comes from, may be changed.
        slots: bounds how many are open at once; one has been taken for this.
        flags: the flags a file was opened with.
    """

    def __init__(
        self,
        opened: Directory | OpenFile,
        writable: bool,
        slots: threading.BoundedSemaphore,
        flags: frozenset[str] = frozenset(),
    ) -> None:
        self._opened = opened
        self._writable = writable
        self._slots = slots
        self._flags = flags
        if isinstance(opened, Directory):
            self._flags = frozenset({"read", "mutate-directory"} if writable else {"read"})

    def drop(self) -> None:
        self._opened.close()
        if isinstance(self._opened, Directory):
            self._slots.release()

    def _directory(self) -> Directory:
        if not isinstance(self._opened, Directory):
            raise failure("not-directory")
        return self._opened

    def _file(self, otherwise: str = "bad-descriptor") -> OpenFile:
        if not isinstance(self._opened, OpenFile):
            raise failure(otherwise)
        return self._opened

    def _check_writable(self) -> None:
        if not self._writable:
            raise failure("read-only")

    # --- the file itself ---------------------------------------------------------------------------

    @answers
    def read_via_stream(self, offset: int) -> InputStream:
        return InputStream(FileSource(self._file("is-directory"), offset))

    @answers
    def write_via_stream(self, offset: int) -> FileOutputStream:
        file = self._file()
        self._check_writable()
        return FileOutputStream(FileSink(file, offset))

    @answers
    def append_via_stream(self) -> FileOutputStream:
        file = self._file()
        self._check_writable()
        return FileOutputStream(FileSink(file, None))

    @answers
    def read(self, length: int, offset: int) -> tuple[bytes, bool]:
        data = self._file().read(length, offset)
        return data, not data and length > 0

    @answers
    def write(self, buffer: bytes, offset: int) -> int:
        file = self._file()
        self._check_writable()
        return file.write(buffer, offset)

    @answers
    def advise(self, offset: int, length: int, advice: str) -> None:
        file = self._file()
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fd, offset, min(length, (1 << 63) - 1 - offset), getattr(os, _ADVICE[advice]))

    @answers
    def sync_data(self) -> None:
        self._sync(getattr(os, "fdatasync", os.fsync))

    @answers
    def sync(self) -> None:
        self._sync(os.fsync)

    def _sync(self, function: Callable[[int], None]) -> None:
        fd = self._opened.fd
        if fd is not None and self._flags & {"write", "mutate-directory"}:
            function(fd)

    @answers
    def set_size(self, size: int) -> None:
        file = self._file()
        self._check_writable()
        if size >= 1 << 63:
            raise failure("file-too-large")
        os.ftruncate(file.fd, size)

    # --- attributes --------------------------------------------------------------------------------

    def _found(self) -> os.stat_result:
        return self._opened.stat() if isinstance(self._opened, Directory) else os.fstat(self._opened.fd)

    @answers
    def get_flags(self) -> frozenset[str]:
        return self._flags

    @answers
    def get_type(self) -> str:
        return descriptor_type(self._found().st_mode)

    @answers
    def stat(self) -> DescriptorStat:
        return descriptor_stat(self._found())

    @answers
    def stat_at(self, path_flags: frozenset[str], path: str) -> DescriptorStat:
        with place(self._directory(), path, _follows(path_flags, path)) as found:
            return descriptor_stat(found.stat())

    @answers
    def set_times(self, data_access_timestamp: Variant, data_modification_timestamp: Variant) -> None:
        self._check_writable()
        times = new_times(self._found(), data_access_timestamp, data_modification_timestamp)
        if os.utime in os.supports_fd and self._opened.fd is not None:
            os.utime(self._opened.fd, ns=times)
        else:
            os.utime(self._opened.path, ns=times)

    @answers
    def set_times_at(
        self,
        path_flags: frozenset[str],
        path: str,
        data_access_timestamp: Variant,
        data_modification_timestamp: Variant,
    ) -> None:
        self._check_writable()
        with place(self._directory(), path, _follows(path_flags, path)) as found:
            times = new_times(found.stat(), data_access_timestamp, data_modification_timestamp)
            name, where = found.at()
            os.utime(name, ns=times, **where, **_no_follow(os.utime))

    def is_same_object(self, other: Descriptor) -> bool:
        try:
            return os.path.samestat(self._found(), other._found())
        except OSError:
            return False

    @answers
    def metadata_hash(self) -> MetadataHash:
        return metadata_hash(self._found())

    @answers
    def metadata_hash_at(self, path_flags: frozenset[str], path: str) -> MetadataHash:
        with place(self._directory(), path, _follows(path_flags, path)) as found:
            return metadata_hash(found.stat())

    # --- what is in a folder -----------------------------------------------------------------------

    @answers
    def open_at(
        self, path_flags: frozenset[str], path: str, open_flags: frozenset[str], flags: frozenset[str]
    ) -> Descriptor:
        if "directory" in open_flags and open_flags & {"create", "exclusive", "truncate"}:
            raise failure("invalid")
        directory = self._directory()
        if flags & {"write", "mutate-directory"} or open_flags & {"create", "truncate"}:
            self._check_writable()
        follow = _follows(path_flags, path) and not {"create", "exclusive"} <= open_flags
        take_slot(self._slots)
        try:
            with place(directory, path, follow) as found:
                opened = open_place(found, open_flags, flags, self._slots)
        except BaseException:
            self._slots.release()
            raise
        return Descriptor(opened, self._writable, self._slots, flags)

    @answers
    def read_directory(self) -> DirectoryEntryStream:
        with contextlib.closing(self._directory().enter(".", listable=True)) as listed, listed.scan() as entries:
            return DirectoryEntryStream([(entry_type(entry), entry.name) for entry in entries])

    @answers
    def create_directory_at(self, path: str) -> None:
        self._check_writable()
        with place(self._directory(), path, False) as found:
            name, where = found.at()
            os.mkdir(name, **where)

    @answers
    def remove_directory_at(self, path: str) -> None:
        self._check_writable()
        with place(self._directory(), path, False) as found:
            if found.name == ".":
                raise failure("invalid")
            name, where = found.at()
            os.rmdir(name, **where)

    @answers
    def unlink_file_at(self, path: str) -> None:
        self._check_writable()
        with place(self._directory(), path, False) as found:
            found.check()
            name, where = found.at()
            try:
                os.unlink(name, **where)
            except PermissionError:  # what some systems say of a folder
                if stat.S_ISDIR(found.stat().st_mode):
                    raise failure("is-directory") from None
                raise

    @answers
    def link_at(self, old_path_flags: frozenset[str], old_path: str, new_descriptor: Descriptor, new_path: str) -> None:
        self._check_writable()
        new_descriptor._check_writable()
        follow = "symlink-follow" in old_path_flags
        with (
            place(self._directory(), old_path, follow) as old,
            place(new_descriptor._directory(), new_path, False) as new,
        ):
            old.check()
            if new.must_be_directory:
                raise failure("no-entry")
            _both(os.link, old, new, **_no_follow(os.link))

    @answers
    def rename_at(self, old_path: str, new_descriptor: Descriptor, new_path: str) -> None:
        self._check_writable()
        new_descriptor._check_writable()
        with (
            place(self._directory(), old_path, False) as old,
            place(new_descriptor._directory(), new_path, False) as new,
        ):
            if "." in (old.name, new.name):
                raise failure("busy")
            old.check()
            if new.must_be_directory and not stat.S_ISDIR(old.stat().st_mode):
                raise failure("not-directory")
            _both(os.replace, old, new)

    @answers
    def symlink_at(self, old_path: str, new_path: str) -> None:
        self._check_writable()
        components(old_path)  # refuses what no link may hold
        with place(self._directory(), new_path, False) as found:
            if found.directory.fd is None:
                raise failure("unsupported")  # see RELATIVE in paths
            if found.must_be_directory:
                raise failure("no-entry")
            name, where = found.at()
            os.symlink(old_path, name, **where)

    @answers
    def readlink_at(self, path: str) -> str:
        with place(self._directory(), path, False) as found:
            target = found.directory.link(found.name)
            if target is None:
                found.stat()  # says so where there is nothing at all
                raise failure("invalid")
            if is_absolute(target):
                raise failure("not-permitted")
            try:
                target.encode()
            except UnicodeEncodeError:
                raise failure("illegal-byte-sequence") from None
            return target


def open_place(
    found: Place, open_flags: frozenset[str], flags: frozenset[str], slots: threading.BoundedSemaphore
) -> Directory | OpenFile:
    """Opens what a path led to, never through a link."""
    folder = found.must_be_directory or "directory" in open_flags
    if folder and "create" in open_flags:
        raise failure("is-directory")
    writing = "write" in flags or "truncate" in open_flags
    mode = (os.O_RDWR if "read" in flags else os.O_WRONLY) if writing else os.O_RDONLY
    for flag, name in {"create": "O_CREAT", "exclusive": "O_EXCL", "truncate": "O_TRUNC"}.items():
        mode |= getattr(os, name) if flag in open_flags else 0
    for flag, name in _SYNC.items():
        mode |= getattr(os, name, 0) if flag in flags else 0
    path, where = found.at()
    if found.directory.fd is not None:
        fd = os.open(path, mode | _SAFE | (getattr(os, "O_DIRECTORY", 0) if folder else 0), 0o666, **where)
        return Directory("", fd) if stat.S_ISDIR(os.fstat(fd).st_mode) else OpenFile(fd, "", slots)
    if found.directory.link(found.name) is not None:
        raise failure("exist" if "exclusive" in open_flags else "loop")
    if os.path.isdir(path):
        if writing or "create" in open_flags:
            raise failure("exist" if "exclusive" in open_flags else "is-directory")
        return found.directory.enter(found.name)
    if folder:
        os.lstat(path)  # says so where there is nothing at all
        raise failure("not-directory")
    return OpenFile(os.open(path, mode | _SAFE, 0o666), path, slots)


def _follows(path_flags: frozenset[str], path: str) -> bool:
    return "symlink-follow" in path_flags or path.endswith("/")


def _no_follow(function: Callable[..., Any]) -> dict[str, Any]:
    return {"follow_symlinks": False} if function in os.supports_follow_symlinks else {}


def _both(function: Callable[..., Any], old: Place, new: Place, **more: Any) -> None:
    """Calls a function of `os` that takes two places."""
    source, source_at = old.at()
    target, target_at = new.at()
    if source_at and target_at:
        more |= {"src_dir_fd": source_at["dir_fd"], "dst_dir_fd": target_at["dir_fd"]}
    function(source, target, **more)
