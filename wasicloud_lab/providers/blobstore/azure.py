"""Azure Blob Storage, real or Azurite: containers are containers, objects are block blobs.

`azure_address.py` says what URLs there are, `azure_names.py` what a name becomes in Azure. Further options of a URL:

    timeout=SECONDS          for each operation, default 5; reading or writing has it for every 4 MiB
    prefix=TEXT              what all container names begin with: a lab's own corner of a shared account
    endpoint_suffix=HOST     for accounts that are not at blob.core.windows.net

What lands where:

- an object of up to 4 MiB is one Put Blob, a longer one blocks of 4 MiB and one Put Block List: nothing is seen of
  it before. Of two writers of one long object, the first to commit makes Azure drop the other's blocks, and the
  other's commit says so;
- a read has one ETag: an object that is changed meanwhile ends it with an error;
- when a container was made is in its metadata (`wlcreated`); Azure itself knows only when it was last changed,
  which is what others' containers answer;
- a copy is made by Azure, not through this machine.

Azure takes half a minute or more to delete a container, and refuses one of that name until then: `create_container`
tries again for the timeout, and then says so.
"""

from __future__ import annotations

import heapq
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContainerClient

from ...errors import NotFound, ProviderError, Unavailable
from ..address import Address, seconds
from ..page import PAGE, Page, after, foreign_cursor, ordered_page
from .azure_address import SAS_PARTS, Account, account_of, parse_connection_string
from .azure_client import BLOCK, Session, Where, code_of
from .azure_names import (
    MAPPED_OBJECTS,
    check_prefix,
    container_name,
    container_of,
    is_plain_object,
    mapped_object,
    object_name,
)
from .azure_streams import MOST_BLOCKS, AzureWriter, read_blob
from .base import BlobstoreProvider, ContainerInfo, ObjectInfo, Writer

_CREATED = "wlcreated"
_CREATION = "wlcreation"
_MOST_LISTED = 5000
_DELETING = 16
_CURSOR = "azure"
_POLL = 0.5
_KNOWN_CONTAINERS = 10_000


def open_azure(address: Address) -> AzureBlobstore:
    """The provider of an `azure://` URL; see this module's top for its forms.

    Raises:
        ProviderError: the URL is not one of them, or there is no secret, neither in it nor in the environment.
    """
    options = address.take(
        connection_string=None,
        account_key=None,
        sas=None,
        endpoint_suffix=None,
        prefix="",
        timeout="5",
        **dict.fromkeys(SAS_PARTS),
    )
    return AzureBlobstore(
        account_of(address, options),
        prefix=options["prefix"] or "",
        timeout=seconds(address, options["timeout"]),
    )


class AzureBlobstore(BlobstoreProvider):
    """The blobs of one account.

        AzureBlobstore.from_connection_string("UseDevelopmentStorage=true")

    Args:
        account: whose blobs, and what opens them.
        prefix: what the names of its containers begin with; others are not seen.
        timeout: seconds for each operation.

    Raises:
        ProviderError: the prefix can't begin a container's name.
    """

    object_limit = BLOCK * MOST_BLOCKS

    def __init__(self, account: Account, *, prefix: str = "", timeout: float = 5.0) -> None:
        self._prefix = check_prefix(prefix)
        where = "" if account.is_regional else f" at {account.host}"
        only = f", containers {prefix}*" if prefix else ""
        self._summary = f"Azure Blob account {account.name}{where}{only}"
        self._session = Session(account, self._summary, timeout)
        self._known: set[str] = set()

    @classmethod
    def from_connection_string(cls, text: str, *, prefix: str = "", timeout: float = 5.0) -> AzureBlobstore:
        """The account of a connection string, as the portal shows it; `UseDevelopmentStorage=true` is Azurite at 10000.

        Raises:
            ProviderError: something is missing in it; the message has none of its text.
        """
        return cls(parse_connection_string(text), prefix=prefix, timeout=timeout)

    # --- containers --------------------------------------------------------------------------------

    def create_container(self, name: str) -> ContainerInfo:
        stored = container_name(name, self._prefix)
        created_at, creation = time.time(), uuid.uuid4().hex
        metadata = {**stored.metadata, _CREATED: repr(created_at), _CREATION: creation}
        client = self._session.client.get_container_client(stored.name)

        def create() -> bool:
            try:
                client.create_container(metadata=metadata)
            except HttpResponseError as error:
                if code_of(error) == "ContainerBeingDeleted":
                    return False
                # A request whose answer was lost has been sent again: then the container that is there is ours.
                if code_of(error) != "ContainerAlreadyExists" or _metadata(client).get(_CREATION) != creation:
                    raise
            return True

        give_up = time.monotonic() + self._session.timeout
        while not self._session.call(Where(name), create):
            if time.monotonic() + _POLL > give_up:
                raise ProviderError(
                    f"{self._summary} is still deleting the container {name!r} that was there before, which takes it "
                    "half a minute or more; try again later, or take another name"
                )
            time.sleep(_POLL)
        self._remember(name)
        return ContainerInfo(name, created_at)

    def container_info(self, name: str) -> ContainerInfo:
        client = self._container(name)
        found = self._session.call(Where(name), client.get_container_properties)
        self._remember(name)
        try:
            created_at = float((found.metadata or {})[_CREATED])
        except (KeyError, ValueError):
            created_at = found.last_modified.timestamp()
        return ContainerInfo(name, created_at)

    def delete_container(self, name: str) -> None:
        self._known.discard(name)
        self._session.call(Where(name), self._container(name).delete_container)

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        last = after(cursor)

        def list_all() -> list[str]:
            found = self._session.client.list_containers(
                name_starts_with=self._prefix or None, include_metadata=True, results_per_page=_MOST_LISTED
            )
            names = (container_of(each.name, each.metadata, self._prefix) for each in found)
            further = (name for name in names if name is not None and (last is None or name > last))
            return heapq.nsmallest(limit + 1, further)

        return ordered_page(self._session.call(Where(), list_all), limit)

    # --- objects -----------------------------------------------------------------------------------

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        marker, last, has_mapped = _from_cursor(cursor)
        mapped = self._mapped_objects(container, last) if has_mapped else []
        plain: list[str] = []
        fetched: list[tuple[str, str]] = []  # of each of Azure's pages, the last plain name and the page's own marker
        while marker is not None and len(plain) < limit:
            names, following = self._plain_objects(container, marker, min(limit, _MOST_LISTED))
            new = [name for name in names if last is None or name > last]
            if new:
                plain += new
                fetched.append((new[-1], marker))
            marker = following
        items = list(islice(heapq.merge(plain, mapped), limit))
        if marker is None and len(items) == len(plain) + len(mapped):
            return Page(items, None)
        last = items[-1]
        marker = next((own for final, own in fetched if final > last), marker)
        further = json.dumps([marker, last, bool(mapped) and mapped[-1] > last])
        return Page(items, f"{_CURSOR}:{further}")

    def _plain_objects(self, container: str, marker: str, limit: int) -> tuple[list[str], str | None]:
        """One of Azure's pages: the objects that are plainly named, and the marker of the next page."""

        def list_page() -> tuple[list[str], str | None]:
            pages: Any = (
                self._container(container)
                .list_blob_names(results_per_page=limit)
                .by_page(continuation_token=marker or None)
            )
            names = [name for name in next(pages) if is_plain_object(name)]
            return names, pages.continuation_token or None

        return self._session.call(Where(container), list_page)

    def _mapped_objects(self, container: str, last: str | None) -> list[str]:
        """All objects with names that Azure would not take, in order."""

        def list_all() -> list[str]:
            found = self._container(container).list_blobs(
                name_starts_with=MAPPED_OBJECTS, include=["metadata"], results_per_page=_MOST_LISTED
            )
            names = (mapped_object(each.name, each.metadata) for each in found)
            return sorted(name for name in names if name is not None and (last is None or name > last))

        return self._session.call(Where(container), list_all)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        found = self._session.call(Where(container, name), self._blob(container, name).get_blob_properties)
        return ObjectInfo(name, container, found.last_modified.timestamp(), found.size)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end < start:
            self.object_info(container, name)
            return iter(())
        return read_blob(self._session, self._blob(container, name), Where(container, name), start, end)

    def write(self, container: str, name: str) -> Writer:
        blob, metadata = self._blob(container, name), object_name(name).metadata
        if container not in self._known:
            self.container_info(container)
        return AzureWriter(self, self._session, blob, Where(container, name), metadata)

    def delete_objects(self, container: str, names: list[str]) -> None:
        if not names:
            self.container_info(container)
            return
        # Not as one batch request: with a shared access signature Azurite does not take those.
        with ThreadPoolExecutor(min(_DELETING, len(names))) as threads:
            for _ in threads.map(partial(self._delete, container), names):
                pass  # the first that fails ends it, and those that have not begun are left

    def delete_object(self, container: str, name: str) -> None:
        self._delete(container, name)

    def _delete(self, container: str, name: str) -> None:
        def delete() -> None:
            try:
                self._blob(container, name).delete_blob(delete_snapshots="include")
            except ResourceNotFoundError as error:
                if code_of(error) != "BlobNotFound":
                    raise

        self._session.call(Where(container, name), delete)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if (container, name) == (to_container, to_name):
            self.object_info(container, name)
            return
        source, target = self._blob(container, name), self._blob(to_container, to_name)
        metadata = object_name(to_name).metadata
        if metadata:  # given any, Azure copies none of the source's
            kept = self._session.call(Where(container, name), source.get_blob_properties).metadata
            metadata = {**kept, **metadata}
        url = self._session.source_url(source.url)
        try:
            started = self._session.call(
                Where(to_container, to_name), lambda: target.start_copy_from_url(url, metadata=metadata or None)
            )
        except NotFound:
            self.object_info(container, name)  # says so if it is the source that is not there
            raise
        if started["copy_status"] != "success":
            self._wait_for_copy(target, Where(to_container, to_name))

    def _wait_for_copy(self, target: BlobClient, where: Where) -> None:
        """Until Azure has copied everything, or has made no progress for the timeout."""
        progress, since = None, time.monotonic()
        while True:
            copy = self._session.call(where, target.get_blob_properties).copy
            if copy.status == "success":
                return
            if copy.status != "pending":
                raise ProviderError(f"{self._summary} could not copy to {where}: it was {copy.status}")
            if copy.progress != progress:
                progress, since = copy.progress, time.monotonic()
            elif time.monotonic() - since > self._session.timeout:
                self._session.call(where, partial(target.abort_copy, str(copy.id)))
                raise Unavailable(f"{self._summary} does not get on with copying to {where}; it has been called off")
            time.sleep(_POLL)

    # --- about the provider itself -----------------------------------------------------------------

    def ping(self) -> None:
        self._session.call(Where(), self._session.client.get_account_information)

    def summary(self) -> str:
        return self._summary

    def close(self) -> None:
        self._session.close()

    def _container(self, name: str) -> ContainerClient:
        return self._session.client.get_container_client(container_name(name, self._prefix).name)

    def _blob(self, container: str, name: str) -> BlobClient:
        return self._session.client.get_blob_client(
            container_name(container, self._prefix).name, object_name(name).name
        )

    def _remember(self, container: str) -> None:
        """Spares the next writer from asking whether the container is there."""
        if len(self._known) > _KNOWN_CONTAINERS:
            self._known.clear()
        self._known.add(container)


def _metadata(client: ContainerClient) -> dict[str, str]:
    return client.get_container_properties().metadata or {}


def _from_cursor(cursor: str | None) -> tuple[str | None, str | None, bool]:
    """Where a listing goes on.

    Returns:
        the marker of Azure's next page (empty: its first; None: there is none), the last name, whether mapped
        names follow.
    """
    if cursor is None:
        return "", None, True
    kind, _, text = cursor.partition(":")
    if kind != _CURSOR:
        raise foreign_cursor()
    try:
        marker, last, has_mapped = json.loads(text)
    except (TypeError, ValueError):
        raise foreign_cursor() from None
    return marker, last, has_mapped
