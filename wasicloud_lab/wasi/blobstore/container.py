"""wasi:blobstore/container: a container, its objects, and the listing of their names."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import Err
from ...host.interface import resource
from ...host.state import current
from .incoming import IncomingValue
from .outgoing import OutgoingValue
from .plugged import failed, store

#: Names that one read of a listing answers at most, whatever the guest asks for.
NAMES_AT_ONCE = 100_000


class ContainerMetadata(NamedTuple):
    """wasi:blobstore/types `container-metadata`; the time in whole seconds since 1970."""

    name: str
    created_at: int


class ObjectMetadata(NamedTuple):
    """wasi:blobstore/types `object-metadata`; the time in whole seconds since 1970, the size in bytes."""

    name: str
    container: str
    created_at: int
    size: int


@resource
class Container:
    """wasi:blobstore/container `container`: a name. What holds it is looked up at each call."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name

    def info(self) -> ContainerMetadata:
        provider = store()
        try:
            found = provider.container_info(self._name)
            return ContainerMetadata(found.name, _seconds(found.created_at))
        except Exception as error:
            raise failed(error, provider) from None

    def get_data(self, name: str, start: int, end: int) -> IncomingValue:
        provider = store()
        try:
            return IncomingValue.from_object(self._name, name, start, end)
        except Exception as error:
            raise failed(error, provider) from None

    def write_data(self, name: str, data: OutgoingValue) -> None:
        data.write_to(self._name, name)

    def list_objects(self) -> StreamObjectNames:
        names = StreamObjectNames(self._name)
        names.fill()  # a container that is not there is better said here
        return names

    def delete_object(self, name: str) -> None:
        provider = store()
        try:
            provider.delete_object(self._name, name)
        except Exception as error:
            raise failed(error, provider) from None

    def delete_objects(self, names: list[str]) -> None:
        provider = store()
        try:
            provider.delete_objects(self._name, names)
        except Exception as error:
            raise failed(error, provider) from None

    def has_object(self, name: str) -> bool:
        provider = store()
        try:
            return bool(provider.object_exists(self._name, name))
        except Exception as error:
            raise failed(error, provider) from None

    def object_info(self, name: str) -> ObjectMetadata:
        provider = store()
        try:
            found = provider.object_info(self._name, name)
            return ObjectMetadata(found.name, found.container, _seconds(found.created_at), found.size)
        except Exception as error:
            raise failed(error, provider) from None

    def clear(self) -> None:
        provider = store()
        try:
            provider.clear_container(self._name)
        except Exception as error:
            raise failed(error, provider) from None


@resource
class StreamObjectNames:
    """wasi:blobstore/container `stream-object-names`: a listing, of which one page is held."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._names: list[str] = []
        self._at = 0
        self._cursor: str | None = None
        self._last = False  # the page held is the last

    def read_stream_object_names(self, count: int) -> tuple[list[str], bool]:
        taken: list[str] = []
        try:
            while len(taken) < min(count, NAMES_AT_ONCE) and self.fill():
                page = self._names[self._at : self._at + min(count, NAMES_AT_ONCE) - len(taken)]
                self._at += len(page)
                taken += page
            return taken, not self.fill()
        except Err:
            if not taken:
                raise
            return taken, False  # the next read tells what went wrong

    def skip_stream_object_names(self, count: int) -> tuple[int, bool]:
        skipped = 0
        while skipped < count and self.fill():
            step = min(count - skipped, len(self._names) - self._at)
            self._at += step
            skipped += step
        return skipped, not self.fill()

    def fill(self) -> bool:
        """Sees to it that a name is at hand; False at the end of the listing.

        Raises:
            Err: the store's failure.
        """
        while self._at >= len(self._names):
            if self._last:
                return False
            current().go_on()  # a long listing must not outlast the call's deadline
            provider = store()
            try:
                names, self._cursor = provider.objects(self._container, self._cursor)
                self._names, self._at = list(names), 0
            except Exception as error:
                raise failed(error, provider) from None
            self._last = self._cursor is None
        return True


def _seconds(time: float) -> int:
    return max(int(time), 0)
