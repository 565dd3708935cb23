"""The embedded Redis in a process of its own: `python embedded_redis.py PORT`, where no redis-server is installed.

In the process that measures, it would share that one's interpreter with whoever asks it.
"""

from __future__ import annotations

import sys
import threading

from wasicloud_lab.providers.keyvalue.fake import FakeRedisStore


def main(port: int) -> None:
    """Serves until the process is stopped."""
    store = FakeRedisStore(port=port)
    print("ready", flush=True)
    threading.Event().wait()
    store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
