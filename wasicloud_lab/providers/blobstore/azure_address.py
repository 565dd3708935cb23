"""Which Azure account a URL means, and what opens it.

    azure://devstoreaccount1@127.0.0.1:10000      Azurite, with the account and key that every Azurite has
    azure://ACCOUNT?account_key=KEY               a real account: https://ACCOUNT.blob.core.windows.net
    azure://ACCOUNT?sas=TOKEN                     the same with a shared access signature; TOKEN percent-encoded
    azure://ACCOUNT?sv=…&sp=…&sig=…               the same, the token as Azure hands it out
    azure://?connection_string=TEXT               what the portal calls a connection string, percent-encoded
    azure://ACCOUNT@HOST:PORT?account_key=KEY     an account whose blobs are at HOST:PORT/ACCOUNT

Without a secret in the URL it is looked for in the environment, so that a notebook need not have one:
`AZURE_STORAGE_KEY`, then `AZURE_STORAGE_SAS_TOKEN`, then `AZURE_STORAGE_CONNECTION_STRING` if it is that account's.
`azure://` alone is the account of `AZURE_STORAGE_CONNECTION_STRING`.

A HOST on loopback, and Azurite's own account, are spoken to with http, everything else with https.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ...errors import ProviderError
from ..address import Address

SUFFIX = "core.windows.net"

_EMULATOR = "devstoreaccount1"
# Printed in Azurite's manual and the same everywhere: it opens nothing but emulators.
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

#: What a shared access signature may consist of.
SAS_PARTS = (
    "sv ss srt sp se st spr sip sr si sig skoid sktid skt ske sks skv saoid suoid scid ses sdd "
    "rscc rscd rsce rscl rsct snapshot"
).split()

_SECRETS = "account_key=, sas= or connection_string="
_VARIABLES = "AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING"


@dataclass(frozen=True)
class Account:
    """An account, where its blobs are, and one of two secrets.

    Attributes:
        name: as in the portal.
        endpoint: "https://NAME.blob.core.windows.net", "http://127.0.0.1:10000/devstoreaccount1", …
        key: base64; None where a signature is used.
        sas: without its leading question mark; None where a key is used.
    """

    name: str
    endpoint: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port of its endpoint."""
        return urlsplit(self.endpoint).netloc

    @property
    def is_local(self) -> bool:
        """Whether its endpoint is on this machine's loopback."""
        return _is_loopback(urlsplit(self.endpoint).hostname or "")

    @property
    def is_emulator(self) -> bool:
        """Whether it can only be Azurite or the like."""
        return self.is_local or self.name == _EMULATOR

    @property
    def is_regional(self) -> bool:
        """Whether the host's name says the account, as with Azure itself."""
        return self.host.startswith(f"{self.name}.")


def account_of(address: Address, options: Mapping[str, str | None]) -> Account:
    """The account that a URL means.

    Args:
        options: `connection_string`, `account_key`, `sas`, `endpoint_suffix` and `SAS_PARTS`, from `address.take`.

    Raises:
        ProviderError: there is no account, no secret, more than one, or one that can't be right.
    """
    if address.password is not None or address.path.strip("/"):
        raise ProviderError(
            f"{address} is not an Azure URL; wanted azure://ACCOUNT?account_key=KEY, azure://ACCOUNT?sas=TOKEN "
            "or azure://devstoreaccount1@127.0.0.1:10000"
        )
    parts = {name: options[name] for name in SAS_PARTS if options.get(name) is not None}
    text, key, sas = options.get("connection_string"), options.get("account_key"), options.get("sas")
    if sum(1 for given in (text, key, sas, parts) if given) > 1:
        raise ProviderError(f"{address} has more than one secret; wanted one of {_SECRETS}")
    if parts:
        sas = "&".join(f"{name}={quote(value or '', safe='')}" for name, value in parts.items())
    name = address.user or address.host
    if not name:
        return _by_connection_string(address, text)
    if text is not None:
        raise ProviderError(
            f"{address} names an account beside a connection string; wanted azure://?connection_string=…"
        )
    endpoint = _endpoint(address, name, options.get("endpoint_suffix"))
    if key is None and sas is None:
        if address.user == _EMULATOR:
            return Account(name, endpoint, _EMULATOR_KEY)
        return _from_environment(address, name, endpoint)
    return _checked(Account(name, endpoint, key, sas), str(address))


def parse_connection_string(text: str, where: str = "the connection string") -> Account:
    """The account of a connection string: `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…`, one with
    `SharedAccessSignature` and `BlobEndpoint`, or `UseDevelopmentStorage=true`.

    Args:
        where: what an error calls it.

    Raises:
        ProviderError: a part is missing; the message has none of its text.
    """
    fields = {}
    for pair in filter(None, (each.strip() for each in text.split(";"))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ProviderError(f"{where} is none: wanted NAME=VALUE;NAME=VALUE as the portal shows it")
        fields[name.lower()] = value
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        return Account(_EMULATOR, f"http://127.0.0.1:10000/{_EMULATOR}", _EMULATOR_KEY)
    endpoint = fields.get("blobendpoint", "").rstrip("/")
    name = fields.get("accountname") or _name_in(endpoint)
    if not name:
        raise ProviderError(f"{where} has no AccountName, nor a BlobEndpoint that says it")
    if not endpoint:
        protocol = fields.get("defaultendpointsprotocol", "https").lower()
        endpoint = f"{protocol}://{name}.blob.{fields.get('endpointsuffix', SUFFIX)}"
    if not re.fullmatch(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?", endpoint):
        raise ProviderError(f"{where} has an endpoint that is no http or https URL")
    key, sas = fields.get("accountkey"), fields.get("sharedaccesssignature")
    if not key and not sas:
        raise ProviderError(f"{where} has neither AccountKey nor SharedAccessSignature")
    return _checked(Account(name, endpoint, key or None, None if key else sas), where)


def _by_connection_string(address: Address, text: str | None) -> Account:
    if text is not None:
        return parse_connection_string(text, str(address))
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if not text:
        raise ProviderError(
            f"{address} names no account; wanted azure://ACCOUNT?account_key=KEY, azure://?connection_string=…, or "
            "azure:// with AZURE_STORAGE_CONNECTION_STRING in the environment"
        )
    return parse_connection_string(text, "AZURE_STORAGE_CONNECTION_STRING")


def _from_environment(address: Address, name: str, endpoint: str) -> Account:
    key, sas = os.environ.get("AZURE_STORAGE_KEY"), os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    if key:
        return _checked(Account(name, endpoint, key), "AZURE_STORAGE_KEY")
    if sas:
        return _checked(Account(name, endpoint, None, sas), "AZURE_STORAGE_SAS_TOKEN")
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if text:
        account = parse_connection_string(text, "AZURE_STORAGE_CONNECTION_STRING")
        if account.name == name:
            return Account(name, endpoint, account.key, account.sas)
    raise ProviderError(f"{address} has no secret; wanted {_SECRETS}, or {_VARIABLES} in the environment")


def _endpoint(address: Address, name: str, suffix: str | None) -> str:
    if address.user:
        if suffix is not None:
            raise ProviderError(f"{address} has a host and an endpoint_suffix; wanted one of the two")
        if not address.host:
            raise ProviderError(f"{address} has no host after the @; wanted azure://{_EMULATOR}@127.0.0.1:10000")
        plain = name == _EMULATOR or _is_loopback(address.host)
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = "" if address.port is None else f":{address.port}"
        return f"{'http' if plain else 'https'}://{host}{port}/{quote(name, safe='')}"
    if address.port is not None or not re.fullmatch(r"[a-z0-9]{3,24}", name):
        raise ProviderError(
            f"{address}: an Azure account's name is 3 to 24 letters and digits; "
            f"for an emulator write azure://{_EMULATOR}@HOST:PORT"
        )
    suffix = suffix or SUFFIX
    if not re.fullmatch(r"[A-Za-z0-9.-]+", suffix):
        raise ProviderError(f"{address}: endpoint_suffix is no host name; wanted something like {SUFFIX}")
    return f"https://{name}.blob.{suffix}"


def _checked(account: Account, where: str) -> Account:
    """The account, if its secret has the right form."""
    if account.key is not None:
        try:
            base64.b64decode(account.key, validate=True)
        except (binascii.Error, ValueError):
            raise ProviderError(
                f"{where}: the account key is not base64; in a URL its + / = are written %2B %2F %3D"
            ) from None
        return account
    sas = (account.sas or "").lstrip("?")
    if "sig=" not in sas:
        raise ProviderError(
            f"{where}: the shared access signature has no sig; in sas=TOKEN the whole TOKEN is percent-encoded"
        )
    return Account(account.name, account.endpoint, None, sas)


def _name_in(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    return host.partition(".")[0] if ".blob." in host else parts.path.strip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
