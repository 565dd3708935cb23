"""Editor: a form for one value, as text where a text field gives it back unchanged, else as hex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as W

from ..errors import ProviderError
from ..preview import editable_text, from_hex, to_hex, visible_name
from .parts import Drawing, button, column, field, html, note, row, show


class Editor:
    """Asks for a name and a value.

    Args:
        drawing: the section's.
        save: called with group, name and bytes when Save is pressed and the form makes sense.
        closed: called when the form is left without saving.

    Attributes:
        view: the widget; hidden while the form is not open.
        seen: the bytes that were there when it was opened; None for a value that is to be added.
    """

    def __init__(self, drawing: Drawing, save: Callable[[str, str, bytes], None], closed: Callable[[], None]) -> None:
        self._drawing = drawing
        self._save = save
        self._closed = closed
        self.seen: bytes | None = None
        self.group = field(W.Text, "Bucket")
        self.name = field(W.Text, "Key")
        self.form = field(
            W.Dropdown, "Write as", wide=False, options=[("Text", "text"), ("Hex", "hex")],
            tooltip="Text is stored as UTF-8; hex is for any bytes",
        )  # fmt: skip
        self.value = field(W.Textarea, "Value", rows=8, layout={"flex": "1 1 auto"})
        self.form.observe(self._form_chosen, "value")
        self._meant: dict[str, str] = {}
        self._problem = html()
        self.save = button("Save", "Store this value", self._pressed, icon="check", style="primary")
        self.cancel = button("Cancel", "Leave the form without a change", self.close)
        self.view: Any = column(
            row(self.group, self.name), self.value, row(self.form, self.save, self.cancel), self._problem
        )
        show(self.view, False)

    @property
    def is_open(self) -> bool:
        """Whether the form is shown."""
        return bool(self.view.layout.display != "none")

    def open(self, blobs: bool, group: str, name: str, data: bytes | None) -> None:
        """Opens the form for a value, or with None for a new one."""
        with self._drawing:
            self.seen = data
            self.group.description, self.name.description = ("Container", "Object") if blobs else ("Bucket", "Key")
            signs = self._name_in(self.group, group, fixed=data is not None)
            if self._name_in(self.name, name, fixed=data is not None) or signs:
                notes = ["The name has characters that a field can't show; signs stand for them, and they are kept."]
            else:
                notes = []
            text = editable_text(data or b"")
            self.form.value = "hex" if text is None else "text"
            self.value.value = to_hex(data or b"") if text is None else text
            notes += ["These bytes are no text, so they are written as hex."] if text is None else []
            self._problem.value = note(" ".join(notes))
            show(self.view, True)

    def _name_in(self, where: Any, name: str, *, fixed: bool) -> bool:
        """Puts a name into its field; one that the field would change is shown by signs, and can't be written in.

        Returns:
            whether it is shown by signs.
        """
        shown = visible_name(name) if name or fixed else ""
        where.value, where.disabled = shown, fixed or shown != name
        self._meant[where.description] = name
        return shown != name

    def close(self) -> None:
        """Closes the form; what was typed is forgotten."""
        with self._drawing:
            show(self.view, False)
            self.value.value = self._problem.value = ""
            self.seen = None
        self._closed()

    def read(self) -> tuple[str, str, bytes]:
        """Group, name and bytes as the form says them now.

        Raises:
            ProviderError: the hex is none, or the text can't be UTF-8.
        """
        typed = self.value.value
        group, key = (
            self._meant[each.description] if each.disabled else each.value for each in (self.group, self.name)
        )
        try:
            data = from_hex(typed) if self.form.value == "hex" else typed.encode()
            for name in (group, key):
                name.encode()
        except UnicodeEncodeError:
            raise ProviderError("there is half a character in the text, which UTF-8 can't say") from None
        except ValueError as error:
            raise ProviderError(str(error)) from None
        return group, key, data

    def _pressed(self) -> None:
        try:
            answer = self.read()
        except ProviderError as error:
            self._problem.value = note(str(error), "error")
            return
        self._problem.value = ""
        self._save(*answer)

    def _form_chosen(self, change: Any) -> None:
        """The same bytes in the other form."""
        if self._drawing.mine:
            return
        with self._drawing:
            try:
                data = from_hex(self.value.value) if change["old"] == "hex" else self.value.value.encode()
                text = editable_text(data) if change["new"] == "text" else to_hex(data)
                if text is None:
                    raise ValueError("these bytes are no text that this field gives back unchanged")
            except ValueError as error:
                self.form.value = change["old"]
                self._problem.value = note(f"{error}.".capitalize(), "error")
                return
            self.value.value, self._problem.value = text, ""
