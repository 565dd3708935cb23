"""wasi:config: settings given to a component from outside, in the shapes that drafts have had."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Err
from ..host.interface import interface
from ..host.values import Variant


@interface("wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-draft", "wasi:config/runtime@0.2.0-draft")
class Config:
    """The interface wasi:config/store, and wasi:config/runtime, which it was called before.

    Args:
        values: the settings. Not copied: it may be a mapping that looks them up somewhere, and whose
            errors become the guest's (`io` for an `OSError`, `upstream` for any other).
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values: Mapping[str, str] = {} if values is None else values

    def get(self, key: str) -> str | None:
        try:
            return _text(key, self.values[key]) if key in self.values else None
        except Exception as error:
            raise _failed(error) from error

    def get_all(self) -> list[tuple[str, str]]:
        try:
            return [(key, _text(key, value)) for key, value in self.values.items()]
        except Exception as error:
            raise _failed(error) from error


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the setting {key!r} is not text but {type(value).__name__}")
    return value


def _failed(error: Exception) -> Err:
    return Err(Variant("io" if isinstance(error, OSError) else "upstream", str(error) or type(error).__name__))
