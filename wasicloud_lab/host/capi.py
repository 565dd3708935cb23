"""The part of wasmtime's C API that the codec calls directly, and the check that it is as expected.

The stock Python binding is correct but re-reads every type on every call. The codec instead reads and
writes `wasmtime_component_val_t` in place. That is only sound while the library lays the structure out
the way `layout_problem` describes; when it does not, `host.portable` takes over with the public API.

Functions that return at once come from a `PyDLL`: they keep the GIL, which is cheaper than handing it
over twice per call. Whatever may run guest code or compile goes through the ordinary binding, which
releases it.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_size_t, c_uint32, c_void_p
from importlib import metadata
from typing import Any

from wasmtime import _ffi as ffi

#: Bytes of one `wasmtime_component_val_t`: the kind in the first byte, the payload from byte 8.
VAL_SIZE = 32
#: Bytes of a record's entry: a name (size, pointer), then a value.
ENTRY_SIZE = 48
#: Bytes of a `wasm_name_t`: size, pointer.
NAME_SIZE = 16

KIND = {
    name: index
    for index, name in enumerate(
        "bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char string list record tuple variant enum option "
        "result flags resource".split()
    )
}

#: How a host function that wasmtime calls looks; every pointer crosses as a plain int.
HOST_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)
#: How a resource destructor looks: (env, context, rep) -> error.
DROP_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_uint32)
#: How an epoch callback looks: (context, env, delta out, kind out) -> error.
EPOCH_CALLBACK = ctypes.CFUNCTYPE(
    c_size_t, c_void_p, c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_uint8)
)

_short = ctypes.PyDLL(str(ffi.filename))


def _function(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_short, name)
    function.restype = result
    function.argtypes = arguments
    return function


name_new = _function("wasm_byte_vec_new", None, c_void_p, c_size_t, c_char_p)
list_new = _function("wasmtime_component_vallist_new_uninit", None, c_void_p, c_size_t)
record_new = _function("wasmtime_component_valrecord_new_uninit", None, c_void_p, c_size_t)
tuple_new = _function("wasmtime_component_valtuple_new_uninit", None, c_void_p, c_size_t)
flags_new = _function("wasmtime_component_valflags_new_uninit", None, c_void_p, c_size_t)
val_new = _function("wasmtime_component_val_new", c_void_p, c_void_p)
val_delete = _function("wasmtime_component_val_delete", None, c_void_p)
any_to_host = _function("wasmtime_component_resource_any_to_host", c_void_p, c_void_p, c_void_p, c_void_p)
any_clone = _function("wasmtime_component_resource_any_clone", c_void_p, c_void_p)
host_new = _function("wasmtime_component_resource_host_new", c_void_p, c_bool, c_uint32, c_uint32)
host_rep = _function("wasmtime_component_resource_host_rep", c_uint32, c_void_p)
host_delete = _function("wasmtime_component_resource_host_delete", None, c_void_p)
host_to_any = _function("wasmtime_component_resource_host_to_any", c_void_p, c_void_p, c_void_p, c_void_p)
error_new = _function("wasmtime_error_new", c_void_p, c_char_p)
error_delete = _function("wasmtime_error_delete", None, c_void_p)
error_message = _function("wasmtime_error_message", None, c_void_p, c_void_p)
add_func = _function(
    "wasmtime_component_linker_instance_add_func",
    c_void_p, c_void_p, c_char_p, c_size_t, HOST_CALLBACK, c_void_p, c_void_p,
)  # fmt: skip
add_resource = _function(
    "wasmtime_component_linker_instance_add_resource",
    c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, DROP_CALLBACK, c_void_p, c_void_p,
)  # fmt: skip
epoch_callback = _function("wasmtime_store_epoch_deadline_callback", None, c_void_p, EPOCH_CALLBACK, c_void_p, c_void_p)
set_epoch_deadline = _function("wasmtime_context_set_epoch_deadline", None, c_void_p, ctypes.c_uint64)

# These may run guest code for a long time: from the ordinary library, which lets go of the GIL.
_long = ctypes.CDLL(str(ffi.filename))
func_call = _long.wasmtime_component_func_call
func_call.restype = c_void_p
func_call.argtypes = [c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t]
any_drop = _long.wasmtime_component_resource_any_drop
any_drop.restype = c_void_p
any_drop.argtypes = [c_void_p, c_void_p]

#: This process's memory by absolute address: a slice or a `Struct` on it costs a fifth of a foreign call. Only
#: ever used at addresses that wasmtime has handed out, for as long as it lets them be used.
MEMORY = memoryview((ctypes.c_ubyte * (1 << 56)).from_address(0)).cast("B")


def bytes_at(address: int, size: int) -> bytes:
    """A copy of `size` bytes at an address."""
    return MEMORY[address : address + size].tobytes()


def take_error(pointer: int) -> str:
    """The message of a `wasmtime_error_t *`, which is freed."""
    vector = ffi.wasm_byte_vec_t()
    error_message(pointer, ctypes.addressof(vector))
    message = bytes(ffi.to_bytes(vector)).decode(errors="replace") if vector.size else ""
    ffi.wasm_byte_vec_delete(ctypes.byref(vector))
    error_delete(pointer)
    return message


def layout_problem() -> str | None:
    """What differs from the layout this module relies on, or None when all is as expected."""
    val: Any = ffi.wasmtime_component_val_t
    name: Any = ffi.wasm_name_t
    entry: Any = ffi.wasmtime_component_valrecord_entry
    many: Any = ffi.wasmtime_component_vallist
    case: Any = ffi.wasmtime_component_valvariant
    outcome: Any = ffi.wasmtime_component_valresult
    union = ffi.wasmtime_component_valunion
    expected = {
        "size of a value": (ctypes.sizeof(val), VAL_SIZE),
        "offset of a payload": (val.of.offset, 8),
        "size of a payload": (ctypes.sizeof(union), VAL_SIZE - 8),
        "size of a name": (ctypes.sizeof(name), NAME_SIZE),
        "pointer in a name": (name.data.offset, 8),
        "size of a record entry": (ctypes.sizeof(entry), ENTRY_SIZE),
        "value in a record entry": (entry.val.offset, NAME_SIZE),
        "pointer in a list": (many.data.offset, 8),
        "payload of a variant": (case.val.offset, NAME_SIZE),
        "payload of a result": (outcome.val.offset, 8),
        "size of a pointer": (ctypes.sizeof(c_void_p), 8),
    }
    for what, (found, wanted) in expected.items():
        if found != wanted:
            return f"{what} is {found}, not {wanted}"
    for kind, number in KIND.items():
        found = getattr(ffi, f"WASMTIME_COMPONENT_{kind.upper()}").value
        if found != number:
            return f"the kind of {kind} is {found}, not {number}"
    return None


def wasmtime_version() -> str:
    """The version of the wasmtime package in use."""
    return metadata.version("wasmtime")
