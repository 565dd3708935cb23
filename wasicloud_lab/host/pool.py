"""The instances of one loaded component: reused, or one for each request, and made ahead of need."""

from __future__ import annotations

import difflib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import LinkError
from .binding import BoundLinker
from .component import Component
from .engine import Limits, engine
from .instances import Export, Instance
from .state import HANDLE_LIMIT
from .types import Function, Interface

#: The two ways to hand out instances.
ISOLATIONS = ("reuse", "request")

#: Seconds an instance must take for it to be worth a thread that makes it ahead.
WORTH_AHEAD = 0.001


class Pool:
    """Hands out instances to threads, each to one thread at a time.

    With isolation "reuse" an instance that ended its call well serves the next one; with "request" each
    call gets a fresh one. Either way one that trapped is thrown away. `ahead` instances are kept ready by
    a thread of the pool's own, so that a caller seldom waits for one to be made.

    Args:
        component: what to instantiate.
        providers: interface objects, later ones before earlier ones.
        functions: Python callables for plain function imports, by import name.
        limits: for every call.
        isolation: "reuse" or "request".
        ahead: instances to keep ready.

    Raises:
        LinkError: an interface does not fit the component's import, or the isolation is unknown.
    """

    def __init__(
        self,
        component: Component,
        providers: Sequence[Any],
        functions: dict[str, Callable[..., Any]],
        limits: Limits,
        isolation: str = "reuse",
        ahead: int = 1,
    ) -> None:
        if isolation not in ISOLATIONS:
            raise LinkError(f"isolation is one of {', '.join(map(repr, ISOLATIONS))}, not {isolation!r}")
        self.component = component
        self.limits = limits
        self.isolation = isolation
        self.linker = BoundLinker(engine(), component.world, providers, functions)
        self.made = 0
        self.discarded = 0
        self._idle: deque[Instance] = deque()
        self._ahead = ahead
        self._exports: dict[str, Export] = {}
        self._closed = False
        self._cost = float("inf")  # seconds the last instance took to make
        self._filling = threading.Lock()

    def export(self, name: str) -> Export:
        """The exported function `name`: `add`, or `package:name/interface#function`.

        The interface may be left out where only one has a function of that name, and its version too.

        Raises:
            LinkError: no such export, or several; the message lists what there is.
        """
        found = self._exports.get(name)
        if found is None:
            found = self._exports[name] = self._look_up(name)
        return found

    def _look_up(self, name: str) -> Export:
        wanted_interface, _, wanted = name.rpartition("#")
        known: list[str] = []
        matches: list[Export] = []
        for export_name, item in self.component.world.exports.items():
            if isinstance(item, Function):
                known.append(export_name)
                if not wanted_interface and _same(export_name, wanted):
                    matches.append(Export(self.component, export_name, item, None))
            elif isinstance(item, Interface):
                for function_name, function in item.functions.items():
                    known.append(f"{export_name}#{function_name}")
                    here = not wanted_interface or wanted_interface in (export_name, export_name.partition("@")[0])
                    if here and _same(function_name, wanted):
                        matches.append(Export(self.component, function_name, function, export_name))
        if len(matches) == 1:
            return matches[0]
        what = "exports several functions" if matches else "exports no function"
        close = difflib.get_close_matches(wanted, {each.rpartition("#")[2] for each in known}, n=4)
        near = [each for each in known if _same(each.rpartition("#")[2], wanted) or each.rpartition("#")[2] in close]
        near = near or known
        more = f" and {len(known) - len(near[:8])} more" if len(known) > len(near[:8]) else ""
        raise LinkError(
            f"{self.component.name} {what} {name!r}; it exports {', '.join(near[:8]) or 'none'}{more} "
            "(app.wit shows all)"
        )

    @contextmanager
    def instance(self) -> Iterator[Instance]:
        """An instance for the length of a `with` block."""
        instance = self.take()
        try:
            yield instance
        finally:
            self.give_back(instance)

    def take(self) -> Instance:
        """An idle instance, or a new one.

        Raises:
            GuestError: the component can't be instantiated.
        """
        try:
            instance = self._idle.pop()  # the last one used: its memory is warm
        except IndexError:
            instance = self._make()
        if self.isolation == "request" and self._cost > WORTH_AHEAD:
            self.fill()
        return instance

    def give_back(self, instance: Instance) -> None:
        """Returns an instance; it is kept for the next call only where that is allowed and safe."""
        leaky = instance.state.guest_handles > HANDLE_LIMIT  # handed out by calls, and never dropped
        if instance.broken or leaky or self.isolation == "request" or self._closed:
            instance.close()
            self.discarded += 1
        else:
            self._idle.append(instance)

    def fill(self) -> None:
        """Makes instances ahead, in a thread, until enough are ready."""
        if len(self._idle) < self._ahead and not self._closed and self._filling.acquire(blocking=False):
            threading.Thread(target=self._fill, name=f"{self.component.name} instances", daemon=True).start()

    def _fill(self) -> None:
        try:
            while len(self._idle) < self._ahead and not self._closed:
                self._idle.append(self._make())
        except Exception:
            pass  # the next caller makes its own and meets the error where it can be shown
        finally:
            self._filling.release()
        if self._closed:
            self.close()

    def _make(self) -> Instance:
        self.made += 1
        started = time.perf_counter()
        instance = Instance(self.component, self.linker, self.limits)
        self._cost = time.perf_counter() - started
        return instance

    def close(self) -> None:
        """Frees the idle instances; those in use are freed as they come back."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return


def _same(found: str, wanted: str) -> bool:
    return found == wanted or found.replace("-", "_") == wanted
