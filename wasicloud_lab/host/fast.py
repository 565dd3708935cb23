"""Calls across the boundary on wasmtime's C structures: imports as C callbacks, exports by pointer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component as wc

from ..errors import Err
from . import capi
from .canonical import compile_type, outcome_lowers
from .misfits import argument_misfit, returned_misfit
from .running import AT_THE_BOUNDARY, CALLBACKS, Running
from .scalars import ValueMismatch
from .state import STORES, StoreState, release
from .types import Function, ResultOf


def add_function(instance: wc.LinkerInstance, name: str, label: str, ty: Function, target: Callable[..., Any]) -> Any:
    """Defines an import. Answers what must live as long as the linker."""
    callback = capi.HOST_CALLBACK(_host_callback(label, ty, target))
    encoded = name.encode()
    _check(capi.add_func(_address(instance), encoded, len(encoded), callback, None, None))
    return callback


def add_resource(instance: wc.LinkerInstance, name: str, number: int) -> None:
    """Defines a host resource type under its number."""
    native = wc.ResourceType.host(number)
    encoded = name.encode()
    _check(capi.add_resource(_address(instance), encoded, len(encoded), _address(native), _drop, None, None))


class Caller:
    """Calls one exported function; made once per export, used with any instance.

    Args:
        label: its name, for messages.
        ty: its type.
    """

    def __init__(self, label: str, ty: Function) -> None:
        self._lowers = tuple((compile_type(param)[1], capi.VAL_SIZE * n) for n, (_, param) in enumerate(ty.params))
        self._count = len(self._lowers)
        self._label = label
        self._names = [name for name, _ in ty.params]
        self._lift = compile_type(ty.result)[0] if ty.result is not None else None
        self._memory = ctypes.c_char * (capi.VAL_SIZE * (self._count + 1))

    def __call__(
        self,
        function: wc.Func,
        store: wasmtime.Store,
        state: StoreState,
        arguments: tuple[Any, ...],
        deadline: float | None,
    ) -> Any:
        """
        Raises:
            wasmtime.WasmtimeError: the guest trapped.
            TypeError: an argument does not fit.
        """
        memory = self._memory()  # zeroed: every value in it may be freed, whether it was written or not
        base = ctypes.addressof(memory)
        count = self._count
        result = base + capi.VAL_SIZE * count
        first = state.next_rep
        try:
            try:
                for (lower, at), argument in zip(self._lowers, arguments):
                    try:
                        lower(state, base + at, argument)
                    except ValueMismatch as misfit:
                        raise argument_misfit(self._label, self._names[at // capi.VAL_SIZE], misfit) from None
            except BaseException:
                state.take_back(first)
                raise
            has_result = self._lift is not None
            with Running(state, deadline):
                error = capi.func_call(
                    ctypes.addressof(function._func),
                    state.address,
                    base,
                    count,
                    result if has_result else None,
                    has_result,
                )
            if error:
                raise wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t)))
            return self._lift(state, result) if self._lift is not None else None
        finally:
            for at in range(base, result + 1, capi.VAL_SIZE):
                capi.val_delete(at)


def _host_callback(label: str, ty: Function, target: Callable[..., Any]) -> Callable[..., int]:
    """The function wasmtime calls for one import: lifts, calls, lowers, and carries what was raised."""
    lifts = tuple((compile_type(param)[0], capi.VAL_SIZE * n) for n, (_, param) in enumerate(ty.params))
    fallible = isinstance(ty.result, ResultOf)
    lower: Any = None
    lower_err: Any = None
    if isinstance(ty.result, ResultOf):
        lower, lower_err = outcome_lowers(ty.result)
    elif ty.result is not None:
        lower = compile_type(ty.result)[1]
    stores = STORES

    def callback(_env: Any, context: int, _ty: Any, arguments: int, _n: int, results: int, _m: int) -> int:
        try:
            state = stores[context]
            try:
                if state.trace is not None:
                    value = state.trace.call(label, ty, target, [lift(state, arguments + at) for lift, at in lifts])
                elif lifts:
                    value = target(*[lift(state, arguments + at) for lift, at in lifts])
                else:
                    value = target()
                if lower is not None:
                    try:
                        lower(state, results, value)
                    except ValueMismatch as misfit:
                        raise returned_misfit(label, misfit) from None
            except Err as error:
                if not fallible:
                    raise
                try:
                    lower_err(state, results, error)
                except ValueMismatch as misfit:
                    raise returned_misfit(label, misfit) from None
            return 0
        except BaseException as error:
            return _raise(context, f"in {label}", error)

    CALLBACKS.add(callback.__code__)  # one code object, whatever the function
    AT_THE_BOUNDARY.add(callback.__code__)
    return callback


def _dropped(_env: Any, context: int, rep: int) -> int:
    """The guest has let go of a host resource."""
    try:
        state = STORES.get(context)
        if state is not None:
            release(state.handles.pop(rep, None))
    except BaseException as error:
        return _raise(context, "while a resource was dropped", error)
    return 0


def _raise(context: int, where: str, error: BaseException) -> int:
    """Keeps the first exception for the caller and makes the guest trap.

    Nothing may be raised here, nor anywhere else outside the `try` of a callback: ctypes would hand wasmtime an
    arbitrary word as the error, and the process would crash.
    """
    state = STORES.get(context)
    if state is not None and state.exception is None:
        state.exception = error
    try:
        said = str(error)
    except BaseException:  # an exception that can't say itself
        said = type(error).__name__
    return int(capi.error_new(f"{where}: {said}".replace("\0", "␀").encode(errors="replace")))


_drop = capi.DROP_CALLBACK(_dropped)
CALLBACKS.add(_dropped.__code__)
AT_THE_BOUNDARY.update((_dropped.__code__, _raise.__code__))


def _address(managed: Any) -> int:
    return ctypes.cast(managed.ptr(), ctypes.c_void_p).value or 0


def _check(error: int | None) -> None:
    if error:
        raise wasmtime.WasmtimeError(capi.take_error(error))
