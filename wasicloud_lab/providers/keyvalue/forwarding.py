"""A key-value provider that hands everything on to another one: what the wrappers are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..page import PAGE, Page
from ..trouble import Call, Wrapper
from .base import KeyValueProvider


class KeyValueWrapper(Wrapper[KeyValueProvider], KeyValueProvider):
    """Hands every operation to the inner provider; the base of the others, and of your own.

    Overridden are `_do`, which each operation goes through, and `_stored` for the bucket's name.
    """

    _wraps = (KeyValueProvider, "key-value")

    @property
    def value_limit(self) -> int | None:  # type: ignore[override]  # asked anew: a store may learn its limit late
        """The inner provider's."""
        return self.inner.value_limit

    @property
    def lists_twice(self) -> bool:  # type: ignore[override]
        """The inner provider's."""
        return self.inner.lists_twice

    def _stored(self, bucket: str) -> str:
        """A bucket's name in the inner provider."""
        return bucket

    def get(self, bucket: str, key: str) -> bytes | None:
        return self._do(Call("get", bucket, key), lambda: self.inner.get(self._stored(bucket), key))

    def set(self, bucket: str, key: str, value: bytes) -> None:
        call = Call("set", bucket, key, len(value))
        return self._do(call, lambda: self.inner.set(self._stored(bucket), key, value))

    def delete(self, bucket: str, key: str) -> None:
        return self._do(Call("delete", bucket, key), lambda: self.inner.delete(self._stored(bucket), key))

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._do(Call("keys", bucket), lambda: self.inner.keys(self._stored(bucket), cursor, limit))

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return self._do(Call("buckets"), lambda: self.inner.buckets(cursor, limit))

    def exists(self, bucket: str, key: str) -> bool:
        return self._do(Call("exists", bucket, key), lambda: self.inner.exists(self._stored(bucket), key))

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        call = Call("increment", bucket, key)
        return self._do(call, lambda: self.inner.increment(self._stored(bucket), key, delta))

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        call = Call("compare_and_swap", bucket, key, len(value))
        return self._do(call, lambda: self.inner.compare_and_swap(self._stored(bucket), key, expected, value))

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        call = Call("get_many", bucket, f"{len(keys)} keys")
        return self._do(call, lambda: self.inner.get_many(self._stored(bucket), keys))

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        pairs = list(pairs)
        call = Call("set_many", bucket, f"{len(pairs)} keys", sum(len(value) for _, value in pairs))
        return self._do(call, lambda: self.inner.set_many(self._stored(bucket), pairs))

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        call = Call("delete_many", bucket, f"{len(keys)} keys")
        return self._do(call, lambda: self.inner.delete_many(self._stored(bucket), keys))
