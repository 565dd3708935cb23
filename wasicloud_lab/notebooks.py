"""Finds the notebooks and opens JupyterLab at the first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import ToolMissing

FIRST = "00-start-here.ipynb"


def folder() -> Path:
    """The notebooks: `notebooks/` in a checkout, inside the package otherwise.

    Raises:
        ToolMissing: this installation has none.
    """
    inside = Path(__file__).resolve().parent
    for place in (inside.parent / "notebooks", inside / "notebooks"):
        if (place / FIRST).is_file():
            return place
    raise ToolMissing("this installation has no notebooks; take a checkout of the repository and run `make lab`")


def open_lab(port: int, browser: bool) -> int:
    """Runs JupyterLab in the foreground; answers its exit status."""
    place = folder()
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place.parent}", f"--ServerApp.port={port}",
        f"--LabApp.default_url=/lab/tree/{place.name}/{FIRST}",
    ]  # fmt: skip
    if not browser:
        command.append("--no-browser")
    # Defaults, which a user's own settings override: no news dialog over the first notebook.
    settings = str(Path(__file__).resolve().parent / "jupyter")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [settings, os.environ.get("JUPYTER_CONFIG_PATH")]))
    if os.name == "posix":
        if os.geteuid() == 0:  # in a container, usually; Jupyter refuses root unless told
            command.append("--allow-root")
        os.execv(command[0], command)  # so that Ctrl-C and signals are JupyterLab's own
    return subprocess.call(command)
