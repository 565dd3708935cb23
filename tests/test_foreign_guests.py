"""Guests that this repository did not build: Python by componentize-py, JavaScript by componentize-js.

Each is built once and kept, under a name made from its sources and tools, in WASICLOUD_LAB_GUESTS or else in
the system's folder for temporary files.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

import wasicloud_lab as wl

HERE = Path(__file__).resolve().parent
GUESTS = HERE / "guests"
WIT = HERE.parent / "wit" / "deps"
PACKAGES = [WIT / f"wasi-{name}-0.2.0.wit" for name in "io clocks random filesystem sockets cli http".split()]
GREETINGS = {"python": "Hello from Python!\n", "javascript": "Hello from JavaScript!\n"}


# --- building them -----------------------------------------------------------------------------------


def kept_folder() -> Path:
    """Where built guests stay between runs."""
    chosen = os.environ.get("WASICLOUD_LAB_GUESTS")
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"wasicloud-lab-guests-{getpass.getuser()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def once(name: str, make: Callable[[Path], Path], *parts: bytes | Path) -> Path:
    """The file or folder that `make` leaves in the folder it is given; made anew when one of `parts` changes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.read_bytes()
        digest.update(b"%d:" % len(data) + data)
    target = kept_folder() / f"{digest.hexdigest()[:16]}-{name}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=kept_folder()) as work:
            os.replace(make(Path(work)), target)
    return target


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a tool; when it fails, what it said is the error."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def lay_out_wit(folder: Path, world: Path, release: str) -> None:
    """A `wit` folder as tools want it, with the WASI packages under the version of a release."""
    deps = folder / "wit" / "deps"
    deps.mkdir(parents=True)
    shutil.copy(world, folder / "wit" / "world.wit")
    for package in PACKAGES:
        (deps / package.name).write_text(package.read_text().replace("@0.2.0", f"@{release}"))


def build_python(tool: Callable[[str], str]) -> Path:
    """The guest in `python_http/`."""
    sources = [GUESTS / "python_http" / name for name in ("app.py", "world.wit")]

    def make(folder: Path) -> Path:
        lay_out_wit(folder, sources[1], "0.2.0")
        shutil.copy(sources[0], folder)
        words = "-q -d wit -w guest componentize app -o app.wasm".split()
        run(tool("componentize-py"), *words, cwd=folder)
        return folder / "app.wasm"

    return once("python.wasm", make, version("componentize-py").encode(), *sources, *PACKAGES)


def build_javascript(tool: Callable[[str], str]) -> Path:
    """The guest in `js_http/`, with the tool that its package-lock.json names."""
    here = GUESTS / "js_http"
    package, lock = here / "package.json", here / "package-lock.json"
    sources = [here / name for name in ("guest.js", "world.wit")]

    def install(folder: Path) -> Path:
        place = folder / "npm"
        place.mkdir()
        for file in (package, lock):
            shutil.copy(file, place)
        run(tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=place)
        return place

    def make(folder: Path) -> Path:
        modules = once("npm", install, package, lock) / "node_modules"
        lay_out_wit(folder, sources[1], "0.2.10")
        shutil.copy(sources[0], folder)
        words = "guest.js --wit wit --world-name guest --out guest.wasm".split()
        run(tool("node"), modules / "@bytecodealliance" / "componentize-js" / "src" / "cli.js", *words, cwd=folder)
        return folder / "guest.wasm"

    return once("javascript.wasm", make, package, lock, *sources, *PACKAGES)


@pytest.fixture(scope="module")
def built(tool: Callable[[str], str]) -> dict[str, Path]:
    """Both guests' files."""
    return {"python": build_python(tool), "javascript": build_javascript(tool)}


@pytest.fixture(scope="module", params=["python", "javascript"])
def language(request: pytest.FixtureRequest) -> str:
    """Each language in turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def app(lab: wl.Lab, built: dict[str, Path], language: str) -> wl.App:
    """One guest, loaded as anybody would."""
    return lab.load(built[language], name=language, deadline=60)


@pytest.fixture(scope="module")
def url(lab: wl.Lab, app: wl.App) -> Iterator[str]:
    """Where it is served."""
    with lab.serve(app, port=0) as server:
        yield server.url


# --- what both do ------------------------------------------------------------------------------------


def test_get_is_answered_again_and_again(app: wl.App, language: str) -> None:
    assert [app.get("/").text for _ in range(5)] == [GREETINGS[language]] * 5


def test_post_comes_back(app: wl.App) -> None:
    response = app.post("/", json={"name": "Zoë"})
    assert (response.headers["content-type"], response.json()) == ("application/json", {"name": "Zoë"})


@pytest.mark.parametrize("size", [1, 100_000, 1024 * 1024])
def test_a_body_comes_back_whole(app: wl.App, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert app.post("/", content=body).content == body


def test_bodies_stream_both_ways_while_the_guest_runs(app: wl.App, patience: float) -> None:
    first_came = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        assert first_came.wait(patience), "the first chunk did not come back while the body was still open"
        yield b"second"

    with app.client() as client, client.stream("POST", "/", content=body(), timeout=None) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        first_came.set()
        assert b"".join(chunks) == b"second"


def test_it_is_served(url: str, language: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        for n in range(3):
            assert client.get("/").text == GREETINGS[language]
            assert client.post("/", content=b"%d" % n).content == b"%d" % n
            assert client.post("/", content=iter([b"a", b"b"])).content == b"ab"


@pytest.mark.parametrize("isolation", ["request", None])
def test_several_instances_answer_at_once(
    lab: wl.Lab, built: dict[str, Path], language: str, isolation: str | None
) -> None:
    app = lab.load(
        built[language], name=f"{language} many", deadline=60, **({"isolation": isolation} if isolation else {})
    )

    def ask(n: int) -> bool:
        return app.post("/", content=f"{n}").text == f"{n}" and app.get("/").text == GREETINGS[language]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(40)))


def test_the_second_load_comes_from_the_compile_cache(lab: wl.Lab, built: dict[str, Path], app: wl.App) -> None:
    assert lab.load(built[app.name], name=f"{app.name} again").component.cached


def test_its_wit_is_accepted_by_wasm_tools(app: wl.App, tmp_path: Path, tool: Callable[[str], str]) -> None:
    (tmp_path / "world.wit").write_text(app.wit)
    run(tool("wasm-tools"), "component", "wit", tmp_path / "world.wit", cwd=tmp_path)


# --- one by one --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(lab: wl.Lab, built: dict[str, Path]) -> wl.App:
    """The Python guest."""
    return lab.load(built["python"], name="python alone", deadline=60)


def test_a_python_guest_waits_for_two_things_at_once(python: wl.App) -> None:
    assert [python.get("/wait").text for _ in range(3)] == ["waited\n"] * 3


@pytest.mark.parametrize("code", [204, 304])
def test_a_body_is_left_out_where_the_status_allows_none(python: wl.App, code: int) -> None:
    response = python.get(f"/status/{code}")
    assert (response.status_code, response.content) == (code, b"")


@pytest.mark.parametrize("code", [204, 304])
def test_such_a_body_is_not_sent_and_nothing_breaks(
    lab: wl.Lab, python: wl.App, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with lab.serve(python, port=0) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            response = client.get(f"/status/{code}")
            assert (response.status_code, response.content) == (code, b"")
    assert "broke off" not in caplog.text


def test_no_registry_stands_in_the_lock() -> None:
    assert '"resolved"' not in (GUESTS / "js_http" / "package-lock.json").read_text()
