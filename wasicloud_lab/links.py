"""Link: an import wired to a provider, which can be swapped for another while requests flow.

    lab.keyvalue.swap("redis://localhost:6379", migrate=True)

A request keeps the provider it started with; the next one gets the new one; the old one is closed when its
last request has ended. With `migrate=True` new requests wait while those under way end and the data is
copied. Whatever goes wrong before the flip leaves the link as it was.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from .app import App
from .errors import LabError, LinkError, SwapRefused
from .history import Swap, Waits
from .kinds import Kind
from .meter import Meter
from .migration import Moved
from .plugs import Pins, Plug
from .progress import moving
from .providers.address import masked
from .watching import Watched, Watchers

#: Seconds that a new provider may take to give a sign of life.
PATIENCE = 15.0

#: The plugs of all links. A provider may be in several of them, bare or wrapped (a second link to the same data, a
#: wrapper that was put around it or taken off), and is closed when the last one lets go of it.
_plugged: weakref.WeakSet[Plug] = weakref.WeakSet()
_handing_over = threading.Lock()


class Link:
    """An import wired to a provider: `lab.keyvalue`, `lab.blobstore`, and what `lab.link` answers.

    Attributes:
        kind: what may be plugged in.
        name: "keyvalue", or "gopher keyvalue" for the link of one app.
        app: the app it is for; None for one that serves every app of the lab.
        history: each swap, done or refused.
        watchers: the guests that are told of changes in the key-value store behind this link.
        moved: how far the running migration is; None when none runs.
        meter: counts and times what goes through the link, while somebody looks.
    """

    def __init__(
        self,
        kind: Kind,
        target: Any,
        *,
        app: App | None = None,
        read_only: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """
        Raises:
            LinkError, ProviderError, ToolMissing: the target is no provider of this kind.
        """
        self.kind = kind
        self.app = app
        self.name = kind.name if app is None else f"{app.name} {kind.name}"
        self.history: list[Swap] = []
        self.watchers = Watchers()
        self.meter = Meter(kind.name)
        self._queue: set[object] = set()
        self.moved: Moved | None = None
        provider, owned = kind.provider(target)
        try:
            self._plug = Plug(_dressed(kind, provider, read_only, names), owned, _url(target))
        except BaseException:
            if owned:
                provider.close()
            raise
        _plugged.add(self._plug)
        self._gate: threading.Event | None = None
        self._waits: list[float] = []
        self._swapping = threading.Lock()
        self._cancelled = threading.Event()
        self._closed = False

    @property
    def provider(self) -> Any:
        """What is plugged in now: a `KeyValueProvider`, a `BlobstoreProvider` or an `App`."""
        return self.shown(self._plug.provider)

    def shown(self, provider: Any, app: str | None = None) -> Any:
        """What requests and Python code get of a provider: it tells of its changes while somebody watches.

        Args:
            provider: of this link.
            app: the name of the app whose request it is for, to be metered; None for what Python code gets.
        """
        if self.watchers and not any(getattr(each, "watchers", None) is self.watchers for each in _layers(provider)):
            provider = Watched(provider, self.watchers)
        if self.meter.running and app is not None:
            provider = self.meter.before(provider, app)
        return provider

    @property
    def url(self) -> str | None:
        """The present provider's URL with its secrets masked; None for one that was given as an object."""
        return self._plug.url

    @property
    def waiting(self) -> int:
        """Requests that wait for a migration at this moment."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Requests under way on the present provider."""
        return len(self._plug.running)

    def summary(self) -> str:
        """One line about the provider, without secrets."""
        return _summary(self._plug.provider)

    # --- while requests flow -----------------------------------------------------------------------

    def enter(self, pins: Pins) -> Plug | None:
        """A request starts: it is counted on the plug that it gets, and waits first while data is moved.

        Returns:
            the plug; None where the link has been closed.
        """
        while True:
            plug = self._plug
            plug.running.add(pins)  # first: from here on the plug is not closed
            if self._gate is None and self._plug is plug and not self._closed:
                return plug
            plug.leave(pins)
            if self._closed:
                return None
            self._wait()

    def _wait(self) -> None:
        gate = self._gate
        if gate is None:
            return
        started = time.perf_counter()
        place = object()
        self._queue.add(place)
        try:
            while not gate.wait(0.25):  # in slices, so that Ctrl-C is heard on every platform
                pass
        finally:
            self._waits.append(time.perf_counter() - started)
            self._queue.discard(place)

    # --- swapping ----------------------------------------------------------------------------------

    def swap(
        self,
        target: Any,
        *,
        migrate: bool = False,
        timeout: float = 30.0,
        read_only: bool = False,
        names: Mapping[str, str] | None = None,
        progress: Callable[[Moved], None] | None = None,
    ) -> Swap:
        """Plugs in another provider. One that does not answer is refused, and the present one goes on.

        Args:
            target: a URL ("redis://localhost:6379"), or a provider object, which stays its owner's to close.
            migrate: move the data along. What the target already has stays, but for names that are in both.
            timeout: seconds that requests under way have to end before a migration; it is refused after that.
            read_only: changes through this link are refused.
            names: bucket or container names as guests say them → as they are in the store.
            progress: told how much has been copied, after each step; without it a long move says so by itself.

        Returns:
            what was done; also in `history`.

        Raises:
            SwapRefused: the link keeps the provider it has; the message says why.
        """
        if not self._swapping.acquire(blocking=False):
            raise SwapRefused(f"{self.name} is being swapped at this moment; try again when that has ended")
        started = time.perf_counter()
        before, after = self.summary(), _summary(target)
        new: Any = None
        owned = False
        self._cancelled.clear()
        try:
            if self._closed:
                raise SwapRefused("the link has been closed")
            new, owned = self.kind.provider(target)
            writable = new = _dressed(self.kind, new, False, names)
            new = _dressed(self.kind, new, read_only, None)
            after = _summary(new)
            self._answers(new)
            if migrate:
                moved = self._migrate(Plug(new, owned, _url(target)), writable, timeout, progress)
            else:
                moved = None
                self._flip(Plug(new, owned, _url(target)))
        except BaseException as error:
            if new is not None and owned and self._plug.provider is not new:  # Ctrl-C may come after the flip
                with suppress(Exception):
                    new.close()
            if not isinstance(error, Exception):  # Ctrl-C
                raise
            reason = _reason(error)
            waits = Waits.of(self._waits)
            self.history.append(Swap(time.time(), before, after, time.perf_counter() - started, None, waits, reason))
            raise SwapRefused(f"{self.name} stays on {before}: {reason}") from None
        else:
            done = Swap(time.time(), before, after, time.perf_counter() - started, moved, Waits.of(self._waits))
            self.history.append(done)
            return done
        finally:
            self._waits = []
            self.moved = None
            self._swapping.release()

    async def aswap(self, target: Any, **options: Any) -> Swap:
        """The async twin of `swap`: the event loop stays free."""
        return await asyncio.to_thread(self.swap, target, **options)

    def cancel(self) -> None:
        """Ends a swap under way in another thread: it is refused. After the flip it does nothing."""
        self._cancelled.set()

    def check(self) -> None:
        """Asks the present provider for a sign of life.

        Raises:
            SwapRefused: it gives none; the message says why.
        """
        self._cancelled.clear()
        try:
            self._answers(self._plug.provider)
        except Exception as error:
            raise SwapRefused(f"{self.name} can't be linked to {self.summary()}: {_reason(error)}") from None

    def _answers(self, provider: Any) -> None:
        """Whether a provider gives a sign of life, asked in a thread: one that hangs is not waited for."""
        failure: list[BaseException] = []
        ended = threading.Event()

        def ask() -> None:
            try:
                ping = getattr(provider, "ping", None)
                if ping is not None:
                    ping()
                elif isinstance(provider, App):
                    provider.check_handler()
            except BaseException as error:
                failure.append(error)
            ended.set()

        threading.Thread(target=ask, name=f"{self.name} ping", daemon=True).start()
        until = time.monotonic() + PATIENCE
        while not ended.wait(0.05):
            self._go_on()
            if time.monotonic() > until:
                raise SwapRefused(f"{_summary(provider)} gave no sign of life for {PATIENCE:.0f} s")
        if failure:
            raise failure[0]
        self._go_on()

    def _go_on(self) -> None:
        if self._cancelled.is_set():
            raise SwapRefused("the swap was cancelled")

    def _flip(self, plug: Plug) -> None:
        old = self._plug
        _plugged.add(plug)
        self._plug = plug
        self._retire(old)
        if self._closed:  # meanwhile: `close` has let go of the old one only
            self._retire(plug)

    def _migrate(self, plug: Plug, writable: Any, timeout: float, progress: Callable[[Moved], None] | None) -> Moved:
        """`writable` is the plug's provider, before it was made read-only."""
        if self.kind.copy is None:
            raise SwapRefused("there is no data to move between apps; swap without migrate=True")

        def told(moved: Moved) -> None:
            self.moved = moved
            self._go_on()
            if progress is not None:
                progress(moved)
                self._go_on()  # it may have been what cancels

        self.moved = Moved()
        self._gate = gate = threading.Event()
        try:
            if not self._plug.drained(timeout):
                raise SwapRefused(
                    f"{len(self._plug.running)} request(s) under way did not end within {timeout:g} s; "
                    "swap(…, timeout=…) waits longer"
                )
            with moving(self.name, lambda: self.moved) if progress is None else nullcontext():
                moved: Moved = self.kind.copy(self._plug.provider, writable, told)
            self._flip(plug)
            return moved
        finally:
            self._gate = None
            gate.set()
            # Those that waited add their times as they wake.
            until = time.monotonic() + 1.0
            while self.waiting and time.monotonic() < until:
                time.sleep(0.001)

    # --- wrappers ----------------------------------------------------------------------------------

    def wrap(self, wrapper: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Puts a wrapper around the present provider, for the next requests; answers the wrapper.

            lab.keyvalue.wrap(wl.Latency, 0.05)

        Raises:
            SwapRefused: the link is being swapped.
            LinkError: what the wrapper made is no provider.
        """
        with self._alone():
            plug = self._plug
            wrapped, _ = self.kind.provider(wrapper(plug.provider, *arguments, **options))
            self._flip(Plug(wrapped, False, plug.url))
            return wrapped

    def unwrap(self) -> Any:
        """Takes the outermost wrapper off; answers it.

        Raises:
            LinkError: there is none.
            SwapRefused: the link is being swapped.
        """
        with self._alone():
            plug = self._plug
            inner = getattr(plug.provider, "inner", None)
            if inner is None:
                raise LinkError(f"{self.name} is on {self.summary()}, which wraps nothing")
            self._flip(Plug(inner, False, plug.url))
            return plug.provider

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._swapping.acquire(blocking=False):
            raise SwapRefused(f"{self.name} is being swapped at this moment; try again when that has ended")
        try:
            yield
        finally:
            self._swapping.release()

    def close(self) -> None:
        """Lets go of the provider, if the link made it, when its last request has ended."""
        self._closed = True
        self.cancel()
        self.watchers.close()
        self._retire(self._plug)

    def _retire(self, plug: Plug) -> None:
        """Closes a provider that the link made, when its last request has ended and no other plug has it."""
        if not plug.owned:
            _plugged.discard(plug)
            return
        if plug.running:
            threading.Thread(target=_close, args=(plug,), name=f"{self.name} retires", daemon=True).start()
        else:
            _close(plug)

    def __repr__(self) -> str:
        swaps = sum(swap.refused is None for swap in self.history)
        times = "" if not swaps else ", swapped once" if swaps == 1 else f", swapped {swaps} times"
        return f"<Link {self.name} → {self.summary()}{times}>"


def _layers(provider: Any) -> Iterator[Any]:
    """A provider, and what it wraps."""
    while provider is not None:
        yield provider
        provider = getattr(provider, "inner", None)


def _close(plug: Plug) -> None:
    while not plug.drained(60.0):
        pass
    own = {id(each) for each in _layers(plug.provider)}
    with _handing_over:
        _plugged.discard(plug)
        if not plug.owned:
            return
        plug.owned = False
        for other in _plugged:
            if any(id(each) in own for each in _layers(other.provider)):
                other.owned = True
                return
    with suppress(Exception):  # it is of no use to anybody any more
        plug.provider.close()


def _reason(error: Exception) -> str:
    """Why something was refused, without secrets: the error may be that of a stranger's provider, URL and all."""
    return masked(str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}")


def _dressed(kind: Kind, provider: Any, read_only: bool, names: Mapping[str, str] | None) -> Any:
    """The provider in the wrappers that were asked for."""
    if names or read_only:
        if kind.name == "keyvalue":
            from .providers.keyvalue.wrappers import ReadOnly, Renamed
        elif kind.name == "blobstore":
            from .providers.blobstore.wrappers import ReadOnly, Renamed  # type: ignore[assignment]
        else:
            raise LinkError(f"read_only and names are for stores, not for {kind.slot}")
        if names:
            provider = Renamed(provider, names)
        if read_only:
            provider = ReadOnly(provider)
    return provider


def _url(target: Any) -> str | None:
    return masked(target) if isinstance(target, str) else None


def _summary(target: Any) -> str:
    """One line about a provider, an app or a URL."""
    if isinstance(target, str):
        return masked(target)
    summary = getattr(target, "summary", None)
    if callable(summary):
        try:
            return masked(str(summary()))
        except Exception:
            return type(target).__name__
    return str(getattr(target, "name", type(target).__name__))
