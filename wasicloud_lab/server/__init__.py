"""Serving an app over HTTP: `Server` in a background thread, `GuestApplication` for any ASGI server."""

from .asgi import GuestApplication
from .server import Server

__all__ = ["GuestApplication", "Server"]
