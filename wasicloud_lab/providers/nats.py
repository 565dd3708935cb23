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
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from ..errors import Denied, ProviderError, TooLarge, Unavailable
from .address import masked
from .nats_login import Login

_T = TypeVar("_T")

#: Bytes of a message kept for its headers, of which the long one is the subject when the server sends it back.
HEADER_ROOM = 8192

#: A server that shuts down ends JetStream first and its connections a moment later, in seconds: that it has no
#: JetStream counts only when it still says so after this time.
_LAST_WORDS = 0.1

#: JetStream's error numbers that callers expect now and then.
STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
MESSAGE_NOT_FOUND = 10037
WRONG_REVISION = frozenset({10071, 10164})

_NOT_THERE = frozenset({STREAM_NOT_FOUND, MESSAGE_NOT_FOUND})
_TOO_LARGE = 10054
_FULL = frozenset({10002, 10023, 10028, 10047, 10077})
_DISABLED = frozenset({10035, 10039, 10076})

#: What stands for the answer where nobody listens to JetStream's API.
_NO_JETSTREAM = {"error": {"code": 503, "err_code": 10076}}


class NoRoom(ProviderError):
    """The server, or one of its streams, takes no more."""


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
        answer = await self._answer(verb, payload)
        code = (answer.get("error") or {}).get("err_code")
        if code in _DISABLED:
            await asyncio.sleep(_LAST_WORDS)
            answer = await self._answer(verb, payload)
        elif code in _NOT_THERE:
            # A server that shuts down says so of streams that it has let go of. By then it has ended JetStream, and
            # whatever is asked next gets another answer.
            answer = await self._answer(verb, payload)
        return self._checked(answer, expect)

    async def _answer(self, verb: str, payload: bytes) -> dict[str, Any]:
        message = await self.request(f"$JS.API.{verb}", payload)
        answer: dict[str, Any] = _NO_JETSTREAM if message is None else json.loads(message.data)
        return answer

    async def tell(self, subject: str) -> None:
        """Sends a request whose answer nobody waits for; nothing where there is no connection now."""
        if self._client is not None and self._client.is_connected:
            with suppress(Error, OSError):
                await self._client.publish(subject, reply=self._client.new_inbox())

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
        if code in _FULL:
            raise NoRoom(
                f"{self} is full: {text}; give JetStream more room (max_file_store in its configuration), or delete "
                "something: servers older than 2.10 count what was deleted until they are started again"
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
        # Reentrant, as a reading that the garbage collector ends comes here from wherever its thread is just now.
        self._lock = threading.RLock()
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
        thread = threading.Thread(target=_live, args=(loop,), name=f"nats {self.session.login}", daemon=True)
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


def _live(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(session: Session, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    async def shut() -> None:
        try:
            with suppress(Exception):
                await asyncio.wait_for(session.close(), session.login.timeout)
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        finally:
            loop.call_soon(loop.stop)  # after those who wait for what has just ended have heard of it

    asyncio.run_coroutine_threadsafe(shut(), loop)
    # The garbage collector may find a dropped provider in any thread, this one's too.
    if thread is not threading.current_thread():
        thread.join(2 * session.login.timeout)
