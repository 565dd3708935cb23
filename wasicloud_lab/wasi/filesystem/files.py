"""Open files and the streams over them."""

from __future__ import annotations

import os
import threading
from typing import Any

from ...errors import Err
from ..io import READ_LIMIT, WRITE_LIMIT, OutputStream, stream_closed
from .errors import stream_error

_appending = threading.Lock()


class OpenFile:
    """An open file, shared by its descriptor and the streams made from it.

    Reads and writes name their offset and leave the file's own position alone, except where the system
    can't; one thread uses a file at a time.

    Args:
        fd: of the file; closed when the last holder lets go.
        path: of the file, on a system that sets times by path only.
        slots: where a slot is given back at the end.
    """

    def __init__(self, fd: int, path: str, slots: threading.BoundedSemaphore) -> None:
        self.fd = fd
        self.path = path
        self._slots = slots
        self._holders = 1

    def share(self) -> OpenFile:
        """Another holder."""
        self._holders += 1
        return self

    def close(self) -> None:
        """One holder less."""
        self._holders -= 1
        if not self._holders:
            fd, self.fd = self.fd, -1
            self._slots.release()
            os.close(fd)

    def read(self, length: int, offset: int) -> bytes:
        """Up to `length` bytes; empty at the end of the file."""
        length = min(length, READ_LIMIT)
        if hasattr(os, "pread"):
            return os.pread(self.fd, length, offset)
        os.lseek(self.fd, offset, os.SEEK_SET)
        return os.read(self.fd, length)

    def write(self, data: Any, offset: int | None) -> int:
        """Writes some of `data`, at the end where `offset` is None; answers how much."""
        if offset is not None:
            if hasattr(os, "pwrite"):
                return os.pwrite(self.fd, data, offset)
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)
        if hasattr(os, "RWF_APPEND"):
            return os.pwritev(self.fd, [data], 0, os.RWF_APPEND)
        with _appending:  # two instances that append to one file must not meet at the same place
            os.lseek(self.fd, 0, os.SEEK_END)
            return os.write(self.fd, data)


class FileSource:
    """The source of a stream that reads a file from an offset on."""

    def __init__(self, file: OpenFile, offset: int) -> None:
        self._file = file.share()
        self._offset = offset

    def readable(self) -> bool:
        return True

    def read(self, limit: int) -> bytes:
        if not limit:
            return b""
        try:
            data = self._file.read(limit, self._offset)
        except (OSError, OverflowError) as error:
            raise stream_error(error) from None
        if not data:
            raise stream_closed()
        self._offset += len(data)
        return data

    def close(self) -> None:
        self._file.close()


class FileSink:
    """The sink of a stream that writes a file from an offset on, or at its end.

    Args:
        file: open for writing.
        offset: None to append.
    """

    def __init__(self, file: OpenFile, offset: int | None) -> None:
        self._file = file.share()
        self._offset = offset
        self._failed: Err | None = None

    def room(self) -> int:
        if self._failed is not None:
            raise stream_closed()
        return WRITE_LIMIT

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                count = self._file.write(left, self._offset)
            except (OSError, OverflowError) as error:
                self._failed = stream_error(error)
                raise self._failed from None
            left = left[count:]
            if self._offset is not None:
                self._offset += count

    def flush(self) -> None:
        if self._failed is not None:
            raise stream_closed()

    def flushed(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


class FileOutputStream(OutputStream):
    """An output stream that holds its file open until the guest lets go of it."""

    sink: FileSink

    def drop(self) -> None:
        self.sink.close()
