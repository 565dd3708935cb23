"""Lab: the loaded components and what is plugged into their imports; the object a notebook holds."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from . import sources
from .app import App, Settings
from .errors import LinkError
from .history import Links
from .host.component import Component
from .host.engine import MIB, Limits
from .host.interface import InterfaceName, wit_names
from .kinds import BLOBSTORE, HANDLERS, KEYVALUE, Kind, kind_of
from .links import Link
from .message import Headers
from .progress import compiling
from .providers.address import masked
from .wasi import standard
from .wasi.filesystem import Preopen

if TYPE_CHECKING:
    from .manifest import Deployment, Plan
    from .services import Services
    from .traffic import Traffic
    from .widgets.panel import Panel


class Lab:
    """Runs components. Everything they import has an embedded default; nothing has to be started.

        lab = wl.Lab()
        app = lab.load("hello")
        app.get("/").text

    `with Lab() as lab:` frees instances and servers at the end; without it they end with the process.

    Args:
        keyvalue: what `wasi:keyvalue` imports are wired to: a URL or a provider.
        blobstore: likewise for `wasi:blobstore`.

    Attributes:
        apps: the loaded apps by name.
        keyvalue, blobstore: the links of every app that has none of its own; `.swap(…)` changes the provider.
        traffics: what `lab.traffic` has started, oldest first; of those that have ended the last few.
    """

    def __init__(self, *, keyvalue: Any = "memory://", blobstore: Any = "memory://") -> None:
        self.apps: dict[str, App] = {}
        self.keyvalue = Link(KEYVALUE, keyvalue)
        try:
            self.blobstore = Link(BLOBSTORE, blobstore)
        except BaseException:
            self.keyvalue.close()
            raise
        self._providers: list[Any] = []
        self._functions: dict[str, Callable[..., Any]] = {}
        self._servers: list[Any] = []
        self._links: list[Link] = []
        self.traffics: list[Traffic] = []

    def load(
        self,
        source: str | Path | bytes | Component,
        *,
        name: str | None = None,
        isolation: str | None = None,
        workers: int = 16,
        deadline: float | None = 10.0,
        memory: int = 256 * MIB,
        body: int = 256 * MIB,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        dirs: Mapping[str, str | Path | Preopen] | None = None,
        config: Mapping[str, str] | None = None,
        allow_http: Iterable[str] = (),
        allow_sockets: Iterable[str] = (),
        stdout: Any = None,
        stderr: Any = None,
        providers: Sequence[Any] = (),
    ) -> App:
        """Loads a component and plugs its imports.

        Args:
            source: a bundled name ("hello"), a path, an http(s) URL, or the bytes.
            name: what to call it; two loads under one name replace each other in `lab.apps`.
            isolation: "reuse" keeps an instance for the next call, "request" makes a new one for each. Left
                out, it is "reuse", but for a component of componentize-js, whose instances serve one request each.
            workers: calls that streaming and serving run at once.
            deadline: seconds a call may take; None for no limit.
            memory: bytes of linear memory an instance may have.
            body: bytes of a response body that may be kept in memory.
            env: environment variables the guest sees; none of this process's own.
            args: command-line arguments the guest sees.
            dirs: guest path → folder, read-only; a `Preopen(…, writable=True)` allows changes.
            config: what wasi:config/store answers.
            allow_http: hosts the guest may send requests to: "api.example.com", "127.0.0.1:8080".
            allow_sockets: addresses the guest may open sockets to.
            stdout, stderr: a binary file or a function of bytes that gets what the guest writes there.
            providers: interface objects for this app alone.

        Raises:
            ComponentError: not a component, missing, truncated, …
            LinkError: an interface and the component's import do not fit.
            GuestError: it fails already while it is instantiated.
        """
        component = source if isinstance(source, Component) else self._component(source, name)
        if name:
            component = copy.copy(component)  # one given twice keeps a name in each app
            component.name = name
        if isolation is None:
            isolation = "request" if component.once else "reuse"
        own = standard(
            env=env, args=args or (component.name,), dirs=dirs, config=config,
            allow_http=allow_http, allow_sockets=allow_sockets, stdout=stdout, stderr=stderr,
        )  # fmt: skip
        settings = Settings(Limits(deadline, memory, body), isolation, workers)
        app = App(component, settings, lambda: [*own, *self._providers, *providers], lambda: dict(self._functions))
        app.source = sources.place(source)
        app.config = config or {}
        for link in (self.keyvalue, self.blobstore):
            if link.kind.wires(app.world.imports):
                app.links[link.kind.slot] = link
        # Wired and instantiated now: what does not fit is met here, and the first call finds it ready.
        pool = app.pool
        pool.give_back(pool.take()) if isolation == "reuse" else pool.fill()
        replaced = self.apps.get(app.name)
        self.apps[app.name] = app
        self.keyvalue.watchers.add(app)  # where it exports a watcher
        if replaced is not None:
            try:
                for link in self._links:
                    if link.kind is HANDLERS and link.provider is replaced and app.handler is not None:
                        link.swap(app)  # what stood behind another component still does, in its new form
            finally:
                self._let_go(replaced)
        return app

    def _component(self, source: str | Path | bytes, name: str | None) -> Component:
        data, found_name = sources.read(source)
        return Component(data, name or found_name, compiling)

    def provide(self, *providers: Any, **functions: Callable[..., Any]) -> None:
        """Plugs Python interfaces into the imports of every app, loaded or to be loaded.

        Args:
            providers: objects of classes with `@wl.interface(…)`; the last one for an interface counts.
            functions: for plain function imports, by name with `_` for `-`.

        Raises:
            LinkError: an object's class names no interface, a function is none, or a loaded app's import does not
                fit; then nothing changes.
        """
        for provider in providers:
            if isinstance(provider, type) or not wit_names(provider):
                shown = provider.__name__ if isinstance(provider, type) else type(provider).__name__
                raise LinkError(
                    f"{shown} names no interface: decorate its class with "
                    "@wl.interface('namespace:package/name@version')"
                    if not wit_names(provider)
                    else f"provide an object, not the class: lab.provide({shown}())"
                )
        for key, function in functions.items():
            if not callable(function):
                raise LinkError(
                    f"{key}={function!r} is no function to serve an import of that name; "
                    "what one app alone is to have goes to lab.load(…, providers=[…])"
                )
        self._warn_of_near_misses(providers)
        before = list(self._providers), dict(self._functions)
        self._providers += providers
        for key, function in functions.items():
            self._functions[key] = self._functions[key.replace("_", "-")] = function
        try:
            for app in self.apps.values():
                app.relink()
                _ = app.pool
        except LinkError:
            self._providers, self._functions = before
            for app in self.apps.values():
                app.relink()
            raise

    def _warn_of_near_misses(self, providers: Sequence[Any]) -> None:
        """An interface under a version that no loaded app asks for, where one asks for another version."""
        wanted = [(app, name) for app in self.apps.values() for name in map(InterfaceName.parse, app.world.imports)]
        for provider in providers:
            names = wit_names(provider)
            near = [(app, name) for app, name in wanted if name and any(own.resembles(name) for own in names)]
            if near and not any(own.serves(name) for own in names for _, name in near if name):
                app, name = near[0]
                warnings.warn(
                    f"{type(provider).__name__} serves {', '.join(map(str, names))}, but {app.name} imports {name}: "
                    "not plugged in there. @wl.interface takes several names, where both are meant.",
                    stacklevel=3,
                )

    def unload(self, app: App | str) -> None:
        """Closes an app, and its own links, and forgets it. Calls under way end."""
        app = self._app(app)
        if self.apps.get(app.name) is app:
            del self.apps[app.name]
        self._let_go(app)

    def deploy(
        self,
        manifest: str | Path,
        *,
        images: Mapping[str, Any] | None = None,
        providers: Mapping[str, Any] | None = None,
        serve: bool = True,
        allow_http: Iterable[str] = (),
    ) -> Deployment:
        """Loads, links and serves what a wadm manifest says, in its old form or its new one.

            lab.deploy("components/gopher/wadm.yaml", providers={"redis": "fakeredis://"})

        Args:
            manifest: the file.
            images: component's name → what to load in place of its image.
            providers: provider's name → a URL or provider object in place of what the manifest says.
            serve: whether to serve at the addresses of its HTTP servers.
            allow_http: hosts that its components may send requests to, as for `load`; a manifest names none.

        Returns:
            a `Deployment`: its apps, links and servers; `.stop()`.

        Raises:
            ManifestError: the manifest is wrong, or asks for what can't be had here; says where.
            ComponentError, LinkError, ProviderError, SwapRefused, ServeError: as `load`, `link` and `serve`.
                Whatever is raised, nothing of the manifest is left behind.
        """
        from . import manifest as manifests

        return manifests.Deployment(self, manifests.load(manifest, images, providers), serve, allow_http)

    def manifest(self, name: str = "lab") -> str:
        """The apps of this lab, their links and addresses as a wadm manifest (YAML), without secrets."""
        from . import manifest as manifests

        return manifests.write(self, name)

    @property
    def served(self) -> list[tuple[App, Any]]:
        """Each app that is being served, with its server."""
        return [(server.app, server) for server in self._servers if server.running]

    # --- links -------------------------------------------------------------------------------------

    def link(
        self,
        app: App | str,
        import_name: str,
        target: Any,
        *,
        read_only: bool = False,
        bucket_map: Mapping[str, str] | None = None,
    ) -> Link:
        """Wires the imports of one app to a provider of their own, from its next request on.

            lab.link(app, "wasi:keyvalue/store", "sqlite:///visits.db")
            lab.link(front, "wasi:http/incoming-handler", back)

        Linking an import again swaps its link's provider. All interfaces of a package are wired together: a
        bucket opened through one is used through another.

        Args:
            app: the app, or its name.
            import_name: with or without version, or the package alone.
            target: a URL, a provider, or for `wasi:http/incoming-handler` another app.
            read_only: changes through this link are refused.
            bucket_map: bucket or container names as the guest says them → as they are in the store.

        Returns:
            the app's own link: `.swap(…)`, `.history`, …

        Raises:
            LinkError: the app does not import that, or the target can't be plugged in there.
            SwapRefused: the target does not answer.
            ProviderError, ToolMissing: the URL.
        """
        app = self._app(app)
        kind = kind_of(import_name)
        if not kind.wires(app.world.imports):
            raise LinkError(
                f"{app.name} does not import {kind.slot}; it imports {', '.join(app.world.imports) or 'nothing'}"
            )
        if kind is HANDLERS and isinstance(target, str):
            target = self._app(target)
        own = self._own_link(app, kind)
        if own is not None:
            own.swap(target, read_only=read_only, names=bucket_map)
            return own
        made = Link(kind, target, app=app, read_only=read_only, names=bucket_map)
        try:
            made.check()
        except BaseException:
            made.close()
            raise
        self._links.append(made)
        app.links[kind.slot] = made
        if kind is KEYVALUE:
            self.keyvalue.watchers.remove(app)
            made.watchers.add(app)
        return made

    def unlink(self, app: App | str, import_name: str) -> None:
        """Takes an app's own link away: its next request goes to the lab's provider, or to nothing.

        Raises:
            LinkError: it has no link of its own for that import.
        """
        app = self._app(app)
        kind = kind_of(import_name)
        own = self._own_link(app, kind)
        if own is None:
            raise LinkError(f"{app.name} has no link of its own for {import_name}")
        shared = next((link for link in (self.keyvalue, self.blobstore) if link.kind is kind), None)
        if shared is not None:
            app.links[kind.slot] = shared
        else:
            del app.links[kind.slot]
        self._links.remove(own)
        own.close()
        if kind is KEYVALUE:
            self.keyvalue.watchers.add(app)

    @cached_property
    def services(self) -> Services:
        """Starts real servers on this machine: `lab.services.redis()`, `.azurite()`, `.nats()`."""
        from .services import Services

        return Services()

    def panel(self) -> Panel:
        """The running lab as a picture with controls, in a notebook: what is wired to what, what passes, and swaps.

        Any number may be open; they agree. `panel.close()` takes one off the page.
        """
        from .widgets.panel import Panel

        return Panel(self)

    @property
    def links(self) -> Links:
        """All links with the apps they serve and the history of their swaps; draws itself."""
        shown = [self.keyvalue, self.blobstore, *self._links]
        return Links([(link, [app.name for app in self.apps.values() if link in app.links.values()]) for link in shown])

    def _app(self, app: App | str) -> App:
        if isinstance(app, App):
            return app
        if app in self.apps:
            return self.apps[app]
        raise LinkError(f"no app {masked(app)!r} is loaded; there are {', '.join(self.apps) or 'none'}")

    def _own_link(self, app: App, kind: Kind) -> Link | None:
        link = app.links.get(kind.slot)
        return link if link is not None and link.app is app else None

    def _let_go(self, app: App) -> None:
        for traffic in self.traffics:
            if traffic.app is app:
                traffic.stop()
        self.keyvalue.watchers.remove(app)
        app.close()
        for link in [link for link in self._links if link.app is app]:
            self._links.remove(link)
            link.close()

    # --- the outside -------------------------------------------------------------------------------

    def client(self, app: App, **options: Any) -> httpx.Client:
        """A full `httpx.Client` on an app, in this process; see `App.client`."""
        return app.client(**options)

    def serve(self, app: App, *, port: int = 8080, host: str = "127.0.0.1") -> Any:
        """Serves an app over HTTP from a background thread.

        Args:
            app: what to serve.
            port: 0 takes a free one. A busy port is an error, so that no request goes astray.
            host: loopback unless told otherwise.

        Returns:
            a `Server`: `.url`, `.stop()`, and a context manager.

        Raises:
            ServeError: the address can't be had.
        """
        from .server import Server

        server = Server(app, host=host, port=port)
        server.start()
        self._servers = [other for other in self._servers if other.running] + [server]
        return server

    def traffic(
        self,
        app: App | str,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headers | None = None,
        content: bytes | str | None = None,
        rate: float | None = 200.0,
        clients: int = 16,
        expect: int | Iterable[int] | None = None,
    ) -> Traffic:
        """Sends requests to an app, over and over, from threads of this process, until `.stop()`.

            traffic = lab.traffic("gopher", "/ricochet", rate=200)

        Args:
            app: the app, or its name.
            path, method, headers, content: of each request, as for `App.request`.
            rate: requests per second, all clients together; None sends as fast as they are answered.
            clients: requests under way at once, at most.
            expect: the status, or each status, that counts as answered; left out, any below 500.

        Returns:
            the `Traffic`, started; also in `traffics`.

        Raises:
            RequestError, LinkError: the request is not valid HTTP, or the app answers none.
            ValueError: a rate or number of clients that can't be.
        """
        from .traffic import Traffic

        started = Traffic(
            self._app(app), path, method=method, headers=headers, content=content,
            rate=rate, clients=clients, expect=expect,
        ).start()  # fmt: skip
        ended = [traffic for traffic in self.traffics if not traffic.running]
        self.traffics = [traffic for traffic in self.traffics if traffic not in ended[:-8]] + [started]
        return started

    def close(self) -> None:
        """Stops traffic and servers, frees instances, closes the providers that the lab opened."""
        for traffic in self.traffics:
            traffic.stop(wait=0)  # all at once; each is waited for below, with its app
        for server in self._servers:
            server.stop()
        self._servers.clear()
        for app in list(self.apps.values()):
            self._let_go(app)
        self.apps.clear()
        for link in (self.keyvalue, self.blobstore, *self._links):
            link.close()
        self._links.clear()
        services = self.__dict__.get("services")
        if services is not None:
            services.stop_all()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lab: {', '.join(self.apps) or 'nothing loaded yet'}>"


def read_manifest(
    manifest: str | Path, *, images: Mapping[str, Any] | None = None, providers: Mapping[str, Any] | None = None
) -> Plan:
    """What `lab.deploy` would do with a wadm manifest; `print` it. The arguments are those of `Lab.deploy`.

    Raises:
        ManifestError: the manifest is wrong, or asks for what can't be had here; says where.
    """
    from . import manifest as manifests

    return manifests.load(manifest, images, providers)
