"""A lab for cloud-neutral WebAssembly: load a component, plug services into its imports, watch it run.

import wasicloud_lab as wl
lab = wl.Lab()
app = lab.load("hello")
app.get("/").text
"""

import sys

from .app import App
from .errors import (
    ComponentError,
    Denied,
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
    ManifestError,
    NotFound,
    ProviderError,
    RequestError,
    ServeError,
    SwapRefused,
    TooLarge,
    ToolMissing,
    Unavailable,
)  # fmt: skip
from .host.interface import interface, resource
from .host.values import Ok, Some, Variant
from .lab import Lab, read_manifest
from .links import Link
from .providers.blobstore.base import BlobstoreProvider
from .providers.keyvalue.base import KeyValueProvider
from .talk import Face, replay
from .wasi.filesystem import Preopen
from .wrappers import Cached, Failing, Latency, Logged, ReadOnly, Renamed, Troubled

__version__ = "0.1.0"

__all__ = [
    "App", "BlobstoreProvider", "Cached", "ComponentError", "Denied", "Err", "Failing", "GuestCancelled",
    "GuestError", "GuestExit", "GuestNoResponse", "GuestOutOfMemory", "GuestTimeout", "GuestTrap",
    "KeyValueProvider", "Lab", "LabError", "Latency", "Link", "LinkError", "Logged", "ManifestError", "NotFound",
    "Ok", "Preopen", "ProviderError", "ReadOnly", "Renamed", "RequestError", "ServeError", "Some", "SwapRefused",
    "TooLarge", "ToolMissing", "Troubled", "Unavailable", "Variant", "interface", "read_manifest",
    "replay", "resource",
]  # fmt: skip

sys.modules[__name__].__class__ = Face
