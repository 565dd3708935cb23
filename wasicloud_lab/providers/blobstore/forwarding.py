"""A blobstore provider that hands everything on to another one, streams too: what the wrappers are made of."""

from __future__ import annotations

from collections.abc import Iterator

from ..page import PAGE, Page
from ..recorded import said
from ..trouble import Call, Steps, Wrapper
from .base import BlobstoreProvider, ContainerInfo, ObjectInfo, Writer


class BlobstoreWrapper(Wrapper[BlobstoreProvider], BlobstoreProvider):
    """Hands every operation to the inner provider; the base of the others, and of your own.

    Overridden are `_do`, which each operation goes through, `_stream` for what happens within a read or a write,
    and `_stored` for the container's name.
    """

    _wraps = (BlobstoreProvider, "blobstore")

    @property
    def object_limit(self) -> int | None:  # type: ignore[override]  # asked anew: a store may learn its limit late
        """The inner provider's."""
        return self.inner.object_limit

    def _stored(self, container: str) -> str:
        """A container's name in the inner provider."""
        return container

    def create_container(self, name: str) -> ContainerInfo:
        return self._do(Call("create_container", name), lambda: self.inner.create_container(self._stored(name)))

    def container_info(self, name: str) -> ContainerInfo:
        return self._do(Call("container_info", name), lambda: self.inner.container_info(self._stored(name)))

    def container_exists(self, name: str) -> bool:
        return self._do(Call("container_exists", name), lambda: self.inner.container_exists(self._stored(name)))

    def delete_container(self, name: str) -> None:
        return self._do(Call("delete_container", name), lambda: self.inner.delete_container(self._stored(name)))

    def clear_container(self, name: str) -> None:
        return self._do(Call("clear_container", name), lambda: self.inner.clear_container(self._stored(name)))

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._do(Call("containers"), lambda: self.inner.containers(cursor, limit))

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        call = Call("objects", container)
        return self._do(call, lambda: self.inner.objects(self._stored(container), cursor, limit))

    def object_info(self, container: str, name: str) -> ObjectInfo:
        call = Call("object_info", container, name)
        return self._do(call, lambda: self.inner.object_info(self._stored(container), name))

    def object_exists(self, container: str, name: str) -> bool:
        call = Call("object_exists", container, name)
        return self._do(call, lambda: self.inner.object_exists(self._stored(container), name))

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        call = Call("read", container, name)
        return _Reader(*self._stream(call, lambda: self.inner.read(self._stored(container), name, start, end)))

    def write(self, container: str, name: str) -> Writer:
        call = Call("write", container, name)
        return _Writer(*self._stream(call, lambda: self.inner.write(self._stored(container), name)))

    def delete_object(self, container: str, name: str) -> None:
        call = Call("delete_object", container, name)
        return self._do(call, lambda: self.inner.delete_object(self._stored(container), name))

    def delete_objects(self, container: str, names: list[str]) -> None:
        call = Call("delete_objects", container, f"{len(names)} objects")
        return self._do(call, lambda: self.inner.delete_objects(self._stored(container), names))

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        call = Call("copy_object", container, f"{name} → {to_container}/{to_name}")
        stored = self._stored
        return self._do(call, lambda: self.inner.copy_object(stored(container), name, stored(to_container), to_name))

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        call = Call("move_object", container, f"{name} → {to_container}/{to_name}")
        stored = self._stored
        return self._do(call, lambda: self.inner.move_object(stored(container), name, stored(to_container), to_name))


class _Reader(Iterator[bytes]):
    """The inner provider's chunks, with a wrapper's steps between them."""

    def __init__(self, chunks: Iterator[bytes], steps: Steps) -> None:
        self._chunks, self._steps = chunks, steps
        self._number = self._size = 0
        self._over = False

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        try:
            self._steps.step(self._number)
            chunk = next(self._chunks, None)
            if chunk is None:
                self._steps.last()
        except BaseException as error:
            self._end(said(error))
            raise
        if chunk is None:
            self._end(None)
            raise StopIteration
        self._number += 1
        self._size += len(chunk)
        return chunk

    def close(self) -> None:
        """Lets go of what the inner provider holds for it."""
        self._end(None)

    def __del__(self) -> None:
        self._end(None)

    def _end(self, error: str | None) -> None:
        if self._over:
            return
        self._over = True
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        self._steps.over(self._size, error)


class _Writer(Writer):
    """The inner provider's writer, with a wrapper's steps before each chunk and the commit."""

    def __init__(self, inner: Writer, steps: Steps) -> None:
        self._inner, self._steps = inner, steps
        self._number = self._size = 0
        self._over = False
        self._error = "aborted"  # unless a write says why

    def write(self, data: bytes) -> None:
        try:
            self._steps.step(self._number)
            self._inner.write(data)
        except BaseException as error:
            self._error = said(error)
            raise
        self._number += 1
        self._size += len(data)

    def commit(self) -> None:
        try:
            self._steps.last()
            self._inner.commit()
        except BaseException as error:
            # It may not have come as far as the inner commit, and nobody aborts after one that failed.
            self._inner.abort()
            self._end(said(error))
            raise
        self._end(None)

    def abort(self) -> None:
        self._inner.abort()
        self._end(self._error)

    def _end(self, error: str | None) -> None:
        if not self._over:
            self._over = True
            self._steps.over(self._size, error)
