"""How buckets and keys land in Redis: two layouts, each a table of the commands for what a store does.

- `hash`: a bucket is a Redis hash, a key one of its fields. What `HSET user:ricochet animal dog` wrote is bucket
  `user:ricochet`, key `animal`.
- `prefix`: a key is the Redis key `bucket:key`, as wasmCloud's hosts write it. So that the last colon always
  separates, `%` and `:` in the key (not in the bucket) are written `%25` and `%3A`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

#: What Redis gets: the command's name and its arguments.
Command = tuple[Any, ...]


class Layout(Protocol):
    """The commands of one layout.

    Attributes:
        words: what a summary calls it.
        holds: what a bucket or key is in Redis, for an error about one that is something else.
        mixed: whether `key_scan` walks over more than the one bucket.
    """

    words: str
    holds: str
    mixed: bool

    def place(self, bucket: str, key: str) -> str:
        """The Redis key that a value lives in, or under."""

    def get(self, bucket: str, key: str) -> Command:
        """Answers the value, or nil."""

    def set(self, bucket: str, key: str, value: bytes) -> Command:
        """Stores it."""

    def add(self, bucket: str, key: str, value: bytes) -> Command:
        """Stores it if the key is not there; answers something true if it did."""

    def delete(self, bucket: str, keys: Sequence[str]) -> Command:
        """Removes at least one key."""

    def exists(self, bucket: str, key: str) -> Command:
        """Answers 1 or 0."""

    def increment(self, bucket: str, key: str, delta: int) -> Command:
        """Answers the new count."""

    def get_many(self, bucket: str, keys: Sequence[str]) -> Command:
        """Answers a list of values and nils for at least one key."""

    def set_many(self, bucket: str, pairs: Sequence[tuple[str, bytes]]) -> Command:
        """Stores at least one pair."""

    def key_scan(self, bucket: str, at: int, count: int, bare: bool) -> Command:
        """A step through the keys of a bucket; `bare` leaves the values out where they would come along."""

    def key_names(self, bucket: str, found: list[bytes], bare: bool) -> list[str]:
        """The keys in a step's answer."""

    def bucket_scan(self, at: int, count: int) -> Command:
        """A step through the buckets."""

    def bucket_names(self, found: list[bytes]) -> list[str]:
        """The buckets in a step's answer; one may be there several times."""


class Hashes:
    """Bucket = hash, key = field."""

    words = "hashes"
    holds = "a hash"
    mixed = False

    def place(self, bucket: str, key: str) -> str:
        return bucket

    def get(self, bucket: str, key: str) -> Command:
        return "HGET", bucket, key

    def set(self, bucket: str, key: str, value: bytes) -> Command:
        return "HSET", bucket, key, value

    def add(self, bucket: str, key: str, value: bytes) -> Command:
        return "HSETNX", bucket, key, value

    def delete(self, bucket: str, keys: Sequence[str]) -> Command:
        return "HDEL", bucket, *keys

    def exists(self, bucket: str, key: str) -> Command:
        return "HEXISTS", bucket, key

    def increment(self, bucket: str, key: str, delta: int) -> Command:
        return "HINCRBY", bucket, key, delta

    def get_many(self, bucket: str, keys: Sequence[str]) -> Command:
        return "HMGET", bucket, *keys

    def set_many(self, bucket: str, pairs: Sequence[tuple[str, bytes]]) -> Command:
        return "HSET", bucket, *(part for pair in pairs for part in pair)

    def key_scan(self, bucket: str, at: int, count: int, bare: bool) -> Command:
        return ("HSCAN", bucket, at, "COUNT", count, "NOVALUES") if bare else ("HSCAN", bucket, at, "COUNT", count)

    def key_names(self, bucket: str, found: list[bytes], bare: bool) -> list[str]:
        return _readable(found if bare else found[::2])

    def bucket_scan(self, at: int, count: int) -> Command:
        return "SCAN", at, "COUNT", count, "TYPE", "hash"

    def bucket_names(self, found: list[bytes]) -> list[str]:
        return _readable(found)


class Prefixed:
    """Redis key = `bucket:key`."""

    words = "keys bucket:key"
    holds = "a string"
    mixed = True

    def place(self, bucket: str, key: str) -> str:
        return f"{bucket}:{key.replace('%', '%25').replace(':', '%3A')}"

    def get(self, bucket: str, key: str) -> Command:
        return "GET", self.place(bucket, key)

    def set(self, bucket: str, key: str, value: bytes) -> Command:
        return "SET", self.place(bucket, key), value

    def add(self, bucket: str, key: str, value: bytes) -> Command:
        return "SET", self.place(bucket, key), value, "NX"

    def delete(self, bucket: str, keys: Sequence[str]) -> Command:
        return "DEL", *(self.place(bucket, key) for key in keys)

    def exists(self, bucket: str, key: str) -> Command:
        return "EXISTS", self.place(bucket, key)

    def increment(self, bucket: str, key: str, delta: int) -> Command:
        return "INCRBY", self.place(bucket, key), delta

    def get_many(self, bucket: str, keys: Sequence[str]) -> Command:
        return "MGET", *(self.place(bucket, key) for key in keys)

    def set_many(self, bucket: str, pairs: Sequence[tuple[str, bytes]]) -> Command:
        return "MSET", *(part for key, value in pairs for part in (self.place(bucket, key), value))

    def key_scan(self, bucket: str, at: int, count: int, bare: bool) -> Command:
        return "SCAN", at, "MATCH", f"{_literally(bucket)}:*", "COUNT", count, "TYPE", "string"

    def key_names(self, bucket: str, found: list[bytes], bare: bool) -> list[str]:
        # `a:*` also matches `a:b:c`, which is bucket `a:b`.
        return [key for owner, key in self._split(found) if owner == bucket]

    def bucket_scan(self, at: int, count: int) -> Command:
        return "SCAN", at, "COUNT", count, "TYPE", "string"

    def bucket_names(self, found: list[bytes]) -> list[str]:
        return [bucket for bucket, _ in self._split(found)]

    def _split(self, found: list[bytes]) -> list[tuple[str, str]]:
        """Bucket and key of each name that this layout could have written: no other can be asked for again."""
        pairs = []
        for name in _readable(found):
            bucket, colon, written = name.rpartition(":")
            key = written.replace("%3A", ":").replace("%25", "%")
            if colon and self.place(bucket, key) == name:
                pairs.append((bucket, key))
        return pairs


LAYOUTS: dict[str, Layout] = {"hash": Hashes(), "prefix": Prefixed()}


def _readable(names: list[bytes]) -> list[str]:
    """Those that are UTF-8: a name is text to whoever lists it."""
    texts = []
    for name in names:
        try:
            texts.append(name.decode())
        except UnicodeDecodeError:
            continue
    return texts


def _literally(text: str) -> str:
    """A pattern for SCAN's MATCH that matches the text alone."""
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)
