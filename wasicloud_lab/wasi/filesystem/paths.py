"""From a guest's path to a place on the host, never outside of the folder the guest starts from.

A path is walked one component at a time. Each step opens a folder relative to the one before and refuses
to go through a symbolic link; links are read and walked by the same rules, `..` goes back to the folder
that was really passed, and there is nothing to go back to above the start. Whatever another process
renames or replaces meanwhile, a walk stays below the folder it began in.
"""

from __future__ import annotations

import contextlib
import errno
import ntpath
import os
import stat
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

from .errors import failure

#: Symbolic links that one path may lead through.
LINK_LIMIT = 40
#: Folders that one path may go down; each is held open during the walk.
DEPTH_LIMIT = 128
#: Bytes of one path.
PATH_LIMIT = 4096

#: Whether this system can work relative to an open folder. Windows can't: there, each step looks whether
#: the path so far is a link before it goes on. Another process that puts a link in its place just then, or
#: another instance that moves one there, wins that race; making links is therefore not offered to guests.
RELATIVE = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd

_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER | getattr(os, "O_NOFOLLOW", 0)
_LIST = os.O_RDONLY | _FOLDER | getattr(os, "O_NOFOLLOW", 0)


class Directory:
    """A folder of the host: held open, or where the system can't work with that, known by its path.

    Args:
        path: of the folder, on a system without relative operations.
        fd: the open folder, on any other.
    """

    def __init__(self, path: str, fd: int | None) -> None:
        self.path = path
        self.fd = fd
        self._closed = False

    @classmethod
    def open(cls, path: str) -> Directory:
        """The folder at a path of the host, which is trusted."""
        if not RELATIVE:
            return cls(os.path.realpath(path), None)
        return cls("", os.open(path, os.O_RDONLY | _FOLDER))

    def at(self, name: str) -> tuple[str, dict[str, Any]]:
        """How to name an entry to the functions of `os`: a path, and `dir_fd` where that works."""
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return (os.path.join(self.path, name), {}) if self.fd is None else (name, {"dir_fd": self.fd})

    def enter(self, name: str, listable: bool = False) -> Directory:
        """The folder `name` in this one; a symbolic link is no folder.

        Args:
            name: one component, or ".".
            listable: open it for reading, not only for passing through.
        """
        path, where = self.at(name)
        if self.fd is not None:
            return Directory("", os.open(path, _LIST if listable else _PASS, **where))
        if self.link(name) is not None or not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return Directory(path, None)

    def link(self, name: str) -> str | None:
        """Where the symbolic link `name` points to; None where it is no link."""
        path, where = self.at(name)
        try:
            target = os.readlink(path, **where)
        except (OSError, ValueError):
            return None
        return target.replace("\\", "/") if sys.platform == "win32" else target

    def stat(self) -> os.stat_result:
        """The folder's own attributes."""
        path, where = self.at(".")
        return os.stat(path, **where)

    def scan(self) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """The entries of a listable folder."""
        return os.scandir(self.path) if self.fd is None else cast(Any, os.scandir)(self.fd)

    def close(self) -> None:
        """Lets go of the folder. A second call does nothing."""
        closed, self._closed = self._closed, True
        if self.fd is not None and not closed:
            os.close(self.fd)


class Place(NamedTuple):
    """Where a path ends: an entry of a folder, which need not exist.

    Attributes:
        directory: open for the length of the `with` block only.
        name: one component, or "." for the folder itself.
        must_be_directory: the path ended with a slash.
    """

    directory: Directory
    name: str
    must_be_directory: bool

    def at(self) -> tuple[str, dict[str, Any]]:
        """See `Directory.at`."""
        return self.directory.at(self.name)

    def stat(self) -> os.stat_result:
        """The attributes of the entry, or of the link that it is."""
        path, where = self.at()
        found = os.stat(path, follow_symlinks=False, **where)
        if self.must_be_directory and not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return found

    def check(self) -> None:
        """Refuses a path with a slash at its end where there is no folder."""
        if self.must_be_directory:
            self.stat()


@contextlib.contextmanager
def place(start: Directory, path: str, follow: bool) -> Iterator[Place]:
    """Walks a guest's path.

    Args:
        start: the folder it is relative to, and which it may not leave.
        path: as the guest gave it.
        follow: where the last component is a symbolic link, go where it points.

    Raises:
        Err: `not-permitted` where it would lead outside, and other codes.
        OSError: a folder on the way can't be entered.
    """
    passed = [start]
    try:
        yield _walk(passed, path, follow)
    finally:
        for directory in passed[1:]:
            directory.close()


def _walk(passed: list[Directory], path: str, follow: bool) -> Place:
    pending = deque(components(path))
    must_be_directory = path.endswith("/")
    links = 0
    while pending:
        part = pending.popleft()
        if part == "..":
            if len(passed) == 1:
                raise failure("not-permitted")
            passed.pop().close()
            continue
        if not pending and not follow:
            return Place(passed[-1], part, must_be_directory)
        target = passed[-1].link(part)
        if target is not None:
            links += 1
            if links > LINK_LIMIT:
                raise failure("loop")
            must_be_directory = must_be_directory or (not pending and target.endswith("/"))
            pending.extendleft(reversed(components(target)))
        elif not pending:
            return Place(passed[-1], part, must_be_directory)
        else:
            if len(passed) > DEPTH_LIMIT:
                raise failure("name-too-long")
            passed.append(passed[-1].enter(part))
    return Place(passed[-1], ".", must_be_directory)


def components(path: str) -> list[str]:
    """The parts of a relative path, without empty ones and `.`.

    Raises:
        Err: it is empty, absolute, too long, or holds what no file's name can.
    """
    if not path:
        raise failure("no-entry")
    if "\0" in path:
        raise failure("invalid")
    if is_absolute(path):
        raise failure("not-permitted")
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise failure("illegal-byte-sequence") from None
    if size > PATH_LIMIT:
        raise failure("name-too-long")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if sys.platform == "win32" and not all(map(is_plain_on_windows, parts)):
        raise failure("not-permitted")
    return parts


def is_absolute(path: str) -> bool:
    """Whether a path starts at a root of the host rather than where the guest is."""
    return path.startswith("/") or (
        sys.platform == "win32" and (path.startswith("\\") or bool(ntpath.splitdrive(path)[0]))
    )


def is_plain_on_windows(part: str) -> bool:
    """Whether Windows takes a component for just that: no drive, no stream, no device, no other spelling."""
    if part == "..":
        return True
    device = part.partition(".")[0].rstrip(" ").upper()
    devices = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    numbered = device[:3] in ("COM", "LPT") and device[3:] in tuple("0123456789¹²³")
    return not (set(part) & set('\\:*?"<>|') or part[-1] in " ." or device in devices or numbered)
