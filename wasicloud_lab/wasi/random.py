"""wasi:random 0.2: random bytes, good enough for keys or merely fast."""

from __future__ import annotations

import os
import random

from ..errors import GuestTrap
from ..host.interface import interface

#: The most bytes one call hands over: what a guest may ask for is 2^64 - 1.
LENGTH_LIMIT = 4 << 20


def _checked(length: int) -> int:
    if length > LENGTH_LIMIT:
        raise GuestTrap(f"the guest asked for {length} random bytes at once; {LENGTH_LIMIT} is the most")
    return length


@interface("wasi:random/random@0.2.0", "wasi:random/insecure@0.2.0", "wasi:random/insecure-seed@0.2.0")
class Random:
    """The interfaces wasi:random/random, insecure and insecure-seed."""

    def __init__(self) -> None:
        self._fast = random.Random()

    def get_random_bytes(self, length: int) -> bytes:
        return os.urandom(_checked(length))

    def get_random_u64(self) -> int:
        return int.from_bytes(os.urandom(8), "little")

    def get_insecure_random_bytes(self, length: int) -> bytes:
        return self._fast.randbytes(_checked(length))

    def get_insecure_random_u64(self) -> int:
        return self._fast.getrandbits(64)

    def insecure_seed(self) -> tuple[int, int]:
        return self._fast.getrandbits(64), self._fast.getrandbits(64)
