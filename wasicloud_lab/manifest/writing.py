"""Writes a lab back as a wadm manifest, in the new form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..providers.address import masked

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab
    from ..links import Link


def write(lab: Lab, name: str = "lab") -> str:
    """The apps of a lab, their links and the addresses they are served at, as YAML.

    Secrets in URLs are masked: `***` has to be filled in before it can be deployed elsewhere. A provider that
    was given as an object is named by its class.
    """
    components: list[dict[str, Any]] = []
    providers: dict[Link, dict[str, Any]] = {}
    for app in lab.apps.values():
        traits = [_link(link, providers) for link in app.links.values()]
        traits.append({"type": "spreadscaler", "properties": {"instances": app.settings.workers}})
        properties: dict[str, Any] = {"image": _image(app)}
        if app.config:
            properties["config"] = [{"name": f"{app.name}-config", "properties": dict(app.config)}]
        components.append({"name": app.name, "type": "component", "properties": properties, "traits": traits})
    for app, server in lab.served:
        components.append(_server(app, server.url))
    document = {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": name, "annotations": {"description": "Written by wasicloud-lab"}},
        "spec": {"components": components + list(providers.values())},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _image(app: App) -> str:
    """Where the component came from; one that came as bytes has only its digest."""
    source = app.source
    if isinstance(source, Path):
        return f"file://{source.resolve().as_posix()}"
    return str(source) if source is not None else f"file://./{app.name}.wasm"


def _link(link: Link, providers: dict[Link, dict[str, Any]]) -> dict[str, Any]:
    namespace, _, package = link.kind.slot.partition("/")[0].partition(":")
    if link.kind.name == "handler":
        target = {"name": link.provider.name}
        interfaces = ["incoming-handler"]
    else:
        if link not in providers:
            providers[link] = {
                "name": re.sub(r"[^A-Za-z0-9-]+", "-", link.name),
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


def _server(app: App, url: str) -> dict[str, Any]:
    address = url.partition("://")[2].rstrip("/")
    return {
        "name": f"{app.name}-http",
        "type": "capability",
        "properties": {"image": "http-server"},
        "traits": [
            {
                "type": "link",
                "properties": {
                    "namespace": "wasi",
                    "package": "http",
                    "interfaces": ["incoming-handler"],
                    "target": app.name,
                    "source": {"config": [{"name": f"{app.name}-address", "properties": {"address": address}}]},
                },
            }
        ],
    }
