"""Values across the boundary: one compiled lift and lower per type, straight on the C structures.

`lift(state, address)` reads a value where wasmtime keeps it; `lower(state, address, value)` writes one in
place. Compiling a type returns plain functions with everything that does not depend on the value
already looked up. Nothing here is shared between calls, so any number of threads may convert at once.

Memory: arguments of a host call belong to wasmtime, which frees them; results are allocated with
wasmtime's own constructors and freed by it. In `lower`, an aggregate is allocated, filled with valid
empty values and attached *before* its content is converted, so a conversion that fails half-way leaves a
value that can be freed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import aggregates
from .capi import KIND, MEMORY
from .resources import lift_handle, lower_handle
from .scalars import PRIMS, VALUE, Codec, Lower, ValueMismatch
from .state import StoreState
from .types import (
    EnumOf,
    FlagsOf,
    Handle,
    ListOf,
    OptionOf,
    Prim,
    RecordOf,
    ResultOf,
    TupleOf,
    Type,
    Unsupported,
    VariantOf,
)  # fmt: skip


def _handle(ty: Handle, _: Any) -> Codec:
    owned = ty.owned
    name = ty.resource.name

    def lift(state: StoreState, address: int) -> Any:
        return lift_handle(state, VALUE.unpack_from(MEMORY, address)[0], owned, name)

    def lower(state: StoreState, address: int, value: Any) -> None:
        lower_handle(state, address + 8, value, owned)
        MEMORY[address] = KIND["resource"]

    return lift, lower


def _unsupported(ty: Unsupported, _: Any) -> Codec:
    def refuse(*_: Any) -> Any:
        raise ValueMismatch(f"values of type {ty.name} (WASI 0.3) cannot cross this host's boundary")

    return refuse, refuse


_COMPILERS: dict[type, Callable[[Any, Callable[[Type], Codec]], Codec]] = {
    Prim: lambda ty, _: PRIMS[ty.name],
    ListOf: aggregates.list_codec,
    RecordOf: aggregates.record_codec,
    TupleOf: aggregates.tuple_codec,
    VariantOf: aggregates.variant_codec,
    EnumOf: aggregates.enum_codec,
    FlagsOf: aggregates.flags_codec,
    OptionOf: aggregates.option_codec,
    ResultOf: aggregates.result_codec,
    Handle: _handle,
    Unsupported: _unsupported,
}
_compiled: dict[Type, Codec] = {}


def compile_type(ty: Type) -> Codec:
    """The lift and lower for a type; the same pair for the same type."""
    pair = _compiled.get(ty)
    if pair is None:
        pair = _COMPILERS[type(ty)](ty, compile_type)
        if len(_compiled) < 10_000:  # a bound for a process that loads guests without end
            _compiled[ty] = pair
    return pair


def outcome_lowers(ty: ResultOf) -> tuple[Lower, Lower]:
    """For a function's own result: how to lower a returned value, and an `Err` that was raised."""
    return aggregates.ok_lower(ty, compile_type), compile_type(ty)[1]
