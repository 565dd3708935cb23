"""UrlField: a text field for a provider's URL that may hold a secret.

What is typed is sent as a message and kept in Python only: never in a trait, so never in the widget state that
a notebook is saved with. The trait has the masked text, for a view that is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..providers.address import masked

#: Longer than any URL: what else is pasted is cut.
LIMIT = 4096


class UrlField(anywidget.AnyWidget):
    """A field "URL".

    Attributes:
        shown: the URL that was used last, masked.
        hint: what a URL looks like.
        disabled: whether it can be typed into.
    """

    _esm = Path(__file__).with_name("url.js")
    shown = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, hint: str, typed: Callable[[], None], entered: Callable[[], None]) -> None:
        """
        Args:
            hint: what a URL looks like.
            typed: called when `url` has changed.
            entered: called when Enter was pressed.
        """
        super().__init__(hint=hint)
        self._url = ""
        self._typed = typed
        self._entered = entered
        self.on_msg(lambda _widget, content, _buffers: self.told(content))

    @property
    def url(self) -> str:
        """What was typed, secrets and all."""
        return self._url

    def used(self) -> None:
        """The URL was used: from now on the field shows it masked. Typing begins a new one."""
        self.shown = masked(self._url)
        self.send({"type": "shown"})  # another secret may look the same when masked

    def told(self, content: Any) -> None:
        """A message of the front end: `{"type": "url" or "enter", "url": what is in the field}`."""
        if not isinstance(content, dict) or self.disabled:
            return
        text = str(content.get("url", ""))[:LIMIT].strip()
        # The masked text coming back is not a new URL.
        if text != self._url and not (text and text == self.shown):
            self._url = text
            self._typed()
        if content.get("type") == "enter":
            self._entered()
