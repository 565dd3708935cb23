"""The sources, worlds and manifests that the talk shows: from the package, or from a checkout."""

from __future__ import annotations

from pathlib import Path

from ..errors import LabError

_PACKAGE = Path(__file__).resolve().parent.parent


def path(name: str) -> Path:
    """Where a file is: `components/gopher/wadm.yaml`, `wit/worlds/hello.wit`.

    Raises:
        LabError: this installation does not have it.
    """
    for root in (_PACKAGE, _PACKAGE.parent):  # an installed package has them inside
        if (root / name).is_file():
            return root / name
    raise LabError(f"{name} is missing from this installation of wasicloud-lab; install it again, or use a checkout")


def text(name: str) -> str:
    """What is in a file.

    Raises:
        LabError: as `path`.
    """
    return path(name).read_text(encoding="utf-8")


def world(name: str) -> str:
    """The world of a bundled component as its author wrote it, without the comments around it.

    Raises:
        LabError: as `path`.
    """
    lines = text(f"wit/worlds/{name}.wit").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//")) + "\n"


def go_function(name: str, function: str) -> str:
    """One function of a Go file, with the comment above it.

    Raises:
        LabError: there is no such function, or as `path`.
    """
    lines = text(name).splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(f"func {function}(")), None)
    if start is None:
        raise LabError(f"{name} has no function {function}")
    end = lines.index("}", start)
    while start and lines[start - 1].startswith("//"):
        start -= 1
    return "\n".join(lines[start : end + 1]) + "\n"
