"""wadm manifests, old form and new: read, checked, planned, deployed into a lab, and written back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import document, schema
from .application import Application
from .deployment import Deployment
from .plan import Plan, plan
from .writing import write

__all__ = ["Application", "Deployment", "Plan", "load", "plan", "read", "write"]


def read(path: str | Path) -> Application:
    """The application that a manifest describes.

    Raises:
        ManifestError: it can't be read, or is wrong; says where and what would be right.
    """
    found = document.read(path)
    schema.check(found)
    return Application.of(found)


def load(path: str | Path, images: Mapping[str, Any] | None = None, providers: Mapping[str, Any] | None = None) -> Plan:
    """What deploying a manifest would do. The arguments are those of `lab.deploy`.

    Raises:
        ManifestError: as `read`, and for what can't be done here.
    """
    return plan(read(path), images, providers)
