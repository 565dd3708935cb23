"""A wadm application, whichever form it was written in: components, providers, and the links between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .document import Document, Place

#: The contracts of the old form, each with the WIT package that its links wire.
CONTRACTS = {
    "wasmcloud:httpserver": "wasi:http",
    "wasmcloud:keyvalue": "wasi:keyvalue",
    "wasmcloud:blobstore": "wasi:blobstore",
}


@dataclass(frozen=True)
class Part:
    """A component or a provider.

    Attributes:
        name: in the manifest.
        image: a reference, as written.
        place: where it stands in the document.
        contract: of a provider in the old form.
        config: settings given at the part itself.
        instances: how many may run at once; None where nothing is said.
    """

    name: str
    image: str
    place: Place
    contract: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    instances: int | None = None


@dataclass(frozen=True)
class Wire:
    """A link between two parts.

    Attributes:
        source: the part that calls.
        target: the part that is called.
        package: "wasi:keyvalue".
        interfaces: of the package; empty in the old form.
        config: the settings given on the link.
        name: the link's name, where it has one.
        place: where it stands in the document.
    """

    source: str
    target: str
    package: str
    interfaces: tuple[str, ...]
    config: Mapping[str, str]
    name: str
    place: Place


@dataclass(frozen=True)
class Application:
    """What a manifest says.

    Attributes:
        name: of the application.
        document: where it comes from.
        components, providers: by name.
        wires: all links, in their order.
    """

    name: str
    document: Document
    components: Mapping[str, Part]
    providers: Mapping[str, Part]
    wires: tuple[Wire, ...]

    @classmethod
    def of(cls, document: Document) -> Application:
        """From a document that fits the schema.

        Raises:
            ManifestError: two parts have one name, or a link leads nowhere or to a contract that is unknown.
        """
        components: dict[str, Part] = {}
        providers: dict[str, Part] = {}
        items = document.data["spec"]["components"]
        for n, item in enumerate(items):
            place: Place = ("spec", "components", n)
            if item["name"] in components or item["name"] in providers:
                raise document.error(
                    (*place, "name"), f"two parts are called {item['name']!r}; each needs a name of its own"
                )
            (providers if item["type"] == "capability" else components)[item["name"]] = _part(item, place)
        for part in providers.values():
            if part.contract is not None and part.contract not in CONTRACTS:
                raise document.error(
                    (*part.place, "properties", "contract"),
                    f"the contract {part.contract!r} is not known here; there are {', '.join(CONTRACTS)}",
                )
        parts = {**components, **providers}
        wires = tuple(wire for n, item in enumerate(items) for wire in _wires(document, item, n, parts))
        return cls(document.data["metadata"]["name"], document, components, providers, wires)


def _part(item: dict[str, Any], place: Place) -> Part:
    properties = item["properties"]
    instances = None
    for trait in item.get("traits") or []:
        if trait["type"] in ("spreadscaler", "daemonscaler"):
            scaler = trait["properties"]
            instances = scaler.get("instances", scaler.get("replicas", instances))
    config = properties.get("config")
    return Part(
        item["name"],
        properties["image"],
        place,
        properties.get("contract"),
        _config(config) if isinstance(config, list) else _texts(config if isinstance(config, dict) else {}),
        instances,
    )


def _wires(document: Document, item: dict[str, Any], n: int, parts: Mapping[str, Part]) -> Iterator[Wire]:
    for m, trait in enumerate(item.get("traits") or []):
        place: Place = ("spec", "components", n, "traits", m, "properties")
        said = trait.get("properties") or {}
        if trait["type"] == "linkdef":
            other = _other(document, parts, said["target"], (*place, "target"))
            contract = other.contract
            if contract is None:
                raise document.error(
                    (*place, "target"), f"{other.name!r} has no contract, so a linkdef can't lead to it"
                )
            yield Wire(
                item["name"], other.name, CONTRACTS[contract], (), _texts(said.get("values") or {}), "default", place
            )
        elif trait["type"] == "link":
            end = said["target"]
            target = end if isinstance(end, str) else end["name"]
            _other(document, parts, target, (*place, "target"))
            config = {
                **_config(said.get("source_config") or (said.get("source") or {}).get("config") or []),
                **_config(said.get("target_config") or (end.get("config") if isinstance(end, dict) else None) or []),
            }
            package = f"{said['namespace']}:{said['package']}"
            yield Wire(
                item["name"], target, package, tuple(said["interfaces"]), config, said.get("name", "default"), place
            )


def _other(document: Document, parts: Mapping[str, Part], name: str, place: Place) -> Part:
    if name not in parts:
        raise document.error(
            place, f"the link leads to {name!r}, which is no part of this manifest; there are {', '.join(parts)}"
        )
    return parts[name]


def _config(named: list[dict[str, Any]]) -> dict[str, str]:
    """All settings of a list of named groups; a later group wins."""
    return {key: value for group in named for key, value in _texts(group.get("properties") or {}).items()}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
