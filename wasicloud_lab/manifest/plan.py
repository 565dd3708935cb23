"""From an application to what the lab will do: files to load, URLs to link, addresses to serve at."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote, unquote, urlencode

from ..errors import ManifestError
from ..providers.address import masked
from ..providers.registry import schemes
from .application import Application, Part, Wire

_HTTP = "wasi:http"
_KEYVALUE = "wasi:keyvalue"
_BLOBSTORE = "wasi:blobstore"
#: What a component gets from the lab itself, whichever provider a manifest names for it.
_OWN = (
    "wasi:logging",
    "wasi:config",
    "wasi:cli",
    "wasi:clocks",
    "wasi:random",
    "wasi:io",
    "wasi:filesystem",
    "wasi:sockets",
)


@dataclass(frozen=True)
class PlannedApp:
    """A component to load.

    Attributes:
        name: of the app.
        source: a file or http(s) URL, or what the caller put in its place.
        config: what wasi:config/store will answer.
        workers: requests that run at once; None for the lab's default.
    """

    name: str
    source: Any = field(repr=False)  # a URL and settings may hold secrets
    config: Mapping[str, str] = field(repr=False)
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
    target: Any = field(repr=False)  # with its secrets
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
        own: links to what the lab has of its own, in words: logging, settings, requests to the outside.
    """

    name: str
    apps: list[PlannedApp] = field(default_factory=list)
    links: list[PlannedLink] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.name]
        lines += [f"  load   {app.name} from {_source(app.source)}" for app in self.apps]
        lines += [f"  link   {link}" for link in self.links]
        lines += [f"  own    {link}" for link in self.own]
        lines += [f"  serve  {app} at http://{address}" for app, address in self.addresses.items()]
        return "\n".join(lines)


def _source(source: Any) -> str:
    return f"{len(source):,} bytes" if isinstance(source, bytes) else masked(str(source))


def plan(
    application: Application, images: Mapping[str, Any] | None = None, providers: Mapping[str, Any] | None = None
) -> Plan:
    """
    Args:
        images: component's name → what to load in place of its image.
        providers: provider's name → a URL or provider object in place of what the manifest says.

    Raises:
        ManifestError: an image that can't be had here, a provider nobody knows, two providers for one
            interface, two components at one address, settings that are kept elsewhere, a name in `images` or
            `providers` that the manifest does not have.
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
        address = _address(application, wire, application.providers[server])
        for other, taken in done.addresses.items():
            if taken == address and not address.endswith(":0"):
                raise document.error(place, f"{app} and {other} would both be served at {address}; each needs its own")
        done.addresses[app] = address
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
        own = _own(wire)
        if own is not None:
            done.own.append(own)
            return
        link = PlannedLink(wire.source, wire.package, _target(application, wire, providers), wire.target)
    for n, before in enumerate(done.links):
        if (before.app, before.import_name) == (link.app, link.import_name):
            if before.provider != link.provider:
                raise document.error(
                    place,
                    f"{link.app} has two providers for {link.import_name}: {before.provider} and {link.provider}; "
                    "the lab wires one",
                )
            done.links[n] = _one_of(application, wire, before, link)
            return
    done.links.append(link)


def _own(wire: Wire) -> str | None:
    """What is said of a link that needs no provider here; None for another one."""
    if wire.package in _OWN:
        return f"{wire.source} → {wire.package}, which the lab has itself"
    if wire.package == _HTTP and wire.interfaces == ("outgoing-handler",):
        return (
            f"{wire.source} → wasi:http/outgoing-handler, to the hosts that allow_http names; none unless it is given"
        )
    return None


def _target(application: Application, wire: Wire, providers: Mapping[str, Any]) -> Any:
    """What a link leads to: a provider's URL, or what the caller put in its place."""
    part, document = application.providers[wire.target], application.document
    if wire.package not in (_KEYVALUE, _BLOBSTORE):
        raise document.error(
            wire.place,
            f"no provider here serves {wire.package}; the lab wires {_KEYVALUE}, {_BLOBSTORE} and wasi:http, and "
            "anything else with lab.provide(…)",
        )
    if part.name in providers:
        target = providers[part.name]
    elif wire.secrets:
        raise document.error(
            wire.place,
            f"settings of this link are in a store of secrets, which the lab does not read; say what {part.name} is "
            f"when deploying (providers={{{part.name!r}: …}}, --provider {part.name}=URL)",
        )
    else:
        target = _url(application, wire, part)
    kind = wire.package.partition(":")[2]
    if isinstance(target, str) and target.partition("://")[0].lower() not in schemes(kind):
        raise document.error(
            wire.place,
            f"{part.name}: no {kind} provider for {target!r}; there are "
            f"{', '.join(f'{scheme}://' for scheme in schemes(kind))} (--provider {part.name}=URL names another)",
        )
    return target


def _one_of(application: Application, wire: Wire, before: PlannedLink, link: PlannedLink) -> PlannedLink:
    """The link for an app that is linked to one provider twice, for more interfaces of the same package."""
    if not wire.config or before.target == link.target:
        return before
    first = next(
        each for each in application.wires
        if (each.source, each.target, each.package) == (wire.source, wire.target, wire.package)
    )  # fmt: skip
    if first.config:
        raise application.document.error(
            wire.place,
            f"{link.app} is linked to {link.provider} twice, with other settings each time; the lab wires "
            f"{link.import_name} once",
        )
    return link


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
    return part.contract == "wasmcloud:httpserver" or re.search(r"http[-_]?server", _base(part.image)) is not None


def _address(application: Application, wire: Wire, part: Part) -> str:
    config = {key.lower(): value for key, value in {**part.config, **wire.config}.items()}
    address = config.get("address") or f"127.0.0.1:{config.get('port', '8080')}"
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:9]) > 65535:
        raise application.document.error(wire.place, f"the address {address!r} is not HOST:PORT")
    return f"{host or '127.0.0.1'}:{int(port[:9])}"


def _file(application: Application, part: Part) -> Any:
    """The file of a component."""
    image, document = part.image, application.document
    place = (*part.place, "properties", "image")
    if image.startswith(("http://", "https://")):
        return image
    if not image.startswith("file://"):
        raise document.error(
            place,
            f"the image {image!r} would be pulled from a registry, which the lab does not do; name a local file "
            f"in the manifest (image: file://./{part.name}.wasm) or when deploying "
            f"(images={{{part.name!r}: …}}, --image {part.name}=FILE)",
        )
    path = Path(os.path.normpath(document.folder / local_path(image)))
    if not path.is_file() and "%" in image:
        path = Path(os.path.normpath(document.folder / local_path(unquote(image))))
    if not path.is_file():
        raise document.error(place, f"there is no file {path}; build it, or name another with --image {part.name}=FILE")
    return path


def local_path(image: str, *, windows: bool = sys.platform == "win32") -> str:
    """The path in `file://…`: on Windows `file:///C:/hello.wasm` and `file://C:/hello.wasm` are both C:/hello.wasm."""
    path = image.removeprefix("file://")
    return path[1:] if windows and re.match(r"/[A-Za-z]:[/\\]", path) else path


def folder_url(path: PurePath) -> str:
    """The blobstore URL of an absolute path; `file:///C:/blobs` on Windows."""
    return f"file:///{quote(path.as_posix(), safe='/:').removeprefix('/')}"


def _base(image: str) -> str:
    """The name in an image reference: "keyvalue-redis" of "example.com/wasmcloud/keyvalue-redis:0.28.1"."""
    return re.split(r"[:@]", image.rpartition("/")[2])[0].lower()


def _url(application: Application, wire: Wire, part: Part) -> str:
    """The URL of the provider that a link leads to."""
    config = {key.lower(): value for key, value in {**part.config, **wire.config}.items()}
    base = _base(part.image)
    make = _keyvalue_url if wire.package == _KEYVALUE else _blobstore_url
    return make(application, wire, part, config, base)


def _keyvalue_url(application: Application, wire: Wire, part: Part, config: Mapping[str, str], base: str) -> str:
    url = config.get("url")
    if part.image.startswith("memory://"):
        return part.image
    if url is not None and "://" in url:
        return url
    if "nats" in base:
        return _nats_url(config)
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
        return _nats_url(config)
    if "fs" in base or part.contract == "wasmcloud:blobstore":
        root = config.get("root")
        if root is None:
            raise application.document.error(
                wire.place, f"{part.name} keeps objects in a folder; name it: root: /tmp/blobs"
            )
        path = Path(root)
        return folder_url(path if path.is_absolute() else (application.document.folder / path).resolve())
    raise _unknown(application, wire, part, "file:///…, azure://… or s3://…")


def _nats_url(config: Mapping[str, str]) -> str:
    """Of the first server that the settings name."""
    named = config.get("url") or config.get("cluster_uri") or config.get("cluster_uris") or "127.0.0.1:4222"
    server = named.split(",")[0].strip()
    return server if "://" in server else f"nats://{server}"


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
