"""wasi:http/outgoing-handler: requests a guest sends, on httpx, to an allow-list.

Each request has a thread: it sends the head, the body as the guest writes it, and puts the answer's body
in a pipe as it comes. No redirects are followed, no cookies kept and no environment read: what goes out
is what the guest said.
"""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import httpx

from ...errors import Err, GuestError
from ...host.interface import interface
from ...host.state import StoreState, current
from ...host.values import Ok, Variant, record_type
from ..allow import AllowList, split_authority
from ..io import stream_failed
from ..pipe import Pipe
from .bodies import OutgoingBody
from .fields import FORBIDDEN
from .trailers import Trailers, TrailerTransport
from .types import FutureIncomingResponse, IncomingResponse, OutgoingRequest, RequestOptions

_DnsError = record_type(("rcode", "info-code"))

#: Seconds to connect, and to wait for the head or the next bytes, where the guest says nothing.
DEFAULT_TIMEOUT = 30.0

#: Requests of one app that may be under way at once.
CONCURRENT = 64

#: Hosts whose connections are kept for the next request.
HOSTS = 64


@interface("wasi:http/outgoing-handler@0.2.0")
class OutgoingHandler:
    """The interface wasi:http/outgoing-handler.

    Args:
        allow: hosts that may be reached; see `wasi.allow`. None by default.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self.allow = AllowList(allow)
        self._transports: OrderedDict[str, TrailerTransport] = OrderedDict()
        self._verify: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(CONCURRENT)

    def summary(self) -> str:
        """What the lab's picture says."""
        return f"httpx → {self.allow}" if self.allow else "denied: no host is allowed (allow_http=…)"

    def handle(self, request: OutgoingRequest, options: RequestOptions | None) -> FutureIncomingResponse:
        scheme = request.protocol.tag.lower() if request.protocol else "https"
        if scheme not in ("http", "https"):
            raise Err(Variant("HTTP-protocol-error"))
        if not request.host:
            raise Err(Variant("HTTP-request-URI-invalid"))
        try:
            host, port = split_authority(request.host, 443 if scheme == "https" else 80)
        except ValueError:
            raise Err(Variant("HTTP-request-URI-invalid")) from None
        if port is None or not self.allow.names(host, port):
            raise Err(Variant("HTTP-request-denied"))
        if not self._places.acquire(blocking=False):
            raise Err(Variant("connection-limit-reached"))
        future = FutureIncomingResponse()
        sending = _Sending(self, request, host, port, scheme, options, future, current())
        threading.Thread(target=sending.run, name=f"request to {host}", daemon=True).start()
        return future

    def transport(self, host: str) -> TrailerTransport:
        """The connections to one host. A client would add headers, cookies and redirects of its own.

        Connections are made to addresses, and two names may share one: kept together, a request to the one
        would go out on a connection whose certificate was checked for the other.
        """
        with self._lock:
            transport = self._transports.pop(host, None)
            if transport is None:
                if self._verify is None:
                    self._verify = httpx.create_ssl_context(trust_env=False)
                limits = httpx.Limits(max_connections=CONCURRENT, keepalive_expiry=30)
                transport = TrailerTransport(self._verify, limits)
            self._transports[host] = transport
            if len(self._transports) > HOSTS:  # not closed: it may be in use, and ends with its last request
                self._transports.popitem(last=False)
            return transport

    def release(self) -> None:
        """One request is over."""
        self._places.release()


class _Sending:
    """One request under way, in its own thread."""

    def __init__(
        self, handler: OutgoingHandler, request: OutgoingRequest, host: str, port: int, scheme: str,
        options: RequestOptions | None, future: FutureIncomingResponse, state: StoreState,
    ) -> None:  # fmt: skip
        self._handler = handler
        self._host, self._port, self._scheme = host, port, scheme
        self._authority = request.host or host
        self._method = request.verb.value if request.verb.tag == "other" else request.verb.tag.upper()
        self._target = request.target or "/"
        self._headers = list(request.fields)
        self._options = options
        self._future = future
        self._waker = state.waker
        self._body = Pipe() if request.content is not None else None
        if request.content is not None and self._body is not None:
            self._arrived = threading.Event()
            self._body.on_readable = self._arrived.set
            self._body.on_writable = self._waker.set
            request.content.attach(self._body, self._body_ended)
        self._response = Pipe()
        self._response.on_readable = self._waker.set
        self._drained = threading.Event()
        self._response.on_writable = self._drained.set
        future.on_drop = self._response.close

    def _body_ended(self, body: OutgoingBody, error: Variant | None) -> None:
        assert self._body is not None
        if error is None:
            self._body.end(body.trailers)
        else:
            self._body.fail(stream_failed("the guest did not write its whole body"))

    def run(self) -> None:
        """Sends, and reports the outcome exactly once."""
        try:
            self._send()
        except Err as error:
            self._report(error)
        except Exception as error:
            self._report(Err(error_code(error)))
        finally:
            if self._body is not None:
                self._body.close()
            self._handler.release()

    def _report(self, outcome: Ok | Err) -> None:
        if self._future.outcome is None:
            self._future.arrived(outcome)
        else:  # the head had come already: the rest of the body did not
            code = outcome.value
            self._response.fail(stream_failed(f"the answer broke off: {code.tag}", code))

    def _send(self) -> None:
        trailers = Trailers(self._method, lambda: self._body.trailers if self._body is not None else None)
        with trailers.carried():
            self._receive(trailers)

    def _receive(self, trailers: Trailers) -> None:
        try:
            addresses = self._handler.allow.addresses(self._host, self._port)
        except OSError:
            raise Err(Variant("DNS-error", _DnsError("NXDOMAIN", None))) from None
        if not addresses:
            raise Err(Variant("destination-IP-prohibited"))
        response = self._connected(addresses)
        try:
            headers = [
                (name.decode("latin-1").lower(), value)
                for name, value in response.headers.raw
                if name.decode("latin-1").lower() not in FORBIDDEN
            ]
            self._future.arrived(Ok(IncomingResponse(response.status_code, headers, self._response)))
            for chunk in response.iter_raw():
                self._response.write(chunk)
                while self._response.full and not self._response.abandoned:
                    self._drained.clear()
                    if self._response.full and not self._response.abandoned:
                        self._drained.wait(1.0)
                if self._response.abandoned:
                    return
            self._response.end(trailers.received)
        finally:
            response.close()

    def _connected(self, addresses: list[str]) -> httpx.Response:
        """The answer of the first address that takes the connection, as `socket.create_connection` has it."""
        for number, ip in enumerate(addresses, 1):
            # Connected to by address, so that what was checked is what is reached; TLS still sees the name.
            address = f"[{ip}]" if ":" in ip else ip
            request = httpx.Request(
                self._method,
                httpx.URL(f"{self._scheme}://{address}:{self._port}{self._target}"),
                headers=self._sent_headers(),
                content=self._chunks() if self._body is not None else None,
                extensions={"sni_hostname": self._host, "timeout": self._timeouts()},
            )
            try:
                return self._handler.transport(self._host).handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing of the body has been read yet
                if number == len(addresses) or self._response.abandoned:
                    raise
        raise AssertionError("no address")

    def _sent_headers(self) -> list[tuple[bytes, bytes]]:
        host = (b"host", self._authority.encode("latin-1", "replace"))
        return [host, *((name.encode(), value) for name, value in self._headers)]

    def _chunks(self) -> Iterator[bytes]:
        assert self._body is not None
        while True:
            self._arrived.clear()
            try:
                chunk = self._body.read(1 << 16)
            except Err as error:
                if self._body.failure is not None:
                    raise GuestError("the guest did not write its whole body") from error
                return
            if chunk:
                yield chunk
            elif not self._body.readable():
                self._arrived.wait(1.0)

    def _timeouts(self) -> dict[str, float]:
        def seconds(nanoseconds: int | None) -> float:
            return DEFAULT_TIMEOUT if nanoseconds is None else max(nanoseconds / 1e9, 0.001)

        options = self._options or RequestOptions()
        connect = seconds(options.connect)
        # httpx has one limit for both waits of a read: the guest's for the head is the one that is felt.
        read = seconds(options.first_byte if options.first_byte is not None else options.between_bytes)
        return {"connect": connect, "pool": connect, "read": read, "write": seconds(options.between_bytes)}


def error_code(error: Exception) -> Variant:
    """The `error-code` for what httpx raised."""
    text = str(error)
    if isinstance(error, httpx.ConnectTimeout):
        return Variant("connection-timeout")
    if isinstance(error, httpx.ReadTimeout):
        return Variant("connection-read-timeout")
    if isinstance(error, httpx.WriteTimeout):
        return Variant("connection-write-timeout")
    if isinstance(error, httpx.PoolTimeout):
        return Variant("connection-limit-reached")
    if isinstance(error, httpx.ConnectError):
        if "certificate" in text.lower():
            return Variant("TLS-certificate-error")
        if "ssl" in text.lower():
            return Variant("TLS-protocol-error")
        return Variant("connection-refused")
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)):
        return Variant("connection-terminated") if "disconnect" in text or not text else Variant("HTTP-protocol-error")
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return Variant("HTTP-request-URI-invalid")
    return Variant("internal-error", text or type(error).__name__)
