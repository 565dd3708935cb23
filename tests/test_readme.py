"""The README is true: its Python runs, its commands print what it says, its tables and links fit."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from wasicloud_lab import cli

ROOT = Path(__file__).resolve().parent.parent


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_python_in_the_readme_runs_and_prints_what_its_comments_say(compile_cache: Path) -> None:
    names: dict[str, Any] = {}
    printed, promised = "", []
    for block in readme_blocks("python"):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, "README.md", "exec"), names)
        printed += said.getvalue()
        promised += re.findall(r"^print\(.*\)  # (.+)$", block, flags=re.MULTILINE)
    names["lab"].close()
    assert promised
    assert [line for line in printed.splitlines() if line] == promised


def _without_figures(text: str) -> str:
    """A rebuilt guest has another size, digest and place of its functions; the rest must stay."""
    return re.sub(r"\b[\d,]+ bytes\b|\bsha256 [0-9a-f]+|0x[0-9a-f]+", "#", text).strip()


def test_the_commands_in_the_readme_print_what_it_says(compile_cache: Path) -> None:
    commands = 0
    for block in readme_blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, promised = part.partition("\n")
            words = shlex.split(line)
            assert words[0] == "wasicloud-lab"
            done = subprocess.run(
                [sys.executable, "-m", cli.__name__, *words[1:]],
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert _without_figures(done.stdout + done.stderr) == _without_figures(promised), line
            commands += 1
    assert commands >= 3


def test_the_readme_lists_every_component_as_it_is(dist: Path) -> None:
    manifest = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    rows = re.findall(
        r"^\| \[`([\w-]+)`\]\((components/[\w-]+/?)\) \| (\w+) \| ([\d.]+) (kB|MB) \|",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert sorted(name for name, *_ in rows) == sorted(manifest)
    for name, folder, language, size, unit in rows:
        entry = manifest[name]
        assert (ROOT / folder / "README.md").is_file()
        assert language.lower() == entry["language"]
        bytes_said = float(size) * {"kB": 1e3, "MB": 1e6}[unit]
        assert abs(bytes_said - entry["size"]) <= 0.1 * entry["size"], f"{name} is {entry['size']:,} bytes"


def test_the_picture_in_the_readme_is_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    own = [picture for picture in pictures if not picture.startswith("https://")]
    assert {"docs/lab.png", "docs/panel.png", "docs/bench.png"} <= set(own)
    for picture in own:
        assert (ROOT / picture).stat().st_size <= 300_000


def test_the_links_in_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"(?<!!)\]\(([^)\s]+)\)", text):
        assert link.startswith(("https://", "#")) or (ROOT / link).exists(), link
