"""Blobstore providers with one thing wrong each, as in the wild, and the checks that must find it."""

from __future__ import annotations

import posixpath
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from tests.faulty_providers import STEP, found_by
from tests.right_providers import Objects, Shelf
from wasicloud_lab.errors import NotFound, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore.base import ContainerInfo, ObjectInfo, Writer, fetch, put
from wasicloud_lab.providers.page import PAGE, Page

# --- containers --------------------------------------------------------------------------------------


@found_by("answers")
class BlobPingFails(Objects):
    def ping(self) -> None:
        super().ping()
        raise ProviderError("405 Method Not Allowed")


@found_by("summary")
class SaysNothing(Objects):
    def summary(self) -> str:
        return ""


@found_by("create-and-delete")
class DeletedComesBack(Objects):
    def delete_container(self, name: str) -> None:
        self.inside(name)
        kept = dict(self.content[name])
        super().delete_container(name)
        self.shelf.setdefault("kept", {})[name] = kept

    def create_container(self, name: str) -> ContainerInfo:
        info = super().create_container(name)
        self.content[name].update(self.shelf.get("kept", {}).get(name, {}))
        return info


@found_by("create-twice")
class CreatesAgain(Objects):
    def create_container(self, name: str) -> ContainerInfo:
        with suppress(ProviderError):
            return super().create_container(name)
        return self.container_info(name)


@found_by("create-twice")
class CreatesWithoutALock(Objects):
    def create_container(self, name: str) -> ContainerInfo:
        self.open()
        if name in self.content:
            raise ProviderError(f"there is a container {name!r} already")
        time.sleep(STEP)
        self.content[name] = {}
        self.times[name] = time.time()
        return ContainerInfo(name, self.times[name])


@found_by("container-times", "clear", "reopen")
class TimeOfLastChange(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        super().put(container, name, data)
        self.times[container] = time.time()


@found_by("container-times")
class Milliseconds(Objects):
    def create_container(self, name: str) -> ContainerInfo:
        super().create_container(name)
        self.times[name] *= 1000
        return self.container_info(name)


@found_by("missing-container")
class NoContainerNoObjects(Objects):
    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return super().objects(container, cursor, limit) if self.closed or container in self.content else Page([], None)


@found_by("missing-container")
class NoContainerNoObject(Objects):
    def object_exists(self, container: str, name: str) -> bool:
        with suppress(NotFound):
            return super().object_exists(container, name)
        return False


@found_by("missing-container")
class WriteMakesTheContainer(Objects):
    def write(self, container: str, name: str) -> Writer:
        if not self.closed and container not in self.content:
            self.create_container(container)
        return super().write(container, name)


@found_by("missing-container")
class NoContainerNothingToDelete(Objects):
    def delete_objects(self, container: str, names: list[str]) -> None:
        with suppress(NotFound):
            super().delete_objects(container, names)


@found_by("missing-container")
class NoContainerNothingToClear(Objects):
    def clear_container(self, name: str) -> None:
        with suppress(NotFound):
            super().clear_container(name)


@found_by("missing-container")
class DeletesNoContainer(Objects):
    def delete_container(self, name: str) -> None:
        with suppress(NotFound):
            super().delete_container(name)


@found_by("missing-container")
class InfoIsAKeyError(Objects):
    def container_info(self, name: str) -> ContainerInfo:
        if not self.closed and name not in self.content:
            raise KeyError(name)
        return super().container_info(name)

    def container_exists(self, name: str) -> bool:
        self.open()
        return name in self.content


@found_by("container-names", "containers-listed")
class IgnoresCaseOfContainers(Objects):
    def box(self, container: str) -> str:
        return container.lower()


@found_by("container-names", "containers-listed", "containers-apart")
class ContainersOfSubjects(Objects):
    def box(self, container: str) -> str:
        return container.replace(".", "_").replace(" ", "_")


@found_by("container-names")
class ThereAlready(Objects):
    """Takes `..` for the folder that is there."""

    def container_exists(self, name: str) -> bool:
        return name in ("..", ".") or super().container_exists(name)


@found_by("containers-listed")
class ContainersIgnoringCase(Objects):
    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        page = super().containers(cursor, limit)
        return Page(sorted(page.items, key=str.lower), page.cursor)


@found_by("containers-listed")
class ContainersOnOnePage(Objects):
    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return super().containers(cursor, PAGE)


@found_by("containers-apart")
class ClearsByPrefix(Objects):
    def clear_container(self, name: str) -> None:
        super().clear_container(name)
        for other in [other for other in self.content if other.startswith(name)]:
            super().clear_container(other)


@found_by("containers-apart")
class JoinsBySlash(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        with self.shelf.lock:
            super().put(container, name, data)
            for other, inside in self.content.items():
                for own in inside:
                    if f"{other}/{own}" == f"{container}/{name}":
                        inside[own] = inside[own] if other == container else (data, time.time())


@found_by("clear")
class ClearIsDelete(Objects):
    def clear_container(self, name: str) -> None:
        super().clear_container(name)
        if not name.endswith("a"):
            self.delete_container(name)


@found_by("clear")
class ClearsOneLevel(Objects):
    def clear_container(self, name: str) -> None:
        self.delete_objects(name, [name for name in self.objects(name).items if "/b/c" not in name])


# --- objects -----------------------------------------------------------------------------------------


@found_by("object-names", "listing-order")
class NormalisesObjects(Objects):
    def label(self, name: str) -> str:
        return unicodedata.normalize("NFC", name)


@found_by("object-names", "slashes", "reopen", "missing-object")
class ObjectsAreFiles(Objects):
    def label(self, name: str) -> str:
        return posixpath.normpath("/" + name)[1:]


@found_by("object-names", "slashes", "clear", "reopen", "listing-order", "copy", "own-writes")
class FoldersAreNoObjects(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        with self.shelf.lock:
            for other in self.inside(container):
                if other != name and (other.startswith(name + "/") or name.startswith(other + "/")):
                    raise ProviderError(f"{name!r}: is a directory, or not a directory")
            super().put(container, name, data)


@found_by("missing-object", "missing-container", "close", "create-and-delete")
class ReadsLazily(Objects):
    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield from self.chunks(self.found(container, name)[0], start, end)


@found_by("missing-object", "delete-many")
class NoObjectToDelete(Objects):
    def delete_objects(self, container: str, names: list[str]) -> None:
        for name in names:
            if "missing" in name:
                self.found(container, name)
        super().delete_objects(container, names)


@found_by("missing-object")
class OntoItselfUnseen(Objects):
    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if self.closed or container not in self.content or (container, name) != (to_container, to_name):
            super().copy_object(container, name, to_container, to_name)


@found_by("missing-object")
class TruncatesTheTargetFirst(Objects):
    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if name == "missing" and to_name == "there":
            put(self, to_container, to_name, b"")
        super().copy_object(container, name, to_container, to_name)


@found_by("object-times")
class TimeOfFirstWrite(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        with self.shelf.lock:
            before = self.inside(container).get(name)
            super().put(container, name, data)
            if before:
                self.content[container][name] = data, before[1]


@found_by("object-times")
class OffByAnHour(Objects):
    def put(self, container: str, name: str, data: bytes) -> None:
        super().put(container, name, data)
        self.content[container][name] = data, time.time() + 3600


@found_by("delete-many")
class DeletesTwoHundredAndFifty(Objects):
    def delete_objects(self, container: str, names: list[str]) -> None:
        super().delete_objects(container, names[:250])


@found_by("copy")
class CopyIsALink(Objects):
    def __init__(self, shelf: Shelf | None = None) -> None:
        super().__init__(shelf)
        self.links: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        super().copy_object(container, name, to_container, to_name)
        if "é" in name:
            self.links.setdefault((container, name), []).append((to_container, to_name))

    def put(self, container: str, name: str, data: bytes) -> None:
        super().put(container, name, data)
        for other, own in self.links.get((container, name), []):
            super().put(other, own, data)


@found_by("copy")
class CopyToItselfIsAWrite(Objects):
    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        put(self, to_container, to_name, fetch(self, container, name))


@found_by("copy")
class CopiesNothingOver(Objects):
    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        data = fetch(self, container, name)
        if to_name == "over" and data.startswith(b"some"):
            with suppress(NotFound):
                data += fetch(self, to_container, to_name)[len(data) :]
        if (container, name) != (to_container, to_name):
            put(self, to_container, to_name, data)

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if (container, name) != (to_container, to_name):
            put(self, to_container, to_name, fetch(self, container, name))
            self.delete_object(container, name)
        else:
            self.object_info(container, name)


@found_by("move", "own-writes")
class MoveIsACopy(Objects):
    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        self.copy_object(container, name, to_container, to_name)


@found_by("move")
class MoveOntoItselfDeletes(Objects):
    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        self.copy_object(container, name, to_container, to_name)
        self.delete_object(container, name)


# --- listings, opening and closing -------------------------------------------------------------------


@found_by("listing-order", "containers-listed")
class OrderOfUtf16(Objects):
    def order(self, name: str) -> Any:
        return name.encode("utf-16-be")


@found_by("listing-order")
class ObjectsInPagesOfTwenty(Objects):
    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        return super().objects(container, cursor, max(limit, 20))


@found_by("listing-while-writing")
class ObjectsByPosition(Objects):
    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        with self.shelf.lock:
            self.page([], cursor, limit)
            names = sorted(self.inside(container))
            at = int(cursor[6:]) if cursor else 0
            return Page(names[at : at + limit], f"after:{at + limit}" if len(names) > at + limit else None)


@found_by("foreign-cursors")
class AnyCursorIsAName(Objects):
    def page(self, names: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        if cursor is not None and not cursor.startswith("after:"):
            cursor = f"after:{cursor}"
        return super().page(names, cursor, limit)


@found_by("close")
class ListsAfterClose(Objects):
    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        with self.shelf.lock:
            return self.page(list(self.content), cursor, limit)


@found_by("close")
class NotFoundAfterClose(Objects):
    def object_info(self, container: str, name: str) -> ObjectInfo:
        try:
            return super().object_info(container, name)
        except Unavailable:
            raise NotFound("the connection is closed") from None


@found_by("reopen")
class WritesOnExit(Objects):
    """Opened again, it has what an object was first, not what it was last."""

    def close(self) -> None:
        if not self.closed:
            for name, inside in self.content.items():
                if "é" in name:
                    inside.pop("..", None)
        super().close()
