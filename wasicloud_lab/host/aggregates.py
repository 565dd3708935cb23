"""Lists, records, tuples, flags, variants, enums, options and results across the boundary.

Each function compiles one type; `compile_type` is handed in for the types inside it. See `canonical`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from ..errors import Err
from . import capi
from .capi import ENTRY_SIZE, KIND, MEMORY, NAME_SIZE, VAL_SIZE, bytes_at
from .scalars import FLOATS, INTEGERS, ONE, PAIR, SLICE, VALUE, Codec, Lower, flat_list, mismatch
from .state import StoreState
from .types import EnumOf, FlagsOf, ListOf, OptionOf, Prim, RecordOf, ResultOf, TupleOf, Type, VariantOf
from .values import Ok, Some, Variant, record_type, snake

Compile = Callable[[Type], Codec]

_VARIANT = Struct("<8xQQQ")
_RESULT = Struct("<8xB7xQ")
_ZERO = ctypes.create_string_buffer(VAL_SIZE)
_ZERO_AT = ctypes.addressof(_ZERO)


def list_codec(ty: ListOf, compile_type: Compile) -> Codec:
    element = ty.element
    if isinstance(element, Prim) and (element.name in INTEGERS or element.name in FLOATS):
        return flat_list(element.name)
    lift_one, lower_one = compile_type(element)

    def lift(state: StoreState, address: int) -> list[Any]:
        count, pointer = SLICE.unpack_from(MEMORY, address)
        if not count:
            return []
        return [lift_one(state, at) for at in range(pointer, pointer + count * VAL_SIZE, VAL_SIZE)]

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            if isinstance(value, (str, Mapping)):
                raise TypeError
            items = list(value)
        except TypeError:
            raise mismatch("a list", value) from None
        capi.list_new(address + 8, len(items))
        MEMORY[address] = KIND["list"]
        if items:
            at = ONE.unpack_from(MEMORY, address + 16)[0]
            for item in items:
                lower_one(state, at, item)
                at += VAL_SIZE

    return lift, lower


# --- records, tuples, flags ------------------------------------------------------------------------


def record_codec(ty: RecordOf, compile_type: Compile) -> Codec:
    names = tuple(name for name, _ in ty.fields)
    make = record_type(names)._make  # type: ignore[attr-defined]
    codecs = [compile_type(field) for _, field in ty.fields]
    lifts = [(lift, NAME_SIZE + ENTRY_SIZE * n) for n, (lift, _) in enumerate(codecs)]
    plan = [(name, name.encode(), snake(name), lower) for name, (_, lower) in zip(names, codecs)]

    def lift(state: StoreState, address: int) -> Any:
        entries = SLICE.unpack_from(MEMORY, address)[1]
        return make([lift_one(state, entries + at) for lift_one, at in lifts])

    def lower(state: StoreState, address: int, value: Any) -> None:
        mapping = value if isinstance(value, Mapping) else None
        capi.record_new(address + 8, len(plan))
        MEMORY[address] = KIND["record"]
        at = ONE.unpack_from(MEMORY, address + 16)[0]
        for name, encoded, attribute, lower_one in plan:
            try:
                item = (
                    getattr(value, attribute)
                    if mapping is None
                    else mapping[attribute if attribute in mapping else name]
                )
            except (AttributeError, KeyError):
                raise mismatch(f"a record with the field {name!r}", value) from None
            capi.name_new(at, len(encoded), encoded)
            lower_one(state, at + NAME_SIZE, item)
            at += ENTRY_SIZE

    return lift, lower


def tuple_codec(ty: TupleOf, compile_type: Compile) -> Codec:
    codecs = [compile_type(element) for element in ty.elements]
    lifts = [(lift, VAL_SIZE * n) for n, (lift, _) in enumerate(codecs)]
    lowers = [lower for _, lower in codecs]
    count = len(codecs)

    def lift(state: StoreState, address: int) -> tuple[Any, ...]:
        elements = SLICE.unpack_from(MEMORY, address)[1]
        return tuple([lift_one(state, elements + at) for lift_one, at in lifts])

    def lower(state: StoreState, address: int, value: Any) -> None:
        if not isinstance(value, (tuple, list)) or len(value) != count:
            raise mismatch(f"a tuple of {count}", value)
        capi.tuple_new(address + 8, count)
        MEMORY[address] = KIND["tuple"]
        at = ONE.unpack_from(MEMORY, address + 16)[0]
        for lower_one, item in zip(lowers, value):
            lower_one(state, at, item)
            at += VAL_SIZE

    return lift, lower


def flags_codec(ty: FlagsOf, compile_type: Compile) -> Codec:
    known = {name.encode(): name for name in ty.names}
    encoded = {name: name.encode() for name in ty.names}

    def lift(state: StoreState, address: int) -> frozenset[str]:
        count, pointer = SLICE.unpack_from(MEMORY, address)
        if not count:
            return frozenset()
        names = PAIR.iter_unpack(bytes_at(pointer, NAME_SIZE * count))
        return frozenset([known[bytes_at(at, size)] for size, at in names])

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            if isinstance(value, str):
                raise TypeError
            names = [encoded[name] for name in value]
        except (KeyError, TypeError):
            raise mismatch(f"a set of {sorted(encoded)} for flags", value) from None
        capi.flags_new(address + 8, len(names))
        MEMORY[address] = KIND["flags"]
        if names:
            at = ONE.unpack_from(MEMORY, address + 16)[0]
            for name in names:
                capi.name_new(at, len(name), name)
                at += NAME_SIZE

    return lift, lower


# --- variants, enums, options, results -------------------------------------------------------------


def _boxed(state: StoreState, lower: Lower | None, address: int, head: bytes, value: Any) -> None:
    """Writes `head` and a pointer to a new box at `address`, then lowers `value` into the box."""
    if lower is None:
        MEMORY[address : address + len(head) + 8] = head + bytes(8)
        return
    box = capi.val_new(_ZERO_AT)
    MEMORY[address : address + len(head) + 8] = head + ONE.pack(box)
    lower(state, box, value)


def variant_codec(ty: VariantOf, compile_type: Compile) -> Codec:
    cases = {name: (name.encode(), *(compile_type(case) if case else (None, None))) for name, case in ty.cases}
    lifts = {encoded: (name, lift) for name, (encoded, lift, _) in cases.items()}
    plain = {encoded: Variant(name) for name, (encoded, _, _) in cases.items()}

    def lift(state: StoreState, address: int) -> Variant:
        size, pointer, box = _VARIANT.unpack_from(MEMORY, address)
        encoded = bytes_at(pointer, size)
        name, lift_one = lifts[encoded]
        if lift_one is None:
            return plain[encoded]
        return Variant(name, lift_one(state, box))

    def lower(state: StoreState, address: int, value: Any) -> None:
        tag, content = (
            (value, None) if isinstance(value, str) else (getattr(value, "tag", None), getattr(value, "value", None))
        )
        case = cases.get(tag)  # type: ignore[arg-type]
        if case is None:
            raise mismatch(f"a Variant with one of {list(cases)}", value)
        encoded, _, lower_one = case
        if lower_one is None and content is not None:
            raise mismatch(f"no payload for the case {tag!r}", content)
        box = 0 if lower_one is None else capi.val_new(_ZERO_AT)
        capi.name_new(address + 8, len(encoded), encoded)
        ONE.pack_into(MEMORY, address + 24, box)
        MEMORY[address] = KIND["variant"]
        if lower_one is not None:
            lower_one(state, box, content)

    return lift, lower


def enum_codec(ty: EnumOf, compile_type: Compile) -> Codec:
    known = {name.encode(): name for name in ty.names}
    encoded = {name: name.encode() for name in ty.names}

    def lift(state: StoreState, address: int) -> str:
        size, pointer = SLICE.unpack_from(MEMORY, address)
        return known[bytes_at(pointer, size)]

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            name = encoded[value]
        except (KeyError, TypeError):
            raise mismatch(f"one of {list(encoded)}", value) from None
        capi.name_new(address + 8, len(name), name)
        MEMORY[address] = KIND["enum"]

    return lift, lower


def option_codec(ty: OptionOf, compile_type: Compile) -> Codec:
    lift_one, lower_one = compile_type(ty.content)
    nested = isinstance(ty.content, OptionOf)
    head = ONE.pack(KIND["option"])

    def lift(state: StoreState, address: int) -> Any:
        box = VALUE.unpack_from(MEMORY, address)[0]
        if not box:
            return None
        content = lift_one(state, box)
        return Some(content) if nested else content

    def lower(state: StoreState, address: int, value: Any) -> None:
        if value is None:
            MEMORY[address : address + 16] = head + bytes(8)
            return
        if nested:
            if not isinstance(value, Some):
                raise mismatch("None or Some(…) for an option of an option", value)
            value = value.value
        _boxed(state, lower_one, address, head, value)

    return lift, lower


def result_codec(ty: ResultOf, compile_type: Compile) -> Codec:
    lift_ok, lower_ok = compile_type(ty.ok) if ty.ok else (None, None)
    lift_err, lower_err = compile_type(ty.err) if ty.err else (None, None)
    ok_head = PAIR.pack(KIND["result"], 1)
    err_head = PAIR.pack(KIND["result"], 0)

    def lift(state: StoreState, address: int) -> Ok | Err:
        is_ok, box = _RESULT.unpack_from(MEMORY, address)
        lift_one = lift_ok if is_ok else lift_err
        content = None if lift_one is None else lift_one(state, box)
        return Ok(content) if is_ok else Err(content)

    def lower(state: StoreState, address: int, value: Any) -> None:
        if isinstance(value, Ok):
            head, lower_one = ok_head, lower_ok
        elif isinstance(value, Err):
            head, lower_one = err_head, lower_err
        else:
            raise mismatch("Ok(…) or Err(…) for a result", value)
        if lower_one is None and value.value is not None:
            raise mismatch("no payload in this case of the result", value.value)
        _boxed(state, lower_one, address, head, value.value)

    return lift, lower


def ok_lower(ty: ResultOf, compile_type: Compile) -> Lower:
    """Lowers the plain value that a function returned as the `ok` case of its result."""
    lower_one = compile_type(ty.ok)[1] if ty.ok else None
    head = PAIR.pack(KIND["result"], 1)

    def lower(state: StoreState, address: int, value: Any) -> None:
        if lower_one is None and value is not None:
            raise mismatch("None, as the result has no value", value)
        _boxed(state, lower_one, address, head, value)

    return lower
