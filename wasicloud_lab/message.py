"""The two ends of an in-process call: a request as a guest is shown it, a response as httpx has it."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from .errors import RequestError
from .wasi.http.bodies import BodySource, BytesSource, IteratorSource
from .wasi.http.exchange import Exchange
from .wasi.http.fields import Header, request_headers, valid_name

Headers = Mapping[str, "str | bytes"] | Iterable[tuple[str, "str | bytes"]]

#: Where a request without a host of its own seems to have been sent to.
AUTHORITY = "localhost"

#: Characters that stay as they are in a path and query; `%` too, so that what is encoded is left alone.
_SAFE = "/%?&=:@!$'()*+,;~[]-._|^`{}\"<>"


#: Control characters, line breaks in every disguise, and halves of characters. Any other that a request line
#: can't hold is percent-encoded.
_IMPOSSIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def prepare(
    make: type[Exchange],
    method: str,
    path: str,
    *,
    headers: Headers | None = None,
    params: Mapping[str, Any] | None = None,
    content: bytes | str | Iterable[bytes] | None = None,
    data: Mapping[str, Any] | None = None,
    json: Any = None,
    trailers: Headers | None = None,
    limit: int,
) -> Exchange:
    """An exchange of class `make` for a request; the arguments are those of `App.request`.

    Raises:
        RequestError: HTTP does not allow it.
    """
    if not valid_name(method):
        raise RequestError(f"{method!r} is not an HTTP method")
    scheme, authority, target = split_target(path, params)
    pairs = request_headers(headers.items() if isinstance(headers, Mapping) else headers) if headers else []
    source, extra = _body(content, data, json)
    names = {name for name, _ in pairs}
    pairs += [(name, value) for name, value in extra if name not in names]
    if trailers:
        source.trailers = request_headers(trailers.items() if isinstance(trailers, Mapping) else trailers)
    return make(method.upper(), target, pairs, authority=authority, scheme=scheme, body=source, limit=limit)


def split_target(path: str, params: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Scheme, authority and path-with-query of a path or URL.

    Raises:
        RequestError: it has line breaks, NULs or other characters that a request line can't hold.
    """
    scheme, authority = "http", AUTHORITY
    if _IMPOSSIBLE.search(path):  # first of all: urlsplit takes line breaks out without a word
        raise RequestError(
            f"the path {path!r} holds a character that no request line can; percent-encode it (%00, %0A, …)"
        )
    if not path.startswith("/"):
        if "://" not in path:
            raise RequestError(f"the path {path!r} does not start with '/'")
        try:
            parts = urlsplit(path)
        except ValueError as error:
            raise RequestError(f"{path!r} is not an http URL: {error}") from None
        scheme, authority = parts.scheme.lower(), parts.netloc.rpartition("@")[2]
        if scheme not in ("http", "https") or not authority or " " in authority:
            raise RequestError(f"{path!r} is not a path or an http URL")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = path.partition("#")[0]
    if params:
        path += ("&" if "?" in path else "?") + urlencode(params, doseq=True)
    if not path.isascii() or " " in path:
        path = quote(path, safe=_SAFE)
    return scheme, authority, path


def _body(
    content: bytes | str | Iterable[bytes] | None, data: Mapping[str, Any] | None, json: Any
) -> tuple[BodySource, list[Header]]:
    """The body and the headers that describe it."""
    if json is not None:
        content, kind = jsonlib.dumps(json, ensure_ascii=False).encode(), b"application/json"
    elif data is not None:
        content, kind = urlencode(data, doseq=True).encode(), b"application/x-www-form-urlencoded"
    else:
        kind = b"text/plain; charset=utf-8" if isinstance(content, str) else b""
    if content is None:
        return BytesSource(b""), []
    if isinstance(content, str):
        content = content.encode()
    described = [("content-type", kind)] if kind else []
    if isinstance(content, (bytes, bytearray, memoryview)):
        return BytesSource(bytes(content)), [*described, ("content-length", str(len(content)).encode())]
    return IteratorSource(iter(content)), described


class Response(httpx.Response):
    """An `httpx.Response` whose request is only put together when it is asked for."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, made_by: tuple[str, str]) -> None:
        super().__init__(status, headers=headers, stream=httpx.ByteStream(body))
        self._made_by = made_by
        if any(name == b"content-encoding" for name, _ in headers):
            self.read()
        else:  # what reading would come to, without its detour through iterators
            self._content = body
            self.is_stream_consumed = self.is_closed = True

    @property
    def request(self) -> httpx.Request:
        """The request this answers."""
        if self._request is None:
            self._request = httpx.Request(*self._made_by)
        return self._request

    @request.setter
    def request(self, value: httpx.Request) -> None:
        self._request = value

    def raise_for_status(self) -> Response:
        """Raises `httpx.HTTPStatusError` for a 4xx or 5xx; answers itself otherwise."""
        _ = self.request
        super().raise_for_status()
        return self
