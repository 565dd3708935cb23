"""wasi:blobstore 0.2.0-draft, on whatever blobstore provider the running call has pinned.

The draft is there in two shapes: with `outgoing-value.finish`, which it has had since August 2024, and without.
A failure of the store is the text that the interface promises as its `error`, never a trap.
"""

from __future__ import annotations

from typing import Any

from ...host.interface import InterfaceName, interface
from ...host.types import Interface
from .container import Container, StreamObjectNames
from .incoming import IncomingValue
from .outgoing import OutgoingValue, UnfinishedValue
from .plugged import failed, store


@interface("wasi:blobstore/types@0.2.0-draft")
class Types:
    """The interface wasi:blobstore/types."""

    OutgoingValue: type[OutgoingValue] = OutgoingValue
    IncomingValue = IncomingValue

    def for_import(self, name: InterfaceName, item: Interface) -> Types:
        """The class whose outgoing values end as the import's do."""
        return self if "[static]outgoing-value.finish" in item.functions else _UNFINISHED_TYPES


class UnfinishedTypes(Types):
    """The interface wasi:blobstore/types, for a guest that knows or calls no `finish`."""

    OutgoingValue = UnfinishedValue


_UNFINISHED_TYPES = UnfinishedTypes()


@interface("wasi:blobstore/container@0.2.0-draft")
class Containers:
    """The interface wasi:blobstore/container."""

    Container = Container
    StreamObjectNames = StreamObjectNames


@interface("wasi:blobstore/blobstore@0.2.0-draft")
class Blobstore:
    """The interface wasi:blobstore/blobstore."""

    def create_container(self, name: str) -> Container:
        provider = store()
        try:
            provider.create_container(name)
        except Exception as error:
            raise failed(error, provider) from None
        return Container(name)

    def get_container(self, name: str) -> Container:
        provider = store()
        try:
            provider.container_info(name)
        except Exception as error:
            raise failed(error, provider) from None
        return Container(name)

    def delete_container(self, name: str) -> None:
        provider = store()
        try:
            provider.delete_container(name)
        except Exception as error:
            raise failed(error, provider) from None

    def container_exists(self, name: str) -> bool:
        provider = store()
        try:
            return bool(provider.container_exists(name))
        except Exception as error:
            raise failed(error, provider) from None

    def copy_object(self, src: Any, dest: Any) -> None:
        provider = store()
        try:
            provider.copy_object(src.container, src.object, dest.container, dest.object)
        except Exception as error:
            raise failed(error, provider) from None

    def move_object(self, src: Any, dest: Any) -> None:
        provider = store()
        try:
            provider.move_object(src.container, src.object, dest.container, dest.object)
        except Exception as error:
            raise failed(error, provider) from None


def interfaces() -> list[Any]:
    """The interfaces of wasi:blobstore."""
    return [Types(), Containers(), Blobstore()]
