"""Keeps answers of a provider for a while: what both kinds of `Cached` are made of."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar, cast

from .trouble import duration

_T = TypeVar("_T")

#: Bytes of the longest value or object that is kept.
KEPT_SIZE = 64 * 1024


class Cache:
    """What has been read lately, by name; never what was read before a change and arrives after it.

    A read that finds nothing here takes a ticket, asks the store, and hands the answer in with the ticket.
    A change takes the tickets away of all who are reading that name: they read the old value, perhaps.

    Args:
        seconds: how long an answer is kept.
        size: how many are kept; the one not asked for longest makes room.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self.seconds = duration(seconds, "seconds")
        if size < 1:
            raise ValueError(f"size={size} is not a number of entries above 0")
        self.size = size
        self.hits = self.misses = 0
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._tickets: dict[Hashable, set[object]] = {}
        self._turn = threading.Lock()
        self._closed = False

    def look(self, name: Hashable) -> tuple[bool, Any]:
        """Whether there is an answer, and the answer."""
        with self._turn:
            kept = self._kept.get(name)
            if kept is not None and kept[0] > time.monotonic():
                self._kept.move_to_end(name)
                self.hits += 1
                return True, kept[1]
            self._kept.pop(name, None)
            self.misses += 1
            return False, None

    def peek(self, name: Hashable) -> tuple[bool, Any]:
        """As `look`, but nobody counts it."""
        with self._turn:
            kept = self._kept.get(name)
            return (False, None) if kept is None else (True, kept[1])

    def ask(self, name: Hashable, read: Callable[[], _T], keep: Callable[[_T], bool] = lambda answer: True) -> _T:
        """The answer, from here or from the store.

        Args:
            read: asks the store.
            keep: whether the store's answer is one to keep.
        """
        there, answer = self.look(name)
        if there:
            return cast(_T, answer)
        ticket = self.enter(name)
        kept = False
        try:
            answer = read()
            kept = keep(answer)
        finally:
            self.leave(name, ticket, kept, answer)
        return answer

    def enter(self, name: Hashable) -> object:
        """A ticket for reading that name from the store."""
        ticket = object()
        with self._turn:
            self._tickets.setdefault(name, set()).add(ticket)
        return ticket

    def leave(self, name: Hashable, ticket: object, keep: bool, answer: Any) -> None:
        """Gives the ticket back; keeps the answer if it is to be kept and nothing changed in the meantime."""
        with self._turn:
            tickets = self._tickets.get(name)
            if tickets is None or ticket not in tickets:
                return
            tickets.discard(ticket)
            if not tickets:
                del self._tickets[name]
            if keep and not self._closed:
                self._kept[name] = time.monotonic() + self.seconds, answer
                self._kept.move_to_end(name)
                if len(self._kept) > self.size:
                    self._kept.popitem(last=False)

    def forget(self, names: Iterable[Hashable]) -> None:
        """To be called when a change has ended, well or not: who reads from now on asks the store."""
        with self._turn:
            for name in names:
                self._kept.pop(name, None)
                self._tickets.pop(name, None)

    def forget_where(self, match: Callable[[Any], bool]) -> None:
        """The same for all names of a kind."""
        with self._turn:
            for name in [name for name in self._kept if match(name)]:
                del self._kept[name]
            for name in [name for name in self._tickets if match(name)]:
                del self._tickets[name]

    def close(self) -> None:
        """Keeps nothing from now on."""
        with self._turn:
            self._closed = True
            self._kept.clear()
