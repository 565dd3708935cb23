"""Step 1: components, worlds, and which of wasi:cloud-core is here."""

from __future__ import annotations

from ...drawing import world_svg, world_tree
from ...host.interface import InterfaceName, wit_names
from ...lab import Lab
from ...wasi import standard
from .. import material
from ..stage import Stage
from ..step import Step

#: The parts of wasi:cloud-core: interface, and whether a guest imports it or exports it for the host to call.
CLOUD_CORE = (
    ("wasi:http/incoming-handler", "export"),
    ("wasi:http/outgoing-handler", "import"),
    ("wasi:keyvalue/store", "import"),
    ("wasi:keyvalue/atomics", "import"),
    ("wasi:keyvalue/batch", "import"),
    ("wasi:keyvalue/watcher", "export"),
    ("wasi:blobstore/blobstore", "import"),
    ("wasi:blobstore/container", "import"),
    ("wasi:config/store", "import"),
    ("wasi:messaging/producer", "import"),
    ("wasi:messaging/incoming-handler", "export"),
)

#: What the world wasi:http/proxy imports; the cloud world includes it.
PROXY = (
    "wasi:http/types", "wasi:http/outgoing-handler", "wasi:io/streams", "wasi:io/poll", "wasi:io/error",
    "wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock", "wasi:random/random", "wasi:cli/stdin", "wasi:cli/stdout",
    "wasi:cli/stderr",
)  # fmt: skip

#: Exports that the lab calls, with the bundled component that shows it.
_CALLED = {"wasi:http/incoming-handler": "gopher", "wasi:keyvalue/watcher": "stores-watch"}


class Worlds(Step):
    number = "1"
    title = "Components, worlds, wasi-cloud"
    part = "WASI and components; wasi-cloud"
    minutes = 3
    point = (
        "WASI 0.2 is a set of interfaces with versions, written in WIT. A world says what a component imports and "
        "exports: it is the component's type. wasi:cloud-core is a proposed world for the four fifths that most "
        "services need, and the web world wasi:http/proxy is part of it."
    )
    instead = "gopher's world, drawn from the file itself, and wasi:cloud-core against what the lab serves"
    must_show = (
        "every import of gopher that it may call on its own is served",
        "all of wasi:http/proxy is served",
        "keyvalue, blobstore, config and http of wasi:cloud-core are here",
    )
    look_at = "Imports on the left with what they are plugged into, the one export on the right."
    question = "What would the world of your own service say? More than five imports?"
    notes = "The picture is drawn from the component's own types: no documentation can be out of date here."

    def run(self, stage: Stage) -> None:
        with Lab() as lab:  # apart from the gopher that a later step may have deployed
            app = lab.load("gopher")
            stage.show("svg", world_svg(app), title="gopher's world", text=world_tree(app))
            stage.show("wit", material.world("gopher"), title="the same, as its author wrote it")
            wiring = app.wiring
        loose = [
            name for name, by in wiring.items() if by is None and not name.startswith("wasi:http/incoming-handler")
        ]
        stage.expect(self.must_show[0], not loose, f"{len(wiring)} imports; one is for a component behind it (step 7)")
        served = [name for provider in standard() for name in wit_names(provider)]
        rows, missing = [], set()
        for interface, side in CLOUD_CORE:
            where, here = _who(interface, side, served)
            rows.append([interface, side, where])
            missing |= set() if here else {interface.partition("/")[0]}
        stage.show("table", {"head": ["wasi:cloud-core", "a guest's", "in this lab"], "rows": rows})
        proxy = [name for name in PROXY if not _versions(name, served)]
        stage.expect(self.must_show[1], not proxy, "all of it" if not proxy else f"missing: {', '.join(proxy)}")
        said = f"to come: {', '.join(sorted(missing))}" if missing else "all of it"
        stage.expect(self.must_show[2], missing <= {"wasi:messaging"}, said)


def _who(interface: str, side: str, served: list[InterfaceName]) -> tuple[str, bool]:
    if side == "export":
        by = _CALLED.get(interface)
        return (f"called (bundled component {by})", True) if by else ("not yet", False)
    versions = _versions(interface, served)
    return (f"served: {', '.join(versions)}", True) if versions else ("not yet", False)


def _versions(interface: str, served: list[InterfaceName]) -> list[str]:
    """The versions that the lab serves, from what is bound to guests."""
    found = [name.version or "without a version" for name in served if f"{name.package}/{name.interface}" == interface]
    return list(dict.fromkeys(found))
