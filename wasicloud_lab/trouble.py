"""Trouble for the store behind a link: slower, failing, away; read from the wrappers that are there.

    give_trouble(lab.keyvalue, latency=0.2, failure_rate=0.1)

The first `wl.Troubled` in the provider's chain is turned, also one that a cell has put there. Where there is none
one is put around the provider, and taken off again when all is well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakSet

from .links import Link
from .providers.trouble import Switched
from .watching import Watched
from .wrappers import Troubled


class Trouble(NamedTuple):
    """What a store suffers.

    Attributes:
        latency: seconds that each operation waits first.
        failure_rate: the share of operations that fail, 0 to 1.
        down: whether all of them do.
    """

    latency: float = 0.0
    failure_rate: float = 0.0
    down: bool = False


CALM = Trouble()

#: Wrappers that were put on here, and so are to be taken off here.
_ours: WeakSet[Any] = WeakSet()
_turning = threading.Lock()


def layers(provider: Any) -> Iterator[Any]:
    """A provider, then what it wraps, down to the store itself."""
    seen: list[Any] = []
    while provider is not None and not any(provider is each for each in seen):
        seen.append(provider)
        yield provider
        provider = getattr(provider, "inner", None)


def store_of(provider: Any) -> Any:
    """The store at the end of a chain of wrappers: the same object as long as the link is not swapped."""
    return list(layers(provider))[-1]


def trouble_of(link: Link) -> Trouble:
    """What the store behind a link suffers now."""
    switch = _switch(link)
    return CALM if switch is None else Trouble(switch.latency, switch.failure_rate, bool(switch.down))


def give_trouble(link: Link, *, latency: float = 0.0, failure_rate: float = 0.0, down: bool = False) -> None:
    """Makes the store behind a link suffer that, from its next operation on; nothing of it makes all well.

    Raises:
        SwapRefused: the link is being swapped at this moment.
        ValueError: a latency below 0, a rate outside 0 to 1.
    """
    wanted = Trouble(latency, failure_rate, down)
    with _turning:
        switch = _switch(link)
        if switch is None:
            if wanted != CALM:
                _ours.add(link.wrap(Troubled, *wanted))
            return
        switch.latency, switch.failure_rate, switch.down = wanted
        if wanted == CALM and switch in _ours and _outermost(link) is switch:
            link.unwrap()


def trouble_code(link: str, trouble: Trouble) -> str:
    """The Python that makes the same trouble.

    Args:
        link: the expression for the link, as in `lab.keyvalue`.
    """
    said = []
    if trouble.latency:
        said.append(f"latency={trouble.latency:g}")
    if trouble.failure_rate:
        said.append(f"failure_rate={trouble.failure_rate:g}")
    if trouble.down:
        said.append("down=True")
    return f"{link}.wrap({', '.join(['wl.Troubled', *said])})"


def _switch(link: Link) -> Any:
    return next((layer for layer in layers(link.provider) if isinstance(layer, Switched)), None)


def _outermost(link: Link) -> Any:
    """The outermost wrapper that was put on the link: before it stands, at times, the lab's own `Watched`."""
    return next(layer for layer in layers(link.provider) if not isinstance(layer, Watched))
