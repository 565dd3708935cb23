"""Components that import the whole of a draft's world, and do nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

DEPS = Path(__file__).resolve().parent.parent.parent / "wit" / "deps"


def component_of(file: str, world: str, folder: Path, changes: Iterable[tuple[str, str]] = ()) -> Path:
    """A component of a world in `wit/deps/`.

    Args:
        file: the package's file.
        folder: where to build it; empty.
        changes: what to replace in the package's text first, for a shape that it has had as well.
    """
    text = (DEPS / file).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    package = re.search(r"^package (\S+);", text, re.M)
    assert package
    name, _, version = package[1].partition("@")
    deps = folder / "wit" / "deps"
    deps.mkdir(parents=True)
    (deps / file).write_text(text, encoding="utf-8")
    shutil.copy(DEPS / "wasi-io-0.2.0.wit", deps)
    (folder / "wit" / "world.wit").write_text(
        f"package lab:whole;\nworld whole {{\n  include {name}/{world}@{version};\n}}\n", encoding="utf-8"
    )
    core, out = folder / "core.wasm", folder / "whole.wasm"
    tools = shutil.which("wasm-tools", path=str(Path(sys.executable).parent)) or "wasm-tools"
    subprocess.run([tools, "component", "embed", "--dummy", folder / "wit", "-o", core], check=True)
    subprocess.run([tools, "component", "new", core, "-o", out], check=True)
    return out
