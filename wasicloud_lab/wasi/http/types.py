"""wasi:http/types: requests and responses, in the order of the specification."""

from __future__ import annotations

import re
from typing import Any

from ...errors import Err, GuestTrap
from ...host.interface import interface, resource
from ...host.state import current
from ...host.values import Ok, Variant
from ..io import IoError, Pollable
from .bodies import BodySource, FutureTrailers, IncomingBody, OutgoingBody
from .exchange import SCHEMES, Exchange, method_variant
from .fields import Fields, Header, content_length

#: Bytes of a body that a guest may write before its head is sent.
HELD = 16 * 1024 * 1024

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"[^\x00-\x20\x7f]*")
_AUTHORITY = re.compile(r"[^\x00-\x20\x7f/?#@\\]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")


@resource
class IncomingRequest:
    """wasi:http/types `incoming-request`: what a client asked."""

    __slots__ = ("_consumed", "_exchange")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._consumed = False

    def method(self) -> Variant:
        return method_variant(self._exchange.method)

    def path_with_query(self) -> str | None:
        return self._exchange.path_with_query

    def scheme(self) -> Variant | None:
        return SCHEMES.get(self._exchange.scheme) or Variant("other", self._exchange.scheme)

    def authority(self) -> str | None:
        return self._exchange.authority

    def headers(self) -> Fields:
        return Fields(self._exchange.headers, immutable=True)

    def consume(self) -> IncomingBody:
        if self._consumed:
            raise Err()
        self._consumed = True
        return IncomingBody(self._exchange.body)


@resource
class OutgoingRequest:
    """wasi:http/types `outgoing-request`: what the guest asks of somebody else."""

    def __init__(self, headers: Fields) -> None:
        self.fields = headers.entries_list
        self.verb = Variant("get")
        self.target: str | None = None
        self.protocol: Variant | None = None
        self.host: str | None = None
        self.content: OutgoingBody | None = None

    def body(self) -> OutgoingBody:
        if self.content is not None:
            raise Err()
        self.content = OutgoingBody(content_length(self.fields), "HTTP-request-body-size", HELD)
        return self.content

    def method(self) -> Variant:
        return self.verb

    def set_method(self, method: Variant) -> None:
        if method.tag == "other" and not _METHOD.fullmatch(method.value):
            raise Err()
        self.verb = method

    def path_with_query(self) -> str | None:
        return self.target

    def set_path_with_query(self, path_with_query: str | None) -> None:
        if path_with_query is not None and not _TARGET.fullmatch(path_with_query):
            raise Err()
        self.target = path_with_query

    def scheme(self) -> Variant | None:
        return self.protocol

    def set_scheme(self, scheme: Variant | None) -> None:
        if scheme is not None and scheme.tag == "other" and not _SCHEME.fullmatch(scheme.value):
            raise Err()
        self.protocol = scheme

    def authority(self) -> str | None:
        return self.host

    def set_authority(self, authority: str | None) -> None:
        if authority is not None and not _AUTHORITY.fullmatch(authority):
            raise Err()
        self.host = authority

    def headers(self) -> Fields:
        return Fields(self.fields, immutable=True)


@resource
class RequestOptions:
    """wasi:http/types `request-options`: time limits, in nanoseconds."""

    def __init__(self) -> None:
        self.connect: int | None = None
        self.first_byte: int | None = None
        self.between_bytes: int | None = None

    def connect_timeout(self) -> int | None:
        return self.connect

    def set_connect_timeout(self, duration: int | None) -> None:
        self.connect = duration

    def first_byte_timeout(self) -> int | None:
        return self.first_byte

    def set_first_byte_timeout(self, duration: int | None) -> None:
        self.first_byte = duration

    def between_bytes_timeout(self) -> int | None:
        return self.between_bytes

    def set_between_bytes_timeout(self, duration: int | None) -> None:
        self.between_bytes = duration


@resource
class ResponseOutparam:
    """wasi:http/types `response-outparam`: where the guest puts its answer.

    Attributes:
        exchange: the request that is answered.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @staticmethod
    def set(param: ResponseOutparam, response: Ok | Err) -> None:
        exchange = param.exchange
        if isinstance(response, Err):
            exchange.fail(response.value)
            return
        answer: OutgoingResponse = response.value
        if answer.status < 200:
            raise GuestTrap(
                f"the guest set the status {answer.status} on its response; 1xx is informational and "
                "goes before a response (send-informational)"
            )
        lengths = [value for name, value in answer.fields if name == "content-length"]
        if lengths and content_length(answer.fields) is None:
            raise GuestTrap(
                f"the guest set the content-length {b', '.join(lengths)[:60]!r} on its response, "
                "which is not one number"
            )
        body = answer.content
        if body is not None and (exchange.method == "HEAD" or answer.status in (204, 304)):
            body.expected = None  # content-length tells what a GET would bring, not what is sent
        exchange.respond(answer.status, answer.fields, body)

    def send_informational(self, status: int, headers: Fields) -> None:
        if not 100 <= status <= 199:
            raise Err(Variant("internal-error", f"{status} is not an informational status"))
        self.exchange.informational.append((status, headers.copy_all()))


@resource
class IncomingResponse:
    """wasi:http/types `incoming-response`: what somebody else answered."""

    def __init__(self, status: int, headers: list[Header], source: BodySource) -> None:
        self._status = status
        self._headers = headers
        self._source = source
        self._consumed = False

    def status(self) -> int:
        return self._status

    def headers(self) -> Fields:
        return Fields(self._headers, immutable=True)

    def consume(self) -> IncomingBody:
        if self._consumed:
            raise Err()
        self._consumed = True
        return IncomingBody(self._source)

    def drop(self) -> None:
        if not self._consumed:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()


@resource
class OutgoingResponse:
    """wasi:http/types `outgoing-response`: the guest's answer."""

    __slots__ = ("content", "fields", "status")

    def __init__(self, headers: Fields) -> None:
        self.status = 200
        self.fields = headers.entries_list
        self.content: OutgoingBody | None = None

    def status_code(self) -> int:
        return self.status

    def set_status_code(self, status_code: int) -> None:
        if not 100 <= status_code <= 999:
            raise Err()
        self.status = status_code

    def headers(self) -> Fields:
        return Fields(self.fields, immutable=True)

    def body(self) -> OutgoingBody:
        if self.content is not None:
            raise Err()
        exchange = current().context
        limit = min(HELD, exchange.limit) if isinstance(exchange, Exchange) else HELD
        self.content = OutgoingBody(content_length(self.fields), "HTTP-response-body-size", limit)
        return self.content


@resource
class FutureIncomingResponse:
    """wasi:http/types `future-incoming-response`: an answer on its way.

    The thread that fetches it sets `outcome` and then calls `arrived`.
    """

    def __init__(self) -> None:
        self.outcome: Ok | Err | None = None
        self._waker = current().waker
        self._taken = False
        self.on_drop: Any = None

    def arrived(self, outcome: Ok | Err) -> None:
        """The answer, or the `error-code`: called once, from any thread."""
        self.outcome = outcome
        self._waker.set()

    def subscribe(self) -> Pollable:
        return Pollable(lambda: self.outcome is not None)

    def get(self) -> Any:
        if self.outcome is None:
            return None
        if self._taken:
            return Err()
        self._taken = True
        return Ok(self.outcome)

    def drop(self) -> None:
        if not self._taken and self.on_drop is not None:
            self.on_drop()


@interface("wasi:http/types@0.2.0")
class HttpTypes:
    """The interface wasi:http/types."""

    Fields = Fields
    IncomingRequest = IncomingRequest
    OutgoingRequest = OutgoingRequest
    RequestOptions = RequestOptions
    ResponseOutparam = ResponseOutparam
    IncomingResponse = IncomingResponse
    IncomingBody = IncomingBody
    FutureTrailers = FutureTrailers
    OutgoingResponse = OutgoingResponse
    OutgoingBody = OutgoingBody
    FutureIncomingResponse = FutureIncomingResponse

    def http_error_code(self, err: IoError) -> Variant | None:
        return err.payload if isinstance(err.payload, Variant) else None
