"""Reading and writing one file of a folder store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from ...errors import ProviderError
from .base import CHUNK, BlobstoreProvider, Writer
from .file_errors import plainly
from .file_folders import Folder
from .file_places import Places, own_name

_BUFFER = 128 * 1024  # bytes: small writes are collected, larger ones go straight to the file


class FileReader(Iterator[bytes]):
    """An open file's bytes in chunks; the file is closed after the last, by `close`, or with the last reference.

    Args:
        store, what: for messages.
        fd: of the file, taken over.
        start, end: the first and the last byte, as in `BlobstoreProvider.read`.
    """

    def __init__(self, store: BlobstoreProvider, what: str, fd: int, start: int, end: int | None) -> None:
        self._fd: int | None = fd
        self._store, self._what = store, what
        try:
            with plainly(store, what):
                size = os.fstat(fd).st_size
                self._left = max(0, (size if end is None else min(end + 1, size)) - start)
                if start and self._left:
                    os.lseek(fd, start, os.SEEK_SET)
        except BaseException:
            self.close()
            raise

    def __next__(self) -> bytes:
        if self._fd is None:
            raise StopIteration
        chunk = b""
        if self._left:
            with plainly(self._store, self._what):
                chunk = os.read(self._fd, min(self._left, CHUNK))
            if not chunk:
                self.close()
                raise ProviderError(f"the {self._what} has become shorter while it was read")
        self._left -= len(chunk)
        if not self._left:
            self.close()
        if not chunk:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Closes the file. A second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class FileWriter(Writer):
    """Writes a hidden file beside the object's place, and moves it there at the end.

    Args:
        store, what: for messages.
        places: where names are.
        folder: the container's, taken over.
        name: the object's.

    Raises:
        OSError: the hidden file can't be made.
        UnicodeEncodeError: the name is no text.
    """

    _folder: Folder | None = None

    def __init__(self, store: BlobstoreProvider, what: str, places: Places, folder: Folder, name: str) -> None:
        self._store, self._what = store, what
        self._places, self._name = places, name
        name.encode()  # what is no text is refused now, not after all has been written
        self._part = own_name("part")
        self._file = os.fdopen(folder.create_file(self._part), "wb", _BUFFER)
        self._folder = folder

    def write(self, data: bytes) -> None:
        with plainly(self._store, self._what):
            self._open().write(data)

    def write_file(self, fd: int) -> None:
        """Adds all that is left of an open file, inside of the file system if it can do that."""
        with plainly(self._store, self._what):
            file = self._open()
            file.flush()
            target = file.fileno()
            if hasattr(os, "copy_file_range"):
                with suppress(OSError):  # not here, or no longer: the way below says what is wrong, or goes on
                    while os.copy_file_range(fd, target, 1 << 30):
                        pass
            while chunk := os.read(fd, CHUNK):
                file.write(chunk)

    def commit(self) -> None:
        try:
            with plainly(self._store, self._what):
                file = self._open()
                file.close()
                assert self._folder is not None
                self._places.put(self._folder, self._part, self._folder, self._name)
        except BaseException:
            self.abort()
            raise
        self._let_go()

    def abort(self) -> None:
        if self._folder is None:
            return
        # What is buffered is of no use any more; a full disk would only say so again.
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._folder.remove(self._part)
        self._let_go()

    def _open(self) -> BinaryIO:
        if self._folder is None:
            raise ProviderError(f"the {self._what} has been written or given up already")
        return self._file

    def _let_go(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()

    def __del__(self) -> None:
        self.abort()
