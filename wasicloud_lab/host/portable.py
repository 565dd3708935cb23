"""Calls across the boundary through wasmtime's public API alone: the way taken when its C layout changes.

Slower by an order of magnitude, same values: everything is converted between the forms of `values` and
those of the stock binding. Two things the stock binding can't say: where a variant has cases of bool and
of integers only, it takes True for the first integer case; and where the `ok` case of a result is an option, it
takes an error for that, so that a store's failure in such a call (`bucket.get`) traps with its text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import component as wc

from ..errors import Err
from .misfits import argument_misfit, returned_misfit
from .resources import GuestResource, resource_number
from .running import Running
from .scalars import ValueMismatch, byte_view
from .state import StoreState, current, release
from .types import (
    EnumOf,
    FlagsOf,
    Function,
    Handle,
    ListOf,
    OptionOf,
    Prim,
    RecordOf,
    ResultOf,
    TupleOf,
    Type,
    VariantOf,
)  # fmt: skip
from .values import Ok, Some, Variant, record_type, snake


def add_function(instance: wc.LinkerInstance, name: str, label: str, ty: Function, target: Callable[..., Any]) -> Any:
    """Defines an import. Answers what must live as long as the linker."""

    def call(store: wasmtime.StoreContext, *arguments: Any) -> Any:
        state = current()
        try:
            lifted = [lift(param, value, state, store) for (_, param), value in zip(ty.params, arguments)]
            try:
                trace = state.trace
                value = target(*lifted) if trace is None else trace.call(label, ty, target, lifted)
                if ty.result is None:
                    return None
                try:
                    return lower(ty.result, Ok(value) if isinstance(ty.result, ResultOf) else value, state, store)
                except ValueMismatch as error:
                    raise returned_misfit(label, error) from None
            except Err as error:
                if not isinstance(ty.result, ResultOf):
                    raise
                try:
                    return lower(ty.result, error, state, store)
                except ValueMismatch as misfit:
                    raise returned_misfit(label, misfit) from None
        except BaseException as error:
            raise _kept(state, f"in {label}: {error}", error) from None

    instance.add_func(name, call)
    return call


def add_resource(instance: wc.LinkerInstance, name: str, number: int) -> None:
    """Defines a host resource type under its number."""

    def drop(store: wasmtime.StoreContext, rep: int) -> None:
        state = current()
        try:
            release(state.handles.pop(rep, None))
        except BaseException as error:
            raise _kept(state, str(error), error) from None

    instance.add_resource(name, wc.ResourceType.host(number), drop)


class Caller:
    """Calls one exported function; made once per export, used with any instance."""

    def __init__(self, label: str, ty: Function) -> None:
        self._label = label
        self._type = ty

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
        lowered = []
        first = state.next_rep
        try:
            for (name, ty), value in zip(self._type.params, arguments):
                try:
                    lowered.append(lower(ty, value, state, store))
                except ValueMismatch as error:
                    raise argument_misfit(self._label, name, error) from None
        except BaseException:
            state.take_back(first)
            raise
        with Running(state, deadline):
            value = function(store, *lowered)
            function.post_return(store)
        return None if self._type.result is None else lift(self._type.result, value, state, store)


def _kept(state: StoreState, message: str, error: BaseException) -> wasmtime.WasmtimeError:
    """The stock binding keeps a host's exception in one place for the process; ours goes with its store."""
    if state.exception is None:
        state.exception = error
    return wasmtime.WasmtimeError(message.replace("\0", "␀"))


# --- values ------------------------------------------------------------------------------------------


def lift(ty: Type, value: Any, state: StoreState, store: Any) -> Any:
    """From the stock binding's form to ours."""
    if isinstance(ty, (Prim, EnumOf)):
        return value
    if isinstance(ty, ListOf):
        return value if isinstance(value, bytes) else [lift(ty.element, item, state, store) for item in value]
    if isinstance(ty, TupleOf):
        return tuple(lift(part, item, state, store) for part, item in zip(ty.elements, value))
    if isinstance(ty, RecordOf):
        names = tuple(name for name, _ in ty.fields)
        return record_type(names)(*[lift(part, getattr(value, name), state, store) for name, part in ty.fields])
    if isinstance(ty, FlagsOf):
        return frozenset(value)
    if isinstance(ty, Handle):
        return _lift_handle(ty, value, state, store)
    if isinstance(ty, (VariantOf, OptionOf, ResultOf)):
        tag, content = _untag(ty, value)
        part = dict(_cases(ty))[tag]
        return _ours(ty, tag, None if part is None else lift(part, content, state, store))
    raise ValueMismatch(f"values of type {ty.name} (WASI 0.3) cannot cross this host's boundary")


def lower(ty: Type, value: Any, state: StoreState, store: Any) -> Any:
    """From our form to the stock binding's."""
    if isinstance(ty, Prim):
        return _lower_prim(ty.name, value)
    if isinstance(ty, EnumOf):
        if value not in ty.names:
            raise ValueMismatch(f"wanted one of {list(ty.names)}, got {value!r}")
        return value
    if isinstance(ty, ListOf):
        if ty.element == Prim("u8"):
            return byte_view(value).tobytes()
        if isinstance(value, (str, dict)):
            raise ValueMismatch(f"wanted a list, got {type(value).__name__}")
        return [lower(ty.element, item, state, store) for item in value]
    if isinstance(ty, TupleOf):
        if not isinstance(value, (tuple, list)) or len(value) != len(ty.elements):
            raise ValueMismatch(f"wanted a tuple of {len(ty.elements)}, got {value!r}")
        return tuple(lower(part, item, state, store) for part, item in zip(ty.elements, value))
    if isinstance(ty, RecordOf):
        return _lower_record(ty, value, state, store)
    if isinstance(ty, FlagsOf):
        if isinstance(value, str) or not set(value) <= set(ty.names):
            raise ValueMismatch(f"wanted a set of {list(ty.names)} for flags, got {value!r}")
        return set(value)
    if isinstance(ty, Handle):
        return _lower_handle(ty, value, state)
    if isinstance(ty, (VariantOf, OptionOf, ResultOf)):
        tag, content = _theirs(ty, value)
        cases = dict(_cases(ty))
        if tag not in cases:
            raise ValueMismatch(f"wanted a value of one of the cases {list(cases)}, got {value!r}")
        part = cases[tag]
        if part is None and content is not None:
            raise ValueMismatch(f"wanted no payload for the case {tag!r}, got {content!r}")
        lowered = None if part is None else lower(part, content, state, store)
        return wc.Variant(tag, lowered) if _tagged(ty) else lowered
    raise ValueMismatch(f"values of type {ty.name} (WASI 0.3) cannot cross this host's boundary")


_PRIMS: dict[str, type] = {"bool": bool, "char": str, "string": str, "f32": float, "f64": float}


def _lower_prim(name: str, value: Any) -> Any:
    wanted: Any = _PRIMS.get(name, int)
    if wanted is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueMismatch(f"wanted {wanted.__name__} for {name}, got {type(value).__name__} {value!r}")
    if wanted is int:
        bits = int(name[1:])
        low, high = (0, (1 << bits) - 1) if name[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        if not low <= value <= high:
            raise ValueMismatch(f"{value} is outside {name}, which holds {low} to {high}")
    if name == "char" and (len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF):
        raise ValueMismatch(f"wanted a str of one character for char, got {value!r}")
    return value


def _lower_record(ty: RecordOf, value: Any, state: StoreState, store: Any) -> wc.Record:
    record = wc.Record()
    for name, part in ty.fields:
        attribute = snake(name)
        try:
            item = (
                value[attribute if attribute in value else name]
                if isinstance(value, dict)
                else getattr(value, attribute)
            )
        except (AttributeError, KeyError):
            raise ValueMismatch(f"wanted a record with the field {name!r}, got {value!r}") from None
        setattr(record, name, lower(part, item, state, store))
    return record


def _lift_handle(ty: Handle, value: wc.ResourceAny, state: StoreState, store: Any) -> Any:
    try:
        rep = value.to_host(store).rep
    except wasmtime.WasmtimeError:
        return GuestResource(state, value, ty.resource.name)
    return state.handles.pop(rep) if ty.owned else state.handles[rep]


def _lower_handle(ty: Handle, value: Any, state: StoreState) -> Any:
    if isinstance(value, GuestResource):
        return value.native_for(state, ty.owned)
    number = resource_number(type(value))
    rep = state.insert(value)
    if ty.owned:
        return wc.ResourceHost.own(rep, number)
    state.lent.append(rep)
    return wc.ResourceHost.borrow(rep, number)


# --- variants: the stock form depends on the payload types --------------------------------------------


def _cases(ty: VariantOf | OptionOf | ResultOf) -> tuple[tuple[str, Type | None], ...]:
    if isinstance(ty, OptionOf):
        return (("none", None), ("some", ty.content))
    if isinstance(ty, ResultOf):
        return (("ok", ty.ok), ("err", ty.err))
    return ty.cases


def _ours(ty: VariantOf | OptionOf | ResultOf, tag: str, content: Any) -> Any:
    if isinstance(ty, ResultOf):
        return Ok(content) if tag == "ok" else Err(content)
    if isinstance(ty, OptionOf):
        return None if tag == "none" else Some(content) if isinstance(ty.content, OptionOf) else content
    return Variant(tag, content)


def _theirs(ty: VariantOf | OptionOf | ResultOf, value: Any) -> tuple[Any, Any]:
    if isinstance(ty, ResultOf):
        tag = "ok" if isinstance(value, Ok) else "err" if isinstance(value, Err) else None
        return tag, getattr(value, "value", None)
    if isinstance(ty, OptionOf):
        if value is None:
            return "none", None
        if isinstance(ty.content, OptionOf):
            return ("some", value.value) if isinstance(value, Some) else (None, None)
        return "some", value
    return (value, None) if isinstance(value, str) else (getattr(value, "tag", None), getattr(value, "value", None))


def _untag(ty: VariantOf | OptionOf | ResultOf, value: Any) -> tuple[str, Any]:
    """The case of a stock value: told by its tag, or by its class where classes differ."""
    if isinstance(value, wc.Variant) and _tagged(ty):
        return value.tag, value.payload
    for tag, part in _cases(ty):
        classes = {object} if part is None else _classes(part)
        if value is None:
            if object in classes:
                return tag, None
        elif isinstance(value, tuple(classes - {object})):
            if isinstance(value, bool) and bool not in classes:
                continue
            return tag, value
    raise ValueMismatch(f"the binding gave {value!r}, which is none of the cases {[tag for tag, _ in _cases(ty)]}")


def _tagged(ty: VariantOf | OptionOf | ResultOf) -> bool:
    """Whether the stock binding wraps the cases of this type: two of them have a Python class in common."""
    seen: set[type] = set()
    for _, part in _cases(ty):
        classes = {object} if part is None else _classes(part)
        if classes & seen:
            return True
        seen |= classes
    return False


def _classes(ty: Type) -> set[type]:
    """The Python classes the stock binding uses for a type."""
    if isinstance(ty, Prim):
        return {_PRIMS.get(ty.name, int)}
    if isinstance(ty, ListOf):
        return {bytes} if ty.element == Prim("u8") else {list}
    if isinstance(ty, Handle):
        return {wc.ResourceAny, wc.ResourceHost}
    if isinstance(ty, (VariantOf, OptionOf, ResultOf)):
        if _tagged(ty):
            return {wc.Variant}
        return set().union(*({object} if part is None else _classes(part) for _, part in _cases(ty)))
    simple = {RecordOf: wc.Record, TupleOf: tuple, EnumOf: str, FlagsOf: set}
    return {simple.get(type(ty), object)}
