"""What the host knows about one running store: handle table, deadline, the exception under way.

A store is used by one thread at a time. `current()` is the store whose guest called into Python on this
thread; a component that calls another component nests.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import GuestCancelled, GuestOutOfMemory, GuestTimeout, LinkError

if TYPE_CHECKING:
    from .types import Function

#: Every open store by the address of its wasmtime context, which is what a callback is handed.
STORES: dict[int, StoreState] = {}

#: A guest that holds more handles than this after a call leaks them; its instance is not used again.
HANDLE_LIMIT = 10_000

#: Handles that one store may hold at once: each is an object in the host's memory.
HANDLES_AT_ONCE = 100_000

#: Guests that may run inside each other on one thread: each takes up to 512 KiB of its stack.
NESTING_LIMIT = 8

#: Plugs of a call that has none.
NOTHING: Mapping[str, Any] = MappingProxyType({})

_local = threading.local()


class Tracing(Protocol):
    """What is told of each host call of a guest while it runs."""

    def call(self, label: str, ty: Function, target: Callable[..., Any], arguments: list[Any]) -> Any:
        """Calls a host function in the host's place, and passes on what it answers or raises."""
        ...


def current() -> StoreState:
    """The store whose guest is calling Python on this thread.

    Raises:
        RuntimeError: no guest is calling; the function is for interface implementations.
    """
    try:
        return _local.state  # type: ignore[no-any-return]
    except AttributeError:
        raise RuntimeError("no guest call is under way on this thread") from None


class StoreState:
    """The host's side of one store.

    Attributes:
        handles: the guest's handles to host resources, by representation.
        allowed: seconds that the running call may take.
        deadline: `time.monotonic()` after which the running call is stopped.
        give_up_at: the same, for a call whose caller has gone.
        exception: what a host function raised; the guest sees a trap, the caller sees this.
        waker: set by whatever a pollable of this store may be waiting for.
        context: the embedder's own object for the running call (an HTTP exchange, …).
        broken: the store trapped: not to be used again.
        running: a call is under way; a second one must not begin.
        interrupted: what the signal raised that ended the call (Ctrl-C: KeyboardInterrupt).
        on_pause: called when the guest is about to wait, and at each tick of a long run: the moments to
            pass on what it has written so far.
        next_rep: the representation of the next host resource.
        guest_handles: guest resources that were handed out and neither dropped nor given away.
        given: what gives each guest resource that went to the running call back to its holder.
        held: bytes of bodies that the host keeps for the running call because they go nowhere yet.
        plugs: what the embedder has plugged in for the running call, by slot: a request keeps what it began with.
        lent: representations of host resources lent to the guest for the running call only.
        stderr: the last of what the guest wrote there during the running call.
        trace: told of each host call during the running call; None where nobody wants to know.
    """

    __slots__ = (
        "address", "allowed", "broken", "cancelled", "context", "deadline", "exception", "give_up_at", "given",
        "guest_handles", "handles", "held", "interrupted", "lent", "next_rep", "on_pause", "plugs", "running",
        "scratch", "scratch_at", "stderr", "trace", "waker",
    )  # fmt: skip

    def __init__(self, address: int) -> None:
        self.address = address
        self.handles: dict[int, Any] = {}
        self.allowed = 0.0
        self.deadline = float("inf")
        self.give_up_at = float("inf")
        self.exception: BaseException | None = None
        self.waker = threading.Event()
        self.context: Any = None
        self.cancelled = False
        self.broken = False
        self.running = False
        self.interrupted: BaseException | None = None
        self.guest_handles = 0
        self.held = 0
        self.lent: list[int] = []
        self.given: list[Callable[[], None]] = []
        self.on_pause: Callable[[], None] | None = None
        self.plugs: Mapping[str, Any] = NOTHING
        self.trace: Tracing | None = None
        self.stderr = bytearray()
        self.scratch = ctypes.c_void_p()  # for the codec, which would otherwise make one for each handle
        self.scratch_at = ctypes.addressof(self.scratch)
        self.next_rep = 1

    def insert(self, resource: Any) -> int:
        """Puts a host object in the handle table; answers its representation."""
        if len(self.handles) >= HANDLES_AT_ONCE:
            raise GuestOutOfMemory(
                f"the guest holds {HANDLES_AT_ONCE:,} handles to host resources, the most it may; it has to drop some"
            )
        rep = self.next_rep
        self.next_rep = rep + 1 if rep < 0xFFFF_FFFF else 1
        while rep in self.handles:
            rep = self.next_rep
            self.next_rep = rep + 1 if rep < 0xFFFF_FFFF else 1
        self.handles[rep] = resource
        return rep

    def take_back(self, first: int) -> None:
        """Undoes what lowering a call's arguments gave away, as one of them did not fit: the call is not made."""
        for rep in range(first, self.next_rep):
            self.handles.pop(rep, None)
        for undo in self.given:
            undo()
        self.given.clear()

    def interruption(self) -> BaseException | None:
        """The error that must end the running call now, if any."""
        now = time.monotonic()
        if self.cancelled or now >= self.give_up_at:
            return GuestCancelled("the call was given up by its caller before the guest had finished")
        if now >= self.deadline:
            return GuestTimeout("")  # the caller of the guest, who knows the limit, words it
        return None

    def go_on(self) -> None:
        """To be called now and then by a host function that can take long.

        Raises:
            GuestTimeout, GuestCancelled: the call must end.
        """
        interruption = self.interruption()
        if interruption is not None:
            raise interruption

    def cancel(self) -> None:
        """Ends the running call at the next opportunity; may be called from any thread."""
        self.cancelled = True
        self.waker.set()

    def wait(self, timeout: float | None = None) -> None:
        """Sleeps until the waker is set, `timeout` seconds pass, or the call must end.

        Raises:
            GuestTimeout, GuestCancelled: the call must end.
        """
        if self.on_pause is not None:
            self.on_pause()
        left = min(self.deadline, self.give_up_at) - time.monotonic()
        if timeout is None or timeout > left:
            timeout = left
        # Slices, so that an interrupt is noticed on platforms where a lock can't be interrupted.
        until = time.monotonic() + max(timeout, 0.0)
        while not self.waker.wait(min(0.25, max(until - time.monotonic(), 0.0))):
            if self.cancelled or time.monotonic() >= until:
                break
        self.go_on()

    def close(self) -> None:
        """Drops every handle, telling those that want to know. Before the store is freed, and once."""
        if STORES.get(self.address) is self:  # else the address is another store's by now
            del STORES[self.address]
        for resource in list(self.handles.values()):
            release(resource)
        self.handles.clear()


def release(resource: Any) -> None:
    """Tells a host resource that the guest has let go of it."""
    drop = getattr(resource, "drop", None)
    if drop is not None:
        drop()


def enter(state: StoreState) -> StoreState | None:
    """Makes a store the thread's current one; answers the one before, for `leave`."""
    before: StoreState | None = getattr(_local, "state", None)
    _local.state = state
    _local.depth = getattr(_local, "depth", 0) + 1
    return before


def enclosing_plugs() -> Mapping[str, Any]:
    """What is plugged into the guest that this one is called from; nothing without one."""
    around: StoreState | None = getattr(_local, "state", None)
    return NOTHING if around is None else around.plugs


def enclosing_trace() -> Tracing | None:
    """What is told of the host calls of the guest that this one is called from."""
    around: StoreState | None = getattr(_local, "state", None)
    return None if around is None else around.trace


def enclosing_deadline() -> float:
    """`time.monotonic()` by which the guest that this one is called from must end; infinity without one."""
    around: StoreState | None = getattr(_local, "state", None)
    return float("inf") if around is None else around.deadline


def check_nesting() -> None:
    """
    Raises:
        LinkError: too many guests call each other on this thread; one more could overflow its stack.
    """
    if getattr(_local, "depth", 0) >= NESTING_LIMIT:
        raise LinkError(f"{NESTING_LIMIT} guests already run inside each other here, the most that may")


def leave(before: StoreState | None) -> None:
    """Restores what `enter` answered."""
    _local.depth -= 1
    if before is None:
        del _local.state
    else:
        _local.state = before
