"""Reads one YAML document safely, and remembers on which line everything stands.

No tags but YAML's own, no value twice under one name, no cycles, and no more nodes than a manifest can
have, aliases counted as often as they are used: a small file can't become a large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import ManifestError

#: Bytes of a manifest.
SIZE_LIMIT = 1 << 20
#: Nodes in one, each alias counted as what it stands for.
NODE_LIMIT = 20_000
#: Levels of nesting.
DEPTH_LIMIT = 50

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}

#: The way to a value: keys and indices from the top.
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A YAML document as plain data.

    Attributes:
        name: the file's name, for messages.
        folder: what relative file names in it start from.
        data: dicts, lists and scalars.
        lines: place → line, from 1.
    """

    name: str
    folder: Path
    data: Any
    lines: dict[Place, int]

    def error(self, place: Sequence[str | int], message: str) -> ManifestError:
        """An error that says where: the line of the place, or of the nearest one around it."""
        at = tuple(place)
        while at and at not in self.lines:
            at = at[:-1]
        return ManifestError(f"{self.name}, line {self.lines.get(at, 1)}: {message}")


def read(path: str | Path) -> Document:
    """
    Raises:
        ManifestError: the file can't be read, or is no single, plain YAML document.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ManifestError(f"{path} can't be read: {error.strerror or error}") from None
    return parse(text, str(path), path.parent)


def parse(text: bytes | str, name: str = "the manifest", folder: str | Path = ".") -> Document:
    """As `read`, from text. `folder` is what relative file names in it start from."""
    if len(text) > SIZE_LIMIT:
        raise ManifestError(f"{name} is larger than {SIZE_LIMIT >> 20} MiB, which no manifest is")
    try:
        roots = list(yaml.compose_all(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ManifestError(f"{name}, {_where(error)}") from None
    except ValueError as error:  # bytes that are no text
        raise ManifestError(f"{name} is no YAML: {error}") from None
    except RecursionError:
        raise ManifestError(f"{name} is no manifest: its values are nested too deep") from None
    if len(roots) != 1 or roots[0] is None:
        raise ManifestError(
            f"{name} holds {len(roots) if roots and roots[0] is not None else 'no'} documents; wanted one"
        )
    reader = _Reader(name)
    data = reader.value(roots[0], (), ())
    return Document(name, Path(folder), data, reader.lines)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark is not None else f"which is no YAML: {problem}"


class _Reader:
    """From YAML nodes to plain data."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Place, int] = {}
        self._name = name
        self._scalars = yaml.SafeLoader("")
        self._count = 0

    def value(self, node: yaml.Node, place: Place, around: tuple[yaml.Node, ...]) -> Any:
        line = self.lines[place] = node.start_mark.line + 1
        self._count += 1
        if any(node is each for each in around):
            raise self._wrong(line, "this value contains itself (an alias to what is around it)")
        if self._count > NODE_LIMIT or len(around) > DEPTH_LIMIT:
            raise self._wrong(
                line,
                f"with its aliases the manifest has more than {NODE_LIMIT:,} values or {DEPTH_LIMIT} levels, "
                "which no manifest has",
            )
        inside = (*around, node)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place, inside)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(each, (*place, n), inside) for n, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            if node.tag.endswith(":timestamp"):
                return node.value
            try:
                return self._scalars.construct_object(node)
            except ValueError as error:
                raise self._wrong(line, f"{node.value!r:.60} is not what it looks like: {error}") from None
        raise self._wrong(line, f"the tag {_short(node.tag)} is not allowed in a manifest; leave it out")

    def _mapping(self, node: yaml.MappingNode, place: Place, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._wrong(line, "merge keys (<<) are not allowed in a manifest; write the values out")
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._wrong(line, "a name must be plain text")
            if key_node.value in found:
                raise self._wrong(line, f"{key_node.value!r} is there twice")
            found[key_node.value] = self.value(value_node, (*place, key_node.value), inside)
        return found

    def _wrong(self, line: int, message: str) -> ManifestError:
        return ManifestError(f"{self._name}, line {line}: {message}")


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
