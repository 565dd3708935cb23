"""What every test may ask for: a lab, the guests that show and the guests that break, a tool beside this Python."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.guests import current_store
from tests.guests.folders import make, preopened
from tests.notebook_runs import execute, executed, kernel, solved  # noqa: F401
from tests.s3_server import s3_server  # noqa: F401
from tests.servers import azurite, free_port, nats_server, redis_server, services  # noqa: F401
from wasicloud_lab.wasi.filesystem import paths
from wasicloud_lab.wasi.filesystem.descriptor import Descriptor

#: Seconds until a wait for another thread or process counts as failed: generous, so that no slow machine fails.
PATIENCE = 60.0


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """An interrupt is a KeyboardInterrupt, also where a shell that runs this behind itself has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One compile cache for the whole run, apart from the user's own, unless one is set."""
    chosen = os.environ.get("WASICLOUD_LAB_CACHE")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("compile-cache")
    os.environ["WASICLOUD_LAB_CACHE"] = str(folder)
    yield folder
    if not chosen:
        del os.environ["WASICLOUD_LAB_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what is kept of a person, apart from the user's own; also for the processes that tests start."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_STATE_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
            patch.setenv(name, str(folder))
        yield folder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def patience() -> float:
    """Seconds to wait for what must come."""
    return PATIENCE


@pytest.fixture(scope="session")
def dist() -> Path:
    """The folder of built components."""
    return Path(__file__).resolve().parent.parent / "components" / "dist"


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Finds a program that a development dependency brings: beside this Python first, then on the path."""

    def find(name: str) -> str:
        found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
        assert found, f"{name} is neither beside {sys.executable} nor on the path; `make test` installs it"
        return found

    return find


@pytest.fixture(scope="module")
def lab(compile_cache: Path) -> Iterator[wl.Lab]:
    """A lab for the tests of one module. A test that provides interfaces makes its own."""
    with wl.Lab() as made:
        yield made


@pytest.fixture
def own_lab(compile_cache: Path) -> Iterator[wl.Lab]:
    """A lab for one test."""
    with wl.Lab() as made:
        yield made


@pytest.fixture(scope="module")
def hello(lab: wl.Lab) -> wl.App:
    """The greeter in Go."""
    return lab.load("hello")


@pytest.fixture(scope="module")
def echo(lab: wl.Lab) -> wl.App:
    """Shows what reaches it and streams bodies back."""
    return lab.load("echo", deadline=PATIENCE)


@pytest.fixture(scope="module")
def trouble(lab: wl.Lab) -> wl.App:
    """Goes wrong on request."""
    return lab.load("trouble", deadline=PATIENCE)


@pytest.fixture(scope="module")
def shapes(lab: wl.Lab) -> wl.App:
    """Every shape of value, plain functions and resources."""
    return lab.load("shapes")


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A table of names: those in it resolve to its addresses, as a name server elsewhere might say."""
    table: dict[str, str] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        return real(table.get(host, host), port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return table


@pytest.fixture(
    params=[True, False] if paths.RELATIVE else [False], ids=["relative", "by path"] if paths.RELATIVE else ["by path"]
)
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, walked in each of the ways that systems need."""
    monkeypatch.setattr(paths, "RELATIVE", request.param)
    return make(tmp_path)


@pytest.fixture
def top(data: Path) -> Iterator[Descriptor]:
    """That folder as a guest gets it, to change what is in it."""
    descriptor = preopened(data)
    with current_store():
        yield descriptor
    descriptor.drop()
