"""Every WASI 0.2 release binds: the whole of cli/command and http/proxy, as a guest of that release asks for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wasicloud_lab as wl

ROOT = Path(__file__).resolve().parent.parent
WASM_TOOLS = shutil.which("wasm-tools", path=str(Path(sys.executable).parent)) or "wasm-tools"


def everything(version, folder):
    """A component that imports all of WASI at a version and exports cli/run and the HTTP handler."""
    deps = folder / "wit" / "deps"
    deps.mkdir(parents=True)
    for file in sorted((ROOT / "wit" / "deps").glob("wasi-*-0.2.0.wit")):
        text = file.read_text(encoding="utf-8").replace("@0.2.0", f"@{version}")
        (deps / file.name).write_text(text, encoding="utf-8")
    (folder / "wit" / "world.wit").write_text(
        "package lab:everything;\nworld everything {\n"
        f"  include wasi:cli/command@{version};\n  include wasi:http/proxy@{version};\n}}\n",
        encoding="utf-8",
    )
    core, out = folder / "core.wasm", folder / "everything.wasm"
    subprocess.run([WASM_TOOLS, "component", "embed", "--dummy", folder / "wit", "-o", core], check=True)
    subprocess.run([WASM_TOOLS, "component", "new", core, "-o", out], check=True)
    return out


@pytest.mark.parametrize("version", [f"0.2.{patch}" for patch in range(13)])
def test_all_of_wasi_is_provided_at(version, tmp_path):
    app = wl.Lab().load(everything(version, tmp_path))
    assert len(app.world.imports) >= 28
    assert [name for name, there in app.wiring.items() if there is None] == []
    assert all(name.endswith(f"@{version}") for name in app.world.imports)


def test_a_later_minor_version_is_another_interface(tmp_path):
    app = wl.Lab().load(everything("0.3.0", tmp_path))
    assert set(app.wiring.values()) == {None}


def test_the_world_as_text_is_wit_again(tmp_path):
    app = wl.Lab().load(everything("0.2.6", tmp_path))
    text = tmp_path / "world.wit"
    text.write_text(app.wit, encoding="utf-8")
    done = subprocess.run([WASM_TOOLS, "component", "wit", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "send-informational" not in app.wit
    assert "blocking-write-and-flush" in done.stdout
