"""One HTTP request on its way through a guest, and the response that comes back.

The embedder makes an `Exchange`, hands its request to the guest's `handle`, and is told the head when
the guest sets it, then the body as it is written. `BufferedExchange` keeps it all; a server makes its own.
"""

from __future__ import annotations

from typing import Any

from ...errors import Err, GuestNoResponse, GuestOutOfMemory
from ...host.state import StoreState
from ...host.values import Variant
from ..io import WRITE_LIMIT, stream_closed
from .bodies import BodySource, BytesSource, OutgoingBody
from .fields import Header, content_length

METHODS = {
    name.upper(): Variant(name)
    for name in ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
}
SCHEMES = {"http": Variant("HTTP"), "https": Variant("HTTPS")}


def method_variant(method: str) -> Variant:
    """`"GET"` → `Variant("get")`; a method without a case of its own → `Variant("other", …)`."""
    return METHODS.get(method) or Variant("other", method)


def error_text(code: Any) -> str:
    """An `error-code` in words."""
    if isinstance(code, Variant):
        return code.tag if code.value is None else f"{code.tag}: {_payload(code.value)}"
    return str(code)


def _payload(value: Any) -> str:
    if hasattr(value, "_asdict"):
        return ", ".join(f"{name} {part}" for name, part in value._asdict().items() if part is not None)
    return str(value)


class Exchange:
    """A request and its response.

    Args:
        method: in upper case.
        path_with_query: as in the request line.
        headers: as `fields.request_headers` answers them.
        authority: host and port, or None.
        scheme: "http" or "https".
        body: the request's.
        limit: bytes of a response body that may be held in memory.

    Attributes:
        status: the response's, once set.
        response_headers: likewise.
        error: the `error-code` the guest set instead of a response.
        body_error: the `error-code` of a body that did not end well.
        informational: (status, headers) of each 1xx the guest sent before its response.
        size: bytes that the guest has written of the response's body, once it has ended.
        trailers: of the response, once its body has ended.
        bodiless: HTTP allows this response no body (HEAD, 204, 304); what the guest writes is thrown away.
    """

    def __init__(
        self,
        method: str,
        path_with_query: str,
        headers: list[Header],
        *,
        authority: str | None = None,
        scheme: str = "http",
        body: BodySource | None = None,
        limit: int = 256 * 1024 * 1024,
    ) -> None:
        self.method = method
        self.path_with_query = path_with_query
        self.headers = headers
        self.authority = authority
        self.scheme = scheme
        self.body = body if body is not None else BytesSource(b"")
        self.limit = limit
        self.status: int | None = None
        self.bodiless = False
        self.response_headers: list[Header] = []
        self.error: Variant | None = None
        self.body_error: Variant | None = None
        self.body_ended = False
        self.size: int | None = None
        self.informational: list[tuple[int, list[Header]]] = []
        self.trailers: list[Header] | None = None

    # --- called while the guest runs ---------------------------------------------------------------

    def bind(self, state: StoreState) -> None:
        """The guest starts, in the store of `state`."""

    def unbind(self) -> None:
        """The guest has ended; its store serves another exchange next."""

    def respond(self, status: int, headers: list[Header], body: OutgoingBody | None) -> None:
        """The guest has set its response; `body` is None where it has none."""
        self.status, self.response_headers = status, headers
        self.bodiless = self.method == "HEAD" or status in (204, 304)
        self.on_head()
        if body is None:
            self.body_ended = True
            if not self.bodiless and content_length(headers):
                self.body_error = Variant("HTTP-response-body-size", 0)
            self.on_end()
        else:
            body.attach(self, self._ended)

    def fail(self, code: Variant) -> None:
        """The guest has set an error instead of a response."""
        self.error = code

    def _ended(self, body: OutgoingBody, error: Variant | None) -> None:
        self.body_ended = True
        self.size = body.written
        self.body_error = error
        self.trailers = body.trailers
        self.on_end()

    # --- for the embedder to override: the sink of the response body -------------------------------

    def on_head(self) -> None:
        """Status and headers are known."""

    def on_end(self) -> None:
        """The body has ended; `body_error` says whether well."""

    def room(self) -> int:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        """The guest wants what it wrote to be on its way."""

    def flushed(self) -> bool:
        """Whether it is."""
        return True

    # --- after the guest has returned --------------------------------------------------------------

    def check(self, name: str) -> None:
        """Whether the guest `name` gave a whole response.

        Raises:
            GuestNoResponse: it did not; the message says in what way.
        """
        if self.error is not None:
            raise GuestNoResponse(
                f"{name} answered {self.method} {self.path_with_query} with an error instead of a response: "
                f"{error_text(self.error)}"
            )
        if self.status is None:
            raise GuestNoResponse(
                f"{name} returned from {self.method} {self.path_with_query} without setting a response "
                "(it never called response-outparam.set)"
            )
        if not self.body_ended:
            raise GuestNoResponse(
                f"{name} returned before it had finished the body of its response (outgoing-body.finish was not called)"
            )
        if self.body_error is not None:
            raise GuestNoResponse(f"{name} did not give the whole body of its response: {error_text(self.body_error)}")


class BufferedExchange(Exchange):
    """An exchange that keeps the whole response body, up to `limit` bytes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chunks: list[bytes] = []
        self._size = 0

    def room(self) -> int:
        return WRITE_LIMIT if not self.body_ended else _closed()

    def write(self, data: bytes) -> None:
        if self.bodiless:  # what a guest writes all the same is not sent
            return
        self._size += len(data)
        if self._size > self.limit:
            raise GuestOutOfMemory(
                f"the body of the response passed {self.limit} bytes, the most that is kept in memory",
                hint="stream it with app.client().stream(…), or raise the limit with lab.load(…, body=…)",
            )
        self.chunks.append(data)


def _closed() -> int:
    raise stream_closed()


__all__ = ["BufferedExchange", "Err", "Exchange", "error_text", "method_variant"]
