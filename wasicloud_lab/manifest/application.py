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
        config: settings given at the part itself, as text.
        instances: how many may run at once; None where nothing is said.
    """

    name: str
    image: str
    place: Place
    contract: str | None = None
    config: Mapping[str, str] = field(default_factory=dict, repr=False)  # it may hold secrets
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
        secrets: whether settings of it are in a store of secrets, and not in the manifest.
        place: where it stands in the document.
    """

    source: str
    target: str
    package: str
    interfaces: tuple[str, ...]
    config: Mapping[str, str] = field(repr=False)
    name: str
    secrets: bool
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
            ManifestError: two parts have one name or one id, or a link leads nowhere or to a contract that is unknown.
        """
        components: dict[str, Part] = {}
        providers: dict[str, Part] = {}
        ids: dict[str, str] = {}
        items = document.data["spec"]["components"]
        for n, item in enumerate(items):
            place: Place = ("spec", "components", n)
            if item["name"] in components or item["name"] in providers:
                raise document.error(
                    (*place, "name"), f"two parts are called {item['name']!r}; each needs a name of its own"
                )
            known = item["properties"].get("id")
            if known is not None and ids.setdefault(known, item["name"]) != item["name"]:
                raise document.error(
                    (*place, "properties", "id"),
                    f"{item['name']!r} has the id {known!r}, which {ids[known]!r} has too; each needs one of its own",
                )
            (providers if item["type"] == "capability" else components)[item["name"]] = _part(document, item, place)
        for part in providers.values():
            if part.contract is not None and part.contract not in CONTRACTS:
                raise document.error(
                    (*part.place, "properties", "contract"),
                    f"the contract {part.contract!r} is not known here; there are {', '.join(CONTRACTS)}",
                )
        parts = {**components, **providers}
        wires = tuple(wire for n, item in enumerate(items) for wire in _wires(document, item, n, parts))
        return cls(document.data["metadata"]["name"], document, components, providers, wires)


def _part(document: Document, item: dict[str, Any], place: Place) -> Part:
    properties = item["properties"]
    instances = None
    for trait in item.get("traits") or []:
        if trait["type"] in ("spreadscaler", "daemonscaler"):
            scaler = trait["properties"]
            instances = scaler.get("instances", scaler.get("replicas", instances))
    shared = properties.get("application")  # a part that another application has brought
    config, at = properties.get("config"), (*place, "properties", "config")
    return Part(
        item["name"],
        properties["image"] if shared is None else f"{shared['name']}/{shared['component']}",
        place,
        properties.get("contract"),
        _config(document, config, at) if isinstance(config, list) else _texts(document, config, at),
        None if instances is None else int(instances),  # 4.0 is a whole number to a JSON schema
    )


def _wires(document: Document, item: dict[str, Any], n: int, parts: Mapping[str, Part]) -> Iterator[Wire]:
    for m, trait in enumerate(item.get("traits") or []):
        place: Place = ("spec", "components", n, "traits", m, "properties")
        said = trait.get("properties") or {}
        if trait["type"] == "linkdef":
            other = _other(document, parts, said["target"], (*place, "target"))
            if other.contract is None:
                raise document.error(
                    (*place, "target"), f"{other.name!r} has no contract, so a linkdef can't lead to it"
                )
            values = _texts(document, said.get("values"), (*place, "values"))
            yield Wire(item["name"], other.name, CONTRACTS[other.contract], (), values, "default", False, place)
        elif trait["type"] == "link":
            end = said["target"] if isinstance(said["target"], dict) else {"name": said["target"]}
            source = said.get("source") or {}
            _other(document, parts, end["name"], (*place, "target"))
            config: dict[str, str] = {}
            for named, at in (
                (said.get("source_config"), (*place, "source_config")),
                (source.get("config"), (*place, "source", "config")),
                (said.get("target_config"), (*place, "target_config")),
                (end.get("config"), (*place, "target", "config")),
            ):
                config.update(_config(document, named or [], at))
            yield Wire(
                item["name"],
                end["name"],
                f"{said['namespace']}:{said['package']}",
                tuple(said["interfaces"]),
                config,
                said.get("name") or "default",
                bool(source.get("secrets") or end.get("secrets")),
                place,
            )


def _other(document: Document, parts: Mapping[str, Part], name: str, place: Place) -> Part:
    if name not in parts:
        raise document.error(
            place, f"the link leads to {name!r}, which is no part of this manifest; there are {', '.join(parts)}"
        )
    return parts[name]


def _config(document: Document, named: list[dict[str, Any]], place: Place) -> dict[str, str]:
    """All settings of a list of named groups; a later group wins."""
    found: dict[str, str] = {}
    for n, group in enumerate(named):
        found.update(_texts(document, group.get("properties"), (*place, n, "properties")))
    return found


def _texts(document: Document, values: Any, place: Place) -> dict[str, str]:
    """Settings as text, as they are written; none where there is no mapping."""
    if not isinstance(values, dict):
        return {}
    return {key: str(document.written.get((*place, key), value)) for key, value in values.items()}
