"""wasi:filesystem 0.2: the folders a guest was given, and nothing above them.

A descriptor of a folder can reach what is below it and no more; see `paths`. Whatever would
change something in a folder that was given for reading answers `read-only`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import Err, GuestTrap
from ...host.interface import interface
from ..io import IoError
from . import descriptor as resources
from .descriptor import take_slot
from .errors import CODES, FilesystemError
from .paths import Directory

#: Files and folders that all instances of one app may hold open at once, so that a guest which forgets to
#: close them doesn't use up the process's own.
OPEN_LIMIT = 256


@dataclass(frozen=True)
class Preopen:
    """A folder of the host given to a guest.

    Attributes:
        host: the folder.
        guest: what the guest calls it: "/data".
        writable: whether the guest may change what is in it.
    """

    host: Path | str
    guest: str = "/"
    writable: bool = False


@interface("wasi:filesystem/types@0.2.0", "wasi:filesystem/preopens@0.2.0")
class Filesystem:
    """The interfaces wasi:filesystem/types and preopens.

    Args:
        preopens: guest path → folder (a path, then read-only, or a `Preopen`), or a list of `Preopen`s.

    Raises:
        ValueError: a folder is missing, or two have one name.
    """

    Descriptor = resources.Descriptor
    DirectoryEntryStream = resources.DirectoryEntryStream

    def __init__(self, preopens: Mapping[str, str | Path | Preopen] | Iterable[Preopen] = ()) -> None:
        self.preopens = tuple(_checked(_listed(preopens)))
        self._slots = threading.BoundedSemaphore(OPEN_LIMIT)

    def get_directories(self) -> list[tuple[resources.Descriptor, str]]:
        opened: list[tuple[resources.Descriptor, str]] = []
        try:
            for preopen in self.preopens:
                take_slot(self._slots)
                try:
                    directory = Directory.open(os.fspath(preopen.host))
                except OSError:
                    self._slots.release()
                    raise
                opened.append((resources.Descriptor(directory, preopen.writable, self._slots), preopen.guest))
        except (OSError, Err) as error:
            for descriptor, _ in opened:
                descriptor.drop()
            raise GuestTrap(f"a folder given to the guest can't be opened: {error}") from error
        return opened

    def filesystem_error_code(self, err: IoError) -> str | None:
        code = err.payload if isinstance(err, IoError) else None
        return str(code) if isinstance(code, FilesystemError) and code in CODES else None


def _listed(preopens: Mapping[str, str | Path | Preopen] | Iterable[Preopen]) -> Iterator[Preopen]:
    if not isinstance(preopens, Mapping):
        yield from preopens
        return
    for guest, given in preopens.items():
        yield replace(given, guest=guest) if isinstance(given, Preopen) else Preopen(Path(given), guest)


def _checked(preopens: Iterable[Preopen]) -> Iterator[Preopen]:
    names: set[str] = set()
    for preopen in preopens:
        folder = Path(preopen.host).expanduser().absolute()
        if not folder.is_dir():
            raise ValueError(f"the folder {folder} that the guest should see as {preopen.guest!r} does not exist")
        if not preopen.guest or preopen.guest in names:
            raise ValueError(f"each folder needs a name of its own in the guest; got {preopen.guest!r} for {folder}")
        names.add(preopen.guest)
        yield replace(preopen, host=folder)
