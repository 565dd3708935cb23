"""Builds the guest components into components/dist/, or checks what is there.

    python components/build.py                 build every component
    python components/build.py echo tiny       build these
    python components/build.py --check         compare sources and dist/ with the manifest
    python components/build.py --list          name the components

Needs Python 3.10 and, to build, the tools of each guest's language: what is missing is named
along with how to get it, and the other guests are built all the same.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchains import BuildFailed, ToolMissing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WIT = ROOT / "wit"
DIST = HERE / "dist"
SCRATCH = HERE / "build"
MANIFEST = DIST / "manifest.json"

# `wasi:io/poll@0.2.0.{pollable}`: package and version; the version may end in `-rc.1`.
VERSION = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
DECLARED = re.compile(rf"^\s*package\s+([\w-]+:[\w-]+(?:@{VERSION})?)\s*;", re.MULTILINE)
USED = re.compile(rf"([a-z][\w-]*:[a-z][\w-]*)/[%\w-]+(@{VERSION})?")


class Wrong(Exception):
    """A component, world or file that is not as it should be; the message says which."""


@dataclass(frozen=True)
class Component:
    """One guest: its folder and what its component.json says."""

    folder: Path
    language: str
    world: str
    description: str
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder's name, which is the component's."""
        return self.folder.name

    @property
    def wasm(self) -> Path:
        """Where the built component belongs."""
        return DIST / f"{self.name}.wasm"

    def files(self) -> list[Path]:
        """Find the source files the globs name."""
        found = {p for glob in self.sources for p in self.folder.glob(glob) if p.is_file()}
        if not found:
            raise Wrong(f"{self.name}: no file matches its sources")
        return sorted(found)


def read_component(path: Path) -> Component:
    """Read one component.json."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["name"] != path.parent.name:
            raise Wrong(f"{path}: the name is {data['name']!r}, the folder's is another")
        return Component(
            folder=path.parent,
            language=data["language"],
            world=data["world"],
            description=data["description"],
            sources=tuple(data["sources"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong(f"{path}: {type(error).__name__}: {error}") from None


def find_components() -> dict[str, Component]:
    """Find every folder here that has a component.json, by name."""
    found = (read_component(path) for path in sorted(HERE.glob("*/component.json")))
    return {component.name: component for component in found}


def without_comments(text: str) -> str:
    """Return WIT text without its comments."""
    return re.sub(r"//.*|/\*[\s\S]*?\*/", "", text)


def wit_packages() -> dict[str, Path]:
    """Find the file of each WIT package, by `namespace:name@version`."""
    packages: dict[str, Path] = {}
    for path in sorted(WIT.glob("**/*.wit")):
        for package in DECLARED.findall(without_comments(path.read_text(encoding="utf-8"))):
            if package in packages:
                raise Wrong(f"{path} and {packages[package]} both declare {package}")
            packages[package] = path
    return packages


def wit_used(component: Component) -> list[Path]:
    """Find the WIT files of a component: its world's first, then what that needs."""
    packages = wit_packages()
    wanted, found = [component.world.split("/")[0]], []
    while wanted:
        package = wanted.pop()
        if package not in packages:
            raise Wrong(f"{component.name}: no file under {WIT.name}/ declares {package}")
        path = packages[package]
        if path not in found:
            found.append(path)
            text = without_comments(path.read_text(encoding="utf-8"))
            wanted += [name + version for name, version in USED.findall(text)]
    return found


def assemble_wit(component: Component) -> Path:
    """Lay the WIT files of a component out as tools want them: `world.wit` and `deps/`."""
    folder = SCRATCH / component.name / "wit"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "deps").mkdir(parents=True)
    world, *rest = wit_used(component)
    shutil.copyfile(world, folder / "world.wit")
    for path in rest:
        shutil.copyfile(path, folder / "deps" / path.name)
    return folder


def source_hash(component: Component) -> str:
    """One hash over the paths and contents of sources and WIT files, line ends made equal."""
    digest = hashlib.sha256()
    paths = {p.resolve() for p in (*component.files(), *wit_used(component))}
    for name, path in sorted((p.relative_to(ROOT).as_posix(), p) for p in paths):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(component: Component) -> dict[str, Any]:
    """Build one component into dist/ and return its entry for the manifest."""
    try:
        toolchain = importlib.import_module(f"toolchains.{component.language}")
    except ModuleNotFoundError:
        raise Wrong(f"{component.name}: no toolchain for {component.language!r}") from None
    out = SCRATCH / component.name / component.wasm.name
    wit = assemble_wit(component)
    described = toolchain.build(component.folder, wit, out)
    DIST.mkdir(exist_ok=True)
    shutil.copyfile(out, component.wasm)
    return {
        "description": component.description,
        "language": component.language,
        "world": component.world,
        "toolchain": described,
        "source": source_hash(component),
        "sha256": sha256(component.wasm),
        "size": component.wasm.stat().st_size,
    }


def read_manifest() -> dict[str, dict[str, Any]]:
    """Read the manifest of dist/, empty when there is none."""
    if not MANIFEST.is_file():
        return {}
    manifest: dict[str, dict[str, Any]] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return manifest


def write_manifest(manifest: dict[str, dict[str, Any]]) -> None:
    """Write the manifest, sorted, with the same line ends everywhere."""
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    DIST.mkdir(exist_ok=True)
    MANIFEST.write_bytes(text.encode())


def disagreements(component: Component, entry: dict[str, Any] | None) -> Iterator[str]:
    """Say what about one component is not as the manifest has it."""
    if entry is None:
        yield "not in the manifest: it was never built"
        return
    if entry["source"] != source_hash(component):
        yield "its sources changed since it was built"
    for key in ("language", "world", "description"):
        if entry[key] != getattr(component, key):
            yield f"its {key} changed since it was built"
    if not component.wasm.is_file():
        yield f"{component.wasm.relative_to(ROOT).as_posix()} is not there"
    elif entry["sha256"] != sha256(component.wasm):
        yield f"{component.wasm.relative_to(ROOT).as_posix()} is not the file that was built"


def check(components: Iterable[Component], every: bool) -> bool:
    """Compare the components with the manifest; print what disagrees. True when all agree.

    With `every`, dist/ may hold nothing but these.
    """
    manifest = read_manifest()
    problems = [
        f"{component.name}: {problem}"
        for component in components
        for problem in disagreements(component, manifest.get(component.name))
    ]
    if every:
        known = {component.name for component in components}
        built = manifest.keys() | {path.stem for path in DIST.glob("*.wasm")}
        problems += [f"{name}: in dist/ without sources" for name in sorted(built - known)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return not problems


def build_all(components: Iterable[Component]) -> bool:
    """Build the components one after another; a failure does not stop the rest."""
    failed = []
    for component in components:
        print(f"{component.name} ({component.language})", file=sys.stderr)
        try:
            entry = build(component)
        except (ToolMissing, BuildFailed, Wrong) as error:
            failed.append(component.name)
            print(f"{component.name}: not built. {error}", file=sys.stderr)
            continue
        write_manifest({**read_manifest(), component.name: entry})
        print(f"{component.name}: {entry['size']} bytes, {entry['toolchain']}")
    if failed:
        print(f"not built: {', '.join(failed)}", file=sys.stderr)
    return not failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 good, 1 something failed, 2 the words were wrong."""
    parser = argparse.ArgumentParser(description="Build the guest components, or check dist/.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="components (default: all)")
    parser.add_argument("--check", action="store_true", help="compare with the manifest only")
    parser.add_argument("--list", action="store_true", help="name the components and stop")
    words = parser.parse_args(arguments)
    try:
        known = find_components()
        unknown = [name for name in words.names if name not in known]
        if unknown:
            parser.error(f"no component {', '.join(unknown)}; there are: {', '.join(known)}")
        chosen = [known[name] for name in words.names or known]
        if words.list:
            for component in chosen:
                print(f"{component.name:12} {component.language:8} {component.description}")
            return 0
        done = check(chosen, every=not words.names) if words.check else build_all(chosen)
    except Wrong as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
