"""DataSection: what is in the provider now; look, add, change, delete, upload, download."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from .. import stores
from ..errors import ProviderError, Unavailable
from ..listing import Pages
from ..preview import SHOWN_BYTES, data_url, visible_name
from ..units import size_text
from .browsing import label
from .editor import Editor
from .looking import Looking
from .parts import button, column, html, link_code, row, section, show, words
from .upload import Destination, File, Stopped, Upload

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

_T = TypeVar("_T")


class DataSection(Looking):
    """The data view of the panel.

    Attributes:
        view: the widget.
        editor: the form for a value.
        upload: the button that stores files.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        """
        Args:
            lab: whose stores are shown.
            panel: the panel that this is a section of; its ticker calls `refresh`.
        """
        super().__init__(lab)
        self._warned: tuple[str, str] | None = None
        self._build()
        self.refresh()

    def _build(self) -> None:
        self.add = button("Add", "Add a key or an object", self._open_new, icon="plus")
        self.upload = Upload(self._aim)
        self.change = button("Change", "Change this value", self._open_change, icon="pencil")
        self.remove = button("Delete", "Delete this; you are asked once more", self._ask_delete, icon="trash")
        self.download = button("Download", "Make a link that saves the bytes", self._download, icon="download")
        self._saved = html()
        self._question = html()
        self.really = button("Delete", "Yes, delete it", self._delete, icon="trash", style="danger")
        self.keep = button("Keep", "No, leave it as it is", lambda: self._mode("look"))
        self._confirm = row(self._question, self.really, self.keep)
        self.editor = Editor(self._drawing, self._save, self._left)
        self._value = column(
            self._title, self.viewer.view, row(self.change, self.remove, self.download, self._saved), self._confirm
        )
        listing = column(
            self.names, row(self.back, self.on, self._page), self.sought, row(self.add, self.upload),
            flex="1 1 210px", width="auto",
        )  # fmt: skip
        shown = column(self._value, self.editor.view, flex="3 1 300px", width="auto")
        body = row(listing, shown)
        body.layout.align_items = "flex-start"
        self.view: Any = section(
            row(self.link, self._where),
            row(self.group, self.group_back, self.group_on, self.other, self.again),
            self._status,
            body,
        )
        self._mode("look")

    # --- what the panel calls ----------------------------------------------------------------------

    def code(self) -> str:
        """The Python that does what the section shows, or is about to do."""
        link = self._link
        if link is None:
            return "lab.keyvalue.provider.buckets().items"
        said, blobs = link_code(self._lab, link), self._blobs
        if self.editor.is_open:
            try:
                group, name, data = self.editor.read()
                there = group in [value for _, value in self.group.options]
                return stores.write_code(said, blobs, group, name, data, new_container=not there)
            except ProviderError as error:
                return f"# {error}"
        if self._group is None:
            return stores.groups_code(said, blobs)
        if self._name is not None and self._confirm.layout.display != "none":
            return stores.delete_code(said, blobs, self._group, self._name)
        return stores.read_code(said, blobs, self._group, self._name)

    def close(self) -> None:
        """Ends the threads, and what is being uploaded."""
        self.upload.stop()
        super().close()

    # --- changing ----------------------------------------------------------------------------------

    def _open_new(self) -> None:
        with self._drawing:
            group = self._group if self._group is not None else "default"
            self._warned = None
            self.editor.open(self._blobs, group, "", None)
            self._mode("edit")
        self.editor.name.focus()

    def _open_change(self) -> None:
        with self._drawing:
            found = self._found
            if found is None or self._group is None or self._name is None:
                return
            if found.size > SHOWN_BYTES:
                self._say(
                    f"{size_text(found.size)} are too much to be changed here (up to {size_text(SHOWN_BYTES)}); "
                    "upload another file, or write it by Python.",
                    "error",
                )
                return
            self._warned = None
            self.editor.open(self._blobs, self._group, self._name, found.data)
            self._mode("edit")
        self.editor.value.focus()

    def _save(self, group: str, name: str, data: bytes) -> None:
        seen, force = self.editor.seen, self._warned == (group, name)
        behind = self._behind

        def done(_: None) -> None:
            self._behind = False
            self.editor.close()
            self._after(group, name, f"Stored {label(name)}, {size_text(len(data))}.")

        def store(provider: Any) -> None:
            try:
                try:
                    stores.write(provider, group, name, data, seen=seen, force=force)
                except stores.Changed:
                    if not behind:
                        raise
                    # What was seen was in another store; here it is enough that nothing is lost.
                    stores.write(provider, group, name, data, seen=None)
            except stores.Changed:
                self._warned = (group, name)
                raise

        self._do("Storing …", store, done)

    def _ask_delete(self) -> None:
        if self._name is not None and self._group is not None:
            name, group = (escape(visible_name(each)) for each in (self._name, self._group))
            with self._drawing:
                self._set(self._question, f'Delete <span class="wl-key">{name}</span> from {group}?')
                self._mode("confirm")
            self.keep.focus()

    def _delete(self) -> None:
        group, name = self._group, self._name
        if group is None or name is None:
            return
        self._do(
            "Deleting …",
            lambda provider: stores.delete(provider, group, name),
            lambda _: self._after(group, None, f"Deleted {label(name)}."),
        )

    def _aim(self) -> Destination | None:
        """Files are chosen: they go to the container that is shown now."""
        link, asked, turn = self._link, self._identity, self._turn
        if link is None or not self._blobs:
            return None
        group = self._group if self._group is not None else "default"
        with self._drawing:
            if not self._busy:
                self._say("")  # what was said is of something before

        def check(files: Sequence[File]) -> None:
            self._check(link, asked)
            stores.check_sizes(link.provider, files)

        def write(name: str, pieces: Iterator[bytes]) -> None:
            def checked() -> Iterator[bytes]:
                for piece in pieces:
                    self._check(link, asked)
                    yield piece
                self._check(link, asked)

            self._check(link, asked)
            stores.write_pieces(link.provider, group, name, checked())

        def ended(stored: Sequence[File], failed: tuple[str, Exception] | None) -> None:
            with self._drawing:
                text, kind = _uploaded(stored, failed)
                if not stored or link is not self._link or self._held or self._group not in (None, group):
                    self._tell(text, kind)
                    return
                if failed:
                    self._unseen = text, kind
                if turn == self._turn:
                    self._after(group, stored[0][0], text)
                else:  # somebody has looked at something else meanwhile, and goes on
                    self._load_groups(text, self._group, self._name, unlisted=True)

        return Destination(check, write, ended)

    def _download(self) -> None:
        group, name = self._group, self._name
        if group is None or name is None or self._link is None:
            return
        file = re.sub(r"[^\w.\- ]", "_", name.rpartition("/")[2]).strip(". ") or "value"
        if self._found is not None and self._found.size > stores.CARRIED_BYTES:
            code = stores.download_code(link_code(self._lab, self._link), self._blobs, group, name, file)
            said = f"{size_text(self._found.size)} are too much for a link. In a cell, this writes it to a file:"
            with self._drawing:
                self._set(self._saved, f'{said}<pre class="wl-bytes wl-copied">{escape(code)}</pre>')
            return

        def done(data: bytes) -> None:
            words = f"Save {file}, {size_text(len(data))}"
            self._set(self._saved, f'<a download="{escape(file)}" href="{data_url(data)}">{escape(words)}</a>')
            self._end()

        self._ask("Reading …", lambda provider: stores.read_whole(provider, group, name), done)

    def _do(self, doing: str, job: Callable[[Any], _T], done: Callable[[_T], None]) -> None:
        """Has the store changed in the worker. It is never left out, unless the store is another one by then."""
        link, asked = self._link, self._identity
        if link is None:
            return
        self._turn += 1
        turn = self._turn

        def work() -> None:
            answer: _T
            try:
                self._check(link, asked)
                answer = job(link.provider)
            except Exception as error:
                with self._drawing:
                    # The reading that goes on tells it.
                    self._unseen = None if turn == self._turn else (words(error), "error")
                    self._say(words(error), "error")
                return
            with self._drawing:
                if turn == self._turn and link is self._link:
                    done(answer)

        with self._drawing:
            self._say(doing, "busy")
        self._worker.start(work)

    @staticmethod
    def _check(link: Link, asked: list[Any]) -> None:
        """Raises unless the store behind a link may be changed, and is the one that was meant."""
        if not stores.same_store(stores.identity(link.provider), asked):
            raise Unavailable("the provider was swapped in the meantime, so nothing was changed; try again")
        if link.moved is not None:
            raise Unavailable("the data is being moved at this moment, so nothing was changed; try again soon")

    def _after(self, group: str, name: str | None, said: str) -> None:
        """Shows the store as it is after a change."""
        self._mode("look")
        if group != self._group:
            self._group, self._name_pages, self._group_pages = group, Pages(), Pages()
        if name is not None and name not in [value for _, value in self.names.options]:
            self._name_pages = Pages()
        self._load_groups(said, group, name, unlisted=True)

    # --- a swap, or another change, while somebody is at it ----------------------------------------

    @property
    def _writing(self) -> bool:
        return self.editor.is_open

    @property
    def _held(self) -> bool:
        return self._writing or self._confirm.layout.display != "none"

    def _other_store(self, link: Link, identity: list[Any]) -> None:
        self._warned = None
        super()._other_store(link, identity)

    def _left(self) -> None:
        """The form was left; if the provider was swapped meanwhile, the new one's data has not been shown yet."""
        with self._drawing:
            self._mode("look")
            if self._behind:
                self._load_groups("The provider was swapped; this is the new one.", self._group, self._name)

    # --- drawing -----------------------------------------------------------------------------------

    def _mode(self, mode: str) -> None:
        """What the right side is for: "look", "edit" or "confirm"."""
        with self._drawing:
            there = self._found is not None
            show(self._value, mode != "edit")
            show(self.viewer.view, there)
            for each in (self.change, self.remove, self.download):
                show(each, there and mode == "look")
            show(self._confirm, mode == "confirm")
            show(self.upload, self._blobs)
            if mode != "edit" and self.editor.is_open:
                self.editor.close()

    def _forget_value(self, name: str | None = None) -> None:
        self._set(self._saved, "")
        super()._forget_value(name)


def _uploaded(stored: Sequence[File], failed: tuple[str, Exception] | None) -> tuple[str, str]:
    """What to say of an upload, and of which kind it is."""
    what = label(stored[0][0]) if len(stored) == 1 else f"{len(stored)} files"
    said = f"Uploaded {what}, {size_text(sum(size for _, size in stored))}." if stored else ""
    if failed is None:
        return said, "good"
    name, error = failed
    why = words(error).rstrip(".")
    said += f" {label(name)} was not uploaded: {why}." if name else f"Nothing was uploaded: {why}."
    return said.strip(), "info" if isinstance(error, Stopped) else "error"
