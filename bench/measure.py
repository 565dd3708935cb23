"""Timing and statistics: medians of interleaved rounds, fresh processes, memory, and how noisy it all was."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Run:
    """How thorough a run is.

    Attributes:
        quick: fewer and shorter rounds: two minutes in all.
        importtime: whether `startup` shows what the import spends its time on.
    """

    quick: bool = False
    importtime: bool = False

    def of(self, thorough: int, quick: int) -> int:
        """One of two counts."""
        return quick if self.quick else thorough


@dataclass(frozen=True)
class Sample:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The first quartile."""
        return quantile(self.values, 0.25)

    @property
    def high(self) -> float:
        """The third quartile."""
        return quantile(self.values, 0.75)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, interpolated."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def interleaved(actions: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Sample]:
    """Runs all actions in each round, in alternating order, so that a slow moment of the machine meets each.

    Args:
        actions: each runs once and answers what it measured.
        rounds: how often.
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    order = list(actions.items())
    for _ in range(rounds):
        for name, action in order:
            found[name].append(action())
        order.reverse()
    return {name: Sample(tuple(values)) for name, values in found.items()}


def ratios(over: Sample, under: Sample) -> Sample:
    """Round by round, one over the other."""
    return Sample(tuple(a / b for a, b in zip(over.values, under.values)))


def timed(action: Callable[[], Any], times: int = 1) -> float:
    """Seconds that one of `times` repetitions took."""
    started = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - started) / times


def each_timed(actions: Mapping[str, Callable[[], Any]], rounds: int, times: int) -> dict[str, Sample]:
    """As `interleaved`, with `times` repetitions a round, each timed on its own: seconds."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    order = list(actions.items())
    clock = time.perf_counter
    for _ in range(rounds):
        for name, action in order:
            values = found[name]
            for _ in range(times):
                started = clock()
                action()
                values.append(clock() - started)
        order.reverse()
    return {name: Sample(tuple(values)) for name, values in found.items()}


def fresh_process(code: str, *arguments: str, options: Sequence[str] = (), timeout: float = 60) -> str:
    """What a new interpreter prints for `code`, started in the repository's root.

    Raises:
        RuntimeError: it failed; the message ends with its last line.
    """
    done = subprocess.run(
        [sys.executable, *options, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise RuntimeError(f"a fresh process ended with {done.returncode}: {last}")
    return done.stdout if "importtime" not in options else done.stderr


def resident(pid: int | None = None) -> float:
    """Bytes of physical memory that a process and those it started hold."""
    process = psutil.Process(pid)
    if pid is None:
        gc.collect()
        return float(process.memory_info().rss)
    return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True))))


def peak_resident(pid: int | None = None) -> float:
    """Bytes of physical memory that a process has held at most, since its start."""
    if sys.platform == "linux":
        # Not getrusage: that counts in what the parent held when it started this process.
        status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="utf-8")
        kib = next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]
        return float(kib) * 1024
    info = psutil.Process(pid).memory_info()
    if sys.platform == "win32":
        return float(info.peak_wset)
    if pid is not None:
        return float(info.rss)  # of another process, macOS does not tell
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


class Noise:
    """The same short loop of Python, timed now and then: how steady the machine was during the run."""

    def __init__(self) -> None:
        self._before = _load()
        self._loops: list[float] = []
        self.look()

    def look(self) -> None:
        """Times the loop a few times."""
        self._loops += [timed(lambda: sum(range(200_000))) for _ in range(5)]

    def as_json(self) -> dict[str, Any]:
        """Load averages, and the quartiles and extremes of the loop in milliseconds."""
        loops = [value * 1000 for value in self._loops]
        return {
            "load_before": self._before,
            "load_after": _load(),
            "loop_ms": {
                "median": statistics.median(loops), "low": quantile(loops, 0.25), "high": quantile(loops, 0.75),
                "least": min(loops), "most": max(loops),
            },
        }  # fmt: skip


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def machine() -> dict[str, Any]:
    """What the run ran on."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of the packages that the figures depend on."""
    found = {}
    for name in ("wasicloud-lab", "wasmtime", "httpx", "uvicorn", "httptools", "uvloop"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name == "wasicloud-lab":
                import wasicloud_lab

                found[name] = wasicloud_lab.__version__
    return found
