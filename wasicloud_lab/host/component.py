"""A component: its bytes, what they are called, the world they name, and the compiled code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import wasmtime
from wasmtime import component as wc

from ..errors import ComponentError
from .capi import wasmtime_version
from .engine import MIB, cache_dir, engine
from .types import Interface, World, read_world
from .wit import world_text

_MAGIC = b"\0asm"
_COMPONENT_LAYER = b"\x0d\x00\x01\x00"
_CACHE_LIMIT = 1024 * MIB

#: Shown around a compile that is not in the cache: `progress(name, size)` is a context manager.
Progress = Callable[[str, int], AbstractContextManager[None]]


class Component:
    """A compiled component.

    Attributes:
        name: what people call it.
        data: the bytes of the .wasm file.
        digest: their sha256, in hex.
        world: its imports and exports.
        cached: whether the compiled code came from the compile cache.
        once: its instances serve one request each, as those of componentize-js do: their `fetch` event can be
            answered only once. The tool signs its components.
    """

    def __init__(self, data: bytes, name: str, progress: Progress | None = None) -> None:
        """
        Raises:
            ComponentError: not wasm, a core module, truncated, or using a feature that wasmtime lacks.
        """
        self.name = name
        self.data = data = _checked(data, name)
        self.digest = hashlib.sha256(data).hexdigest()
        self.native, self.cached = _compile(data, self.digest, name, progress or _silent)
        self.once = b"ComponentizeJS" in data
        self.world: World = read_world(self.native.type, engine())

    @property
    def size(self) -> int:
        """Bytes of the .wasm file."""
        return len(self.data)

    @cached_property
    def wit(self) -> str:
        """The world as WIT text."""
        return world_text(self.world)

    def export_name(self, package_interface: str) -> str | None:
        """The full name under which an interface is exported (`wasi:http/incoming-handler` → `…@0.2.0`)."""
        for name, item in self.world.exports.items():
            if isinstance(item, Interface) and name.partition("@")[0] == package_interface:
                return name
        return None

    def __repr__(self) -> str:
        return f"<component {self.name}, {self.size} bytes, sha256 {self.digest[:12]}>"


def _checked(data: bytes, name: str) -> bytes:
    """The bytes of a component; WebAssembly text is assembled first."""
    if not data.startswith(_MAGIC):
        text = data.lstrip()
        if text.startswith((b"(component", b"(module", b";;")):
            try:
                data = bytes(wasmtime.wat2wasm(data))
            except wasmtime.WasmtimeError as error:
                raise ComponentError(f"{name}: the WebAssembly text does not assemble: {error}") from None
        elif not data:
            raise ComponentError(f"{name} is empty; a component starts with the bytes \\0asm")
        elif _MAGIC.startswith(data):
            raise ComponentError(f"{name} is truncated: it ends after {len(data)} byte(s)")
        else:
            raise ComponentError(f"{name} is not WebAssembly: it starts with {data[:8]!r}, not with \\0asm")
    if len(data) < 8:
        raise ComponentError(f"{name} is truncated: it ends after {len(data)} byte(s)")
    if data[4:8] == b"\x01\x00\x00\x00":
        raise ComponentError(
            f"{name} is a core WebAssembly module, not a component; "
            "`wasm-tools component new FILE -o component.wasm` makes one of it\n"
            "(add `--adapt wasi_snapshot_preview1=adapter.wasm` where it was built for WASI preview 1, "
            "and `wasm-tools component embed WIT` before it where it carries no world)"
        )
    if data[4:8] != _COMPONENT_LAYER:
        raise ComponentError(f"{name} has the binary version {data[4:8].hex()}, which this lab does not know")
    return data


def _compile(data: bytes, digest: str, name: str, progress: Progress) -> tuple[wc.Component, bool]:
    path = cache_dir() / f"wasmtime-{wasmtime_version()}" / f"{digest}.cwasm"
    if path.is_file():
        with contextlib.suppress(OSError):  # somebody else's, in a cache that people share: good all the same
            os.utime(path)  # the cache is trimmed of what was not used for long
        # A file from another machine or build is refused by wasmtime: then it is compiled anew.
        with contextlib.suppress(wasmtime.WasmtimeError, OSError):
            return wc.Component.deserialize_file(engine(), str(path)), True
    with progress(name, len(data)):
        try:
            native = wc.Component(engine(), data)
        except wasmtime.WasmtimeError as error:
            raise ComponentError(_explain(name, str(error))) from None
    _keep(path, native)
    return native, False


def _explain(name: str, message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip() and line.strip() != "Caused by:"]
    reason = "; ".join(line.removeprefix("0: ").removeprefix("1: ") for line in lines[:3])
    if "unexpected end" in message or "unexpected EOF" in message or "out of bounds (bound" in message:
        return f"{name} is truncated: {reason}"
    if "feature" in message or "support" in message or "async" in message:
        return f"{name} uses a feature that this host does not have: {reason}"
    return f"{name} is not a valid component: {reason}"


def _keep(path: Path, native: wc.Component) -> None:
    """Stores the compiled code. A cache that can't be written is only slower, so errors end here."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _trim(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(native.serialize())
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


def _trim(folder: Path) -> None:
    """Removes the oldest files while the cache is over its limit."""
    files = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in folder.glob("*.cwasm"))
    total = sum(size for _, size, _ in files)
    for _, size, file in files:
        if total <= _CACHE_LIMIT:
            break
        file.unlink()
        total -= size


@contextlib.contextmanager
def _silent(name: str, size: int) -> Iterator[None]:
    yield
