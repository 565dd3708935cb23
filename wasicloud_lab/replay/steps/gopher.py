"""Steps 3 and 4: the component gets services, is deployed from a manifest, and finds its users."""

from __future__ import annotations

import difflib

from .. import material
from ..links import links_svg, links_text, planned
from ..stage import USERS, Stage
from ..step import Step


class LocalDev(Step):
    number = "3"
    title = "Local development: services behind interfaces"
    part = "Demo: local dev v2"
    minutes = 3
    point = (
        "Four more imports in the world: two for a key-value store, one for a blob store, one for a component behind "
        "it, which waits for step 7. Which stores they are is not in the component: a manifest links its imports to "
        "providers. wasmCloud made providers an extension point of the host; the lab reads the same manifests."
    )
    typed = ("cd components/golang/hello-services", "wash build", "wash app deploy wadm.yaml", "curl localhost:8080")
    instead = 'lab.deploy("components/gopher/wadm.yaml"), its links drawn, and the same curl'
    must_show = (
        "gopher's world is hello's and imports of keyvalue and blobstore",
        "the manifest links keyvalue and blobstore to providers",
        "the deployed component answers",
    )
    look_at = "The plus signs; then the links in the manifest: the stores' names are there, and nowhere else."
    question = "Who should decide which database a service uses: its author, or whoever runs it?"
    notes = "The talk's page leaves the look at the links empty. This is ours."

    def prepare(self, stage: Stage) -> None:
        stage.undeploy()
        stage.forget_users()

    def run(self, stage: Stage) -> None:
        before, after = material.world("hello").splitlines(), material.world("gopher").splitlines()
        diff = list(difflib.unified_diff(before, after, "hello.wit", "gopher.wit", lineterm="", n=9))
        stage.show("diff", "\n".join(diff) + "\n", title="from hello's world to gopher's")
        added = [line for line in diff if line.startswith("+  import")]
        wanted = all(any(package in line for line in added) for package in ("wasi:keyvalue/", "wasi:blobstore/"))
        kept = any(line.startswith("   export wasi:http/incoming-handler") for line in diff)
        stage.expect(self.must_show[0], wanted and kept, f"{len(added)} more imports, the same export")
        stage.show("yaml", material.text("components/gopher/wadm.yaml"), title="components/gopher/wadm.yaml")
        redis = stage.stores.redis()
        stage.say(f"Key-value store: {redis.words}. Blob store: {stage.stores.files('gopher').words}.")
        stage.typed('lab.deploy("components/gopher/wadm.yaml", providers={"redis": …, "blobstore": …})', cell=True)
        deployment = stage.deploy_gopher()
        drawn = planned(deployment.plan, stage.server.url)
        stage.show("svg", links_svg(drawn), title="the manifest as links", text=links_text(drawn))
        linked = {link.kind.name: link.summary() for link in deployment.links}
        stage.expect(self.must_show[1], set(linked) == {"keyvalue", "blobstore"}, linked)
        answer = stage.curl("/")
        stage.expect(self.must_show[2], answer.status == 200 and answer.text.startswith("Hello from gopher!"), answer)


class LoadData(Step):
    number = "4"
    title = "Load data"
    part = "Demo: local dev v2"
    minutes = 1
    point = (
        "Two lines typed into Redis make two users. The component finds them through wasi:keyvalue: a bucket is a "
        "Redis hash, a key is its field. It greets each in their language, and has not learnt what Redis is."
    )
    typed = ("redis-server", "redis-cli -h 127.0.0.1 -p 6379", *USERS)
    instead = "the same two lines, to a real redis-server or to the embedded one, over a real socket"
    must_show = (
        "before, nobody knows ricochet",
        "ricochet is greeted in English, with a dog",
        "mossaka is greeted in Chinese, with a cat",
        "the component's counter is a number that Redis can read",
    )
    look_at = "The 404 says itself which line is missing."
    question = "What would have to change in the component if these were rows in SQLite?"
    notes = "Nothing is the answer, and the next step shows it."
    needs = ("3",)

    def prepare(self, stage: Stage) -> None:
        stage.gopher()
        stage.forget_users()

    def run(self, stage: Stage) -> None:
        store = stage.stores.redis()
        stage.say(f"The store is {store.words}.")
        nobody = stage.curl("/ricochet")
        stage.expect(self.must_show[0], nobody.status == 404 and "HSET user:ricochet" in nobody.text, nobody)
        for line in USERS:
            stage.redis_cli(store, line)
        english, chinese = stage.curl("/ricochet"), stage.curl("/mossaka")
        stage.expect(self.must_show[1], english.status == 200 and "dog" in english.text, english)
        language = chinese.headers.get("content-language")
        stage.expect(self.must_show[2], language == "zh" and "猫" in chinese.text, chinese)
        visits = stage.redis_cli(store, "HGET visits ricochet")
        stage.expect(self.must_show[3], visits == "1", f"HGET visits ricochet says {visits}")
