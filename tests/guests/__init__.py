"""Builds the guests that tests run, once: a guest is kept as long as its source and tools are the same.

And what tests of WASI interfaces need around them.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from wasicloud_lab.errors import Err
from wasicloud_lab.host.component import Component
from wasicloud_lab.host.engine import Limits
from wasicloud_lab.host.pool import Pool
from wasicloud_lab.host.state import StoreState, enter, leave
from wasicloud_lab.wasi import standard

HERE = Path(__file__).parent
WIT = HERE.parent.parent / "wit" / "deps"


@functools.cache
def python_wasi() -> Component:
    """The guest in `python_wasi/`: a Python program that reaches files, sockets and clocks through WASI."""
    sources = [HERE / "python_wasi" / name for name in ("app.py", "world.wit")]
    return Component(_built(sources).read_bytes(), "python-wasi")


def _built(sources: list[Path]) -> Path:
    packages = sorted(WIT.glob("wasi-*.wit"))
    digest = hashlib.sha256(version("componentize-py").encode())
    for file in (*sources, *packages):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"wasicloud-lab-guests-{_user()}"
    target = folder / f"python-wasi-{digest.hexdigest()[:16]}.wasm"
    if not target.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            os.replace(_componentize(Path(work), sources, packages), target)
    return target


def _componentize(folder: Path, sources: list[Path], packages: list[Path]) -> Path:
    deps = folder / "wit" / "deps"
    deps.mkdir(parents=True)
    for file in packages:
        shutil.copy(file, deps)
    for file in sources:
        shutil.copy(file, folder / "wit" if file.suffix == ".wit" else folder)
    tool = shutil.which("componentize-py", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if tool is None:
        raise FileNotFoundError("componentize-py is missing; it comes with the test dependencies")
    command = [tool, "-q", "-d", "wit", "-w", "guest", "componentize", "app", "-o", "app.wasm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"componentize-py failed:\n{done.stdout}{done.stderr}")
    return folder / "app.wasm"


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


@contextmanager
def python_guest(deadline: float = 20.0, **given: Any) -> Iterator[Callable[..., str]]:
    """A function that calls a command of `python_wasi`: `run("read", "/data/a.txt")`.

    Args:
        deadline: seconds that one call may take.
        given: what the guest is given, as for `wasicloud_lab.wasi.standard`.
    """
    pool = Pool(python_wasi(), standard(**given), {}, Limits(deadline=deadline))
    export = pool.export("run")
    try:
        with pool.instance() as instance:
            yield lambda command, *args: instance.call(export, (command, [str(arg) for arg in args]))
    finally:
        pool.close()


@contextmanager
def current_store() -> Iterator[StoreState]:
    """A store that is the thread's current one, for calling interfaces without a guest."""
    state = StoreState(0)
    state.deadline = time.monotonic() + 20  # a wait that nothing ends is a failure, not a hang
    before = enter(state)
    try:
        yield state
    finally:
        leave(before)


def error_of(call: Callable[..., Any], *args: Any) -> Any:
    """The value of the `Err` that a call raises."""
    with pytest.raises(Err) as caught:
        call(*args)
    return caught.value.value
