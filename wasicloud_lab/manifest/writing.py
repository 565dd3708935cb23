"""Writes a lab back as a wadm manifest, in the new form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..providers.address import MASK, masked

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab
    from ..links import Link


def write(lab: Lab, name: str = "lab") -> str:
    """The apps of a lab, their links and the addresses they are served at, as YAML.

    Secrets in URLs and settings are masked: `***` has to be filled in before it can be deployed elsewhere. A provider
    that was given as an object is named by its class. A name that no manifest can have is changed, and of several
    servers of one app the first is written.
    """
    names = _Names()
    called = {app: names.make(app.name) for app in lab.apps.values()}
    components: list[dict[str, Any]] = []
    providers: dict[Link, dict[str, Any]] = {}
    for app in lab.apps.values():
        wired = [link for link in app.links.values() if link.kind.name != "handler" or link.provider in called]
        traits = [_link(link, providers, called, names) for link in wired]
        traits.append({"type": "spreadscaler", "properties": {"instances": app.settings.workers}})
        properties: dict[str, Any] = {"image": _image(app)}
        if app.config:
            settings = {key: _shown(key, value) for key, value in app.config.items()}
            properties["config"] = [{"name": f"{called[app]}-config", "properties": settings}]
        components.append({"name": called[app], "type": "component", "properties": properties, "traits": traits})
    served: set[App] = set()
    for app, server in lab.served:
        if app in called and app not in served:
            served.add(app)
            components.append(_server(called[app], names.make(f"{called[app]}-http"), server.url))
    document = {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": _Names().make(name), "annotations": {"description": "Written by wasicloud-lab"}},
        "spec": {"components": components + list(providers.values())},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


class _Names:
    """Names that a manifest can have, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def make(self, wanted: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-_.")[:200] or "part"
        name, n = base, 1
        while name in self._given:
            n += 1
            name = f"{base}-{n}"
        self._given.add(name)
        return name


def _shown(key: str, value: str) -> str:
    """A setting's value, without secrets: by what it is called, or by what it looks like."""
    return MASK if masked(f"{key}=x") != f"{key}=x" else masked(value)


def _image(app: App) -> str:
    """Where the component came from; one that came as bytes has only its digest."""
    source = app.source
    if isinstance(source, Path):
        return f"file:///{source.resolve().as_posix().removeprefix('/')}"
    return masked(source) if source is not None else f"file://./{app.name}.wasm"


def _link(
    link: Link, providers: dict[Link, dict[str, Any]], called: Mapping[App, str], names: _Names
) -> dict[str, Any]:
    namespace, _, package = link.kind.slot.partition("/")[0].partition(":")
    if link.kind.name == "handler":
        target: dict[str, Any] = {"name": called[link.provider]}
        interfaces = ["incoming-handler"]
    else:
        if link not in providers:
            providers[link] = {
                "name": names.make(link.name),
                "type": "capability",
                "properties": {"image": _provider_image(link)},
            }
        url = link.url
        target = {"name": providers[link]["name"]}
        if url is not None and not url.startswith("memory://"):
            target["config"] = [{"name": f"{target['name']}-url", "properties": {"url": masked(url)}}]
        interfaces = ["store", "atomics", "batch"] if link.kind.name == "keyvalue" else ["blobstore", "container"]
    return {
        "type": "link",
        "properties": {"namespace": namespace, "package": package, "interfaces": interfaces, "target": target},
    }


def _provider_image(link: Link) -> str:
    scheme = (link.url or "").partition("://")[0]
    known = {
        ("keyvalue", "redis"): "keyvalue-redis", ("keyvalue", "rediss"): "keyvalue-redis",
        ("keyvalue", "nats"): "keyvalue-nats", ("blobstore", "file"): "blobstore-fs",
        ("blobstore", "azure"): "blobstore-azure", ("blobstore", "s3"): "blobstore-s3",
        ("blobstore", "nats"): "blobstore-nats",
    }  # fmt: skip
    if scheme == "memory":
        return "memory://"
    return known.get((link.kind.name, scheme), f"{link.kind.name}-{scheme or type(link.provider).__name__.lower()}")


def _server(app: str, name: str, url: str) -> dict[str, Any]:
    address = url.partition("://")[2].rstrip("/")
    return {
        "name": name,
        "type": "capability",
        "properties": {"image": "http-server"},
        "traits": [
            {
                "type": "link",
                "properties": {
                    "namespace": "wasi",
                    "package": "http",
                    "interfaces": ["incoming-handler"],
                    "target": app,
                    "source": {"config": [{"name": f"{name}-address", "properties": {"address": address}}]},
                },
            }
        ],
    }
