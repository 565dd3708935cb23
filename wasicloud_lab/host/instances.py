"""Instances of a component: one call at a time each, bounded in time and memory, thrown away after a trap."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component as wc

from ..errors import Frame, GuestCancelled, GuestError, GuestOutOfMemory, GuestTimeout, GuestTrap, LinkError
from . import capi
from .binding import BoundLinker
from .boundary import Caller
from .component import Component
from .engine import MEMORIES, MIB, TABLE_ELEMENTS, TABLES, Limits, check_deadline, engine
from .running import Running, on_epoch
from .state import HANDLE_LIMIT, NOTHING, STORES, StoreState, Tracing, check_nesting
from .symbols import readable
from .types import Function, ResultOf
from .values import Err, Ok

#: What wasmtime gives as the place of a frame that it can't tell, as with a full stack.
_NOWHERE = 2**64 - 1
_OUT_OF_MEMORY = re.compile(
    r"out of memory|memory allocation of \d+ bytes failed|MemoryError|cannot allocate memory", re.I
)
_ALLOCATION_FRAME = re.compile(r"alloc_error|handle_alloc|rust_oom|out_?of_?memory|allocation_fail", re.I)


class Export:
    """An exported function of a component, with its codec compiled."""

    def __init__(self, component: Component, name: str, ty: Function, interface: str | None) -> None:
        self.name = name
        self.label = f"{interface}#{name}" if interface else name
        self.type = ty
        self.fallible = isinstance(ty.result, ResultOf)
        outer = component.native.get_export_index(interface) if interface else None
        self.index = component.native.get_export_index(name, outer)
        self.caller = Caller(self.label, ty)


class Instance:
    """One instance in a store of its own. Used by one thread at a time.

    Attributes:
        calls: how many calls it has served.
    """

    def __init__(self, component: Component, linker: BoundLinker, limits: Limits) -> None:
        self.component = component
        self.limits = limits
        self._linker = linker  # its callbacks must outlive the store that calls them
        self._closed = False
        self.calls = 0
        self._functions: dict[str, wc.Func] = {}
        self._store = wasmtime.Store(engine())
        self._store.set_limits(
            memory_size=limits.memory, table_elements=TABLE_ELEMENTS, tables=TABLES, memories=MEMORIES
        )
        address = ctypes.cast(self._store._context(), ctypes.c_void_p).value or 0
        self.state = STORES[address] = StoreState(address)
        capi.epoch_callback(ctypes.cast(self._store.ptr(), ctypes.c_void_p), on_epoch, None, None)
        capi.set_epoch_deadline(address, 1)
        try:
            check_nesting()
            with Running(self.state, limits.deadline):
                self._native = linker.native.instantiate(self._store, component.native)
            if self.state.exception is not None:  # an interrupt that came as the guest returned
                raise self.state.exception
        except wasmtime.WasmtimeError as error:
            failure = self._failure(str(error), _frames(error))
            self.close()
            raise failure from None
        except BaseException:
            self.close()
            raise

    def call(
        self,
        export: Export,
        arguments: tuple[Any, ...],
        *,
        context: Any = None,
        plugs: Mapping[str, Any] = NOTHING,
        deadline: float | None = -1,
        trace: Tracing | None = None,
    ) -> Any:
        """Calls an export: lowers, runs, lifts.

        Args:
            export: from `Pool.export`, of this component.
            arguments: in their Python forms.
            context: what `state.context` shows to host functions during the call.
            plugs: what `state.plugs` shows them.
            deadline: seconds; None for none; the limits' own when left out.
            trace: told of each host call that the guest makes.

        Raises:
            Err: the function's own `err` case.
            GuestError: a trap, the deadline, the memory cap.
            TypeError: arguments that do not fit.
        """
        if self.state.running:
            raise LinkError(f"this instance of {self.component.name} is running a call; it takes one at a time")
        if self.broken:
            raise LinkError(f"this instance of {self.component.name} is closed; take another")
        if len(arguments) != len(export.type.params):
            raise TypeError(f"{export.label} takes {len(export.type.params)} argument(s), got {len(arguments)}")
        if deadline == -1:
            deadline = self.limits.deadline
        else:
            check_deadline(deadline)
        state = self.state
        check_nesting()
        function = self._functions.get(export.label) or self._find(export)
        state.running = True
        state.broken = True  # until it is known to be well: Ctrl-C may come at any moment
        state.context = context
        state.plugs = plugs
        state.trace = trace
        self.calls += 1
        try:
            value = export.caller(function, self._store, state, arguments, deadline)
        except wasmtime.WasmtimeError as error:
            raise self._failure(str(error), _frames(error)) from None
        except (TypeError, ValueError):  # of the arguments: the guest has not run
            state.broken = False
            raise
        else:
            state.broken = False
        finally:
            state.running = False
            state.context = state.on_pause = state.trace = None
            state.plugs = NOTHING
            state.give_up_at = float("inf")
            for rep in state.lent:
                state.handles.pop(rep, None)
            state.lent.clear()
            state.given.clear()
        if state.exception is not None:  # an interrupt that came as the guest returned
            interrupt, state.exception = state.exception, None
            raise interrupt
        if len(state.handles) > HANDLE_LIMIT:
            self.broken = True
        if export.fallible:
            if isinstance(value, Err):
                raise value
            assert isinstance(value, Ok)
            return value.value
        return value

    @property
    def broken(self) -> bool:
        """It trapped, leaked or was closed: not to be used again."""
        return self.state.broken

    @broken.setter
    def broken(self, value: bool) -> None:
        self.state.broken = value

    def cancel(self) -> None:
        """Ends the running call soon; from any thread."""
        self.state.cancel()

    def close(self) -> None:
        """Frees the store. The instance can't be used afterwards; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.state.close()  # first: what is dropped here may ask whether the instance ended well
            self._store.close()
        self.broken = True

    def __del__(self) -> None:
        if hasattr(self, "state"):
            self.close()

    def _find(self, export: Export) -> wc.Func:
        found = self._native.get_func(self._store, export.index) if export.index else None
        if found is None:
            raise LinkError(f"{self.component.name} exports no function {export.label}")
        self._functions[export.label] = found
        return found

    def _failure(self, message: str, frames: tuple[Frame, ...]) -> BaseException:
        """The error to raise for a call that ended badly. The instance is done with."""
        state = self.state
        raised, state.exception = state.exception, None
        self.broken = True
        name = self.component.name
        stderr = state.stderr.decode(errors="replace")
        if isinstance(raised, GuestTimeout):
            return GuestTimeout(
                f"{name} ran past its deadline of {state.allowed:g} s and was stopped",
                hint="a longer one: lab.load(…, deadline=60)",
                stderr=stderr,
            )
        if isinstance(raised, GuestCancelled):
            return GuestCancelled(f"{name}: {raised.message}", stderr=stderr)
        if isinstance(raised, GuestTrap):
            raised.frames = raised.frames or frames
        if isinstance(raised, GuestError):
            raised.stderr = raised.stderr or stderr
        if raised is not None:
            return raised
        if "mismatched resource types" in message:
            return TypeError(f"{name}: a resource given to it is of another class than its type asks for")
        reason = _reason(message)
        if "exceeds memory limit" in message or ("minimum size" in message and "limit" in message):
            return self._out_of_memory(reason, stderr)
        if "unreachable" in reason and self._ran_out_of_memory(frames, stderr):
            return self._out_of_memory(reason, stderr)
        return GuestTrap(f"{name} trapped: {reason}", frames=frames, stderr=stderr)

    def _out_of_memory(self, reason: str, stderr: str) -> GuestOutOfMemory:
        cap = self.limits.memory // MIB
        return GuestOutOfMemory(
            f"{self.component.name} wanted more memory than its cap of {cap} MiB ({reason})",
            hint="a higher one: lab.load(…, memory=…) in bytes",
            stderr=stderr,
        )

    def _ran_out_of_memory(self, frames: tuple[Frame, ...], stderr: str) -> bool:
        """Whether a trap came from a refused `memory.grow`.

        A guest sees the refusal as -1 and most then execute `unreachable`, so the trap itself does not
        say. The guest's own words or a frame of its allocator do; failing these, so does the memory that
        comes back when the store is freed.
        """
        if _OUT_OF_MEMORY.search(stderr) or any(_ALLOCATION_FRAME.search(frame.function) for frame in frames):
            return True
        import psutil  # only here, so that loading the lab need not wait for it

        before = psutil.Process().memory_info().rss
        self.close()
        freed = before - psutil.Process().memory_info().rss
        return bool(freed > self.limits.memory * 0.75)


def _reason(message: str) -> str:
    """The one line of a wasmtime error that says what happened."""
    if "fuel allocated for hostcalls" in message:
        return (
            "it passed more to the host in one call than wasmtime copies (128 MiB, of which each element of a list "
            "takes 32 bytes, so about 4 million bytes); it has to pass less at a time"
        )
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for line in lines:
        if "wasm trap:" in line:
            return line.partition("wasm trap:")[2].strip()
    kept = [
        line
        for line in lines
        if not re.match(r"(Caused by:|error while executing|\d+: +0x|note:|wasm backtrace)", line)
    ]
    return re.sub(r"^\d+: ", "", kept[-1] if kept else message.strip())


def _frames(error: wasmtime.WasmtimeError) -> tuple[Frame, ...]:
    vector = ffi.wasm_frame_vec_t()
    ffi.wasmtime_error_wasm_trace(error.ptr(), ctypes.byref(vector))
    frames = []
    for n in range(vector.size):
        native = vector.data[n]
        offset = ffi.wasm_frame_module_offset(native)
        name = ffi.wasmtime_frame_func_name(native)
        module = ffi.wasmtime_frame_module_name(native)
        index = ffi.wasm_frame_func_index(native)
        frames.append(
            Frame(
                readable(ffi.to_bytes(name.contents).decode(errors="replace")) if name else f"wasm-function[{index}]",
                ffi.to_bytes(module.contents).decode(errors="replace") if module else None,
                None if offset == _NOWHERE else offset,
            )
        )
    ffi.wasm_frame_vec_delete(ctypes.byref(vector))
    return tuple(frames)
