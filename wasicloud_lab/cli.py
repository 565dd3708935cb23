"""`wasicloud-lab …`: a thin skin over the objects a notebook uses.

Exit status 0: good; 1: the thing failed; 2: the words were wrong. An error is one line on stderr, with
`--verbose` the rest of it.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import check_provider, doctor, replay_command
from .app import App
from .drawing import world_tree
from .errors import GuestError, GuestOutOfMemory, GuestTimeout, LabError
from .host.engine import MIB
from .host.pool import ISOLATIONS
from .host.types import Function
from .lab import Lab
from .providers.address import masked
from .wasi.filesystem import Preopen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; answers the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a terminal or pipe without our characters shows `?` for them
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = _parser()
    options = parser.parse_args(arguments)
    status: int = options.unread
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except LabError as error:
        print(f"wasicloud-lab: {_line(error, options.verbose)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status
    except _WrongWords as error:
        print(f"wasicloud-lab: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk behind `… > file`
        print(f"wasicloud-lab: the output can't be written: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer would fail again at exit
        return 1
    except KeyboardInterrupt:
        return 130


class _WrongWords(Exception):
    """An option that reads well but can't be: a folder that is missing, an entry no allow-list may have."""


def _line(error: LabError, verbose: bool) -> str:
    if isinstance(error, GuestError):
        error.stderr = ""  # it has gone to stderr as the guest wrote it
        error.hint = next((hint for kind, hint in _HINTS.items() if isinstance(error, kind)), "")
        if not verbose:
            return f"{error.message}; {error.hint}" if error.hint else error.message
    return str(error) if verbose else str(error).splitlines()[0]


_HINTS: dict[type[GuestError], str] = {
    GuestTimeout: "--deadline S allows more",
    GuestOutOfMemory: "--memory MIB allows more",
}


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-v", "--verbose", action="store_true", help="show all of an error: backtrace, stderr of the guest"
    )
    parser = argparse.ArgumentParser(
        prog="wasicloud-lab", description="Run WebAssembly components and plug services into their imports."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, unread: int = 0
    ) -> argparse.ArgumentParser:
        """Adds a command; `unread` is its status when nobody reads on before it has one: 1 where that is a verdict."""
        added = commands.add_parser(name, parents=[common], help=text, description=text)
        added.set_defaults(run=run, unread=unread)
        return added

    lab = command("lab", _lab, "Open JupyterLab at the first notebook.")
    lab.add_argument("--port", type=_port, default=8888, help="JupyterLab's port; the next free one when it is taken")
    lab.add_argument("--no-browser", action="store_true", help="print the address, open nothing")

    serve = command("serve", _serve, "Serve a component over HTTP until Ctrl-C.")
    _component(serve)
    serve.add_argument(
        "--addr",
        type=_address,
        default=("127.0.0.1", 8080),
        metavar="HOST:PORT",
        help="default 127.0.0.1:8080; port 0 takes a free one",
    )
    serve.add_argument("--workers", type=_count, default=16, metavar="N", help="requests that run at once (default 16)")

    request = command("request", _request, "Send one request to a component, in this process.")
    _component(request)
    request.add_argument("method", metavar="METHOD")
    request.add_argument("path", metavar="PATH")
    request.add_argument("-d", "--data", metavar="TEXT", help="the body; @FILE reads a file, @- standard input")
    request.add_argument("-H", "--header", action="append", default=[], type=_header, metavar="NAME: VALUE")
    request.add_argument("-i", "--include", action="store_true", help="print status and headers too")

    inspect = command("inspect", _inspect, "Show a component's world, size and digest, and what the lab can satisfy.")
    inspect.add_argument("component", metavar="COMPONENT", help=_COMPONENT_HELP)
    inspect.add_argument("--json", action="store_true", help="for a script")
    inspect.add_argument("--wit", action="store_true", help="the world as WIT")

    deploy = command(
        "deploy",
        _deploy,
        "Load, link and serve what a wadm manifest says, old form or new, until Ctrl-C.",
    )
    deploy.add_argument("manifest", metavar="MANIFEST", help="a wadm.yaml")
    deploy.add_argument("--dry-run", action="store_true", help="print what would be done; do nothing")
    deploy.add_argument(
        "--image", action="append", default=[], type=_pair, metavar="NAME=FILE", help="load this instead of an image"
    )
    deploy.add_argument(
        "--provider",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=URL",
        help="link this instead of a provider",
    )

    deploy.add_argument(
        "--allow-http", action="append", default=[], metavar="HOST[:PORT]", help="a host its components may call"
    )

    check_provider.add_arguments(command("check-provider", check_provider.run, check_provider.DESCRIPTION, unread=1))

    replay_command.add_arguments(command("replay", replay_command.run, replay_command.DESCRIPTION, unread=1))

    doctor_command = command(
        "doctor", _doctor, "Show which tools and real services are here, and how to get the others."
    )
    doctor_command.add_argument("--json", action="store_true", help="for a script")
    return parser


_KEYVALUE_HELP = "what wasi:keyvalue is wired to: redis://…, sqlite:///…, nats://…, fakeredis://… (default memory://)"
_BLOBSTORE_HELP = "what wasi:blobstore is wired to: file:///…, azure://…, s3://…, nats://… (default memory://)"
_COMPONENT_HELP = "a bundled name (hello, hello-rust, …), a .wasm file or an http(s) URL"


def _component(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("component", metavar="COMPONENT", help=_COMPONENT_HELP)
    parser.add_argument("--keyvalue", default="memory://", metavar="URL", help=_KEYVALUE_HELP)
    parser.add_argument("--blobstore", default="memory://", metavar="URL", help=_BLOBSTORE_HELP)
    parser.add_argument(
        "--config", action="append", default=[], type=_pair, metavar="K=V", help="what wasi:config/store answers"
    )
    parser.add_argument(
        "--env", action="append", default=[], type=_pair, metavar="K=V", help="an environment variable for the guest"
    )
    parser.add_argument(
        "--dir",
        action="append",
        default=[],
        type=_preopen,
        metavar="HOST[::GUEST][:rw]",
        help="a folder the guest may read; :rw lets it write",
    )
    parser.add_argument(
        "--allow-http", action="append", default=[], metavar="HOST[:PORT]", help="a host the guest may send requests to"
    )
    parser.add_argument(
        "--allow-sockets",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="an address the guest may open sockets to",
    )
    parser.add_argument(
        "--deadline",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="seconds a request may take (default 10; 0 for no limit)",
    )
    parser.add_argument(
        "--memory", type=_count, default=256, metavar="MIB", help="MiB an instance may use (default 256)"
    )
    parser.add_argument(
        "--isolation",
        choices=ISOLATIONS,
        help="reuse instances, or make one for each request (default: reuse, where the guest can)",
    )


# --- the commands ------------------------------------------------------------------------------------


def _load(options: argparse.Namespace, lab: Lab) -> App:
    guests = [preopen.guest for preopen in options.dir]
    for guest in guests:
        if guests.count(guest) > 1:
            raise _WrongWords(f"two folders would be {guest} in the guest; --dir HOST::GUEST names them apart")
    try:
        return lab.load(
            options.component,
            isolation=options.isolation,
            workers=getattr(options, "workers", 1),
            deadline=options.deadline or None,
            memory=options.memory * MIB,
            env=dict(options.env),
            config=dict(options.config),
            dirs={preopen.guest: preopen for preopen in options.dir},
            allow_http=options.allow_http,
            allow_sockets=options.allow_sockets,
            # `request` prints the response there, so what the guest prints goes beside it.
            stdout=sys.stdout.buffer if hasattr(options, "addr") else sys.stderr.buffer,
            stderr=sys.stderr.buffer,
        )
    except ValueError as error:
        raise _WrongWords(error) from None


def _lab_with_stores(options: argparse.Namespace) -> Lab:
    """A lab on the providers of `--keyvalue` and `--blobstore`, which must answer now and not at the first request."""
    lab = Lab(keyvalue=options.keyvalue, blobstore=options.blobstore)
    try:
        lab.keyvalue.check()
        lab.blobstore.check()
    except BaseException:
        lab.close()
        raise
    return lab


def _serve(options: argparse.Namespace) -> int:
    from .server import Server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    with _lab_with_stores(options) as lab:
        app = _load(options, lab)
        host, port = options.addr
        server = Server(app, host=host, port=port)
        print(f"{app.name} answers at {server.listen()} (Ctrl-C stops)", flush=True)
        try:
            server.run()
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()
    return 0


def _request(options: argparse.Namespace) -> int:
    body: bytes | None = None
    if options.data is not None:
        body = _data(options.data)
    with _lab_with_stores(options) as lab:
        app = _load(options, lab)
        response = app.request(options.method, options.path, headers=options.header, content=body)
    out = sys.stdout.buffer
    if options.include:
        out.write(f"HTTP/1.1 {response.status_code} {response.reason_phrase}".rstrip().encode() + b"\r\n")
        for name, value in response.headers.raw:
            out.write(name + b": " + value + b"\r\n")
        out.write(b"\r\n")
    out.write(response.content)
    out.flush()
    return 0


def _deploy(options: argparse.Namespace) -> int:
    from . import manifest

    images, providers = dict(options.image), dict(options.provider)
    if options.dry_run:
        print(manifest.load(options.manifest, images, providers))
        return 0
    with Lab() as lab:
        try:
            deployment = lab.deploy(options.manifest, images=images, providers=providers, allow_http=options.allow_http)
        except ValueError as error:  # an entry that no allow-list may have
            raise _WrongWords(error) from None
        print(f"{deployment} (Ctrl-C stops)", flush=True)
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        try:
            while not stopped.wait(0.5):  # in slices, so that Ctrl-C is heard on every platform
                pass
        except KeyboardInterrupt:
            pass
    return 0


def _inspect(options: argparse.Namespace) -> int:
    with Lab() as lab:
        app = lab.load(options.component, deadline=None)
        if options.wit:
            print(app.wit, end="")
        elif options.json:
            print(json.dumps(description(app), indent=2))
        else:
            print(world_tree(app))
    return 0


def description(app: App) -> dict[str, Any]:
    """What `inspect --json` prints."""
    wiring = app.wiring
    return {
        "name": app.name,
        "size": app.size,
        "sha256": app.digest,
        "imports": [
            {"name": name, "functions": _names(item), "provided": wiring[name] is not None, "by": wiring[name]}
            for name, item in app.world.imports.items()
        ],
        "exports": [{"name": name, "functions": _names(item)} for name, item in app.world.exports.items()],
        "answers_http": app.handler is not None,
        "satisfied": all(wiring[name] is not None or not _names(item) for name, item in app.world.imports.items()),
    }


def _names(item: Any) -> list[str]:
    return [] if isinstance(item, Function) else list(item.functions)


def _doctor(options: argparse.Namespace) -> int:
    found = doctor.examine()
    print(json.dumps(found, indent=2) if options.json else doctor.report(found))
    return 0 if found["ready"] else 1


def _lab(options: argparse.Namespace) -> int:
    from .notebooks import open_lab

    return open_lab(options.port, browser=not options.no_browser)


# --- the words ---------------------------------------------------------------------------------------


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _port(text: str) -> int:
    return _address(f":{text}")[1]


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{masked(text)!r} is not K=V")
    return key, value


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME: VALUE")
    return name, value.strip()


def _preopen(text: str) -> Preopen:
    place, writable = (text[:-3], True) if text.endswith(":rw") else (text, False)
    host, _, guest = place.partition("::")
    return Preopen(Path(host), guest or "/", writable)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _data(text: str) -> bytes:
    if text == "@-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise LabError(f"{text[1:]} can't be read: {error.strerror or error}") from None
    return text.encode()


if __name__ == "__main__":
    sys.exit(main())
