"""Handles: host resources are the Python objects themselves, guest resources are `GuestResource`."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

from wasmtime import _ffi as ffi
from wasmtime import component as wc

from ..errors import GuestOutOfMemory
from . import capi
from .running import Running
from .state import STORES, StoreState

_numbers = itertools.count(1)


def resource_number(cls: type) -> int:
    """The number by which wasmtime knows the host resource class `cls` (its base that is one)."""
    number = getattr(cls, "_resource_number", None)
    if number is None:
        raise TypeError(
            f"{cls.__name__} is not a resource of any interface; name it in the interface's class, "
            "or decorate it with @resource"
        )
    return int(number)


def make_resource(cls: type) -> type:
    """Marks a class as a host resource. Subclasses are handed over as the same resource."""
    if getattr(cls, "_resource_number", None) is None:
        cls._resource_number = next(_numbers)  # type: ignore[attr-defined]
    return cls


class GuestResource:
    """A handle to a resource that lives inside the guest.

    It belongs to the instance it came from: pass it to functions of the same `app.instance()` only.
    `drop()` lets the guest free it; closing the instance does so as well.
    """

    def __init__(self, state: StoreState, native: wc.ResourceAny, name: str) -> None:
        self._state = state
        self._native: wc.ResourceAny | None = native
        state.guest_handles += 1
        self.name = name

    def drop(self) -> None:
        """Frees the resource in the guest, running its destructor. A second call does nothing."""
        native, self._native = self._native, None
        state = self._state
        if native is not None:
            state.guest_handles -= 1
        if native is None or (state.broken and not state.running) or STORES.get(state.address) is not state:
            return
        if state.running:  # from a host function that the same guest called: under that call's deadline
            error = capi.any_drop(state.address, _address(native))
        else:
            state.running = True
            try:
                with Running(state, state.allowed or None):
                    error = capi.any_drop(state.address, _address(native))
            finally:
                state.running = False
        raised, state.exception = state.exception, None
        if error:
            state.broken = True
            message = capi.take_error(error)
            raise raised or ValueError(message)
        if raised is not None:  # an interrupt
            raise raised

    def native_for(self, state: StoreState, owned: bool) -> wc.ResourceAny:
        """The native handle, to be lent or given to a call on the same instance.

        Raises:
            ValueError: it is gone, or belongs to another instance.
        """
        what = self.name or "guest resource"
        native = self._native
        if native is None:
            raise ValueError(f"this {what} has already been dropped or given away")
        if state is not self._state:
            raise ValueError(
                f"this {what} belongs to another instance; keep one with `with app.instance() as i:` "
                "and use i.call for both calls"
            )
        if owned:
            self._native = None
            state.guest_handles -= 1
            state.given.append(lambda: self._take_back(native))
        return native

    def _take_back(self, native: wc.ResourceAny) -> None:
        """The call it was given to is not made."""
        self._native = native
        self._state.guest_handles += 1

    def __repr__(self) -> str:
        return f"<guest resource {self.name or '?'}{'' if self._native is not None else ' (dropped)'}>"


def lift_handle(state: StoreState, pointer: int, owned: bool, name: str) -> Any:
    """The Python side of a handle. An owned host resource leaves the table: it is the host's again."""
    error = capi.any_to_host(state.address, pointer, state.scratch_at)
    if error:
        capi.error_delete(error)
        return GuestResource(state, _own(capi.any_clone(pointer)), name)
    host = state.scratch.value
    rep = capi.host_rep(host)
    capi.host_delete(host)
    return state.handles.pop(rep) if owned else state.handles[rep]


def lower_handle(state: StoreState, out: int, value: Any, owned: bool) -> None:
    """Writes a `resource_any` pointer, for wasmtime to take over, at the address `out`."""
    number = getattr(value, "_resource_number", None)
    if number is None:
        if isinstance(value, GuestResource):
            native = value.native_for(state, owned)  # kept here: given away, nothing else holds it
            pointer = capi.any_clone(_address(native))
            ctypes.c_void_p.from_address(out).value = pointer
            return
        number = resource_number(type(value))
    rep = state.insert(value)
    if not owned:
        state.lent.append(rep)
    host = capi.host_new(owned, rep, number)
    error = capi.host_to_any(state.address, host, out)
    capi.host_delete(host)
    if error:
        state.handles.pop(rep, None)
        raise GuestOutOfMemory(f"no handle to a host resource can be made: {capi.take_error(error)}")


def _own(pointer: int) -> wc.ResourceAny:
    """A native handle, freed with its Python object."""
    return wc.ResourceAny._from_ptr(ctypes.cast(pointer, ctypes.POINTER(ffi.wasmtime_component_resource_any_t)))


def _address(native: wc.ResourceAny) -> int:
    return ctypes.cast(native.ptr(), ctypes.c_void_p).value or 0
