"""What a file's attributes are called in wasi:filesystem, and how its times are set."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import time
from typing import Any, NamedTuple

from ...host.values import Variant
from ..clocks import BILLION, Datetime, datetime_of
from .errors import failure

_SECRET = secrets.token_bytes(16)

_TYPES = {
    stat.S_IFREG: "regular-file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic-link",
    stat.S_IFBLK: "block-device",
    stat.S_IFCHR: "character-device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class DescriptorStat(NamedTuple):
    """The record `descriptor-stat`."""

    type: str
    link_count: int
    size: int
    data_access_timestamp: Datetime | None
    data_modification_timestamp: Datetime | None
    status_change_timestamp: Datetime | None


class DirectoryEntry(NamedTuple):
    """The record `directory-entry`."""

    type: str
    name: str


class MetadataHash(NamedTuple):
    """The record `metadata-hash-value`."""

    lower: int
    upper: int


def descriptor_type(mode: int) -> str:
    """The case of `descriptor-type` for a mode."""
    return _TYPES.get(stat.S_IFMT(mode), "unknown")


def entry_type(entry: os.DirEntry[str]) -> str:
    """The case of `descriptor-type` for an entry of a folder, without a system call where that is possible."""
    if entry.is_symlink():
        return "symbolic-link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    if entry.is_file(follow_symlinks=False):
        return "regular-file"
    try:
        return descriptor_type(entry.stat(follow_symlinks=False).st_mode)
    except OSError:  # it has gone
        return "unknown"


def descriptor_stat(found: os.stat_result) -> DescriptorStat:
    """The record for what `os.stat` found."""
    return DescriptorStat(
        descriptor_type(found.st_mode),
        found.st_nlink,
        found.st_size,
        datetime_of(found.st_atime_ns),
        datetime_of(found.st_mtime_ns),
        datetime_of(found.st_ctime_ns),
    )


def metadata_hash(found: os.stat_result) -> MetadataHash:
    """The hash of which file this is.

    Guests' C libraries take it for the number of the inode and compare it to tell files apart. So it holds what
    makes a file this one, as wasmtime's does, and not its size and when it was last written, which the
    specification names first but requires as little as that the hash changes with them; and a secret, so that
    it tells nothing about the host.
    """
    identity = f"{found.st_dev} {found.st_ino}".encode()
    digest = hashlib.blake2b(identity, key=_SECRET, digest_size=16).digest()
    return MetadataHash(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))


def new_times(found: os.stat_result, accessed: Variant, modified: Variant) -> tuple[int, int]:
    """The nanoseconds for `os.utime` that two `new-timestamp`s ask for."""
    return _nanoseconds(accessed, found.st_atime_ns), _nanoseconds(modified, found.st_mtime_ns)


def _nanoseconds(wanted: Variant, before: int) -> int:
    if wanted.tag == "no-change":
        return before
    if wanted.tag == "now":
        return time.time_ns()
    moment: Any = wanted.value
    if moment.nanoseconds >= BILLION:
        raise failure("invalid")
    if moment.seconds >= 1 << 63:
        raise OSError(errno.EOVERFLOW, os.strerror(errno.EOVERFLOW))
    return int(moment.seconds * BILLION + moment.nanoseconds)
