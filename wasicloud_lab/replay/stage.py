"""Stage: what a step acts on. A lab, the servers beside it, a temporary folder, and a voice to tell what happens."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ..app import App
from ..errors import LabError, ServeError
from ..lab import Lab
from ..links import Link
from ..manifest import Deployment
from ..providers.address import masked
from ..providers.registry import open_keyvalue
from ..services import Service
from ..sources import bundled_folder
from . import material
from .stores import Store, Stores
from .voice import Listener, Voice, nobody

#: The demo's two users, in the words that make them known.
USERS = (
    "HSET user:ricochet accept-language en-US animal dog",
    "HSET user:mossaka accept-language zh-CN animal cat",
)

#: A picture of our own for the container `animals`.
DOG = r"""
   __      _
 o'')}____//
  `_/      )
  (_(_/-(_/
"""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP.

    Attributes:
        status: the code.
        headers: names in lower case.
        text: the body.
    """

    status: int
    headers: Mapping[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.status} {self.text.strip()}"


class Stage(Voice):
    """Where the steps of the talk are played.

    Steps load components under their own names (hello, gopher, blobby, …) and give them links of their own: what else
    is in the lab stays as it is.

    Args:
        lab: None for one of its own.
        quick: leave out what takes long: fewer rounds, no building.
        port: where the talk's components are served; when it is busy, a free one is taken, and said.
        listener: who is told.

    Attributes:
        folder: temporary, gone at the end.
        stores: real servers or what stands in for them.
        server: the one that is being asked by `curl`.
        deployment: of the manifest last deployed.
    """

    def __init__(
        self, lab: Lab | None = None, *, quick: bool = False, port: int = 8080, listener: Listener = nobody
    ) -> None:
        super().__init__(listener)
        self._own_lab = lab is None
        self.lab = Lab() if lab is None else lab
        self.quick = quick
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="wasicloud-replay-"))
        self.stores = Stores(self.folder)
        self.server: Any = None
        self.deployment: Deployment | None = None
        self._loaded: list[App] = []
        self._told: set[str] = set()

    def close(self) -> None:
        """Stops, unloads and removes what was started, loaded and written here."""
        self.stop_serving()
        self.undeploy()
        for app in self._loaded:
            with suppress(LabError):
                self.lab.unload(app)
        self._loaded.clear()
        if self._own_lab:
            self.lab.close()
        self.stores.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- components ----------------------------------------------------------------------------------

    def load(self, source: Any, name: str | None = None, **options: Any) -> App:
        """Loads a component into the lab, in the place of one of that name; goes with the stage."""
        app = self.lab.load(source, name=name, **options)
        self._loaded = [*(other for other in self._loaded if other.name != app.name), app]
        return app

    def unload(self, app: App) -> None:
        """Unloads an app that `load` has made."""
        self._loaded.remove(app)
        self.lab.unload(app)

    def serve(self, app: App) -> None:
        """Serves an app in the place of the one before it, at the talk's port, or at another when that is busy."""
        if self.server is not None and self.server.running and self.server.app is app:
            return
        self.stop_serving()
        try:
            self.server = self.lab.serve(app, port=self.port)
        except ServeError:
            self.server = self.lab.serve(app, port=0)
            self.say(f"Port {self.port} is busy here, so it is port {self.server.port} instead.")

    def stop_serving(self) -> None:
        """Frees the port."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def deploy(self, name: str, providers: Mapping[str, str]) -> Deployment:
        """Deploys a manifest (`components/gopher/wadm.yaml`) in the place of the one before it, and serves gopher."""
        self.stop_serving()
        self.undeploy()
        manifest = material.path(name)
        # An installed package has the components elsewhere than the manifest says.
        beside = (manifest.parent.parent / "dist").is_dir()
        parts = re.findall(r"file://\.\./dist/([\w-]+)\.wasm", manifest.read_text(encoding="utf-8"))
        images = {} if beside else {part: bundled_folder() / f"{part}.wasm" for part in parts}
        self.deployment = self.lab.deploy(manifest, images=images, providers=providers, serve=False)
        self.serve(self.deployment.apps["gopher"])
        return self.deployment

    def undeploy(self) -> None:
        """Takes down what is deployed."""
        if self.deployment is not None:
            if self.server is not None and self.server.app in self.deployment.apps.values():
                self.stop_serving()
            self.deployment.stop()
            self.deployment = None

    # --- what the second half of the talk plays on -----------------------------------------------------

    def gopher(self) -> App:
        """gopher as step 3 leaves it: deployed from its manifest, on Redis and a folder, and served."""
        apps = {} if self.deployment is None else self.deployment.apps
        app = apps.get("gopher")
        if app is None or self.lab.apps.get("gopher") is not app or len(apps) > 1:
            self.deploy_gopher()
        else:
            self.serve(app)
            redis, files = self.stores.redis(), self.stores.files("gopher")
            for link, url in ((self.keyvalue, redis.url), (self.blobstore, files.url)):
                if link.url != masked(url) or hasattr(link.provider, "inner"):
                    link.swap(url)
        return self.deployed("gopher")

    def deploy_gopher(self) -> Deployment:
        """Deploys gopher's manifest on the stores of this machine."""
        redis, files = self.stores.redis(), self.stores.files("gopher")
        return self.deploy("components/gopher/wadm.yaml", {"redis": redis.url, "blobstore": files.url})

    def deployed(self, name: str) -> App:
        """An app of the present deployment.

        Raises:
            LabError: there is none of that name.
        """
        if self.deployment is None or name not in self.deployment.apps:
            raise LabError(f"{name} is not deployed; run step 3 first")
        return self.deployment.apps[name]

    @property
    def keyvalue(self) -> Link:
        """gopher's own link to a key-value store."""
        return self.deployed("gopher").links["wasi:keyvalue"]

    @property
    def blobstore(self) -> Link:
        """gopher's own link to a blob store."""
        return self.deployed("gopher").links["wasi:blobstore"]

    def forget_users(self) -> None:
        """Redis as it is before step 4: no users, no visits."""
        store = open_keyvalue(self.stores.redis().url)
        try:
            for bucket in ("user:ricochet", "user:mossaka", "visits"):
                store.delete_many(bucket, list(store.keys(bucket).items))
        finally:
            store.close()

    def make_users(self) -> None:
        """gopher's key-value store as step 4 leaves it: two users."""
        for line in USERS:
            _, bucket, *pairs = line.split()
            self.keyvalue.provider.set_many(
                bucket, [(key, value.encode()) for key, value in zip(pairs[::2], pairs[1::2])]
            )

    # --- from outside --------------------------------------------------------------------------------

    def redis_cli(self, store: Store, line: str) -> str:
        """Types a line into redis-cli, or says the same words over the same socket from Python."""
        program = shutil.which("redis-cli")
        self.typed(f"redis-cli -h 127.0.0.1 -p {store.port} {line}")
        if program:
            return self.command([program, "-h", "127.0.0.1", "-p", str(store.port), *line.split()])[1].strip()
        import redis

        with redis.Redis.from_url(store.url, decode_responses=True) as client:
            said = client.execute_command(*line.split())
        self._once("There is no redis-cli here: Python sends the same words over the same socket.")
        self.output(str(said))
        return str(said)

    def curl(
        self,
        path: str = "/",
        method: str = "GET",
        data: str | None = None,
        headers: Sequence[str] = (),
        *,
        url: str | None = None,
        head: bool = False,
    ) -> Answer:
        """Asks the component that is being served, with curl, or with httpx where there is no curl.

        Args:
            path: of the URL, percent-encoded.
            method: of the request.
            data: its body.
            headers: lines of its head.
            url: ask this instead of the served component.
            head: tell status line and `allow` too, not the body alone.
        """
        if url is None:
            url = f"http://localhost:{self.server.port}"
        words = [*(("-X", method) if method != "GET" else ()), *(("--data", data) if data is not None else ())]
        words += [word for line in headers for word in ("-H", line)]
        shown = " ".join(f"'{word}'" if re.search(r"\s", word) else word for word in words)
        place = url.removeprefix("http://") + (path if path != "/" else "")
        self.typed(f"curl {'-i ' if head else ''}{shown + ' ' if shown else ''}{place}")
        answer = self._asked(url + path, words, method, data, headers)
        if head:
            self.output(f"HTTP/1.1 {answer.status}")
            if "allow" in answer.headers:
                self.output(f"allow: {answer.headers['allow']}")
        for line in answer.text.rstrip("\n").split("\n") if answer.text else ():
            self.output(line)
        return answer

    def _asked(self, url: str, words: list[str], method: str, data: str | None, headers: Sequence[str]) -> Answer:
        program = shutil.which("curl")
        if program is None:
            self._once("There is no curl here: Python asks in its place.")
            lines = dict(line.split(": ", 1) for line in headers)
            with httpx.Client(trust_env=False, timeout=20) as client:  # a proxy has no business here
                found = client.request(method, url, content=data, headers=lines)
            return Answer(found.status_code, dict(found.headers), found.text)
        status, whole = self.command(
            [program, "-s", "-S", "-i", "--noproxy", "*", "--max-time", "20", *words, url], quiet=True
        )
        self.expect_quietly(f"curl {url} is answered", status == 0, whole)
        head, _, body = whole.partition("\r\n\r\n")
        first, *lines_ = head.split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines_)}
        return Answer(int(first.split()[1]), fields, body)

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.say(text)

    def expect_quietly(self, what: str, condition: bool, got: object) -> None:
        """As `expect`, and nobody is told when it is as it should be."""
        if not condition:
            self.expect(what, condition, got)

    @contextmanager
    def beside(self, command: Callable[[Path, int], list[str]], ready: str, name: str) -> Iterator[str]:
        """Another host beside the lab, while the block runs; answers its URL.

        Args:
            command: from a folder and a port to the command line.
            ready: what it says when it serves.
            name: for people.

        Raises:
            ServeError: it does not start.
        """
        service = Service(name, command, ready, lambda port: f"http://127.0.0.1:{port}")
        try:
            yield service.url
        finally:
            service.stop()

    # --- cells ---------------------------------------------------------------------------------------

    def cell(self, source: str, title: str = "", **names: Any) -> dict[str, Any]:
        """Shows a cell of Python and runs it; answers its names.

        Args:
            source: the text.
            title: a line above it.
            names: what it may use.
        """
        self.show("python", source.strip() + "\n", title=title)
        exec(compile(source, f"<{title or 'cell'}>", "exec"), names)
        return names
