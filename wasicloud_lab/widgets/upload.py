"""Upload: a button that sends files of any size to a store.

They come in slices, as bytes. A thread asks the page for the next slice when the store has taken the one before, so
a slow store slows the page down, and no more than a slice is ever held here. The store sees the object when all of
it has come; one that is cancelled, or whose page is closed, leaves what was there before.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget

from ..errors import ProviderError
from ..preview import visible_name
from ..units import size_text
from .panel import Responsiveness
from .parts import Worker

#: Bytes that are asked for at a time: small beside what a Jupyter server takes in one message.
SLICE = 512 * 1024
#: Seconds after which a page that was asked for a slice and sends none is taken to be gone.
SILENCE = 60.0
#: Seconds between two looks whether it is.
_LOOK = 0.5

#: Name and bytes of a file.
File = tuple[str, int]


class Stopped(ProviderError):
    """The page has cancelled it, or is gone."""


@dataclass(frozen=True)
class Destination:
    """Where files go: fixed when they are chosen, whatever is shown by the time they come.

    Attributes:
        check: called with all files before anything is sent; raises where one can't be stored.
        write: stores one as its pieces come.
        ended: called with those that were stored, and if one was not, its name (empty where none was begun) and
            the error. No more come then.
    """

    check: Callable[[Sequence[File]], None]
    write: Callable[[str, Iterator[bytes]], None]
    ended: Callable[[Sequence[File], tuple[str, Exception] | None], None]


@dataclass
class _Batch:
    """The files that were chosen at once; `stopped` says why no more are wanted."""

    number: str
    files: list[File]
    slices: queue.SimpleQueue[tuple[Any, Any, bytes] | None] = field(default_factory=queue.SimpleQueue)
    stopped: str = ""

    def stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        self.slices.put(None)


class Upload(anywidget.AnyWidget):
    """A button "Upload", and while files are sent how far they are, and a button "Cancel"."""

    _esm = Path(__file__).with_name("upload.js")
    _css = """
.wl-upload { display: flex; flex-flow: row wrap; align-items: center; gap: 4px 8px; max-width: 100%; }
.wl-upload [hidden] { display: none; }
.wl-upload .widget-button { width: auto; margin: 2px; }
.wl-upload-going { display: flex; flex-flow: row wrap; align-items: center; gap: 4px 8px; min-width: 0; }
.wl-upload-going span { flex: 1 1 100%; overflow-wrap: anywhere; font-variant-numeric: tabular-nums;
  color: var(--jp-content-font-color1, #222); font: 13px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.wl-upload-going progress { flex: 1 1 80px; min-width: 0; width: 110px; height: 10px;
  accent-color: var(--jp-brand-color1, #1976d2); }
"""

    def __init__(self, aim: Callable[[], Destination | None]) -> None:
        """
        Args:
            aim: answers where files go that are chosen now; None for nowhere.
        """
        super().__init__()
        self.layout.width, self.layout.flex = "auto", "0 1 auto"
        self._aim = aim
        self._worker = Worker("wasicloud-lab upload")
        self._main = Responsiveness()
        self._batches: dict[str, _Batch] = {}
        self.on_msg(lambda _widget, content, buffers: self.told(content, buffers))

    def told(self, content: Any, buffers: Sequence[Any] = ()) -> None:
        """A message of the page, which names what was chosen at once by an id of its own.

        Args:
            content: `{"type": "begin", "id": …, "files": [[name, size], …]}`; `{"type": "slice", "id": …,
                "file": which, "at": offset}`; `{"type": "cancel", "id": …, "lost": whether it can't read a file}`.
            buffers: the bytes of a slice.
        """
        if not isinstance(content, dict):
            return
        kind, number = content.get("type"), str(content.get("id"))
        if kind == "begin":
            self._begin(number, content.get("files"))
            return
        batch = self._batches.get(number)
        if batch is None:
            return
        if kind == "slice" and buffers:
            batch.slices.put((content.get("file"), content.get("at"), bytes(buffers[0])))
        elif kind == "cancel":
            lost = "the browser can't read the file any more; choose it again"
            batch.stop(lost if content.get("lost") else "it was cancelled")
            self._worker.abandon()  # the store may hang, and the next files do not wait for it

    def stop(self) -> None:
        """Ends what is under way; nothing more is taken."""
        for batch in list(self._batches.values()):
            batch.stop("the panel was closed")
        self._worker.close()

    # --- in the comm's thread, then in the worker's ------------------------------------------------

    def _begin(self, number: str, files: Any) -> None:
        try:
            chosen = [(str(name), int(size)) for name, size in files]
        except (TypeError, ValueError):
            return
        to = self._aim()
        if to is None or not chosen or number in self._batches:
            self.send({"type": "end", "id": number})
            return
        batch = self._batches[number] = _Batch(number, chosen)
        self._worker.start(lambda: self._store(batch, to))

    def _store(self, batch: _Batch, to: Destination) -> None:
        stored: list[File] = []
        failed: tuple[str, Exception] | None = None
        name = ""
        try:
            to.check(batch.files)
            for number, (name, size) in enumerate(batch.files):
                to.write(name, self._pieces(batch, number))
                stored.append((name, size))
        except Exception as error:
            failed = name, error
        del self._batches[batch.number]
        self.send({"type": "end", "id": batch.number})
        to.ended(stored, failed)

    def _pieces(self, batch: _Batch, number: int) -> Iterator[bytes]:
        """A file's bytes, each piece asked for when the one before is done with.

        Raises:
            Stopped: no more will come.
        """
        size = batch.files[number][1]
        at = 0
        while at < size:
            piece = self._piece(batch, number, at)
            yield piece
            at += len(piece)
        if batch.stopped:
            raise Stopped(batch.stopped)

    def _piece(self, batch: _Batch, number: int, at: int) -> bytes:
        size = min(SLICE, batch.files[number][1] - at)
        said = _progress(batch.files, number, at)
        self.send({"type": "want", "id": batch.number, "file": number, "at": at, "size": size, "said": said})
        asked = time.monotonic()
        while not batch.stopped:
            try:
                came = batch.slices.get(timeout=_LOOK)
            except queue.Empty:
                # A cell may hold up the page's messages for as long as it likes.
                if time.monotonic() - max(asked, self._main.held_up()) > SILENCE:
                    raise Stopped("the page that sent it is gone") from None
                continue
            if came is None:
                continue
            if came[:2] != (number, at) or len(came[2]) != size:
                raise ProviderError("the page sent other bytes than it was asked for; choose the file again")
            return came[2]
        raise Stopped(batch.stopped)


def _progress(files: Sequence[File], number: int, at: int) -> str:
    """ "sixty.bin: 12 of 60 MiB", and which file of how many."""
    name, size = files[number]
    whole = size_text(size)
    done = size_text(at).removesuffix(whole[whole.rindex(" ") :])
    which = f" (file {number + 1} of {len(files)})" if len(files) > 1 else ""
    return f"{visible_name(name)}: {done} of {whole}{which}"
