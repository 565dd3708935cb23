"""Azure's own client, made to end on time and to say what went wrong without its secrets.

`Session` is one client with one pool of connections. `call` runs one operation of it: within the timeout, retried a
few times where that can help, with what Azure's client raises turned into the lab's errors.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import requests
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, LinearRetry
from requests.adapters import HTTPAdapter

from ...errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from .azure_address import Account

#: Bytes that go up or come down with one request.
BLOCK = 4 << 20

_CONNECTIONS = 32
_RETRIES = 3
_PAUSE = 0.2
_READ_SIZE = 1 << 18
_LONGEST_WAIT = 86_400.0  # more than a platform's sockets may take is no timeout

_T = TypeVar("_T")


class _MaskSignatures(logging.Filter):
    """urllib3 logs whole URLs at DEBUG level, signatures and all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_signature(each) for each in record.args)
        return True


def _without_signature(value: Any) -> Any:
    return re.sub(r"(?i)\bsig=[^&\s]*", "sig=***", value) if isinstance(value, str) else value


_MASK = _MaskSignatures()


class _Adapter(HTTPAdapter):
    """As many connections as a busy host has threads, which send in larger pieces than 16 KiB."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, blocksize=_READ_SIZE, **options)


class _Transport(RequestsTransport):  # type: ignore[misc]
    """Gives each request what is left of its operation's time."""

    def __init__(self, session: requests.Session) -> None:
        super().__init__(session=session, connection_data_block_size=_READ_SIZE)
        self.operation = threading.local()

    def send(self, request: Any, **options: Any) -> Any:
        left = self.operation.deadline - time.monotonic()
        if left <= 0:
            raise ServiceRequestTimeoutError("no time left")
        left = min(left, _LONGEST_WAIT)
        options.update(connection_timeout=left, read_timeout=left)
        return super().send(request, **options)


class Where(NamedTuple):
    """What an operation is about, as an error names it; empty for the account itself."""

    container: str = ""
    name: str | None = None

    def __str__(self) -> str:
        if self.name is not None:
            return f"object {self.name!r} in container {self.container!r}"
        return f"container {self.container!r}" if self.container else "the account"


class Session:
    """A client of one account.

    Args:
        summary: how errors call the account.
        timeout: seconds for each operation.
    """

    def __init__(self, account: Account, summary: str, timeout: float) -> None:
        self.summary = summary
        self.timeout = timeout
        self.account = account
        self._closed = False
        session = requests.Session()
        session.trust_env = not account.is_local  # a proxy from the environment can't reach this machine's loopback
        adapter = _Adapter(pool_connections=2, pool_maxsize=_CONNECTIONS)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        self._transport = _Transport(session)
        if account.sas is not None:
            logging.getLogger("urllib3.connectionpool").addFilter(_MASK)
        self.client = BlobServiceClient(
            account.endpoint,
            credential=AzureSasCredential(account.sas)
            if account.sas is not None
            else {"account_name": account.name, "account_key": account.key or ""},
            transport=self._transport,
            retry_policy=LinearRetry(backoff=_PAUSE, retry_total=_RETRIES, random_jitter_range=_PAUSE / 2),  # type: ignore[arg-type]
            max_single_get_size=BLOCK,
            max_chunk_get_size=BLOCK,
            max_single_put_size=2 * BLOCK,
        )

    def source_url(self, url: str) -> str:
        """A blob's URL with what lets Azure read it for a copy."""
        return url if self.account.sas is None else f"{url}?{self.account.sas}"

    def call(self, where: Where, operation: Callable[[], _T]) -> _T:
        """The operation's outcome.

        Raises:
            ProviderError: or one of its kinds. Nothing is chained to it: Azure's own errors hold URLs with signatures.
        """
        self._transport.operation.deadline = time.monotonic() + self.timeout
        try:
            if not self._closed:
                return operation()
            problem: ProviderError = self._has_been_closed()
        except (AzureError, requests.RequestException) as error:
            problem = self._problem(where, error)
        except (AttributeError, KeyError, TypeError, ValueError):
            # What Azure's client does when it is closed meanwhile, and with answers that it can't read.
            problem = self._has_been_closed() if self._closed else self._strange()
        raise problem

    def close(self) -> None:
        """Closes the connections; later calls raise `Unavailable`."""
        self._closed = True
        self.client.close()

    def _has_been_closed(self) -> Unavailable:
        return Unavailable(f"{self.summary} has been closed; open it again to go on")

    def _strange(self) -> ProviderError:
        return ProviderError(f"{self.summary} answers what no blob service says; is the address right?")

    def _problem(self, where: Where, error: Exception) -> ProviderError:
        if self._closed:
            return self._has_been_closed()
        status = error.status_code if isinstance(error, HttpResponseError) else None
        code = code_of(error)
        if status in (401, 403) or isinstance(error, ClientAuthenticationError):
            return Denied(
                f"{self.summary} does not let this key or signature in, or not do that with {where} "
                f"({code or status or 'it signs nothing'})"
            )
        if status is None:
            hint = "is it running?" if self.account.is_local else "are the account's name and the network right?"
            return Unavailable(f"{self.summary} does not answer ({_reason(error, self.timeout)}); {hint}")
        if status >= 500 or status in (408, 429):
            return Unavailable(f"{self.summary} can't serve {where} just now ({code or status}); try again later")
        if status < 300:
            return self._strange()
        kind, text = _PROBLEMS.get(code, (None, ""))
        if kind is not None:
            return kind(f"{self.summary}: {text.format(where=where, container=where.container)}")
        if status == 404:
            return NotFound(f"{self.summary}: there is no {where}")
        return ProviderError(f"{self.summary} refuses what was asked about {where} ({code or status})")


_PROBLEMS: dict[str, tuple[type[ProviderError], str]] = {
    "ContainerNotFound": (NotFound, "there is no container {container!r}"),
    "ContainerBeingDeleted": (NotFound, "there is no container {container!r}; it is being deleted"),
    "ContainerAlreadyExists": (ProviderError, "there is a container {container!r} already"),
    "ConditionNotMet": (ProviderError, "{where} was changed or deleted while it was being read; read it again"),
    "InvalidBlockList": (
        ProviderError,
        "another writer finished {where} first, and Azure dropped what this one had sent; write it again",
    ),
    "InvalidBlobOrBlock": (
        ProviderError,
        "somebody's unfinished upload of {where} is in the way; delete the object, or wait a week",
    ),
    "BlobArchived": (ProviderError, "{where} is in the archive tier; rehydrate it in Azure first"),
    "RequestBodyTooLarge": (TooLarge, "{where} is larger than Azure takes"),
    "BlockCountExceedsLimit": (TooLarge, "{where} is larger than Azure takes"),
}


def code_of(error: Exception) -> str:
    """Azure's name of what went wrong ("BlobNotFound", …); empty where it gave none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _reason(error: BaseException, timeout: float) -> str:
    """Why there was no answer, without a word of the error's own text: it holds the URL."""
    causes: list[Any] = [error]
    for cause in causes:
        if isinstance(cause, (TimeoutError, requests.Timeout, ServiceRequestTimeoutError, ServiceResponseTimeoutError)):
            return f"no answer within {timeout:g} s"
        if isinstance(cause, socket.gaierror):
            return "its name can't be resolved"
        if isinstance(cause, ssl.SSLError):
            return "no TLS that can be trusted"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
        further = (getattr(cause, "inner_exception", None), cause.__cause__, cause.__context__, *cause.args)
        causes += [each for each in further if isinstance(each, BaseException) and each not in causes]
    return "the connection broke"
