"""The built guests and their sources: they agree, and it is noticed when they don't."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def check(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `build.py --check` in a project."""
    command = [sys.executable, str(root / "components" / "build.py"), "--check", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the guests, their worlds and what was built."""
    leave = shutil.ignore_patterns("target", "build", "__pycache__", ".*_cache")
    shutil.copytree(ROOT / "components", tmp_path / "components", ignore=leave)
    shutil.copytree(ROOT / "wit", tmp_path / "wit")
    return tmp_path


def test_sources_and_dist_agree() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_copy_agrees_too(project: Path) -> None:
    assert check(project).returncode == 0


def test_line_ends_make_no_difference(project: Path) -> None:
    source = project / "components" / "tiny" / "tiny.wat"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert check(project).returncode == 0


@pytest.mark.parametrize(
    "path",
    ["hello/main.go", "hello-rust/src/lib.rs", "tiny/tiny.wat", "echo/Cargo.lock", "trouble/src/refusals.rs"],
)
def test_a_changed_source_is_noticed(project: Path, path: str) -> None:
    source = project / "components" / path
    source.write_text(source.read_text() + "\n")
    done = check(project)
    assert done.returncode == 1
    assert done.stderr == f"{path.partition('/')[0]}: its sources changed since it was built\n"


def test_a_changed_world_is_noticed_for_the_guest_that_has_it(project: Path) -> None:
    world = project / "wit" / "worlds" / "echo.wit"
    world.write_text(world.read_text() + "\n")
    done = check(project)
    assert (done.returncode, done.stderr) == (1, "echo: its sources changed since it was built\n")


def test_a_changed_interface_is_noticed_for_every_guest_that_uses_it(project: Path) -> None:
    file = project / "wit" / "deps" / "lab-missing-0.1.0.wit"
    file.write_text(file.read_text() + "\n")
    assert check(project).stderr == "trouble: its sources changed since it was built\n"


def test_a_changed_dist_file_is_noticed(project: Path) -> None:
    built = project / "components" / "dist" / "tiny.wasm"
    built.write_bytes(built.read_bytes() + b"\0")
    done = check(project)
    assert (done.returncode, done.stderr) == (1, "tiny: components/dist/tiny.wasm is not the file that was built\n")


def test_a_missing_dist_file_is_noticed(project: Path) -> None:
    (project / "components" / "dist" / "tiny.wasm").unlink()
    done = check(project)
    assert (done.returncode, done.stderr) == (1, "tiny: components/dist/tiny.wasm is not there\n")


def test_a_dist_file_without_sources_is_noticed(project: Path) -> None:
    (project / "components" / "dist" / "stray.wasm").write_bytes(b"")
    done = check(project)
    assert (done.returncode, done.stderr) == (1, "stray: in dist/ without sources\n")


def test_only_the_guests_that_are_named_are_looked_at(project: Path) -> None:
    (project / "components" / "dist" / "tiny.wasm").unlink()
    assert check(project, "hello").returncode == 0
    assert check(project, "tiny").returncode == 1


def test_an_unknown_guest_is_wrong_words(project: Path) -> None:
    assert check(project, "helo").returncode == 2


def test_the_manifest_tells_each_file_s_digest_and_size(dist: Path) -> None:
    manifest: dict[str, dict[str, Any]] = json.loads((dist / "manifest.json").read_text())
    files = {path.stem: path.read_bytes() for path in dist.glob("*.wasm")}
    found = {name: (entry["sha256"], entry["size"]) for name, entry in manifest.items()}
    assert found == {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    assert all(entry["toolchain"] and entry["language"] for entry in manifest.values())
