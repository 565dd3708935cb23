"""Key-value and blob stores looked at in one way: groups (buckets, containers) of names (keys, objects) with bytes.

What the data view does, without a widget: it lists, reads, writes and says the same in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .errors import ProviderError, TooLarge
from .listing import START, Place, read_rows
from .preview import PICTURE_BYTES, SHOWN_BYTES
from .providers.blobstore.base import CHUNK, BlobstoreProvider, ensure_container
from .providers.blobstore.wrappers import Renamed as RenamedContainers
from .providers.keyvalue.wrappers import Renamed as RenamedBuckets
from .trouble import layers, store_of
from .units import size_text

#: Bytes of a value that a link to it in the page may hold.
CARRIED_BYTES = 8 * 1024 * 1024


class Found(NamedTuple):
    """A value as it was read.

    Attributes:
        data: its bytes, or for a large object only the first ones.
        size: bytes of the whole.
    """

    data: bytes
    size: int

    @property
    def whole(self) -> bool:
        """Whether all of it is here."""
        return len(self.data) == self.size


class Changed(ProviderError):
    """What was to be written over is not what was seen before."""


def is_blobstore(provider: Any) -> bool:
    """Whether a provider holds containers of objects, not buckets of keys."""
    return isinstance(provider, BlobstoreProvider) or hasattr(provider, "containers")


def same_store(one: list[Any], other: list[Any]) -> bool:
    """Whether two answers of `identity` say the same store."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other))


def identity(provider: Any) -> list[Any]:
    """What decides which data a provider shows: the store itself and the renamings before it, no other wrapper."""
    names = [layer for layer in layers(provider) if isinstance(layer, (RenamedBuckets, RenamedContainers))]
    return [*names, store_of(provider)]


def groups(provider: Any, place: Place = START) -> tuple[list[str], Place | None]:
    """A page of buckets or containers, and where the next one begins.

    Raises:
        ProviderError: the store does not answer, or can't list them.
    """
    lists = provider.containers if is_blobstore(provider) else provider.buckets
    return read_rows(lambda cursor, limit: lists(cursor, limit), place)


def names(provider: Any, group: str, place: Place = START) -> tuple[list[str], Place | None]:
    """A page of keys or objects, each once and in order, and where the next one begins.

    Raises:
        ProviderError: the store does not answer; `NotFound`: there is no such container.
    """
    lists = provider.objects if is_blobstore(provider) else provider.keys
    found, following = read_rows(lambda cursor, limit: lists(group, cursor, limit), place)
    return list(dict.fromkeys(found)), following


def exists(provider: Any, group: str, name: str) -> bool:
    """Whether there is such a key or object.

    Raises:
        ProviderError: the store does not answer; `NotFound`: there is no such container.
    """
    return bool(provider.object_exists(group, name) if is_blobstore(provider) else provider.exists(group, name))


def read(provider: Any, group: str, name: str) -> Found | None:
    """A value, of a large object only the beginning; None for a key that is not there.

    Raises:
        ProviderError: the store does not answer; `NotFound`: there is no such object.
    """
    if not is_blobstore(provider):
        value = provider.get(group, name)
        return None if value is None else Found(bytes(value), len(value))
    size = provider.object_info(group, name).size
    if size <= PICTURE_BYTES:
        data = b"".join(provider.read(group, name))
        return Found(data, len(data))
    return Found(b"".join(provider.read(group, name, 0, SHOWN_BYTES - 1))[:SHOWN_BYTES], size)


def read_whole(provider: Any, group: str, name: str) -> bytes:
    """All bytes of a value, of at most `CARRIED_BYTES`.

    Raises:
        ProviderError: it is larger, gone, or the store does not answer.
    """
    if not is_blobstore(provider):
        value = provider.get(group, name)
        if value is None:
            raise ProviderError(f"{name!r} is not there any more")
        if len(value) <= CARRIED_BYTES:
            return bytes(value)
        size = len(value)
    else:
        size = provider.object_info(group, name).size
        if size <= CARRIED_BYTES:
            return b"".join(provider.read(group, name))
    raise ProviderError(
        f"{name!r} has {size_text(size)}, and a page carries at most {size_text(CARRIED_BYTES)}; "
        "the Python line writes it to a file"
    )


def write(provider: Any, group: str, name: str, data: bytes, *, seen: bytes | None, force: bool = False) -> None:
    """Stores a value; a container that is not there is made.

    Args:
        seen: what is to be there before it, None for nothing.
        force: whatever is there is written over.

    Raises:
        Changed: something else is there.
        ProviderError: it can't be stored.
    """
    if not is_blobstore(provider):
        if force:
            provider.set(group, name, data)
        elif not provider.compare_and_swap(group, name, seen, data):
            raise Changed(_changed(name, seen is None))
        return
    if not force:
        _compare(provider, group, name, seen)
    write_pieces(provider, group, name, (data[at : at + CHUNK] for at in range(0, len(data), CHUNK)))


def write_pieces(provider: Any, group: str, name: str, pieces: Iterable[bytes]) -> None:
    """Stores an object as its bytes come, in place of the one that is there; a container that is not there is made.

    Args:
        pieces: what they raise ends it, and leaves what was there before.

    Raises:
        ProviderError: it can't be stored.
    """
    ensure_container(provider, group)
    with provider.write(group, name) as writer:
        for piece in pieces:
            writer.write(piece)


def check_sizes(provider: Any, files: Sequence[tuple[str, int]]) -> None:
    """Sees whether a store takes objects of those sizes.

    Args:
        files: name and bytes of each.

    Raises:
        TooLarge: one is over the limit of the store.
    """
    limit = getattr(provider, "object_limit", None)  # a class of somebody's own need not say
    for name, size in files:
        if limit is not None and size > limit:
            raise TooLarge(f"{name!r} has {size_text(size)}, and an object of this store at most {size_text(limit)}")


def delete(provider: Any, group: str, name: str) -> None:
    """Removes a key or object.

    Raises:
        ProviderError: it can't be removed.
    """
    if is_blobstore(provider):
        provider.delete_object(group, name)
    else:
        provider.delete(group, name)


def _compare(provider: Any, group: str, name: str, seen: bytes | None) -> None:
    """An object is no counter: looking first is as much as its interface can do."""
    there = provider.container_exists(group) and provider.object_exists(group, name)
    now = b"".join(provider.read(group, name, 0, len(seen or b""))) if there else None
    if now != seen:
        raise Changed(_changed(name, seen is None))


def _changed(name: str, new: bool) -> str:
    how = "is there already" if new else "has been changed by somebody else meanwhile"
    return f"{name!r} {how}. Save again to write over it"


# --- the same in Python ----------------------------------------------------------------------------


def read_code(link: str, blobs: bool, group: str, name: str | None) -> str:
    """The Python that reads a value, or lists the names when none is chosen.

    Args:
        link: the expression for the link, as in `lab.keyvalue`.
    """
    if name is None:
        return f"{link}.provider.{'objects' if blobs else 'keys'}({group!r}).items"
    if blobs:
        return f'b"".join({link}.provider.read({group!r}, {name!r}))'
    return f"{link}.provider.get({group!r}, {name!r})"


def groups_code(link: str, blobs: bool) -> str:
    """The Python that lists buckets or containers."""
    return f"{link}.provider.{'containers' if blobs else 'buckets'}().items"


def write_code(link: str, blobs: bool, group: str, name: str, data: bytes, *, new_container: bool = False) -> str:
    """The Python that stores a value, and makes its container first where that is new."""
    if not blobs:
        return f"{link}.provider.set({group!r}, {name!r}, {data!r})"
    first = f"{link}.provider.create_container({group!r})\n" if new_container else ""
    return f"{first}with {link}.provider.write({group!r}, {name!r}) as writer:\n    writer.write({data!r})"


def delete_code(link: str, blobs: bool, group: str, name: str) -> str:
    """The Python that removes a key or object."""
    return f"{link}.provider.{'delete_object' if blobs else 'delete'}({group!r}, {name!r})"


def download_code(link: str, blobs: bool, group: str, name: str, file: str) -> str:
    """The Python that writes a value to a file beside the notebook, in pieces where the store can."""
    value = f"{link}.provider.read({group!r}, {name!r})" if blobs else f"[{link}.provider.get({group!r}, {name!r})]"
    return f'with open({file!r}, "wb") as file:\n    file.writelines({value})'
