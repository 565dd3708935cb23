"""What a key-value provider is: buckets of keys, each with its bytes.

A provider written in a cell is a subclass with four methods; the rest has a default on top of them:

    class Shouting(wl.KeyValueProvider):
        def get(self, bucket, key): ...
        def set(self, bucket, key, value): ...
        def delete(self, bucket, key): ...
        def keys(self, bucket, cursor=None, limit=1000): ...

Every provider stores the same bytes for the same calls, so that data means the same after a swap: a counter
is decimal text. Buckets need no making: one exists as soon as a key is set in it. Names of buckets and
keys are any UTF-8 text, the empty one included. A provider is used by many threads at once.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence

from ...errors import ProviderError
from ..page import PAGE, Page

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_COUNTER = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def read_counter(value: bytes | None) -> int:
    """The number that a value says, as Redis's INCR reads it; 0 for a key that is not there.

    Raises:
        ProviderError: it is not the decimal text of a signed 64-bit integer.
    """
    if value is None:
        return 0
    if _COUNTER.fullmatch(value) and INT64_MIN <= int(value) <= INT64_MAX:
        return int(value)
    raise ProviderError(
        f"the value {bytes(value[:20])!r}{'…' if len(value) > 20 else ''} is not a counter: "
        "wanted the decimal text of a 64-bit integer"
    )


def add_to_counter(value: bytes | None, delta: int) -> int:
    """The counter after an increment.

    Raises:
        ProviderError: the value is no counter, or the sum is no signed 64-bit integer.
    """
    total = read_counter(value) + delta
    if not INT64_MIN <= total <= INT64_MAX:
        raise ProviderError("the increment would overflow the counter, a signed 64-bit integer")
    return total


class KeyValueProvider:
    """Base of all key-value providers. Every method may raise `ProviderError` or one of its kinds.

    Attributes:
        value_limit: bytes that a value may have; None where only memory or disk bounds it. A longer one
            is refused with `TooLarge`.
    """

    value_limit: int | None = None

    # --- what each provider says -------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> bytes | None:
        """The value, or None for a key that is not there."""
        raise NotImplementedError

    def set(self, bucket: str, key: str, value: bytes) -> None:
        """Stores a value, over another if there is one."""
        raise NotImplementedError

    def delete(self, bucket: str, key: str) -> None:
        """Removes a key; one that is not there is no error."""
        raise NotImplementedError

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        """A page of keys, about `limit` of them.

        A key that is there all the while appears on some page; one that comes or goes meanwhile may or may
        not. No key appears twice unless the provider says so (`lists_twice`).

        Raises:
            ProviderError: the cursor is not of this kind of store.
        """
        raise NotImplementedError

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        """A page of the buckets that hold keys: what a migration copies and the data view shows."""
        raise ProviderError(f"{self.summary()} can't list its buckets")

    # --- what can be made of these, and is better made by the store itself ---------------------------

    def exists(self, bucket: str, key: str) -> bool:
        """Whether there is such a key."""
        return self.get(bucket, key) is not None

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        """Adds to a counter in one step that nothing comes between; answers the new count.

        A key that is not there counts from 0. The value is decimal text.

        Raises:
            ProviderError: the value is no counter, or it would leave the signed 64-bit integers.
        """
        with _in_this_process:
            total = add_to_counter(self.get(bucket, key), delta)
            self.set(bucket, key, str(total).encode())
            return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        """Stores a value if the present one equals `expected` (None: if there is none), in one step.

        Returns:
            whether it was stored.
        """
        with _in_this_process:
            if self.get(bucket, key) != expected:
                return False
            self.set(bucket, key, value)
            return True

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of the keys, None for each that is not there."""
        return [self.get(bucket, key) for key in keys]

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Stores several values; where one key is there twice, the last counts. Not atomic."""
        for key, value in pairs:
            self.set(bucket, key, value)

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        """Removes several keys; those that are not there are no error. Not atomic."""
        for key in keys:
            self.delete(bucket, key)

    # --- about the provider itself -----------------------------------------------------------------

    #: Whether a listing may show one key on two pages while others write (Redis's SCAN does).
    lists_twice: bool = False

    def ping(self) -> None:
        """Asks the store for a sign of life, within the provider's timeout.

        Raises:
            Unavailable: it does not answer.
            Denied: it does not let this user in.
        """

    def summary(self) -> str:
        """One line for people, without secrets: "Redis at localhost:6379, hashes"."""
        return type(self).__name__

    def close(self) -> None:
        """Lets go of connections and files. A second call does nothing; other calls then raise `Unavailable`."""

    def __repr__(self) -> str:
        return f"<{self.summary()}>"


#: For the defaults above: two threads of one process never step between a get and its set.
_in_this_process = threading.RLock()
