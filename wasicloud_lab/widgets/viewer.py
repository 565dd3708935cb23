"""Viewer: bytes shown as text, JSON, a picture, a page or hex; chosen by what they are, and changed by hand."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as W

from .. import preview
from .parts import Drawing, column, field, html, row

_LABELS = {"text": "Text", "json": "JSON", "picture": "Picture", "page": "Page", "hex": "Hex"}


class Viewer:
    """Shows one value at a time.

    Args:
        drawing: the section's, so that its own changes are told from a person's.
        kinds: which ways to show it may be chosen.

    Attributes:
        view: the widget.
        shown: the kind that is shown now; None for nothing.
    """

    def __init__(self, drawing: Drawing, *kinds: str) -> None:
        self._drawing = drawing
        self._data: bytes | None = None
        self._size: int | None = None
        self._media_type = ""
        self.shown: str | None = None
        options = [("Automatic", ""), *((_LABELS[kind], kind) for kind in kinds)]
        self.kind = field(W.Dropdown, "View as", wide=False, options=options, tooltip="How the bytes are shown")
        self.kind.observe(self._kind_chosen, "value")
        self._note = html()
        self._html = html()
        self.view: Any = column(row(self.kind, self._note), self._html)

    def show(self, data: bytes, *, size: int | None = None, media_type: str = "") -> None:
        """Shows bytes; see `preview`."""
        self._data, self._size, self._media_type = data, size, media_type
        self._draw()

    def clear(self) -> None:
        """Shows nothing."""
        self._data = self.shown = None
        self._set("", "")

    def _kind_chosen(self, _: Any) -> None:
        if not self._drawing.mine:
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            if self._data is None:
                return
            kind = self.kind.value or None
            made = preview.preview(self._data, kind=kind, size=self._size, media_type=self._media_type)
            if kind is None and made.kind == preview.PAGE and all(made.kind != each for _, each in self.kind.options):
                made = preview.preview(self._data, kind=preview.TEXT, size=self._size)
            self.shown = made.kind
            self._set(made.html, f"{_LABELS[made.kind]}, {made.note}")

    def _set(self, shown: str, note: str) -> None:
        self._note.value = f'<span class="wl-dim">{escape(note)}</span>'
        self._html.value = shown
