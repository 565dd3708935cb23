"""Redis: `redis://[user[:password]@]host[:port][/db][?layout=hash|prefix&timeout=5]`, and `rediss://` for TLS.

How buckets and keys land in Redis is the layout's to say (`redis_layouts.py`), how bytes get there and back the
wire's (`redis_wire.py`). What is here serves any server that speaks Redis's commands, the embedded one too
(`fake.py`).
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import ResponseError

from ...errors import ProviderError, TooLarge, Unavailable
from ..address import Address, seconds
from ..page import PAGE, Page, foreign_cursor
from .base import INT64_MAX, INT64_MIN, KeyValueProvider, add_to_counter
from .redis_layouts import LAYOUTS, Command
from .redis_wire import Wire

MIB = 1024 * 1024

#: One command for several keys: how many at most, and how many bytes of values.
_SLICE, _SLICE_BYTES = 1000, 8 * MIB

#: A page of a listing: how many questions at most, and how many bytes of values that come along unasked.
_STEPS, _STEP_BYTES = 32, 8 * MIB

#: The smallest COUNT worth a question.
_COUNT = 10

_CURSOR = re.compile(r"scan:([1-9][0-9]{0,19})")


class RedisCommands(KeyValueProvider):
    """A store of Redis's commands in one of the layouts, on a wire."""

    value_limit = 512 * MIB
    lists_twice = True

    def __init__(self, wire: Wire, layout: str) -> None:
        if layout not in LAYOUTS:
            raise ProviderError(f"{wire.name}: there is no layout {layout!r}; there are {' and '.join(LAYOUTS)}")
        self._wire = wire
        self._layout = LAYOUTS[layout]
        # Only newer servers (7.4) list a hash's fields without their values.
        self._bare = True

    # --- one key -----------------------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> bytes | None:
        value: bytes | None = self._ask(bucket, self._layout.get(bucket, key))
        return value

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self._ask(bucket, self._layout.set(bucket, key, self._fitting(value)))

    def delete(self, bucket: str, key: str) -> None:
        self._ask(bucket, self._layout.delete(bucket, (key,)))

    def exists(self, bucket: str, key: str) -> bool:
        return bool(self._ask(bucket, self._layout.exists(bucket, key)))

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        if not INT64_MIN <= delta <= INT64_MAX:
            return self._far_increment(bucket, key, delta)
        try:
            total: int = self._wire.ask(self._layout.increment(bucket, key, delta))
        except ResponseError as error:
            said = str(error)
            if "not an integer" in said or "overflow" in said:
                add_to_counter(self.get(bucket, key), delta)  # says what is wrong with the value
            raise self._refusal(error, bucket) from None
        return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        self._fitting(value)
        if expected is None:
            return bool(self._ask(bucket, self._layout.add(bucket, key, value)))
        watch = ("WATCH", self._layout.place(bucket, key))
        for _ in self._attempts(bucket):
            try:
                with self._wire.conversation() as say:
                    if say(watch, self._layout.get(bucket, key))[1] != expected:
                        say(("UNWATCH",))
                        return False
                    *_, done = say(("MULTI",), self._layout.set(bucket, key, value), ("EXEC",))
            except ResponseError as error:
                raise self._refusal(error, bucket) from None
            # Nil: somebody changed the key in between, or another field of the same hash; the next look tells.
            if done is not None:
                return True
        raise AssertionError("unreachable")

    # --- many keys ---------------------------------------------------------------------------------

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = []
        for start in range(0, len(keys), _SLICE):
            values += self._ask(bucket, self._layout.get_many(bucket, keys[start : start + _SLICE]))
        return values

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        for some in _slices((key, self._fitting(value)) for key, value in pairs):
            self._ask(bucket, self._layout.set_many(bucket, some))

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _SLICE):
            self._ask(bucket, self._layout.delete(bucket, keys[start : start + _SLICE]))

    # --- listings ----------------------------------------------------------------------------------

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        def step(at: int, count: int) -> tuple[int, list[str], int]:
            bare = self._bare
            try:
                at, found = self._scan(self._layout.key_scan(bucket, at, count, bare))
            except ResponseError as error:
                if not bare or self._layout.mixed or "syntax" not in str(error):
                    raise self._refusal(error, bucket) from None
                self._bare = False
                return step(at, min(count, _COUNT))
            return at, self._layout.key_names(bucket, found, bare), sum(map(len, found))

        careful = not self._bare and not self._layout.mixed
        return _page(step, cursor, limit, min(limit, _COUNT) if careful else limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        def step(at: int, count: int) -> tuple[int, list[str], int]:
            try:
                at, found = self._scan(self._layout.bucket_scan(at, count))
            except ResponseError as error:
                raise self._wire.refusal(error) from None
            return at, self._layout.bucket_names(found), 0

        return _page(step, cursor, limit, limit)

    # --- the store itself --------------------------------------------------------------------------

    def ping(self) -> None:
        try:
            self._wire.ask(("PING",))
        except ResponseError as error:
            raise self._wire.refusal(error) from None

    def summary(self) -> str:
        return f"{self._wire.name}, {self._layout.words}"

    def close(self) -> None:
        self._wire.close()

    # --- helpers -----------------------------------------------------------------------------------

    def _ask(self, bucket: str, command: Command) -> Any:
        try:
            return self._wire.ask(command)
        except ResponseError as error:
            raise self._refusal(error, bucket) from None

    def _scan(self, command: Command) -> tuple[int, list[bytes]]:
        at, found = self._wire.ask(command)
        return int(at), found

    def _fitting(self, value: bytes) -> bytes:
        if len(value) > self.value_limit:
            raise TooLarge(f"{self._wire.name} holds values of up to 512 MiB; this one has {len(value):,} bytes")
        return value

    def _refusal(self, error: ResponseError, bucket: str) -> ProviderError:
        said = str(error)
        if said.startswith("WRONGTYPE"):
            other = next(name for name, layout in LAYOUTS.items() if layout is not self._layout)
            return ProviderError(
                f"{self._wire.name}: what is there for bucket {bucket!r} is not {self._layout.holds} ({said}); "
                f"another program keeps something under that name: take another bucket, or layout={other} in the URL"
            )
        if "invalid bulk length" in said:
            return TooLarge(f"{self._wire.name} takes no value of that size (its proto-max-bulk-len)")
        return self._wire.refusal(error)

    def _far_increment(self, bucket: str, key: str, delta: int) -> int:
        """By more than Redis's own increment can say: only a counter far on the other side takes it."""
        for _ in self._attempts(bucket):
            present = self.get(bucket, key)
            total = add_to_counter(present, delta)
            if self.compare_and_swap(bucket, key, present, b"%d" % total):
                return total
        raise AssertionError("unreachable")

    def _attempts(self, bucket: str) -> Iterator[None]:
        """Once, and again until the timeout: for what works only when nobody else writes at the same moment."""
        patience = self._wire.timeout
        end = None if patience is None else time.monotonic() + patience
        yield
        while end is None or time.monotonic() < end:
            yield
        raise Unavailable(f"{self._wire.name}: others kept changing bucket {bucket!r} for {patience:g} s; try again")


class RedisStore(RedisCommands):
    """A Redis server.

        store = RedisStore("redis://localhost:6379")
        store.set("user:ricochet", "animal", b"dog")

    Args:
        url: as in the module's docstring.
        layout: "hash" or "prefix"; over the URL's.
        timeout: seconds that connecting, sending and waiting for an answer may take each; over the URL's.
        ca: for rediss://, a PEM file with an authority to trust besides the system's; over the URL's.

    Raises:
        ProviderError: the URL or one of the others is not understood.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        layout: str | None = None,
        timeout: float | None = None,
        ca: str | None = None,
    ) -> None:
        address = Address.parse(url)
        if address.scheme not in ("redis", "rediss"):
            raise ProviderError(f"{address} is not Redis's; wanted redis://HOST:PORT, or rediss:// for TLS")
        secure = address.scheme == "rediss"
        known = {"layout": layout or "hash", "timeout": "5"} | ({"ca": ca} if secure else {})
        options = address.take(**known)
        if ca and not secure:
            raise ProviderError(f"{address}: ca is for TLS; make it rediss://")
        if timeout is None:
            timeout = seconds(address, options["timeout"])
        elif not 0 < timeout < float("inf"):
            raise ProviderError(f"{address}: timeout={timeout} is not a number of seconds above 0")
        database = _database(address)
        kind, more = (SSLConnection, _trust(address, ca or options["ca"])) if secure else (Connection, {})
        host, port = address.host or "localhost", address.port or 6379
        name = f"Redis at {f'[{host}]' if ':' in host else host}:{port}"
        wire = Wire(
            name + (f"/{database}" if database else "") + (" (TLS)" if secure else ""),
            timeout,
            address.password,
            kind,
            host=host,
            port=port,
            db=database,
            username=address.user,
            password=address.password,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            socket_keepalive=True,  # so that a server which vanished without a word is noticed while idle
            **more,
        )
        super().__init__(wire, layout or options["layout"] or "hash")


def open_redis(address: Address) -> RedisStore:
    """The provider for a redis:// or rediss:// URL."""
    return RedisStore(address.text)


def _database(address: Address) -> int:
    number = address.path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise ProviderError(f"{address}: after the slash comes the number of a database, as in redis://localhost/1")
    return int(number or 0)


def _trust(address: Address, ca: str | None) -> dict[str, Any]:
    if not ca:
        return {}
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ProviderError(f"{address}: ca={ca} is no file of PEM certificates ({error.strerror or error})") from None
    return {"ssl_ca_certs": ca}


def _slices(pairs: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    some: list[tuple[str, bytes]] = []
    size = 0
    for pair in pairs:
        if some and (len(some) == _SLICE or size + len(pair[1]) > _SLICE_BYTES):
            yield some
            some, size = [], 0
        some.append(pair)
        size += len(pair[1])
    if some:
        yield some


def _page(
    step: Callable[[int, int], tuple[int, list[str], int]], cursor: str | None, limit: int, count: int
) -> Page[str]:
    """Asks until about `limit` names are there, each once, or the end; `step` answers where it is, names, bytes.

    Names that are sparse among others make no page of thousands of questions, and values that come along with
    the names no page of gigabytes: after each step the next one is sized by what came.
    """
    at = _position(cursor)
    names: dict[str, None] = {}
    for _ in range(_STEPS):
        at, found, size = step(at, count)
        names.update(dict.fromkeys(found))
        if at == 0:
            return Page(list(names), None)
        if len(names) >= limit:
            break
        count = max(_COUNT, limit - len(names))
        if found and size:
            count = max(1, min(count, _STEP_BYTES * len(found) // size))
    return Page(list(names), f"scan:{at}")


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[1]) >= 2**64:
        raise foreign_cursor()
    return int(match[1])
