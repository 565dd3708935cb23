"""Real servers for a workshop: a Redis, an Azurite, a NATS, each started in a line and gone with the kernel.

    redis = lab.services.redis()
    lab.keyvalue.swap(redis.url)

Each runs on this machine's loopback, on a port and in a folder of its own, so that nothing that is there already
is touched.
"""

from __future__ import annotations

from .service import Service, free_port
from .services import Services

__all__ = ["Service", "Services", "free_port"]
