"""Other threads in tests: work for one or many of them, a wait for what they do, a gate to hold one at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


def until(holds: Callable[[], Any], patience: float = 60.0) -> Any:
    """Waits for what another thread or program does; answers what was found."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
    return found


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The same work in so many threads at once, each told its number; answers what came of each."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(work, range(count)))


@contextmanager
def elsewhere(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Something that goes on in another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


class Gate:
    """Where another thread stands still until the test has done something else."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def hold(self) -> None:
        self.reached.set()
        assert self.opened.wait(60)
