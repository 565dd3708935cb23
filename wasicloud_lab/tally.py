"""Tally: how requests fared, in slots of a fifth of a second, filled from many threads without a lock.

A client appends to a deque, which is one step under the interpreter's lock. Whoever comes first after a slot
has ended, a client or a reader, sorts what is there into slots.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

#: Seconds of a slot.
SLOT = 0.2
#: Seconds of slots that are kept.
KEPT = 300.0
#: Steps of duration for each doubling: a percentile of the whole run is right within 2 %.
_STEPS = 32


@dataclass(frozen=True)
class Slot:
    """The requests that ended within a fifth of a second.

    Attributes:
        at: `time.time()` of its beginning.
        count: how many ended.
        errors: how many of them failed.
        p50, p99: seconds that half of them, and 99 of 100, took at most; None where none ended.
    """

    at: float
    count: int
    errors: int
    p50: float | None
    p99: float | None


class Tally:
    """
    Args:
        began: `time.time()` of the start.
    """

    def __init__(self, began: float) -> None:
        self._fresh: deque[tuple[float, float, bool]] = deque()
        self._slots: deque[Slot] = deque(maxlen=round(KEPT / SLOT))
        self._sorting = threading.Lock()
        self._began = began
        self._ended: float | None = None
        self._open = int(began / SLOT)  # the slot that is being filled
        self._seconds: list[float] = []
        self._errors = 0
        self._due = (self._open + 1) * SLOT
        self._count = 0
        self._failed = 0
        self._durations: Counter[int] = Counter()

    def add(self, at: float, seconds: float, failed: bool) -> None:
        """A request has ended at the `time.time()` of `at`, after so many seconds."""
        self._fresh.append((at, seconds, failed))
        if at >= self._due and self._sorting.acquire(blocking=False):
            try:
                self._sort(at)
            finally:
                self._sorting.release()

    def end(self, at: float) -> None:
        """There will be no more; the first call counts."""
        with self._sorting:
            if self._ended is None:
                self._sort(at)
                self._close_until(self._open + 1)
                self._ended = at

    def counts(self) -> tuple[int, int]:
        """Requests that went well, and requests that failed."""
        with self._sorting:
            self._sort(time.time())
            return self._count - self._failed, self._failed

    def percentile(self, part: float) -> float | None:
        """Seconds that this part of all requests took at most; None where there was none."""
        with self._sorting:
            self._sort(time.time())
            wanted = math.ceil(part * self._count)
            for step in sorted(self._durations):
                wanted -= self._durations[step]
                if wanted <= 0:
                    return float(2 ** ((step + 0.5) / _STEPS) * 1e-6)
        return None

    def throughput(self, seconds: float | None) -> float:
        """Requests per second in the last `seconds`; in all the time with None."""
        with self._sorting:
            now = time.time()
            self._sort(now)
            if seconds is None:
                return self._count / max((self._ended or now) - self._began, 1e-3)
            last = list(self._slots)[-round(seconds / SLOT) :]
            return sum(slot.count for slot in last) / (len(last) * SLOT) if last else 0.0

    def window(self, since: float) -> list[Slot]:
        """The slots that have ended and began at `since` or later, oldest first."""
        with self._sorting:
            self._sort(time.time())
            found = []
            for slot in reversed(self._slots):
                if slot.at < since:
                    break
                found.append(slot)
        return found[::-1]

    # --- with `_sorting` held ----------------------------------------------------------------------

    def _sort(self, now: float) -> None:
        fresh = self._fresh
        while fresh:
            at, seconds, failed = fresh.popleft()
            self._close_until(int(at / SLOT))  # one that comes late is put into the slot that is open
            self._seconds.append(seconds)
            self._errors += failed
            self._count += 1
            self._failed += failed
            self._durations[math.floor(math.log2(max(seconds, 1e-6) * 1e6) * _STEPS)] += 1
        self._close_until(int(now / SLOT))

    def _close_until(self, index: int) -> None:
        if index <= self._open or self._ended is not None:
            return
        self._slots.append(self._slot())
        self._seconds = []
        self._errors = 0
        keep = self._slots.maxlen or 0
        self._slots.extend(Slot(n * SLOT, 0, 0, None, None) for n in range(max(self._open + 1, index - keep), index))
        self._open = index
        self._due = (index + 1) * SLOT

    def _slot(self) -> Slot:
        at = self._open * SLOT
        if not self._seconds:
            return Slot(at, 0, 0, None, None)
        times = sorted(self._seconds)
        p50, p99 = (times[math.ceil(part * len(times)) - 1] for part in (0.50, 0.99))
        return Slot(at, len(times), self._errors, p50, p99)
