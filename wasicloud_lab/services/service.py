"""A real server beside the lab: started, watched, and never left behind."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from ..errors import ServeError
from ..providers.address import masked
from . import guard

HOST = "127.0.0.1"

#: Seconds until a server that says nothing counts as not started.
PATIENCE = 30.0

#: How often another free port is tried when somebody took the one asked for.
_TRIES = 5

_LOG = "server.log"

#: The guards of this process. A fork of it would hold on to their pipes, and keep servers alive after its parent.
_guards: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def _close_in_fork() -> None:
    for keeper in _guards:
        _close(keeper)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_fork)


class Service:
    """A server on this machine's loopback, with a port and a folder of its own.

    It ends with `stop()`, at the end of a `with`, with this process, however that ends.

    Args:
        kind: "redis", "azurite", "nats".
        command: from folder and port to the command line; it may write files into the folder.
        ready: what the server says in its log when it serves.
        url: from port to the URL to give the lab.
        port: None for a free one.
        folder: where its data goes and stays; None for a temporary folder that goes with the server.
        options: what else it was asked to be started with.

    Raises:
        ServeError: it does not start; the message shows the server's own words.
    """

    def __init__(
        self,
        kind: str,
        command: Callable[[Path, int], list[str]],
        ready: str,
        url: Callable[[int], str],
        *,
        port: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.options = dict(options or {})
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._temporary = folder is None
        for attempt in range(_TRIES):
            self.port = free_port() if port is None else port
            self.folder = self._prepared(folder)
            self._last_words = ""
            self._guard, self._server = self._launch(command)
            trouble = self._await(ready)
            if trouble is None:
                break
            said = self.log()
            self._end()
            taken = "address already in use" in said.lower() or "eaddrinuse" in said.lower()
            if not taken or port is not None or attempt == _TRIES - 1:
                hint = f"port {self.port} is taken; without port= a free one is found" if taken else trouble
                words = "\nit said:\n  " + said.replace("\n", "\n  ") if said else ""
                raise ServeError(masked(f"{kind} did not start: {hint}{words}"))
        self.url = url(self.port)
        # Waits for the server's end; without it the guard would see to that a moment later.
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return _alive(self._server)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._server.pid

    def log(self, lines: int = 20) -> str:
        """The last lines the server has written; also after its end."""
        try:
            text = (self.folder / _LOG).read_text("utf-8", "replace")
        except OSError:
            text = self._last_words
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def stop(self) -> None:
        """Ends the server, and removes its folder if that was a temporary one. A second call does nothing."""
        if os.getpid() != self._owner:
            return  # a fork of the process that started it
        with self._lock:
            atexit.unregister(self.stop)
            self._end()

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{self.kind} at {masked(self.url)}, {'running' if self.running else 'ended'}>"

    # --- start and end -----------------------------------------------------------------------------

    def _prepared(self, folder: str | os.PathLike[str] | None) -> Path:
        if folder is None:
            return Path(tempfile.mkdtemp(prefix=f"wasicloud-{self.kind}-"))
        path = Path(folder).absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / _LOG).unlink(missing_ok=True)  # an old "ready" in it would be taken for the new server's
        except OSError as error:
            raise ServeError(f"{self.kind} can't keep its data in {path}: {error.strerror or error}") from None
        return path

    def _launch(self, command: Callable[[Path, int], list[str]]) -> tuple[subprocess.Popen[bytes], psutil.Process]:
        folder = str(self.folder)
        own_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        keeper: subprocess.Popen[bytes] | None = None
        try:
            keep = [sys.executable, "-I", "-S", guard.__file__, folder if self._temporary else "", f"{folder}/{_LOG}"]
            words = command(self.folder, self.port)
            keeper = subprocess.Popen([*keep, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **own_group)
            _guards.add(keeper)
            assert keeper.stdout is not None
            answer = keeper.stdout.readline().decode("utf-8", "replace").strip()
            if not answer.isdigit():
                raise ServeError(f"{self.kind} did not start: {answer or 'its guard ended at once'}")
            return keeper, psutil.Process(int(answer))
        except BaseException as error:
            if keeper is not None:
                _let_go(keeper)
            if self._temporary:
                shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, psutil.NoSuchProcess):
                raise ServeError(f"{self.kind} did not start: it ended by itself") from None
            raise

    def _await(self, ready: str) -> str | None:
        """None as soon as it serves; else what is wrong."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            # Only our own server writes this log: somebody else's on the same port can't be taken for it.
            if ready in self.log(1000):
                return None
            if not self.running:
                return "it ended by itself"
            time.sleep(0.02)
        return f"it was not ready within {PATIENCE:g} s"

    def _end(self) -> None:
        if self._guard.returncode is not None:
            return
        self._last_words = self.log(1000)
        _let_go(self._guard)
        if self.running:  # the guard itself was killed
            _stop(self._server)
            if self._temporary:
                shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port of this machine's loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _stop(process: psutil.Process) -> None:
    for end in (process.terminate, process.kill):
        with contextlib.suppress(psutil.NoSuchProcess):
            end()
        last = time.monotonic() + guard.GRACE
        # Not process.wait(): somebody else's child may stay a zombie for long, which is as good as gone.
        while _alive(process) and time.monotonic() < last:
            time.sleep(0.02)
        if not _alive(process):
            return


def _close(keeper: subprocess.Popen[bytes]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _let_go(keeper: subprocess.Popen[bytes]) -> None:
    """Ends the guard's input, which ends the server, and waits for both."""
    _close(keeper)
    try:
        keeper.wait(2 * guard.GRACE + 5)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
