"""What guests answer: hello's greeting, and what echo saw of a request."""

from __future__ import annotations

import httpx

HELLO = "Hello, world, from a Go component!\n"


def shown(response: httpx.Response) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What echo's /headers says: the request line's parts, and the headers."""
    line, _, headers = response.text.partition("\n\n")
    parts = dict(one.split(": ", 1) for one in line.splitlines())
    return parts, [(name, value) for name, _, value in (one.partition(": ") for one in headers.splitlines())]
