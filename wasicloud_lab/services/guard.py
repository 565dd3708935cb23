"""Keeps a server from outliving the process that wanted it. A program of its own, without the rest of the lab.

    python guard.py FOLDER LOG COMMAND…

It starts the command with its output in the file LOG, prints its process id, and waits until its own standard
input ends. That is a pipe from the lab, which the system closes however the lab ends, SIGKILL included. Then
the server is stopped and FOLDER, if it is not empty, removed. No feature of one system only is needed for this.

The lab starts it in a session (a process group on Windows) of its own: an interrupt of a cell, which the terminal
or Jupyter sends to the whole group, must not reach the server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

#: Seconds that a server has to write its data and end, before it is killed.
GRACE = 5.0


def main(folder: str, log: str, *command: str) -> int:
    """Runs until standard input ends; answers 0, or 1 if the command can't be started."""
    _on_signals(_asked)
    server: subprocess.Popen[bytes] | None = None
    try:
        with open(log, "ab") as output:
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=os.path.dirname(log)
            )
        print(server.pid, flush=True)
        _reap_in_background(server)
        while os.read(0, 1024):
            pass
    except OSError as error:
        print(f"can't start {command[0]}: {error.strerror or error}", flush=True)
        return 1
    finally:
        _on_signals(signal.SIG_IGN)
        if server is not None:
            _stop(server)
        if folder:
            _remove(folder)
    return 0


def _on_signals(action: Any) -> None:
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), action)


def _asked(number: int, frame: FrameType | None) -> None:
    """Somebody stops the guard itself: the same as the end of its input."""
    raise SystemExit(0)


def _reap_in_background(server: subprocess.Popen[bytes]) -> None:
    """So that a server which ended by itself is seen to be gone while we wait for something else."""
    threading.Thread(target=server.wait, daemon=True).start()


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    if os.name == "nt":
        # What was started may be a batch file, and the server its child.
        subprocess.run(["taskkill", "/PID", str(server.pid), "/T", "/F"], capture_output=True, check=False)
    else:
        server.terminate()
    try:
        server.wait(GRACE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _remove(folder: str) -> None:
    # A moment may pass until Windows lets go of an ended server's files.
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
