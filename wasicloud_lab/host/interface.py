"""Interfaces as Python classes, and how their names and versions match a component's imports.

    @interface("acme:greet/translator@0.1.0")
    class Translator:
        def translate(self, text: str, language: str) -> str: ...

One class may serve several names, when drafts differ in name only. Functions are methods, kebab-case as
snake_case. Resources are classes found on the interface by their PascalCase name:

    @interface("acme:shop/till@1.0.0")
    class Till:
        class Receipt:                                  # resource receipt
            def __init__(self, number: int) -> None: …  # constructor(number: u32)
            def total(self) -> int: …                   # total: func() -> u64
            @staticmethod
            def latest() -> "Till.Receipt": …           # latest: static func() -> receipt
            def drop(self) -> None: …                   # optional: the guest let go of it

`result<T, E>` returns T or raises `Err(e)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .resources import make_resource

_NAME = re.compile(r"(?P<package>[a-z0-9-]+:[a-z0-9-]+)/(?P<interface>[a-z0-9-]+)(?:@(?P<version>[^@\s]+))?")
_C = TypeVar("_C", bound=type)


@dataclass(frozen=True)
class InterfaceName:
    """`namespace:package/interface@version`, taken apart."""

    package: str
    interface: str
    version: str | None

    @classmethod
    def parse(cls, text: str) -> InterfaceName | None:
        """The name, or None where the text is not an interface's name."""
        match = _NAME.fullmatch(text)
        return cls(match["package"], match["interface"], match["version"]) if match else None

    @property
    def track(self) -> str | None:
        """Versions on one track serve each other: 0.2.x, 1.x; a pre-release only itself (semver)."""
        if self.version is None or "-" in self.version:
            return self.version
        major, minor, patch = [*self.version.split("+")[0].split("."), "0", "0"][:3]
        if major != "0":
            return major
        return f"0.{minor}" if minor != "0" else f"0.0.{patch}"

    def resembles(self, other: InterfaceName) -> bool:
        """Whether both are versions of one interface."""
        return (self.package, self.interface) == (other.package, other.interface)

    def serves(self, wanted: InterfaceName) -> bool:
        """Whether a provider under this name fits an import under that one."""
        return self.resembles(wanted) and self.track == wanted.track

    def __str__(self) -> str:
        return f"{self.package}/{self.interface}" + (f"@{self.version}" if self.version else "")


def interface(*names: str) -> Callable[[_C], _C]:
    """Declares that a class implements a WIT interface, under one or several names.

    Args:
        names: `namespace:package/interface@version`; the version may be left out where WIT has none.

    Raises:
        ValueError: a name is not of that form.
    """
    parsed = []
    for name in names:
        one = InterfaceName.parse(name) if isinstance(name, str) else None
        if one is None:
            raise ValueError(f"{name!r} is not the name of an interface; wanted namespace:package/interface@version")
        parsed.append(one)
    if not parsed:
        raise ValueError("an interface needs a name: @interface('acme:greet/translator@0.1.0')")

    def declare(cls: _C) -> _C:
        cls.wit_names = tuple(parsed)  # type: ignore[attr-defined]
        return cls

    return declare


def resource(cls: _C) -> _C:
    """Marks a class as a WIT resource; needed only for a class that no interface names."""
    return make_resource(cls)  # type: ignore[return-value]


def wit_names(provider: Any) -> tuple[InterfaceName, ...]:
    """The interface names that an object serves; empty when its class is not an `@interface`."""
    return getattr(provider, "wit_names", ())


def resource_class(provider: Any, name: str) -> type | None:
    """The class for the resource `name` (kebab-case) on an interface, or None."""
    found = getattr(provider, "".join(part.capitalize() for part in name.split("-")), None)
    return make_resource(found) if isinstance(found, type) else None
