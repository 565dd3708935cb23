"""Folders of the host, walked one component at a time, so that no name leads out of the store's folder.

Where the system can, a folder is held open and everything is done relative to it: a symbolic link that somebody
puts in its place meanwhile is not followed, and a path may be longer than the system's limit. Windows can't; there
each step looks first whether it would go through a link.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

#: Whether this system works relative to an open folder.
RELATIVE = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and os.scandir in os.supports_fd

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC | _NOFOLLOW | getattr(os, "O_BINARY", 0)

#: Seconds in which Windows is asked again to replace or remove a file that somebody reads at this moment.
_PATIENCE = 1.0


class Folder:
    """An open folder, to be closed; as a context manager it closes itself.

    Its methods take one component each, never a path, and raise `OSError`.
    """

    def __init__(self, path: str, fd: int | None) -> None:
        self._path = path
        self._fd = fd

    @classmethod
    def top(cls, path: str) -> Folder:
        """The folder at a trusted path, links and all."""
        if RELATIVE:
            return cls("", os.open(path, _FOLDER))
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise NotADirectoryError(20, "not a folder")
        # Behind this mark Windows takes paths of any length, and no name for a device.
        mark = "\\\\?\\" if sys.platform == "win32" and not path.startswith("\\\\") else ""
        return cls(mark + path, None)

    def enter(self, name: str) -> Folder:
        """A folder in this one; a symbolic link is none."""
        path, at = self._at(name)
        if self._fd is not None:
            return Folder("", os.open(path, _FOLDER | _NOFOLLOW, **at))
        if not stat.S_ISDIR(self.stat(name).st_mode):
            raise NotADirectoryError(20, "not a folder")
        return Folder(path, None)

    def again(self) -> Folder:
        """The same folder, opened once more."""
        return Folder(self._path, None if self._fd is None else os.open(".", _FOLDER, dir_fd=self._fd))

    def make(self, name: str) -> None:
        """Makes a folder."""
        path, at = self._at(name)
        os.mkdir(path, **at)

    def scan(self) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """The entries, in no order."""
        return os.scandir(self._path) if self._fd is None else cast(Any, os.scandir)(self._fd)

    def stat(self, name: str) -> os.stat_result:
        """The attributes of an entry, of the link itself where it is one."""
        path, at = self._at(name)
        found = os.stat(path, follow_symlinks=False, **at)
        if getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1):
            raise NotADirectoryError(20, "a junction, which is not followed")
        return found

    def own_stat(self) -> os.stat_result:
        """The attributes of this folder."""
        return os.stat(self._path) if self._fd is None else os.fstat(self._fd)

    def open_file(self, name: str) -> int:
        """A descriptor for reading a plain file; what is no plain file counts as not there.

        Looked at before as well as after it is opened, since opening alone can wake a device.
        """
        path, at = self._at(name)
        if not stat.S_ISREG(self.stat(name).st_mode):
            raise FileNotFoundError(2, "not a plain file")
        fd = os.open(path, _READ, **at)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise FileNotFoundError(2, "not a plain file")
        return fd

    def create_file(self, name: str) -> int:
        """A descriptor for writing a file that is not there yet."""
        path, at = self._at(name)
        return os.open(path, _CREATE, 0o666, **at)

    def move(self, name: str, target: Folder, to_name: str) -> None:
        """Moves an entry in one step, over a file that is there."""
        source, at = self._at(name)
        goal, to = target._at(to_name)
        if self._fd is None:
            _patiently(lambda: os.replace(source, goal))
        else:
            os.replace(source, goal, src_dir_fd=at["dir_fd"], dst_dir_fd=to["dir_fd"])

    def remove(self, name: str) -> None:
        """Removes a file or a link."""
        path, at = self._at(name)
        _patiently(lambda: os.unlink(path, **at))

    def remove_folder(self, name: str) -> None:
        """Removes an empty folder."""
        path, at = self._at(name)
        os.rmdir(path, **at)

    def close(self) -> None:
        """Lets go of it. A second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._path = os.devnull + "/closed"  # not the working folder, whatever somebody still asks of it
            os.close(fd)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        if not name or name in (".", "..") or "/" in name or "\0" in name or os.sep in name:
            raise ValueError(f"{name!r} is not one component of a path")  # never reached: names are encoded before
        return (os.path.join(self._path, name), {}) if self._fd is None else (name, {"dir_fd": self._fd})


def _patiently(act: Any) -> None:
    """Windows does not replace or remove a file while somebody has it open; most do for a moment only."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            act()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return
