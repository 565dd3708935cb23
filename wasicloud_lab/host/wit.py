"""A world as WIT text, from the types alone.

The text parses again: interfaces stand in their packages, types defined elsewhere are brought in by `use`.
"""

from __future__ import annotations

from .interface import InterfaceName
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
    Resource,
    ResultOf,
    TupleOf,
    Type,
    Unsupported,
    VariantOf,
    World,
)  # fmt: skip

_KEYWORDS = frozenset(
    "as async bool borrow char constructor enum export f32 f64 flags from func future import include interface "
    "list option own package record resource result s16 s32 s64 s8 static stream string tuple type u16 u32 u64 "
    "u8 use variant with world map error-context".split()
)


def escape(name: str) -> str:
    """An identifier as WIT writes it: keywords get a `%`."""
    return f"%{name}" if name in _KEYWORDS else name


def world_text(world: World, name: str = "root") -> str:
    """The world and every interface it names."""
    lines = ["package root:component;", "", f"world {escape(name)} {{"]
    for keyword, side in (("import", world.imports), ("export", world.exports)):
        for item_name, item in side.items():
            if isinstance(item, Function):
                lines.append(f"  {keyword} {escape(item_name)}: {_Names({}).function(item)};")
            elif InterfaceName.parse(item_name):
                lines.append(f"  {keyword} {item_name};")
            else:
                body = "\n".join("  " + line for line in _interface_body(item, _owners(world)))
                lines.append(f"  {keyword} {escape(item_name)}: interface {{\n{body}\n  }}")
    lines.append("}")

    packages: dict[str, list[Interface]] = {}
    seen: set[str] = set()
    for side in (world.imports, world.exports):
        for item_name, item in side.items():
            parsed = InterfaceName.parse(item_name)
            if isinstance(item, Interface) and parsed and item_name not in seen:
                seen.add(item_name)
                package = parsed.package + (f"@{parsed.version}" if parsed.version else "")
                packages.setdefault(package, []).append(item)
    owners = _owners(world)
    for package, interfaces in packages.items():
        lines += ["", f"package {package} {{"]
        for interface in interfaces:
            parsed = InterfaceName.parse(interface.name)
            assert parsed is not None
            lines.append(f"  interface {escape(parsed.interface)} {{")
            lines += ["  " + line for line in _interface_body(interface, owners)]
            lines.append("  }")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _owners(world: World) -> dict[object, tuple[str, str]]:
    """Where each resource and named type is defined first: (interface, name)."""
    owners: dict[object, tuple[str, str]] = {}
    for side in (world.imports, world.exports):
        for item in side.values():
            if isinstance(item, Interface):
                for name, resource in item.resources.items():
                    owners.setdefault(resource, (item.name, name))
                for name, ty in item.types.items():
                    if _composite(ty):
                        owners.setdefault(ty, (item.name, name))
    return owners


def _composite(ty: Type) -> bool:
    return isinstance(ty, (RecordOf, VariantOf, EnumOf, FlagsOf))


def _interface_body(interface: Interface, owners: dict[object, tuple[str, str]]) -> list[str]:
    """The lines inside `interface … { }`: what it uses, its types, resources and functions."""
    uses: dict[str, list[str]] = {}
    named: dict[object, str] = {}
    aliases: list[str] = []
    own_types: list[tuple[str, Type]] = []
    items: list[tuple[str, object]] = [*interface.resources.items(), *interface.types.items()]
    for name, item in items:
        if not isinstance(item, Resource) and not _composite(item):  # type: ignore[arg-type]
            own_types.append((name, item))  # type: ignore[arg-type]
        elif item in named:
            aliases.append(f"  type {escape(name)} = {escape(named[item])};")
        else:
            named[item] = name
            owner, original = owners[item]
            if owner != interface.name and InterfaceName.parse(owner):
                uses.setdefault(owner, []).append(
                    escape(original) + ("" if original == name else f" as {escape(name)}")
                )
            elif not isinstance(item, Resource):
                own_types.append((name, item))  # type: ignore[arg-type]
    names = _Names(named)
    lines = [f"  use {_use_path(owner, interface.name)}.{{{', '.join(used)}}};" for owner, used in uses.items()]
    lines += aliases
    for name, ty in own_types:
        lines += _definition(name, ty, names)
    for name, resource in interface.resources.items():
        if named[resource] == name and owners[resource][0] == interface.name:
            lines += _resource_body(name, interface, names)
    for name, function in interface.functions.items():
        if not name.startswith("["):
            lines.append(f"  {escape(name)}: {names.function(function)};")
    return lines


def _use_path(owner: str, user: str) -> str:
    """How an interface names another: in its own package without the package."""
    there, here = InterfaceName.parse(owner), InterfaceName.parse(user)
    assert there is not None
    if here is not None and (there.package, there.version) == (here.package, here.version):
        return escape(there.interface)
    return f"{there.package}/{escape(there.interface)}" + (f"@{there.version}" if there.version else "")


def _definition(name: str, ty: Type, names: _Names) -> list[str]:
    shown = escape(name)
    if isinstance(ty, RecordOf):
        body = [f"    {escape(field)}: {names.type(content)}," for field, content in ty.fields]
        return [f"  record {shown} {{", *body, "  }"]
    if isinstance(ty, VariantOf):
        body = [f"    {escape(case)}{f'({names.type(content)})' if content else ''}," for case, content in ty.cases]
        return [f"  variant {shown} {{", *body, "  }"]
    if isinstance(ty, EnumOf):
        return [f"  enum {shown} {{", *[f"    {escape(case)}," for case in ty.names], "  }"]
    if isinstance(ty, FlagsOf):
        return [f"  flags {shown} {{", *[f"    {escape(flag)}," for flag in ty.names], "  }"]
    return [f"  type {shown} = {names.type(ty)};"]


def _resource_body(name: str, interface: Interface, names: _Names) -> list[str]:
    lines = []
    for function_name, function in interface.functions.items():
        if function_name == f"[constructor]{name}":
            parameters = names.parameters(function.params)
            lines.append(f"    constructor({parameters});")
        elif function_name.startswith(f"[method]{name}."):
            method = function_name.partition(".")[2]
            lines.append(f"    {escape(method)}: {names.function(Function(function.params[1:], function.result))};")
        elif function_name.startswith(f"[static]{name}."):
            method = function_name.partition(".")[2]
            text = names.function(function)
            lines.append(f"    {escape(method)}: static {text};")
    if not lines:
        return [f"  resource {escape(name)};"]
    return [f"  resource {escape(name)} {{", *lines, "  }"]


class _Names:
    """Writes types, using a name where one is known."""

    def __init__(self, named: dict[object, str]) -> None:
        self._named = named

    def parameters(self, params: tuple[tuple[str, Type], ...]) -> str:
        return ", ".join(f"{escape(name)}: {self.type(ty)}" for name, ty in params)

    def function(self, ty: Function) -> str:
        text = f"func({self.parameters(ty.params)})"
        return text + (f" -> {self.type(ty.result)}" if ty.result is not None else "")

    def type(self, ty: Type) -> str:
        named = self._named.get(ty)
        if named is not None:
            return escape(named)
        if isinstance(ty, Prim):
            return ty.name
        if isinstance(ty, ListOf):
            return f"list<{self.type(ty.element)}>"
        if isinstance(ty, OptionOf):
            return f"option<{self.type(ty.content)}>"
        if isinstance(ty, TupleOf):
            return f"tuple<{', '.join(self.type(element) for element in ty.elements)}>"
        if isinstance(ty, ResultOf):
            return self._result(ty)
        if isinstance(ty, Handle):
            name = escape(self._named.get(ty.resource, ty.resource.name))
            return name if ty.owned else f"borrow<{name}>"
        if isinstance(ty, Unsupported):
            return ty.name
        return self._anonymous(ty)

    def _result(self, ty: ResultOf) -> str:
        if ty.ok is None and ty.err is None:
            return "result"
        ok = "_" if ty.ok is None else self.type(ty.ok)
        return f"result<{ok}>" if ty.err is None else f"result<{ok}, {self.type(ty.err)}>"

    def _anonymous(self, ty: Type) -> str:
        if isinstance(ty, RecordOf):
            return "record { " + ", ".join(f"{name}: {self.type(content)}" for name, content in ty.fields) + " }"
        if isinstance(ty, VariantOf):
            cases = (f"{name}({self.type(content)})" if content else name for name, content in ty.cases)
            return "variant { " + ", ".join(cases) + " }"
        keyword = "enum" if isinstance(ty, EnumOf) else "flags"
        return f"{keyword} {{ {', '.join(ty.names)} }}"  # type: ignore[union-attr]
