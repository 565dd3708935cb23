"""WIT types as plain data, read once from a compiled component.

The codec, the binding and the WIT printer all work on these; nothing else looks at wasmtime's type
objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wasmtime import component as wc

from ..errors import ComponentError


@dataclass(frozen=True)
class Prim:
    """bool, s8 … u64, f32, f64, char, string."""

    name: str


@dataclass(frozen=True)
class ListOf:
    element: Type


@dataclass(frozen=True)
class RecordOf:
    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class TupleOf:
    elements: tuple[Type, ...]


@dataclass(frozen=True)
class VariantOf:
    cases: tuple[tuple[str, Type | None], ...]


@dataclass(frozen=True)
class EnumOf:
    names: tuple[str, ...]


@dataclass(frozen=True)
class FlagsOf:
    names: tuple[str, ...]


@dataclass(frozen=True)
class OptionOf:
    content: Type


@dataclass(frozen=True)
class ResultOf:
    ok: Type | None
    err: Type | None


@dataclass(frozen=True)
class Resource:
    """A resource type of one component, numbered in the order found. `name` is for people."""

    number: int
    name: str


@dataclass(frozen=True)
class Handle:
    resource: Resource
    owned: bool


@dataclass(frozen=True)
class Unsupported:
    """A type this host cannot carry (future, stream, error-context, map): fine until it is used."""

    name: str


Type = Prim | ListOf | RecordOf | TupleOf | VariantOf | EnumOf | FlagsOf | OptionOf | ResultOf | Handle | Unsupported


@dataclass(frozen=True)
class Function:
    """A function's type: named parameters and at most one result."""

    params: tuple[tuple[str, Type], ...]
    result: Type | None


@dataclass
class Interface:
    """What an instance import or export holds, in the component's own order."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)


@dataclass(repr=False)
class World:
    """A component's imports and exports: interfaces by name, and plain functions by name."""

    imports: dict[str, Interface | Function] = field(default_factory=dict)
    exports: dict[str, Interface | Function] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<World imports {list(self.imports)}, exports {list(self.exports)}>"


_PRIMS = {
    wc.Bool: "bool", wc.S8: "s8", wc.U8: "u8", wc.S16: "s16", wc.U16: "u16", wc.S32: "s32", wc.U32: "u32",
    wc.S64: "s64", wc.U64: "u64", wc.F32: "f32", wc.F64: "f64", wc.Char: "char", wc.String: "string",
}  # fmt: skip
_PRIM_TYPES = {python: Prim(name) for python, name in _PRIMS.items()}
_UNSUPPORTED = {wc.FutureType: "future", wc.StreamType: "stream", wc.ErrorContext: "error-context"}


class TypeReader:
    """Turns wasmtime's type objects of one component into the plain ones, giving each resource a number."""

    def __init__(self) -> None:
        self._resources: list[tuple[wc.ResourceType, Resource]] = []

    def resource(self, native: wc.ResourceType, name: str = "") -> Resource:
        for known, plain in self._resources:
            if known == native:
                return plain
        plain = Resource(len(self._resources), name)
        self._resources.append((native, plain))
        return plain

    def function(self, native: wc.FuncType) -> Function:
        result = native.result
        return Function(
            tuple((name, self.type(ty)) for name, ty in native.params),
            None if result is None else self.type(result),
        )

    def type(self, native: wc.ValType) -> Type:
        prim = _PRIM_TYPES.get(type(native))
        if prim is not None:
            return prim
        if isinstance(native, (wc.OwnType, wc.BorrowType)):
            return Handle(self.resource(native.ty), isinstance(native, wc.OwnType))
        if isinstance(native, wc.ListType):
            return ListOf(self.type(native.element))
        if isinstance(native, wc.RecordType):
            return RecordOf(tuple((name, self.type(ty)) for name, ty in native.fields))
        if isinstance(native, wc.TupleType):
            return TupleOf(tuple(self.type(ty) for ty in native.elements))
        if isinstance(native, wc.VariantType):
            return VariantOf(tuple((name, self.maybe(ty)) for name, ty in native.cases))
        if isinstance(native, wc.EnumType):
            return EnumOf(tuple(native.names))
        if isinstance(native, wc.FlagsType):
            return FlagsOf(tuple(native.names))
        if isinstance(native, wc.OptionType):
            return OptionOf(self.type(native.payload))
        if isinstance(native, wc.ResultType):
            return ResultOf(self.maybe(native.ok), self.maybe(native.err))
        return Unsupported(_UNSUPPORTED.get(type(native), type(native).__name__))

    def maybe(self, native: wc.ValType | None) -> Type | None:
        return None if native is None else self.type(native)

    def interface(self, name: str, native: wc.ComponentInstanceType, engine: object) -> Interface:
        found = Interface(name)
        items = {item: _item(extern) for item, extern in native.exports(engine).items()}  # type: ignore[arg-type]
        # Resources first: a function's type names them, and the first name seen is the one shown.
        for item_name, item in items.items():
            if isinstance(item, wc.ResourceType):
                found.resources[item_name] = self.resource(item, item_name)
        for item_name, item in items.items():
            if isinstance(item, wc.FuncType):
                found.functions[item_name] = self.function(item)
            elif isinstance(item, wc.ValType):
                found.types[item_name] = self.type(item)
        return found


def read_world(native: wc.ComponentType, engine: object) -> World:
    """The world of a compiled component.

    Raises:
        ComponentError: it imports or exports a core module or a nested component.
    """
    reader = TypeReader()
    world = World()
    for side, items in ((world.imports, native.imports(engine)), (world.exports, native.exports(engine))):  # type: ignore[arg-type]
        for name, extern in items.items():
            item = _item(extern)
            if isinstance(item, wc.ComponentInstanceType):
                side[name] = reader.interface(name, item, engine)
            elif isinstance(item, wc.FuncType):
                side[name] = reader.function(item)
            elif isinstance(item, (wc.ComponentType, wc.ModuleType)) and side is world.imports:
                raise ComponentError(
                    f"the component imports {name!r} as a core module or component; "
                    "only interfaces and functions can be plugged in"
                )
    return world


def _item(extern: object) -> object:
    try:
        return extern.ty  # type: ignore[attr-defined]
    except TypeError:  # a kind of type newer than the binding knows
        return None
