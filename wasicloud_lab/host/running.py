"""A guest at work: its deadline, the ticker, the thread's current store, and what Ctrl-C does meanwhile."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any

from . import capi
from .engine import ticker
from .state import STORES, StoreState, enclosing_deadline, enter, leave

# The function under `signal.getsignal`, which spends microseconds looking for an enum member first.
_getsignal = getattr(sys.modules["_signal"], "getsignal", signal.getsignal)
_DEFAULT = signal.default_int_handler
_MAIN = threading.main_thread().ident
_on_main: list[StoreState] = []  # stores whose guests run on the main thread, the innermost last

#: Signals whose handlers, where they are Python's, are kept from raising into C while a guest runs.
_WATCHED = tuple(
    int(getattr(signal, name)) for name in ("SIGINT", "SIGALRM", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)  # fmt: skip
_handlers: dict[int, Any] = {}  # signal → the handler that `_on_signal` stands in for

#: Code that runs between wasmtime and Python outside any `try`, where an exception would crash the process.
AT_THE_BOUNDARY: set[CodeType] = set()
#: Those of it that call host functions, inside a `try`.
CALLBACKS: set[CodeType] = set()


class Running:
    """`with Running(state, deadline):` bounds whatever the guest of `state` does inside.

    Args:
        state: the store's.
        deadline: seconds from now, or None.
    """

    __slots__ = ("_before", "_main", "state")

    def __init__(self, state: StoreState, deadline: float | None) -> None:
        self.state = state
        state.exception = None
        state.cancelled = False
        state.held = 0
        state.interrupted = None
        own = time.monotonic() + deadline if deadline is not None else float("inf")
        state.deadline = min(own, enclosing_deadline())
        state.allowed = deadline or 0.0
        if state.stderr:
            state.stderr.clear()

    def __enter__(self) -> None:
        self._main = threading.get_ident() == _MAIN
        if self._main:
            _on_main.append(self.state)
            for number in _WATCHED:
                handler = _getsignal(number)
                if handler is not _on_signal and callable(handler):
                    with contextlib.suppress(ValueError):  # an interpreter inside another program
                        _handlers[number] = handler
                        signal.signal(number, _on_signal)
        ticker.start(self.state)
        self._before = enter(self.state)

    def __exit__(self, *_: object) -> None:
        leave(self._before)
        ticker.stop(self.state)
        if self._main:
            _on_main.remove(self.state)
            if not _on_main:
                for number, handler in list(_handlers.items()):
                    if handler is not _DEFAULT:  # for Ctrl-C ours may stay: without guests it is Python's own
                        signal.signal(number, handler)
                        del _handlers[number]
        if self.state.interrupted is not None:
            self.state.exception = self.state.interrupted


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Ctrl-C and the like: what the handler raises is kept for the calls on the main thread, which end.

    Wherever Python gets to run this inside a guest's call, raising would crash in C or be lost; a mark can't. A
    second one in the midst of a host function is raised there, so that one that takes long can be ended.
    """
    handler = _handlers.get(number, _DEFAULT)
    if not _on_main:
        handler(number, frame)
        return
    try:
        handler(number, frame)
    except BaseException as error:
        again = _on_main[-1].interrupted is not None
        for state in _on_main:
            state.interrupted = state.interrupted or error
            state.cancel()
        if again and _in_host_function(frame):
            raise


def _in_host_function(frame: FrameType | None) -> bool:
    """Whether what is raised here comes to the `try` of a callback."""
    step = frame
    while step is not None and step.f_code not in AT_THE_BOUNDARY:
        step = step.f_back
    return step is not None and step is not frame and step.f_code in CALLBACKS


def _epoch(context: int, _env: Any, delta: Any, kind: Any) -> int:
    """Called by a running guest at each tick: ends the call or lets it run until the next."""
    state = STORES.get(context)
    interruption = state.interruption() if state is not None else None
    if state is not None and interruption is not None:
        if state.exception is None:
            state.exception = interruption
        return capi.error_new(b"interrupted")  # type: ignore[no-any-return]
    if state is not None and state.on_pause is not None:
        try:
            state.on_pause()
        except BaseException as error:
            state.exception = state.exception or error
            return capi.error_new(b"interrupted")  # type: ignore[no-any-return]
    delta[0] = 1
    kind[0] = 0
    return 0


on_epoch = capi.EPOCH_CALLBACK(_epoch)
AT_THE_BOUNDARY.update(
    function.__code__
    for function in (_epoch, _on_signal, Running.__init__, Running.__enter__, Running.__exit__,
                     StoreState.interruption, StoreState.cancel)
)  # fmt: skip
