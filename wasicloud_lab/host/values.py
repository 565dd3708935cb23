"""The plain Python form of every WIT value.

| WIT | Python |
|---|---|
| bool, integers, floats | bool, int, float |
| char, string | str |
| list<u8> | bytes (any bytes-like object is accepted) |
| list<T> | list (any sequence is accepted) |
| tuple<…> | tuple |
| record | a named tuple with the fields in snake_case (a mapping or any object with them is accepted) |
| variant | `Variant(tag, value)`, value None for a case without payload |
| enum | str, the case's name |
| flags | frozenset of str |
| option<T> | T or None; where T itself may be None (an option of an option) a present value is `Some(T)` |
| result<T, E> | `Ok(T)` or `Err(E)`; as a function's own result: T returned, or `Err(E)` raised |
| own / borrow of a host resource | the Python object itself |
| own / borrow of a guest resource | `GuestResource` |

Names of cases and flags stay in the WIT's kebab-case; names of fields, functions and parameters are
snake_case, with `_` after a Python keyword.
"""

from __future__ import annotations

import keyword
from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import Err

__all__ = ["Err", "Ok", "Some", "Variant", "record_type", "snake"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One case of a WIT variant: `Variant("other", "disk full")`. Works in `match` as `Variant(tag, value)`."""

    tag: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Ok:
    """The `ok` case of a WIT result that is inside another value."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Some:
    """A present option whose own content may be None: `option<option<T>>`."""

    value: Any = None


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """A WIT name as a Python identifier: `content-type` → `content_type`, `from` → `from_`."""
    name = name.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


@lru_cache(maxsize=1024)
def record_type(fields: tuple[str, ...]) -> type:
    """The named tuple for a record with these (kebab-case) fields; the same class for the same fields."""
    return namedtuple("Record", [snake(field) for field in fields])
