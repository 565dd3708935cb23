"""Scalars and lists of numbers across the boundary; and what all of the codec is written with.

See `canonical` for how lifts and lowers work and who owns which memory.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from . import capi
from .capi import KIND, MEMORY, VAL_SIZE, bytes_at
from .state import StoreState

Lift = Callable[[StoreState, int], Any]
Lower = Callable[[StoreState, int, Any], None]
Codec = tuple[Lift, Lower]

#: A pointer; two words; a (size, pointer) payload; the payload of a value.
ONE = Struct("<Q")
PAIR = Struct("<QQ")
SLICE = Struct("<8xQQ")
VALUE = Struct("<8xQ")

#: struct code, size, lowest and highest value of each integer type
INTEGERS = {
    "s8": ("b", 1, -(1 << 7), (1 << 7) - 1), "u8": ("B", 1, 0, (1 << 8) - 1),
    "s16": ("h", 2, -(1 << 15), (1 << 15) - 1), "u16": ("H", 2, 0, (1 << 16) - 1),
    "s32": ("i", 4, -(1 << 31), (1 << 31) - 1), "u32": ("I", 4, 0, (1 << 32) - 1),
    "s64": ("q", 8, -(1 << 63), (1 << 63) - 1), "u64": ("Q", 8, 0, (1 << 64) - 1),
}  # fmt: skip
FLOATS = {"f32": ("f", 4), "f64": ("d", 8)}


class ValueMismatch(TypeError):
    """A Python value does not fit the WIT type it should become."""


def mismatch(wanted: str, value: Any) -> ValueMismatch:
    """The error for a value of another form, shown in short."""
    try:
        shown = repr(value)
    except Exception:  # an integer of thousands of digits, an object that can't show itself
        shown = "…"
    if len(shown) > 80:
        shown = shown[:77] + "…"
    return ValueMismatch(f"wanted {wanted}, got {type(value).__name__} {shown}")


# --- numbers, chars, strings -----------------------------------------------------------------------


def _number(name: str) -> Codec:
    if name in INTEGERS:
        code, _, low, high = INTEGERS[name]
    else:
        code, low, high = FLOATS[name][0], 0, 0
    read = Struct(f"<8x{code}").unpack_from
    pack = Struct(f"<Q{code}").pack
    kind = KIND[name]
    size = Struct(f"<Q{code}").size

    def lift(state: StoreState, address: int) -> Any:
        return read(MEMORY, address)[0]

    def lower_integer(state: StoreState, address: int, value: Any) -> None:
        try:
            MEMORY[address : address + size] = pack(kind, value)
        except Exception:
            if isinstance(value, int):
                shown = value if value.bit_length() < 128 else f"an integer of {value.bit_length()} bits"
                raise ValueMismatch(f"{shown} is outside {name}, which holds {low} to {high}") from None
            raise mismatch(f"an int for {name}", value) from None

    def lower_float(state: StoreState, address: int, value: Any) -> None:
        try:
            packed = pack(kind, value)
        except OverflowError:  # f32 has no such number: it is an infinity there, as IEEE 754 rounds
            packed = pack(kind, float("inf") if value > 0 else float("-inf"))
        except Exception:
            raise mismatch(f"a float for {name}", value) from None
        MEMORY[address : address + size] = packed

    return lift, lower_integer if name in INTEGERS else lower_float


def _lift_bool(state: StoreState, address: int) -> bool:
    return MEMORY[address + 8] != 0


def _lower_bool(state: StoreState, address: int, value: Any) -> None:
    if value is True:
        MEMORY[address : address + 16] = _TRUE
    elif value is False:
        MEMORY[address : address + 16] = _FALSE
    else:
        raise mismatch("a bool", value)


_TRUE = PAIR.pack(KIND["bool"], 1)
_FALSE = PAIR.pack(KIND["bool"], 0)


def _lift_char(state: StoreState, address: int) -> str:
    return chr(_CHAR.unpack_from(MEMORY, address)[0])


_CHAR = Struct("<8xI")


def _lower_char(state: StoreState, address: int, value: Any) -> None:
    if not isinstance(value, str) or len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
        raise mismatch("a str of one character for char", value)
    PAIR.pack_into(MEMORY, address, KIND["char"], ord(value))


def _lift_string(state: StoreState, address: int) -> str:
    size, pointer = SLICE.unpack_from(MEMORY, address)
    return str(MEMORY[pointer : pointer + size], "utf-8") if size else ""


def _lower_string(state: StoreState, address: int, value: Any) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise ValueMismatch(f"{value!r} has a lone surrogate, which no UTF-8 string can hold") from None
    except AttributeError:
        raise mismatch("a str", value) from None
    capi.name_new(address + 8, len(data), data)
    MEMORY[address] = KIND["string"]


# --- lists -----------------------------------------------------------------------------------------

#: Above this many elements the copy of C memory is made in one strided step, without a copy between.
_SMALL = 1024


def flat_list(name: str) -> Codec:
    """list<number>: one strided copy. In the C structure each element takes 32 bytes."""
    code, size = (INTEGERS.get(name) or FLOATS[name])[:2]
    step = VAL_SIZE // size
    first = 8 // size
    kind = KIND[name]
    form: Any = code  # a format that memoryview knows, which a type checker can't see

    def view(address: int, count: int) -> Any:
        return MEMORY[address : address + count * VAL_SIZE].cast(form)[first::step]

    def lift_bytes(state: StoreState, address: int) -> bytes:
        count, pointer = SLICE.unpack_from(MEMORY, address)
        if count < _SMALL:
            return bytes_at(pointer, count * VAL_SIZE)[8::VAL_SIZE] if count else b""
        data: bytes = view(pointer, count).tobytes()
        return data

    def lift(state: StoreState, address: int) -> list[Any]:
        count, pointer = SLICE.unpack_from(MEMORY, address)
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
            raise mismatch(f"a list of {name}", value) from None
        fill(address, memoryview(packed).cast(form))

    def fill(address: int, data: memoryview) -> None:
        count = len(data)
        capi.list_new(address + 8, count)
        MEMORY[address] = KIND["list"]
        if count:
            pointer = ONE.unpack_from(MEMORY, address + 16)[0]
            raw = MEMORY[pointer : pointer + count * VAL_SIZE]
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
        raise mismatch("bytes for list<u8>", value) from None


#: The codec of each primitive type.
PRIMS: dict[str, Codec] = {
    "bool": (_lift_bool, _lower_bool),
    "char": (_lift_char, _lower_char),
    "string": (_lift_string, _lower_string),
    **{name: _number(name) for name in (*INTEGERS, *FLOATS)},
}
