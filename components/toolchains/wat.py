"""Builds a hand-written core module (`<name>.wat`) into a component."""

from __future__ import annotations

from pathlib import Path

from . import run, version, wasm_tools


def build(source: Path, wit: Path, out: Path) -> str:
    """Build `source/<folder name>.wat` against the world in `wit` into `out`."""
    tools = wasm_tools()
    core = out.with_suffix(".core.wasm")
    run([tools, "parse", source / f"{source.name}.wat", "-o", core])
    # The module has imports and exports with the right names; embed adds their WIT types,
    # and `new` builds the component around them.
    run([tools, "component", "embed", wit, core, "-o", core])
    run([tools, "component", "new", core, "-o", out])
    # The text's own names and the tools' signature are not needed to run.
    run([tools, "strip", "--all", out, "-o", out])
    core.unlink()
    return version(tools)
