"""Work on a server's event loop: many requests at once, or one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

from ..errors import Unavailable

_R = TypeVar("_R")

#: Requests under way at a time for one call.
SLICE = 64


async def all_of(work: Iterable[Coroutine[Any, Any, _R]]) -> list[_R]:
    """The answers of requests made at once, in their order. When one fails, it is raised after all have ended.

    A request that went on behind its caller's back could undo what the caller does about the failure.
    """
    answers = await asyncio.gather(*work, return_exceptions=True)
    good = [answer for answer in answers if not isinstance(answer, BaseException)]
    if len(good) < len(answers):
        raise next(answer for answer in answers if isinstance(answer, BaseException))
    return good


async def in_slices(work: Iterable[Coroutine[Any, Any, _R]], size: int = SLICE) -> list[_R]:
    """As `all_of` for many requests, `size` of them under way at a time."""
    left = iter(work)
    answers: list[_R] = []
    while some := list(islice(left, size)):
        answers += await all_of(some)
    return answers


class Turn:
    """A lock for work on a server: one at a time, the others wait.

    Where one finds the server unavailable, those who waited meanwhile hear the same: one after the other, each would
    wait its whole timeout.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failed = float("-inf")
        self._why = ""

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """
        Raises:
            Unavailable: so it was for who had the turn before.
        """
        clock = asyncio.get_running_loop().time
        came = clock()
        async with self._lock:
            if came <= self._failed:
                raise Unavailable(self._why)
            try:
                yield
            except Unavailable as error:
                self._failed, self._why = clock(), str(error)
                raise
