"""A guest at work: its deadline, the ticker, the thread's current store, and what Ctrl-C does meanwhile."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from . import capi
from .engine import ticker
from .state import STORES, StoreState, enter, leave

# The function under `signal.getsignal`, which spends microseconds looking for an enum member first.
_getsignal = getattr(sys.modules["_signal"], "getsignal", signal.getsignal)
_SIGINT = int(signal.SIGINT)
_MAIN = threading.main_thread().ident
_on_main: list[StoreState] = []  # stores whose guests run on the main thread, the innermost last


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
        state.interrupted = False
        state.deadline = time.monotonic() + deadline if deadline is not None else float("inf")
        state.allowed = deadline or 0.0
        if state.stderr:
            state.stderr.clear()

    def __enter__(self) -> None:
        self._main = threading.get_ident() == _MAIN
        if self._main:
            _on_main.append(self.state)
            if _getsignal(_SIGINT) is signal.default_int_handler:
                with contextlib.suppress(ValueError):  # an interpreter inside another program
                    signal.signal(signal.SIGINT, _on_interrupt)
        ticker.start(self.state)
        self._before = enter(self.state)

    def __exit__(self, *_: object) -> None:
        leave(self._before)
        ticker.stop(self.state)
        if self._main:
            _on_main.remove(self.state)
        if self.state.interrupted:
            self.state.exception = KeyboardInterrupt()


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C: marks the calls on the main thread; without any, or the second time, raises as ever.

    Wherever Python gets to run this inside a guest's call, raising could be lost in C; a mark can't.
    """
    if not _on_main or _on_main[-1].interrupted:
        signal.default_int_handler(number, frame)
    for state in _on_main:
        state.interrupted = True
        state.cancel()


@capi.EPOCH_CALLBACK  # type: ignore[untyped-decorator]
def on_epoch(context: int, _env: Any, delta: Any, kind: Any) -> int:
    """Called by a running guest at each tick: ends the call or lets it run until the next."""
    state = STORES.get(context)
    interruption = state.interruption() if state is not None else None
    if state is not None and interruption is not None:
        if state.exception is None:
            state.exception = interruption
        return capi.error_new(b"interrupted")  # type: ignore[no-any-return]
    if state is not None and state.on_pause is not None:
        state.on_pause()
    delta[0] = 1
    kind[0] = 0
    return 0
