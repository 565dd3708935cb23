"""wasi:keyvalue 0.2.0-draft and 0.2.0-draft2: store, atomics, batch.

The drafts share their names and differ in some types: a cursor is a number or text, a count is unsigned or
signed. Each import is served by the class whose shape it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import Denied, Err, NotFound, ProviderError
from ...host.interface import InterfaceName, interface, resource
from ...host.types import Function, Interface, ListOf, OptionOf, Prim, ResultOf, TupleOf, Type
from ...host.values import Variant
from ...providers.keyvalue.base import INT64_MAX
from .cursors import Cursors
from .plugged import failure, key_page, store, value_bytes, values, whole_number

_CURSORS = Cursors()


def failed(error: Exception) -> Err:
    """The `error` for a provider's failure.

    Raises:
        GuestError: it is not the provider's: the guest itself must end.
    """
    if isinstance(error, Denied):
        return Err(Variant("access-denied"))
    if isinstance(error, NotFound):
        return Err(Variant("no-such-store"))
    return Err(Variant("other", failure(error)))


class KeyResponse(NamedTuple):
    """wasi:keyvalue/store `key-response`: part of a listing, and where it goes on."""

    keys: list[str]
    cursor: Any


@resource
class Bucket:
    """wasi:keyvalue/store `bucket`: a name. What holds it is looked up at each call."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> bytes | None:
        provider = store()
        try:
            return value_bytes(provider.get(self.name, key))
        except Exception as error:
            raise failed(error) from None

    def set(self, key: str, value: bytes) -> None:
        provider = store()
        try:
            provider.set(self.name, key, value)
        except Exception as error:
            raise failed(error) from None

    def delete(self, key: str) -> None:
        provider = store()
        try:
            provider.delete(self.name, key)
        except Exception as error:
            raise failed(error) from None

    def exists(self, key: str) -> bool:
        provider = store()
        try:
            return bool(provider.exists(self.name, key))
        except Exception as error:
            raise failed(error) from None

    def list_keys(self, cursor: str | None) -> KeyResponse:
        provider = store()
        try:
            return KeyResponse(*key_page(provider.keys(self.name, cursor)))
        except Exception as error:
            raise failed(error) from None


class NumberedBucket(Bucket):
    """A bucket whose cursors are numbers."""

    __slots__ = ()

    def list_keys(self, cursor: int | None) -> KeyResponse:  # type: ignore[override]
        provider = store()
        try:
            keys, following = key_page(provider.keys(self.name, None if cursor is None else _CURSORS.cursor(cursor)))
        except Exception as error:
            raise failed(error) from None
        return KeyResponse(keys, None if following is None else _CURSORS.number(following))


@interface("wasi:keyvalue/store@0.2.0-draft", "wasi:keyvalue/store@0.2.0-draft2")
class Store:
    """The interface wasi:keyvalue/store."""

    Bucket: type[Bucket] = Bucket

    def open(self, identifier: str) -> Any:
        store()  # nothing linked is better said here than at the first get
        return Bucket(identifier)

    def for_import(self, name: InterfaceName, item: Interface) -> Store:
        """The class with the cursors that an import has."""
        listing = item.functions.get("[method]bucket.list-keys")
        return _NUMBERED_STORE if listing and _param(listing, "cursor") == OptionOf(Prim("u64")) else self


class NumberedStore(Store):
    """The interface wasi:keyvalue/store, where cursors are numbers."""

    Bucket = NumberedBucket


_NUMBERED_STORE = NumberedStore()


@resource
class Cas:
    """wasi:keyvalue/atomics `cas`: what a key's value was when the handle was made."""

    def __init__(self, bucket: str, key: str, known: bytes | None) -> None:
        self.bucket = bucket
        self.key = key
        self.known = known

    @staticmethod
    def new(bucket: Bucket, key: str) -> Cas:
        provider = store()
        try:
            return Cas(bucket.name, key, value_bytes(provider.get(bucket.name, key)))
        except Exception as error:
            raise failed(error) from None

    def current(self) -> bytes | None:
        return self.known


@interface("wasi:keyvalue/atomics@0.2.0-draft", "wasi:keyvalue/atomics@0.2.0-draft2")
class Atomics:
    """The interface wasi:keyvalue/atomics."""

    Cas = Cas

    def increment(self, bucket: Bucket, key: str, delta: int) -> int:
        provider = store()
        try:
            return whole_number(provider.increment(bucket.name, key, delta))
        except Exception as error:
            raise failed(error) from None

    def swap(self, cas: Any, value: bytes) -> None:
        provider = store()
        try:
            if provider.compare_and_swap(cas.bucket, cas.key, cas.known, value):
                return
            now = Cas(cas.bucket, cas.key, value_bytes(provider.get(cas.bucket, cas.key)))
        except Exception as error:
            raise Err(Variant("store-error", failed(error).value)) from None
        raise Err(Variant("cas-failed", now))

    def for_import(self, name: InterfaceName, item: Interface) -> Atomics:
        """The class with the counts that an import has."""
        increment = item.functions.get("increment")
        return _UNSIGNED_ATOMICS if increment and _param(increment, "delta") == Prim("u64") else self


class UnsignedAtomics(Atomics):
    """The interface wasi:keyvalue/atomics, where counts are unsigned."""

    def increment(self, bucket: Bucket, key: str, delta: int) -> int:
        return add_unsigned(bucket.name, key, delta)


_UNSIGNED_ATOMICS = UnsignedAtomics()


def add_unsigned(bucket: str, key: str, delta: int, failed: Callable[[Exception], Err] = failed) -> int:
    """An increment by a guest whose counts have no sign, on a store whose counters have one.

    Raises:
        Err: from `failed`: the provider's failure, or a count that the guest's type can't say.
    """
    provider = store()
    try:
        if delta > INT64_MAX:
            raise ProviderError(f"counters go up to {INT64_MAX}; {delta} can't be added to one")
        count = whole_number(provider.increment(bucket, key, delta))
        if count < 0:
            raise ProviderError(f"the counter is {count} now, which a count without a sign can't say")
        return count
    except Exception as error:
        raise failed(error) from None


@interface("wasi:keyvalue/batch@0.2.0-draft", "wasi:keyvalue/batch@0.2.0-draft2")
class Batch:
    """The interface wasi:keyvalue/batch."""

    def get_many(self, bucket: Bucket, keys: list[str]) -> list[Any]:
        found = _get_many(bucket, keys)
        return [None if value is None else (key, value) for key, value in zip(keys, found)]

    def set_many(self, bucket: Bucket, key_values: list[tuple[str, bytes]]) -> None:
        provider = store()
        try:
            provider.set_many(bucket.name, key_values)
        except Exception as error:
            raise failed(error) from None

    def delete_many(self, bucket: Bucket, keys: list[str]) -> None:
        provider = store()
        try:
            provider.delete_many(bucket.name, keys)
        except Exception as error:
            raise failed(error) from None

    def for_import(self, name: InterfaceName, item: Interface) -> Batch:
        """The class with the `get-many` that an import has."""
        get_many = item.functions.get("get-many")
        return _KEYED_BATCH if get_many and isinstance(_each(get_many), TupleOf) else self


class KeyedBatch(Batch):
    """The interface wasi:keyvalue/batch as draft2 has it since 2026: `get-many` names every key."""

    def get_many(self, bucket: Bucket, keys: list[str]) -> list[Any]:
        return list(zip(keys, _get_many(bucket, keys)))


_KEYED_BATCH = KeyedBatch()


def _get_many(bucket: Bucket, keys: list[str]) -> list[bytes | None]:
    provider = store()
    try:
        return values(provider.get_many(bucket.name, keys), len(keys))
    except Exception as error:
        raise failed(error) from None


def _param(function: Function, name: str) -> Type | None:
    return dict(function.params).get(name)


def _each(function: Function) -> Type | None:
    """The type of the elements that a function answers in a list."""
    result = function.result.ok if isinstance(function.result, ResultOf) else function.result
    return result.element if isinstance(result, ListOf) else None
