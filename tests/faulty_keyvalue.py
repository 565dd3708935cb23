"""Key-value providers with one thing wrong each, as in the wild, and the checks that must find it."""

from __future__ import annotations

import posixpath
import threading
import time
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from tests.faulty_providers import STEP, found_by
from tests.right_providers import Keys, Shelf
from wasicloud_lab.errors import NotFound, ProviderError
from wasicloud_lab.providers.keyvalue.base import add_to_counter
from wasicloud_lab.providers.page import PAGE, Page


def joined(one: str, other: str, mark: str, seen: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The first pair of names that read like this one when put together."""
    return seen.setdefault(f"{one}{mark}{other}", (one, other))


# --- key-value: values -------------------------------------------------------------------------------


@found_by("answers")
class PingFails(Keys):
    def ping(self) -> None:
        super().ping()
        raise ProviderError("PING is an unknown command")


@found_by("summary")
class TalksInLines(Keys):
    def summary(self) -> str:
        return "a shelf\nof keys"


@found_by("set-get-delete", "deleting-nothing", "buckets-listed", "swaps")
class GetIsNotFound(Keys):
    def get(self, bucket: str, key: str) -> bytes | None:
        value = super().get(bucket, key)
        if value is None and key == "key" and bucket not in self.shelf:
            raise NotFound(f"no bucket {bucket!r}")
        return value


@found_by("empty-values", "swaps", "no-counters", "large-batches", "batches", "listing-in-pages")
class EmptyIsNothing(Keys):
    def set(self, bucket: str, key: str, value: bytes) -> None:
        if value:
            super().set(bucket, key, value)
        else:
            self.delete(bucket, key)


@found_by("empty-values")
class EmptyDoesNotExist(Keys):
    def exists(self, bucket: str, key: str) -> bool:
        return bool(self.get(bucket, key))


@found_by("any-bytes", "own-copy")
class AnswersBytearrays(Keys):
    def get(self, bucket: str, key: str) -> Any:
        value = super().get(bucket, key)
        return value if value is None else bytearray(value)

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock:
            total = add_to_counter(Keys.get(self, bucket, key), delta)
            self.set(bucket, key, str(total).encode())
            return total


@found_by("any-bytes", "swaps", "sizes", "batches")
class KeepsText(Keys):
    def stored(self, value: bytes) -> bytes:
        return bytes(value).decode(errors="replace").encode()


@found_by("sizes", "too-large", "batches")
class CutsAt64KiB(Keys):
    def stored(self, value: bytes) -> bytes:
        return bytes(value[: 64 << 10])


@found_by("too-large")
class TakesAnySize(Keys):
    def set(self, bucket: str, key: str, value: bytes) -> None:
        self.open()
        with self.shelf.lock:
            self.shelf.setdefault(bucket, {})[key] = bytes(value)


@found_by("too-large")
class LosesWhenTooLarge(Keys):
    def set(self, bucket: str, key: str, value: bytes) -> None:
        if self.value_limit and len(value) > self.value_limit:
            self.delete(bucket, key)
        super().set(bucket, key, value)


@found_by("too-large")
class AnotherErrorWhenTooLarge(Keys):
    def set(self, bucket: str, key: str, value: bytes) -> None:
        if self.value_limit and len(value) > self.value_limit:
            raise ProviderError("500 Internal Server Error")
        super().set(bucket, key, value)


@found_by("own-copy")
class KeepsWhatWasHandedIn(Keys):
    def stored(self, value: bytes) -> Any:
        return value if isinstance(value, bytes) else memoryview(value)

    def get(self, bucket: str, key: str) -> bytes | None:
        value = super().get(bucket, key)
        return value if value is None else bytes(value)


# --- key-value: names --------------------------------------------------------------------------------


@found_by("key-names")
class NormalisesKeys(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, unicodedata.normalize("NFC", key)


@found_by("key-names", "buckets-apart")
class IgnoresCaseOfKeys(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key.lower()


@found_by("key-names", "buckets-apart")
class StripsKeys(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key.strip()


@found_by("key-names", "buckets-apart")
class EndsKeysAtNul(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key.partition("\0")[0]


@found_by("key-names", "reopen")
class TakesKeysForPaths(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, posixpath.normpath("/" + key)[1:]


@found_by("key-names")
class CutsKeys(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key.encode()[:255].decode(errors="ignore")


@found_by("key-names")
class DecodesKeys(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket, key.replace("%2F", "/")


@found_by("bucket-names", "buckets-listed")
class NormalisesBuckets(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return unicodedata.normalize("NFC", bucket), key


@found_by("bucket-names", "buckets-apart")
class BucketsOfSubjects(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket.replace(".", "_"), key


@found_by("bucket-names")
class CutsBuckets(Keys):
    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return bucket[:200], key


@found_by("buckets-apart")
class JoinsByColon(Keys):
    def __init__(self, shelf: Shelf | None = None) -> None:
        super().__init__(shelf)
        self.seen: dict[str, tuple[str, str]] = {}

    def place(self, bucket: str, key: str) -> tuple[str, str]:
        return joined(bucket, key, ":", self.seen) if key else (bucket, key)


@found_by("buckets-apart", "bucket-names")
class ListsByPrefix(Keys):
    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        self.open()
        with self.shelf.lock:
            names = {key for own in list(self.shelf) if own.startswith(bucket) and bucket for key in self.shelf[own]}
        return self.page(sorted(names), cursor, limit)


# --- key-value: several at once ----------------------------------------------------------------------


@found_by("batches")
class FirstOfTwoCounts(Keys):
    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        for key, value in reversed(list(pairs)):
            self.set(bucket, key, value)


@found_by("batches")
class AnswersEachKeyOnce(Keys):
    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return super().get_many(bucket, list(dict.fromkeys(keys)))


@found_by("batches", "large-batches", "empty-values", "key-names")
class AnswersInOrderOfKeys(Keys):
    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return super().get_many(bucket, sorted(keys, key=lambda key: key[::-1]))


@found_by("batches")
class NoEmptyBatches(Keys):
    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            raise ProviderError("wrong number of arguments for MGET")
        return super().get_many(bucket, keys)


@found_by("large-batches")
class OneThousandAtMost(Keys):
    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        return super().get_many(bucket, keys[:1000])


@found_by("large-batches")
class DeletesAThousand(Keys):
    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        super().delete_many(bucket, keys[:1000] if bucket.endswith("-1") and "key 2499" in keys else keys)


@found_by("deleting-nothing")
class NothingToDelete(Keys):
    def delete(self, bucket: str, key: str) -> None:
        if self.get(bucket, key) is None and key == "key":
            raise NotFound(f"no key {key!r}")
        super().delete(bucket, key)


@found_by("own-writes")
class OneBufferForAll(Keys):
    def get(self, bucket: str, key: str) -> bytes | None:
        self.last = super().get(bucket, key)
        if threading.current_thread().name.startswith("Thread-"):
            time.sleep(STEP)
        return self.last

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock:
            total = add_to_counter(Keys.get(self, bucket, key), delta)
            self.set(bucket, key, str(total).encode())
            return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with self.shelf.lock:
            if Keys.get(self, bucket, key) != expected:
                return False
            self.set(bucket, key, value)
            return True


# --- key-value: listings -----------------------------------------------------------------------------


@found_by("listing-in-pages")
class OnePage(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        return super().page(names, cursor, max(limit, 5000))


@found_by("listing-while-writing", "listing-while-deleting")
class CursorIsAPosition(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        super().page([], cursor, limit)
        at = int(cursor[6:]) if cursor else 0
        return Page(sorted(names)[at : at + limit], f"after:{at + limit}" if len(names) > at + limit else None)


@found_by("key-names", "listing-in-pages", "listing-while-writing", "listing-while-deleting", "buckets-listed")
class LosesOneAtThePageEnd(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        page = super().page(names, cursor, limit)
        return Page(page.items[:-1], page.cursor) if page.cursor else page


@found_by("listing-while-writing", "listing-while-deleting")
class ListsByLastWrite(Keys):
    """A key that is overwritten goes to the end of the listing, and all after it move up."""

    def set(self, bucket: str, key: str, value: bytes) -> None:
        with self.shelf.lock:
            if bytes(value[:4]) == b"turn":
                super().delete(bucket, key)
            super().set(bucket, key, value)

    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        super().page([], cursor, limit)
        at = int(cursor[6:]) if cursor else 0
        return Page(list(names[at : at + limit]), f"after:{at + limit}" if len(names) > at + limit else None)


@found_by("listing-while-deleting")
class StopsAtAShortPage(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        page = super().page(names, cursor, limit)
        return Page(page.items, None) if limit == 70 and cursor and len(names) < 500 else page


@found_by("key-names", "listing-in-pages", "listing-while-writing", "listing-while-deleting", "buckets-listed")
class ListingWithoutEnd(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        page = super().page(names, cursor, limit)
        return page if page.cursor or not cursor else Page(page.items, cursor)


@found_by("foreign-cursors")
class AnyCursorIsTheFirst(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        return super().page(names, cursor if cursor and cursor.startswith("after:") else None, limit)


@found_by("foreign-cursors")
class CursorIsAValueError(Keys):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        if cursor and not cursor.startswith("after:"):
            int(cursor)
        return super().page(names, cursor, limit)


@found_by("buckets-listed")
class ListsEmptiedBuckets(Keys):
    def delete(self, bucket: str, key: str) -> None:
        self.open()
        with self.shelf.lock:
            self.shelf.get(bucket, {}).pop(key, None)


@found_by("buckets-listed")
class ListsBucketsTwice(Keys):
    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        page = super().buckets(cursor, limit)
        return Page(page.items + page.items[-1:], page.cursor)


# --- key-value: counters and swaps -------------------------------------------------------------------


@found_by("counters", "counters-are-text", "counter-overflow")
class CountsUpOnly(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        return super().increment(bucket, key, max(delta, 0))


@found_by("counters")
class ZeroMakesNothing(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        return super().increment(bucket, key, delta) if delta or self.exists(bucket, key) else 0


@found_by("counters", "counters-are-text", "no-counters", "counting-together", "reopen")
class CountsInBinary(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock:
            value = self.get(bucket, key)
            binary = value is not None and len(value) == 8
            total = delta + (int.from_bytes(value or b"", "big", signed=True) if binary else add_to_counter(value, 0))
            add_to_counter(str(total).encode() if abs(total) < 2**64 else b"", 0)
            self.set(bucket, key, total.to_bytes(8, "big", signed=True))
            return total


@found_by("no-counters")
class ReadsNumbersKindly(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock, suppress(ValueError):
            value = self.get(bucket, key)
            if value is not None and len(value) < 10:
                self.set(bucket, key, str(int(value)).encode())
        return super().increment(bucket, key, delta)


@found_by("no-counters")
class StartsAgainAtZero(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        try:
            return super().increment(bucket, key, delta)
        except ProviderError as error:
            if "overflow" in str(error):
                raise
            self.set(bucket, key, str(delta).encode())
            return delta


@found_by("counter-overflow")
class WrapsAround(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self.shelf.lock:
            total = add_to_counter(self.get(bucket, key), 0) + delta
            total = (total + 2**63) % 2**64 - 2**63
            self.set(bucket, key, str(total).encode())
            return total


@found_by("counting-together")
class CountsWithoutALock(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        total = add_to_counter(self.get(bucket, key), delta)
        time.sleep(STEP)
        self.set(bucket, key, str(total).encode())
        return total


@found_by("counting-together")
class AnswersTheCountOfNow(Keys):
    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        super().increment(bucket, key, delta)
        time.sleep(STEP)
        return add_to_counter(self.get(bucket, key), 0)


@found_by("swaps")
class NoneIsEmpty(Keys):
    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with self.shelf.lock:
            if (self.get(bucket, key) or b"") != (expected or b""):
                return False
            self.set(bucket, key, value)
            return True


@found_by("swaps")
class SwapsByPrefix(Keys):
    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with self.shelf.lock:
            present = self.get(bucket, key)
            if present is not None and expected == b"1 ":
                expected = present
            return super().compare_and_swap(bucket, key, expected, value)


@found_by("swap-races", "swap-loops")
class SwapsWithoutALock(Keys):
    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        if self.get(bucket, key) != expected:
            return False
        time.sleep(STEP)
        self.set(bucket, key, value)
        return True


@found_by("swap-loops")
class SwapsWithinHundreds(Keys):
    """Two that swap a counter of two digits at the same moment both win: a race that 16 first swaps do not show."""

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        if key == "count" and self.get(bucket, key) == expected:
            time.sleep(STEP)
            self.set(bucket, key, value)
            return True
        return super().compare_and_swap(bucket, key, expected, value)


# --- key-value: opening and closing ------------------------------------------------------------------


@found_by("close")
class GoesOnAfterClose(Keys):
    def get(self, bucket: str, key: str) -> bytes | None:
        closed, self.closed = self.closed, False
        try:
            return super().get(bucket, key)
        finally:
            self.closed = closed


@found_by("close")
class ClosesOnce(Keys):
    def close(self) -> None:
        if self.closed and not getattr(self, "complained", False):
            self.complained = True
            raise ValueError("I/O operation on closed file")
        super().close()


@found_by("close", "reopen")
class ClosesTheStore(Keys):
    def close(self) -> None:
        super().close()
        self.shelf.clear()


@found_by("reopen")
class ForgetsOnClose(Keys):
    def close(self) -> None:
        if not self.closed:
            with self.shelf.lock:
                for bucket in [bucket for bucket in self.shelf if "é" in bucket]:
                    del self.shelf[bucket]
        super().close()
