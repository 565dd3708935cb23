"""Builds a Rust crate into a component, with whichever Rust for wasm is here.

- rustup's target `wasm32-wasip2`: cargo makes the component in one step.
- Otherwise a Rust with the standard library's source (Debian's `rustc-web`, `cargo-web`,
  `rust-web-src`): cargo builds the standard library along with the crate for
  `wasm32-unknown-unknown`, and wasm-tools wraps the module. The guests bind everything
  they need through WIT, so both give a component that behaves the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import BuildFailed, ToolMissing, run, version, wasm_tools, which

HOW = """No Rust here can build for wasm. Either:
  any system (macOS, Windows, Linux): install rustup, then: rustup target add wasm32-wasip2
  Debian: apt-get install rustc-web cargo-web rust-web-src lld"""


def build(source: Path, wit: Path, out: Path) -> str:
    """Build the crate in `source` into `out`.

    The crate names its WIT files itself (`wit_bindgen::generate!`), so that a plain
    `cargo build` works too; `wit` holds the same files and is not needed here.
    """
    tools = wasm_tools()
    rustc = _with_wasip2()
    if rustc is not None:
        target = "wasm32-wasip2"
        component = _cargo(source, rustc, target)
        described = f"{version(rustc)} {target}, {version(tools)}"
    else:
        rustc = _with_std_source()
        target = "wasm32-unknown-unknown"
        module = _cargo(source, rustc, target)
        # wit-bindgen left the WIT types in the module: no embed needed.
        run([tools, "component", "new", module, "-o", out])
        component = out
        described = f"{version(rustc)} {target} build-std, {version(tools)}"
    # Debug sections go. Names stay where the crate keeps them (`strip = "debuginfo"`).
    run([tools, "strip", component, "-o", out])
    return described


def _sysroot(rustc: Path) -> Path:
    """Ask a compiler for the folder where it keeps its libraries."""
    return Path(run([rustc, "--print", "sysroot"], show=False).strip())


def _compilers() -> list[Path]:
    """List every rustc to consider: the one on PATH, then the system's own behind it."""
    candidates = [which("rustc"), Path("/usr/bin/rustc")]
    return [path for path in candidates if path is not None and path.exists()]


def _with_wasip2() -> Path | None:
    """Find a compiler that has the standard library for `wasm32-wasip2`."""
    for rustc in _compilers():
        if (_sysroot(rustc) / "lib/rustlib/wasm32-wasip2/lib").is_dir():
            return rustc
    return None


def _with_std_source() -> Path:
    """Find a compiler that has the standard library's source, and see that wasm-ld is here."""
    for rustc in _compilers():
        if (_sysroot(rustc) / "lib/rustlib/src/rust/library/Cargo.lock").is_file():
            if which("wasm-ld") is None:
                raise ToolMissing("wasm-ld, the linker, is missing. Debian: apt-get install lld")
            return rustc
    raise ToolMissing(HOW)


def _cargo(source: Path, rustc: Path, target: str) -> Path:
    """Run cargo for `target` with the cargo that belongs to `rustc`; return what it built."""
    cargo = rustc.with_name(rustc.name.replace("rustc", "cargo"))
    if not cargo.exists():
        raise ToolMissing(f"{rustc} is here but not the cargo that belongs beside it. {HOW}")
    # One target folder for all guests: they share the dependencies' (and std's) objects.
    folder = source.parent / "target"
    env = {"RUSTC": str(rustc), "CARGO_TARGET_DIR": str(folder)}
    run([cargo, "fetch", "--locked"], cwd=source, env=env)  # the flags name where it puts things

    command: list[str | Path] = [cargo, "build", "--release", "--locked", "--target", target]
    env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(_flags(source, rustc, target))
    if target == "wasm32-unknown-unknown":
        command += ["-Z", "build-std=std,panic_abort"]
        env["RUSTC_BOOTSTRAP"] = "1"  # lets a stable compiler take -Z
    run(command, cwd=source, env=env)
    built = folder / target / "release" / f"{source.name.replace('-', '_')}.wasm"
    if not built.is_file():
        raise BuildFailed(f"cargo ended well but did not make {built}")
    return built


def _flags(source: Path, rustc: Path, target: str) -> list[str]:
    """List the compiler flags: the linker, and a short name for every folder of this machine.

    Folder names end up in panic messages. Where several match, the last one counts.
    """
    cargo_home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    library = _sysroot(rustc) / "lib/rustlib/src/rust"
    names = {_sysroot(rustc): "rust", library: "rust", library.resolve(): "rust"}
    names[cargo_home] = "cargo"
    names.update((registry, "crates") for registry in cargo_home.glob("registry/src/*"))
    names[source.parent.parent] = "lab"
    flags = [f"--remap-path-prefix={folder}={name}" for folder, name in names.items()]
    if target == "wasm32-unknown-unknown":
        flags += ["-Clinker=wasm-ld", "-Clinker-flavor=wasm-ld"]
    return flags
