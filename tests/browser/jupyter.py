"""A JupyterLab, or a Notebook 7, of one's own: free port, temporary folder; settings, kernels, token not the user's."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx
import psutil
from ipykernel.kernelspec import write_kernel_spec

import wasicloud_lab
from tests.notebook_runs import FOLDER
from wasicloud_lab.services import free_port

#: The applications, by the module that runs one: a setting that lets the page be asked what is in it, as
#: `window.jupyterapp`, and where a notebook is opened. A workspace of its own: no page finds the tabs of another.
APPLICATIONS = {
    "jupyterlab": ("LabApp", "lab/workspaces/{stem}/tree/{name}?reset&"),
    "notebook": ("JupyterNotebookApp", "notebooks/{name}?"),
}


class Jupyter:
    """Runs from the moment it is made until `stop`.

    Attributes:
        url: where it is, without a slash at the end.
        token: what opens it.
        folder: what it serves; `notebook` puts copies there.
    """

    def __init__(self, place: Path, patience: float, application: str = "jupyterlab") -> None:
        """
        Args:
            place: an empty folder.
            patience: seconds that it has to answer.
            application: which of `APPLICATIONS`.
        """
        setting, self._opened_at = APPLICATIONS[application]
        self.folder = place / "notebooks"
        self.folder.mkdir()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._patience = patience
        write_kernel_spec(str(place / "share" / "kernels" / "python3"))
        # The defaults that `wasicloud-lab lab` brings: no news dialog over the first notebook.
        defaults = Path(wasicloud_lab.__file__).parent / "jupyter"
        own = {
            "HOME": place / "home",
            "IPYTHONDIR": place / "ipython",
            "JUPYTER_CONFIG_DIR": place / "config",
            "JUPYTER_DATA_DIR": place / "data",
            "JUPYTER_RUNTIME_DIR": place / "runtime",
            "JUPYTER_PATH": place / "share",
            "JUPYTER_CONFIG_PATH": defaults,
            "JUPYTERLAB_SETTINGS_DIR": place / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": place / "workspaces",
            "JUPYTER_TOKEN": self.token,
        }
        (place / "home").mkdir()
        widgets = place / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
        widgets.mkdir(parents=True)
        # So that what a person may choose to save, widgets' state, is looked at too.
        (widgets / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
        command = [
            sys.executable, "-m", application, "--no-browser", "--allow-root", f"--ServerApp.root_dir={self.folder}",
            f"--ServerApp.port={self.url.rpartition(':')[2]}", "--ServerApp.port_retries=0",
            f"--{setting}.expose_app_in_browser=True",
        ]  # fmt: skip
        self._log_path = place / "jupyter.log"
        self._log: IO[bytes] = self._log_path.open("wb")
        environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
        self._process = subprocess.Popen(command, env=environment, cwd=place, stdout=self._log, stderr=self._log)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def notebook(self, source: str, name: str) -> Path:
        """A copy of one of our notebooks, under a name of its own, and so with a kernel of its own."""
        return Path(shutil.copyfile(FOLDER / source, self.folder / name))

    def page(self, notebook: Path) -> str:
        """Where a browser opens one of those."""
        return f"{self.url}/{self._opened_at.format(stem=notebook.stem, name=notebook.name)}token={self.token}"

    def offspring(self) -> set[psutil.Process]:
        """The kernels, and what they have started."""
        return set(psutil.Process(self._process.pid).children(recursive=True))

    def log(self) -> str:
        """What it has said so far."""
        return self._log_path.read_text(errors="replace")

    def stop(self) -> None:
        """Ends it and its kernels."""
        offspring = self.offspring() if self._process.poll() is None else set()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._log.close()
            _, left = psutil.wait_procs(offspring, timeout=10)
            for each in left:
                each.kill()

    def _wait(self) -> None:
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            assert self._process.poll() is None, f"JupyterLab has ended:\n{self.log()}"
            try:
                if httpx.get(f"{self.url}/api", params={"token": self.token}, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab does not answer:\n{self.log()}")
