"""The resources of wasi:filesystem: descriptors and the listings of folders."""

from __future__ import annotations

import os
import stat
import threading
from typing import Any

from ..host.interface import resource
from ..host.values import Variant
from .filesystem_errors import answers, failure
from .filesystem_files import FileOutputStream, FileSink, FileSource, OpenFile
from .filesystem_paths import RELATIVE, Directory, Place, is_absolute, place
from .filesystem_stat import (
    DescriptorStat,
    DirectoryEntry,
    MetadataHash,
    descriptor_stat,
    descriptor_type,
    entry_type,
    metadata_hash,
    new_times,
)
from .io import InputStream

_NO_FOLLOW = {"follow_symlinks": False}
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


@resource
class Descriptor:
    """wasi:filesystem/types `descriptor`: an open file or folder.

    Args:
        opened: the folder, or the file.
        flags: what `get-flags` answers.
        writable: whether what it leads to may be changed.
        slots: bounds how many are open at once; one is held until `drop`.
    """

    def __init__(
        self, opened: Directory | OpenFile, flags: frozenset[str], writable: bool, slots: threading.BoundedSemaphore
    ) -> None:
        self._opened = opened
        self._flags = flags
        self._writable = writable
        self._slots = slots

    @classmethod
    def preopened(cls, directory: Directory, writable: bool, slots: threading.BoundedSemaphore) -> Descriptor:
        """The descriptor of a folder that a guest starts with. It takes no slot: the number is fixed."""
        flags = {"read", "mutate-directory"} if writable else {"read"}
        return cls(directory, frozenset(flags), writable, slots)
