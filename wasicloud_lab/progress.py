"""Says that a component is being compiled, when that takes long enough to wonder."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

#: Seconds before anything is shown: a small component compiles faster than one reads.
PATIENCE = 0.4


@contextlib.contextmanager
def compiling(name: str, size: int) -> Iterator[None]:
    """Shows a line that counts the seconds, in a notebook or on a terminal."""
    if not _watched():
        yield
        return
    started = time.perf_counter()
    done = threading.Event()
    shown = threading.Event()

    def tell() -> None:
        pause = PATIENCE
        while not done.wait(pause):
            shown.set()
            _write(
                f"\rcompiling {name} ({size / 1e6:.1f} MB), the first time only … {time.perf_counter() - started:.0f} s"
            )
            pause = 1.0

    teller = threading.Thread(target=tell, name="compile progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        if shown.is_set():
            _write(f"\rcompiled {name} in {time.perf_counter() - started:.1f} s; the next time it is ready at once\n")


def _watched() -> bool:
    """Whether somebody looks: at a terminal, or a notebook's kernel."""
    return sys.stderr is not None and (sys.stderr.isatty() or _in_notebook())


def _in_notebook() -> bool:
    """Whether output goes to a kernel's front end."""
    return type(sys.stdout).__module__.startswith("ipykernel.")


def _write(text: str) -> None:
    # A notebook paints stderr like an error, which this is not.
    stream = sys.stdout if _in_notebook() else sys.stderr
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
