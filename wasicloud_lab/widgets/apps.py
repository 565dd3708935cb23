"""The dropdown "App" that several sections have; a lab that has none yet says so in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from .parts import field, offer

if TYPE_CHECKING:
    from ..app import App

_NONE = [("no app yet", None)]


def app_field(tooltip: str, *, wide: bool = True) -> Any:
    """The dropdown; `None` is chosen in it while there is no app."""
    return field(W.Dropdown, "App", wide=wide, options=_NONE, tooltip=tooltip, layout={"min_width": "11em"})


def offer_apps(dropdown: Any, apps: Sequence[tuple[str, App]]) -> bool:
    """Offers the apps, as `offer` does; answers whether another one is chosen now."""
    return offer(dropdown, apps or _NONE)
