"""A guest in Python: greets, and sends bodies back while they arrive.

    GET /              a greeting
    POST /             the body, chunk by chunk
    GET /status/CODE   that status, with a body whether it may have one or not
    GET /wait          waits for two clocks at once, then answers
"""

import asyncio
from typing import cast

from componentize_py_types import Ok
from poll_loop import PollLoop, Sink, Stream, register
from wit_world import exports
from wit_world.imports import monotonic_clock
from wit_world.imports.types import Fields, IncomingRequest, Method_Get, OutgoingResponse, ResponseOutparam


class IncomingHandler(exports.IncomingHandler):
    """The world's one export."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        loop = PollLoop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(answer(request, response_out))


async def answer(request: IncomingRequest, out: ResponseOutparam) -> None:
    """Answers one request."""
    path = request.path_with_query() or "/"
    if not isinstance(request.method(), Method_Get):
        sink = start(out, 200, request.headers().get("content-type"))
        stream = Stream(request.consume())
        while (chunk := await stream.next()) is not None:
            await sink.send(chunk)
        sink.close()
    elif path.startswith("/status/"):
        await text(out, int(path.rpartition("/")[2]), "a body\n")
    elif path == "/wait":
        await asyncio.gather(pause(1_000_000), pause(2_000_000))
        await text(out, 200, "waited\n")
    else:
        await text(out, 200, "Hello from Python!\n")


async def pause(nanoseconds: int) -> None:
    """Waits, while others run."""
    await register(cast(PollLoop, asyncio.get_event_loop()), monotonic_clock.subscribe_duration(nanoseconds))


async def text(out: ResponseOutparam, status: int, words: str) -> None:
    """Sends a whole response."""
    sink = start(out, status, [b"text/plain"])
    await sink.send(words.encode())
    sink.close()


def start(out: ResponseOutparam, status: int, kinds: list[bytes]) -> Sink:
    """Sends the head and opens the body."""
    response = OutgoingResponse(Fields.from_list([("content-type", kind) for kind in kinds]))
    response.set_status_code(status)
    sink = Sink(response.body())
    ResponseOutparam.set(out, Ok(response))
    return sink
