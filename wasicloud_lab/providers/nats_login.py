"""Where a NATS server is and how to get in, as a `nats://` URL says it."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import ProviderError
from .address import Address, seconds
from .nats_names import PREFIX_LIMIT, bucket_to_nats


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
