"""What a blobstore provider is: containers of objects, whose bytes stream in and out.

Names of containers and objects are any UTF-8 text: a provider whose store allows less maps them, reversibly.
A provider is used by many threads at once; a reader or writer by one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ...errors import NotFound, ProviderError
from ..page import PAGE, Page, every

#: Bytes that readers hand over and writers expect at a time, at most.
CHUNK = 1 << 20


class ContainerInfo(NamedTuple):
    """About a container.

    Attributes:
        name: as it was given when it was made.
        created_at: seconds since 1970, as exactly as the store knows it.
    """

    name: str
    created_at: float


class ObjectInfo(NamedTuple):
    """About an object.

    Attributes:
        name: as it was given when it was written.
        container: the container's name.
        created_at: seconds since 1970 when these bytes were written.
        size: in bytes.
    """

    name: str
    container: str
    created_at: float
    size: int


class Writer:
    """Takes one object's bytes. Nothing is seen of it before `commit`; `abort` leaves what was there before.

    As a context manager it commits at the end of the block and aborts on an exception.
    """

    def write(self, data: bytes) -> None:
        """Adds bytes, any number of them."""
        raise NotImplementedError

    def commit(self) -> None:
        """Makes the object what was written, in one step.

        Raises:
            ProviderError: it could not be stored (a full disk, …); what was there before is still there.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Throws away what was written; after `commit` or another `abort` it does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()


class BlobstoreProvider:
    """Base of all blobstore providers. Every method may raise `ProviderError` or one of its kinds.

    A method that names a container or object that is not there raises `NotFound`, unless it says otherwise.

    Attributes:
        object_limit: bytes that an object may have; None where only the store's size bounds it. A longer one
            is refused with `TooLarge`.
    """

    object_limit: int | None = None

    # --- containers --------------------------------------------------------------------------------

    def create_container(self, name: str) -> ContainerInfo:
        """Makes a container.

        Raises:
            ProviderError: there is one of that name.
        """
        raise NotImplementedError

    def container_info(self, name: str) -> ContainerInfo:
        """When it was made."""
        raise NotImplementedError

    def container_exists(self, name: str) -> bool:
        """Whether there is such a container."""
        try:
            self.container_info(name)
        except NotFound:
            return False
        return True

    def delete_container(self, name: str) -> None:
        """Removes a container with all that is in it. One that is not there is `NotFound`."""
        raise NotImplementedError

    def clear_container(self, name: str) -> None:
        """Removes all objects in it."""
        self.delete_objects(name, list(every(lambda cursor: self.objects(name, cursor))))

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        """A page of container names, in the order of their code points."""
        raise NotImplementedError

    # --- objects -----------------------------------------------------------------------------------

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        """A page of object names, in the order of their code points, each once.

        An object that is there all the while appears; one that comes or goes meanwhile may or may not.
        """
        raise NotImplementedError

    def object_info(self, container: str, name: str) -> ObjectInfo:
        """Size and time."""
        raise NotImplementedError

    def object_exists(self, container: str, name: str) -> bool:
        """Whether there is such an object. A container that is not there is `NotFound`."""
        try:
            self.object_info(container, name)
        except NotFound:
            if not self.container_exists(container):
                raise
            return False
        return True

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """An object's bytes in chunks of at most `CHUNK`, all from one version of it.

        That the object is there is known when this returns, not only when the first chunk is asked for.
        Closing the iterator early lets go of what it holds.

        Args:
            start: the first byte's offset; at or past the end there is nothing to read, which is no error.
            end: the last byte's offset, inclusive; None, or past the end, for all that follows.
        """
        raise NotImplementedError

    def write(self, container: str, name: str) -> Writer:
        """A writer for an object, new or in place of the one that is there. The container must exist."""
        raise NotImplementedError

    def delete_object(self, container: str, name: str) -> None:
        """Removes an object; one that is not there is no error, a container that is not there is `NotFound`."""
        self.delete_objects(container, [name])

    def delete_objects(self, container: str, names: list[str]) -> None:
        """Removes several objects; those that are not there are no error. Not atomic."""
        raise NotImplementedError

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        """Copies an object, over another if there is one. Onto itself it changes nothing."""
        if (container, name) == (to_container, to_name):
            self.object_info(container, name)
            return
        chunks = self.read(container, name)
        with self.write(to_container, to_name) as writer:
            for chunk in chunks:
                writer.write(chunk)

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        """Copies, then deletes: a failure in between leaves both. Onto itself it changes nothing."""
        self.copy_object(container, name, to_container, to_name)
        if (container, name) != (to_container, to_name):
            self.delete_object(container, name)

    # --- about the provider itself -----------------------------------------------------------------

    def ping(self) -> None:
        """Asks the store for a sign of life, within the provider's timeout.

        Raises:
            Unavailable: it does not answer.
            Denied: it does not let this user in.
        """

    def summary(self) -> str:
        """One line for people, without secrets: "folder /srv/blobs"."""
        return type(self).__name__

    def close(self) -> None:
        """Lets go of connections and files. A second call does nothing; other calls then raise `Unavailable`."""

    def __repr__(self) -> str:
        return f"<{self.summary()}>"


def put(provider: BlobstoreProvider, container: str, name: str, data: bytes) -> None:
    """Writes a whole object at once."""
    with provider.write(container, name) as writer:
        writer.write(data)


def fetch(provider: BlobstoreProvider, container: str, name: str) -> bytes:
    """Reads a whole object at once."""
    return b"".join(provider.read(container, name))


def ensure_container(provider: BlobstoreProvider, name: str) -> None:
    """Makes a container unless there is one, or somebody else makes it at this moment."""
    if not provider.container_exists(name):
        with suppress(ProviderError):
            provider.create_container(name)
        if not provider.container_exists(name):
            provider.create_container(name)  # raises what is really wrong
