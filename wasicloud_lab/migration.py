"""Moves data from one provider to another, and takes it back when that fails half-way.

What the target already has stays, but for names that the source has as well: there the source's bytes
count. Nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from .errors import LabError, NotFound, ProviderError, SwapRefused, TooLarge
from .providers.address import masked
from .providers.blobstore.base import BlobstoreProvider
from .providers.keyvalue.base import KeyValueProvider
from .providers.page import every
from .units import size_text

#: Bytes of values that one step of a copy should hold, about.
STEP = 4 << 20
#: Keys whose values are read at once, at most.
READ = 100
#: Bytes of overwritten values that are kept, to put them back after a failure.
KEPT = 64 << 20


@dataclass(frozen=True)
class Moved:
    """How much has been copied so far, or in all.

    Attributes:
        buckets: buckets or containers.
        items: keys or objects.
        size: bytes of their values.
        unit: "keys" or "objects".
    """

    buckets: int = 0
    items: int = 0
    size: int = 0
    unit: str = "keys"

    def plus(self, items: int, size: int) -> Moved:
        return replace(self, items=self.items + items, size=self.size + size)

    def __str__(self) -> str:
        return f"{self.items:,} {self.unit if self.items != 1 else self.unit[:-1]}, {size_text(self.size)}"


#: Told about each step; raises to end the copy.
Told = Callable[[Moved], None]


def copy_keys(source: KeyValueProvider, target: KeyValueProvider, told: Told) -> Moved:
    """Copies every key of every bucket, and reads it back.

    Raises:
        SwapRefused: it can't be; the target is as it was before, or the message names what is left there.
    """
    moved = Moved()
    undo = _Keys(target)
    try:
        for bucket in dict.fromkeys(every(source.buckets)):
            moved = replace(moved, buckets=moved.buckets + 1)
            for keys, values in _slices(source, bucket):
                _fit(source, target, bucket, keys, values)
                undo.remember(bucket, keys)
                target.set_many(bucket, zip(keys, values))
                if target.get_many(bucket, keys) != values:
                    raise ProviderError(f"{target.summary()} does not give back what was stored in bucket {bucket!r}")
                moved = moved.plus(len(keys), sum(map(len, values)))
                told(moved)
    except BaseException as error:
        _refuse(error, undo.run(), target)
        raise
    return moved


def _slices(source: KeyValueProvider, bucket: str) -> Iterator[tuple[list[str], list[bytes]]]:
    """The keys of a bucket with their values, as many at a time as keep a step small.

    A store does not tell how large its values are before they are read, so they are read a few at a time, and gathered.
    """
    read = most = 16
    seen: set[str] = set()  # a store may list a key twice
    waiting: list[str] = []
    for key in every(lambda cursor: source.keys(bucket, cursor)):
        if key not in seen:
            seen.add(key)
            waiting.append(key)
    at = size = 0
    keys: list[str] = []
    values: list[bytes] = []
    while at < len(waiting):
        asked = waiting[at : at + min(read, most - len(keys))]
        at += len(asked)
        before = size
        for key, value in zip(asked, source.get_many(bucket, asked)):
            if value is not None:
                keys.append(key)
                values.append(value)
                size += len(value)
        # As many at once as would have stayed below a step.
        read = min(read * 2, READ) if size - before < STEP // 4 else max(read // 4, 1) if size - before > STEP else read
        if keys and (len(keys) >= most or size > STEP // 2):
            yield keys, values
            keys, values, size = [], [], 0
            most = min(most * 2, 1000)
    if keys:
        yield keys, values


def _fit(source: KeyValueProvider, target: KeyValueProvider, bucket: str, keys: list[str], values: list[bytes]) -> None:
    limit = getattr(target, "value_limit", None)  # a class of somebody's own need not say
    if limit is None:
        return
    for key, value in zip(keys, values):
        if len(value) > limit:
            raise TooLarge(
                f"{key!r} in bucket {bucket!r} of {source.summary()} has {size_text(len(value))}, "
                f"and {target.summary()} holds {size_text(limit)} at most"
            )


class _Keys:
    """What a copy has changed in its target."""

    def __init__(self, target: KeyValueProvider) -> None:
        self._target = target
        self._made: dict[str, list[str]] = {}
        self._before: dict[str, list[tuple[str, bytes]]] = {}
        self._kept = 0
        self._lost = 0

    def remember(self, bucket: str, keys: list[str]) -> None:
        """Before keys are written."""
        for key, value in zip(keys, self._target.get_many(bucket, keys)):
            if value is None:
                self._made.setdefault(bucket, []).append(key)
            elif self._kept + len(value) <= KEPT:
                self._kept += len(value)
                self._before.setdefault(bucket, []).append((key, value))
            else:
                self._lost += 1

    def run(self) -> str:
        """Takes everything back; answers what could not be, in words."""
        left = 0
        where: list[str] = []
        for bucket in {**self._made, **self._before}:
            made, before = self._made.get(bucket, []), self._before.get(bucket, [])
            try:
                self._target.delete_many(bucket, made)
                self._target.set_many(bucket, before)
            except Exception:
                left += len(made) + len(before)
                where.append(repr(bucket))
        words = []
        if left:
            words.append(f"up to {left:,} copied keys are left in its bucket{_list(where)}")
        if self._lost:
            words.append(f"{self._lost:,} of its keys may have been overwritten")
        return " and ".join(words)


def copy_containers(source: BlobstoreProvider, target: BlobstoreProvider, told: Told) -> Moved:
    """Copies every object of every container, chunk by chunk.

    Raises:
        SwapRefused: it can't be; the target is as it was before, or the message names what is left there.
    """
    moved = Moved(unit="objects")
    undo = _Objects(target)
    try:
        for container in every(source.containers):
            moved = replace(moved, buckets=moved.buckets + 1)
            if not target.container_exists(container):
                target.create_container(container)
                undo.containers.append(container)
            for name in every(lambda cursor, container=container: source.objects(container, cursor)):  # type: ignore[misc]
                size = source.object_info(container, name).size
                limit = getattr(target, "object_limit", None)  # a class of somebody's own need not say
                if limit is not None and size > limit:
                    raise TooLarge(
                        f"{name!r} in container {container!r} of {source.summary()} has {size_text(size)}, "
                        f"and {target.summary()} holds {size_text(limit)} at most"
                    )
                undo.remember(container, name)
                copied = 0
                with target.write(container, name) as writer:
                    for chunk in source.read(container, name):
                        writer.write(chunk)
                        copied += len(chunk)
                        told(moved.plus(0, copied))
                if target.object_info(container, name).size != copied:
                    raise ProviderError(f"{target.summary()} did not keep all of {name!r} in container {container!r}")
                moved = moved.plus(1, copied)
                told(moved)
    except BaseException as error:
        _refuse(error, undo.run(), target)
        raise
    return moved


class _Objects:
    """What a copy has changed in its target."""

    def __init__(self, target: BlobstoreProvider) -> None:
        self._target = target
        self.containers: list[str] = []
        self._made: list[tuple[str, str]] = []
        self._replaced: list[tuple[str, str]] = []

    def remember(self, container: str, name: str) -> None:
        """Before an object is written."""
        there = container not in self.containers and self._target.object_exists(container, name)
        (self._replaced if there else self._made).append((container, name))

    def run(self) -> str:
        """Takes back what can be; answers what could not, in words. A replaced object's old bytes are gone."""
        left: list[str] = []
        for container in self.containers:
            try:
                with suppress(NotFound):
                    self._target.delete_container(container)
            except Exception:
                left.append(f"container {container!r}")
        for container, name in self._made:
            if container in self.containers:
                continue
            try:
                self._target.delete_object(container, name)
            except Exception:
                left.append(f"{container}/{name}")
        words = []
        if left:
            words.append(f"what was copied is left there:{_list(left)}")
        if self._replaced:
            words.append(f"these may have been replaced:{_list([f'{c}/{n}' for c, n in self._replaced])}")
        return " and ".join(words)


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f" {', '.join(names[:5])}{more}"


def _refuse(error: BaseException, left: str, target: KeyValueProvider | BlobstoreProvider) -> None:
    """Words the failure of a copy, after it has been taken back. An interrupt stays one."""
    if not isinstance(error, Exception):
        return
    told = str(error) if isinstance(error, LabError) and str(error) else f"{type(error).__name__}: {error}".rstrip(": ")
    told = masked(told)  # it may be the words of a stranger's provider, URL and all
    after = f"In {target.summary()} {left}." if left else f"What had been copied to {target.summary()} was taken back."
    raise SwapRefused(f"{told.rstrip('.')}. {after}") from None
