"""Talking to a Redis server: one pool of connections for all threads, and errors in the lab's words.

Nothing is ever sent twice. A connection that the server closed while it lay idle is found out before it is
used, and opened anew (the pool looks at its socket each time); after that, a request whose answer got lost may
or may not have been carried out, and sending an increment again could count it twice.
"""

from __future__ import annotations

import os
import queue
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import BlockingConnectionPool, Connection
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from ...errors import Denied, ProviderError, Unavailable
from ..address import MASK, masked
from .redis_layouts import Command

#: Connections at most; the thread that wants one more waits.
CONNECTIONS = 32


class Wire:
    """Sends commands and reads replies.

    Args:
        name: of the server, for messages: "Redis at localhost:6379".
        timeout: seconds that connecting, sending and waiting for an answer may take each; None for no limit.
        secret: a text that no message may show.
        kind: the class of the connections.
        connection: what the connections are made with.
    """

    def __init__(
        self, name: str, timeout: float | None, secret: str | None, kind: type[Connection], **connection: Any
    ) -> None:
        self.name = name
        self.timeout = timeout
        self._secret = secret
        self._closed = False
        # RESP2 says all we need, and spares a fresh connection the question for another protocol.
        self._pool: Any = BlockingConnectionPool(  # type: ignore[no-untyped-call]
            max_connections=CONNECTIONS,
            timeout=timeout,
            connection_class=kind,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **connection,
        )

    def ask(self, command: Command) -> Any:
        """One command, one reply.

        Raises:
            ResponseError: the server refuses the command; `refusal` makes the lab's error of it.
            Unavailable: it does not answer, or not in time.
            Denied: it does not let us in.
        """
        connection = self._take()
        try:
            connection.send_command(*command)
            return connection.read_response()
        except ResponseError as error:
            if str(error).startswith("Protocol error"):  # after which the server hangs up
                connection.disconnect()
            raise
        except BaseException as error:
            connection.disconnect()
            raise self._trouble(error) from None
        finally:
            self._give_back(connection)

    @contextmanager
    def conversation(self) -> Iterator[Callable[..., list[Any]]]:
        """One connection for several exchanges: a function that sends commands at once and answers the replies.

        An error ends the connection, and with it what was watched.

        Raises:
            as `ask`.
        """
        connection = self._take()

        def say(*commands: Command) -> list[Any]:
            connection.send_packed_command(connection.pack_commands(commands))
            replies: list[Any] = []
            refused: ResponseError | None = None
            for _ in commands:
                try:
                    replies.append(connection.read_response())
                except ResponseError as error:
                    refused = refused or error
            if refused is not None:
                raise refused
            return replies

        try:
            yield say
        except ResponseError:
            connection.disconnect()
            raise
        except (RedisError, OSError) as error:
            connection.disconnect()
            raise self._trouble(error) from None
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Idle connections end now, those in use as soon as their request has ended."""
        self._closed = True
        self._pool.disconnect(inuse_connections=False)

    def _take(self) -> Any:
        if self._closed:
            raise Unavailable(f"{self.name}: this store has been closed; open another")
        try:
            return self._pool.get_connection()
        except ResponseError as error:  # to AUTH or SELECT
            raise self.refusal(error) from None
        except Exception as error:
            if isinstance(error.__context__, queue.Empty):
                raise Unavailable(
                    f"{self.name}: all {CONNECTIONS} connections have been busy for {self.timeout:g} s"
                ) from None
            raise self._trouble(error) from None

    def _give_back(self, connection: Any) -> None:
        self._pool.release(connection)
        if self._closed:
            self._pool.disconnect(inuse_connections=False)

    # --- errors ------------------------------------------------------------------------------------

    def refusal(self, error: ResponseError) -> ProviderError:
        """What the server said to a command, as the lab's error."""
        said = self._scrubbed(error)
        if isinstance(error, ReadOnlyError):
            return Denied(f"{self.name} is a read-only replica and takes no changes; name the primary instead")
        if isinstance(error, NoPermissionError) or said.startswith("NOPERM"):
            return Denied(f"{self.name} does not let this user do that: {said}")
        if isinstance(error, AuthenticationWrongNumberOfArgsError):
            return Denied(f"{self.name} knows no user names; leave the one in the URL out: redis://:PASSWORD@…")
        if isinstance(error, MovedError | AskError):
            return ProviderError(f"{self.name} is one node of a cluster; this store talks to a single server")
        if isinstance(error, OutOfMemoryError):
            return ProviderError(f"{self.name} is full (its maxmemory): {said}")
        if isinstance(error, ClusterDownError | TryAgainError) or said.startswith(("BUSY ", "NOREPLICAS ")):
            return Unavailable(f"{self.name} can't serve now: {said}")
        return ProviderError(f"{self.name} refuses: {said}")

    def _trouble(self, error: BaseException) -> BaseException:
        """What went wrong with a connection, as the lab's error; anything foreign stays what it is."""
        if self._closed and isinstance(error, Exception):
            return Unavailable(f"{self.name}: this store was closed in the middle of a request")
        if isinstance(error, AuthenticationError):
            return self._denied(self._scrubbed(error))
        if isinstance(error, BusyLoadingError):
            return Unavailable(f"{self.name} is still loading its data; try again in a moment")
        if isinstance(error, TooSlow | TimeoutError):
            return Unavailable(
                f"{self.name} does not answer within {self.timeout:g} s; is it busy, or something else on that port? "
                "(timeout=… in its URL allows more)"
            )
        if isinstance(error, InvalidResponse):
            return Unavailable(f"{self.name} answers, but not as a Redis does; is something else on that port?")
        if isinstance(error, Broken | OSError):
            return Unavailable(f"{self.name} does not answer ({self._why(error)}); is it running?")
        if isinstance(error, RedisError):
            return ProviderError(f"{self.name}: {self._scrubbed(error)}")
        return error

    def _denied(self, said: str) -> Denied:
        if "without any password" in said or "no password is set" in said:
            return Denied(f"{self.name} knows no password for this user; leave it out of the URL")
        if "required" in said:
            return Denied(f"{self.name} wants a password: redis://:PASSWORD@… or redis://USER:PASSWORD@…")
        return Denied(f"{self.name} does not accept this password (or user): {said}")

    def _why(self, error: BaseException) -> str:
        cause = _os_error(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}; ca=FILE.pem names an authority to trust"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS there, or none that fits: {cause.reason or cause}"
        if isinstance(cause, socket.gaierror):
            return "there is no host of that name"
        if cause is not None and cause.errno:
            return os.strerror(cause.errno).lower()
        return self._scrubbed(error).rstrip(".").lower()

    def _scrubbed(self, error: BaseException) -> str:
        """The error's text without the password, which a server that does not know AUTH would quote."""
        text = masked(str(error.args[0] if error.args else error))
        return text.replace(self._secret, MASK) if self._secret else text


def _os_error(error: BaseException) -> OSError | None:
    """The system's error behind one of the client's."""
    if isinstance(error, OSError):
        return error
    behind = error.__cause__ or error.__context__
    return behind if isinstance(behind, OSError) else None
