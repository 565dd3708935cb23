"""A lab for cloud-neutral WebAssembly: load a component, plug services into its imports, watch it run.

import wasicloud_lab as wl
lab = wl.Lab()
app = lab.load("hello")
app.get("/").text
"""

from .app import App
from .errors import (
    ComponentError,
    Err,
    GuestCancelled,
    GuestError,
    GuestExit,
    GuestNoResponse,
    GuestOutOfMemory,
    GuestTimeout,
    GuestTrap,
    LabError,
    LinkError,
    RequestError,
    ServeError,
    ToolMissing,
)  # fmt: skip
from .host.interface import interface, resource
from .host.values import Ok, Some, Variant
from .lab import Lab
from .wasi.filesystem import Preopen

__version__ = "0.1.0"

__all__ = [
    "App", "ComponentError", "Err", "GuestCancelled", "GuestError", "GuestExit", "GuestNoResponse",
    "GuestOutOfMemory", "GuestTimeout", "GuestTrap", "Lab", "LabError", "LinkError", "Ok", "Preopen",
    "RequestError", "ServeError", "Some", "ToolMissing", "Variant", "interface", "resource",
]  # fmt: skip
