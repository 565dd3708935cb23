"""A folder as a blobstore: each container is a sub-folder, each object a plain file in it.

    store = FolderStore("blobs")                  # made if only its last part is missing
    open_blobstore("file:///srv/blobs")           # an absolute path; on Windows file:///C:/blobs
    open_blobstore("file://./blobs")              # relative to the working folder

What is there already is served as it is: `animals/dog.txt` is the object `dog.txt` in the container `animals`, and
an object written as `dog.txt` is that file. `file_names` says how other names are written. Neither objects nor
containers are: what starts with a dot, folders inside of a container, symbolic links, devices and pipes. None of
them is listed, followed or opened. Hidden files that start with `.wasicloud-` are the store's own.

An object appears when it is committed, by a rename: who reads the old one reads on in it (Windows does not rename
over a file that is being read, and says so). A container's time is when it was made here; for a folder that was
there before, when it was made if the system says, or else when a file last came or went.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from heapq import nsmallest
from urllib.parse import urlsplit

from ...errors import ProviderError, Unavailable
from ..address import Address
from ..page import PAGE, Page, after, ordered_page
from .base import BlobstoreProvider, ContainerInfo, ObjectInfo, Writer
from .file_errors import ABSENT, plainly
from .file_folders import Folder
from .file_names import Names
from .file_places import MARK, Places, folds
from .file_streams import FileReader, FileWriter


def open_file(address: Address) -> FolderStore:
    """The store for `file:///absolute/folder` or `file://./folder/from/here`.

    Raises:
        ProviderError: the URL is neither, or the folder is not there and can't be made.
    """
    address.take()
    path = address.path
    if address.user is not None or address.port is not None or address.host not in ("", ".", "localhost"):
        raise ProviderError(
            f"{address} names a host; wanted file:///absolute/folder, or file://./folder for one in the working folder"
        )
    if urlsplit(address.text).fragment:
        raise ProviderError(f"{address} has a '#' in it; in a URL's path that is written %23")
    if address.host == ".":
        path = "." + path
    elif not path.strip("/"):
        raise ProviderError(f"{address} names no folder; wanted file:///absolute/folder, or file://./folder")
    elif re.match(r"/[A-Za-z]:(/|$)", path) and sys.platform == "win32":
        path = path[1:]
    return FolderStore(path)


class FolderStore(BlobstoreProvider):
    """Containers and objects in a folder.

    Args:
        path: of the folder. It is made if it is missing, but not its parent, which a slip of the pen would name.

    Raises:
        ProviderError: it is no folder, or can't be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = "" if "\0" in os.fspath(path) else os.path.abspath(path)
        self._closed = False
        self._known_places: Places | None = None
        self._probing = threading.Lock()
        if not self._path:
            raise ProviderError("a folder's path has no NUL in it")
        try:
            os.mkdir(self._path)
        except FileExistsError:
            if not os.path.isdir(self._path):
                raise ProviderError(f"{self._path} is a file; wanted a folder") from None
        except FileNotFoundError:
            raise ProviderError(
                f"the folder {self._path} is not there, nor is the one it would be in; make that one first"
            ) from None
        except OSError as error:
            if not os.path.isdir(self._path):
                raise ProviderError(f"the folder {self._path} can't be made: {error.strerror}") from None

    # --- containers --------------------------------------------------------------------------------

    def create_container(self, name: str) -> ContainerInfo:
        what = _container(name)
        with plainly(self, what), self._top() as top:
            if not self._places.make_container(top, name):
                raise ProviderError(f"there is a {what} in {self.summary()} already")
        return self.container_info(name)

    def container_info(self, name: str) -> ContainerInfo:
        with plainly(self, _container(name)), self._container(name) as folder:
            try:
                return ContainerInfo(name, folder.stat(MARK).st_mtime)
            except FileNotFoundError:
                own = folder.own_stat()
                return ContainerInfo(name, getattr(own, "st_birthtime", own.st_mtime))

    def delete_container(self, name: str) -> None:
        """As the base says; refused when the folder also holds what is no object, which is not ours to remove.

        Raises:
            ProviderError: it holds other folders, links or hidden files. Nothing has been removed.
        """
        with plainly(self, _container(name)), self._container(name) as folder, self._top() as top:
            other = self._places.foreign(folder)
            if other is not None:
                raise ProviderError(
                    f"the {_container(name)} in {self.summary()} also holds {other!r}, which is no object; "
                    "remove that first, or the whole folder, by other means"
                )
            self._places.remove_container(top, name)

    def clear_container(self, name: str) -> None:
        with plainly(self, _container(name)), self._container(name) as folder:
            for each in set(self._places.listed(folder, folders=False)):
                self._places.remove(folder, each)

    def containers(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        last = after(cursor)
        with plainly(self, "list of containers"), self._top() as top:
            return _page(self._places.listed(top, folders=True), last, limit)

    # --- objects -----------------------------------------------------------------------------------

    def objects(self, container: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        last = after(cursor)
        with plainly(self, _container(container)), self._container(container) as folder:
            return _page(self._places.listed(folder, folders=False), last, limit)

    def object_info(self, container: str, name: str) -> ObjectInfo:
        with plainly(self, _object(container, name)), self._container(container) as folder:
            found = self._places.stat(folder, name)
        return ObjectInfo(name, container, found.st_mtime, found.st_size)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return FileReader(self, _object(container, name), self._open(container, name), start, end)

    def write(self, container: str, name: str) -> Writer:
        return self._writer(container, name)

    def delete_objects(self, container: str, names: list[str]) -> None:
        with plainly(self, _container(container)), self._container(container) as folder:
            for name in names:
                self._places.remove(folder, name)

    def copy_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        if (container, name) == (to_container, to_name):
            self.object_info(container, name)
            return
        source = self._open(container, name)
        try:
            writer = self._writer(to_container, to_name)
            with writer:
                writer.write_file(source)
        finally:
            os.close(source)

    def move_object(self, container: str, name: str, to_container: str, to_name: str) -> None:
        """As the base says, but in one step: there is never both, or neither."""
        with self._container(to_container) as to_folder:
            with plainly(self, _object(container, name)), self._container(container) as folder:
                self._places.stat(folder, name)
                if (container, name) != (to_container, to_name):
                    self._places.move(folder, name, to_folder, to_name)

    # --- about the store itself --------------------------------------------------------------------

    def ping(self) -> None:
        with plainly(self, "list of containers"), self._top() as top, top.scan() as entries:
            next(entries, None)

    def summary(self) -> str:
        return f"folder {self._path}"

    def close(self) -> None:
        self._closed = True

    # -----------------------------------------------------------------------------------------------

    @property
    def _places(self) -> Places:
        """Where names are in this file system, which is asked once what it takes for one name."""
        if self._known_places is None:
            with self._probing, self._top() as top:
                self._known_places = self._known_places or Places(Names(folds(top)))
        return self._known_places

    def _top(self) -> Folder:
        if self._closed:
            raise Unavailable(f"{self.summary()} has been closed")
        with plainly(self, "list of containers"):
            try:
                return Folder.top(self._path)
            except ABSENT:
                raise Unavailable(f"{self.summary()} is not there; has it been moved or deleted?") from None

    def _container(self, name: str) -> Folder:
        with plainly(self, _container(name)), self._top() as top:
            return self._places.container(top, name)

    def _open(self, container: str, name: str) -> int:
        with self._container(container) as folder, plainly(self, _object(container, name)):
            return self._places.open(folder, name)

    def _writer(self, container: str, name: str) -> FileWriter:
        folder = self._container(container)
        try:
            with plainly(self, _object(container, name)):
                return FileWriter(self, _object(container, name), self._places, folder, name)
        except BaseException:
            folder.close()
            raise


def _container(name: str) -> str:
    return f"container {name!r}"


def _object(container: str, name: str) -> str:
    return f"object {name!r} in the container {container!r}"


def _page(names: Iterator[str], last: str | None, limit: int) -> Page[str]:
    wanted = {name for name in names if last is None or name > last}
    return ordered_page(nsmallest(limit + 1, wanted), limit)
