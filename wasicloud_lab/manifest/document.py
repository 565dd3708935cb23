"""Reads one YAML document safely, and remembers on which line everything stands.

No tags but YAML's own, no value twice under one name, no cycles, and no more nodes than a manifest can
have, aliases counted as often as they are used: a small file can't become a large one. Plain values mean what they
mean to wadm, which reads YAML 1.2: `yes`, `0644` and `12:30` are no truth, no octal number and no seconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import ManifestError
from ..providers.address import masked

#: Bytes of a manifest.
SIZE_LIMIT = 1 << 20
#: Nodes in one, each alias counted as what it stands for.
NODE_LIMIT = 20_000
#: Levels of nesting.
DEPTH_LIMIT = 50

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}

_TOO_MUCH = (
    f"with its aliases the manifest has more than {NODE_LIMIT:,} values or {DEPTH_LIMIT} levels, which no manifest has"
)

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
        written: place → a value as it stands there, for numbers and truths: settings are text, and `1.10` is not `1.1`.
    """

    name: str
    folder: Path
    data: Any = field(repr=False)  # it may hold secrets
    lines: dict[Place, int] = field(repr=False)
    written: dict[Place, str] = field(repr=False)

    def error(self, place: Sequence[str | int], message: str) -> ManifestError:
        """An error that says where: the line of the place, or of the nearest one around it. Secrets are masked."""
        at = tuple(place)
        while at and at not in self.lines:
            at = at[:-1]
        return ManifestError(f"{self.name}, line {self.lines.get(at, 1)}: {masked(message)}")


def read(path: str | Path) -> Document:
    """
    Raises:
        ManifestError: the file can't be read, or is no single, plain YAML document.
    """
    try:
        path = Path(path).expanduser()
        with path.open("rb") as file:
            text = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ManifestError(f"{path} can't be read: {error.strerror or error}") from None
    except (RuntimeError, ValueError) as error:  # `~nobody/…`; a NUL in the name
        raise ManifestError(f"{str(path)!r} can't be read: {error}") from None
    return parse(text, str(path), path.parent)


def parse(text: bytes | str, name: str = "the manifest", folder: str | Path = ".") -> Document:
    """As `read`, from text. `folder` is what relative file names in it start from."""
    if len(text) > SIZE_LIMIT:
        raise ManifestError(f"{name} is larger than {SIZE_LIMIT >> 20} MiB, which no manifest is")
    try:
        roots = list(yaml.compose_all(text, _Loader))
    except yaml.YAMLError as error:
        raise ManifestError(f"{name}, {_where(error)}") from None
    except ValueError as error:  # bytes that are no text
        raise ManifestError(f"{name} is no YAML: {error}") from None
    if len(roots) != 1 or roots[0] is None:
        raise ManifestError(
            f"{name} holds {len(roots) if roots and roots[0] is not None else 'no'} documents; wanted one"
        )
    reader = _Reader(name)
    data = reader.value(roots[0], (), ())
    return Document(name, Path(folder), data, reader.lines, reader.written)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark is not None else f"which is no YAML: {problem}"


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema of YAML 1.2, and stops at once where there are too many."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # none of YAML 1.1's

    def __init__(self, text: bytes | str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._levels = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._nodes += 1
        self._levels += 1
        if self._nodes > NODE_LIMIT or self._levels > DEPTH_LIMIT:
            raise yaml.MarkedYAMLError(problem=_TOO_MUCH, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def _scalar(node: yaml.ScalarNode) -> Any:
    """
    Raises:
        ValueError: the text is none of its tag's.
    """
    kind, text = node.tag.rpartition(":")[2], node.value
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError("true or false was wanted")
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Reader:
    """From YAML nodes to plain data."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Place, int] = {}
        self.written: dict[Place, str] = {}
        self._name = name
        self._count = 0

    def value(self, node: yaml.Node, place: Place, around: tuple[yaml.Node, ...]) -> Any:
        line = self.lines[place] = node.start_mark.line + 1
        self._count += 1
        if any(node is each for each in around):
            raise self._wrong(line, "this value contains itself (an alias to what is around it)")
        if self._count > NODE_LIMIT or len(around) > DEPTH_LIMIT:
            raise self._wrong(line, _TOO_MUCH)
        inside = (*around, node)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place, inside)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(each, (*place, n), inside) for n, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            try:
                value = _scalar(node)
            except ValueError as error:
                raise self._wrong(line, f"{node.value!r:.60} is not what it looks like: {error}") from None
            if not isinstance(value, str):
                self.written[place] = node.value
            return value
        raise self._wrong(line, f"the tag {_short(node.tag)} is not allowed in a manifest; leave it out")

    def _mapping(self, node: yaml.MappingNode, place: Place, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._wrong(line, "merge keys (<<) are not allowed in a manifest; write the values out")
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._wrong(line, "a name must be plain text")
            if key_node.tag not in _SCALARS:
                raise self._wrong(line, f"the tag {_short(key_node.tag)} is not allowed in a manifest; leave it out")
            if key_node.value in found:
                raise self._wrong(line, f"{key_node.value!r} is there twice")
            found[key_node.value] = self.value(value_node, (*place, key_node.value), inside)
        return found

    def _wrong(self, line: int, message: str) -> ManifestError:
        return ManifestError(f"{self._name}, line {line}: {message}")


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
