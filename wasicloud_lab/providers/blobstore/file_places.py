"""Where containers and objects are in a folder: from names to entries and back."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress

from .file_errors import ABSENT
from .file_folders import Folder
from .file_names import Names

#: How the store's own hidden entries begin.
OWN = ".wasicloud-"
#: An empty file in each container made here. Its time is the container's: a folder's own changes with each object.
MARK = f"{OWN}created"

#: What file managers leave everywhere; it goes with the container.
_LITTER = frozenset({".DS_Store"})
#: Against another thread that removes an empty folder at the moment it is wanted: nobody loses as often in a row.
_TRIES = 100


def own_name(kind: str) -> str:
    """A name for a hidden entry that nobody else uses."""
    return f"{OWN}{kind}-{secrets.token_hex(8)}"


def folds(folder: Folder) -> bool:
    """Whether the file system takes names for one that differ in case, or in how an accent is put together."""
    if sys.platform in ("darwin", "win32"):
        return True  # one or the other, with hardly an exception
    with folder.scan() as entries:
        cased = next((name for name in (entry.name for entry in entries) if _swapped(name) != name), None)
    if cased is not None:
        return _is_same(folder, cased)
    probe = own_name("probe")
    try:
        os.close(folder.create_file(probe))
    except OSError:
        return False
    try:
        return _is_same(folder, probe)
    finally:
        folder.remove(probe)


def _swapped(name: str) -> str:
    return name.swapcase() if name.isascii() else name


def _is_same(folder: Folder, name: str) -> bool:
    try:
        return os.path.samestat(folder.stat(_swapped(name)), folder.stat(name))
    except OSError:
        return False


class Places:
    """Finds, lists, makes and removes the entries for names. Folders that it is given stay open.

    Its methods raise `OSError`, and `UnicodeEncodeError` for a name that is no text.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    # --- containers, in the store's folder -----------------------------------------------------------

    def container(self, top: Folder, name: str) -> Folder:
        """A container's folder, which the caller closes."""
        parent, component = self._find(top, name, folder=True)
        with parent:
            return parent.enter(component)

    def make_container(self, top: Folder, name: str) -> bool:
        """Makes a container's folder; answers whether there was none."""
        with suppress(*ABSENT):
            self.container(top, name).close()
            return False
        parts = self._names.parts(name)
        with self._parent(top, parts) as parent:
            try:
                parent.make(parts[-1])
            except FileExistsError:
                if _is(parent.stat(parts[-1]), folder=True):
                    return False  # somebody else was quicker
                raise
            with suppress(OSError), parent.enter(parts[-1]) as made:
                os.close(made.create_file(MARK))
        return True

    def foreign(self, folder: Folder) -> str | None:
        """Something in a container that is no object and none of the store's own; None if there is nothing."""
        with folder.scan() as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    known = entry.name.endswith("%")
                elif not entry.is_file(follow_symlinks=False):
                    known = False
                elif entry.name.startswith("."):
                    known = entry.name.startswith(OWN) or entry.name in _LITTER
                else:
                    known = self._names.name([entry.name]) is not None
                if not known:
                    return entry.name
        return None

    def remove_container(self, top: Folder, name: str) -> None:
        """Removes a container's folder with all that is in it."""
        parent, component = self._find(top, name, folder=True)
        with parent:
            # Out of sight first, in one step: nobody meets a container that is half empty.
            doomed = own_name("deleted")
            parent.move(component, parent, doomed)
            _remove_tree(parent, doomed)
        self._prune(top, self._names.parts(name))

    # --- objects, in a container's folder --------------------------------------------------------------

    def stat(self, folder: Folder, name: str) -> os.stat_result:
        """The attributes of an object's file."""
        parent, component = self._find(folder, name, folder=False)
        with parent:
            return parent.stat(component)

    def open(self, folder: Folder, name: str) -> int:
        """A descriptor for reading an object."""
        parent, component = self._find(folder, name, folder=False)
        with parent:
            return parent.open_file(component)

    def move(self, folder: Folder, name: str, to_folder: Folder, to_name: str) -> None:
        """Makes an object another one, over that if it is there."""
        parent, component = self._find(folder, name, folder=False)
        with parent:
            self.put(parent, component, to_folder, to_name)
        self._prune(folder, self._names.parts(name))

    def put(self, source: Folder, component: str, folder: Folder, name: str) -> None:
        """Makes a file an object, in one step, over that object if it is there."""
        for attempt in range(_TRIES):
            try:
                parent, target = self._goal(folder, name)
                with parent:
                    source.move(component, parent, target)
            except FileNotFoundError:
                source.stat(component)  # raises if that is what is missing
                if attempt + 1 == _TRIES:
                    raise
            else:
                return

    def remove(self, folder: Folder, name: str) -> None:
        """Removes an object; one that is not there is no error."""
        with suppress(*ABSENT):
            while True:  # somebody else may have put it there in a second spelling
                parent, component = self._find(folder, name, folder=False)
                with parent:
                    parent.remove(component)
                self._prune(folder, self._names.parts(name))

    # --- both ----------------------------------------------------------------------------------------

    def listed(self, folder: Folder, folders: bool, above: tuple[str, ...] = ()) -> Iterator[str]:
        """The names of all containers or objects in a folder, in no order; one may come twice.

        Args:
            folders: containers.
            above: the components passed on the way here from the folder that was asked for.
        """
        deeper = []
        with folder.scan() as entries:
            for entry in entries:
                component = entry.name
                if component.startswith(".") or (above and not component.startswith("+")):
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and component.endswith("%"):
                    deeper.append(component)
                elif is_folder if folders else entry.is_file(follow_symlinks=False):
                    name = self._names.name([*above, component])
                    if name is not None:
                        yield name
        for component in deeper:
            with suppress(*ABSENT), folder.enter(component) as inner:
                yield from self.listed(inner, folders, (*above, component))

    def _find(self, start: Folder, name: str, folder: bool) -> tuple[Folder, str]:
        """The folder in which an entry is, which the caller closes, and its component there."""
        parts = self._names.parts(name)
        with suppress(*ABSENT):
            parent = _descend(start, parts[:-1])
            try:
                if _is(parent.stat(parts[-1]), folder):
                    return parent, parts[-1]
            except BaseException:
                parent.close()
                raise
            parent.close()
        plain = self._names.plain(name)
        if plain is not None and self._is_spelled(start, plain, folder):
            return start.again(), plain
        raise FileNotFoundError(2, "no such entry")

    def _goal(self, folder: Folder, name: str) -> tuple[Folder, str]:
        """Where an object is to be put: where it is already, or where `Names` says."""
        with suppress(*ABSENT):
            return self._find(folder, name, folder=False)
        parts = self._names.parts(name)
        return self._parent(folder, parts), parts[-1]

    def _is_spelled(self, start: Folder, component: str, folder: bool) -> bool:
        """Whether there is an entry of just this spelling; where case folds, asking for it is not enough."""
        try:
            if not _is(start.stat(component), folder):
                return False
        except OSError:
            return False
        if not self._names.folds:
            return True
        with start.scan() as entries:
            return any(entry.name == component for entry in entries)

    def _parent(self, start: Folder, parts: list[str]) -> Folder:
        """The folder for the last of these parts, made if need be."""
        for attempt in range(_TRIES):
            try:
                return _descend(start, parts[:-1], make=True)
            except FileNotFoundError:
                start.own_stat()
                if attempt + 1 == _TRIES:
                    raise
        raise AssertionError

    def _prune(self, start: Folder, parts: list[str]) -> None:
        """Removes the folders that a long name went over, where nothing else needs them."""
        for depth in range(len(parts) - 1, 0, -1):
            with suppress(OSError), _descend(start, parts[: depth - 1]) as parent:
                parent.remove_folder(parts[depth - 1])


def _is(found: os.stat_result, folder: bool) -> bool:
    return stat.S_ISDIR(found.st_mode) if folder else stat.S_ISREG(found.st_mode)


def _descend(start: Folder, parts: list[str], make: bool = False) -> Folder:
    at = start.again()
    for part in parts:
        with at:
            if make:
                with suppress(FileExistsError):
                    at.make(part)
            at = at.enter(part)
    return at


def _remove_tree(parent: Folder, component: str) -> None:
    for attempt in range(_TRIES):
        with parent.enter(component) as folder:
            with folder.scan() as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for name, is_folder in found:
                if is_folder:
                    _remove_tree(folder, name)
                else:
                    with suppress(FileNotFoundError):
                        folder.remove(name)
        try:
            parent.remove_folder(component)
        except OSError:
            # A writer that began before may have put its object there meanwhile.
            if attempt + 1 == _TRIES:
                raise
        else:
            return
