"""Numbers for a provider's cursors: the draft of 2024 knows no other kind."""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b

from ...errors import ProviderError

#: Listings that may be under way at once; of more, those that were not asked for longest are forgotten.
REMEMBERED = 10_000


class Cursors:
    """Gives each cursor the same number every time, and finds it again by that number."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._known: OrderedDict[int, str] = OrderedDict()
        self._lock = threading.Lock()

    def number(self, cursor: str) -> int:
        """An unsigned 64-bit number for a cursor."""
        number = int.from_bytes(blake2b(cursor.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        with self._lock:
            self._known[number] = cursor
            self._known.move_to_end(number)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        return number

    def cursor(self, number: int) -> str:
        """
        Raises:
            ProviderError: no listing has given out that number, or too many have since.
        """
        with self._lock:
            if number in self._known:
                self._known.move_to_end(number)
                return self._known[number]
        raise ProviderError(f"no listing is known at the cursor {number}; start the listing again")
