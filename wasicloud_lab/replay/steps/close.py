"""Step 10: more languages, more interfaces, more providers, each written in a cell."""

from __future__ import annotations

import hashlib
import os
from importlib import metadata
from pathlib import Path

from ...host.engine import cache_dir
from .. import tools
from ..stage import Stage
from ..step import Step

PROVIDER = '''\
import wasicloud_lab as wl
from wasicloud_lab.providers.page import Page


class Dictionary(wl.KeyValueProvider):
    """A key-value provider: four methods on whatever you have."""

    def __init__(self):
        self.data = {}

    def get(self, bucket, key):
        return self.data.get((bucket, key))

    def set(self, bucket, key, value):
        self.data[bucket, key] = value

    def delete(self, bucket, key):
        self.data.pop((bucket, key), None)

    def keys(self, bucket, cursor=None, limit=1000):
        return Page(sorted(key for where, key in self.data if where == bucket), None)


mine = Dictionary()
mine.set("user:ada", "accept-language", b"fr")
mine.set("user:ada", "animal", b"cat")
'''

INTERFACE = '''\
import wasicloud_lab as wl


@wl.interface("lab:missing/nowhere@0.1.0")
class Nowhere:
    """An interface of nobody's standard: one function, which the component `trouble` imports."""

    def lost(self, s: str) -> int:  # lost: func(s: string) -> u32
        return len(s)
'''

WORLD = """\
package workshop:cell;

interface animals {
  animal-of: func(user: string) -> option<string>;
}

world greeter {
  import animals;
  export greet: func(name: string) -> string;
}
"""

COMPONENT = """\
from wit_world import WitWorld as World
from wit_world.imports import animals


class WitWorld(World):
    def greet(self, name: str) -> str:
        return f"{name} likes the {animals.animal_of(name) or 'unknown animal'}. Python says so."
"""

ANIMALS = """\
import wasicloud_lab as wl


@wl.interface("workshop:cell/animals")
class Animals:
    def animal_of(self, user: str) -> str | None:
        return {"ricochet": "dog", "mossaka": "cat"}.get(user)
"""


class Close(Step):
    number = "10"
    title = "Close: your language, your interface, your provider"
    part = "Close"
    minutes = 1.5
    point = (
        "Go and Rust were on stage; JavaScript, Python and others make components too. Interfaces need not be "
        "WASI's: anyone can write one. And a provider is small enough for a cell. The invitation of the talk is to "
        "bring new providers, interfaces and uses."
    )
    instead = (
        "a provider and an interface written in cells, and a component in Python, built here where componentize-py is"
    )
    must_show = (
        "gopher greets from a store written in a cell",
        "a component calls an interface written in a cell",
        "a component written in Python runs, or it is said how to build one",
    )
    look_at = "How short each cell is."
    question = "Which interface is missing for what you do? Write its five lines of WIT now."
    notes = "Building the Python component takes half a minute the first time; it is kept after that."

    def run(self, stage: Stage) -> None:
        mine = stage.cell(PROVIDER, "a provider")["mine"]
        app = stage.load("gopher", name="gopher-10")
        stage.typed('lab.link(app, "wasi:keyvalue", mine)', cell=True)
        stage.lab.link(app, "wasi:keyvalue", mine)
        greeting = app.get("/ada")
        stage.unload(app)
        kept = mine.get("visits", "ada")
        stage.expect(
            self.must_show[0], greeting.status_code == 200 and "chat" in greeting.text and kept == b"1", greeting.text
        )

        nowhere = stage.cell(INTERFACE, "an interface")["Nowhere"]
        trouble = stage.load("trouble", name="trouble-10", providers=[nowhere()])
        answer = trouble.get("/missing")
        stage.unload(trouble)
        stage.expect(self.must_show[1], answer.status_code == 200 and answer.text.strip().isdigit(), answer.text)

        stage.show("wit", WORLD, title="a world of one's own")
        stage.show("python", COMPONENT, title="app.py: a component")
        file = _built(stage)
        how = "componentize-py -d world.wit -w greeter componentize --stub-wasi app -o greeter.wasm"
        if file is None:
            stage.say(f"This makes a component of it: pip install componentize-py, then {how}")
            stage.expect(self.must_show[2], True, f"it is said: {how}")
            return
        animals = stage.cell(ANIMALS, "its interface, in this kernel")["Animals"]
        greeter = stage.load(file, name="greeter", providers=[animals()])
        said = greeter.call("greet", "ricochet")
        imports = list(greeter.world.imports)
        stage.unload(greeter)
        stage.expect(self.must_show[2], "dog" in said and imports == ["workshop:cell/animals"], said)


def _built(stage: Stage) -> Path | None:
    """The component in Python, built or kept; None where it can't be built, or not quickly."""
    tool = tools.find("componentize-py")
    if tool is None:
        return None
    try:
        version = metadata.version("componentize-py")
    except metadata.PackageNotFoundError:
        version = tool
    digest = hashlib.sha256("\0".join((version, WORLD, COMPONENT)).encode()).hexdigest()
    kept = cache_dir() / "replay" / f"greeter-{digest[:16]}.wasm"
    words = ["-q", "-d", "world.wit", "-w", "greeter", "componentize", "--stub-wasi", "app", "-o", "greeter.wasm"]
    if not kept.is_file():
        if stage.quick:
            stage.say("It is built the first time the step runs without hurry.")
            return None
        folder = stage.folder / "greeter"
        folder.mkdir(exist_ok=True)
        (folder / "world.wit").write_text(WORLD, encoding="utf-8")
        (folder / "app.py").write_text(COMPONENT, encoding="utf-8")
        stage.typed(f"componentize-py {' '.join(words)}")
        status, said = stage.command([tool, *words], cwd=folder, patience=600)
        stage.expect_quietly("componentize-py builds the component", status == 0, said)
        made = folder / "greeter.wasm"
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(made, kept)
        except OSError:  # another disk, or nowhere to keep it
            return made
    stage.output(f"greeter.wasm, {kept.stat().st_size:,} bytes")
    return kept
