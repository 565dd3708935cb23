"""Several calls of one instance of an app: `with app.instance() as i:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import LinkError
from .host.instances import Instance
from .host.pool import Pool
from .plugs import Pins

if TYPE_CHECKING:
    from .app import App


class Session:
    """One instance of an app, inside `with app.instance() as i:`."""

    def __init__(self, app: App, pool: Pool, instance: Instance) -> None:
        self._app = app
        self._pool = pool
        self._instance: Instance | None = instance

    def end(self) -> None:
        """The instance is another's from now on."""
        self._instance = None

    def call(self, function: str, *arguments: Any, deadline: float | None = -1) -> Any:
        """As `App.call`, on this instance."""
        if self._instance is None:
            raise LinkError("this instance was given back at the end of its `with` block; take another")
        export = self._pool.export(function)
        pins = Pins(self._app.links, self._app.name)
        try:
            return self._instance.call(export, arguments, plugs=pins.plugs, deadline=deadline)
        finally:
            pins.release()
