"""What a sidecar costs: one store, one key, reached in every way the talk compares, and timed side by side.

    from wasicloud_lab.replay.sidecars import measure
    measure()                  # draws itself in a notebook; print(measure().table()) elsewhere

The store is a real redis-server where there is one, and the sidecars are real processes. Wherever there was a choice,
the sidecars got the faster option: no framework, no protobuf, no TLS, nobody else who asks.
"""

from __future__ import annotations

from .measurement import Measurement, Row
from .measuring import measure
from .ways import WAYS, Way

__all__ = ["WAYS", "Measurement", "Row", "Way", "measure"]
