"""Where providers with one thing wrong are noted, each with the checks that must find it: those and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.right_providers import Keys, Objects

#: A broken provider's class → the checks that must fail.
FAULTS: dict[type[Keys] | type[Objects], set[str]] = {}

#: Seconds for other threads to step in between.
STEP = 0.0005


def found_by(*checks: str) -> Callable[[Any], Any]:
    """Notes the checks that must fail on a class, and no others."""

    def note(faulty: Any) -> Any:
        FAULTS[faulty] = set(checks)
        return faulty

    return note
