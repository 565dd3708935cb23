"""An app behind httpx: its clients, sync and async, which stream both ways and let go of a guest."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

import wasicloud_lab as wl
from tests.answers import HELLO, shown


def test_a_client_is_a_whole_httpx_client(echo: wl.App) -> None:
    with echo.client(headers={"x-mine": "yes"}, params={"q": "1"}) as client:
        assert isinstance(client, httpx.Client)
        parts, headers = shown(client.get("/headers"))
    assert parts["path-with-query"] == "/headers?q=1"
    assert parts["authority"] == "echo.localhost"
    assert ("x-mine", "yes") in headers


def test_the_lab_makes_clients_too(lab: wl.Lab, hello: wl.App) -> None:
    with lab.client(hello, base_url="http://elsewhere") as client:
        assert client.get("/").text == HELLO


def test_a_client_streams_both_ways_while_the_guest_runs(echo: wl.App, patience: float) -> None:
    first_came = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        assert first_came.wait(patience), "the first chunk did not come back while the body was still open"
        yield b"second"

    with echo.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        first_came.set()
        assert b"".join(chunks) == b"second"


def test_closing_a_stream_early_ends_the_guest(lab: wl.Lab, patience: float) -> None:
    app = lab.load("echo", name="one worker", workers=1, deadline=patience)
    with app.client() as client:
        with client.stream("GET", "/slow?chunks=1000000&ms=1") as response:
            next(response.iter_raw())
        # The only worker is free again.
        assert client.get("/headers").status_code == 200


def test_a_client_raises_the_guest_s_fault(trouble: wl.App) -> None:
    with trouble.client() as client:
        with pytest.raises(wl.GuestTrap):
            client.get("/trap")
        with pytest.raises(wl.GuestTrap), client.stream("GET", "/late-trap") as response:
            assert b"".join(response.iter_raw()) == b"partial\n"
        assert client.get("/").status_code == 200


@pytest.mark.anyio
async def test_an_async_client_streams_both_ways(echo: wl.App) -> None:
    import anyio

    first_came = anyio.Event()

    async def body():  # type: ignore[no-untyped-def]
        yield b"first"
        await first_came.wait()
        yield b"second"

    with anyio.fail_after(60):
        async with echo.aclient() as client, client.stream("POST", "/", content=body()) as response:
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"first"
            first_came.set()
            assert b"".join([chunk async for chunk in chunks]) == b"second"


@pytest.mark.anyio
async def test_the_event_loop_is_free_while_a_guest_runs(trouble: wl.App) -> None:
    import anyio

    answers: list[int] = []
    async with trouble.aclient() as client:

        async def ask() -> None:
            answers.append((await client.get("/sleep?ms=300")).status_code)

        # If one request held the loop, the others would not even have begun when it ended.
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(ask)
            await anyio.sleep(0)
            assert answers == []
    assert answers == [200] * 4


@pytest.mark.anyio
async def test_an_async_client_raises_the_guest_s_fault(trouble: wl.App) -> None:
    async with trouble.aclient() as client:
        with pytest.raises(wl.GuestNoResponse):
            await client.get("/silent")
        assert (await client.get("/")).status_code == 200


@pytest.mark.anyio
async def test_a_cancelled_request_ends_its_guest(lab: wl.Lab) -> None:
    import anyio

    app = lab.load("echo", name="one worker", workers=1, deadline=None)
    async with app.aclient(timeout=None) as client:
        with anyio.move_on_after(0.2) as gave_up:
            await client.get("/slow?before=600000")
        assert gave_up.cancelled_caught
        with anyio.fail_after(60):  # the only worker is free again
            assert (await client.get("/headers")).status_code == 200


@pytest.mark.anyio
async def test_an_async_body_is_let_go_when_the_guest_fails(trouble: wl.App) -> None:
    import anyio

    closed = anyio.Event()

    async def body():  # type: ignore[no-untyped-def]
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            closed.set()

    async with trouble.aclient() as client:
        with pytest.raises(wl.GuestTrap):
            await client.post("/trap", content=body())
    with anyio.fail_after(60):
        await closed.wait()
