"""A manifest at work in a lab: its apps, their links, the addresses they answer at."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from ..app import App, Settings
from ..errors import ManifestError
from ..links import Link
from .plan import Plan

if TYPE_CHECKING:
    from ..lab import Lab


class Deployment:
    """What `lab.deploy` has made.

    Attributes:
        plan: what was to be done; `print(deployment.plan)`.
        apps: by name.
        links: in the order of the manifest.
        servers: app's name → its server.
    """

    def __init__(self, lab: Lab, plan: Plan, serve: bool, allow_http: Iterable[str] = ()) -> None:
        """
        Raises:
            ManifestError: an app of one of its names is being served; it goes on.
        """
        for app, server in lab.served:  # loading one of that name would close it behind its server
            if any(planned.name == app.name for planned in plan.apps):
                raise ManifestError(
                    f"{plan.name} has a component {app.name}, and the lab serves one at {server.url}; stop that first "
                    "(its deployment, or its server)"
                )
        self.plan = plan
        self.apps: dict[str, App] = {}
        self.links: list[Link] = []
        self.servers: dict[str, Any] = {}
        self._lab = lab
        self._allow_http = tuple(allow_http)
        try:
            self._make(serve)
        except BaseException:
            self.stop()
            raise

    def _make(self, serve: bool) -> None:
        lab = self._lab
        for planned in self.plan.apps:
            workers = planned.workers or Settings.workers
            self.apps[planned.name] = lab.load(
                planned.source,
                name=planned.name,
                config=planned.config,
                workers=workers,
                allow_http=self._allow_http,
            )
        for link in self.plan.links:
            target = self.apps[link.target] if link.import_name.startswith("wasi:http") else link.target
            self.links.append(lab.link(self.apps[link.app], link.import_name, target))
        if serve:
            for name, address in self.plan.addresses.items():
                host, _, port = address.rpartition(":")
                self.servers[name] = lab.serve(self.apps[name], host=host.strip("[]"), port=int(port))

    def stop(self) -> None:
        """Stops the servers, unloads the apps and lets go of their links."""
        for server in self.servers.values():
            server.stop()
        self.servers.clear()
        for app in self.apps.values():
            self._lab.unload(app)
        self.apps.clear()
        self.links.clear()

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        lines = [f"{self.plan.name}: {', '.join(self.apps) or 'stopped'}"]
        lines += [f"  {link.name} → {link.summary()}" for link in self.links]
        lines += [f"  {name} answers at {server.url}" for name, server in self.servers.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"
