"""Every error a user of the lab can meet, in one tree.

    LabError
    ├── ComponentError          the bytes are not a component this lab can run
    ├── LinkError               an import and what was given for it do not fit
    ├── RequestError            the request itself is malformed (also a ValueError)
    ├── Err                     the guest answered with the `err` case of a result
    ├── GuestError              the guest ran and went wrong
    │   ├── GuestTrap           it trapped; carries the guest's backtrace and stderr
    │   │   └── GuestExit       it called wasi:cli/exit
    │   ├── GuestTimeout        it ran past its deadline
    │   ├── GuestOutOfMemory    it wanted more memory than its cap
    │   ├── GuestCancelled      the caller gave up first
    │   └── GuestNoResponse     it ended without a (whole) HTTP response
    ├── ProviderError           a key-value or blob store could not do what was asked
    │   ├── Unavailable         it does not answer, or not in time
    │   ├── Denied              it does not let this user do that
    │   ├── NotFound            the container or object is not there
    │   └── TooLarge            it can't hold a value of that size
    ├── SwapRefused             a link keeps the provider it has; says why
    ├── ManifestError           a manifest can't be deployed; says where and what would be right
    ├── ServeError              a port or address cannot be served on
    └── ToolMissing             a program outside Python is needed; says how to get it

Each message says what happened, to which thing, and what to do about it.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any

__all__ = [
    "ComponentError",
    "Denied",
    "Err",
    "Frame",
    "GuestCancelled",
    "GuestError",
    "GuestExit",
    "GuestNoResponse",
    "GuestOutOfMemory",
    "GuestTimeout",
    "GuestTrap",
    "LabError",
    "LinkError",
    "ManifestError",
    "NotFound",
    "ProviderError",
    "RequestError",
    "ServeError",
    "SwapRefused",
    "TooLarge",
    "ToolMissing",
    "Unavailable",
]


class LabError(Exception):
    """The root of the tree: catch this to catch everything the lab raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the lines of the person's own cells, then the message.

        IPython asks for it. The lab's insides would be some forty lines that say nothing about the guest.
        """
        from IPython import get_ipython

        inside = os.path.dirname(__file__) + os.sep
        steps = []
        step = self.__traceback__
        while step is not None:
            if not step.tb_frame.f_code.co_filename.startswith(inside):
                steps.append(step)
            step = step.tb_next
        own = None
        for step in reversed(steps):
            own = TracebackType(own, step.tb_frame, step.tb_lasti, step.tb_lineno)
        shell = get_ipython()
        if shell is None:
            return traceback.format_exception(type(self), self, own)
        shown: list[str] = shell.InteractiveTB.structured_traceback(type(self), self, own, tb_offset=1)
        return shown


class ComponentError(LabError):
    """The bytes, file or name given is not a component that this lab can run."""


class LinkError(LabError):
    """An import of a component and the Python interface given for it do not fit."""


class RequestError(LabError, ValueError):
    """A request that HTTP does not allow: a line break in a header, a NUL in a path, …"""


class Err(LabError):
    """The `err` case of a WIT `result`.

    A host function whose WIT type is `result<T, E>` returns T or raises `Err(e)`; `app.call` of an
    export with such a type returns T or raises the same. Inside another value (a list of results,
    say) an `Err` object *is* the value.

    Args:
        value: the payload in its Python form; None where `result` has no error type.
    """

    def __init__(self, value: Any = None) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return "the result is an error" if self.value is None else f"the result is an error: {self.value}"

    def __repr__(self) -> str:
        return f"Err({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Err) and self.value == other.value

    def __hash__(self) -> int:
        return hash(("Err", self.value))


@dataclass(frozen=True)
class Frame:
    """One line of a guest's backtrace.

    Attributes:
        function: the function's name, or `wasm-function[12]` where the guest carries no names.
        module: the core module's name, if it has one.
        offset: bytes into the core module; None where wasmtime does not know.
    """

    function: str
    module: str | None
    offset: int | None

    def __str__(self) -> str:
        place = f"{self.module}!" if self.module else ""
        return f"{place}{self.function}" + ("" if self.offset is None else f" @ {self.offset:#x}")


class GuestError(LabError):
    """A component ran and went wrong. The lab, the kernel and the next request are fine.

    Attributes:
        message: what happened, in a line.
        hint: what could be done about it in Python; empty where there is nothing to say.
        stderr: the last of what the guest wrote to its standard error during the call.
    """

    def __init__(self, message: str, *, hint: str = "", stderr: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.stderr = stderr

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        said = self.stderr.strip()
        return f"{text}\nthe guest wrote to stderr:\n  " + said.replace("\n", "\n  ") if said else text


class GuestTrap(GuestError):
    """The guest trapped: `unreachable`, a division by zero, an import that nobody provides, …

    Attributes:
        frames: the guest's backtrace, innermost first.
    """

    def __init__(self, message: str, *, frames: tuple[Frame, ...] = (), hint: str = "", stderr: str = "") -> None:
        super().__init__(message, hint=hint, stderr=stderr)
        self.frames = frames

    def __str__(self) -> str:
        text = super().__str__()
        if not self.frames:
            return text
        return text + "\nguest backtrace (innermost first):\n" + "\n".join(_backtrace(self.frames))


def _backtrace(frames: tuple[Frame, ...]) -> list[str]:
    """At most a dozen lines; a recursion is one line and how often."""
    lines: list[str] = []
    at = 0
    while at < len(frames) and len(lines) < 12:
        end = at + 1
        while end < len(frames) and frames[end].function == frames[at].function:
            end += 1
        lines.append(f"  {at}: {frames[at]}")
        if end - at > 2:
            lines.append(f"     … the same {end - at - 1} times more")
            at = end
        else:
            at += 1
    if at < len(frames):
        lines.append(f"  … {len(frames) - at} more")
    return lines


class GuestExit(GuestTrap):
    """The guest called `wasi:cli/exit`.

    Attributes:
        code: 0 for success; what the guest said otherwise.
    """

    def __init__(self, message: str, *, code: int, frames: tuple[Frame, ...] = (), stderr: str = "") -> None:
        super().__init__(message, frames=frames, stderr=stderr)
        self.code = code


class GuestTimeout(GuestError):
    """The guest ran past its deadline and was stopped. Raise the `deadline` of `Lab.load` for slow work."""


class GuestOutOfMemory(GuestError):
    """The guest, or what it asked the host to hold for it, wanted more memory than its cap."""


class GuestCancelled(GuestError):
    """The call was given up by its caller: an interrupt, or a client that hung up."""


class GuestNoResponse(GuestError):
    """An HTTP guest ended without setting a response, set an error, or left its body unfinished."""


class ProviderError(LabError):
    """A key-value or blob store could not do what was asked. The message names it without its secrets."""


class Unavailable(ProviderError):
    """The store does not answer, does not answer in time, or has been closed."""


class Denied(ProviderError):
    """The store does not let this user in, or not do that; also a change through a read-only link."""


class NotFound(ProviderError):
    """The container or object is not there."""


class TooLarge(ProviderError):
    """The store can't hold a value or object of that size."""


class SwapRefused(LabError):
    """A link was not swapped: the provider it had goes on, with its data whole. The message says why."""


class ManifestError(LabError):
    """A manifest can't be deployed. The message says where (file, line) and what would be right."""


class ServeError(LabError):
    """The address asked for cannot be served on: a busy port, a name that does not resolve."""


class ToolMissing(LabError):
    """A program outside Python is needed for this; the message says how to get it."""
