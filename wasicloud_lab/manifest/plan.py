"""From an application to what the lab will do: files to load, URLs to link, addresses to serve at."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import ManifestError
from ..providers.address import masked
from .application import Application, Part, Wire

#: Provider images by what their names say, each with the WIT package it serves and how its URL is made.
_HTTP = "wasi:http"
_KEYVALUE = "wasi:keyvalue"
_BLOBSTORE = "wasi:blobstore"


@dataclass(frozen=True)
class PlannedApp:
    """A component to load.

    Attributes:
        name: of the app.
        source: a file, or what the caller put in its place.
        config: what wasi:config/store will answer.
        workers: requests that run at once; None for the lab's default.
    """

    name: str
    source: Any
    config: Mapping[str, str]
    workers: int | None


@dataclass(frozen=True)
class PlannedLink:
    """A link to make.

    Attributes:
        app: the component's name.
        import_name: "wasi:keyvalue", "wasi:blobstore" or "wasi:http/incoming-handler".
        target: a provider's URL or object, or the name of another app.
        provider: the provider's or component's name in the manifest.
    """

    app: str
    import_name: str
    target: Any
    provider: str

    def __str__(self) -> str:
        shown = masked(self.target) if isinstance(self.target, str) else type(self.target).__name__
        return f"{self.app} → {self.import_name} → {self.provider}" + (f" ({shown})" if shown != self.provider else "")


@dataclass(frozen=True)
class Plan:
    """What deploying a manifest does; `print(plan)` shows it.

    Attributes:
        name: of the application.
        apps, links: what is loaded and wired.
        addresses: app → "host:port" to serve it at.
    """

    name: str
    apps: list[PlannedApp] = field(default_factory=list)
    links: list[PlannedLink] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [self.name]
        lines += [f"  load   {app.name} from {_source(app.source)}" for app in self.apps]
        lines += [f"  link   {link}" for link in self.links]
        lines += [f"  serve  {app} at http://{address}" for app, address in self.addresses.items()]
        return "\n".join(lines)


def _source(source: Any) -> str:
    return f"{len(source):,} bytes" if isinstance(source, bytes) else str(source)


def plan(
    application: Application, images: Mapping[str, Any] | None = None, providers: Mapping[str, Any] | None = None
) -> Plan:
    """
    Args:
        images: component's name → what to load in place of its image.
        providers: provider's name → a URL or provider object in place of what the manifest says.

    Raises:
        ManifestError: an image that can't be had here, a provider nobody knows, two providers for one
            interface, a name in `images` or `providers` that the manifest does not have.
    """
    images, providers = dict(images or {}), dict(providers or {})
    for given, known, what in (
        (images, application.components, "component"),
        (providers, application.providers, "provider"),
    ):
        for name in given:
            if name not in known:
                raise ManifestError(
                    f"{application.document.name} has no {what} {name!r}; it has {', '.join(known) or 'none'}"
                )
    done = Plan(application.name)
    for part in application.components.values():
        source = images[part.name] if part.name in images else _file(application, part)
        workers = part.instances if part.instances else None
        done.apps.append(PlannedApp(part.name, source, part.config, workers))
    for wire in application.wires:
        _plan_wire(application, wire, providers, done)
    return done


def _plan_wire(application: Application, wire: Wire, providers: Mapping[str, Any], done: Plan) -> None:
    document, place = application.document, wire.place
    server, app = _serves(application, wire)
    if server is not None:
        if app in done.addresses:
            raise document.error(place, f"{app} is served by two HTTP servers; the lab serves it at one address")
        done.addresses[app] = _address(application, wire, application.providers[server])
        return
    if wire.source not in application.components:
        raise document.error(
            place, f"{wire.source} is a provider that would call {wire.target}; only HTTP servers do that here"
        )
    if wire.target in application.components:
        if wire.package != _HTTP or "incoming-handler" not in wire.interfaces:
            raise document.error(place, "a component is linked to another one through wasi:http/incoming-handler only")
        link = PlannedLink(wire.source, "wasi:http/incoming-handler", wire.target, wire.target)
    else:
        part = application.providers[wire.target]
        target = providers[part.name] if part.name in providers else _url(application, wire, part)
        link = PlannedLink(wire.source, wire.package, target, part.name)
    for other in done.links:
        if (other.app, other.import_name) == (link.app, link.import_name):
            if other.provider == link.provider:
                return  # a second link for more interfaces of the same package
            raise document.error(
                place,
                f"{link.app} has two providers for {link.import_name}: {other.provider} and {link.provider}; "
                "the lab wires one",
            )
    done.links.append(link)


def _serves(application: Application, wire: Wire) -> tuple[str | None, str]:
    """The HTTP server of a link and the component it serves; None where the link is another one.

    The old form links a component to its server, the new one a server to its component.
    """
    if wire.package != _HTTP:
        return None, ""
    for server, app in ((wire.source, wire.target), (wire.target, wire.source)):
        part = application.providers.get(server)
        if part is not None and _is_server(part) and app in application.components:
            return server, app
    return None, ""


def _is_server(part: Part) -> bool:
    return part.contract == "wasmcloud:httpserver" or re.search(r"http-?server", _base(part.image)) is not None


def _address(application: Application, wire: Wire, part: Part) -> str:
    config = {key.lower(): value for key, value in {**part.config, **wire.config}.items()}
    address = config.get("address") or f"127.0.0.1:{config.get('port', '8080')}"
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise application.document.error(wire.place, f"the address {address!r} is not HOST:PORT")
    return f"{host}:{port}"


def _file(application: Application, part: Part) -> Any:
    """The file of a component."""
    image, document = part.image, application.document
    place = (*part.place, "properties", "image")
    if not image.startswith("file://"):
        raise document.error(
            place,
            f"the image {image!r} would be pulled from a registry, which the lab does not do; name a local file "
            f"in the manifest (image: file://./{part.name}.wasm) or when deploying "
            f"(images={{{part.name!r}: …}}, --image {part.name}=FILE)",
        )
    path = Path(image.removeprefix("file://"))
    path = Path(os.path.normpath(path if path.is_absolute() else document.folder / path))
    if not path.is_file():
        raise document.error(place, f"there is no file {path}; build it, or name another with --image {part.name}=FILE")
    return path


def _base(image: str) -> str:
    """The name in an image reference: "keyvalue-redis" of "example.com/wasmcloud/keyvalue-redis:0.28.1"."""
    return re.split(r"[:@]", image.rpartition("/")[2])[0].lower()


def _url(application: Application, wire: Wire, part: Part) -> str:
    """The URL of the provider that a link leads to."""
    package = wire.package
    config = {key.lower(): value for key, value in {**part.config, **wire.config}.items()}
    base = _base(part.image)
    if package == _KEYVALUE:
        return _keyvalue_url(application, wire, part, config, base)
    if package == _BLOBSTORE:
        return _blobstore_url(application, wire, part, config, base)
    raise application.document.error(
        wire.place,
        f"no provider here serves {package}; the lab wires {_KEYVALUE}, {_BLOBSTORE} and wasi:http, and anything "
        "else with lab.provide(…)",
    )


def _keyvalue_url(application: Application, wire: Wire, part: Part, config: Mapping[str, str], base: str) -> str:
    url = config.get("url")
    if part.image.startswith("memory://"):
        return part.image
    if url is not None and "://" in url:
        return url
    if "nats" in base:
        return f"nats://{url or config.get('cluster_uri', '127.0.0.1:4222')}"
    if "redis" in base or part.contract == "wasmcloud:keyvalue":
        return f"redis://{url or '127.0.0.1:6379'}"
    raise _unknown(application, wire, part, "redis://… or nats://…")


def _blobstore_url(application: Application, wire: Wire, part: Part, config: Mapping[str, str], base: str) -> str:
    url = config.get("url")
    if part.image.startswith("memory://"):
        return part.image
    if url is not None and "://" in url:
        return url
    if "azure" in base:
        return _azure_url(application, wire, config)
    if "s3" in base:
        raise _unknown(application, wire, part, "s3://…")
    if "nats" in base:
        return f"nats://{url or config.get('cluster_uri', '127.0.0.1:4222')}"
    if "fs" in base or part.contract == "wasmcloud:blobstore":
        root = config.get("root")
        if root is None:
            raise application.document.error(
                wire.place, f"{part.name} keeps objects in a folder; name it: root: /tmp/blobs"
            )
        path = Path(root)
        absolute = path if path.is_absolute() else (application.document.folder / path).resolve()
        return f"file://{quote(absolute.as_posix(), safe='/:')}"
    raise _unknown(application, wire, part, "file:///…, azure://… or s3://…")


def _azure_url(application: Application, wire: Wire, config: Mapping[str, str]) -> str:
    account = config.get("storage_account") or config.get("account")
    if account is None:
        raise application.document.error(
            wire.place, "Azure Blob Storage needs the setting storage_account on this link"
        )
    key = config.get("storage_access_key") or config.get("access_key") or config.get("account_key")
    return f"azure://{quote(account)}" + (f"?{urlencode({'account_key': key})}" if key else "")


def _unknown(application: Application, wire: Wire, part: Part, urls: str) -> ManifestError:
    return application.document.error(
        wire.place,
        f"what {part.image!r} stores things in is not known here; say it on the link (url: {urls}) or when deploying "
        f"(providers={{{part.name!r}: …}}, --provider {part.name}=URL)",
    )
