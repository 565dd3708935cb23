"""Values across the boundary: one compiled lift and lower per type, straight on the C structures.

`lift(state, buffer, offset)` reads a value from a copy of C memory; `lower(state, address, value)` writes
one in place. Compiling a type returns plain functions with everything that does not depend on the value
already looked up. Nothing here is shared between calls, so any number of threads may convert at once.

Memory: arguments of a host call belong to wasmtime, which frees them; results are allocated with
wasmtime's own constructors and freed by it. In `lower`, an aggregate is allocated, filled with valid
empty values and attached *before* its content is converted, so a conversion that fails half-way leaves a
value that can be freed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from ..errors import Err
from . import capi
from .capi import ENTRY_SIZE, KIND, NAME_SIZE, VAL_SIZE, bytes_at, copy_to
from .resources import lift_handle, lower_handle
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
from .values import Ok, Some, Variant, record_type, snake

Lift = Callable[[StoreState, bytes, int], Any]
Lower = Callable[[StoreState, int, Any], None]

_PAIR = Struct("<QQ")
_ONE = Struct("<Q")
_VALUE = Struct("<8xQ")
_SLICE = Struct("<8xQQ")
_VARIANT = Struct("<8xQQQ")
_RESULT = Struct("<8xB7xQ")
_TAGGED = Struct("<QQ")
_RESULT_OUT = Struct("<QQQ")

_KIND = {name: bytes([number]) + bytes(7) for name, number in KIND.items()}
_ZERO = ctypes.create_string_buffer(VAL_SIZE)
_ZERO_AT = ctypes.addressof(_ZERO)

#: struct code, size, lowest and highest value of each integer type
_INTEGERS = {
    "s8": ("b", 1, -(1 << 7), (1 << 7) - 1), "u8": ("B", 1, 0, (1 << 8) - 1),
    "s16": ("h", 2, -(1 << 15), (1 << 15) - 1), "u16": ("H", 2, 0, (1 << 16) - 1),
    "s32": ("i", 4, -(1 << 31), (1 << 31) - 1), "u32": ("I", 4, 0, (1 << 32) - 1),
    "s64": ("q", 8, -(1 << 63), (1 << 63) - 1), "u64": ("Q", 8, 0, (1 << 64) - 1),
}  # fmt: skip
_FLOATS = {"f32": ("f", 4), "f64": ("d", 8)}


class ValueMismatch(TypeError):
    """A Python value does not fit the WIT type it should become."""


def _mismatch(wanted: str, value: Any) -> ValueMismatch:
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "…"
    return ValueMismatch(f"wanted {wanted}, got {type(value).__name__} {shown}")


# --- numbers, chars, strings -----------------------------------------------------------------------


def _number(name: str) -> tuple[Lift, Lower]:
    if name in _INTEGERS:
        code, _, low, high = _INTEGERS[name]
    else:
        code, low, high = _FLOATS[name][0], 0, 0
    read = Struct(f"<8x{code}").unpack_from
    pack = Struct(f"<Q{code}").pack
    kind = KIND[name]
    size = Struct(f"<Q{code}").size

    def lift(state: StoreState, buffer: bytes, offset: int) -> Any:
        return read(buffer, offset)[0]

    def lower_integer(state: StoreState, address: int, value: Any) -> None:
        try:
            copy_to(address, pack(kind, value), size)
        except Exception:
            if isinstance(value, int):
                raise ValueMismatch(f"{value} is outside {name}, which holds {low} to {high}") from None
            raise _mismatch(f"an int for {name}", value) from None

    def lower_float(state: StoreState, address: int, value: Any) -> None:
        try:
            packed = pack(kind, value)
        except OverflowError:  # f32 has no such number: it is an infinity there, as IEEE 754 rounds
            packed = pack(kind, float("inf") if value > 0 else float("-inf"))
        except Exception:
            raise _mismatch(f"a float for {name}", value) from None
        copy_to(address, packed, size)

    return lift, lower_integer if name in _INTEGERS else lower_float


def _lift_bool(state: StoreState, buffer: bytes, offset: int) -> bool:
    return buffer[offset + 8] != 0


def _lower_bool(state: StoreState, address: int, value: Any) -> None:
    if value is True:
        copy_to(address, _TRUE, 16)
    elif value is False:
        copy_to(address, _FALSE, 16)
    else:
        raise _mismatch("a bool", value)


_TRUE = _TAGGED.pack(KIND["bool"], 1)
_FALSE = _TAGGED.pack(KIND["bool"], 0)


def _lift_char(state: StoreState, buffer: bytes, offset: int) -> str:
    return chr(_CHAR.unpack_from(buffer, offset)[0])


_CHAR = Struct("<8xI")


def _lower_char(state: StoreState, address: int, value: Any) -> None:
    if not isinstance(value, str) or len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
        raise _mismatch("a str of one character for char", value)
    copy_to(address, _TAGGED.pack(KIND["char"], ord(value)), 16)


def _lift_string(state: StoreState, buffer: bytes, offset: int) -> str:
    size, pointer = _SLICE.unpack_from(buffer, offset)
    return bytes_at(pointer, size).decode() if size else ""


def _lower_string(state: StoreState, address: int, value: Any) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise ValueMismatch(f"{value!r} has a lone surrogate, which no UTF-8 string can hold") from None
    except AttributeError:
        raise _mismatch("a str", value) from None
    capi.name_new(address + 8, len(data), data)
    copy_to(address, _KIND["string"], 8)


# --- lists -----------------------------------------------------------------------------------------

#: Above this many elements the copy of C memory is made in one strided step, without a copy between.
_SMALL = 1024


def _flat_list(name: str) -> tuple[Lift, Lower]:
    """list<number>: one strided copy. In the C structure each element takes 32 bytes."""
    code, size = (_INTEGERS.get(name) or _FLOATS[name])[:2]
    step = VAL_SIZE // size
    first = 8 // size
    kind = KIND[name]
    form: Any = code  # a format that memoryview knows, which a type checker can't see

    def view(address: int, count: int) -> Any:
        return capi.window(address, count * VAL_SIZE).cast(form)[first::step]

    def lift_bytes(state: StoreState, buffer: bytes, offset: int) -> bytes:
        count, pointer = _SLICE.unpack_from(buffer, offset)
        if count < _SMALL:
            return bytes_at(pointer, count * VAL_SIZE)[8::VAL_SIZE] if count else b""
        data: bytes = view(pointer, count).tobytes()
        return data

    def lift(state: StoreState, buffer: bytes, offset: int) -> list[Any]:
        count, pointer = _SLICE.unpack_from(buffer, offset)
        return view(pointer, count).tolist() if count else []

    def lower_bytes(state: StoreState, address: int, value: Any) -> None:
        data = byte_view(value)
        if data.format != "B" or not data.contiguous or data.ndim != 1:
            data = memoryview(data.tobytes())
        fill(address, data)

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            packed = Struct(f"<{len(value)}{code}").pack(*value)
        except Exception:
            raise _mismatch(f"a list of {name}", value) from None
        fill(address, memoryview(packed).cast(form))

    def fill(address: int, data: memoryview) -> None:
        count = len(data)
        capi.list_new(address + 8, count)
        copy_to(address, _KIND["list"], 8)
        if count:
            pointer = _ONE.unpack(bytes_at(address + 16, 8))[0]
            raw = capi.window(pointer, count * VAL_SIZE)
            raw.cast(form)[first::step] = data
            raw[0::VAL_SIZE] = bytes((kind,)) * count

    return (lift_bytes, lower_bytes) if name == "u8" else (lift, lower)


def byte_view(value: Any) -> memoryview:
    """The bytes of anything that may stand for `list<u8>`.

    Raises:
        ValueMismatch: it may not.
    """
    try:
        return memoryview(bytes(value) if isinstance(value, (list, tuple)) else value)
    except (TypeError, ValueError):
        raise _mismatch("bytes for list<u8>", value) from None


def _list(element: Type) -> tuple[Lift, Lower]:
    if isinstance(element, Prim) and (element.name in _INTEGERS or element.name in _FLOATS):
        return _flat_list(element.name)
    lift_one, lower_one = compile_type(element)

    def lift(state: StoreState, buffer: bytes, offset: int) -> list[Any]:
        count, pointer = _SLICE.unpack_from(buffer, offset)
        if not count:
            return []
        inner = bytes_at(pointer, count * VAL_SIZE)
        return [lift_one(state, inner, at) for at in range(0, count * VAL_SIZE, VAL_SIZE)]

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            if isinstance(value, (str, Mapping)):
                raise TypeError
            items = list(value)
        except TypeError:
            raise _mismatch("a list", value) from None
        capi.list_new(address + 8, len(items))
        copy_to(address, _KIND["list"], 8)
        if items:
            at = _ONE.unpack(bytes_at(address + 16, 8))[0]
            for item in items:
                lower_one(state, at, item)
                at += VAL_SIZE

    return lift, lower


# --- records, tuples, flags ------------------------------------------------------------------------


def _record(ty: RecordOf) -> tuple[Lift, Lower]:
    names = tuple(name for name, _ in ty.fields)
    make = record_type(names)._make  # type: ignore[attr-defined]
    codecs = [compile_type(field) for _, field in ty.fields]
    lifts = [(lift, NAME_SIZE + ENTRY_SIZE * n) for n, (lift, _) in enumerate(codecs)]
    plan = [(name, name.encode(), snake(name), lower) for name, (_, lower) in zip(names, codecs)]
    size = ENTRY_SIZE * len(names)

    def lift(state: StoreState, buffer: bytes, offset: int) -> Any:
        inner = bytes_at(_SLICE.unpack_from(buffer, offset)[1], size)
        return make([lift_one(state, inner, at) for lift_one, at in lifts])

    def lower(state: StoreState, address: int, value: Any) -> None:
        mapping = value if isinstance(value, Mapping) else None
        capi.record_new(address + 8, len(plan))
        copy_to(address, _KIND["record"], 8)
        at = _ONE.unpack(bytes_at(address + 16, 8))[0]
        for name, encoded, attribute, lower_one in plan:
            try:
                item = (
                    getattr(value, attribute)
                    if mapping is None
                    else mapping[attribute if attribute in mapping else name]
                )
            except (AttributeError, KeyError):
                raise _mismatch(f"a record with the field {name!r}", value) from None
            capi.name_new(at, len(encoded), encoded)
            lower_one(state, at + NAME_SIZE, item)
            at += ENTRY_SIZE

    return lift, lower


def _tuple(ty: TupleOf) -> tuple[Lift, Lower]:
    codecs = [compile_type(element) for element in ty.elements]
    lifts = [(lift, VAL_SIZE * n) for n, (lift, _) in enumerate(codecs)]
    lowers = [lower for _, lower in codecs]
    count = len(codecs)

    def lift(state: StoreState, buffer: bytes, offset: int) -> tuple[Any, ...]:
        inner = bytes_at(_SLICE.unpack_from(buffer, offset)[1], VAL_SIZE * count)
        return tuple([lift_one(state, inner, at) for lift_one, at in lifts])

    def lower(state: StoreState, address: int, value: Any) -> None:
        if not isinstance(value, (tuple, list)) or len(value) != count:
            raise _mismatch(f"a tuple of {count}", value)
        capi.tuple_new(address + 8, count)
        copy_to(address, _KIND["tuple"], 8)
        at = _ONE.unpack(bytes_at(address + 16, 8))[0]
        for lower_one, item in zip(lowers, value):
            lower_one(state, at, item)
            at += VAL_SIZE

    return lift, lower


def _flags(ty: FlagsOf) -> tuple[Lift, Lower]:
    known = {name.encode(): name for name in ty.names}
    encoded = {name: name.encode() for name in ty.names}

    def lift(state: StoreState, buffer: bytes, offset: int) -> frozenset[str]:
        count, pointer = _SLICE.unpack_from(buffer, offset)
        if not count:
            return frozenset()
        names = _PAIR.iter_unpack(bytes_at(pointer, NAME_SIZE * count))
        return frozenset([known[bytes_at(at, size)] for size, at in names])

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            if isinstance(value, str):
                raise TypeError
            names = [encoded[name] for name in value]
        except (KeyError, TypeError):
            raise _mismatch(f"a set of {sorted(encoded)} for flags", value) from None
        capi.flags_new(address + 8, len(names))
        copy_to(address, _KIND["flags"], 8)
        if names:
            at = _ONE.unpack(bytes_at(address + 16, 8))[0]
            for name in names:
                capi.name_new(at, len(name), name)
                at += NAME_SIZE

    return lift, lower


# --- variants, enums, options, results -------------------------------------------------------------


def _boxed(state: StoreState, lower: Lower | None, address: int, head: bytes, value: Any) -> None:
    """Writes `head` and a pointer to a new box at `address`, then lowers `value` into the box."""
    if lower is None:
        copy_to(address, head + bytes(8), len(head) + 8)
        return
    box = capi.val_new(_ZERO_AT)
    copy_to(address, head + _ONE.pack(box), len(head) + 8)
    lower(state, box, value)


def _variant(ty: VariantOf) -> tuple[Lift, Lower]:
    cases = {name: (name.encode(), *(compile_type(case) if case else (None, None))) for name, case in ty.cases}
    lifts = {encoded: (name, lift) for name, (encoded, lift, _) in cases.items()}
    plain = {encoded: Variant(name) for name, (encoded, _, _) in cases.items()}

    def lift(state: StoreState, buffer: bytes, offset: int) -> Variant:
        size, pointer, box = _VARIANT.unpack_from(buffer, offset)
        encoded = bytes_at(pointer, size)
        name, lift_one = lifts[encoded]
        if lift_one is None:
            return plain[encoded]
        return Variant(name, lift_one(state, bytes_at(box, VAL_SIZE), 0))

    def lower(state: StoreState, address: int, value: Any) -> None:
        tag, content = (
            (value, None) if isinstance(value, str) else (getattr(value, "tag", None), getattr(value, "value", None))
        )
        case = cases.get(tag)  # type: ignore[arg-type]
        if case is None:
            raise _mismatch(f"a Variant with one of {list(cases)}", value)
        encoded, _, lower_one = case
        if lower_one is None and content is not None:
            raise _mismatch(f"no payload for the case {tag!r}", content)
        box = 0 if lower_one is None else capi.val_new(_ZERO_AT)
        capi.name_new(address + 8, len(encoded), encoded)
        copy_to(address + 24, _ONE.pack(box), 8)
        copy_to(address, _KIND["variant"], 8)
        if lower_one is not None:
            lower_one(state, box, content)

    return lift, lower


def _enum(ty: EnumOf) -> tuple[Lift, Lower]:
    known = {name.encode(): name for name in ty.names}
    encoded = {name: name.encode() for name in ty.names}

    def lift(state: StoreState, buffer: bytes, offset: int) -> str:
        size, pointer = _SLICE.unpack_from(buffer, offset)
        return known[bytes_at(pointer, size)]

    def lower(state: StoreState, address: int, value: Any) -> None:
        try:
            name = encoded[value]
        except (KeyError, TypeError):
            raise _mismatch(f"one of {list(encoded)}", value) from None
        capi.name_new(address + 8, len(name), name)
        copy_to(address, _KIND["enum"], 8)

    return lift, lower


def _option(ty: OptionOf) -> tuple[Lift, Lower]:
    lift_one, lower_one = compile_type(ty.content)
    nested = isinstance(ty.content, OptionOf)
    head = _ONE.pack(KIND["option"])

    def lift(state: StoreState, buffer: bytes, offset: int) -> Any:
        box = _VALUE.unpack_from(buffer, offset)[0]
        if not box:
            return None
        content = lift_one(state, bytes_at(box, VAL_SIZE), 0)
        return Some(content) if nested else content

    def lower(state: StoreState, address: int, value: Any) -> None:
        if value is None:
            copy_to(address, head + bytes(8), 16)
            return
        if nested:
            if not isinstance(value, Some):
                raise _mismatch("None or Some(…) for an option of an option", value)
            value = value.value
        _boxed(state, lower_one, address, head, value)

    return lift, lower


def _result(ty: ResultOf) -> tuple[Lift, Lower]:
    lift_ok, lower_ok = compile_type(ty.ok) if ty.ok else (None, None)
    lift_err, lower_err = compile_type(ty.err) if ty.err else (None, None)
    ok_head = _PAIR.pack(KIND["result"], 1)
    err_head = _PAIR.pack(KIND["result"], 0)

    def lift(state: StoreState, buffer: bytes, offset: int) -> Ok | Err:
        is_ok, box = _RESULT.unpack_from(buffer, offset)
        lift_one = lift_ok if is_ok else lift_err
        content = None if lift_one is None else lift_one(state, bytes_at(box, VAL_SIZE), 0)
        return Ok(content) if is_ok else Err(content)

    def lower(state: StoreState, address: int, value: Any) -> None:
        if isinstance(value, Ok):
            head, lower_one = ok_head, lower_ok
        elif isinstance(value, Err):
            head, lower_one = err_head, lower_err
        else:
            raise _mismatch("Ok(…) or Err(…) for a result", value)
        if lower_one is None and value.value is not None:
            raise _mismatch("no payload in this case of the result", value.value)
        _boxed(state, lower_one, address, head, value.value)

    return lift, lower


def _handle(ty: Handle) -> tuple[Lift, Lower]:
    owned = ty.owned
    name = ty.resource.name

    def lift(state: StoreState, buffer: bytes, offset: int) -> Any:
        return lift_handle(state, _VALUE.unpack_from(buffer, offset)[0], owned, name)

    def lower(state: StoreState, address: int, value: Any) -> None:
        lower_handle(state, address + 8, value, owned)
        copy_to(address, _KIND["resource"], 8)

    return lift, lower


def _unsupported(ty: Unsupported) -> tuple[Lift, Lower]:
    def refuse(*_: Any) -> Any:
        raise ValueMismatch(f"values of type {ty.name} (WASI 0.3) cannot cross this host's boundary")

    return refuse, refuse


_PRIMS: dict[str, tuple[Lift, Lower]] = {
    "bool": (_lift_bool, _lower_bool),
    "char": (_lift_char, _lower_char),
    "string": (_lift_string, _lower_string),
    **{name: _number(name) for name in (*_INTEGERS, *_FLOATS)},
}
_COMPILERS: dict[type, Callable[[Any], tuple[Lift, Lower]]] = {
    Prim: lambda ty: _PRIMS[ty.name],
    ListOf: lambda ty: _list(ty.element),
    RecordOf: _record,
    TupleOf: _tuple,
    VariantOf: _variant,
    EnumOf: _enum,
    FlagsOf: _flags,
    OptionOf: _option,
    ResultOf: _result,
    Handle: _handle,
    Unsupported: _unsupported,
}
_compiled: dict[Type, tuple[Lift, Lower]] = {}


def compile_type(ty: Type) -> tuple[Lift, Lower]:
    """The lift and lower for a type; the same pair for the same type."""
    pair = _compiled.get(ty)
    if pair is None:
        pair = _COMPILERS[type(ty)](ty)
        if len(_compiled) < 10_000:
            _compiled[ty] = pair
    return pair


def result_codec(ty: ResultOf) -> tuple[Callable[[StoreState, int, Any], None], Lower]:
    """Lowerers for a function's own result: one for a returned value, one for an `Err` that was raised."""
    _, lower = compile_type(ty)

    def lower_ok(state: StoreState, address: int, value: Any) -> None:
        lower(state, address, Ok(value))

    return lower_ok, lower
