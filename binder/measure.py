"""What one person at the lab needs: memory, processor time, and how long the first cell takes.

    python binder/measure.py                                       # notebook 00
    python binder/measure.py 00-start-here 02-gopher-and-its-services
    python binder/measure.py 02-gopher-and-its-services --people 10

For each person it starts a JupyterLab of its own, with its own home folder and a free port, opens each notebook over
JupyterLab's interface as the browser does, runs all its cells and closes it. All people do the same at the same time.
Everything it starts ends with it; the notebooks are copies.

Memory is what one would get back: pages that processes share are counted once (the proportional set size of Linux;
elsewhere the resident set size, which counts them again and again).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from jupyter_client.blocking.client import BlockingKernelClient

from wasicloud_lab.notebooks import FIRST, folder

#: Seconds until something that does not come counts as failed.
PATIENCE = 120.0

#: Seconds between two looks at the memory.
PERIOD = 0.5

MIB = 1024 * 1024


@dataclass(frozen=True)
class Figures:
    """One notebook, run by one person. Times in seconds, memory in bytes.

    Attributes:
        lab_status: what JupyterLab answered when asked for the notebook's page.
        cells: how many code cells ran.
        first: from opening the notebook to the answer of its first cell, the start of the kernel included.
        all: from opening the notebook to the answer of its last cell.
        cpu: processor time of the kernel and what it started.
        server, kernel: memory of JupyterLab and of the kernel, at the end.
        peak: the most that they and the servers they had started took together.
    """

    notebook: str
    lab_status: int
    cells: int
    first: float
    all: float
    cpu: float
    server: int
    kernel: int
    peak: int


class Watch:
    """Looks at the memory of a process and all below it, until told to stop."""

    def __init__(self, root: psutil.Process) -> None:
        self.peak = 0
        self._root = root
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
        self.peak = max(self.peak, sum(map(memory, family(self._root))))

    def _run(self) -> None:
        while not self._end.wait(PERIOD):
            self.peak = max(self.peak, sum(map(memory, family(self._root))))


def family(root: psutil.Process) -> list[psutil.Process]:
    """A process and all below it."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(process: psutil.Process) -> int:
    """Bytes of memory; 0 for a process that has ended."""
    try:
        found = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(found, "pss", found.rss))


def cpu(process: psutil.Process) -> float:
    """Seconds of processor time, that of ended children included; 0 for a process that has ended."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0))


class JupyterLab:
    """A JupyterLab with a home folder of its own, on a free port of this machine.

    Raises:
        RuntimeError: it ends, or says nothing for a long time; the message shows its own words.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._runtime = home / "runtime"
        shutil.copytree(folder(), home / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        words = {"HOME": "", "XDG_CACHE_HOME": ".cache", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": ".ipython"}
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={home}", "--ServerApp.port=0",
            "--ServerApp.ip=127.0.0.1",
        ]  # fmt: skip
        if os.name == "posix" and os.geteuid() == 0:
            command.append("--allow-root")
        self._log = open(home / "jupyterlab.log", "w+b")  # noqa: SIM115  (closed by close)
        self._process = subprocess.Popen(
            command,
            env=os.environ | {name: str(home / place) for name, place in words.items()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self.process = psutil.Process(self._process.pid)
            found = self._found()
            self._web = httpx.Client(
                base_url=found["url"], headers={"Authorization": f"token {found['token']}"}, timeout=PATIENCE
            )
        except BaseException:
            self.close()
            raise

    def _found(self) -> dict[str, Any]:
        """Where it is: it writes that into a file once it listens."""
        file = self._runtime / f"jpserver-{self._process.pid}.json"
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
                return found
            time.sleep(0.05)
        self._log.seek(0)
        raise RuntimeError(f"JupyterLab does not start; it said:\n{self._log.read().decode(errors='replace')}")

    def run(self, notebook: str) -> Figures:
        """Opens a notebook, runs its cells one after the other, and closes it.

        Raises:
            RuntimeError: a cell fails.
        """
        path = f"notebooks/{notebook}.ipynb"
        book = json.loads((self._home / path).read_text(encoding="utf-8"))
        code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
        status = self._web.get(f"lab/tree/{path}", follow_redirects=True).status_code
        started = time.monotonic()
        with Watch(self.process) as watch, self._kernel(path) as client:
            first = 0.0
            for number, cell in enumerate(code):
                answer = client.execute_interactive(
                    "".join(cell["source"]), timeout=PATIENCE, output_hook=lambda message: None
                )
                if answer["content"]["status"] != "ok":
                    said = f"{answer['content'].get('ename')}: {answer['content'].get('evalue')}"
                    raise RuntimeError(f"{notebook}, cell {cell['id']}: {said}")
                first = first if number else time.monotonic() - started
            lasted = time.monotonic() - started
            kernels = self.process.children()
            beside = [each for kernel in kernels for each in kernel.children(recursive=True)]
            figures = {
                "cpu": sum(map(cpu, kernels + beside)),
                "server": memory(self.process),
                "kernel": sum(map(memory, kernels)),
            }
        return Figures(notebook, status, len(code), first, lasted, peak=watch.peak, **figures)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def _kernel(self, path: str) -> Iterator[BlockingKernelClient]:
        asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        session = self._web.post("api/sessions", json=asked).raise_for_status().json()
        client = BlockingKernelClient(connection_file=str(self._runtime / f"kernel-{session['kernel']['id']}.json"))
        client.load_connection_file()
        client.start_channels(hb=False)  # no sign of life while it starts does not mean that it has died
        try:
            client.wait_for_ready(timeout=PATIENCE)
            yield client
        finally:
            client.stop_channels()
            self._web.delete(f"api/sessions/{session['id']}").raise_for_status()

    def close(self) -> None:
        """Ends it, and its kernels with it."""
        if hasattr(self, "_web"):
            self._web.close()
        below = family(self.process)[1:]
        # A terminate lets it end its kernels first, and those their servers.
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for left in psutil.wait_procs(below, timeout=10)[1]:
            left.kill()
        self._log.close()

    def __enter__(self) -> JupyterLab:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def sit_down(notebooks: list[str], together: threading.Barrier) -> list[Figures]:
    """One person: a JupyterLab, then one notebook after the other, each when all are ready for it."""
    with tempfile.TemporaryDirectory(prefix="wasicloud-seat-") as home:
        try:
            with JupyterLab(Path(home)) as lab:
                figures = []
                for notebook in notebooks:
                    together.wait(PATIENCE)
                    figures.append(lab.run(notebook))
                return figures
        except BaseException:
            together.abort()  # nobody waits for one who has left
            raise


def table(people: list[list[Figures]]) -> str:
    """What was measured, for people."""
    titles = f"{'first cell':>12} {'all cells':>10} {'CPU':>8} {'JupyterLab':>12} {'kernel':>9} {'peak':>9}"
    lines = [" " * 30 + titles]
    for same in zip(*people, strict=True):
        middle = {
            name: statistics.median(getattr(one, name) for one in same)
            for name in ("first", "all", "cpu", "server", "kernel", "peak")
        }
        lines.append(
            f"{same[0].notebook:<30} {middle['first']:>10.1f} s {middle['all']:>8.1f} s {middle['cpu']:>6.1f} s"
            f"{middle['server'] / MIB:>9.0f} MiB {middle['kernel'] / MIB:>5.0f} MiB"
            f"{middle['peak'] / MIB:>6.0f} MiB"
        )
        if len(same) > 1:
            total = sum(one.peak for one in same) / MIB
            slowest = max(one.first for one in same)
            lines.append(f"  {len(same)} people: {total:,.0f} MiB at most; the last first cell after {slowest:.1f} s")
    return "\n".join(lines)


def main() -> int:
    """Answers 0 when every cell of every notebook ran for everybody, else 1."""
    names = sorted(file.stem for file in folder().glob("*.ipynb"))
    words = argparse.ArgumentParser(description="Measure what people at the lab need.")
    words.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=f"of {', '.join(names)}")
    words.add_argument("--people", type=int, default=1, metavar="N", help="how many at the same time (default 1)")
    words.add_argument("--json", action="store_true", help="for a script: a list for each person")
    options = words.parse_args()
    notebooks = options.notebooks or [Path(FIRST).stem]
    unknown = [name for name in notebooks if name not in names]
    if unknown or options.people < 1:
        words.error(f"there is no notebook {unknown[0]!r}" if unknown else "at least one person")
    together = threading.Barrier(options.people)
    with ThreadPoolExecutor(options.people) as seats:
        sitting = [seats.submit(sit_down, notebooks, together) for _ in range(options.people)]
    trouble = [error for error in (one.exception() for one in sitting) if error is not None]
    if trouble:
        # Those who waited for somebody who failed say only that.
        cause = next((error for error in trouble if not isinstance(error, threading.BrokenBarrierError)), trouble[0])
        print(f"measure: {cause or type(cause).__name__}", file=sys.stderr)
        return 1
    people = [one.result() for one in sitting]
    print(
        json.dumps([[asdict(one) for one in person] for person in people], indent=1) if options.json else table(people)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
