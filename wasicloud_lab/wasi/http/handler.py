"""wasi:http/incoming-handler as an import: the next component in a chain."""

from __future__ import annotations

from ...errors import GuestTrap
from ...host.interface import interface
from ...host.state import current
from .types import IncomingRequest, ResponseOutparam

#: Where the next component is plugged in.
SLOT = "wasi:http/incoming-handler"


@interface(f"{SLOT}@0.2.0")
class IncomingHandler:
    """The interface wasi:http/incoming-handler, answered by the app that is linked."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        following = current().plugs.get(SLOT)
        if following is None:
            raise GuestTrap(
                f"the guest passed its request on to {SLOT}, which is linked to nothing; "
                f"lab.link(app, {SLOT!r}, other_app) links it to another component"
            )
        following.take_over(request, response_out)
