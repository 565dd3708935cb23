"""Plugs Python interfaces into a component's imports.

For each import the world names, the newest provider that serves its name and version is bound, function
by function, with the codec compiled for the component's own types. A function that is missing or has
another shape is a `LinkError` now; an interface that nobody provides becomes functions that trap with
their name when called.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime
from wasmtime import component as wc

from ..errors import GuestTrap, LinkError
from . import boundary
from .interface import InterfaceName, resource_class, wit_names
from .resources import make_resource, resource_number
from .types import (
    EnumOf,
    FlagsOf,
    Function,
    Handle,
    Interface,
    ListOf,
    OptionOf,
    Prim,
    RecordOf,
    ResultOf,
    TupleOf,
    Type,
    World,
)  # fmt: skip
from .values import snake


class BoundLinker:
    """A linker with every import of one component defined.

    Attributes:
        native: the wasmtime linker; instantiating from several threads at once is fine.
        provided: import name → the Python object that serves it, or None.
    """

    def __init__(
        self, engine: wasmtime.Engine, world: World, providers: Sequence[Any], functions: dict[str, Callable[..., Any]]
    ) -> None:
        self.native = wc.Linker(engine)
        self.provided: dict[str, Any] = {}
        self._keep: list[Any] = []  # callbacks must outlive the linker
        resources = self._resource_classes(world, providers)
        with self.native.root() as root:
            for name, item in world.imports.items():
                if isinstance(item, Function):
                    self.provided[name] = functions.get(name)
                    if name in functions:
                        check_shape(functions[name], name, name, item, functions[name])
                    self._keep.append(
                        boundary.add_function(root, name, name, item, functions.get(name) or _nobody(name))
                    )
                    continue
                provider = find_provider(name, providers, item)
                self.provided[name] = provider
                with root.add_instance(name) as instance:
                    for resource_name, resource in item.resources.items():
                        cls = resources.get(resource.number)
                        if cls is None:
                            if provider is not None:
                                raise LinkError(
                                    f"{type(provider).__name__} serves {name} but has no class for its resource "
                                    f"{resource_name!r}; add one named {_pascal(resource_name)}"
                                )
                            cls = resources[resource.number] = make_resource(type(_pascal(resource_name), (), {}))
                        boundary.add_resource(instance, resource_name, resource_number(cls))
                    for function_name, function in item.functions.items():
                        target = None
                        if provider is not None:
                            target = resolve(provider, function_name, item, resources)
                            check_shape(target, name, function_name, function, provider)
                        label = f"{name}#{function_name}"
                        self._keep.append(
                            boundary.add_function(instance, function_name, label, function, target or _nobody(label))
                        )

    def _resource_classes(self, world: World, providers: Sequence[Any]) -> dict[int, type]:
        """Resource number → class. An alias (`use`, `type headers = fields`) has its original's number."""
        classes: dict[int, type] = {}
        for name, item in world.imports.items():
            provider = find_provider(name, providers, item) if isinstance(item, Interface) else None
            if provider is not None:
                for resource_name, resource in item.resources.items():  # type: ignore[union-attr]
                    cls = resource_class(provider, resource_name)
                    if cls is not None:
                        classes.setdefault(resource.number, cls)
        return classes


def find_provider(import_name: str, providers: Sequence[Any], item: Interface | None = None) -> Any:
    """The last provider that serves an import's name and version, or None.

    One with a method `for_import(name, item)` is asked who serves this very import: drafts that share a
    name or a class may differ in their shapes.
    """
    wanted = InterfaceName.parse(import_name)
    if wanted is None:
        return None
    for provider in reversed(providers):
        if any(name.serves(wanted) for name in wit_names(provider)):
            choose = getattr(type(provider), "for_import", None)
            return provider if choose is None or item is None else choose(provider, wanted, item)
    return None


def resolve(
    provider: Any, function_name: str, item: Interface, resources: dict[int, type]
) -> Callable[..., Any] | None:
    """The Python callable for a WIT function (`get`, `[method]bucket.get`, …), or None."""
    if not function_name.startswith("["):
        return getattr(provider, snake(function_name), None)
    kind, _, rest = function_name[1:].partition("]")
    resource_name, _, method = rest.partition(".")
    resource = item.resources.get(resource_name)
    cls = resources.get(resource.number) if resource else None
    if cls is None:
        return None
    return cls if kind == "constructor" else getattr(cls, snake(method), None)


def _nobody(label: str) -> Callable[..., Any]:
    interface_name, hash_sign, _ = label.partition("#")
    how = (
        f"provide it with lab.provide(…), from a class with @wl.interface({interface_name!r})"
        if hash_sign
        else f"provide it with lab.provide({snake(label)}=…)"
    )

    def nobody(*_: Any) -> Any:
        raise GuestTrap(f"the guest called {label}, which nothing provides here; {how}")

    return nobody


def check_shape(target: Any, interface_name: str, function_name: str, ty: Function, provider: Any) -> None:
    """Compares a Python callable with the WIT function it should serve.

    Raises:
        LinkError: it is missing, takes another number of arguments, or says another type for one.
    """
    where = f"{interface_name}#{function_name}" if interface_name != function_name else function_name
    wants = ", ".join(name for name, _ in ty.params if name != "self")
    plain = target is provider  # a function given by itself, for an import that is one
    there = f"{snake(function_name)}=…" if plain else type(provider).__name__
    if not callable(target):
        raise LinkError(
            f"the component calls {where}({wants}), but {there} has no "
            f"{snake(function_name.rpartition('.')[2] or function_name)!r}"
        )
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # a builtin without a signature
        return
    try:
        bound = signature.bind(*[object()] * len(ty.params))
    except TypeError:
        raise LinkError(
            f"the component calls {where} with {len(ty.params)} argument(s) ({wants}), but {there} has "
            f"{getattr(target, '__name__', target)}{signature}"
        ) from None
    try:
        hints = typing.get_type_hints(_annotated(target))
    except Exception:
        return  # annotations that can't be resolved say nothing
    for python_name, (wit_name, wit_type) in zip(bound.arguments, ty.params):
        _check_hint(hints.get(python_name), wit_type, f"{there} takes {python_name!r}", f"{where} passes {wit_name!r}")
    if ty.result is not None and not isinstance(target, type):
        result = ty.result.ok if isinstance(ty.result, ResultOf) else ty.result
        if result is not None:
            _check_hint(hints.get("return"), result, f"{there} returns it", f"{where} returns a value")


def _annotated(target: Any) -> Any:
    """Where a callable's annotations are: a class has those of its constructor."""
    return getattr(target, "__init__", target) if isinstance(target, type) else target


_PLAIN: tuple[type, ...] = (bool, int, float, str, bytes, list, tuple, dict)


def _check_hint(hint: Any, ty: Type, there: str, guest: str) -> None:
    plain = typing.get_origin(hint) or hint
    allowed = _allowed(ty)
    if plain in _PLAIN and allowed and plain not in allowed:
        raise LinkError(f"{guest} as {allowed[0].__name__}, but {there} as {plain.__name__}")


def _allowed(ty: Type) -> tuple[type, ...]:
    """The plain Python types that may stand for a WIT type in an annotation; empty: anything may."""
    if isinstance(ty, Prim):
        if ty.name == "bool":
            return (bool,)
        if ty.name in ("string", "char"):
            return (str,)
        return (float, int) if ty.name.startswith("f") else (int,)
    if isinstance(ty, EnumOf):
        return (str,)
    if isinstance(ty, ListOf):
        return (bytes, list) if ty.element == Prim("u8") else (list, tuple)
    if isinstance(ty, TupleOf):
        return (tuple,)
    if isinstance(ty, RecordOf):
        return (tuple, dict)
    if isinstance(ty, OptionOf):
        return ()
    return (object,) if isinstance(ty, (Handle, FlagsOf)) else ()


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
