"""From nothing to a loaded guest: the import of the package, and `lab.load` with a warm compile cache.

Every measurement is a new process, so nothing is warm but the files.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from wasicloud_lab.sources import bundled, bundled_folder

from .measure import Run, Sample, fresh_process
from .report import Group

NAME = "startup"
TITLE = "Start: import and load, fresh processes"

_IMPORT = """
import time
started = time.perf_counter()
import wasicloud_lab
print(time.perf_counter() - started)
"""

_LOAD = """
import json, sys, time
import wasicloud_lab as wl
lab = wl.Lab()
started = time.perf_counter()
app = lab.load(sys.argv[1])
print(json.dumps([time.perf_counter() - started, app.component.cached]))
"""

# The stock binding: compiled anew, or through wasmtime's own cache; no import is wired.
_STOCK = """
import sys, time
import wasmtime
from wasmtime import component
config = wasmtime.Config()
if sys.argv[2]:
    config.cache = sys.argv[2]
started = time.perf_counter()
component.Component.from_file(wasmtime.Engine(config), sys.argv[1])
print(time.perf_counter() - started)
"""


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    times = run.of(7, 3)
    loads = run.of(5, 2)
    fresh_process(_IMPORT)
    imports = Sample(tuple(float(fresh_process(_IMPORT)) for _ in range(times)))
    group.add("import", "import wasicloud_lab", imports, "s", note=f"best {min(imports.values):.3f} s")
    slowest = 0.0
    for guest in ("tiny", "hello", "echo") if run.quick else sorted(bundled()):
        fresh_process(_LOAD, guest, timeout=120)
        runs = [json.loads(fresh_process(_LOAD, guest)) for _ in range(loads)]
        if not all(cached for _, cached in runs):
            group.notes.append(f"{guest} did not come from the compile cache")
        figure = group.add(f"load_{guest}", f"load {guest}", Sample(tuple(seconds for seconds, _ in runs)), "s")
        slowest = max(slowest, figure.value)
    _stock(group, run.of(5, 1))
    group.target("startup.load", "load with a warm cache, the slowest guest", slowest, "<=", 0.3, "s")
    group.target("startup.import", "import wasicloud_lab", min(imports.values), "<=", 0.5, "s")
    if run.importtime:
        group.notes += import_parts()
    return group


def _stock(group: Group, times: int) -> None:
    """For comparison: the largest guest through the stock binding."""
    path = str(bundled_folder() / "hello.wasm")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Path(folder) / "cache.toml"
        settings.write_text(f'[cache]\ndirectory = "{Path(folder).resolve().as_posix()}/compiled"\n', encoding="utf-8")
        ways = (("stock_compile", "compiled anew", ""), ("stock_cached", "its own cache, warm", str(settings)))
        for key, label, cache in ways:
            fresh_process(_STOCK, path, cache, timeout=120)
            sample = Sample(tuple(float(fresh_process(_STOCK, path, cache, timeout=120)) for _ in range(times)))
            group.add(key, f"stock binding, hello {label}, nothing wired", sample, "s")


def import_parts(count: int = 15) -> list[str]:
    """The modules that the import spends most time on, their own imports included."""
    output = fresh_process("import wasicloud_lab", options=("-X", "importtime"))
    rows = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)", output)
    largest = sorted(rows, key=lambda row: -int(row[1]))[:count]
    return [
        f"import {name}: {int(total) / 1000:.1f} ms, of which itself {int(own) / 1000:.1f} ms"
        for own, total, _, name in largest
    ]
