"""The one wasmtime engine of the process: compile cache, limits, and the clock that stops guests."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import wasmtime
from wasmtime import _ffi as ffi

from .state import StoreState

MIB = 1024 * 1024

#: What a store may hold beside the one memory that `Limits.memory` bounds. wasmtime counts each of them alone.
MEMORIES = 8
TABLES = 64
TABLE_ELEMENTS = 200_000

#: Seconds between two looks at whether a running guest must stop.
TICK = 0.02


def check_deadline(deadline: float | None) -> None:
    """
    Raises:
        ValueError: it is not a number of seconds above 0, nor None.
    """
    if deadline is not None and not (isinstance(deadline, (int, float)) and deadline > 0):
        raise ValueError(f"a deadline is a number of seconds above 0, or None; got {deadline!r}")


@dataclass(frozen=True)
class Limits:
    """What one call of a guest may use.

    Attributes:
        deadline: seconds a call may take, waiting included. None for no limit.
        memory: bytes of linear memory an instance may grow to.
        body: bytes of a body that the host holds in memory for a guest; streamed bodies have no such limit.
    """

    deadline: float | None = 10.0
    memory: int = 256 * MIB
    body: int = 256 * MIB

    def __post_init__(self) -> None:
        check_deadline(self.deadline)
        for name in ("memory", "body"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) <= 0:
                raise ValueError(f"the limit {name!r} is a number of bytes above 0; got {getattr(self, name)!r}")


def cache_dir() -> Path:
    """Where compiled components are kept between runs: `WASICLOUD_LAB_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("WASICLOUD_LAB_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "wasicloud-lab"


_lock = threading.Lock()
_engine: wasmtime.Engine | None = None


def engine() -> wasmtime.Engine:
    """The engine, made on first use. One for the process, so that compiled code and types are shared."""
    global _engine
    with _lock:
        if _engine is None:
            config = wasmtime.Config()
            config.epoch_interruption = True
            # Guests come from anywhere: a deep recursion must end as a trap with room to spare.
            config.max_wasm_stack = 512 * 1024
            # WASI 0.2 is synchronous. With this on, wasmtime 50 traps a guest whose call lends the host two
            # handles at once ("deferred host scope has no call context"), as `poll` with two pollables does.
            ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
            _engine = wasmtime.Engine(config)
        return _engine


class Ticker:
    """Advances the engine's epoch while guests run, so that each looks at its deadline now and then."""

    def __init__(self) -> None:
        self._running: set[StoreState] = set()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, state: StoreState) -> None:
        """A guest of this store begins to run. Adding to a set is atomic, so no lock on this path."""
        self._running.add(state)
        if not self._awake.is_set():
            self._wake()

    def stop(self, state: StoreState) -> None:
        """The guest of this store has returned."""
        self._running.discard(state)

    def forget(self) -> None:
        """In a forked child: the thread has stayed with the parent, and so have its guests."""
        self.__init__()  # type: ignore[misc]

    def _wake(self) -> None:
        with self._lock:
            self._awake.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="wasicloud-lab ticker", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        quiet = 0
        ticking = engine()
        while True:
            time.sleep(TICK)
            quiet = 0 if self._running else quiet + 1
            if self._running:
                ticking.increment_epoch()
            elif quiet > 50:  # a second without guests: sleep until the next one
                # Cleared before looking again: a guest that starts now either sees this or is seen.
                self._awake.clear()
                if self._running:
                    self._awake.set()
                self._awake.wait()
                quiet = 0


ticker = Ticker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ticker.forget)
