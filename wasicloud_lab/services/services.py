"""Which servers there are, how each is started, and which of them run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..doctor import TOOLS, find_tool
from ..errors import ServeError, ToolMissing
from .service import HOST, Service

#: The largest message of NATS, in bytes: room for a 16 MiB value and what goes with it.
NATS_MESSAGE = 32 * 1024 * 1024


class Services:
    """Starts real servers and knows those that run.

        with Services() as services:
            services.redis().url        # 'redis://127.0.0.1:40123'

    Asked again for the same thing, it answers the server that runs already; `new=True` starts another.
    """

    def __init__(self) -> None:
        self._started: list[Service] = []
        self._lock = threading.Lock()

    def redis(
        self,
        *,
        port: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        new: bool = False,
        **config: str | int,
    ) -> Service:
        """A redis-server. Its `url` is a key-value provider's.

        Args:
            port: None for a free one.
            folder: where its data goes and stays; None: nothing outlives the server.
            new: another one, even if one runs.
            config: lines of redis.conf, `_` for `-`: `requirepass="…"`, `maxmemory="10mb"`.

        Raises:
            ToolMissing: it is not installed; the message says how to get it.
            ServeError: it does not start.
        """
        program = _program("redis-server")

        def command(place: Path, chosen: int) -> list[str]:
            lines: dict[str, str | int] = {"bind": HOST, "port": chosen, "dir": str(place)}
            # A server that goes with its folder has nothing to write down.
            lines |= {"save": ""} if folder is None else {"appendonly": "yes"}
            lines |= {name.replace("_", "-"): value for name, value in config.items()}
            return [program, _written(place / "redis.conf", "".join(_redis_line(*line) for line in lines.items()))]

        password = config.get("requirepass")
        login = f":{quote(str(password), safe='')}@" if password else ""
        return self._one(
            "redis",
            new,
            {"port": port, "folder": folder, **config},
            lambda options: Service(
                "redis",
                command,
                "Ready to accept connections",
                lambda chosen: f"redis://{login}{HOST}:{chosen}",
                port=port,
                folder=folder,
                options=options,
            ),
        )

    def azurite(
        self, *, port: int | None = None, folder: str | os.PathLike[str] | None = None, new: bool = False
    ) -> Service:
        """Azure Blob Storage on this machine. Its `url` is a blobstore provider's, for Azurite's well-known account.

        Args:
            as `redis`.

        Raises:
            ToolMissing: it is not installed (or node is not); the message says how to get it.
            ServeError: it does not start.
        """
        # The file itself, not npx: whose child the server would be, out of reach.
        program = _program("azurite")
        _program("node")

        def command(place: Path, chosen: int) -> list[str]:
            options = ["--blobHost", HOST, "--blobPort", str(chosen), "--location", str(place)]
            # Newer clients speak newer versions than it knows, and get on with it all the same.
            return [program, *options, "--skipApiVersionCheck", "--silent", "--disableTelemetry"]

        return self._one(
            "azurite",
            new,
            {"port": port, "folder": folder},
            lambda options: Service(
                "azurite",
                command,
                "Blob service successfully listens",
                lambda chosen: f"azure://devstoreaccount1@{HOST}:{chosen}",
                port=port,
                folder=folder,
                options=options,
            ),
        )

    def nats(
        self,
        *,
        port: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        new: bool = False,
        **config: Any,
    ) -> Service:
        """A nats-server with JetStream. Its `url` is a key-value and a blobstore provider's.

        Args:
            port, folder, new: as `redis`.
            config: entries of its configuration: `max_payload=1024`, `authorization={"token": "…"}`.

        Raises:
            ToolMissing: it is not installed; the message says how to get it.
            ServeError: it does not start.
        """
        program = _program("nats-server")

        def command(place: Path, chosen: int) -> list[str]:
            wanted = {"host": HOST, "port": chosen, "max_payload": NATS_MESSAGE}
            wanted |= {"jetstream": {"store_dir": str(place)}} | config
            # Its format takes JSON as it is, which leaves no question of quoting.
            return [program, "--config", _written(place / "nats.conf", json.dumps(wanted, indent=1))]

        return self._one(
            "nats",
            new,
            {"port": port, "folder": folder, **config},
            lambda options: Service(
                "nats",
                command,
                "Server is ready",
                lambda chosen: f"nats://{HOST}:{chosen}",
                port=port,
                folder=folder,
                options=options,
            ),
        )

    def stop_all(self) -> None:
        """Ends all that were started here."""
        with self._lock:
            while self._started:
                self._started.pop().stop()

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()

    def __repr__(self) -> str:
        running = self.running
        return "\n".join(map(repr, running)) if running else "<no services; .redis(), .azurite() or .nats() starts one>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    @property
    def running(self) -> list[Service]:
        """The servers started here that still run."""
        return [service for service in self._started if service.running]

    def _one(
        self, kind: str, new: bool, wanted: Mapping[str, Any], start: Callable[[Mapping[str, Any]], Service]
    ) -> Service:
        options = {name: value for name, value in wanted.items() if value is not None}
        if "folder" in options:
            options["folder"] = os.path.abspath(options["folder"])
        with self._lock:
            for service in self.running:
                if service.kind != kind:
                    continue
                if not new and (not options or service.options == options):
                    return service
                if options.get("folder") == str(service.folder):
                    raise ServeError(f"{service!r} keeps its data in {service.folder}; stop it first, or take another")
            service = start(options)
            self._started.append(service)
            return service


def _program(name: str) -> str:
    path = find_tool(name)
    if path is None:
        raise ToolMissing(f"{name} is not on this machine; get it with: {TOOLS[name].get}")
    return path


def _redis_line(name: str, value: str | int) -> str:
    text = str(value)
    if any(character in text + name for character in "\r\n\0"):
        raise ServeError(f"{name}: a line of redis.conf can't hold a line break")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name} "{quoted}"\n'


def _written(file: Path, text: str) -> str:
    """The path of a configuration file that only this user may read: a password may be in it."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    return str(file)
