"""Handles: host resources are the Python objects themselves, guest resources are `GuestResource`."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

from . import capi
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

    def __init__(self, state: StoreState, pointer: int, name: str) -> None:
        self._address = state.address
        self._state = state
        self._pointer = pointer
        self.name = name

    def drop(self) -> None:
        """Frees the resource in the guest, running its destructor. A second call does nothing."""
        pointer, self._pointer = self._pointer, 0
        if pointer and STORES.get(self._address) is self._state:
            error = capi.any_drop(self._address, pointer)
            capi.any_delete(pointer)
            if error:
                raise ValueError(capi.take_error(error))
        elif pointer:
            capi.any_delete(pointer)

    def clone_for(self, state: StoreState) -> int:
        if not self._pointer:
            raise ValueError(f"this {self.name or 'guest resource'} has already been dropped or given away")
        if state is not self._state:
            raise ValueError(
                f"this {self.name or 'guest resource'} belongs to another instance; keep one with "
                "`with app.instance() as i:` and use i.call for both calls"
            )
        return int(capi.any_clone(self._pointer))

    def give_away(self) -> None:
        pointer, self._pointer = self._pointer, 0
        if pointer:
            capi.any_delete(pointer)

    def __del__(self) -> None:
        # The store frees what is in it; only our small box would leak.
        pointer, self._pointer = getattr(self, "_pointer", 0), 0
        if pointer:
            capi.any_delete(pointer)

    def __repr__(self) -> str:
        return f"<guest resource {self.name or '?'}{'' if self._pointer else ' (dropped)'}>"


def lift_handle(state: StoreState, pointer: int, owned: bool, name: str) -> Any:
    """The Python side of a handle. An owned host resource leaves the table: it is the host's again."""
    out = ctypes.c_void_p()
    error = capi.any_to_host(state.address, pointer, ctypes.addressof(out))
    if error:
        capi.error_delete(error)
        return GuestResource(state, capi.any_clone(pointer), name)
    host = out.value
    rep = capi.host_rep(host)
    capi.host_delete(host)
    return state.handles.pop(rep) if owned else state.handles[rep]


def lower_handle(state: StoreState, value: Any, owned: bool, name: str) -> int:
    """A `resource_any` pointer for wasmtime to take over."""
    if isinstance(value, GuestResource):
        pointer = value.clone_for(state)
        if owned:
            value.give_away()
        return pointer
    number = resource_number(type(value))
    rep = state.insert(value)
    if not owned:
        state.lent.append(rep)
    host = capi.host_new(owned, rep, number)
    out = ctypes.c_void_p()
    error = capi.host_to_any(state.address, host, ctypes.addressof(out))
    capi.host_delete(host)
    if error:
        state.handles.pop(rep, None)
        raise ValueError(capi.take_error(error))
    return int(out.value or 0)
