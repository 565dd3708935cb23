"""Provider URLs: taken apart, and shown without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ProviderError

MASK = "***"

_SECRET = re.compile(
    r"(?:^|_|-)(?:sig|signature|key|accountkey|secret|password|passwd|pwd|token|credential|credentials|sas)$"
    r"|accountkey|secret|password|token|signature|connection_?string",
    re.I,
)
_URL_PASSWORD = re.compile(
    r"(?<![a-z0-9+.-])(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/?#\s@:]*):(?P<password>\S*)@", re.I
)
_PAIR = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*)=(?P<value>[^&;\s'\"]+)")


def masked(text: str) -> str:
    """A URL, connection string or message with every password, key and signature in it replaced by `***`."""

    def pair(match: re.Match[str]) -> str:
        return f"{match['name']}={MASK}" if _SECRET.search(match["name"]) else match[0]

    text = _URL_PASSWORD.sub(lambda match: f"{match['scheme']}{match['user']}:{MASK}@", text)
    return _PAIR.sub(pair, text)


@dataclass(frozen=True)
class Address:
    """A provider's URL, taken apart.

    Attributes:
        scheme: "redis", "file", … in lower case.
        user, password: None where the URL has none; percent-decoded.
        host: empty where the URL has none.
        port: None where the URL has none.
        path: percent-decoded, with its leading slash; empty where the URL has none.
        options: the query; each name once.
        text: the URL as it was given, secrets and all. Never print it; `str(address)` is masked.
    """

    scheme: str
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    host: str
    port: int | None
    path: str
    options: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        Raises:
            ProviderError: it is not a URL, its port is none, or an option is there twice.
        """
        if not isinstance(text, str) or "://" not in text:
            raise ProviderError(
                f"{masked(str(text))!r} is not a provider's URL; wanted something like redis://localhost:6379"
            )
        if "#" in text:
            # Not shown: what stands around it may be half a password, which nothing would mask.
            raise ProviderError("this provider's URL has a # in it, where a URL ends; write it as %23")
        try:
            parts = urlsplit(text)
            _check_port(parts.netloc, text)
            port = parts.port
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            # Python's own words quote what it stumbled over, which may be half a password.
            raise ProviderError(
                f"{masked(text)!r} is not a provider's URL (is something in it not percent-encoded?)"
            ) from None
        options: dict[str, str] = {}
        for name, value in pairs:
            if name in options:
                raise ProviderError(f"{masked(text)!r} says {name} twice")
            options[name] = value
        return cls(
            parts.scheme.lower(),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            parts.hostname or "",
            port,
            unquote(parts.path),
            options,
            text,
        )

    def take(self, **wanted: str | None) -> dict[str, str | None]:
        """The options by name, with a default for each; an option that is not among them is an error.

            address.take(layout="hash", timeout="5")

        Raises:
            ProviderError: the URL has an option that this provider does not know.
        """
        unknown = sorted(set(self.options) - set(wanted))
        if unknown:
            known = f"it knows {', '.join(wanted)}" if wanted else "it knows none"
            raise ProviderError(f"{self} has an option {unknown[0]!r} that {self.scheme} does not know; {known}")
        return {name: self.options.get(name, default) for name, default in wanted.items()}

    def __str__(self) -> str:
        return masked(self.text)


def _check_port(place: str, text: str) -> None:
    """
    Raises:
        ProviderError: the port is a number that no port has.
    """
    port = place.rpartition(":")[2]
    # Where an @ or a / is not percent-encoded, the number may be half a password: then it is masked in the text too.
    if re.fullmatch("[0-9]+", port) and int(port[:9]) > 65_535 and f":{port}" in masked(text):
        raise ProviderError(f"port {port[:20]} of {masked(text)!r} is out of range (0 to 65535)")


def seconds(address: Address, text: str | None, what: str = "timeout") -> float:
    """A duration from a URL's option.

    Raises:
        ProviderError: it is not a number of seconds above 0.
    """
    try:
        value = float(text or "")
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ProviderError(f"{address}: {what}={text} is not a number of seconds above 0")
    return value
