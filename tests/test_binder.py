"""The lab on Binder, without Docker: repo2docker's Dockerfile holds our steps, and they run in a fresh environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomllib

from tests.notebook_runs import FIRST, read

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024

#: What Binder gives to one person for nothing.
MEMORY = 1024 * MIB

#: Seconds for the slowest step, on a slow machine with a slow network.
LONG = 900.0

NOTEBOOKS = ["00-start-here", "02-gopher-and-its-services"]


@dataclass(frozen=True)
class Step:
    """A line of a Dockerfile: its instruction, the rest, and whom it is run as."""

    instruction: str
    rest: str
    user: str


def steps(dockerfile: str) -> list[Step]:
    """The lines of a Dockerfile, continued ones joined, comments left out."""
    found: list[Step] = []
    user = "root"
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE)).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "USER":
            user = rest
        if instruction:
            found.append(Step(instruction, re.sub(r"\s+", " ", rest.strip()), user))
    return found


def place(all_steps: list[Step], instruction: str, part: str) -> int:
    """Where the one step is that holds a text."""
    (found,) = [at for at, step in enumerate(all_steps) if step.instruction == instruction and part in step.rest]
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as Binder clones it: what git knows or would add, nothing that was made here."""
    copy = tmp_path_factory.mktemp("binder") / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():  # not deleted since
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def dockerfile(checkout: Path) -> list[Step]:
    """What repo2docker makes of it. It prints that without Docker."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--user-id", "1000", "--user-name", "jovyan"]
    done = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False, timeout=LONG)
    assert done.returncode == 0, done.stderr
    return steps(done.stdout)


# --- the Dockerfile ----------------------------------------------------------------------------------


def test_the_steps_come_in_order(dockerfile: list[Step]) -> None:
    order = [
        ("COPY", " /tmp/env/environment.lock"),
        ("RUN", "/tmp/install-base-env.bash'"),
        ("RUN", "apt-get install --yes --no-install-recommends"),
        ("COPY", " src/ ${REPO_DIR}/"),
        ("RUN", "pip install --no-cache-dir -r"),
        ("RUN", "./binder/postBuild"),
        ("ENV", "R2D_ENTRYPOINT="),
        ("ENTRYPOINT", "repo2docker-entrypoint"),
    ]
    places = [place(dockerfile, *step) for step in order]
    assert places == sorted(places)


def test_python_is_the_one_asked_for(dockerfile: list[Step]) -> None:
    base = dockerfile[place(dockerfile, "COPY", " /tmp/env/environment.lock")]
    wanted = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f".py-{wanted}-".replace("-", "-2d").replace(".", "-2e") in base.rest


def test_the_real_servers_are_installed_as_root(dockerfile: list[Step]) -> None:
    step = dockerfile[place(dockerfile, "RUN", "apt-get install --yes --no-install-recommends")]
    packages = re.search(r"--no-install-recommends ([^&]*)&&", step.rest)
    assert packages
    assert set(packages[1].split()) == {"curl", "nats-server", "redis-server"}
    assert step.user == "root"


def test_everything_else_is_done_by_the_person_who_will_use_it(dockerfile: list[Step]) -> None:
    for step in dockerfile[place(dockerfile, "COPY", " src/ ${REPO_DIR}/") :]:
        assert step.instruction != "RUN" or step.user == "${NB_USER}", step
    assert dockerfile[-1].user == "${NB_USER}"
    assert any(step.instruction == "ARG" and step.rest == "NB_USER" for step in dockerfile)


def test_the_packages_come_from_the_lock_with_their_hashes(dockerfile: list[Step]) -> None:
    step = dockerfile[place(dockerfile, "RUN", "pip install")]
    assert step.rest == '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"'
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["--require-hashes", "-r ../requirements.lock"]


def test_jupyterlab_is_started_through_our_script(dockerfile: list[Step]) -> None:
    assert dockerfile[place(dockerfile, "ENV", "R2D_ENTRYPOINT=")].rest == 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"'


def test_the_badge_opens_the_first_notebook_of_this_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    owner_and_name = project["urls"]["Repository"].removeprefix("https://github.com/")
    there = f"https://mybinder.org/v2/gh/{owner_and_name}/HEAD?urlpath=lab/tree/notebooks/{FIRST}"
    assert re.search(
        rf"\[!\[[^\]]+\]\(https://mybinder\.org/badge_logo\.svg\)\]\({re.escape(there)}\)",
        (ROOT / "README.md").read_text(encoding="utf-8"),
    )


# --- its steps, run ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    """What the steps have made: a fresh environment, the repository, and the variables that Docker would set."""

    repository: Path
    environment: Path
    variables: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command as Binder would, through the start script; its output belongs to the answer."""
        return subprocess.run(
            [str(self.repository / "binder" / "start"), *command],
            cwd=self.repository,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG,
        )

    def compiled(self) -> dict[str, int]:
        """The compiled components in the image, each with the file it is: one compiled again is another file."""
        folder = self.environment / "share" / "wasicloud-lab" / "compiled"
        return {file.name: file.stat().st_ino for file in folder.rglob("*.cwasm")}


def downloads() -> dict[str, str]:
    """Where pip and npm keep what they have fetched, and their settings: all else of a home folder is fresh."""
    pip = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    npm = subprocess.run(["npm", "config", "get", "cache"], capture_output=True, text=True, check=True)
    found = {"PIP_CACHE_DIR": pip.stdout.strip(), "npm_config_cache": npm.stdout.strip()}
    settings = {
        "PIP_CONFIG_FILE": Path.home() / ".config/pip/pip.conf",
        "npm_config_userconfig": Path.home() / ".npmrc",
    }
    return found | {name: str(file) for name, file in settings.items() if file.is_file()}


@pytest.fixture(scope="module")
def image(checkout: Path, dockerfile: list[Step], tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Runs what the Dockerfile runs once the repository is in place, in a fresh environment with a fresh home."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    home = tmp_path_factory.mktemp("home")
    ours = ("WASICLOUD_", "JUPYTER", "JPY_", "PYTHON", "VIRTUAL_ENV", "XDG_", "IPYTHON")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables |= downloads() | {
        "HOME": str(home),
        "REPO_DIR": str(checkout),
        "NB_PYTHON_PREFIX": str(environment),
        "KERNEL_PYTHON_PREFIX": str(environment),
        "PATH": os.pathsep.join([str(environment / "bin"), os.environ["PATH"]]),
    }
    for step in dockerfile[place(dockerfile, "COPY", " src/ ${REPO_DIR}/") :]:
        if step.instruction != "RUN":
            continue
        # An image has no use for what was downloaded; the next run of this test has.
        command = step.rest.replace(" --no-cache-dir", "")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=checkout,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return Image(checkout, environment, variables)


def test_the_start_script_becomes_the_command(image: Image) -> None:
    started = subprocess.Popen(
        [
            str(image.repository / "binder" / "start"),
            "sh",
            "-c",
            'printf "%s|" "$$" "$@"; exit 7',
            "sh",
            "two words",
            "*",
        ],
        env=image.variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = started.communicate(timeout=LONG)
    assert said == f"{started.pid}|two words|*|"
    assert started.returncode == 7


def test_the_start_script_keeps_what_a_hub_has_set(image: Image) -> None:
    hub = image.variables | {"JUPYTER_CONFIG_PATH": "/etc/hub", "WASICLOUD_LAB_CACHE": "/srv/compiled"}
    said = subprocess.run(
        [str(image.repository / "binder" / "start"), "sh", "-c", 'echo "$JUPYTER_CONFIG_PATH $WASICLOUD_LAB_CACHE"'],
        env=hub,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{image.repository}/wasicloud_lab/jupyter:/etc/hub /srv/compiled\n"


def test_the_doctor_finds_the_lab_and_the_real_servers(image: Image) -> None:
    found = json.loads(image.run("wasicloud-lab", "doctor", "--json").stdout)
    assert found["ready"]
    assert found["lab"] != "from a checkout"
    for server in ("redis-server", "nats-server", "azurite", "node", "curl"):
        assert found["tools"][server]["version"], server
    assert Path(found["tools"]["azurite"]["path"]).is_relative_to(image.environment), (
        "a restored home would not have it"
    )
    assert Path(found["compile_cache"]["folder"]).is_relative_to(image.environment)


def test_azurite_has_the_version_of_the_tests(image: Image) -> None:
    wanted = re.search(r"^azurite=(\S+)$", (ROOT / ".ci" / "setup").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert wanted
    package = image.environment / "node" / "node_modules" / "azurite" / "package.json"
    assert json.loads(package.read_text(encoding="utf-8"))["version"] == wanted[1]


def test_building_leaves_nothing_in_the_repository_that_git_would_add(image: Image) -> None:
    listed = subprocess.run(
        ["git", f"--git-dir={ROOT / '.git'}", "ls-files", "--others", "--exclude-standard"],
        cwd=image.repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [name for name in listed.stdout.splitlines() if not (ROOT / name).exists()] == []


def test_jupyterlab_answers_and_the_notebooks_run_in_little_memory(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.compiled()
    assert len(before) == len(list((image.repository / "components" / "dist").glob("*.wasm")))
    began = time.monotonic()
    done = image.run("python", "binder/measure.py", *NOTEBOOKS, "--json")
    assert done.returncode == 0, done.stderr
    (person,) = json.loads(done.stdout)
    assert [one["notebook"] for one in person] == NOTEBOOKS
    for one in person:
        assert one["lab_status"] == 200
        cells = [cell for cell in read(f"{one['notebook']}.ipynb").cells if cell.cell_type == "code"]
        assert one["cells"] == len(cells)
        assert 0 < one["kernel"] < one["peak"] < MEMORY
    assert image.compiled() == before, "the first cell waits for nothing to be compiled"
    with capsys.disabled():
        print(f"\n{summary(person)}, {time.monotonic() - began:.0f} s in all", end=" ")


def summary(person: list[dict[str, Any]]) -> str:
    """A line for those who read what CI says."""
    return "; ".join(
        f"{one['notebook']}: first cell after {one['first']:.1f} s, at most {one['peak'] / MIB:.0f} MiB"
        for one in person
    )
