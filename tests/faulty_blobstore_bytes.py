"""Blobstore providers that get bytes wrong as they are read and written, one thing each, and what must find it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from tests.faulty_providers import STEP, found_by
from tests.right_providers import Objects, Pen, Shelf
from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.blobstore.base import CHUNK, Writer


@found_by("sizes", "ranges")
class OneByteTooFew(Objects):
    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        if len(data) == CHUNK + 1 or len(data) > 2 * CHUNK > len(data) - 20:
            data = data[:-1]
        return super().chunks(data, start, end)


@found_by("sizes", "ranges", "large-stream")
class OneLargeChunk(Objects):
    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        yield data[start : None if end is None else end + 1]


@found_by("too-large")
class TakesAnyObject(Objects):
    def write(self, container: str, name: str) -> Writer:
        self.inside(container)
        return Pen(lambda data: self.put(container, name, data))


@found_by("large-stream", "writes-of-any-size")
class PartsInWrongOrder(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        if len(data) > 6 * CHUNK:
            data = data[: 5 * CHUNK] + data[6 * CHUNK :] + data[5 * CHUNK : 6 * CHUNK]
        super().put(container, name, data)


@found_by("writes-of-any-size")
class KeepsTheBuffer(Objects):
    def write(self, container: str, name: str) -> Writer:
        parts: list[bytes] = []

        class Lazy(Pen):
            def write(self, data: bytes) -> None:
                super().write(data)
                parts.append(data)

        self.inside(container)
        return Lazy(lambda data: self.put(container, name, b"".join(parts)), self.object_limit)


@found_by("ranges", "large-stream")
class EndIsExclusive(Objects):
    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        if end is None:
            end = len(data) - (2 if start else 1)
        else:
            end -= 1
        return super().chunks(data, start, end)


@found_by("ranges")
class NothingIsAnError(Objects):
    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        chunks = super().read(container, name, start, end)
        if start and start >= self.object_info(container, name).size:
            raise ProviderError("416 Range Not Satisfiable")
        return chunks


@found_by("ranges")
class BackwardsIsEverything(Objects):
    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        return super().chunks(data, start, None if end is not None and end < start else end)


@found_by("overwrite", "object-times", "copy", "move", "early-end", "writing-together")
class WritesIntoTheOld(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        with self.shelf.lock:
            old = self.inside(container).get(name, (b"", 0.0))[0]
            super().put(container, name, data + old[len(data) :])


@found_by("uncommitted")
class SeenAtOnce(Objects):
    def write(self, container: str, name: str) -> Writer:
        if name == "new":
            self.put(container, name, b"")
        return super().write(container, name)


@found_by("uncommitted")
class AbortDeletes(Objects):
    def write(self, container: str, name: str) -> Writer:
        outer = self

        class Destructive(Pen):
            def abort(self) -> None:
                if not self.ended and name == "old":
                    outer.delete_object(container, name)
                super().abort()

        self.inside(container)
        return Destructive(lambda data: self.put(container, name, data), self.object_limit)


@found_by("uncommitted", "too-large")
class CommitsOnException(Objects):
    def write(self, container: str, name: str) -> Writer:
        class Hasty(Pen):
            def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
                self.commit()

        self.inside(container)
        return Hasty(lambda data: self.put(container, name, data), self.object_limit)


@found_by("ended-writers")
class WritesAfterTheEnd(Objects):
    def write(self, container: str, name: str) -> Writer:
        class Endless(Pen):
            def write(self, data: bytes) -> None:
                self.ended = False
                super().write(data)

        self.inside(container)
        return Endless(lambda data: self.put(container, name, data), self.object_limit)


@found_by("overwrite-while-reading")
class ReadsWhatIsThereNow(Objects):
    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.found(container, name)
        return self.live(container, name, start, end)

    def live(self, container: str, name: str, start: int, end: int | None) -> Iterator[bytes]:
        while True:
            data = self.found(container, name)[0]
            stop = len(data) if end is None else min(len(data), end + 1)
            if start >= stop:
                return
            yield data[start : min(start + CHUNK, stop)]
            start += CHUNK


@found_by("early-end")
class ReadersWithoutClose(Objects):
    def chunks(self, data: bytes, start: int, end: int | None) -> Iterator[bytes]:
        return Held(super().chunks(data, start, end))


class Held:
    """An iterator that can't be closed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)


@found_by("writing-together")
class WritersShare(Objects):
    """One temporary file for all writers of an object."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        super().__init__(shelf)
        self.files: dict[tuple[str, str], bytearray] = {}

    def write(self, container: str, name: str) -> Writer:
        file = self.files.setdefault((container, name), bytearray())
        outer = self

        class Shared(Pen):
            def write(self, data: bytes) -> None:
                super().write(data)
                if len(self.data) == len(data):
                    file.clear()
                if len(data) > 40_000:
                    time.sleep(STEP)
                file.extend(data)

            def commit(self) -> None:
                whole = bytes(file) if len(self.data) > 200_000 - 1 and len(self.data) < 200_016 else bytes(self.data)
                self.ended = self.ended or bool(self.put(whole))
                outer.files.pop((container, name), None)
                super().abort()

        self.inside(container)
        return Shared(lambda data: self.put(container, name, data), self.object_limit)


@found_by("own-writes")
class OneBufferForAllReaders(Objects):
    def found(self, container: str, name: str) -> tuple[bytes, float]:
        self.last = super().found(container, name)
        if threading.current_thread().name.startswith("Thread-"):
            time.sleep(STEP)
        return self.last
