"""One connection to a NATS server, for calls that block and come from many threads.

The client of NATS's makers lives on an event loop. `NatsConnection` owns such a loop in a thread of its own and
carries each call over: `connection.run(coroutine)`. What runs there talks through its `Session`, which connects at
the first request and again after the server was gone, and knows JetStream's API: requests in JSON, answers with
a number for each thing that can go wrong.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
import weakref
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from ..errors import Denied, ProviderError, TooLarge, Unavailable
from .address import Address, masked, seconds
from .nats_names import PREFIX_LIMIT, bucket_to_nats

_T = TypeVar("_T")
_R = TypeVar("_R")

#: Requests under way at a time for one call.
SLICE = 64

#: Bytes of a message kept for its headers, of which the long one is the subject when the server sends it back.
HEADER_ROOM = 8192

#: A server that shuts down lets go of its streams first and of its connections a moment later, in seconds: what it
#: says in between, that there is no such stream, is asked again after this time.
LAST_WORDS = 0.1

#: JetStream's error numbers that callers expect now and then.
STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
MESSAGE_NOT_FOUND = 10037
WRONG_REVISION = frozenset({10071, 10164})
FULL = frozenset({10002, 10023, 10028, 10047, 10077})

_TOO_LARGE = 10054
_DISABLED = frozenset({10035, 10039, 10076})


class Login(NamedTuple):
    """Where the server is, how to get in, and how long to wait. `str` and `repr` show no secret."""

    host: str = "localhost"
    port: int = 4222
    user: str | None = None
    password: str | None = None
    token: str | None = None
    timeout: float = 5.0

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Login({str(self)!r})"


def login_and_prefix(address: Address) -> tuple[Login, str]:
    """What a `nats://` URL says: `nats://[user:password@|token@]host[:4222][?timeout=5&prefix=…]`.

    Raises:
        ProviderError: it says something else too.
    """
    if address.scheme != "nats":
        raise ProviderError(f"{address} is not NATS's; wanted nats://HOST:PORT")
    options = address.take(timeout="5", prefix="")
    if address.path not in ("", "/"):
        raise ProviderError(f"{address}: a NATS server has no path; for names of your own say ?prefix=…")
    token = address.user if address.password is None else None
    user = None if token else address.user
    host, port = address.host or "localhost", address.port or 4222
    login = Login(host, port, user, address.password, token, seconds(address, options["timeout"]))
    return login, _checked_prefix(options["prefix"] or "")


def _checked_prefix(prefix: str) -> str:
    """
    Raises:
        ProviderError: a bucket in NATS can't begin with this.
    """
    if prefix and (bucket_to_nats(prefix)[0] != prefix or len(prefix) > PREFIX_LIMIT):
        raise ProviderError(
            f"the prefix {prefix!r} can't begin a bucket's name in NATS: "
            f"wanted at most {PREFIX_LIMIT} of A-Z a-z 0-9 _ -"
        )
    return prefix


async def all_of(work: Iterable[Coroutine[Any, Any, _R]]) -> list[_R]:
    """The answers of requests made at once, in their order. When one fails, it is raised after all have ended.

    A request that went on behind its caller's back could undo what the caller does about the failure.
    """
    answers = await asyncio.gather(*work, return_exceptions=True)
    good = [answer for answer in answers if not isinstance(answer, BaseException)]
    if len(good) < len(answers):
        raise next(answer for answer in answers if isinstance(answer, BaseException))
    return good


async def in_slices(work: Iterable[Coroutine[Any, Any, _R]], size: int = SLICE) -> list[_R]:
    """As `all_of` for many requests, `size` of them under way at a time."""
    left = iter(work)
    answers: list[_R] = []
    while some := list(islice(left, size)):
        answers += await all_of(some)
    return answers


class Session:
    """The side of a connection that lives on its loop. Everything here is to be awaited there.

    Attributes:
        epoch: changes with each new connection: what a server keeps for one client only is gone then.
    """

    def __init__(self, login: Login) -> None:
        self.login = login
        self.epoch = 0
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None
        self._asking: dict[asyncio.Task[Any], str] = {}
        self._reasons: dict[asyncio.Task[Any], ProviderError] = {}
        self._closed = False

    def __str__(self) -> str:
        return f"NATS at {self.login}"

    # --- the connection ----------------------------------------------------------------------------

    async def client(self) -> Client:
        """The connected client.

        Raises:
            Unavailable: the server does not answer.
            Denied: it does not let this user in.
        """
        if self._client is not None and self._client.is_connected:
            return self._client
        # One attempt for all who wait: one after the other, each would wait its whole timeout.
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    def _connected(self, attempt: asyncio.Task[Client]) -> None:
        self._connecting = None
        if not attempt.cancelled() and attempt.exception() is None:
            self._client = attempt.result()
            self.epoch += 1

    async def _connect(self) -> Client:
        if self._closed:
            raise self.gone()
        said: list[Exception] = []
        client = Client()

        async def note(error: Exception) -> None:
            said.append(error)
            self._refused(str(error))
            del said[:-8]

        async def lost() -> None:
            if not self._closed:
                self._fail(Unavailable(f"{self} went away during the request; try again when it is back"))

        options: dict[str, Any] = {
            "servers": f"nats://{self.login}",
            "user": self.login.user,
            "password": self.login.password,
            "token": self.login.token,
            "name": "wasicloud-lab",
            # The next request connects again. The client's own attempts would outlive the provider's timeout.
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.01,
            "connect_timeout": self.login.timeout,
            "flush_timeout": self.login.timeout,
            "ping_interval": max(1.0, self.login.timeout),
            "error_cb": note,
            "closed_cb": lost,
        }
        try:
            await asyncio.wait_for(client.connect(**options), self.login.timeout)
        except asyncio.CancelledError:
            await _closed_quietly(client)
            raise
        except Exception as error:
            await _closed_quietly(client)
            raise self._no_connection([*said, error]) from None
        return client

    def _no_connection(self, errors: list[Exception]) -> ProviderError:
        text = masked("; ".join(str(error) for error in errors)).lower()
        if "authorization" in text or "authentication" in text or "nkey" in text:
            return Denied(f"{self} does not let this user in; check the user and password, or the token, in the URL")
        system = next((error for error in errors if isinstance(error, OSError) and error.strerror), None)
        if isinstance(system, ConnectionRefusedError) or "111" in text or "refused" in text:
            why = "connection refused"
        elif system is not None:
            why = str(system.strerror).lower()
        elif isinstance(errors[-1], (asyncio.TimeoutError, NatsTimeout)):
            why = f"nothing within {self.login.timeout:g} s"
        else:
            why = masked(str(errors[-1]).removeprefix("nats: ")) or type(errors[-1]).__name__
        return Unavailable(f"{self} does not answer ({why}); is it running? Start one with: nats-server -js")

    def gone(self) -> Unavailable:
        """The error for a call after `close`."""
        return Unavailable(f"{self} has been closed; open it again")

    def _fail(self, error: ProviderError, subject: str | None = None) -> None:
        """Ends the requests under way, or those for one subject: the client would let them wait for their timeout."""
        for task, asked in list(self._asking.items()):
            if subject is None or asked.lower() == subject:
                self._reasons[task] = error
                task.cancel()

    def _refused(self, text: str) -> None:
        # nats: 'permissions violation for publish to "$kv.b.key"', in lower case, and said of no request by name
        if "permissions violation" in text.lower() and text.count('"') >= 2:
            subject = text.lower().split('"')[1]
            self._fail(Denied(f"{self} does not let this user publish to {subject}"), subject)

    async def close(self) -> None:
        """Ends the connection; requests under way fail."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        self._fail(self.gone())
        if self._client is not None:
            await _closed_quietly(self._client)

    # --- requests ----------------------------------------------------------------------------------

    async def max_payload(self) -> int:
        """Bytes that a message may have, its headers among them."""
        return (await self.client()).max_payload

    async def request(
        self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None, timeout: float | None = None
    ) -> Msg | None:
        """One answer; None where nobody listens to the subject.

        Raises:
            Unavailable: no answer in time.
            Denied: the user may not publish there.
        """
        client = self._client
        if client is None or not client.is_connected:
            client = await self.client()
        with self.under_way(subject):
            try:
                return await client.request(subject, payload, timeout=timeout or self.login.timeout, headers=headers)
            except NoRespondersError:
                return None

    @contextmanager
    def under_way(self, subject: str) -> Iterator[None]:
        """Marks what the present task asks, so that it ends at once when the connection does; translates errors."""
        task = asyncio.current_task()
        assert task is not None
        self._asking[task] = subject
        try:
            yield
        except asyncio.CancelledError:
            reason = self._reasons.pop(task, None)
            if reason is None:
                raise
            raise reason from None
        except asyncio.TimeoutError:
            raise self.late() from None
        except (Error, OSError) as error:
            why = str(error).removeprefix("nats: ")
            raise Unavailable(f"{self} could not be asked ({why}); try again when it is back") from None
        finally:
            self._asking.pop(task, None)
            self._reasons.pop(task, None)

    def late(self) -> Unavailable:
        """The error for an answer that did not come in time."""
        return Unavailable(f"{self} did not answer within {self.login.timeout:g} s")

    async def api(self, verb: str, body: dict[str, Any] | None = None, expect: Iterable[int] = ()) -> dict[str, Any]:
        """A request to JetStream's API. Of the errors in `expect` the answer is returned, `error` in it.

        Raises:
            ProviderError: JetStream is not enabled, or it refuses.
        """
        payload = json.dumps(body).encode() if body else b""
        answer = await self.request(f"$JS.API.{verb}", payload)
        if answer is None:
            await asyncio.sleep(LAST_WORDS)
            answer = await self.request(f"$JS.API.{verb}", payload)
        if answer is None:
            raise self._disabled()
        return self._checked(json.loads(answer.data), expect)

    async def store(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, expect: Iterable[int] = ()
    ) -> dict[str, Any] | None:
        """Puts a message into the stream that takes its subject; answers the acknowledgement, None if none does."""
        answer = await self.request(subject, payload, headers)
        return None if answer is None else self._checked(json.loads(answer.data), expect)

    def _checked(self, answer: dict[str, Any], expect: Iterable[int]) -> dict[str, Any]:
        error = answer.get("error")
        if error is None or error.get("err_code") in expect:
            return answer
        code, text = error.get("err_code"), error.get("description", "no reason given")
        if code in _DISABLED:
            raise self._disabled()
        if code == _TOO_LARGE:
            raise TooLarge(f"{self} does not take a message of that size: {text}")
        if code in FULL:
            raise ProviderError(
                f"{self} is full: {text}; delete something, or give JetStream more room (max_file in its configuration)"
            )
        if error.get("code") == 503:
            raise Unavailable(f"{self} can't answer now: {text}; try again")
        raise ProviderError(f"{self} refused: {text}")

    def _disabled(self) -> ProviderError:
        return ProviderError(
            f"{self} runs without JetStream, which key-value buckets and object stores live in; "
            "start it with: nats-server -js (or a jetstream block in its configuration)"
        )


async def _closed_quietly(client: Client) -> None:
    with suppress(Exception):
        await client.close()


class NatsConnection:
    """A session, and the thread that its loop runs in. Nothing starts before the first call."""

    def __init__(self, login: Login) -> None:
        self.session = Session(login)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: weakref.finalize[..., NatsConnection] | None = None
        self._closed = False

    def submit(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Starts work on the loop.

        Raises:
            Unavailable: the connection has been closed.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise self.session.gone()
            return asyncio.run_coroutine_threadsafe(work, self._loop or self._start())

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Does work on the loop and waits for it. An interrupt of the wait, Ctrl-C say, ends the work."""
        return self.result(self.submit(work))

    def result(self, future: concurrent.futures.Future[_T]) -> _T:
        """Waits for what `submit` started."""
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise self.session.gone() from None
        except BaseException:
            future.cancel()
            raise

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        # What the client's own tasks end with reaches callers by another way; a notebook's stderr is not the place.
        loop.set_exception_handler(lambda _loop, _context: None)
        thread = threading.Thread(target=loop.run_forever, name=f"nats {self.session.login}", daemon=True)
        thread.start()
        self._loop = loop
        # Also when nobody calls close: a provider that is dropped, the end of the process.
        self._end = weakref.finalize(self, _stop, self.session, loop, thread)
        return loop

    def close(self) -> None:
        """Ends the connection, the loop and the thread; calls under way raise `Unavailable`."""
        with self._lock:
            self._closed = True
            end = self._end
        if end is not None:
            end()


def _stop(session: Session, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    async def shut() -> None:
        await session.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    with suppress(Exception):
        asyncio.run_coroutine_threadsafe(shut(), loop).result(session.login.timeout)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(session.login.timeout)
    if not thread.is_alive():
        loop.close()
