"""wasi:keyvalue in all its drafts, on whatever key-value provider the running call has pinned.

| draft | interfaces | module |
|---|---|---|
| 0.1.0, called 0.2.0-draft for some weeks (the talk's) | types, eventual, atomic, eventual-batch | `eventual` |
| 0.2.0-draft, 0.2.0-draft2 | store, atomics, batch | `store` |

A failure of the store is the `error` that the interface promises, never a trap.
"""

from __future__ import annotations

from typing import Any

from .eventual import Atomic, Eventual, EventualBatch, KeyValueError, Types
from .store import Atomics, Batch, Store


def interfaces() -> list[Any]:
    """The interfaces of every draft."""
    return [KeyValueError(), Types(), Eventual(), Atomic(), EventualBatch(), Store(), Atomics(), Batch()]
