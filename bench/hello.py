"""uvicorn, set up as the lab sets it up, with "hello" in Python behind it: what the HTTP server alone costs.

python -m bench.hello direct PORT     answers in the event loop
python -m bench.hello thread PORT     answers after a hop to a thread and back, as every guest's call needs
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn

from wasicloud_lab.server.protocol import LabProtocol

HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]}
BODY = {"type": "http.response.body", "body": b"hello\n"}


async def direct(scope: Any, receive: Any, send: Any) -> None:
    """Answers in the event loop."""
    await send(HEAD)
    await send(BODY)


class Hop:
    """Answers once a function that does nothing has returned from a thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(16)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, int)
        await direct(scope, receive, send)


def main(kind: str, port: str) -> None:
    """Serves until it is stopped."""
    uvicorn.run(
        direct if kind == "direct" else Hop(),
        host="127.0.0.1", port=int(port), http=LabProtocol, ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:3])
