"""An S3 bucket as a blobstore: Amazon's, or that of any server which speaks its protocol.

    store = S3Store("my-bucket", region="eu-central-1")
    open_blobstore("s3://my-bucket/some/prefix?region=eu-central-1")
    open_blobstore("s3://my-bucket?endpoint=http://127.0.0.1:9000&access_key=…&secret_key=…")

Containers are the "folders" of the bucket below the prefix, objects the keys in them, so that what
`aws s3 cp dog.txt s3://my-bucket/animals/` puts there is the object `dog.txt` in the container `animals`;
`s3_names` says how other names are written. A container without the lab's marker (it was not made here) exists as
long as a key does. The bucket must exist.

Options: `endpoint`, `region`, `access_key`, `secret_key`, `session_token` and `timeout`. What the URL does not say is
taken from the environment as AWS's own tools do: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or
AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and the roles of EC2, ECS and EKS.
A `+` in a key is written %2B in a URL. `timeout` is how long the server may be silent; each part of an upload
(5 MiB) must be through by then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from heapq import merge
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from obstore import exceptions
from obstore.store import S3Store as Client

from ...errors import NotFound, ProviderError, Unavailable
from ..address import Address, seconds
from ..page import PAGE, Page, after, ordered_page
from . import s3_names
from .base import CHUNK, BlobstoreProvider, ContainerInfo, ObjectInfo, Writer
from .s3_client import checked_endpoint, client_of
from .s3_errors import RangePastEnd, plainly
from .s3_streams import PART, PARTS, S3Reader, S3Writer

_COPY_LIMIT = 5 << 30  # bytes that S3 copies by itself in one request
_FAR = 1 << 62  # an offset past all ends, which the client still takes for one
_REMEMBERED = 20_000  # names that a hash stands for: they never change


def open_s3(address: Address) -> S3Store:
    """The store for `s3://BUCKET/PREFIX?…`.

    Raises:
        ProviderError: the URL is not of this form.
    """
    options = address.take(
        endpoint=None, region=None, access_key=None, secret_key=None, session_token=None, timeout="5"
    )
    if address.user is not None or address.password is not None or address.port is not None:
        raise ProviderError(
            f"{address} does not name a bucket; wanted s3://bucket/prefix?endpoint=http://host:port"
            "&access_key=…&secret_key=…, or s3://bucket/prefix for Amazon's S3"
        )
    timeout = seconds(address, options.pop("timeout"))
    return S3Store(address.host, address.path, **options, timeout=timeout)


class S3Store(BlobstoreProvider):
    """Containers and objects in an S3 bucket.

    Args:
        bucket: its name; it must exist.
        prefix: what all keys start with, without slashes at either end; empty for the whole bucket.
        endpoint: the server's URL; None for Amazon's.
        region: None for that of the environment, or else us-east-1.
        access_key, secret_key, session_token: None for those of the environment.
        timeout: seconds that the server may be silent.

    Raises:
        ProviderError: one of these can't be right.
    """

    object_limit = PART * PARTS

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", bucket):
            raise ProviderError(f"{bucket!r} is no bucket's name; wanted s3://bucket or s3://bucket/prefix")
        prefix = prefix.strip("/")
        if prefix and (len(prefix.encode()) > s3_names.PREFIX_LIMIT or s3_names.object_key(prefix) != prefix):
            raise ProviderError(
                f"{prefix!r} can't be a prefix: it has at most {s3_names.PREFIX_LIMIT} bytes, no control "
                "characters, no empty parts, no '.' or '..' among them, and no '~' at its start"
            )
        env = os.environ.get
        endpoint = checked_endpoint(endpoint or env("AWS_ENDPOINT_URL_S3") or env("AWS_ENDPOINT_URL"))
        if (access_key is None) != (secret_key is None):
            raise ProviderError("an access key and a secret key go together; give both, or neither")
        if any(" " in (each or "") for each in (access_key, secret_key, session_token)):
            raise ProviderError("there is a space in an S3 key; in a URL, write its '+' as %2B")
        self._bucket, self._prefix = bucket, prefix
        self._root = f"{prefix}/" if prefix else ""
        self._place = urlsplit(endpoint).netloc if endpoint else "Amazon S3"
        self._make_bucket = f"aws s3 mb s3://{bucket}" + (f" --endpoint-url {endpoint}" if endpoint else "")
        self._names: dict[str, str] = {}
        self._closed = False
        self._client = client_of(bucket, endpoint, region, access_key, secret_key, session_token, timeout)

    # --- containers --------------------------------------------------------------------------------

    def create_container(self, name: str) -> ContainerInfo:
        what = _container(name)
        taken = ProviderError(f"there is a {what} in {self.summary()} already")
        if self.container_exists(name):
            raise taken
        key = self._key(name, s3_names.MARKER)
        with self._plainly(what):
            try:
                self._open().put(key, name.encode(), mode="create")
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                raise taken from None
        return self.container_info(name)

    def container_info(self, name: str) -> ContainerInfo:
        what = _container(name)
        with self._plainly(what):
            key = self._key(name, s3_names.MARKER)
            try:
                return ContainerInfo(name, self._open().get(key).meta["last_modified"].timestamp())
            except FileNotFoundError as error:
                # Not made here, perhaps: then its first key vouches for it.
                folder = self._root + s3_names.container_key(name)
                for page in self._open().list(folder, chunk_size=1):
                    return ContainerInfo(name, page[0]["last_modified"].timestamp())
                raise error

    def delete_container(self, name: str) -> None:
        marker = self._key_checked(name, s3_names.MARKER)
        # The marker last: until then the container is there, and can be deleted once more.
        self._delete_all(name, lambda key: key != marker)
        with self._plainly(_container(name)):
            self._open().delete([marker])

    def clear_container(self, name: str) -> None:
        # The names that hashes stand for stay: another thread may be about to write an object of that name.
        kept = (self._key_checked(name, s3_names.MARKER), self._key_checked(name, "~n/"))
        self._delete_all(name, lambda key: not key.startswith(kept))

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        last = after(cursor)
        with self._plainly("list of containers"):
            found = self._open().list_with_delimiter(self._prefix or None)
            folders = [folder[len(self._root) :] for folder in found["common_prefixes"]]
        names = []
        for folder in folders:
            name = s3_names.container_name(folder)
            if name is None and s3_names.is_hashed_container(folder):
                name = self._name_at(f"{self._root}{folder}/{s3_names.MARKER}")
            if name is not None and (last is None or name > last):
                names.append(name)
        return ordered_page(sorted(names)[: limit + 1], limit)

    # --- objects -----------------------------------------------------------------------------------

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        last = after(cursor)
        self.container_info(container)
        with self._plainly(_container(container)):
            kinds = (
                self._plain(container, last, limit),
                self._hexadecimal(container, last, limit),
                self._hashed(container),
            )
            names = (name for name in merge(*kinds) if last is None or name > last)
            return ordered_page(list(islice(names, limit + 1)), limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        what = _object(container, name)
        try:
            with self._plainly(what):
                found = self._open().head(self._object_key(container, name))
        except NotFound:
            self.container_info(container)  # the answer to HEAD does not say what is missing
            raise
        return ObjectInfo(name, container, found["last_modified"].timestamp(), found["size"])

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        what = _object(container, name)
        options: Any = None
        if start >= _FAR or (end is not None and end < start):
            self.object_info(container, name)
            return iter(())
        if end is not None and end < _FAR:
            options = {"range": (start, end + 1)}
        elif start:
            options = {"range": {"offset": start}}
        try:
            with self._plainly(what):
                # One request, and so one version.
                answer = self._open().get(self._object_key(container, name), options=options)
                stream = iter(answer.stream(min_chunk_size=CHUNK))
        except RangePastEnd:
            return iter(())
        except NotFound:
            self.container_info(container)
            raise
        return S3Reader(stream, lambda: self._plainly(what))

    def write(self, container: str, name: str) -> Writer:
        self.container_info(container)
        what = _object(container, name)
        with self._plainly(what):
            key = self._object_key(container, name)

        def prepare() -> None:
            self.container_info(container)  # it may have been deleted meanwhile
            self._say_name(container, name)

        return S3Writer(self._open(), key, what, lambda: self._plainly(what), prepare)

    def delete_objects(self, container: str, names: list[str]) -> None:
        self.container_info(container)
        with self._plainly(_container(container)):
            keys = [self._object_key(container, name) for name in names]
            if keys:
                self._open().delete(keys)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if self.object_info(container, name).size > _COPY_LIMIT:
            super().copy_object(container, name, to_container, to_name)
        elif (container, name) != (to_container, to_name):
            self.container_info(to_container)
            self._say_name(to_container, to_name)
            with self._plainly(_object(container, name)):
                self._open().copy(self._object_key(container, name), self._object_key(to_container, to_name))

    # --- about the store itself --------------------------------------------------------------------

    def ping(self) -> None:
        with self._plainly("list of objects"):
            next(iter(self._open().list(self._prefix or None, chunk_size=1)), None)

    def summary(self) -> str:
        return f"S3 bucket {self._bucket}{'/' if self._prefix else ''}{self._prefix} at {self._place}"

    def close(self) -> None:
        self._closed = True

    # -----------------------------------------------------------------------------------------------

    def _open(self) -> Client:
        if self._closed:
            raise Unavailable(f"{self.summary()} has been closed")
        return self._client

    def _plainly(self, what: str) -> AbstractContextManager[None]:
        return plainly(self.summary(), self._make_bucket, what)

    def _key(self, container: str, key: str) -> str:
        return f"{self._root}{s3_names.container_key(container)}/{key}"

    def _key_checked(self, container: str, key: str) -> str:
        self.container_info(container)
        return self._key(container, key)

    def _object_key(self, container: str, name: str) -> str:
        return self._key(container, s3_names.object_key(name))

    def _delete_all(self, container: str, doomed: Any) -> None:
        with self._plainly(_container(container)):
            for page in self._open().list(self._root + s3_names.container_key(container), chunk_size=1000):
                keys = [each["path"] for each in page if doomed(each["path"])]
                if keys:
                    self._open().delete(keys)

    # --- the three kinds of keys, each in the order of its names -------------------------------------

    def _keys(self, folder: str, start_after: str, limit: int) -> Iterator[str]:
        """The keys in a folder of the bucket, without its own name."""
        stream = self._open().list(folder, offset=f"{folder}/{start_after}" if start_after else None, chunk_size=limit)
        for page in stream:
            for each in page:
                yield each["path"][len(folder) + 1 :]

    def _plain(self, container: str, last: str | None, limit: int) -> Iterator[str]:
        folder = self._root + s3_names.container_key(container)
        start = s3_names.offset(last or "")
        for key in self._keys(folder, start, limit):
            if key.startswith("~"):
                # The store's own keys, perhaps very many: on with what comes after them.
                yield from filter(s3_names.object_name, self._keys(folder, s3_names.BEYOND_OWN, limit))
                return
            if s3_names.object_name(key) == key:
                yield key

    def _hexadecimal(self, container: str, last: str | None, limit: int) -> Iterator[str]:
        folder = self._root + s3_names.container_key(container)
        start = "" if last is None else s3_names.hexadecimal_offset(last)[3:]
        for key in self._keys(f"{folder}/~x", start, limit):
            name = s3_names.object_name(f"~x/{key}")
            if name is not None:
                yield name

    def _hashed(self, container: str) -> list[str]:
        folder = self._root + s3_names.container_key(container)
        names = (self._name_at(f"{folder}/~n/{key}") for key in self._keys(f"{folder}/~h", "", PAGE))
        return sorted(name for name in names if name is not None)

    # --- names that only a hash of stands in the key --------------------------------------------------

    def _name_at(self, key: str) -> str | None:
        """The name that an object of the store's own holds; None if it has just been deleted."""
        if key not in self._names:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            try:
                with self._plainly("name"):
                    self._names[key] = bytes(self._open().get(key).bytes()).decode()
            except NotFound:
                return None
        return self._names.get(key)

    def _say_name(self, container: str, name: str) -> None:
        place = s3_names.name_key(s3_names.object_key(name))
        if place is not None:
            with self._plainly(_object(container, name)):
                self._open().put(self._key(container, place), name.encode(), use_multipart=False)


def _container(name: str) -> str:
    return f"container {name!r}"


def _object(container: str, name: str) -> str:
    return f"object {name!r} in the container {container!r}"
