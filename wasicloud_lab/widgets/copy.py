"""CopyCode: a button that puts the line of Python for what a section does into the clipboard, and shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..providers.address import masked


class CopyCode(anywidget.AnyWidget):
    """A button "copy as code".

        CopyCode(lambda: "lab.keyvalue.swap('redis://localhost:6379')")

    Attributes:
        what: what the code does, for a screen reader: "Traffic".
    """

    _esm = Path(__file__).with_name("copy.js")
    what = traitlets.Unicode().tag(sync=True)

    def __init__(self, code: Callable[[], str], what: str = "") -> None:
        """
        Args:
            code: answers the line or lines, asked at each click. Secrets in it are masked here.
            what: what the code does.
        """
        super().__init__(what=what)
        self._code = code
        self.on_msg(self._asked)

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        # A message, not a trait: a line of code has no place in a saved notebook.
        if content == {"type": "code"}:
            self.send({"type": "code", "code": self.code()})

    def code(self) -> str:
        """What a click copies."""
        return masked(self._code())
