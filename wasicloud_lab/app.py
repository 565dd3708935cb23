"""App: one loaded component, to call, to look at, to serve."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import httpx

from .drawing import world_svg, world_tree
from .errors import GuestError, LinkError
from .host.component import Component
from .host.engine import Limits
from .host.pool import Pool
from .host.state import current, enclosing_trace
from .host.types import World
from .message import Headers, Response, prepare
from .plugs import Pins
from .session import Session
from .trace import TRACES_KEPT, NoTrace, Recorder, Trace, interactive
from .wasi.http.exchange import BufferedExchange, Exchange
from .wasi.http.fields import content_length
from .wasi.http.streamed import StreamedExchange
from .wasi.http.types import IncomingRequest, ResponseOutparam
from .wiring import wiring

if TYPE_CHECKING:
    from .links import Link

HANDLER = "wasi:http/incoming-handler"

#: Which requests are traced: those a person makes one by one, all, or none.
Tracing = Literal["calls", "all", "off"]


@dataclass(frozen=True)
class Settings:
    """How an app's component is run.

    Attributes:
        limits: deadline, memory and body bounds of each call.
        isolation: "reuse" keeps an instance for the next call, "request" makes one for each.
        workers: calls that streaming and serving run at once; each has a thread and an instance.
    """

    limits: Limits = field(default_factory=Limits)
    isolation: str = "reuse"
    workers: int = 16

    def __post_init__(self) -> None:
        if not isinstance(self.workers, int) or self.workers < 1:
            raise ValueError(f"workers is a whole number above 0; got {self.workers!r}")


class App:
    """A component that has been loaded into a lab.

    Made by `Lab.load`. Calls may come from any number of threads.

    Attributes:
        name: what the lab calls it.
        component: its bytes, digest and world.
        settings: limits and isolation.
        source: the file or URL it was loaded from; None for bytes.
        config: what wasi:config/store answers.
        links: WIT package or interface → the link that wires its imports; `lab.link` and `lab.unlink` change it.
    """

    def __init__(
        self,
        component: Component,
        settings: Settings,
        providers: Callable[[], Sequence[Any]],
        functions: Callable[[], dict[str, Callable[..., Any]]],
    ) -> None:
        self.name = component.name
        self.component = component
        self.settings = settings
        self.source: Path | str | None = None
        self.config: Mapping[str, str] = {}
        self.links: dict[str, Link] = {}
        self._providers = providers
        self._functions = functions
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._closed = False
        self._tracing: Tracing = "calls"
        self._traces: deque[Trace] = deque(maxlen=TRACES_KEPT)

    # --- what it is --------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """Imports and exports, as data."""
        return self.component.world

    @property
    def wit(self) -> str:
        """The world as WIT text."""
        return self.component.wit

    @property
    def digest(self) -> str:
        """sha256 of the .wasm file, in hex."""
        return self.component.digest

    @property
    def size(self) -> int:
        """Bytes of the .wasm file."""
        return self.component.size

    @property
    def wiring(self) -> dict[str, str | None]:
        """What each import is plugged into: a few words, or None where nothing provides it."""
        return wiring(self.world, self.pool.linker.provided, self.links)

    @cached_property
    def handler(self) -> str | None:
        """The name under which the HTTP handler is exported, or None."""
        return self.component.export_name(HANDLER)

    # --- calling it --------------------------------------------------------------------------------

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        """GET; the options are those of `request`."""
        return self.request("GET", path, **options)

    def head(self, path: str = "/", **options: Any) -> httpx.Response:
        """HEAD; the options are those of `request`."""
        return self.request("HEAD", path, **options)

    def post(self, path: str = "/", **options: Any) -> httpx.Response:
        """POST; the options are those of `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str = "/", **options: Any) -> httpx.Response:
        """PUT; the options are those of `request`."""
        return self.request("PUT", path, **options)

    def delete(self, path: str = "/", **options: Any) -> httpx.Response:
        """DELETE; the options are those of `request`."""
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str = "/",
        *,
        headers: Headers | None = None,
        params: Mapping[str, Any] | None = None,
        content: bytes | str | Iterable[bytes] | None = None,
        data: Mapping[str, Any] | None = None,
        json: Any = None,
        trailers: Headers | None = None,
        deadline: float | None = -1,
    ) -> httpx.Response:
        """Sends one request to the component, in this process and this thread.

        Args:
            method: "GET", "POST", … in any case.
            path: `/path?query`, or a whole URL whose host becomes the authority.
            headers: a mapping or pairs.
            params: added to the query.
            content: the body: bytes, text, or an iterable of chunks that the guest pulls as it reads.
            data: a form, sent urlencoded.
            json: any JSON value.
            trailers: sent after the body.
            deadline: seconds for this call, None for no limit; the app's own when left out.

        Returns:
            an `httpx.Response`; trailers the guest sent are in `.extensions["trailers"]`.

        Raises:
            RequestError: the request is not valid HTTP.
            LinkError: the component exports no HTTP handler.
            GuestError: it trapped, took too long, gave no response, …
        """
        started = time.perf_counter()
        exchange = prepare(
            BufferedExchange, method, path,
            headers=headers, params=params, content=content, data=data, json=json, trailers=trailers,
            limit=self.settings.limits.body,
        )  # fmt: skip
        assert isinstance(exchange, BufferedExchange)
        self.run(exchange, deadline, trace=self._tracing == "calls" and interactive())
        assert exchange.status is not None
        chunks = exchange.chunks
        response = Response(
            exchange.status,
            [(name.encode(), value) for name, value in exchange.response_headers],
            chunks[0] if len(chunks) == 1 else b"".join(chunks),
            (exchange.method, f"{exchange.scheme}://{exchange.authority}{exchange.path_with_query}"),
        )
        response.elapsed = timedelta(seconds=time.perf_counter() - started)
        if exchange.trailers:
            response.extensions["trailers"] = exchange.trailers
        if exchange.informational:
            response.extensions["informational"] = exchange.informational
        return response

    def client(self, **options: Any) -> httpx.Client:
        """A full `httpx.Client` whose requests go to the component, in this process: no port, no server.

        Responses stream while the guest runs (`with client.stream("GET", "/slow") as r: …`).

        Args:
            options: those of `httpx.Client`; `base_url` is `http://<name>.localhost` unless given.
        """
        from .transport import ComponentTransport

        options.setdefault("base_url", f"http://{self.name}.localhost")
        return httpx.Client(transport=ComponentTransport(self), **options)

    def aclient(self, **options: Any) -> httpx.AsyncClient:
        """The async twin of `client`."""
        from .transport import AsyncComponentTransport

        options.setdefault("base_url", f"http://{self.name}.localhost")
        return httpx.AsyncClient(transport=AsyncComponentTransport(self), **options)

    def call(self, function: str, *arguments: Any, deadline: float | None = -1) -> Any:
        """Calls an exported function.

        Args:
            function: `add`, or `package:name/interface#add` where several interfaces export one.
            arguments: in their Python forms (see `wasicloud_lab.host.values`).
            deadline: seconds, None for no limit; the app's own when left out.

        Raises:
            Err: the function's result is the `err` case.
            LinkError: no such function; the message lists what there is.
            GuestError: a trap, the deadline, the memory cap.
            TypeError: arguments that do not fit its types.
        """
        with self.instance() as instance:
            return instance.call(function, *arguments, deadline=deadline)

    @contextmanager
    def instance(self) -> Iterator[Session]:
        """One instance for several calls, for functions that hand out resources.

        with app.instance() as i:
            counter = i.call("[constructor]counter", 5)
            i.call("[method]counter.increment", counter)
        """
        pool = self.pool
        with pool.instance() as instance:
            session = Session(self, pool, instance)
            try:
                yield session
            finally:
                session.end()

    # --- what it did -------------------------------------------------------------------------------

    @property
    def tracing(self) -> Tracing:
        """Which requests leave a trace: "calls" (of `get`, `request` and the like, where a person makes them: in a
        notebook or an interactive Python), "all" (every one, served and streamed ones too), or "off"."""
        return self._tracing

    @tracing.setter
    def tracing(self, which: Tracing) -> None:
        if which not in get_args(Tracing):
            raise ValueError(f"tracing is one of {', '.join(map(repr, get_args(Tracing)))}; got {which!r}")
        self._tracing = which

    @property
    def trace(self) -> Trace | NoTrace:
        """What happened in the last traced request; draws itself. One that another app passed on is in that app's."""
        traces = self.traces
        return traces[-1] if traces else NoTrace(self.name, self._tracing)

    @property
    def traces(self) -> list[Trace]:
        """The last traced requests, at most 50, the newest last."""
        return list(self._traces)

    # --- how it runs -------------------------------------------------------------------------------

    @property
    def pool(self) -> Pool:
        """The instances; made on first use, and anew after the lab's providers changed."""
        pool = self._pool
        if pool is None:
            with self._lock:
                if self._closed:
                    raise LinkError(f"{self.name} has been closed; load it again")
                if self._pool is None:
                    settings = self.settings
                    self._pool = Pool(
                        self.component, self._providers(), self._functions(), settings.limits, settings.isolation
                    )
                pool = self._pool
        return pool

    def check_handler(self) -> None:
        """
        Raises:
            LinkError: the component exports no HTTP handler, so it can't answer requests.
        """
        if self.handler is None:
            raise LinkError(
                f"{self.name} exports no {HANDLER}, so it can't answer requests; "
                f"it exports {', '.join(self.world.exports) or 'nothing'} (app.call calls a function)"
            )

    def run(self, exchange: Exchange, deadline: float | None = -1, *, trace: bool = False) -> None:
        """Runs one exchange through the guest, in this thread.

        Args:
            exchange: the request, and what takes the response.
            deadline: as for `request`.
            trace: whether its trace is kept, also where `tracing` is not "all".

        Raises:
            LinkError, GuestError: as for `request`.
        """
        self.check_handler()
        if trace or self._tracing == "all":
            self._traced(exchange, IncomingRequest(exchange), ResponseOutparam(exchange), deadline)
        else:
            self._pinned(exchange, IncomingRequest(exchange), ResponseOutparam(exchange), deadline, None)

    def _traced(
        self, exchange: Exchange, request: IncomingRequest, out: ResponseOutparam, deadline: float | None
    ) -> None:
        """Runs it and keeps its trace, however it ends."""
        length = content_length(exchange.headers) if exchange.headers else None
        recorder = Recorder(self.name, exchange.method, exchange.path_with_query, length)
        failure: BaseException | None = None
        try:
            self._pinned(exchange, request, out, deadline, recorder)
        except BaseException as error:
            failure = error
            raise
        finally:
            self._traces.append(recorder.finish(exchange.status, _body_size(exchange), failure))

    def _pinned(
        self,
        exchange: Exchange,
        request: IncomingRequest,
        out: ResponseOutparam,
        deadline: float | None,
        recorder: Recorder | None,
    ) -> None:
        pins = Pins(self.links, self.name)  # before an instance is taken: a request that waits for a swap holds none
        try:
            self._run(exchange, request, out, pins, deadline, recorder)
        finally:
            pins.release()

    def _run(
        self,
        exchange: Exchange,
        request: IncomingRequest,
        out: ResponseOutparam,
        pins: Pins,
        deadline: float | None,
        recorder: Recorder | None,
    ) -> None:
        pool = self.pool
        instance = pool.take()
        try:
            exchange.bind(instance.state)
            if recorder is not None:
                recorder.enter()
            try:
                instance.call(
                    pool.export(f"{self.handler}#handle"),
                    (request, out),
                    context=exchange,
                    plugs=pins.plugs,
                    deadline=deadline,
                    trace=recorder,
                )
            finally:
                if recorder is not None:
                    recorder.leave()
            try:
                exchange.check(self.name)
            except GuestError as error:  # no trap, yet nothing says what state the guest is in
                error.stderr = instance.state.stderr.decode(errors="replace")
                instance.broken = True
                raise
        finally:
            exchange.unbind()  # first: from here on the store is another exchange's
            pool.give_back(instance)

    def take_over(self, request: IncomingRequest, out: ResponseOutparam) -> None:
        """Answers a request that another component has passed on, inside its call, in this thread.

        Raises:
            LinkError: the component exports no HTTP handler.
            GuestError: it went wrong. The other component can't answer any more: it gave that away.
        """
        self.check_handler()
        exchange = out.exchange
        before = current()
        recorder = enclosing_trace()
        try:
            if isinstance(recorder, Recorder):  # it is part of the other one's trace
                with recorder.passed_on(self.name):
                    self._pinned(exchange, request, out, -1, recorder)
            elif self._tracing == "all":
                self._traced(exchange, request, out, -1)
            else:
                self._pinned(exchange, request, out, -1, None)
        finally:
            exchange.bind(before)

    def start(self, exchange: StreamedExchange, deadline: float | None = -1) -> None:
        """Runs one exchange in a thread of the app's own; the exchange tells its reader what comes."""
        if self._closed:
            raise LinkError(f"{self.name} has been closed; load it again")
        self._threads.submit(self._run_streamed, exchange, deadline)

    def _run_streamed(self, exchange: StreamedExchange, deadline: float | None) -> None:
        failure: BaseException | None = None
        try:
            self.run(exchange, deadline)
        except BaseException as error:
            failure = error
        exchange.finished(failure)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.settings.workers, thread_name_prefix=f"{self.name} guest")

    def relink(self) -> None:
        """Forgets the instances: the next call is wired to what the lab provides then."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def close(self) -> None:
        """Frees instances and threads. Calls under way end; later ones raise `LinkError`."""
        self._closed = True
        self.relink()
        threads = self.__dict__.get("_threads")
        if threads is not None:
            threads.shutdown(wait=False)

    # --- how it draws itself -----------------------------------------------------------------------

    def __repr__(self) -> str:
        world = self.world
        return f"<App {self.name}: {len(world.imports)} imports, {len(world.exports)} exports, {self.size:,} bytes>"

    def __str__(self) -> str:
        return world_tree(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": world_tree(self), "text/html": world_svg(self)}


def _body_size(exchange: Exchange) -> int | None:
    """Bytes of a response's body; None where it has not ended."""
    if isinstance(exchange, BufferedExchange):
        return sum(map(len, exchange.chunks))
    return 0 if exchange.bodiless else exchange.size
