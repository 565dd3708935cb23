"""Steps 6 and 7: a file server on a blob store, and one component in front of another."""

from __future__ import annotations

from ...errors import LabError
from ...links import Link
from .. import material
from ..links import links_svg, links_text, planned, running
from ..stage import Stage
from ..step import Step


class Blobby(Step):
    number = "6"
    title = "blobby: files on a blob store"
    part = "Demo: blobby"
    minutes = 2
    point = (
        "The second component is in Rust: an HTTP file server whose disk is whatever stands behind wasi:blobstore. "
        "The talk brought a provider for Azure Blob Storage along, and a second manifest. The same walk on a folder "
        "and on Azure must end the same way."
    )
    typed = ("wash app deploy wadm.yaml", "curl -X POST …", "wash app deploy wadm-azure.yaml")
    instead = "the walk by curl: create, read, update, delete, on a folder, then on Azurite, where that is installed"
    must_show = ("the walk ends as it should on a folder", "the walk ends the same way on the second store")
    look_at = "The codes: 201, 200, 200, 204, 404, and 405 with what is allowed."
    question = "What does the manifest for Azure say that the one for a folder does not?"
    notes = "Only the provider differs between the two manifests; show their difference if there is time."

    def prepare(self, stage: Stage) -> None:
        stage.undeploy()

    def run(self, stage: Stage) -> None:
        app = stage.load("blobby")
        files, azure = stage.stores.files("blobby"), stage.stores.azure()
        link = stage.lab.link(app, "wasi:blobstore/blobstore", files.url)
        stage.serve(app)
        stage.say(f"On {files.words}:")
        first = _walk(stage)
        stage.expect(self.must_show[0], first == _RIGHT, _codes(first))
        stage.say(f"On {azure.words}:")
        stage.typed(f'link.swap("{azure.url}")', cell=True)
        stage.output(str(link.swap(azure.url)))
        second = _walk(stage)
        stage.expect(self.must_show[1], second == first, f"{_codes(second)} on {link.summary()}")


#: Method, path, body of the walk.
_WALK = (
    ("POST", "/hello.txt", "hello, blob"),
    ("GET", "/hello.txt", None),
    ("POST", "/hello.txt", "hello again"),
    ("GET", "/hello.txt", None),
    ("DELETE", "/hello.txt", None),
    ("GET", "/hello.txt", None),
    ("PATCH", "/hello.txt", None),
)
#: What each must answer: code, and body or `allow` where that matters.
_RIGHT = [(201, ""), (200, "hello, blob"), (200, ""), (200, "hello again"), (204, ""), (404, ""), (405, "allow")]


def _walk(stage: Stage) -> list[tuple[int, str]]:
    came = []
    for method, path, body in _WALK:
        answer = stage.curl(path, method, body, head=True)
        read = method == "GET" and answer.status == 200
        allowed = "allow" if {"GET", "DELETE"} <= set(answer.headers.get("allow", "").split(", ")) else ""
        came.append((answer.status, answer.text if read else allowed if answer.status == 405 else ""))
    return came


def _codes(came: list[tuple[int, str]]) -> str:
    return ", ".join(f"{status} {text}".strip() for status, text in came)


class Compose(Step):
    number = "7"
    title = "Compose: gopher in front of blobby"
    part = "Demo: composition"
    minutes = 1
    point = (
        "gopher imports the very interface that it exports, so another component fits behind it. What is below "
        "/files is blobby's business, and the request is handed on within the process: no port, no network, no "
        "second server."
    )
    instead = 'lab.deploy("components/gopher/wadm-composed.yaml"), then files through gopher'
    must_show = (
        "gopher's handler import is linked to blobby",
        "what is written and read through gopher is blobby's",
        "nothing listens for blobby",
    )
    look_at = "The arrow from gopher to blobby in the picture, and the list of what is served: one line."
    question = "What would this be in your mesh: how many containers, how many hops?"
    notes = "The link can be swapped like any other: put hello in blobby's place if somebody asks."

    def prepare(self, stage: Stage) -> None:
        redis, files = stage.stores.redis(), stage.stores.files("composed")
        stage.deploy("components/gopher/wadm-composed.yaml", {"redis": redis.url, "blobstore": files.url})

    def run(self, stage: Stage) -> None:
        deployment = stage.deployment
        if deployment is None:
            raise LabError("wadm-composed.yaml is not deployed; run the step again")
        stage.show("yaml", material.text("components/gopher/wadm-composed.yaml"), title="wadm-composed.yaml")
        drawn = planned(deployment.plan, stage.server.url)
        stage.show("svg", links_svg(drawn), title="the manifest as links", text=links_text(drawn))
        gopher, blobby = deployment.apps["gopher"], deployment.apps["blobby"]
        link: Link | None = gopher.links.get("wasi:http/incoming-handler")
        target = link.provider if link is not None else None
        stage.expect(self.must_show[0], target is blobby, f"{gopher.name} → {getattr(target, 'name', target)}")
        made = stage.curl("/files/notes.txt", "PUT", "no network between", head=True)
        read = stage.curl("/files/notes.txt")
        inside = blobby.get("/files/notes.txt")
        stage.expect(
            self.must_show[1],
            made.status in (200, 201) and read.text == inside.text == "no network between",
            f"{made.status}, then {read}",
        )
        served = [app.name for app, _ in stage.lab.served]
        stage.expect(self.must_show[2], "blobby" not in served and "gopher" in served, f"served: {', '.join(served)}")
        lines = running([gopher, blobby])
        stage.show("svg", links_svg(lines), title="the same, from the running lab", text=links_text(lines))
