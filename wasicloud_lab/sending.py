"""A request as a person types it: its headers read, and the whole of it said as curl and as Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from .errors import RequestError
from .message import AUTHORITY, split_target

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

#: Where an app would be served, as long as it is not.
DEFAULT_URL = "http://localhost:8080"

Pairs = Sequence[tuple[str, str]]


def read_headers(text: str) -> list[tuple[str, str]]:
    """Headers from lines of `Name: value`; empty lines do not count.

    Raises:
        RequestError: a line has no colon, or no name before it; says which line.
    """
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise RequestError(f"line {number} of the headers, {line.strip()[:60]!r}, is not `Name: value`")
        pairs.append((name.strip(), value.strip()))
    return pairs


def as_curl(url: str, method: str, path: str, headers: Pairs = (), body: str = "") -> str:
    """The line that sends the same request with curl from a POSIX shell.

    Args:
        url: where the app is served, without a path.

    Raises:
        RequestError: the path can't be sent.
    """
    _, authority, target = split_target(path, None)
    words = ["curl", "-i"]
    body = "" if method == "HEAD" else body
    if method == "HEAD":
        words = ["curl", "--head"]
    elif method != ("POST" if body else "GET"):
        words += ["-X", method]
    if re.search(r"[\[\]{}]", target):
        words.append("--globoff")  # else curl reads them as patterns
    if re.search(r"/\.{1,2}(/|$|\?)", target):
        words.append("--path-as-is")
    given = {name.lower() for name, _ in headers}
    said = list(headers)
    if authority != AUTHORITY and "host" not in given:
        said.append(("Host", authority))
    if body and "content-type" not in given:
        said.append(("Content-Type", "text/plain; charset=utf-8"))  # as App.request; curl would call it a form
    for name, value in said:
        words += ["-H", f"{name}: {value}" if value else f"{name};"]  # curl's way to send an empty one
    if body:
        words += ["--data-raw", body]
    return " ".join(shlex.quote(word) for word in [*words, url.rstrip("/") + target])


def as_python(app: str, method: str, path: str, headers: Pairs = (), body: str = "") -> str:
    """The line that sends the same request from a cell.

    Args:
        app: the expression for the app, as in `lab.apps["gopher"]`.
    """
    short = {"GET", "HEAD", "POST", "PUT", "DELETE"}
    call = f"{app}.{method.lower()}({path!r}" if method in short else f"{app}.request({method!r}, {path!r}"
    if headers:
        names = [name.lower() for name, _ in headers]
        call += f", headers={dict(headers) if len(set(names)) == len(names) else list(headers)!r}"
    if body:
        call += f", content={body!r}"
    return call + ")"
