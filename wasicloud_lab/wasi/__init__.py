"""WASI 0.2 in Python: one module per package, one class per interface or resource.

`standard` makes the set that every app gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def standard(
    *,
    env: Mapping[str, str] | None = None,
    args: Sequence[str] = (),
    dirs: Mapping[str, Any] | None = None,
    config: Mapping[str, str] | None = None,
    allow_http: Iterable[str] = (),
    allow_sockets: Iterable[str] = (),
    stdout: Any = None,
    stderr: Any = None,
) -> list[Any]:
    """The interfaces of one app, with what it is given. The arguments are those of `Lab.load`."""
    from . import blobstore, cli, clocks, filesystem, io, keyvalue, logging, random, sockets
    from . import config as configuration
    from .http.handler import IncomingHandler
    from .http.outgoing import OutgoingHandler
    from .http.types import HttpTypes

    return [
        io.Errors(),
        io.Poll(),
        io.Streams(),
        clocks.MonotonicClock(),
        clocks.WallClock(),
        clocks.Timezone(),
        random.Random(),
        cli.Environment(env, args),
        cli.Exit(),
        cli.StandardStreams(stdout=stdout, stderr=stderr),
        cli.Terminals(),
        filesystem.Filesystem(dirs or ()),
        *sockets.interfaces(allow_sockets),
        HttpTypes(),
        OutgoingHandler(allow_http),
        IncomingHandler(),
        configuration.Config(config),
        logging.Logging(),
        *keyvalue.interfaces(),
        *blobstore.interfaces(),
    ]
