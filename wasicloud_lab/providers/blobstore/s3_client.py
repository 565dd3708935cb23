"""The client of one S3 bucket: where it is, who asks, how long it waits."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.store import S3Store as Client

from ...errors import ProviderError

if TYPE_CHECKING:
    from obstore.store import S3Credential


def checked_endpoint(endpoint: str | None) -> str | None:
    """An endpoint's URL without a slash at its end; None for Amazon's.

    Raises:
        ProviderError: it is no such URL. The message does not show it: it may hold a password.
    """
    if not endpoint:
        return None
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or "@" in parts.netloc or parts.query or parts.fragment:
        raise ProviderError(
            "the endpoint of an S3 store is a URL such as http://127.0.0.1:9000 or https://s3.example.org, "
            "without a user, a password or a query"
        )
    return endpoint.rstrip("/")


def client_of(
    bucket: str,
    endpoint: str | None,
    region: str | None,
    access_key: str | None,
    secret_key: str | None,
    session_token: str | None,
    timeout: float,
) -> Client:
    """A client for one bucket, with its own pool of connections; what is None comes from the environment.

    Args:
        timeout: seconds that the server may be silent, and in which a failed request is tried again.
    """
    env = os.environ.get
    if access_key is None:
        access_key, secret_key = env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")
        session_token = session_token or env("AWS_SESSION_TOKEN")
    config: Any = {"region": region or env("AWS_REGION") or env("AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint:
        config["aws_endpoint_url_s3"] = endpoint  # what the client would take from the environment comes second to it
    if access_key and secret_key:
        known: S3Credential = {
            "access_key_id": access_key,
            "secret_access_key": secret_key,
            "token": session_token,
            "expires_at": None,
        }
        # As a whole: the client would mix one user's key with the session token that the environment has of another.
        config["credential_provider"] = lambda: known
    wait = timedelta(seconds=timeout)
    return Client(
        bucket,
        **config,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": wait,
            "read_timeout": wait,
            "timeout": timedelta(days=1),  # of a whole transfer, which may be long; silence is what counts
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": wait,
            "backoff": {
                "init_backoff": timedelta(milliseconds=50),
                "max_backoff": timedelta(milliseconds=200),
                "base": 2,
            },
        },
    )
