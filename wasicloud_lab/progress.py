"""Says what takes long, when it takes long enough to wonder: a compile, a move of data."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from .units import size_text

#: Seconds before anything is shown: most things take less time than reading about them.
PATIENCE = 0.4


@contextlib.contextmanager
def compiling(name: str, size: int) -> Iterator[None]:
    """Shows a line that counts the seconds of a compile, in a notebook or on a terminal."""
    with _counting(
        lambda: f"compiling {name} ({size_text(size)}), the first time only",
        lambda seconds: f"compiled {name} in {seconds:.1f} s; the next time it is ready at once",
    ):
        yield


@contextlib.contextmanager
def moving(name: str, moved: Callable[[], object]) -> Iterator[None]:
    """Likewise how far a move of data is; `moved` says it in words."""
    with _counting(lambda: f"moving {name}: {moved()}", lambda seconds: f"moved {name} in {seconds:.1f} s: {moved()}"):
        yield


@contextlib.contextmanager
def _counting(now: Callable[[], str], after: Callable[[float], str]) -> Iterator[None]:
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
            _write(f"\r{now()} … {time.perf_counter() - started:.0f} s")
            pause = 1.0

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield
    except BaseException:
        done.set()
        teller.join()
        if shown.is_set():
            _write("\n")
        raise
    done.set()
    teller.join()
    if shown.is_set():
        _write(f"\r{after(time.perf_counter() - started)}\n")


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
